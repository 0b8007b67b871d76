import PalimpsestGuest

/// A file that the binary carries.
struct EmbeddedFile {
    let path: String
    let bytes: [UInt8]

    static var sdk: [EmbeddedFile] { all(pal_sdk_files) }
    static var examples: [EmbeddedFile] { all(pal_example_files) }

    private static func all(
        _ list: (UnsafeMutablePointer<Int>) -> UnsafePointer<pal_embedded_file>
    ) -> [EmbeddedFile] {
        var count = 0
        let first = list(&count)
        return UnsafeBufferPointer(start: first, count: count).map {
            EmbeddedFile(
                path: String(cString: $0.path), bytes: Array(UnsafeBufferPointer(start: $0.bytes, count: $0.count)))
        }
    }
}
