import GuestABI
import MicroVM

/// Everything that can go wrong, one case a cause. Each case says what status it leaves the sandbox in.
public enum SandboxError: Error, Sendable, CustomStringConvertible {
    // Making a sandbox: there is none afterwards.

    /// KVM, memory or descriptors are not to be had.
    case machine(MachineError)
    /// A size is out of range.
    case invalidConfiguration(name: String, value: Int, expected: String)
    /// The guest's file cannot be read.
    case guestFileUnreadable(path: String, reason: String)
    /// The guest's file is not an ELF executable the engine accepts.
    case invalidGuest(GuestImageError)
    /// The guest was built for another version of the ABI.
    case abiVersionMismatch(guest: UInt32, host: UInt32)
    /// The guest registered nothing that could be called.
    case noExports
    /// An entry of the guest's export table is malformed.
    case invalidExport(index: Int, reason: String)
    /// A host function cannot be registered like this.
    case invalidHostFunction(name: String, reason: String)

    // Before a call: nothing has run, the status is what it was.

    /// The guest exports nothing of that name.
    case unknownFunction(name: String, available: [String])
    /// `expected` is what the guest exports, `found` what the caller asked for.
    case signatureMismatch(function: String, expected: GuestSignature, found: GuestSignature)
    /// A function handle of another guest.
    case foreignFunction(name: String)
    /// String and byte arguments do not fit the mailbox. Raise `mailboxByteCount`.
    case argumentsTooLarge(function: String, byteCount: Int, limit: Int)
    /// Text that does not read as a value of that type.
    case invalidValue(text: String, type: GuestValueType)
    /// The sandbox is running a call: from another thread, or from a host function of its own.
    case callInProgress
    /// An earlier call ended in a fault, at its deadline, or interrupted.
    case poisoned
    /// The virtual machine can no longer be trusted. `restore` replaces it.
    case unrecoverable(reason: String)

    // Snapshots and mapped files: nothing has changed, unless the case says otherwise.

    /// A snapshot's guest may call a host function that is not registered, or has another signature (`found`).
    case hostFunctionRequired(name: String, expected: GuestSignature, found: GuestSignature?)
    /// A snapshot's layers would not fit the guest-physical map.
    case snapshotTooLarge(byteCount: Int, limit: Int)
    /// A file cannot be mapped there.
    case invalidMapping(address: UInt64, byteCount: Int, reason: String)
    /// A file that a snapshot has mapped is not what it was.
    case mappedFileChanged(path: String, reason: String)
    /// A file cannot be opened; or it was mapped and pages of it are gone: the call is over then, and the status
    /// `poisoned` or `unrecoverable`.
    case mappedFileUnreadable(path: String, reason: String)
    /// The strategy `ioUring` was asked for and this process may not have a ring. The status is `poisoned`.
    case ringUnavailable(MachineError)

    // After a call: the status stays `ready`.

    /// The guest function failed and said so.
    case guestError(message: String, code: UInt32)
    /// A host function threw, and the guest did not handle it. `error` is what it threw.
    case hostFunction(name: String, error: any Error)
    /// The guest called a host function that is not registered, and did not handle that.
    case unknownHostFunction(name: String, available: [String])
    /// The guest called a host function with another signature, and did not handle that.
    case hostSignatureMismatch(name: String, expected: GuestSignature, found: GuestSignature)
    /// A host function's result does not fit the mailbox, and the guest did not handle that.
    case hostResultTooLarge(name: String, byteCount: Int, limit: Int)
    /// A result is larger than the mailbox.
    case valueTooLarge(function: String, byteCount: UInt64, limit: Int)
    /// A string result is not UTF-8.
    case invalidUTF8(function: String)

    // After a call: the status is `poisoned`.

    /// A string or byte result points to memory that is not the guest's to read.
    case invalidPointer(function: String, address: UInt64, byteCount: UInt64)
    /// The guest's code faulted, gave up or broke the ABI.
    ///
    /// Indirect: a fault knows a lot, and every result of a batch has room for any error.
    indirect case fault(GuestFault)
    /// The call had not ended at its deadline. (A deadline already past runs nothing and leaves `ready`.)
    case deadlineExceeded
    /// An `InterruptHandle` stopped the call.
    case interrupted
}

extension SandboxError {
    public var description: String {
        switch self {
        case .machine(let error): error.description
        case .invalidConfiguration(let name, let value, let expected):
            "Configuration: \(name) is \(value); expected \(expected)."
        case .guestFileUnreadable(let path, let reason): "Guest file \(path) cannot be read: \(reason)."
        case .invalidGuest(let error): "Invalid guest: \(error)."
        case .abiVersionMismatch(let guest, let host):
            "The guest was built for ABI version \(guest), this engine speaks version \(host). "
                + "Rebuild the guest with this engine's SDK."
        case .noExports: "The guest exports no function. Export at least one (PALIMPSEST_EXPORT in C, export in Swift)."
        case .invalidExport(let index, let reason): "Entry \(index) of the guest's export table is invalid: \(reason)."
        case .invalidHostFunction(let name, let reason): "Host function '\(name)' cannot be registered: \(reason)."
        case .unknownFunction(let name, let available):
            "The guest exports no function '\(name)'. It exports: \(list(available))."
        case .signatureMismatch(let function, let expected, let found):
            "'\(function)' is \(expected), but was called as \(found)."
        case .foreignFunction(let name): "The handle of '\(name)' belongs to another guest. Look it up in this sandbox."
        case .argumentsTooLarge(let function, let byteCount, let limit):
            "The arguments of '\(function)' need \(byteCount) bytes more than fit: the mailbox holds \(limit). "
                + "Raise mailboxByteCount."
        case .invalidValue(let text, let type): "'\(text)' is not a value of type \(type)."
        case .callInProgress:
            "The sandbox is running a call. One call at a time; a host function cannot call back into its sandbox."
        case .poisoned:
            "The sandbox is poisoned by an earlier fault, deadline or interrupt. Restore a snapshot, or make a new one."
        case .unrecoverable(let reason):
            "The virtual machine can no longer be trusted: \(reason). Restore a snapshot, or make a new sandbox."
        case .hostFunctionRequired(let name, let expected, let found):
            "The snapshot's guest may call host function '\(name)', \(expected), "
                + (found.map { "but it is registered as \($0)." } ?? "which is not registered.")
        case .snapshotTooLarge(let byteCount, let limit):
            "The snapshot's newest layer would have \(byteCount) bytes; \(limit) are left for it."
        case .invalidMapping(let address, let byteCount, let reason):
            "\(byteCount) bytes cannot be mapped at \(hex(address)): \(reason)."
        case .mappedFileChanged(let path, let reason):
            "Mapped file \(path) is not what it was: \(reason). Map it again and take a new snapshot."
        case .mappedFileUnreadable(let path, let reason): "Mapped file \(path) cannot be read: \(reason)."
        case .ringUnavailable(let error): "io_uring is not available: \(error). Use the strategy automatic or copy."
        case .guestError(let message, let code): "The guest function failed (code \(code)): \(message)"
        case .hostFunction(let name, let error): "Host function '\(name)' threw: \(error)"
        case .unknownHostFunction(let name, let available):
            "The guest called host function '\(name)', which is not registered. Registered: \(list(available))."
        case .hostSignatureMismatch(let name, let expected, let found):
            "Host function '\(name)' is \(expected), but the guest called it as \(found)."
        case .hostResultTooLarge(let name, let byteCount, let limit):
            "The result of host function '\(name)' has \(byteCount) bytes; \(limit) fit the mailbox. "
                + "Raise mailboxByteCount."
        case .valueTooLarge(let function, let byteCount, let limit):
            "'\(function)' returned \(byteCount) bytes; at most \(limit) are accepted. Raise mailboxByteCount."
        case .invalidUTF8(let function): "'\(function)' returned a string that is not UTF-8. Return bytes instead."
        case .invalidPointer(let function, let address, let byteCount):
            "'\(function)' returned \(byteCount) bytes at \(hex(address)), which is not all readable guest memory."
        case .fault(let fault): "Guest fault: \(fault)."
        case .deadlineExceeded: "The call had not ended at its deadline."
        case .interrupted: "The call was interrupted."
        }
    }

    private func list(_ names: [String]) -> String {
        names.isEmpty ? "none" : names.prefix(32).joined(separator: ", ") + (names.count > 32 ? ", ..." : "")
    }
}

extension SandboxError {
    /// What it means to a sandbox that its machine cannot have the memory that it was to have.
    init(_ error: GuestMemoryError) {
        switch error {
        case .machine(let error): self = .machine(error)
        case .scratchTooSmall(let byteCount, let purpose):
            self = .invalidConfiguration(name: "scratchByteCount", value: byteCount, expected: "enough for \(purpose)")
        case .fileUnreadable(let path):
            self = .mappedFileUnreadable(path: path, reason: "it is shorter than when it was mapped")
        }
    }

    /// What it means that `function` has left no value behind.
    init(_ error: GuestValueError, from function: String) {
        switch error {
        case .tooLarge(let byteCount, let limit):
            self = .valueTooLarge(function: function, byteCount: byteCount, limit: limit)
        case .invalidPointer(let address, let byteCount):
            self = .invalidPointer(function: function, address: address, byteCount: byteCount)
        case .invalidUTF8: self = .invalidUTF8(function: function)
        }
    }
}
