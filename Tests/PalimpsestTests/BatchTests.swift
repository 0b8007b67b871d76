import Testing

@testable import Palimpsest

@Suite("Batches")
struct BatchTests {
    @Test("a batch gives what as many calls give, in one entry")
    func oneEntry() throws {
        let sandbox = try makeBehaved()
        let echo = try sandbox.function("echoInt64", as: ((Int64) -> Int64).self)
        let before = sandbox.statistics
        let values = (0..<500).map { Int64($0) * 7 - 3 }
        let results = try sandbox.callBatch(echo, values)
        #expect(try results.map { try $0.get() } == values)
        #expect(sandbox.statistics.calls - before.calls == 500)
    }

    @Test("strings outlive the calls behind them")
    func strings() throws {
        let sandbox = try makeBehaved()
        let echo = try sandbox.function("echoString", as: ((String) -> String).self)
        let texts = (0..<3000).map { String(repeating: "\($0) ", count: $0 % 90) }
        #expect(try sandbox.callBatch(echo, texts).map { try $0.get() } == texts)
    }
}
