// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "sparring",
    products: [
        .library(name: "Sparring", targets: ["Sparring"]),
        .library(name: "SparringImageFolders", targets: ["SparringImageFolders"]),
        .library(name: "CSparring", targets: ["CSparring"]),
        .executable(name: "sparring", targets: ["SparringCLI"]),
    ],
    traits: [
        .trait(name: "MPI", description: "Training and evaluation on many machines, by the system's MPI.")
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0")
    ],
    targets: [
        .target(
            name: "CSparring",
            path: "csrc",
            exclude: ["cmake", "distributed"],
            publicHeadersPath: "include",
            cSettings: [
                .headerSearchPath("."),
                // -O3 follows the debug build's -O0, so a debug build trains at full speed too.
                .unsafeFlags(["-std=c11", "-O3", "-fopenmp", "-fvisibility=hidden"]),
            ],
            linkerSettings: [.linkedLibrary("omp5"), .linkedLibrary("openblas"), .linkedLibrary("m")]
        ),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CMPI", pkgConfig: "mpi", providers: [.apt(["libopenmpi-dev"])]),
        // Empty without the trait.
        .target(
            name: "CSparringMPI",
            dependencies: ["CSparring", .target(name: "CMPI", condition: .when(traits: ["MPI"]))],
            path: "csrc/distributed",
            exclude: ["CMakeLists.txt", "sparring_mpi.pc.in"],
            publicHeadersPath: "include",
            cSettings: [
                .define("SPARRING_MPI", .when(traits: ["MPI"])),
                .unsafeFlags(["-std=c11", "-O3", "-fvisibility=hidden"]),
            ]
        ),
        .target(
            name: "Sparring",
            dependencies: [
                "CSparring", "CZlib", .target(name: "CSparringMPI", condition: .when(traits: ["MPI"])),
            ]),
        .systemLibrary(
            name: "CTurboJPEG", pkgConfig: "libturbojpeg", providers: [.apt(["libturbojpeg0-dev"])]),
        .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
        .systemLibrary(name: "CExif", pkgConfig: "libexif", providers: [.apt(["libexif-dev"])]),
        .target(name: "PNGReader", dependencies: ["CPNG"]),
        .target(
            name: "SparringImageFolders", dependencies: ["Sparring", "CTurboJPEG", "PNGReader", "CExif"]),
        .target(name: "SparringReproduction", dependencies: ["Sparring", "SparringImageFolders"]),
        .target(name: "SparringExperiments", dependencies: ["Sparring", "SparringReproduction"]),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .executableTarget(
            name: "SparringCLI",
            dependencies: [
                "Sparring", "SparringExperiments", "SparringImageFolders", "SparringReproduction", "CCrypto",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]
        ),
        .executableTarget(
            name: "ReaderMutations",
            dependencies: ["Sparring", "SparringImageFolders", "CTurboJPEG", "CZlib"],
            path: "Tests/fuzz/ReaderMutations"),
        .testTarget(
            name: "SparringTests",
            dependencies: ["CSparring", "Sparring", "SparringImageFolders", "CTurboJPEG"]),
        .testTarget(
            name: "SparringExperimentsTests", dependencies: ["SparringExperiments", "SparringReproduction"]),
    ],
    swiftLanguageModes: [.v6]
)

// For the project's own tests; a dependent's newer compiler may warn of more.
if Context.environment["SPARRING_WERROR"] != nil {
    for target in package.targets where target.type != .system {
        target.cSettings = (target.cSettings ?? []) + [.treatAllWarnings(as: .error)]
        target.swiftSettings = [.treatAllWarnings(as: .error)]
    }
}
