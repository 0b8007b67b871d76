import GuestABI
import MicroVM
import SystemPackage

/// What can be wrong with a store, or with what is done to it. One case a cause; each names the file and, where there
/// is one, the field, as a path from the file's root such as `regions[3].label`.
///
/// After an error a store is as it was.
public enum SnapshotStoreError: Error, Sendable, Equatable, CustomStringConvertible {
    // The files.

    /// There is no store there, or something else is.
    case notAStore(path: String, reason: String)
    /// A file cannot be opened or read, or is no regular file.
    case unreadable(path: String, reason: String)
    /// A file or folder cannot be made, written or renamed: no permission, no space.
    case unwritable(path: String, reason: String)
    /// A blob that is referred to is not there.
    case blobMissing(path: String)
    /// A blob has another size than its descriptor says, in bytes.
    case wrongSize(path: String, expected: Int, found: Int)
    /// A blob's content has another SHA-256 than its name.
    case wrongDigest(path: String, expected: BlobDigest, found: BlobDigest)
    /// A file is larger than any that is accepted.
    case fileTooLarge(path: String, byteCount: Int, limit: Int)
    /// A file's content is not what the format says.
    case invalid(path: String, field: String, reason: String)

    // The references.

    /// Text that is no tag and no digest.
    case invalidReference(reference: String)
    /// There is nothing of that tag or digest.
    case unknownReference(reference: String, path: String, available: [String])
    /// Several entries of the index have the same tag.
    case ambiguousTag(tag: String, path: String)
    /// What the reference means is no snapshot.
    case notASnapshot(reference: String, mediaType: String)

    // What a snapshot needs, and what is here.

    case unsupportedFormat(path: String, found: String, supported: String)
    case wrongArchitecture(needed: String, here: String)
    case abiVersionMismatch(snapshot: UInt32, engine: UInt32)
    case engineTooOld(needed: String, here: String)
    /// The processor lacks instructions that the snapshot's guest has seen, and may have chosen to use.
    case processorLacks(features: [String], here: [String])
    /// A snapshot has a file of the host's mapped, and the caller has not allowed that.
    case fileNotAllowed(file: String, path: String)
    /// A file that a snapshot has mapped is not what it was.
    case mappedFileChanged(file: String, reason: String)

    // What cannot be done.

    /// A snapshot has more of something than the format can hold.
    case tooLarge(what: String, count: Int, limit: Int)
    /// An entry of the index is of a kind whose references are unknown: nothing can be said to be unused.
    case unknownReferences(digest: BlobDigest, mediaType: String)
    case machine(MachineError)

    public var description: String {
        switch self {
        case .notAStore(let path, let reason): "\(path) is not a snapshot store: \(reason)."
        case .unreadable(let path, let reason): "\(path) cannot be read: \(reason)."
        case .unwritable(let path, let reason): "\(path) cannot be written: \(reason)."
        case .blobMissing(let path): "Blob \(path) is missing: copy the snapshot into this store again."
        case .wrongSize(let path, let expected, let found):
            "\(path) has \(found) bytes; its descriptor says \(expected). Copy the snapshot into this store again."
        case .wrongDigest(let path, let expected, let found):
            "The content of \(path) is damaged: expected \(expected), found \(found)."
        case .fileTooLarge(let path, let byteCount, let limit):
            "\(path) has \(byteCount) bytes; at most \(limit) are accepted."
        case .invalid(let path, let field, let reason):
            "\(path) is not valid\(field.isEmpty ? "" : ", field \(field)"): \(reason)."
        case .invalidReference(let reference):
            "'\(GuestText.escaped(reference))' is no reference: expected a tag (letters, digits, '.', '_' and '-'; at "
                + "most 128, the first no '.' or '-') or sha256: and 64 hexadecimal digits."
        case .unknownReference(let reference, let path, let available):
            "There is no '\(reference)' in \(path). Tags there: \(SnapshotStoreError.list(available))."
        case .ambiguousTag(let tag, let path):
            "\(path) has several entries tagged '\(tag)': use a digest, or set the tag anew."
        case .notASnapshot(let reference, let mediaType):
            "'\(reference)' is no Palimpsest snapshot but \(mediaType)."
        case .unsupportedFormat(let path, let found, let supported):
            "\(path) is of format \(found); this engine reads \(supported). Use a newer engine."
        case .wrongArchitecture(let needed, let here):
            "The snapshot needs a processor of architecture \(needed); this is \(here)."
        case .abiVersionMismatch(let snapshot, let engine):
            "The snapshot's guest speaks version \(snapshot) of the ABI, this engine version \(engine). Take the "
                + "snapshot again with this engine."
        case .engineTooOld(let needed, let here):
            "The snapshot needs engine version \(needed) or newer of the same series; this is \(here)."
        case .processorLacks(let features, let here):
            "The snapshot needs a processor with \(features.joined(separator: " ")); this one has "
                + "\(here.joined(separator: " ")). Take the snapshot again on a processor like this one."
        case .fileNotAllowed(let file, let path):
            "The snapshot in \(path) has file \(file) mapped; loading it must allow that file by name."
        case .mappedFileChanged(let file, let reason): "Mapped file \(file) is not what it was: \(reason)."
        case .tooLarge(let what, let count, let limit):
            "The snapshot has \(count) \(what); the format holds \(limit)."
        case .unknownReferences(let digest, let mediaType):
            "\(digest) is of type \(mediaType), whose references are not known: nothing was removed. Remove it first."
        case .machine(let error): error.description
        }
    }

    private static func list(_ names: [String]) -> String {
        let shown = names.prefix(32).map { GuestText.excerpt($0, 128) }.joined(separator: ", ")
        return names.isEmpty ? "none" : shown + (names.count > 32 ? ", ..." : "")
    }
}
