import CPalimpsest
import Foundation
import Testing

@testable import Palimpsest

@Suite("Yet more attempts to break the engine", .serialized)
struct BreakTests3 {
    @Test("random operations without descriptors leave sandboxes that can be restored")
    func descriptorStorm() async throws {
        await #expect(processExitsWith: .success) {
            var random = SplitMix(state: 7)
            let file = try TemporaryFile(byteCount: 6 * 4096)
            let strategies: [RollbackStrategy] = [.automatic, .copy, .replace]
            for trial in 0..<40 {
                var sandbox: Sandbox = try Scribe.make(Scribe.configuration(strategies[trial % 3]))
                let data: UInt64 = try sandbox.call("dataAddress")
                let heap = try sandbox.fill(pages: 20)
                var snapshots = [try sandbox.snapshot()]
                var sums = [try sandbox.call("checksum", heap, UInt64(20 * 4096)) as UInt64]
                for _ in 0..<30 {
                    let spare = Int(random.next() % 3)
                    let choice = random.next() % 6
                    func attempt() throws {
                        switch choice {
                        case 0: try sandbox.scribble(heap, pages: 20, value: random.next())
                        case 1:
                            snapshots.append(try sandbox.snapshot())
                            sums.append(0)
                        case 2: try sandbox.mapFile(file.path, at: 0x2_0000_0000)
                        case 3: try sandbox.restore(snapshots[Int(random.next() % UInt64(snapshots.count))])
                        case 4: sandbox = try Sandbox(from: snapshots[Int(random.next() % UInt64(snapshots.count))])
                        default: try sandbox.scribbleAndFault(data)
                        }
                    }
                    if random.next() % 2 == 0 {
                        _ = try? ProcessLimit.leaving(descriptors: spare) { try attempt() }
                    } else {
                        try? attempt()
                    }
                    if sums.last == 0 {
                        if sandbox.status == .ready {
                            sums[sums.count - 1] = try sandbox.call("checksum", heap, UInt64(20 * 4096))
                        }
                    }
                }
                for (snapshot, sum) in zip(snapshots, sums) where sum != 0 {
                    try sandbox.restore(snapshot)
                    guard try sandbox.call("checksum", heap, UInt64(20 * 4096)) as UInt64 == sum else { exit(5) }
                }
            }
            exit(0)
        }
    }

    @Test("a ring outlives the thread that made it")
    func ringThread() throws {
        struct Shared: @unchecked Sendable {
            let sandbox: Sandbox
            let snapshot: Snapshot
            let data: UInt64
        }
        let sandbox = try Scribe.make(Scribe.configuration(.ioUring))
        let data: UInt64 = try sandbox.call("dataAddress")
        let shared = Shared(sandbox: sandbox, snapshot: try sandbox.snapshot(), data: data)
        for round in 0..<6 {
            let done = DispatchSemaphore(value: 0)
            Thread.detachNewThread {
                do {
                    try shared.sandbox.scribble(shared.data, pages: 3, value: UInt64(round))
                    try shared.sandbox.restore(shared.snapshot)
                } catch { Issue.record("\(error)") }
                done.signal()
            }
            #expect(done.wait(timeout: .now() + 10) == .success)
            usleep(20_000)
        }
        try sandbox.scribble(data, pages: 3, value: 9)
        #expect(try sandbox.restore(shared.snapshot).strategy == .ioUring)
    }

    @Test("a relative path still names the file after the process has changed its directory")
    func relativePath() async throws {
        await #expect(processExitsWith: .success) {
            let file = try TemporaryFile(byteCount: 4096)
            let url = URL(fileURLWithPath: file.path)
            guard chdir(url.deletingLastPathComponent().path) == 0 else { exit(3) }
            let sandbox = try BreakTests.make()
            try sandbox.mapFile(url.lastPathComponent, at: 0x2_0000_0000)
            let snapshot = try sandbox.snapshot()
            guard chdir("/") == 0 else { exit(3) }
            do { _ = try Sandbox(from: snapshot) } catch {
                print("relative:", error)
                exit(4)
            }
            exit(0)
        }
    }

    @Test("arguments that were refused leave nothing behind")
    func refusedArguments() throws {
        let sandbox = try makeBehaved()
        let snapshot = try sandbox.snapshot()
        _ = caughtError {
            let _: String = try sandbox.call(
                "hostJoin", String(repeating: "x", count: 300_000), [UInt8](repeating: 1, count: 1 << 20), 1.0)
        }
        try sandbox.restore(snapshot)
        let memory = sandbox.machine.memory
        for mapping in memory.image.regions.mappings where mapping.region.label == .mailbox {
            for offset in stride(from: 0, to: mapping.region.byteCount, by: 4096) {
                let page = mapping.region.guest.lowerBound + offset
                let bytes = UnsafeRawPointer(memory.scratch.host(memory.scratch.layout.mailbox)) + offset
                #expect(PageComparison.isEqual(bytes, memory.image.pages.content(of: page)), "\(page)")
            }
        }
    }

    @Test("a stop that lands in a host function, then a restore, then a call")
    func stopInHostFunction() throws {
        var host = try makeHostFunctions()
        try host.register("wait") { () -> Void in usleep(50_000) }
        _ = host
        let sandbox = try makeBehaved()
        let snapshot = try sandbox.snapshot()
        for _ in 0..<30 {
            _ = caughtError { try sandbox.call("spinInHostCalls", deadline: .now + .milliseconds(3)) }
            try sandbox.restore(snapshot)
            let _: Int64 = try sandbox.call("count")
            try sandbox.restore(snapshot)
            #expect(try sandbox.call("count") == Int64(1001))
            try sandbox.restore(snapshot)
        }
    }
}

extension Sandbox {
    func scribbleAndFault(_ address: UInt64) throws(SandboxError) {
        try call("scribbleAndFault", address, 5 as UInt64, 3 as UInt64, 5 as UInt64)
    }
}
