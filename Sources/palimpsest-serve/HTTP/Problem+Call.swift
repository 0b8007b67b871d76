import HTTPTypes
import Palimpsest
import PalimpsestPool
import ToolSupport

/// What can be wrong with a call, and what it can end in.
extension Problem {
    static func unknownSnapshot(_ name: String, available: [String]) -> Problem {
        Problem(
            kind: "unknown-snapshot", status: .notFound, title: "There is no such snapshot",
            detail: "There is no snapshot '\(name)'.", members: [("available", list(available))])
    }

    static func unknownFunction(_ name: String, available: [String]) -> Problem {
        Problem(
            kind: "unknown-function", status: .notFound, title: "There is no such function",
            detail: "There is no function '\(name)'.", members: [("available", list(available))])
    }

    static func invalidArguments(_ error: ArgumentError, of function: ServedFunction) -> Problem {
        let signature = function.signature
        var members: [(String, JSON)] = [
            ("function", .string(function.name)), ("signature", .string(signature.description)),
        ]
        let detail: String
        switch error {
        case .notAnArray(let found):
            detail = "Expected a JSON array of the arguments, found \(found)."
        case .wrongCount(let expected, let found):
            detail = "Expected \(expected) argument\(expected == 1 ? "" : "s"), found \(found)."
            members += [("expected", .integer(expected)), ("found", .integer(found))]
        case .wrongType(let position, let type, let found), .outOfRange(let position, let type, let found):
            let form = CallArguments.form(of: type)
            detail = "Argument \(position) is \(type): expected \(form), found \(found)."
            members += [("argument", .integer(position)), ("expected", .string(form)), ("found", .string(found))]
        }
        return Problem(
            kind: "invalid-arguments", status: .unprocessableContent,
            title: "The arguments are not what the function takes",
            detail: "'\(function.name)' is \(signature). \(detail)", members: members)
    }

    /// - Parameter showsFault: whether the client may see addresses and symbols of the guest.
    init(_ error: SandboxPoolError, showsFault: Bool) {
        switch error {
        case .unknownSnapshot(let name, let available): self = .unknownSnapshot(name, available: available)
        case .overloaded: self = .overloaded
        case .memoryLimitReached:
            self = Problem(
                kind: "out-of-memory", status: .serviceUnavailable, title: "There is no room for another sandbox",
                detail: "The call did not run."
            ).retryable(afterSeconds: 5)
        case .deadlineExceededInQueue: self = .deadlineExceeded(hasRun: false)
        case .shutDown: self = .shuttingDown
        case .sandbox(let error): self = Problem(error, showsFault: showsFault)
        default: self = .internalError
        }
    }

    /// Who is to blame decides: what the guest did wrong is 502, what it says itself 422, what the host lacks 500.
    private init(_ error: SandboxError, showsFault: Bool) {
        switch error {
        case .guestError(let message, let code):
            self = Problem(
                kind: "function-error", status: .unprocessableContent, title: "The function failed", detail: message,
                members: [("code", .unsigned(UInt64(code)))])
        case .deadlineExceeded: self = .deadlineExceeded(hasRun: true)
        case .fault(let fault):
            self = Problem(
                kind: "guest-fault", status: .badGateway, title: "The function crashed",
                detail: "It was stopped, and its sandbox rolled back.",
                members: [("fault", GuestFaultReport.json(fault, isFull: showsFault))])
        case .argumentsTooLarge(_, let byteCount, let limit):
            self = Problem(
                kind: "arguments-too-large", status: .contentTooLarge, title: "The arguments are too large",
                detail: "Strings and bytes of a call have room for \(limit) bytes; these need \(byteCount) more.",
                members: [("limit", .integer(limit))])
        case .unknownHostFunction(let name, _):
            self = .badGuest("It called the host function '\(name)', which this server does not offer.")
        case .valueTooLarge(_, let byteCount, let limit):
            self = .badGuest("Its result has \(byteCount) bytes; \(limit) are accepted.")
        case .invalidUTF8: self = .badGuest("Its result is a string that is not UTF-8.")
        case .invalidPointer: self = .badGuest("Its result is not in its memory.")
        default: self = .internalError
        }
    }

    private static func badGuest(_ detail: String) -> Problem {
        Problem(kind: "guest-misbehaved", status: .badGateway, title: "The function broke the rules", detail: detail)
    }

    private static func deadlineExceeded(hasRun: Bool) -> Problem {
        Problem(
            kind: "deadline-exceeded", status: .gatewayTimeout, title: "The call took too long",
            detail: hasRun ? "It ran, and was stopped at its deadline." : "Its deadline passed while it waited.",
            members: [("ran", .bool(hasRun))])
    }

    private static func list(_ names: [String]) -> JSON { .array(names.prefix(100).map { .string($0) }) }
}
