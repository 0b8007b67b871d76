import Foundation
import GuestABI
import Palimpsest
import Testing

/// The guests of these tests, as the plugin built them.
package enum Guests {
    package static let behaved = load("behaved")
    package static let hostile = load("hostile")
    package static let swift = load("swift")
    package static let fuzz = load("fuzz")
    package static let scribe = load("scribe")
    package static let golden = load("golden")
    package static let usurper = load("usurper")
    package static let chatty = load("chatty")
    package static let faulty = load("faulty")
    package static let leftovers = load("leftovers")
    package static let faultySwift = load("faulty-swift")
    package static let names = load("names")
    package static let twins = load("twins")

    private static func load(_ name: String) -> [UInt8] {
        guard let url = Bundle.module.url(forResource: name, withExtension: "elf"),
            let data = try? Data(contentsOf: url)
        else {
            Issue.record("\(name).elf is not among the test's resources")
            return []
        }
        return [UInt8](data)
    }
}

package struct HostFailure: Error, Equatable {
    package let number: Int

    package init(number: Int) {
        self.number = number
    }
}

/// What the guests of these tests call.
package func makeHostFunctions() throws -> HostFunctions {
    var host = HostFunctions()
    try host.register("add") { (left: Int64, right: Int64) -> Int64 in left &+ right }
    try host.register("join") { (text: String, bytes: [UInt8], number: Double) -> String in
        "\(text)|\(bytes.count)|\(number)"
    }
    try host.register("tick") { () -> Void in }
    try host.register("length") { (text: String) -> Int64 in Int64(text.utf8.count) }
    try host.register("throws") { () throws -> Void in throw HostFailure(number: 7) }
    try host.register("huge") { () -> [UInt8] in [UInt8](repeating: 1, count: 2 << 20) }
    try host.register("repeated") { (text: String, count: Int) throws -> String in
        guard count >= 0 else { throw HostFailure(number: count) }
        return String(repeating: text, count: count)
    }
    return host
}

package func makeBehaved(_ configuration: SandboxConfiguration = .init()) throws -> Sandbox {
    try Sandbox(guest: .bytes(Guests.behaved), configuration: configuration, hostFunctions: makeHostFunctions())
}

package func makeHostile(_ configuration: SandboxConfiguration = .init()) throws -> Sandbox {
    try Sandbox(guest: .bytes(Guests.hostile), configuration: configuration, hostFunctions: makeHostFunctions())
}

/// The error that `body` throws; records an issue if it throws none.
package func caughtError(of body: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation) -> SandboxError?
{
    do {
        try body()
        Issue.record("expected an error, got none", sourceLocation: sourceLocation)
    } catch let error as SandboxError {
        return error
    } catch {
        Issue.record("expected a SandboxError, got \(error)", sourceLocation: sourceLocation)
    }
    return nil
}

/// Makes a call that only its deadline ends. On a busy machine the deadline can pass before the guest has begun, which
/// leaves everything as it was: then again, with more time.
/// - Returns: the error of the last call.
@discardableResult
package func expire(
    _ sandbox: Sandbox, after limit: Duration = .milliseconds(2), sourceLocation: SourceLocation = #_sourceLocation,
    _ call: (ContinuousClock.Instant) throws -> Void
) -> SandboxError? {
    var limit = limit
    while true {
        let error = caughtError(of: { try call(.now + limit) }, sourceLocation: sourceLocation)
        guard case .deadlineExceeded = error, sandbox.status == .ready, limit < .seconds(3_600) else { return error }
        limit *= 2
    }
}

/// The fault that `body` ends in.
package func caughtFault(of body: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation) -> GuestFault? {
    let found = caughtError(of: body, sourceLocation: sourceLocation)
    if case .fault(let fault) = found { return fault }
    Issue.record("expected a fault, got \(String(describing: found))", sourceLocation: sourceLocation)
    return nil
}
