extension SnapshotStoreError {
    /// The case's name, without its values: for spans and programs.
    public var name: String {
        switch self {
        case .notAStore: "notAStore"
        case .unreadable: "unreadable"
        case .unwritable: "unwritable"
        case .blobMissing: "blobMissing"
        case .wrongSize: "wrongSize"
        case .wrongDigest: "wrongDigest"
        case .fileTooLarge: "fileTooLarge"
        case .invalid: "invalid"
        case .invalidReference: "invalidReference"
        case .unknownReference: "unknownReference"
        case .ambiguousTag: "ambiguousTag"
        case .notASnapshot: "notASnapshot"
        case .unsupportedFormat: "unsupportedFormat"
        case .wrongArchitecture: "wrongArchitecture"
        case .abiVersionMismatch: "abiVersionMismatch"
        case .engineTooOld: "engineTooOld"
        case .processorLacks: "processorLacks"
        case .fileNotAllowed: "fileNotAllowed"
        case .mappedFileChanged: "mappedFileChanged"
        case .tooLarge: "tooLarge"
        case .unknownReferences: "unknownReferences"
        case .machine: "machine"
        }
    }
}
