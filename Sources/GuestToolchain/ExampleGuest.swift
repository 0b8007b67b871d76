/// An example guest, source and all.
public struct ExampleGuest: Sendable {
    /// `greeter-c`, `greeter-swift`, `sha256`.
    public let name: String
    public let fileName: String
    public let source: [UInt8]

    public static var all: [ExampleGuest] {
        EmbeddedFile.examples.compactMap { file in
            let parts = file.path.split(separator: "/").map(String.init)
            return parts.count == 2 ? ExampleGuest(name: parts[0], fileName: parts[1], source: file.bytes) : nil
        }
    }
}
