import CPalimpsest
import Foundation
import Testing

@testable import Palimpsest

@Suite("Last attempts to break the engine", .serialized)
struct BreakTests4 {
    @Test("mutated ELF files end in an error or an image")
    func mutatedELF() async throws {
        await #expect(processExitsWith: .success) {
            var random = SplitMix(state: 99)
            let good = BreakTests.breaker
            let sections = good.withUnsafeBytes { Int($0.loadUnaligned(fromByteOffset: 40, as: UInt64.self)) }
            let interesting: [UInt64] = [
                0, 1, 0xfff, 0x1000, 0x3fff_ffff, 0x4000_0000, 0x7fff_ffff, 0xffff_ffff, 1 << 47, 1 << 63, .max,
                .max - 4095, UInt64(good.count),
            ]
            var accepted = 0
            for _ in 0..<30_000 {
                var bytes = good
                for _ in 0..<Int(1 + random.next() % 4) {
                    let inSections = random.next() % 3 == 0
                    let offset =
                        inSections
                        ? min(good.count - 8, sections + Int(random.next() % UInt64(max(1, good.count - sections))))
                        : Int(random.next() % 512)
                    let width = [1, 2, 4, 8][Int(random.next() % 4)]
                    let value =
                        random.next() % 2 == 0
                        ? interesting[Int(random.next() % UInt64(interesting.count))] : random.next()
                    for index in 0..<width where offset + index < bytes.count {
                        bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
                    }
                }
                guard let image = try? ELFImage(bytes) else { continue }
                accepted += 1
                let symbols = SymbolTable(image)
                for address in [0, image.entry, image.entry &+ 100, .max] { _ = symbols.name(at: address) }
                if accepted % 20 == 0 {
                    _ = try? MemoryImage(image, sizes: SandboxConfiguration().scratchSizes).tables()
                }
            }
            print("accepted", accepted)
            exit(accepted > 100 ? 0 : 6)
        }
    }

    @Test("control for danglingRunArea: the same without anyone who interrupts")
    func danglingControl() async throws {
        await #expect(processExitsWith: .success) {
            let file = try TemporaryFile(byteCount: 8 * 4096)
            let sandbox = try makeHostile()
            let before = try sandbox.snapshot()
            try sandbox.mapFile(file.path, at: 0x2_0000_0000)
            do { _ = try Scribe.make() }
            try file.resize(to: 4096)
            _ = caughtError { _ = try sandbox.call("readAt", 0x2_0000_5000 as UInt64) as UInt64 }
            guard sandbox.status == .unrecoverable else { exit(3) }
            let area = sandbox.machine.vcpu.state
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            var none = limit
            none.rlim_cur = 3
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &none)
            let error = caughtError { try sandbox.restore(before) }
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            // The machine is another one, and `control` still has the old one's area.
            guard case .machine = error, sandbox.machine.vcpu.state != area else { exit(4) }
            let end = ContinuousClock.now + .seconds(1)
            while .now < end { _ = try? sandbox.call("add", 1 as Int64, 2 as Int64) as Int64 }
            try sandbox.restore(before)
            guard try sandbox.call("add", 1 as Int64, 2 as Int64) as Int64 == 3 else { exit(5) }
            exit(0)
        }
    }

    @Test("a snapshot that nobody could learn from: what a snapshot of a poisoned call's pages teaches")
    func poisonedTeaching() throws {
        // A call that faults writes everything it can first; the write set takes it all the same.
        let parent = try Scribe.make()
        let snapshot = try parent.snapshot()
        let data: UInt64 = try parent.call("dataAddress")
        do {
            let one = try Sandbox(from: snapshot)
            _ = caughtError { try one.call("scribbleAndFault", data, 300 as UInt64, 1 as UInt64, 1 as UInt64) }
        }
        print("write set after a faulting call:", snapshot.writeSetPageCount)
        #expect(snapshot.writeSetPageCount < 10)
    }

    @Test("replace, too, tells what was written before")
    func replaceChannel() throws {
        var right = 0
        for trial in 0..<20 {
            let sandbox = try BreakTests.make(SandboxConfiguration(rollbackStrategy: .replace, copiesWriteSet: false))
            let snapshot = try sandbox.snapshot()
            let secret = UInt64(trial * 7 % 25)
            try sandbox.call("writeSecret", secret)
            try sandbox.restore(snapshot)
            let guess: UInt64 = try sandbox.call("guessSecret")
            if guess == secret { right += 1 }
        }
        print("guessed across a replace:", right, "of 20")
        #expect(right < 10)
    }

    @Test("a digest is of the bytes that are mapped, even if the file grows meanwhile")
    func growingDigest() throws {
        let file = try TemporaryFile(byteCount: 64 << 20)
        let sandbox = try BreakTests.make()
        struct Flag: @unchecked Sendable { let path: String }
        let flag = Flag(path: file.path)
        Thread.detachNewThread {
            let descriptor = open(flag.path, O_WRONLY | O_APPEND)
            let chunk = [UInt8](repeating: 1, count: 4 << 20)
            for _ in 0..<500 { if write(descriptor, chunk, chunk.count) < 0 { break } }
            close(descriptor)
        }
        let clock = ContinuousClock()
        var mapped: MappedFile?
        let took = try clock.measure { mapped = try sandbox.mapFile(file.path, at: 0x2_0000_0000, digest: true) }
        let size = (try? FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int) ?? 0
        print("digest of", mapped?.byteCount as Any, "bytes took", took, "the file has", size ?? 0)
    }
}
