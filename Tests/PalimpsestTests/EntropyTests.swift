import CPalimpsest
import Palimpsest
import TestSupport
import Testing

/// The key stream that guests' entropy is cut from.
@Suite("Entropy")
struct EntropyTests {
    /// A stream at a known place, as `pal_entropy_seed` leaves it at a random one.
    private static func stream(_ state: [UInt32], generation: UInt64 = 0) -> pal_entropy {
        var entropy = pal_entropy()
        withUnsafeMutableBytes(of: &entropy.state) { bytes in state.withUnsafeBytes { bytes.copyMemory(from: $0) } }
        entropy.generation = generation
        entropy.used = UInt32(PAL_ENTROPY_BLOCKS)
        return entropy
    }

    private static func next(_ entropy: inout pal_entropy) -> (block: [UInt32], generation: UInt64) {
        var constants = pal_constants()
        pal_entropy_refresh(&entropy, &constants)
        return (withUnsafeBytes(of: constants.entropy) { Array($0.bindMemory(to: UInt32.self)) }, constants.generation)
    }

    /// The block function as RFC 8439 has it (2.1 to 2.3).
    private static func block(_ state: [UInt32]) -> [UInt32] {
        var x = state
        func step(_ a: Int, _ b: Int, _ d: Int, _ count: UInt32) {
            x[a] &+= x[b]
            x[d] ^= x[a]
            x[d] = x[d] << count | x[d] >> (32 - count)
        }
        func quarter(_ a: Int, _ b: Int, _ c: Int, _ d: Int) {
            step(a, b, d, 16)
            step(c, d, b, 12)
            step(a, b, d, 8)
            step(c, d, b, 7)
        }
        for _ in 0..<10 {
            for column in 0..<4 { quarter(column, 4 + column, 8 + column, 12 + column) }
            for column in 0..<4 {
                quarter(column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4)
            }
        }
        return zip(x, state).map { $0 &+ $1 }
    }

    /// RFC 8439, 2.3.2: the key is the bytes 0 to 31, the block counter 1. Its 96-bit nonce reaches into what is the
    /// upper half of the counter here.
    private static let known: [UInt32] = [
        0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574, 0x0302_0100, 0x0706_0504, 0x0b0a_0908, 0x0f0e_0d0c,
        0x1312_1110, 0x1716_1514, 0x1b1a_1918, 0x1f1e_1d1c, 0x0000_0001, 0x0900_0000, 0x4a00_0000, 0x0000_0000,
    ]
    private static let knownBlock: [UInt32] = [
        0xe4e7_f110, 0x1559_3bd1, 0x1fdd_0f50, 0xc471_20a3, 0xc7f4_d1c7, 0x0368_c033, 0x9aaa_2204, 0x4e6c_d4c3,
        0x4664_82d2, 0x09aa_9f07, 0x05d7_c214, 0xa202_8bd9, 0xd19c_12b5, 0xb94e_16de, 0xe883_d0cb, 0x4e3c_50a2,
    ]

    @Test("the stream is ChaCha20's, block after block")
    func vectors() {
        #expect(EntropyTests.block(EntropyTests.known) == EntropyTests.knownBlock)
        var entropy = EntropyTests.stream(EntropyTests.known)
        #expect(EntropyTests.next(&entropy).block == EntropyTests.knownBlock)
        var state = EntropyTests.known
        for _ in 0..<100 {
            state[12] += 1
            #expect(EntropyTests.next(&entropy).block == EntropyTests.block(state))
        }
    }

    @Test("the counter carries into its upper half, within a batch of blocks and between two", arguments: 0...17)
    func carries(distance: UInt32) {
        var state = EntropyTests.known
        state[12] = 0 &- distance
        var entropy = EntropyTests.stream(state)
        for _ in 0..<40 {
            #expect(EntropyTests.next(&entropy).block == EntropyTests.block(state))
            state[12] &+= 1
            if state[12] == 0 { state[13] += 1 }
        }
    }

    @Test("making blocks ahead changes none of them, and a block handed out is gone")
    func ahead() {
        var one = EntropyTests.stream(EntropyTests.known, generation: 41)
        var other = one
        for index in 0..<50 {
            if index % 3 == 0 { pal_entropy_prepare(&other) }
            let (block, generation) = EntropyTests.next(&one)
            #expect(EntropyTests.next(&other) == (block, generation))
            #expect(generation == 42 + UInt64(index))
            // Nobody is to find it later in the host's memory.
            let kept = withUnsafeBytes(of: one.blocks) { Array($0.bindMemory(to: UInt32.self)) }
            #expect(kept.prefix(16 * Int(one.used)).allSatisfy { $0 == 0 })
        }
    }

    @Test("no two of the first thousand blocks of several sandboxes are alike, and generations count")
    func distinct() throws {
        let first = try Scribe.make()
        let snapshot = try first.snapshot()
        let sandboxes = [
            first, try Sandbox(from: snapshot), try Sandbox(from: snapshot, configuration: Resident.configuration()),
        ]
        var seen: Set<[UInt8]> = []
        for sandbox in sandboxes {
            var last = try sandbox.generation()
            for _ in 0..<1_000 {
                try sandbox.restore(snapshot)
                let generation = try sandbox.generation()
                #expect(generation == last &+ 1)
                last = generation
                let page = try sandbox.constantsPage()
                seen.insert(Array(page[592..<656]))
            }
        }
        #expect(seen.count == 3_000)
        // Nor any half or quarter of one.
        let quarters = seen.flatMap { block in (0..<4).map { Array(block[$0 * 16..<$0 * 16 + 16]) } }
        #expect(Set(quarters).count == 12_000)
    }
}
