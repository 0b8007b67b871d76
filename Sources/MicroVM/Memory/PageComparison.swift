import CPalimpsest
import Glibc

/// Comparing a page with its pristine content.
enum PageComparison {
    /// A page of zeros.
    nonisolated(unsafe) static let zeros = UnsafeRawPointer(
        UnsafeMutableRawBufferPointer.allocate(byteCount: pageByteCount, alignment: pageByteCount)
            .initializeMemory(as: UInt8.self, repeating: 0).baseAddress.unsafelyUnwrapped)

    static func isZero(_ page: UnsafeRawPointer) -> Bool { memcmp(page, zeros, pageByteCount) == 0 }

    /// A page that a file has lost is equal to nothing.
    static func isEqual(_ page: UnsafeRawPointer, _ content: PageMap.Content) -> Bool {
        switch content {
        case .zero: isZero(page)
        case .layer(let layer, let offset):
            layer.mayVanish
                ? pal_equal_guarded(page, layer.bytes(at: offset), pageByteCount) == 1
                : memcmp(page, layer.bytes(at: offset), pageByteCount) == 0
        }
    }
}
