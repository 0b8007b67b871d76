import Foundation
import Testing

@Suite("palimpsest snapshot")
struct SnapshotCommandTests {
    private let scratch: Scratch
    private let store: String
    private let guest: String

    init() throws {
        scratch = try Scratch()
        store = scratch.url.appendingPathComponent("store").path
        guest = try TestGuest.shared.get().path
    }

    private func list(_ outcome: Tool.Outcome) throws -> [[String: Any]] {
        try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [[String: Any]])
    }

    @Test("a saved guest is called like an ELF, by tag and by digest; run is the same")
    func saveAndCall() throws {
        let saved = try Tool.run(
            "snapshot", "save", guest, "\(store):one", "--call", "subtract 5 3", "--warm-up", "echo warm")
        #expect(saved.status == 0, "\(saved.errors)")
        let name = saved.output.trimmingCharacters(in: .newlines)
        #expect(name.hasPrefix("\(store)@sha256:"))
        for words in [["call", "\(store):one"], ["call", name], ["snapshot", "run", "\(store):one"]] {
            let outcome = try Tool.run(words + ["subtract", "-3", "0xc"])
            #expect(outcome.output == "-15\n" && outcome.status == 0, "\(outcome.errors)")
        }
        let after = try Tool.run("snapshot", "run", "\(store):one", "echo", "--json", "--", "--json")
        #expect(try after.json()["result"] as? String == "--json")
        let crash = try Tool.run("call", "\(store):one", "crash")
        #expect(crash.status == 1 && crash.errors.contains("crash+"), "\(crash.errors)")
        let sizes = try Tool.run("call", "\(store):one", "fail", "--heap", "1MiB", "--json")
        #expect(sizes.status == 64)
        #expect(try sizes.errorKind() == "sizesOfSnapshot")
    }

    @Test("ls, inspect, tag, rm, prune, verify and copy work on what save made")
    func manage() throws {
        #expect(try Tool.run("snapshot", "save", guest, "\(store):one").status == 0)
        #expect(try Tool.run("snapshot", "save", "\(store):one", "\(store):two", "--call", "echo x").status == 0)
        var entries = try list(Tool.run("snapshot", "ls", store, "--json"))
        #expect(entries.map { $0["tag"] as? String } == ["one", "two"])
        #expect(entries[0]["ownByteCount"] as? Int == 0)
        let table = try Tool.run("snapshot", "ls", store)
        #expect(table.output.contains("one") && table.output.contains("KiB"))
        let inspected = try Tool.run("snapshot", "inspect", "\(store):two", "--json").json()
        #expect((inspected["layers"] as? [Any])?.count == (entries[1]["layers"] as? [Any])?.count)
        let tree = try Tool.run("snapshot", "inspect", store)
        #expect(tree.output.contains("shared by 2 snapshots") && tree.output.contains("two"))
        #expect(try Tool.run("snapshot", "inspect", "\(store):two").output.contains("(Int64, Int64) -> Int64"))
        #expect(try Tool.run("snapshot", "tag", "\(store):two", "three").status == 0)
        #expect(try Tool.run("snapshot", "rm", "\(store):two").status == 0)
        #expect(try Tool.run("snapshot", "verify", store).output == "ok\n")
        #expect(try Tool.run("snapshot", "copy", "\(store):three", "\(store)-copy:three").status == 0)
        entries = try list(Tool.run("snapshot", "ls", "\(store)-copy", "--json"))
        #expect(entries.count == 1)
        let removed = try Tool.run("snapshot", "rm", "\(store):three", "--prune", "--json").json()
        #expect(removed["blobs"] as? Int == 3)
        #expect(try Tool.run("snapshot", "prune", store).output.hasPrefix("removed 0 blobs"))
        #expect(try Tool.run("call", "\(store)-copy:three", "subtract", "1", "1").output == "0\n")
    }

    @Test("errors say what was expected, what was found, what to do, with a kind and an exit code")
    func errors() throws {
        #expect(try Tool.run("snapshot", "save", guest, "\(store):one").status == 0)
        let cases: [([String], Int32, String)] = [
            (["snapshot", "ls", "/nowhere"], 66, "notAStore"),
            (["snapshot", "verify", "\(store):two"], 64, "unknownReference"),
            (["call", "\(store):two", "echo", "x"], 64, "unknownReference"),
            (["snapshot", "tag", "\(store):one", "not a tag"], 64, "invalidReference"),
            (["snapshot", "save", guest, "nowhere"], 64, "usage"),
            (["snapshot", "save", guest, "\(store):x", "--call", "nothing"], 64, "unknownFunction"),
            (["snapshot", "save", guest, "\(store):x", "--call", "subtract 1"], 64, "wrongArgumentCount"),
            (["snapshot", "save", "\(scratch.url.path)/missing.elf", "\(store):x"], 66, "guestFileUnreadable"),
            (["snapshot", "save", guest, "/proc/palimpsest:x"], 66, "unwritable"),
        ]
        for (words, status, kind) in cases {
            let outcome = try Tool.run(words + ["--json"])
            #expect(outcome.status == status, "\(words): \(outcome.output)\(outcome.errors)")
            #expect(try outcome.errorKind() == kind, "\(words)")
        }
        let blobs = try FileManager.default.contentsOfDirectory(atPath: "\(store)/blobs/sha256")
        for blob in blobs { truncate("\(store)/blobs/sha256/\(blob)", 10) }
        let broken = try Tool.run("snapshot", "verify", store, "--json")
        #expect(broken.status == 66)
        #expect(try broken.json()["isValid"] as? Bool == false)
    }

    @Test(
        "every command has help with examples",
        arguments: [
            "save", "ls", "inspect", "verify", "tag", "rm", "prune", "copy", "run",
        ])
    func help(command: String) throws {
        let outcome = try Tool.run("snapshot", command, "--help")
        #expect(outcome.status == 0 && outcome.output.contains("palimpsest snapshot \(command) "))
        #expect(outcome.output.contains("Exit codes:") || command == "run")
    }
}
