import Foundation
import Testing

/// Writers that are killed, and disks that are full: a store has what it had, and what a save has reported.
@Suite("Stores survive", .serialized)
struct StoreCrashTests {
    private let scratch: Scratch
    private let store: String
    private let guest: String

    init() throws {
        scratch = try Scratch()
        store = scratch.url.appendingPathComponent("store").path
        guest = try TestGuest.shared.get().path
    }

    /// A writer in a process of its own.
    private func startWriter(_ tag: String, from source: String) throws -> Process {
        let process = Process()
        process.executableURL = try Tool.executable
        process.arguments = ["snapshot", "save", source, "\(store):\(tag)", "--call", "echo \(tag)"]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        return process
    }

    private func tags() throws -> Set<String> {
        let outcome = try Tool.run("snapshot", "ls", store, "--json")
        #expect(outcome.status == 0, "\(outcome.output)")
        let entries = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [[String: Any]]
        return Set((entries ?? []).compactMap { $0["tag"] as? String })
    }

    @Test("kill -9 at 200 random moments, two writers at a time: what was reported is there, all of it verifies")
    func killed() throws {
        #expect(try Tool.run("snapshot", "save", guest, "\(store):base").status == 0)
        var reported: Set<String> = ["base"]
        var started: Set<String> = ["base"]
        var killedCount = 0
        for round in 0..<100 {
            let names = ["a\(round)", "b\(round)"]
            let writers = try names.map { try startWriter($0, from: round.isMultiple(of: 2) ? guest : "\(store):base") }
            started.formUnion(names)
            for writer in writers.shuffled() {
                usleep(UInt32.random(in: 0...25_000))
                kill(writer.processIdentifier, SIGKILL)
            }
            for (name, writer) in zip(names, writers) {
                writer.waitUntilExit()
                if writer.terminationReason == .exit, writer.terminationStatus == 0 {
                    reported.insert(name)
                } else {
                    killedCount += 1
                }
            }
            if round.isMultiple(of: 20) { try check(reported, started) }
        }
        #expect(killedCount > 20)
        try check(reported, started)
        #expect(try Tool.run("snapshot", "prune", store).status == 0)
        try check(reported, started)
        // What is left is exactly what the index leads to: nothing more can be removed, and no partial files are there.
        #expect(try Tool.run("snapshot", "prune", store, "--json").json()["blobs"] as? Int == 0)
        let names = try FileManager.default.contentsOfDirectory(atPath: store)
        #expect(Set(names) == ["oci-layout", "index.json", "blobs"])
        #expect(try Tool.run("call", "\(store):base", "subtract", "5", "3").output == "2\n")
    }

    private func check(_ reported: Set<String>, _ started: Set<String>) throws {
        let tags = try tags()
        #expect(tags.isSuperset(of: reported))
        #expect(tags.isSubset(of: started))
        let verified = try Tool.run("snapshot", "verify", store, "--json")
        #expect(verified.status == 0, "\(verified.output)")
    }

    @Test("a full disk and a read-only one fail a save and leave the store as it was", .enabled(if: canMount))
    func fullDisk() throws {
        let disk = try StoreCrashTests.Disk(scratch.url.appendingPathComponent("disk").path, byteCount: 128 << 10)
        let full = "\(disk.path)/store"
        #expect(try Tool.run("snapshot", "save", guest, "\(full):one").status == 0)
        let before = try contents(full)
        // Random bytes: 600 KiB of heap that is not zero.
        let text = String(repeating: "x", count: 300_000)
        let outcome = try Tool.run(
            "snapshot", "save", guest, "\(full):two", "--call", "echo \(text.prefix(100_000))", "--json")
        #expect(outcome.status == 66)
        #expect(try outcome.errorKind() == "unwritable")
        #expect(outcome.output.contains("No space left"))
        #expect(try contents(full) == before)
        #expect(try Tool.run("call", "\(full):one", "subtract", "5", "3").output == "2\n")
        try disk.makeReadOnly()
        let refused = try Tool.run("snapshot", "save", "\(full):one", "\(full):three", "--json")
        #expect(try refused.errorKind() == "unwritable")
        #expect(try Tool.run("call", "\(full):one", "subtract", "5", "3").output == "2\n")
        #expect(try Tool.run("snapshot", "verify", full).status == 0)
        #expect(try contents(full) == before)
    }

    private func contents(_ path: String) throws -> [String: Data] {
        var found: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: path) {
            if let data = FileManager.default.contents(atPath: "\(path)/\(name)") { found[name] = data }
        }
        return found
    }

    /// A small tmpfs. Needs the right to mount, which root in a container may lack.
    private final class Disk {
        let path: String

        init(_ path: String, byteCount: Int) throws {
            self.path = path
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            guard mount("tmpfs", path, "tmpfs", 0, "size=\(byteCount)") == 0 else { throw POSIXError(.EPERM) }
        }

        deinit { umount2(path, CInt(MNT_DETACH)) }

        func makeReadOnly() throws {
            let flags = UInt(MS_REMOUNT | MS_RDONLY)
            guard mount("tmpfs", path, "tmpfs", flags, "") == 0 else { throw POSIXError(.EPERM) }
        }
    }

    private static let canMount: Bool = {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("palimpsest-mount-\(UUID())").path
        return (try? Disk(path, byteCount: 4096)) != nil
    }()
}
