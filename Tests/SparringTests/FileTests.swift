import Foundation
import Testing

@testable import Sparring

@Suite struct FileTests {
    private func names(_ folder: TemporaryFolder) throws -> Set<String> {
        Set(try FileManager.default.contentsOfDirectory(atPath: folder.path))
    }

    @Test func writingReplacesTheWholeFile() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("file")
        try write(Data("a longer text".utf8), to: path)
        try write(Data("short".utf8), to: path)
        #expect(try read(path) == Data("short".utf8))
        #expect(try names(folder) == ["file"])
        var about = stat()
        let mask = umask(0)
        umask(mask)
        #expect(stat(path, &about) == 0 && about.st_mode & 0o777 == 0o666 & ~mask)
    }

    /// What a process left that ended while it wrote is removed; what another writes is not, nor another file's.
    @Test func leftoversOfDeadProcessesAreRemoved() throws {
        let folder = try TemporaryFolder()
        let others = [
            ".file.aB3dE.partial", ".other.aB3dE6.partial", ".file.aB3dE67.partial", "file.aB3dE6.partial",
        ]
        for name in [".file.aB3dE6.partial", ".file.000000.partial"] + others {
            #expect(FileManager.default.createFile(atPath: folder.file(name), contents: Data("half".utf8)))
        }
        let living = try open(folder.file(".file.000000.partial"), O_WRONLY)
        #expect(flock(living, LOCK_EX) == 0)
        try write(Data("whole".utf8), to: folder.file("file"))
        #expect(try names(folder) == Set(others + ["file", ".file.000000.partial"]))
        close(living)
        try write(Data("whole".utf8), to: folder.file("file"))
        #expect(try names(folder) == Set(others + ["file"]))
    }

    /// A link in the file's place is replaced, never followed.
    @Test func linksAreNotFollowed() throws {
        let folder = try TemporaryFolder()
        try write(Data("mine".utf8), to: folder.file("other"))
        #expect(symlink(folder.file("other"), folder.file("file")) == 0)
        try write(Data("new".utf8), to: folder.file("file"))
        #expect(try read(folder.file("other")) == Data("mine".utf8))
        #expect(symlink(folder.file("other"), folder.file("lock")) == 0)
        expectError(.file, "lock") { _ = try RunLock(folder.path) }
        #expect(try read(folder.file("other")) == Data("mine".utf8))
    }

    @Test func onlyRegularFilesOfAFittingSizeAreRead() throws {
        let folder = try TemporaryFolder()
        #expect(mkfifo(folder.file("pipe"), 0o600) == 0)
        expectError(.file, "pipe is a pipe") { _ = try read(folder.file("pipe")) }
        expectError(.file, "pipe: could not be written: it is a pipe") {
            try write(Data(), to: folder.file("pipe"))
        }
        expectError(.file, "is a folder") { _ = try read(folder.path) }
        expectError(.file, "none cannot be opened: No such file") { _ = try read(folder.file("none")) }
        try write(Data(count: 11), to: folder.file("file"))
        expectError(.format, "holds more than the 10 bytes") { _ = try read(folder.file("file"), limit: 10) }
        #expect(try read(folder.file("file"), limit: 11).count == 11)
    }

    @Test func foldersAreMadeWithThoseTheyAreIn() throws {
        let folder = try TemporaryFolder()
        for path in ["a/b/c", "a/b/c/", "d//e", "a"] {
            try makeFolder(folder.file(path))
            #expect(isFolder(folder.file(path)))
        }
        try write(Data(), to: folder.file("file"))
        expectError(.file, "file/x cannot be made: Not a directory") { try makeFolder(folder.file("file/x")) }
        expectError(.file, "file cannot be made: File exists") { try makeFolder(folder.file("file")) }
    }
}
