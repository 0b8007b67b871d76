@testable import GuestABI
@testable import Palimpsest

/// How a call ended.
struct Outcome {
    private static let timeLimit = Duration.milliseconds(2)

    /// All that can be told of it.
    let text: String
    let error: SandboxError?

    init(of call: GuestCall, in sandbox: Sandbox) {
        do throws(SandboxError) {
            let result = try sandbox.call(
                call.export.name, arguments: call.arguments, deadline: .now + Outcome.timeLimit)
            text = "\(result)"
            error = nil
        } catch {
            text = if case .fault(let fault) = error { fault.report } else { error.description }
            self.error = error
        }
    }

    var backtrace: [GuestFrame]? {
        guard case .fault(let fault) = error else { return nil }
        return fault.backtrace
    }

    /// Where a deadline finds a guest, and which page is one too many, depends on what has been before.
    var isRepeatable: Bool {
        switch error {
        case .deadlineExceeded, .unrecoverable: return false
        case .fault(let fault): if case .scratchExhausted = fault.kind { return false } else { return true }
        default: return true
        }
    }

    /// Whether a sandbox may have that status afterwards, as `SandboxError` has it.
    func leaves(_ status: SandboxStatus) -> Bool {
        switch error {
        case nil, .guestError, .hostFunction, .unknownHostFunction, .hostSignatureMismatch, .hostResultTooLarge,
            .valueTooLarge, .invalidUTF8, .unknownFunction, .signatureMismatch, .argumentsTooLarge:
            status == .ready
        case .invalidPointer, .fault, .interrupted: status == .poisoned
        case .deadlineExceeded: true
        default: true
        }
    }
}
