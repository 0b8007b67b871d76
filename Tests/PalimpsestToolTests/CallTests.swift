import Foundation
import Testing

@Suite("palimpsest call")
struct CallTests {
    private func call(_ arguments: String...) throws -> Tool.Outcome {
        try Tool.run(["call", try TestGuest.shared.get().path] + arguments)
    }

    @Test(
        "arguments are read by the signature, results printed the same way",
        arguments: [
            (["subtract", "50", "8"], "42"),
            (["subtract", "-3", "-12"], "9"),
            (["subtract", "0x2c", "-0x10"], "60"),
            (["subtract", "--", "-3", "-12"], "9"),
            (["subtract", "-3", "--timeout", "5s", "-12"], "9"),
            (["small", "-128"], "-128"),
            (["large", "0xffffffffffffffff"], "18446744073709551615"),
            (["half", "-1.5e3"], "-750.0"),
            (["half", "-inf"], "-inf"),
            (["not", "true"], "false"),
            (["same", "0xCAFE"], "cafe"),
            (["same", ""], ""),
            (["echo", "two words"], "two words"),
            (["echo", "-1 apples"], "-1 apples"),
            (["echo", "grüße"], "grüße"),
            (["echo", "--", "--json"], "--json"),
            (["echo", "--", "--"], "--"),
            (["echo", "@file"], "@file"),
        ])
    func values(words: [String], result: String) throws {
        let outcome = try Tool.run(["call", try TestGuest.shared.get().path] + words)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output == result + "\n")
        #expect(outcome.errors.isEmpty)
    }

    @Test("bytes can come from a file")
    func bytesFromFile() throws {
        let scratch = try Scratch()
        let file = try scratch.file("bytes", "abc")
        let outcome = try call("same", "@\(file.path)")
        #expect(outcome.output == "616263\n")
        let missing = try call("same", "@\(file.path).missing")
        #expect(missing.status == 66)
        #expect(missing.errors.hasPrefix("palimpsest: error: File \(file.path).missing cannot be read"))
    }

    @Test("a function without result prints nothing, and its log lines go to standard error")
    func log() throws {
        let outcome = try call("say", "three\u{1b}[31m red")
        #expect(outcome.status == 0)
        #expect(outcome.output.isEmpty)
        #expect(outcome.errors == "guest: notice: three\\u{1b}[31m red\n")
    }

    @Test("--json has function, signature, result and time")
    func json() throws {
        let object = try call("subtract", "50", "8", "--json").json()
        #expect(object["function"] as? String == "subtract")
        #expect(object["signature"] as? String == "(Int64, Int64) -> Int64")
        #expect(object["result"] as? Int == 42)
        #expect(try #require(object["nanoseconds"] as? Int) > 0)
        #expect(object["times"] == nil)
        #expect(try call("say", "x", "--json").json()["result"] is NSNull)
        #expect(try call("echo", "\"\\\n\u{1}", "--json").json()["result"] as? String == "\"\\\n\u{1}")
    }

    @Test("--repeat says how long the calls took")
    func repetitions() throws {
        let outcome = try call("subtract", "1", "2", "--repeat", "50")
        #expect(outcome.output == "-1\n")
        #expect(outcome.errors.hasPrefix("50 calls: min "))
        let times = try #require(
            try call("subtract", "1", "2", "--repeat", "50", "--json").json()["times"] as? [String: Int])
        #expect(times["count"] == 50)
        let summary = ["min", "p50", "p99", "max"].compactMap { times[$0] }
        #expect(summary.count == 4)
        #expect(summary == summary.sorted())
    }

    @Test("with --rollback every repetition starts from the same state; without it none but the first does")
    func rollback() throws {
        #expect(try call("count", "--repeat", "20").output == "20\n")
        let outcome = try call("count", "--repeat", "20", "--rollback")
        #expect(outcome.output == "1\n")
        #expect(outcome.errors.contains("20 rollbacks by copy: min "))
        #expect(outcome.errors.contains(" pages written, "))
        #expect(outcome.errors.hasSuffix(" traps\n"))
    }

    @Test("--resident calls and rolls back without entering the guest again, with the same results")
    func resident() throws {
        #expect(try call("count", "--repeat", "20", "--resident").output == "20\n")
        let outcome = try call("count", "--repeat", "20", "--rollback", "--resident")
        #expect(outcome.output == "1\n")
        #expect(outcome.errors.contains("20 rollbacks by copy: min "))
    }

    @Test("--rollback --json has strategy, pages and traps", arguments: ["automatic", "copy", "ioUring", "replace"])
    func rollbackJSON(strategy: String) throws {
        let object = try call("count", "--repeat", "20", "--rollback", "--strategy", strategy, "--json").json()
        #expect(object["result"] as? Int == 1)
        let rollback = try #require(object["rollback"] as? [String: Any])
        #expect(rollback["strategy"] as? String == (strategy == "automatic" ? "copy" : strategy))
        #expect(try #require(rollback["pagesWritten"] as? Int) > 0)
        #expect(rollback["pagesCopied"] is Int && rollback["traps"] is Int)
        #expect((rollback["times"] as? [String: Int])?["count"] == 20)
    }

    @Test(
        "wrong arguments exit with 64 and say what was expected and found",
        arguments: [
            (["subtract", "1"], "wrongArgumentCount", "takes 2 arguments; found 1: '1'"),
            (["subtract", "1", "x"], "invalidValue", "found 'x'"),
            (["small", "-129"], "invalidValue", "from -128 to 127"),
            (["not", "maybe"], "invalidValue", "true or false"),
            (["same", "abc"], "invalidValue", "hexadecimal"),
            (["nothing"], "unknownFunction", "echo"),
            (["subtract", "1", "2", "--bogus"], "usage", "--bogus"),
            (["spin", "--timeout", "20"], "usage", "500ms"),
            (["spin", "--timeout", "-1s"], "usage", "--timeout"),
            (["fail", "--repeat", "0"], "usage", "--repeat"),
            (["fail", "--strategy", "copy"], "usage", "--rollback"),
            (["fail", "--rollback", "--strategy", "fast"], "usage", "ioUring"),
            (["fail", "--heap", "1k"], "usage", "64MiB"),
            (["fail", "--heap", "5"], "invalidConfiguration", "heapByteCount"),
        ])
    func wrongArguments(words: [String], kind: String, hint: String) throws {
        let guest = try TestGuest.shared.get().path
        let outcome = try Tool.run(["call", guest] + words)
        #expect(outcome.status == 64)
        #expect(outcome.output.isEmpty)
        #expect(outcome.errors.hasPrefix("palimpsest: error: "))
        #expect(outcome.errors.contains(hint))
        let json = try Tool.run(["call", guest, "--json"] + words)
        #expect(json.status == 64)
        #expect(try json.errorKind() == kind)
    }

    @Test(
        "a guest that fails exits with 1 and says how",
        arguments: [
            (["fail"], "guestError", "code 7): out of \\u{1b}[31mluck"),
            (["crash"], "fault", "crash+0x"),
            (["spin", "--timeout", "30ms"], "deadlineExceeded", "deadline"),
            (["askHost", "why"], "unknownHostFunction", "no host functions"),
        ])
    func guestFailures(words: [String], kind: String, hint: String) throws {
        let guest = try TestGuest.shared.get().path
        let outcome = try Tool.run(["call", guest] + words)
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains(hint))
        let json = try Tool.run(["call", guest, "--json"] + words)
        #expect(json.status == 1)
        #expect(try json.errorKind() == kind)
    }

    @Test("a fault is shown with its backtrace and registers, and --json has all of it")
    func fault() throws {
        let outcome = try call("crash")
        let lines = outcome.errors.split(separator: "\n").map(String.init)
        #expect(
            lines[0].hasPrefix(
                "palimpsest: error: Guest fault: write to unmapped memory at 0x0 (null pointer) in `crash`+0x"))
        #expect(lines[1] == "Backtrace" && lines.contains("Address") && lines.contains("Registers"))
        #expect(lines[2].hasPrefix("  #0  0x0000000000") && lines[2].contains("  crash+0x"))
        #expect(lines[2].contains("guest.c:"))
        #expect(!outcome.errors.contains("\u{1b}"), "colours are for terminals")

        let error = try #require(try call("crash", "--json").json()["error"] as? [String: Any])
        let fault = try #require(error["fault"] as? [String: Any])
        #expect(fault["kind"] as? String == "exception" && fault["vector"] as? Int == 14)
        #expect(fault["errorCode"] as? Int == 6 && fault["address"] as? String == "0x0")
        #expect(fault["region"] == nil, "nothing is mapped there")
        #expect((fault["registers"] as? [String: String])?.count == 18)
        let frame = try #require((fault["backtrace"] as? [[String: Any]])?.first)
        #expect(frame["function"] as? String == "crash" && frame["line"] is Int && frame["file"] is String)
    }

    @Test("--core writes a core if the call faults or is stopped, and says how to open it")
    func core() throws {
        let scratch = try Scratch()
        let core = scratch.url.appendingPathComponent("the core").path
        let guest = try TestGuest.shared.get().path
        #expect(try call("subtract", "1", "2", "--core", core).status == 0)
        #expect(try call("fail", "--core", core).status == 1)
        #expect(!FileManager.default.fileExists(atPath: core))
        let outcome = try call("crash", "--core", core)
        #expect(outcome.status == 1 && outcome.errors.hasSuffix("\nCore: gdb \(guest) '\(core)'\n"))
        #expect(FileManager.default.fileExists(atPath: core))
        let error = try #require(
            try call("spin", "--timeout", "30ms", "--core", core, "--json").json()["error"] as? [String: Any])
        let details = try #require(error["core"] as? [String: Any])
        #expect(details["path"] as? String == core && details["command"] as? String == "gdb \(guest) '\(core)'")
        let refused = try call("crash", "--core", core + "/core")
        #expect(refused.status == 1 && refused.errors.contains("\nCore: Core \(core)/core cannot be written: "))
    }

    @Test("a file that is no guest exits with 66")
    func badFiles() throws {
        let scratch = try Scratch()
        let text = try scratch.file("text", "not an ELF")
        #expect(try Tool.run("call", text.path, "f", "--json").errorKind() == "invalidGuest")
        #expect(try Tool.run("call", text.path, "f").status == 66)
        #expect(try Tool.run("call", text.path + ".missing", "f", "--json").errorKind() == "guestFileUnreadable")
        #expect(try Tool.run("call", text.path + ".missing", "f").status == 66)
    }
}
