import CPalimpsest
import Foundation
import Testing

@testable import Palimpsest

@Suite("Very last attempts to break the engine", .serialized)
struct BreakTests5 {
    @Test("the error of a lost page names the file that lost it")
    func wrongFileBlamed() throws {
        let one = try TemporaryFile(byteCount: 4 * 4096)
        let two = try TemporaryFile(byteCount: 4 * 4096)
        let sandbox = try BreakTests.make()
        try sandbox.mapFile(one.path, at: 0x2_0000_0000)
        try sandbox.mapFile(two.path, at: 0x2_1000_0000)
        try two.resize(to: 100)
        let error = caughtError { _ = try sandbox.call("readByte", 0x2_1000_3000 as UInt64) as UInt8 }
        guard case .mappedFileUnreadable(let path, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(path == two.path)
    }

    @Test("large layers that replace each other do not use up the place for layers")
    func largeLayers() throws {
        let sandbox = try BreakTests.make(SandboxConfiguration(heapByteCount: 160 << 20))
        let heap: UInt64 = try sandbox.call("heapAddress")
        for round in 0..<700 {
            // 64 MiB here, then 64 MiB there: never more than 128 MiB that anybody needs. One byte a page differs.
            let half = heap + UInt64(round % 2) * (80 << 20)
            if round < 2 { try sandbox.call("writeEvery", half, 16_384 as UInt64, 4096 as UInt64) }
            let memory = sandbox.machine.memory
            for page in memory.tracked.contents
            where page.address.rawValue >= half && page.address.rawValue < half + (64 << 20) {
                UnsafeMutableRawPointer(mutating: page.bytes).storeBytes(of: UInt64(round + 1), as: UInt64.self)
            }
            do { _ = try sandbox.snapshot() } catch {
                Issue.record("snapshot \(round): \(error)")
                return
            }
        }
    }

    @Test("an encoder does not write beyond its stack words, whatever a conforming type does")
    func greedyValue() throws {
        struct Greedy: GuestValue {
            static var guestType: GuestValueType { .int64 }
            func encode(into encoder: inout GuestValueEncoder) {
                for _ in 0..<400 { Int64(0x4141_4141).encode(into: &encoder) }
            }
            static func decode(from decoder: GuestValueDecoder) throws(SandboxError) -> Greedy { Greedy() }
        }
        let sandbox = try makeBehaved()
        do {
            let r: Int64 = try sandbox.call("echoInt64", Greedy())
            print("greedy:", r)
        } catch { print("greedy:", error) }
        let mailbox = UnsafeRawPointer(sandbox.machine.mailbox)
        let beyond = mailbox.loadUnaligned(fromByteOffset: 2048, as: UInt64.self)
        #expect(beyond != 0x4141_4141, "400 words were written from offset 136 on")
    }
}
