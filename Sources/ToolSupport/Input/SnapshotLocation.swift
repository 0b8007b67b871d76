import ArgumentParser
import Glibc
import Palimpsest
import PalimpsestStore

/// A snapshot as named on the command line: `DIR:TAG` or `DIR@sha256:DIGEST`.
package struct SnapshotLocation: ExpressibleByArgument, Equatable, Sendable {
    package let directory: String
    /// A tag, or a digest.
    package let reference: String

    package init(directory: String, reference: String) {
        self.directory = directory
        self.reference = reference
    }

    /// Nil if `text` has neither form.
    package init?(argument text: String) {
        let digest = "@sha256:"
        if let at = SnapshotLocation.lastIndex(of: digest, in: text) {
            self.init(directory: String(text[..<at]), reference: String(text[at...].dropFirst()))
        } else if let colon = text.lastIndex(of: ":") {
            self.init(directory: String(text[..<colon]), reference: String(text[colon...].dropFirst()))
        } else {
            return nil
        }
        guard !directory.isEmpty, !reference.isEmpty, !reference.contains("/") else { return nil }
    }

    private static func lastIndex(of part: String, in text: String) -> String.Index? {
        text.indices.last { text[$0...].hasPrefix(part) }
    }

    /// Where a guest is meant that may be a file as well: files win, and a folder that is not there is none.
    package init?(guest text: String) {
        var status = stat()
        guard stat(text, &status) != 0, let location = SnapshotLocation(argument: text),
            stat(location.directory, &status) == 0, status.st_mode & S_IFMT == S_IFDIR
        else { return nil }
        self = location
    }

    /// The files of its store.
    package var files: [String] {
        let blobs = "\(directory)/blobs/sha256"
        var files = ["\(directory)/index.json", "\(directory)/oci-layout"]
        guard let stream = opendir(blobs) else { return files }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { $0.prefix { $0 != 0 }.map(\.self) }
            files.append("\(blobs)/\(String(decoding: name, as: UTF8.self))")
        }
        return files
    }

    package var description: String {
        reference.hasPrefix("sha256:") ? "\(directory)@\(reference)" : "\(directory):\(reference)"
    }

    /// What it means now, and from now on: by digest.
    package func fixed() throws(ToolError) -> SnapshotLocation {
        let store = try store()
        let digest = try ToolError.ofStore { () throws(SnapshotStoreError) in try store.inspect(reference).digest }
        return SnapshotLocation(directory: directory, reference: digest.description)
    }

    /// Opens the snapshot.
    package func load(
        verify: SnapshotVerification, allowedFiles: [String]
    ) throws(ToolError) -> Snapshot {
        let store = try store()
        return try ToolError.ofStore { () throws(SnapshotStoreError) in
            try store.load(reference, verify: verify, allowedFiles: allowedFiles)
        }
    }

    package func store(create: Bool = false) throws(ToolError) -> SnapshotStore {
        try SnapshotLocation.store(directory, create: create)
    }

    package static func store(_ directory: String, create: Bool = false) throws(ToolError) -> SnapshotStore {
        try ToolError.ofStore { () throws(SnapshotStoreError) in
            try SnapshotStore(at: directory, create: create)
        }
    }
}
