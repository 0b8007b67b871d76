import Foundation
import Testing
import ToolSupport

@testable import PalimpsestTool

@Suite("palimpsest help and usage")
struct HelpTests {
    @Test("--version prints the version")
    func version() throws {
        let outcome = try Tool.run("--version")
        #expect(outcome.status == 0)
        #expect(outcome.output == PalimpsestCommand.version + "\n")
    }

    @Test(
        "every command's help has examples and the exit codes",
        arguments: PalimpsestCommand.configuration.subcommands.map { $0._commandName })
    func help(command: String) throws {
        let outcome = try Tool.run(command, "--help")
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("palimpsest \(command)"))
        #expect(outcome.output.contains("Examples:"))
        for exit in ToolExit.allCases { #expect(outcome.output.contains(" \(exit.rawValue)  ")) }
    }

    @Test(
        "wrong usage exits with 64, in JSON too",
        arguments: [["frobnicate"], ["call"], ["call", "guest.elf"], ["build", "a.c"], ["doctor", "--frob"]])
    func usage(arguments: [String]) throws {
        let outcome = try Tool.run(arguments)
        #expect(outcome.status == 64)
        #expect(outcome.errors.hasPrefix("palimpsest: error: "))
        let json = try Tool.run(arguments + ["--json"])
        #expect(json.status == 64)
        #expect(try json.errorKind() == "usage")
        #expect(json.errors.isEmpty)
    }
}

@Suite("palimpsest doctor")
struct DoctorTests {
    @Test("the report names every category and finds this machine fit")
    func table() throws {
        let outcome = try Tool.run("doctor")
        #expect(outcome.status == 0, "sandboxes cannot run here:\n\(outcome.output)")
        for category in ["KVM", "capabilities", "io_uring", "CPU", "limits"] {
            #expect(outcome.output.contains(category))
        }
        #expect(!outcome.output.contains("\u{1b}"), "colours without a terminal")
    }

    @Test("--json has the checks")
    func json() throws {
        let object = try Tool.run("doctor", "--json").json()
        #expect(object["usable"] as? Bool == true)
        let checks = try #require(object["checks"] as? [[String: Any]])
        #expect(checks.contains { $0["name"] as? String == "/dev/kvm" })
        for check in checks {
            #expect(Set(check.keys) == ["category", "name", "status", "found", "requirement", "remedy"])
        }
    }
}

@Suite("palimpsest inspect")
struct InspectTests {
    @Test("segments and exports are listed")
    func table() throws {
        let outcome = try Tool.run("inspect", try TestGuest.shared.get().path)
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("R-X"))
        #expect(outcome.output.contains("ABI version 1"))
        #expect(outcome.output.contains("subtract  (Int64, Int64) -> Int64"))
    }

    @Test("--json has segments and exports")
    func json() throws {
        let object = try Tool.run("inspect", try TestGuest.shared.get().path, "--json").json()
        #expect(object["abiVersion"] as? Int == 1)
        #expect((object["entry"] as? String)?.hasPrefix("0x") == true)
        let segments = try #require(object["segments"] as? [[String: Any]])
        #expect(segments.contains { $0["access"] as? String == "R-X" })
        let exports = try #require(object["exports"] as? [[String: Any]])
        let subtract = try #require(exports.first { $0["name"] as? String == "subtract" })
        #expect(subtract["arguments"] as? [String] == ["Int64", "Int64"])
        #expect(subtract["result"] as? String == "Int64")
    }

    @Test("a file that is no guest exits with 66")
    func badFile() throws {
        let outcome = try Tool.run("inspect", "/dev/null", "--json")
        #expect(outcome.status == 66)
        #expect(try outcome.errorKind() == "invalidGuest")
    }
}

@Suite("palimpsest build")
struct BuildTests {
    @Test("a C source becomes a guest")
    func buildsC() throws {
        let guest = try TestGuest.shared.get()
        let object = try guest.build.json()
        #expect(object["output"] as? String == guest.path)
        #expect(try #require(object["byteCount"] as? Int) > 1_000)
    }

    @Test("--no-debug-info makes a smaller guest, --verbose shows the commands")
    func options() throws {
        let scratch = try Scratch()
        let source = try scratch.file(
            "answer.c",
            """
            #include "palimpsest.h"
            PALIMPSEST_EXPORT(int32, answer);
            pal_int32 answer(void) { return 42; }

            """)
        let small = scratch.url.appendingPathComponent("small.elf").path
        let outcome = try Tool.run("build", source.path, "-o", small, "-O3", "--no-debug-info", "--verbose")
        #expect(outcome.status == 0)
        #expect(outcome.output.hasPrefix("\(small): "))
        #expect(outcome.errors.contains("clang"))
        let guest = try TestGuest.shared.get().path
        let sizes = [small, guest].map { InputFile.byteCount(of: $0) ?? 0 }
        #expect(sizes[0] > 0 && sizes[0] < sizes[1])
        #expect(try Tool.run("call", small, "answer").output == "42\n")
    }

    @Test("a source that does not compile exits with 1, with the compiler's words, and leaves no guest behind")
    func badSource() throws {
        let scratch = try Scratch()
        let source = try scratch.file("bad.c", "int x = undeclared;\n")
        let output = scratch.url.appendingPathComponent("bad.elf").path
        let outcome = try Tool.run("build", source.path, "-o", output)
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("undeclared"))
        #expect(InputFile.byteCount(of: output) == nil)
        #expect(try Tool.run("build", source.path, "-o", output, "--json").errorKind() == "toolFailed")
    }

    @Test("sources that are missing or of no known kind are told apart")
    func sources() throws {
        let scratch = try Scratch()
        let text = try scratch.file("notes.txt")
        let missing = try Tool.run("build", text.path + ".c", "-o", "x.elf", in: scratch.url)
        #expect(missing.status == 66)
        let unknown = try Tool.run("build", text.path, "-o", "x.elf", in: scratch.url)
        #expect(unknown.status == 64)
        let level = try Tool.run("build", text.path, "-o", "x.elf", "-O9", in: scratch.url)
        #expect(level.status == 64)
        #expect(level.errors.contains("-O: expected 0, 1, 2, 3 or s"))
    }
}

@Suite("palimpsest demo")
struct DemoTests {
    @Test("every step goes as expected")
    func json() throws {
        let scratch = try Scratch()
        let outcome = try Tool.run("demo", "--json", environment: ["TMPDIR": scratch.url.path])
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        let object = try outcome.json()
        #expect(object["passed"] as? Bool == true)
        let steps = try #require(object["steps"] as? [[String: Any]])
        #expect(steps.count > 20)
        for step in steps {
            #expect(step["passed"] as? Bool == true, "\(step)")
        }
        let crash = try #require(steps.first { $0["step"] as? String == "crash()" })
        #expect((crash["result"] as? String)?.contains("in `crash`+0x") == true)
        // swiftc leaves folders of its own behind; ours have to be gone.
        let left = try FileManager.default.contentsOfDirectory(atPath: scratch.url.path)
            .filter { $0.hasPrefix("palimpsest") }
        #expect(left.isEmpty, "the demo left files behind: \(left)")
    }
}
