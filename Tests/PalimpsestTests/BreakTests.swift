import CPalimpsest
import Foundation
import Testing

@testable import Palimpsest

/// What a hostile reviewer tried. Each test states what the documentation promises.
@Suite("Attempts to break the engine", .serialized)
struct BreakTests {
    static let breaker: [UInt8] = {
        guard let url = Bundle.module.url(forResource: "breaker", withExtension: "elf"),
            let data = try? Data(contentsOf: url)
        else { return [] }
        return [UInt8](data)
    }()

    static func make(_ configuration: SandboxConfiguration = .init()) throws -> Sandbox {
        try Sandbox(guest: .bytes(breaker), configuration: configuration)
    }

    static func add(_ sandbox: Sandbox) throws {
        let sum: Int64 = try sandbox.call("add", 20 as Int64, 22 as Int64)
        #expect(sum == 42)
    }

    // MARK: Files

    @Test("a file with a modification time behind the year 2262 is mapped, or refused")
    func farModificationTime() async throws {
        await #expect(processExitsWith: .success) {
            let file = try TemporaryFile(byteCount: 4096)
            var times = [timespec(tv_sec: 10_000_000_000, tv_nsec: 0), timespec(tv_sec: 10_000_000_000, tv_nsec: 0)]
            guard utimensat(AT_FDCWD, file.path, &times, 0) == 0 else { exit(3) }
            let sandbox = try BreakTests.make()
            _ = try? sandbox.mapFile(file.path, at: 0x2_0000_0000)
            exit(0)
        }
    }

    @Test("whoever may touch a mapped file cannot kill the host that restores a snapshot of it")
    func farModificationTimeLater() async throws {
        await #expect(processExitsWith: .success) {
            let file = try TemporaryFile(byteCount: 4096)
            let sandbox = try BreakTests.make()
            try sandbox.mapFile(file.path, at: 0x2_0000_0000)
            let snapshot = try sandbox.snapshot()
            var times = [timespec(tv_sec: 10_000_000_000, tv_nsec: 0), timespec(tv_sec: 10_000_000_000, tv_nsec: 0)]
            guard utimensat(AT_FDCWD, file.path, &times, 0) == 0 else { exit(3) }
            _ = try? Sandbox(from: snapshot)
            exit(0)
        }
    }

    @Test("a file that shrinks does not kill a thread that blocks signals, as servers with a signal thread do")
    func blockedBusError() async throws {
        await #expect(processExitsWith: .success) {
            let file = try TemporaryFile(byteCount: 8 * 4096)
            let sandbox = try BreakTests.make()
            try sandbox.mapFile(file.path, at: 0x2_0000_0000)
            let snapshot = try sandbox.snapshot()
            try sandbox.call("writeByte", 0x2_0000_5000 as UInt64, 1 as UInt8)
            try file.resize(to: 4096)
            var all = sigset_t()
            sigfillset(&all)
            pthread_sigmask(SIG_BLOCK, &all, nil)
            _ = try? sandbox.restore(snapshot)
            exit(0)
        }
    }

    @Test("a mapFile that fails for lack of scratch leaves the guest able to write")
    func failedMapping() throws {
        let sandbox = try Scribe.make()
        let file = try TemporaryFile(byteCount: 4096)
        try file.resize(to: 4 << 30)
        let error = caughtError { try sandbox.mapFile(file.path, at: 0x2_0000_0000) }
        print("mapFile:", error as Any, sandbox.machine.memory.tables.pool.usedByteCount >> 12)
        let data: UInt64 = try sandbox.call("dataAddress")
        try sandbox.scribble(data, pages: 1, value: 5)
    }

    @Test("a file that has grown gives the same bytes by every strategy")
    func grownFile() throws {
        var found: [RollbackStrategy: UInt64] = [:]
        for strategy in [RollbackStrategy.copy, .ioUring, .replace] {
            let file = try TemporaryFile(byteCount: 100)
            let sandbox = try Scribe.make(Scribe.configuration(strategy))
            try sandbox.mapFile(file.path, at: 0x2_0000_0000)
            let snapshot = try sandbox.snapshot()
            try sandbox.scribble(0x2_0000_0000, pages: 1, value: 5)
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file.path))
            try handle.seekToEnd()
            try handle.write(contentsOf: Data(repeating: 0xee, count: 64))
            try handle.close()
            try sandbox.restore(snapshot)
            found[strategy] = try sandbox.call("wordAt", 0x2_0000_0000 + 128 as UInt64)
        }
        print("grown:", found)
        #expect(Set(found.values).count == 1)
    }

    // MARK: Stopping

    @Test("a deadline stops a call on a thread that has blocked signals since its last call")
    func blockedKick() async throws {
        await #expect(processExitsWith: .success) {
            let sandbox = try makeHostile()
            let _: Int64 = try sandbox.call("add", 1 as Int64, 2 as Int64)
            Thread.detachNewThread {
                sleep(4)
                print("HUNG: the call is still running 4 s after a deadline of 0.1 s")
                _exit(42)
            }
            var all = sigset_t()
            sigfillset(&all)
            pthread_sigmask(SIG_BLOCK, &all, nil)
            do { try sandbox.call("spin", deadline: .now + .milliseconds(100)) } catch { print("stopped:", error) }
            exit(0)
        }
    }

    @Test("an interrupt after a failed restore of a broken sandbox touches no memory that is gone")
    func danglingRunArea() async throws {
        await #expect(processExitsWith: .success) {
            let file = try TemporaryFile(byteCount: 8 * 4096)
            let sandbox = try makeHostile()
            let before = try sandbox.snapshot()
            try sandbox.mapFile(file.path, at: 0x2_0000_0000)
            // An idle machine with scratch memory of another size.
            do { _ = try Scribe.make() }
            try file.resize(to: 4096)
            _ = caughtError { _ = try sandbox.call("readAt", 0x2_0000_5000 as UInt64) as UInt64 }
            guard sandbox.status == .unrecoverable else { exit(3) }
            // No descriptor to be had.
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            var none = limit
            none.rlim_cur = 3
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &none)
            let error = caughtError { try sandbox.restore(before) }
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            print("restore:", error as Any)
            let handle = sandbox.interruptHandle
            Thread.detachNewThread { while true { handle.interrupt() } }
            let end = ContinuousClock.now + .seconds(5)
            while .now < end { _ = try? sandbox.call("add", 1 as Int64, 2 as Int64) as Int64 }
            exit(0)
        }
    }

    // MARK: Snapshots

    @Test("a sandbox can be snapshot as often as one likes")
    func endlessSnapshots() throws {
        let sandbox = try Scribe.make()
        let data: UInt64 = try sandbox.call("dataAddress")
        var last: Snapshot?
        for round in 0..<17_000 {
            try sandbox.scribble(data + UInt64(round % 2 * 8 * 4096), pages: 1, value: UInt64(round + 1))
            do {
                last = try sandbox.snapshot()
            } catch {
                Issue.record(
                    "snapshot \(round): \(error); the last has \(last?.byteCount ?? 0) bytes in \(last?.layerCount ?? 0) layers"
                )
                return
            }
        }
    }

    @Test("an idle machine does not keep a layer that its sandbox left behind while it lived")
    func abandonedLayer() throws {
        Sandbox.releaseIdleMachines()
        var parent: Sandbox? = try Scribe.make()
        let pages = try #require(try parent?.fill(pages: 64))
        var first: Snapshot? = try parent?.snapshot()
        let layer = try #require(first?.memory.snapshotLayers.last)
        let trace = SegmentTrace(layer.segment)
        _ = consume layer
        parent = nil
        Sandbox.releaseIdleMachines()
        var child: Sandbox? = try Sandbox(from: try #require(first))
        first = nil
        // Every page of the layer is written: the next snapshot needs it no more.
        try child?.scribble(pages - 4096, pages: 65, value: 3)
        var round: UInt64 = 10
        var next: Snapshot? = try child?.snapshot()
        while (next?.memory.snapshotLayers.contains {
            $0.segment.byteCount > 200_000 && SegmentTrace($0.segment).isAlive && trace.isAlive
                && $0.segment.byteCount == 0
        }) == true { round += 1 }
        print("layers of the second snapshot:", next?.layerCount as Any, next?.byteCount as Any)
        next = nil
        child = nil
        #expect(becomesTrue { trace.isGone })
        print("idle machines:", ShellCache.shared.count, "descriptors of the layer:", trace.descriptorCount)
    }

    // MARK: Rollback

    @Test("a restore that could have no ring can be tried again")
    func ringLater() async throws {
        await #expect(processExitsWith: .success) {
            let sandbox = try Scribe.make(Scribe.configuration(.ioUring))
            let snapshot = try sandbox.snapshot()
            let data: UInt64 = try sandbox.call("dataAddress")
            try sandbox.scribble(data, pages: 1, value: 5)
            let error = try ProcessLimit.leaving(descriptors: 0) { caughtError { try sandbox.restore(snapshot) } }
            print("first:", error as Any)
            do { try sandbox.restore(snapshot) } catch {
                print("second:", error)
                exit(4)
            }
            exit(0)
        }
    }

    @Test("a call that only reads its heap does not make every later rollback slower")
    func readTouchedTables() throws {
        let sandbox = try BreakTests.make(SandboxConfiguration(heapByteCount: 8 << 30))
        let snapshot = try sandbox.snapshot()
        func time(_ count: Int) throws -> Duration {
            let clock = ContinuousClock()
            var best = Duration.seconds(1)
            for _ in 0..<count {
                try BreakTests.add(sandbox)
                best = min(best, try clock.measure { try sandbox.restore(snapshot) })
            }
            return best
        }
        let before = try time(50)
        let heap: UInt64 = try sandbox.call("heapAddress")
        let _: UInt64 = try sandbox.call("readEvery", heap, 4096 as UInt64, UInt64(2 << 20))
        let report = try sandbox.restore(snapshot)
        let after = try time(50)
        for _ in 0..<400 {
            try BreakTests.add(sandbox)
            try sandbox.restore(snapshot)
        }
        let later = try time(50)
        print(
            "rollback before", before, "after", after, "450 rollbacks later", later, report,
            sandbox.machine.memory.tables.trackedTables.count)
        #expect(later < before * 4)
    }

    @Test("a call cannot tell which pages the call before the rollback wrote")
    func rollbackChannel() throws {
        var right = 0
        for trial in 0..<20 {
            let sandbox = try BreakTests.make()
            let snapshot = try sandbox.snapshot()
            let secret = UInt64(trial * 7 % 25)
            try sandbox.call("writeSecret", secret)
            try sandbox.restore(snapshot)
            let guess: UInt64 = try sandbox.call("guessSecret")
            if guess == secret { right += 1 }
        }
        print("guessed across a rollback:", right, "of 20")
        #expect(right < 10)
    }

    @Test("a sandbox cannot tell which pages another one of the same snapshot wrote")
    func writeSetChannel() throws {
        var right = 0
        for trial in 0..<20 {
            let snapshot = try BreakTests.make().snapshot()
            let secret = UInt64(trial * 7 % 25)
            do { try Sandbox(from: snapshot).call("writeSecret", secret) }
            let guess: UInt64 = try Sandbox(from: snapshot).call("guessSecret")
            if guess == secret { right += 1 }
        }
        print("guessed across sandboxes:", right, "of 20")
        #expect(right < 10)
    }

    @Test("one sandbox cannot make every later one dear")
    func dearWriteSet() throws {
        let parent = try Scribe.make(SandboxConfiguration(heapByteCount: 64 << 20))
        let pages = try parent.fill(pages: 4096)
        let snapshot = try parent.snapshot()
        func time() throws -> Duration {
            let clock = ContinuousClock()
            var times: [Duration] = []
            for _ in 0..<15 {
                times.append(
                    try clock.measure {
                        let one = try Sandbox(from: snapshot)
                        let _: Int64 = try one.call("startCount")
                    })
            }
            return times.sorted()[7]
        }
        let before = try time()
        do { try Sandbox(from: snapshot).scribble(pages, pages: 4096, value: 1) }
        let after = try time()
        print("create+call+drop before", before, "after", after, "write set", snapshot.writeSetPageCount)
        #expect(after < before * 4)
    }

    @Test("how long a machine takes to wipe")
    func sparseWipe() throws {
        func drop(count: UInt64, stride: UInt64) throws -> Duration {
            var sandbox: Sandbox? = try BreakTests.make(SandboxConfiguration(heapByteCount: 1 << 30))
            let heap: UInt64 = try #require(try sandbox?.call("heapAddress"))
            try sandbox?.call("writeEvery", heap, count, stride)
            return ContinuousClock().measure { sandbox = nil }
        }
        print("wipe of 65,536 neighbours", try drop(count: 65_536, stride: 4096))
        print("wipe of 65,536 every second page", try drop(count: 65_536, stride: 8192))
    }

    @Test("an ELF of notes takes no longer than its size warrants")
    func manyNotes() throws {
        var elf = [UInt8](repeating: 0, count: 1 << 20)
        func put<T: FixedWidthInteger>(_ value: T, _ offset: Int) {
            withUnsafeBytes(of: value.littleEndian) { for (i, b) in $0.enumerated() { elf[offset + i] = b } }
        }
        for (i, b) in [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1].enumerated() { elf[i] = UInt8(b) }
        put(UInt16(2), 16)
        put(UInt16(62), 18)
        put(UInt64(0x10000), 24)
        put(UInt64(64), 32)
        put(UInt16(56), 54)
        put(UInt16(64), 56)
        put(UInt32(1), 64)
        put(UInt32(5), 68)
        put(UInt64(0), 72)
        put(UInt64(0x10000), 80)
        put(UInt64(4096), 96)
        put(UInt64(4096), 104)
        for index in 1..<64 {
            let header = 64 + index * 56
            put(UInt32(4), header)
            put(UInt64(8192), header + 8)
            put(UInt64((1 << 20) - 8192), header + 32)
        }
        let took = ContinuousClock().measure { _ = try? Sandbox(guest: .bytes(elf)) }
        print("1 MiB of notes, 63 times:", took)
    }

    // MARK: Instructions

    @Test(
        "whatever an instruction does, the sandbox can be restored",
        arguments: [
            "icebp", "vmcall", "vmmcall", "pvmHypercall", "sysenterInstruction", "movSSOut", "movSSTrapInt3",
            "inAllowedPort", "insAllowedPort", "insbToReadOnly", "outsbPage", "farJumpCompat", "farCallTSS", "iretSelf",
            "iretTF", "iretNT", "readXCR", "setXCR", "swapGS", "monitorX", "splitLock", "clgiInstruction", "alignCheck",
        ])
    func instruction(_ name: String) throws {
        let sandbox = try BreakTests.make()
        let snapshot = try sandbox.snapshot()
        let regions = sandbox.machine.memory.tracked.pageCount
        for _ in 0..<3 {
            do {
                try sandbox.call(name, deadline: .now + .seconds(2))
                print(name, "-> returned")
            } catch SandboxError.fault(let fault) {
                print(name, "->", fault.kind, fault.vector as Any, fault.errorCode as Any)
            } catch { print(name, "->", error) }
            let status = sandbox.status
            try sandbox.restore(snapshot)
            try BreakTests.add(sandbox)
            try sandbox.restore(snapshot)
            _ = (status, regions)
            for page in sandbox.machine.memory.tracked.contents {
                #expect(
                    PageComparison.isEqual(page.bytes, sandbox.machine.memory.image.pages.content(of: page.address)),
                    "\(page.address)")
            }
        }
    }
}
