extension SandboxError {
    /// The case's name, without its values: for metrics, spans and programs.
    public var name: String {
        switch self {
        case .machine: "machine"
        case .invalidConfiguration: "invalidConfiguration"
        case .guestFileUnreadable: "guestFileUnreadable"
        case .invalidGuest: "invalidGuest"
        case .abiVersionMismatch: "abiVersionMismatch"
        case .noExports: "noExports"
        case .invalidExport: "invalidExport"
        case .invalidHostFunction: "invalidHostFunction"
        case .unknownFunction: "unknownFunction"
        case .signatureMismatch: "signatureMismatch"
        case .foreignFunction: "foreignFunction"
        case .argumentsTooLarge: "argumentsTooLarge"
        case .invalidValue: "invalidValue"
        case .callInProgress: "callInProgress"
        case .poisoned: "poisoned"
        case .unrecoverable: "unrecoverable"
        case .hostFunctionRequired: "hostFunctionRequired"
        case .snapshotTooLarge: "snapshotTooLarge"
        case .invalidMapping: "invalidMapping"
        case .mappedFileChanged: "mappedFileChanged"
        case .mappedFileUnreadable: "mappedFileUnreadable"
        case .ringUnavailable: "ringUnavailable"
        case .guestError: "guestError"
        case .hostFunction: "hostFunction"
        case .unknownHostFunction: "unknownHostFunction"
        case .hostSignatureMismatch: "hostSignatureMismatch"
        case .hostResultTooLarge: "hostResultTooLarge"
        case .valueTooLarge: "valueTooLarge"
        case .invalidUTF8: "invalidUTF8"
        case .invalidPointer: "invalidPointer"
        case .fault: "fault"
        case .deadlineExceeded: "deadlineExceeded"
        case .interrupted: "interrupted"
        }
    }
}

extension SandboxError {
    /// The guest, or the machine under it, went wrong: the sandbox is `poisoned` or `unrecoverable`.
    package var isFault: Bool {
        switch self {
        case .fault, .invalidPointer, .unrecoverable, .mappedFileUnreadable: true
        default: false
        }
    }
}
