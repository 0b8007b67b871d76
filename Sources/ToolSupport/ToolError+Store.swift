import Palimpsest

extension ToolError {
    /// What a store's error means for the tool. A store's content may be anybody's: control characters are escaped.
    package init(_ error: SnapshotStoreError) {
        let (exit, kind) = ToolError.classify(error)
        self.init(exit, kind: kind, Terminal.escaped(error.description))
    }

    /// Does something with a store.
    package static func ofStore<Result>(_ body: () throws(SnapshotStoreError) -> Result) throws(ToolError) -> Result {
        do throws(SnapshotStoreError) {
            return try body()
        } catch {
            throw ToolError(error)
        }
    }

    /// Does something with a sandbox.
    package static func ofSandbox<Result>(_ body: () throws(SandboxError) -> Result) throws(ToolError) -> Result {
        do throws(SandboxError) {
            return try body()
        } catch {
            throw ToolError(error)
        }
    }

    private static func classify(_ error: SnapshotStoreError) -> (ToolExit, String) {
        switch error {
        case .notAStore: (.badFile, "notAStore")
        case .unreadable: (.badFile, "unreadable")
        case .unwritable: (.badFile, "unwritable")
        case .blobMissing: (.badFile, "blobMissing")
        case .wrongSize: (.badFile, "wrongSize")
        case .wrongDigest: (.badFile, "wrongDigest")
        case .fileTooLarge: (.badFile, "fileTooLarge")
        case .invalid: (.badFile, "invalid")
        case .invalidReference: (.usage, "invalidReference")
        case .unknownReference: (.usage, "unknownReference")
        case .ambiguousTag: (.badFile, "ambiguousTag")
        case .notASnapshot: (.badFile, "notASnapshot")
        case .unsupportedFormat: (.badFile, "unsupportedFormat")
        case .wrongArchitecture: (.unavailable, "wrongArchitecture")
        case .abiVersionMismatch: (.badFile, "abiVersionMismatch")
        case .engineTooOld: (.badFile, "engineTooOld")
        case .processorLacks: (.unavailable, "processorLacks")
        case .fileNotAllowed: (.usage, "fileNotAllowed")
        case .mappedFileChanged: (.badFile, "mappedFileChanged")
        case .tooLarge: (.usage, "tooLarge")
        case .unknownReferences: (.badFile, "unknownReferences")
        case .machine: (.unavailable, "machine")
        }
    }
}
