import ArgumentParser

/// What the tool exits with: few codes, from `sysexits.h` where it has one that fits.
package enum ToolExit: Int32, CaseIterable {
    case success = 0
    case guestFailed = 1
    case usage = 64  // EX_USAGE
    case badFile = 66  // EX_NOINPUT
    case unavailable = 69  // EX_UNAVAILABLE
    case failure = 70  // EX_SOFTWARE
    case outputFailed = 74  // EX_IOERR

    package var code: ExitCode { ExitCode(rawValue) }

    package var meaning: String {
        switch self {
        case .success: "success"
        case .guestFailed: "the guest failed: error, fault or deadline, or it does not compile"
        case .usage: "wrong arguments"
        case .badFile: "a file could not be read or written, or is not a guest"
        case .unavailable: "KVM, memory or the compilers are not available on this machine"
        case .failure: "anything else; please report it"
        case .outputFailed: "standard output or standard error could not be written: what was to be there is missing"
        }
    }

    /// For `--help`.
    package static var table: String {
        "Exit codes:\n"
            + allCases.map { "  \($0.rawValue < 10 ? "  " : " ")\($0.rawValue)  \($0.meaning)" }
            .joined(separator: "\n")
    }
}
