/// SHA-256 (FIPS 180-4) with the part of swift-crypto's interface that the engine uses. Plain and slow: it stands in
/// for the real one where only the fuzzers need it.
public struct SHA256 {
    public typealias Digest = [UInt8]

    private static let constants: [UInt32] = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
        0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
        0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
        0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
        0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
        0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
    ]

    private var state: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]
    private var block: [UInt8] = []
    private var byteCount: UInt64 = 0

    public init() {}

    public mutating func update(data: some Sequence<UInt8>) {
        for byte in data { append(byte) }
    }

    public mutating func update(bufferPointer: UnsafeRawBufferPointer) { update(data: bufferPointer) }

    public func finalize() -> Digest {
        var copy = self
        let bitCount = byteCount &* 8
        copy.append(0x80)
        while copy.block.count != 56 { copy.append(0) }
        for index in 0..<8 { copy.append(UInt8(truncatingIfNeeded: bitCount >> UInt64(56 - index * 8))) }
        return copy.state.flatMap { word in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> $0) } }
    }

    private mutating func append(_ byte: UInt8) {
        block.append(byte)
        byteCount &+= 1
        guard block.count == 64 else { return }
        compress()
        block.removeAll(keepingCapacity: true)
    }

    private mutating func compress() {
        let words = withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { words in
            for index in 0..<16 {
                words[index] = block[index * 4..<index * 4 + 4].reduce(0) { $0 << 8 | UInt32($1) }
            }
            for index in 16..<64 {
                let (a, b) = (words[index - 15], words[index - 2])
                let small = SHA256.rotate(a, 7) ^ SHA256.rotate(a, 18) ^ a >> 3
                let large = SHA256.rotate(b, 17) ^ SHA256.rotate(b, 19) ^ b >> 10
                words[index] = words[index - 16] &+ small &+ words[index - 7] &+ large
            }
            return SHA256.rounds(state, words)
        }
        for index in 0..<8 { state[index] &+= words[index] }
    }

    private static func rounds(_ state: [UInt32], _ words: UnsafeMutableBufferPointer<UInt32>) -> [UInt32] {
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        var (e, f, g, h) = (state[4], state[5], state[6], state[7])
        for index in 0..<64 {
            let (one, two) = (
                rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22), rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
            )
            let first = h &+ two &+ (e & f ^ ~e & g) &+ constants[index] &+ words[index]
            let second = one &+ (a & b ^ a & c ^ b & c)
            (h, g, f, e, d, c, b, a) = (g, f, e, d &+ first, c, b, a, first &+ second)
        }
        return [a, b, c, d, e, f, g, h]
    }

    private static func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 { word >> count | word << (32 - count) }
}
