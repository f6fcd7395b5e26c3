// swift-tools-version: 6.2
import PackageDescription

// The runner puts the address of a repository with a tag here.
let sparring = Context.environment["SPARRING_REPOSITORY"] ?? ""

let package = Package(
    name: "consumer",
    dependencies: [.package(url: sparring, from: "0.1.0")],
    targets: [
        .executableTarget(
            name: "TrainInSwift", dependencies: [.product(name: "Sparring", package: "sparring")]),
        .executableTarget(
            name: "TrainThroughC", dependencies: [.product(name: "CSparring", package: "sparring")]),
    ]
)
