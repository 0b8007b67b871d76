import Palimpsest

extension ToolError {
    /// What an engine's error means for the tool. Guests choose parts of these messages, so control characters in
    /// them are escaped: a guest must not drive the reader's terminal.
    package init(_ error: SandboxError) {
        let (exit, kind) = ToolError.classify(error)
        self.init(exit, kind: kind, Terminal.escaped(error.description + ToolError.advice(for: error)))
    }

    private static func classify(_ error: SandboxError) -> (ToolExit, String) {
        switch error {
        case .machine: (.unavailable, "machine")
        case .invalidConfiguration: (.usage, "invalidConfiguration")
        case .guestFileUnreadable: (.badFile, "guestFileUnreadable")
        case .invalidGuest: (.badFile, "invalidGuest")
        case .abiVersionMismatch: (.badFile, "abiVersionMismatch")
        case .noExports: (.badFile, "noExports")
        case .invalidExport: (.badFile, "invalidExport")
        case .invalidHostFunction: (.failure, "invalidHostFunction")
        case .unknownFunction: (.usage, "unknownFunction")
        case .signatureMismatch: (.usage, "signatureMismatch")
        case .foreignFunction: (.failure, "foreignFunction")
        case .argumentsTooLarge: (.usage, "argumentsTooLarge")
        case .invalidValue: (.usage, "invalidValue")
        case .callInProgress: (.failure, "callInProgress")
        case .poisoned: (.failure, "poisoned")
        case .unrecoverable: (.failure, "unrecoverable")
        case .hostFunctionRequired: (.usage, "hostFunctionRequired")
        case .snapshotTooLarge: (.usage, "snapshotTooLarge")
        case .invalidMapping: (.usage, "invalidMapping")
        case .mappedFileChanged: (.badFile, "mappedFileChanged")
        case .mappedFileUnreadable: (.badFile, "mappedFileUnreadable")
        case .ringUnavailable: (.unavailable, "ringUnavailable")
        case .guestError: (.guestFailed, "guestError")
        case .hostFunction: (.guestFailed, "hostFunction")
        case .unknownHostFunction: (.guestFailed, "unknownHostFunction")
        case .hostSignatureMismatch: (.guestFailed, "hostSignatureMismatch")
        case .hostResultTooLarge: (.guestFailed, "hostResultTooLarge")
        case .valueTooLarge: (.guestFailed, "valueTooLarge")
        case .invalidUTF8: (.guestFailed, "invalidUTF8")
        case .invalidPointer: (.guestFailed, "invalidPointer")
        case .fault: (.guestFailed, "fault")
        case .deadlineExceeded: (.guestFailed, "deadlineExceeded")
        case .interrupted: (.guestFailed, "interrupted")
        }
    }

    /// What to do about it from the command line, where the engine's message speaks to embedders.
    private static func advice(for error: SandboxError) -> String {
        switch error {
        case .machine: " 'palimpsest doctor' says what is missing."
        case .unknownHostFunction: " The command line offers guests no host functions; the library does."
        case .argumentsTooLarge, .valueTooLarge, .hostResultTooLarge: " On the command line: --mailbox SIZE."
        default: ""
        }
    }
}
