/// How much of what guests log goes on to the embedder's logger: so many lines and bytes a second, and at once after a
/// quiet time. What is beyond either is dropped and counted.
public struct GuestLogLimit: Sendable, Hashable {
    /// Lines a second in the long run: 1 to 1,000,000.
    public var linesPerSecond: Int
    /// Bytes of text a second in the long run, as the guest wrote them (escaping makes at most five out of one): 1 to
    /// 1 GiB.
    public var bytesPerSecond: Int
    /// Lines at once: 1 to 1,000,000.
    public var burstLines: Int
    /// Bytes at once: 4,096, the longest line, to 1 GiB.
    public var burstBytes: Int

    public static let lineRange = 1...1_000_000
    public static let byteRange = 1...(1 << 30)
    public static let burstByteRange = 4_096...(1 << 30)

    /// By default, for one sandbox: 1,000 lines and 256 KiB a second, and 1,000 lines and 1 MiB at once.
    public init(
        linesPerSecond: Int = 1_000, bytesPerSecond: Int = 256 << 10, burstLines: Int = 1_000,
        burstBytes: Int = 1 << 20
    ) {
        self.linesPerSecond = linesPerSecond
        self.bytesPerSecond = bytesPerSecond
        self.burstLines = burstLines
        self.burstBytes = burstBytes
    }

    /// `count` times as much of everything, as far as that goes: of several sandboxes together.
    public func times(_ count: Int) -> GuestLogLimit {
        func product(_ value: Int, _ range: ClosedRange<Int>) -> Int {
            let (product, overflow) = value.multipliedReportingOverflow(by: max(1, count))
            return overflow ? range.upperBound : min(product, range.upperBound)
        }
        return GuestLogLimit(
            linesPerSecond: product(linesPerSecond, GuestLogLimit.lineRange),
            bytesPerSecond: product(bytesPerSecond, GuestLogLimit.byteRange),
            burstLines: product(burstLines, GuestLogLimit.lineRange),
            burstBytes: product(burstBytes, GuestLogLimit.burstByteRange))
    }

    /// - Parameter name: the setting's.
    /// - Throws: `SandboxError.invalidConfiguration`, naming the first number that is out of range.
    package func validate(_ name: String) throws(SandboxError) {
        let numbers = [
            ("linesPerSecond", linesPerSecond, GuestLogLimit.lineRange),
            ("bytesPerSecond", bytesPerSecond, GuestLogLimit.byteRange),
            ("burstLines", burstLines, GuestLogLimit.lineRange),
            ("burstBytes", burstBytes, GuestLogLimit.burstByteRange),
        ]
        for (field, value, range) in numbers where !range.contains(value) {
            throw .invalidConfiguration(
                name: "\(name).\(field)", value: value, expected: "\(range.lowerBound) to \(range.upperBound)")
        }
    }
}
