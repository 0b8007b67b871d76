import Foundation
import Glibc
import Logging
@_spi(Benchmarks) import Palimpsest
import TestSupport
import Testing

@testable import MicroVM

/// What a process runs out of. Limits are the process's: each test lowers them in one of its own.
@Suite("Resource limits")
struct ResourceLimitTests {
    @Test("without descriptors a snapshot, a mapping or a sandbox is an error; nothing has changed or leaked")
    func descriptors() async {
        await #expect(processExitsWith: .success) {
            let sandbox = try Scribe.make()
            let file = try TemporaryFile(byteCount: 5_000)
            let pages = try sandbox.fill(pages: 20)
            let base = try sandbox.snapshot()
            try sandbox.scribble(pages, pages: 20, value: 1)
            let oracle = try Oracle(sandbox)
            Sandbox.releaseIdleMachines()
            let before = ProcessLimit.descriptorCount
            let refused = try ProcessLimit.leaving(descriptors: 0) {
                [
                    caughtError { _ = try sandbox.snapshot() },
                    caughtError { try sandbox.mapFile(file.path, at: 0x2_0000_0000) },
                    caughtError { _ = try Sandbox(from: base) },
                    caughtError { _ = try Scribe.make() },
                ]
            }
            for (index, error) in refused.enumerated() {
                switch (index, error) {
                case (_, .machine(.tooManyOpenFiles)): break
                // A file says what it is that cannot be opened.
                case (1, .mappedFileUnreadable): break
                default: Issue.record("\(index): \(String(describing: error))")
                }
            }
            #expect(ProcessLimit.descriptorCount == before)
            #expect(sandbox.status == .ready && sandbox.mappedFiles == [])
            #expect(try oracle.differences(sandbox) == [])
            let snapshot = try sandbox.snapshot()
            #expect(try oracle.differences(Sandbox(from: snapshot)) == [])
            try sandbox.restore(base)
            #expect(try sandbox.call("wordAt", pages) == UInt64(0x0101_0101_0101_0101))
        }
    }

    @Test("with one descriptor more each time a new sandbox fails at every step of its making, and leaks at none")
    func everyStep() async {
        await #expect(processExitsWith: .success) {
            let original = try Scribe.make()
            let snapshot = try original.snapshot()
            Sandbox.releaseIdleMachines()
            let before = ProcessLimit.descriptorCount
            var failures = 0
            for spare in 0..<12 {
                try ProcessLimit.leaving(descriptors: spare) {
                    switch Result(catching: { try Sandbox(from: snapshot).call("startCount") as Int64 }) {
                    case .success(let count): #expect(count == 1)
                    case .failure(SandboxError.machine(.tooManyOpenFiles)): failures += 1
                    case .failure(let error): Issue.record("\(spare) to spare: \(error)")
                    }
                }
                Sandbox.releaseIdleMachines()
                #expect(ProcessLimit.descriptorCount == before, "\(spare) to spare")
            }
            #expect(failures > 0)
        }
    }

    @Test("without a descriptor for a new machine, a broken sandbox stays unrecoverable and can be restored later")
    func replacement() async {
        await #expect(processExitsWith: .success) {
            let sandbox = try Scribe.make()
            let snapshot = try sandbox.snapshot()
            let oracle = try Oracle(sandbox)
            sandbox.markUnrecoverable()
            Sandbox.releaseIdleMachines()
            let error = try ProcessLimit.leaving(descriptors: 0) {
                caughtError { try sandbox.restore(snapshot) }
            }
            guard case .machine(.tooManyOpenFiles) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(sandbox.status == .unrecoverable)
            try sandbox.restore(snapshot)
            #expect(sandbox.status == .ready)
            #expect(try oracle.differences(sandbox) == [])
        }
    }

    @Test("where a new machine could not be made ready, an interrupt touches none that is gone, and reaches the next")
    func interruptOfBroken() async {
        await #expect(processExitsWith: .success) {
            let sandbox = try makeHostile()
            let snapshot = try sandbox.snapshot()
            // An idle machine with scratch memory of another size: it is taken, and then another one cannot be had.
            Sandbox.releaseIdleMachines()
            do { _ = try Scribe.make() }
            sandbox.markUnrecoverable()
            let shell = sandbox.machine.shell
            let error = try ProcessLimit.leaving(descriptors: 0) { caughtError { try sandbox.restore(snapshot) } }
            guard case .machine = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(sandbox.status == .unrecoverable && sandbox.machine.shell !== shell)

            // It stops the machine that is there now: the memory of the one before is gone.
            let handle = sandbox.interruptHandle
            try #require(sandbox.control.reserve())
            sandbox.control.start(deadline: .max, on: nil)
            #expect(handle.interrupt() && sandbox.machine.vcpu.state.pointee.immediate_exit == 1)
            sandbox.control.end()
            #expect(sandbox.machine.vcpu.state.pointee.immediate_exit == 0)
            // Nobody else can have it running: no call is begun.
            guard case .unrecoverable = caughtError(of: { try sandbox.call("spin") }) else {
                Issue.record("a call was begun")
                return
            }

            try sandbox.restore(snapshot)
            Thread.detachNewThread { while !handle.interrupt() { usleep(200) } }
            guard case .interrupted = caughtError(of: { try sandbox.call("spin") }) else {
                Issue.record("not interrupted")
                return
            }
        }
    }

    @Test("with a few descriptors now and then, whatever is done fails or succeeds, and every snapshot stays as it was")
    func descriptorStorm() async {
        await #expect(processExitsWith: .success) {
            var random = SplitMix(state: 7)
            let file = try TemporaryFile(byteCount: 5_000)
            for trial in 0..<12 {
                let strategy = [RollbackStrategy.automatic, .copy, .replace][trial % 3]
                var sandbox = try Scribe.make(Scribe.configuration(strategy))
                let data: UInt64 = try sandbox.call("dataAddress")
                let pages = try sandbox.fill(pages: 20)
                var moments: [(snapshot: Snapshot, oracle: Oracle)] = []
                func remember() throws { moments.append((try sandbox.snapshot(), try Oracle(sandbox))) }
                func one() -> Snapshot { moments[Int(random.next() % UInt64(moments.count))].snapshot }
                try remember()
                for _ in 0..<30 {
                    let choice = random.next() % 6
                    func act() throws {
                        switch choice {
                        case 0: try sandbox.scribble(pages, pages: 20, value: random.next())
                        case 1: try remember()
                        case 2: try sandbox.mapFile(file.path, at: 0x2_0000_0000)
                        case 3: try sandbox.restore(one())
                        case 4: sandbox = try Sandbox(from: one(), configuration: .init(rollbackStrategy: strategy))
                        default: try sandbox.call("scribbleAndFault", data, 5 as UInt64, 3 as UInt64, 5 as UInt64)
                        }
                    }
                    let spare = Int(random.next() % 6)
                    if spare < 3 { _ = try? ProcessLimit.leaving(descriptors: spare, act) } else { try? act() }
                }
                for (snapshot, oracle) in moments {
                    try sandbox.restore(snapshot)
                    #expect(try oracle.differences(sandbox) == [], "trial \(trial)")
                }
            }
        }
    }

    @Test("a limit on the size of files ends no process")
    func fileSize() async {
        await #expect(processExitsWith: .success) {
            var limit = rlimit(rlim_cur: 1 << 20, rlim_max: 1 << 20)
            try #require(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
            switch Result(catching: { try Scribe.make().call("startCount") as Int64 }) {
            case .success(let count): #expect(count == 1)
            case .failure(let error): #expect(error is SandboxError)
            }
        }
    }

    @Test("without memory for a snapshot's layer or a sandbox's scratch there is an error, and nothing has changed")
    func memory() async {
        await #expect(processExitsWith: .success) {
            let pageCount = 20_000
            let sandbox = try Scribe.make(Scribe.configuration(heapPageCount: 4 * pageCount))
            let base = try sandbox.snapshot()
            let pages = try sandbox.fill(pages: pageCount)
            Sandbox.releaseIdleMachines()
            let before = ProcessLimit.descriptorCount
            let addressSpace = ProcessLimit.addressSpaceByteCount + 24 << 20
            let refused = try ProcessLimit.limiting(addressSpace: addressSpace) {
                [caughtError { _ = try sandbox.snapshot() }, caughtError { _ = try Sandbox(from: base) }]
            }
            for error in refused {
                guard case .machine(.outOfMemory) = error else {
                    Issue.record("\(String(describing: error))")
                    continue
                }
            }
            Sandbox.releaseIdleMachines()
            #expect(ProcessLimit.descriptorCount == before)
            #expect(sandbox.status == .ready)
            let snapshot = try sandbox.snapshot()
            #expect(snapshot.newestLayerByteCount >= pageCount * pageByteCount)
            let other = try Sandbox(from: snapshot)
            #expect(try other.call("wordAt", pages + UInt64(7 * pageByteCount)) == UInt64(0x0808_0808_0808_0808))
            try sandbox.restore(base)
            #expect(try sandbox.call("startCount") == Int64(1))
        }
    }

    @Test("where io_uring is not permitted, automatic goes on without it and says so once; ioUring is an error")
    func noRing() async {
        await #expect(processExitsWith: .success) {
            let lines = LogLines()
            LoggingSystem.bootstrap { label in
                if label == "palimpsest" { lines } else { SwiftLogNoOpLogHandler() }
            }
            try ProcessLimit.forbidRings()
            let file = try TemporaryFile(byteCount: 64 * pageByteCount)
            let sandbox = try Scribe.make()
            let before = try sandbox.snapshot()
            try sandbox.mapFile(file.path, at: 0x2_0000_0000)
            let snapshot = try sandbox.snapshot()
            let oracle = try Oracle(sandbox)
            // A page of a file that is not in memory is what automatic would have a ring for.
            for other in [sandbox, try Sandbox(from: snapshot)] {
                for round in 0..<4 as Range<UInt64> {
                    try other.scribble(0x2_0000_0000, pages: 8, stride: 8, value: round)
                    _ = other.evictMappedFiles()
                    usleep(2_000)
                    #expect(try other.restore(snapshot).strategy == .copy)
                    #expect(try oracle.differences(other) == [])
                }
            }
            #expect(lines.all.count == 1, "\(lines.all)")
            #expect(lines.all.first?.contains("io_uring") == true)

            sandbox.rollbackStrategy = .ioUring
            try sandbox.scribble(0x2_0000_0000, pages: 8, value: 1)
            guard case .ringUnavailable = caughtError(of: { try sandbox.restore(snapshot) }) else {
                Issue.record("not refused")
                return
            }
            #expect(sandbox.status == .poisoned)
            sandbox.rollbackStrategy = .automatic
            try sandbox.restore(snapshot)
            #expect(sandbox.status == .ready)
            #expect(try oracle.differences(sandbox) == [])
            try sandbox.restore(before)
            #expect(sandbox.mappedFiles == [])
        }
    }

    @Test("a rollback that found no descriptor for its ring can be tried again")
    func ringLater() async {
        await #expect(processExitsWith: .success) {
            let sandbox = try Scribe.make(Scribe.configuration(.ioUring))
            let data: UInt64 = try sandbox.call("dataAddress")
            let snapshot = try sandbox.snapshot()
            let oracle = try Oracle(sandbox)
            try sandbox.scribble(data, pages: 3, value: 5)
            let error = try ProcessLimit.leaving(descriptors: 0) { caughtError { try sandbox.restore(snapshot) } }
            guard case .ringUnavailable = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(sandbox.status == .poisoned)
            #expect(try sandbox.restore(snapshot).strategy == .ioUring)
            #expect(sandbox.status == .ready)
            #expect(try oracle.differences(sandbox) == [])
        }
    }

    @Test("hundreds of sandboxes, snapshots and mappings that came and went leave no descriptor and no mapping")
    func noLeaks() async {
        await #expect(processExitsWith: .success) {
            let file = try TemporaryFile(byteCount: 5_000)
            func live(_ index: Int) throws {
                let sandbox = try Scribe.make(Scribe.configuration(RollbackStrategy.allCases[index % 4]))
                let pages = try sandbox.fill(pages: 8)
                let first = try sandbox.snapshot()
                try sandbox.mapFile(file.path, at: 0x2_0000_0000)
                let second = try sandbox.snapshot()
                let other = try Sandbox(from: second)
                try other.scribble(pages, pages: 8, value: 1)
                try other.restore(first)
                try sandbox.restore(second)
                _ = caughtFault { try other.call("scribbleAndFault", pages, 1 as UInt64, 1 as UInt64, 1 as UInt64) }
                if index % 3 == 0 {
                    sandbox.markUnrecoverable()
                    try sandbox.restore(first)
                }
            }
            try live(0)
            Sandbox.releaseIdleMachines()
            func census() -> [Int] {
                let maps = ProcessMaps.lines()
                return [
                    ProcessLimit.descriptorCount, maps.count { $0.contains("memfd:palimpsest") },
                    maps.count { $0.contains("kvm-vcpu") }, maps.count { $0.contains(file.path) },
                ]
            }
            let before = census()
            for index in 0..<60 { try live(index) }
            Sandbox.releaseIdleMachines()
            #expect(census() == before)
        }
    }
}
