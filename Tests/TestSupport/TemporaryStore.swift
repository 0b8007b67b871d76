import Foundation
import MicroVM
import Palimpsest
import PalimpsestStore
import Testing

/// A folder for a store, which goes with its owner.
package final class TemporaryStore: Sendable {
    package let path: String

    package init(in folder: URL = FileManager.default.temporaryDirectory) {
        path = folder.appendingPathComponent("palimpsest-\(UUID().uuidString)").path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    package var blobNames: Set<String> {
        get throws { Set(try FileManager.default.contentsOfDirectory(atPath: path + "/blobs/sha256")) }
    }

    package func blob(_ digest: BlobDigest) -> String { "\(path)/blobs/sha256/\(digest.hexadecimal)" }

    /// Every file and what is in it.
    package func contents() throws -> [String: Data] {
        var found: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: path) {
            if let data = FileManager.default.contents(atPath: "\(path)/\(name)") { found[name] = data }
        }
        return found
    }
}

/// All memory a guest can read, region by region, as the host sees it. The constants page is left out: every sandbox
/// has its own.
package func guestMemory(_ sandbox: Sandbox) throws -> [String: [UInt8]] {
    var found: [String: [UInt8]] = [:]
    for mapping in sandbox.machine.memory.image.regions.mappings {
        let region = mapping.region
        guard region.access.contains(.read), region.label != .constants else { continue }
        let span = GuestSpan(address: region.guest.lowerBound.rawValue, byteCount: UInt64(region.byteCount))
        found["\(region)"] = try sandbox.machine.memory.bytes(span)
    }
    return found
}

/// The error of a store that `body` throws; records an issue if it throws none.
package func storeError(of body: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation)
    -> SnapshotStoreError?
{
    do {
        try body()
        Issue.record("expected an error, got none", sourceLocation: sourceLocation)
    } catch let error as SnapshotStoreError {
        return error
    } catch {
        Issue.record("expected a SnapshotStoreError, got \(error)", sourceLocation: sourceLocation)
    }
    return nil
}
