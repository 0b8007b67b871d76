import Palimpsest

extension ToolError {
    /// What an engine's error means for the tool. Guests choose parts of these messages, so control characters in
    /// them are escaped: a guest must not drive the reader's terminal.
    package init(_ error: SandboxError) {
        var details: [Details] = []
        if case .fault(let fault) = error {
            details = [Details(text: FaultReport.text(fault), name: "fault", json: FaultReport.json(fault))]
        }
        self.init(
            ToolError.exit(for: error), kind: error.name,
            Terminal.escaped(error.description + ToolError.advice(for: error)), details: details)
    }

    private static func exit(for error: SandboxError) -> ToolExit {
        switch error {
        case .machine, .ringUnavailable: .unavailable
        case .invalidConfiguration, .unknownFunction, .signatureMismatch, .argumentsTooLarge, .invalidValue,
            .hostFunctionRequired, .snapshotTooLarge, .invalidMapping:
            .usage
        case .guestFileUnreadable, .invalidGuest, .abiVersionMismatch, .noExports, .invalidExport, .mappedFileChanged,
            .mappedFileUnreadable:
            .badFile
        case .invalidHostFunction, .foreignFunction, .callInProgress, .poisoned, .unrecoverable: .failure
        case .guestError, .hostFunction, .unknownHostFunction, .hostSignatureMismatch, .hostResultTooLarge,
            .valueTooLarge, .invalidUTF8, .invalidPointer, .fault, .deadlineExceeded, .interrupted:
            .guestFailed
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
