import Logging
import Palimpsest
import TestSupport
import Testing

@Suite("Guests in Embedded Swift")
struct SwiftGuestTests {
    private func make() throws -> Sandbox {
        try Sandbox(guest: .bytes(Guests.swift), hostFunctions: makeHostFunctions())
    }

    @Test("closures and @c functions are exported, strings and arrays work")
    func exports() throws {
        let sandbox = try make()
        #expect(try sandbox.call("add", 40 as Int64, 2 as Int64) as Int64 == 42)
        #expect(try sandbox.call("greet", "Welt") as String == "Grüß Gott, Welt!")
        #expect(try sandbox.call("reversed", [1, 2, 3] as [UInt8]) as [UInt8] == [3, 2, 1])
        try sandbox.call("nothing")
    }

    @Test("a dictionary of strings keeps count over thousands of calls")
    func dictionary() throws {
        let sandbox = try make()
        for round in 1...20 {
            for word in 0..<100 { #expect(try sandbox.call("countWord", "word \(word)") as Int == round) }
        }
    }

    @Test("thrown errors reach the host, and the host's errors come back through the guest")
    func errors() throws {
        let sandbox = try make()
        #expect(try sandbox.call("divide", 10 as Int64, 3 as Int64) as Int64 == 3)
        let divided = caughtError { _ = try sandbox.call("divide", 10 as Int64, 0 as Int64) as Int64 }
        guard case .guestError("division by zero", 33) = divided else {
            Issue.record("got \(String(describing: divided))")
            return
        }
        #expect(try sandbox.call("viaHost", "ab", 3) as String == "ababab")
        let failed = caughtError { _ = try sandbox.call("viaHost", "ab", -3) as String }
        guard case .hostFunction("repeated", let cause) = failed, cause as? HostFailure == HostFailure(number: -3)
        else {
            Issue.record("got \(String(describing: failed))")
            return
        }
        let handled: String = try sandbox.call("handlesHostError")
        #expect(handled.hasPrefix("2: ") && handled.contains("missing"))
        #expect(sandbox.status == .ready)
    }

    @Test("a trap is a fault")
    func trap() throws {
        let sandbox = try make()
        #expect(try sandbox.call("traps", 2) as Int == 3)
        let fault = caughtFault { _ = try sandbox.call("traps", 3) as Int }
        #expect(fault?.vector == 6)
        #expect(sandbox.status == .poisoned)
    }

    @Test("Swift's random numbers are the sandbox's own")
    func random() throws {
        let one: UInt64 = try make().call("random")
        let other: UInt64 = try make().call("random")
        #expect(one != other)
    }

    @Test("print goes to the host's log, line by line")
    func printing() throws {
        let lines = LogLines()
        let configuration = SandboxConfiguration(logger: Logger(label: "test") { _ in lines })
        let sandbox = try Sandbox(
            guest: .bytes(Guests.swift), configuration: configuration, hostFunctions: makeHostFunctions())
        try sandbox.call("prints", "one\ntwo")
        #expect(lines.all == ["info one", "info two"])
    }
}
