import Crypto
import GuestABI
import SystemPackage

/// A snapshot's symbols in a store: opened when it is loaded, and read piece by piece whenever a fault wants names.
/// None of it is kept.
final class SymbolsBlob: Sendable {
    /// No line that a save has written is as long.
    private static let pieceByteCount = 1 << 20

    private let blob: OCIDescriptor
    private let descriptor: FileDescriptor

    /// - Parameter descriptor: is closed with this.
    init(_ blob: OCIDescriptor, _ descriptor: FileDescriptor) {
        self.blob = blob
        self.descriptor = descriptor
    }

    deinit { try? descriptor.close() }

    /// Lends whole lines.
    /// - Returns: whether the bytes were what the manifest says: a fault has no names if not.
    func forEachPiece(_ body: (SymbolRecords) -> Void) -> Bool {
        var hash = SHA256()
        var offset = 0
        var rest: [UInt8] = []
        while offset < blob.size {
            guard let bytes = try? read(at: offset, behind: rest) else { return false }
            bytes.withUnsafeBytes { hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: $0[rest.count...])) }
            offset += bytes.count - rest.count
            // The last piece may end without a line feed, and so may one that is a single line.
            let isLast = offset == blob.size
            let end = isLast ? bytes.endIndex : bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? bytes.endIndex
            rest = Array(bytes[end...])
            body(SymbolRecords(bytes: Array(bytes[..<end]), format: .lines))
        }
        return BlobDigest(hash.finalize()) == blob.digest
    }

    /// The next bytes, with `rest` in front of them.
    /// - Throws: `Errno` if there are none.
    private func read(at offset: Int, behind rest: [UInt8]) throws -> [UInt8] {
        let wanted = min(SymbolsBlob.pieceByteCount, blob.size - offset)
        return try [UInt8](unsafeUninitializedCapacity: rest.count + wanted) { buffer, count in
            let memory = UnsafeMutableRawBufferPointer(buffer)
            memory.copyBytes(from: rest)
            count = rest.count
            let place = UnsafeMutableRawBufferPointer(rebasing: memory[count...])
            let read = try descriptor.read(fromAbsoluteOffset: Int64(offset), into: place)
            guard read > 0 else { throw Errno.ioError }
            count += read
        }
    }
}
