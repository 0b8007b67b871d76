import Foundation
@_spi(Benchmarks) import Palimpsest

/// The benchmarks' guest, and what all suites do with it.
enum BenchGuest {
    static func source() throws -> GuestSource {
        guard let url = Bundle.module.url(forResource: "bench", withExtension: "elf") else {
            throw BenchmarkError.missingGuest("bench.elf")
        }
        return .file(url.path)
    }

    /// A snapshot whose heap holds `pageCount` pages, none of them zero.
    static func snapshot(pageCount: Int, heapByteCount: Int = 64 << 20) throws -> Snapshot {
        let sandbox = try Sandbox(guest: source(), configuration: .init(heapByteCount: heapByteCount))
        try sandbox.call("fillPages", UInt64(pageCount))
        return try sandbox.snapshot()
    }

    static func bareLoop() throws -> Operation {
        let loop = try BareLoop(guest: source(), function: "exitForever")
        return Operation { try check(loop.roundTrip()) }
    }

    static func check(_ condition: Bool) throws {
        guard condition else { throw BenchmarkError.wrongResult }
    }
}
