import Palimpsest
import PalimpsestStore

extension ToolError {
    /// What a store's error means for the tool. A store's content may be anybody's: control characters are escaped.
    package init(_ error: SnapshotStoreError) {
        self.init(ToolError.exit(for: error), kind: error.name, Terminal.escaped(error.description))
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

    private static func exit(for error: SnapshotStoreError) -> ToolExit {
        switch error {
        case .notAStore, .unreadable, .unwritable, .blobMissing, .wrongSize, .wrongDigest, .fileTooLarge, .invalid,
            .ambiguousTag, .notASnapshot, .unsupportedFormat, .abiVersionMismatch, .engineTooOld, .mappedFileChanged,
            .unknownReferences:
            .badFile
        case .invalidReference, .unknownReference, .fileNotAllowed, .tooLarge: .usage
        case .wrongArchitecture, .processorLacks, .machine: .unavailable
        }
    }
}
