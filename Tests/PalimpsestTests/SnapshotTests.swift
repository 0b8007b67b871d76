import Foundation
import MicroVM
import Palimpsest
import TestSupport
import Testing

@Suite("Snapshots and rollback")
struct SnapshotTests {
    @Test("a rolled-back sandbox starts every call from the same state", arguments: RollbackStrategy.allCases)
    func sameState(strategy: RollbackStrategy) throws {
        let sandbox = try makeBehaved(.init(rollbackStrategy: strategy))
        let count = try sandbox.function("count", as: (() -> Int64).self)
        #expect(try sandbox.call(count) == 1001)
        let snapshot = try sandbox.snapshot()
        for _ in 0..<5 {
            #expect(try sandbox.call(count) == 1002)
            #expect(try sandbox.call(count) == 1003)
            let report = try sandbox.restore(snapshot)
            #expect(report.strategy == (strategy == .automatic ? .copy : strategy))
            #expect(sandbox.lastRollback == report && report.pages > 0)
        }
        #expect(try sandbox.call(count) == 1002)
    }

    @Test("a new sandbox from a snapshot has its state, runs no initialiser and needs no ELF")
    func fromSnapshot() throws {
        let original = try makeBehaved()
        #expect(try original.call("count") == Int64(1001))
        let snapshot = try original.snapshot()
        #expect(try original.call("count") == Int64(1002))
        let first = try Sandbox(from: snapshot, hostFunctions: makeHostFunctions())
        let second = try Sandbox(from: snapshot, hostFunctions: makeHostFunctions())
        #expect(first.exports == original.exports)
        #expect(try first.call("count") == Int64(1002))
        #expect(try first.call("count") == Int64(1003))
        #expect(try second.call("count") == Int64(1002))
        #expect(try first.call("hostAddTwice", Int64(1), Int64(2)) == Int64(5))
    }
}
