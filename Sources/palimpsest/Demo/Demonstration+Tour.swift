import Palimpsest
import ToolSupport

/// The tour: what is done, in which order, and what has to come of it.
extension Demonstration {
    mutating func run() throws(ToolError) {
        let workshop = try DemoWorkshop()
        begin(section: "Building guests")
        let guests = ["greeter-c", "sha256", "greeter-swift"].map { name in
            build(name, in: workshop)
        }
        guard let greeter = guests[0], let digest = guests[1], let swiftGreeter = guests[2] else { return }

        begin(section: "Calling a guest in C")
        if let sandbox = make("sandbox", greeter) { callGreeter(sandbox) }
        if let sandbox = make("sandbox (sha256)", digest) { callDigest(sandbox) }

        begin(section: "Calling a guest in Swift")
        if let sandbox = make("sandbox", swiftGreeter) { callSwiftGreeter(sandbox) }

        begin(section: "Rolling back")
        if let sandbox = make("sandbox", greeter) { rollBack(sandbox) }

        begin(section: "Containing a crash")
        contain(greeter, "crash()", status: .poisoned) { sandbox throws(SandboxError) in
            try sandbox.call("crash")
        } accept: { error in
            guard case .fault(let fault) = error else { return "expected a fault" }
            guard fault.vector == 14, fault.address == 0 else { return "expected a page fault (vector 14) at 0x0" }
            return fault.symbol?.hasPrefix("crash") == true ? nil : "expected it to be in crash"
        }

        begin(section: "Containing an endless loop")
        contain(greeter, "spin(), deadline 50 ms", status: .poisoned) { sandbox throws(SandboxError) in
            try sandbox.call("spin", deadline: .now.advanced(by: .milliseconds(50)))
        } accept: { error in
            if case .deadlineExceeded = error { nil } else { "expected deadlineExceeded" }
        }
    }

    private mutating func build(_ name: String, in workshop: DemoWorkshop) -> String? {
        step("build \(name)") { (path: String) in
            Quantity.bytes(InputFile.byteCount(of: path) ?? 0)
        } making: {
            try workshop.build(name)
        }
    }

    private mutating func make(_ title: String, _ guest: String) -> Sandbox? {
        step("new \(title)") { (sandbox: Sandbox) in
            "exports \(sandbox.exports.map(\.name).joined(separator: ", "))"
        } making: {
            try Sandbox(guest: .file(guest), configuration: Demonstration.configuration, hostFunctions: .demo)
        }
    }

    private static var configuration: SandboxConfiguration { SandboxConfiguration(logger: GuestLogHandler.logger) }

    // MARK: - Calls

    private mutating func callGreeter(_ sandbox: Sandbox) {
        sayHello(sandbox)
        step("add(2, 40)", gives: 42) { () throws -> Int64 in try sandbox.call("add", 2 as Int64, 40 as Int64) }
        step("add, 10,000 times") {
            let add = try sandbox.function("add", as: ((Int64, Int64) -> Int64).self)
            var times = CallTimes(capacity: 10_000)
            var sum: Int64 = 0
            let clock = ContinuousClock()
            for number in 0..<10_000 as Range<Int64> {
                let start = clock.now
                sum = try sandbox.call(add, sum, number)
                times.add((clock.now - start).nanoseconds)
            }
            return (times, complaint: sum == 49_995_000 ? nil : "expected a sum of 49995000, found \(sum)")
        } describing: {
            "p50 \(Quantity.time($0.summary.p50)), p99 \(Quantity.time($0.summary.p99)) a call"
        }
        greetFromHost(sandbox)
    }

    private mutating func callDigest(_ sandbox: Sandbox) {
        // FIPS 180-4's own example.
        step("sha256(\"abc\")", gives: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") {
            () throws -> String in try sandbox.call("sha256", Array("abc".utf8))
        }
    }

    private mutating func callSwiftGreeter(_ sandbox: Sandbox) {
        sayHello(sandbox)
        step("reversed(010203)", gives: [3, 2, 1]) { () throws -> [UInt8] in
            try sandbox.call("reversed", [1, 2, 3] as [UInt8])
        }
        greetFromHost(sandbox)
        step("divide(1, 0): the guest throws") {
            do throws(SandboxError) {
                let quotient: Int64 = try sandbox.call("divide", 1 as Int64, 0 as Int64)
                return ("\(quotient)", complaint: "expected an error")
            } catch {
                guard case .guestError = error else { return ("\(error)", complaint: "expected guestError") }
                return ("\(error)", complaint: sandbox.status == .ready ? nil : "expected the sandbox to stay ready")
            }
        } describing: {
            $0
        }
    }

    // MARK: - Rollback

    private mutating func rollBack(_ sandbox: Sandbox) {
        func countVisits() throws -> Int64 { try sandbox.call("countVisits") }
        guard let snapshot = takeSnapshot(sandbox) else { return }
        step("countVisits()", gives: 1, countVisits)
        step("countVisits()", gives: 2, countVisits)
        step("restore the snapshot", gives: .ready) { () throws -> SandboxStatus in
            try sandbox.restore(snapshot)
            return sandbox.status
        }
        step("countVisits()", gives: 1, countVisits)
        step("countVisits + rollback, 10,000 times") {
            let count = try sandbox.function("countVisits", as: (() -> Int64).self)
            try sandbox.restore(snapshot)
            var times = CallTimes(capacity: 10_000)
            var sum: Int64 = 0
            let clock = ContinuousClock()
            for _ in 0..<10_000 {
                let start = clock.now
                sum += try sandbox.call(count)
                try sandbox.restore(snapshot)
                times.add((clock.now - start).nanoseconds)
            }
            return (times, complaint: sum == 10_000 ? nil : "expected 1 from every call, found a sum of \(sum)")
        } describing: {
            "p50 \(Quantity.time($0.summary.p50)), p99 \(Quantity.time($0.summary.p99)) each"
        }
        let other = step("new sandbox from the snapshot") { (_: Sandbox) in
            "no ELF, no initialisers"
        } making: {
            try Sandbox(from: snapshot, configuration: Demonstration.configuration, hostFunctions: .demo)
        }
        if let other { step("countVisits() there", gives: 1) { () throws -> Int64 in try other.call("countVisits") } }
    }

    private mutating func takeSnapshot(_ sandbox: Sandbox) -> Snapshot? {
        step("snapshot") { (snapshot: Snapshot) in
            "\(Quantity.bytes(UInt64(snapshot.newestLayerByteCount))) new, of \(Quantity.bytes(UInt64(snapshot.byteCount)))"
        } making: {
            try sandbox.snapshot()
        }
    }

    private mutating func sayHello(_ sandbox: Sandbox) {
        step("sayHello(\"World\")", gives: "Hello, World!") { () throws -> String in
            try sandbox.call("sayHello", "World")
        }
    }

    private mutating func greetFromHost(_ sandbox: Sandbox) {
        step("greetFromHost(\"World\")", gives: "~ Hello, World! ~ (decorated by the host)") { () throws -> String in
            try sandbox.call("greetFromHost", "World")
        }
    }

    // MARK: - Misbehaviour

    /// A call that has to fail and poison its sandbox, and a host that goes on.
    private mutating func contain(
        _ guest: String, _ title: String, status expected: SandboxStatus,
        _ call: (Sandbox) throws(SandboxError) -> Void, accept: (SandboxError) -> String?
    ) {
        guard let sandbox = make("sandbox", guest), let snapshot = takeSnapshot(sandbox) else { return }
        step(title) {
            do throws(SandboxError) {
                try call(sandbox)
                return ("it returned", complaint: "expected an error")
            } catch {
                return ("\(error)", complaint: accept(error))
            }
        } describing: {
            $0
        }
        step("the sandbox afterwards", gives: "\(expected)") { "\(sandbox.status)" }
        step("restore the snapshot", gives: .ready) { () throws -> SandboxStatus in
            try sandbox.restore(snapshot)
            return sandbox.status
        }
        sayHello(sandbox)
    }
}

extension HostFunctions {
    /// What the example guests may call.
    fileprivate static var demo: HostFunctions {
        get throws(SandboxError) {
            var functions = HostFunctions()
            try functions.register("decorate") { (text: String) -> String in "~ \(text) ~ (decorated by the host)" }
            return functions
        }
    }
}
