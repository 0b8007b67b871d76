import GuestToolchain
import ToolSupport

extension ToolError {
    /// What a failed build means for the tool. The compilers' own output is part of the message.
    init(_ error: GuestBuildError) {
        let (exit, kind): (ToolExit, String) =
            switch error {
            case .toolNotFound: (.unavailable, "toolNotFound")
            case .embeddedLibraryNotFound: (.unavailable, "embeddedLibraryNotFound")
            case .noSources: (.usage, "noSources")
            case .unknownSourceKind: (.usage, "unknownSourceKind")
            case .outputNotAFile: (.badFile, "outputNotAFile")
            case .outputIsSource: (.usage, "outputIsInput")
            case .sourceNotFound: (.badFile, "sourceNotFound")
            case .fileSystem: (.badFile, "fileSystem")
            case .toolFailed: (.guestFailed, "toolFailed")
            }
        self.init(exit, kind: kind, error.description.trimmingNewlines)
    }
}

extension String {
    /// Without the newlines at its end.
    fileprivate var trimmingNewlines: String {
        var text = self[...]
        while text.last?.isNewline == true { text.removeLast() }
        return String(text)
    }
}
