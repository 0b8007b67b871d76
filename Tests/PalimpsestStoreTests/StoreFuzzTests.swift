import Foundation
import TestSupport
import Testing

@testable import Palimpsest
@testable import PalimpsestStore

/// The loader against stores that are not what they should be: a typed error or a snapshot that does no harm, nothing
/// else. (A crash or a hang ends the test run.)
@Suite("Hostile stores: fuzzing the loader")
struct StoreFuzzTests {
    /// What is put in place of a field.
    private static let values: [@Sendable (Any) -> Any?] = [
        { _ in nil }, { _ in NSNull() }, { _ in -1 }, { _ in 0 }, { _ in 1 }, { _ in Int.max }, { _ in 1e300 },
        { _ in "" }, { _ in "0xffffffffffffffff" }, { _ in "../../etc/passwd" }, { _ in [Any]() },
        { _ in [String: Any]() }, { _ in true }, { _ in String(repeating: "A", count: 5000) },
        { old in [old, old] }, { old in (old as? Int).map { $0 + 1 } ?? old },
        { old in (old as? Int).map { $0 + 4096 } ?? old }, { old in (old as? String).map { $0 + "=" } ?? old },
        { old in (old as? [Any]).map { $0 + $0 } ?? old },
        { old in (old as? [Any]).map { Array($0.reversed()) } ?? old },
    ]

    /// Loads and expects nothing but a snapshot or an error of ours.
    private func attempt(_ what: @autoclosure () -> String, _ body: () throws -> Void) -> Bool {
        do {
            try body()
            return true
        } catch let error as SnapshotStoreError {
            #expect(!error.description.isEmpty)
            return false
        } catch {
            Issue.record("\(what()): \(error)")
            return false
        }
    }

    @Test("every field of config, manifest and index, broken in every way", arguments: ["config", "manifest", "index"])
    func fields(file: String) throws {
        let original = try StoreForge()
        let whole = file == "config" ? original.config : file == "manifest" ? original.manifest : original.index
        var refused = 0
        var accepted = 0
        for path in JSONTree.places(in: whole) {
            for (number, value) in StoreFuzzTests.values.enumerated() {
                var forge = original
                let changed = JSONTree.replacing(path[...], in: whole, with: value)
                switch file {
                case "config": forge.config = changed
                case "manifest": forge.manifest = changed
                default: forge.index = changed
                }
                let isLoaded = attempt("\(file) \(path) value \(number)") {
                    // The manifest's config and the index's manifest would be put right.
                    switch file {
                    case "config": try forge.write()
                    case "manifest": try forge.write(manifestBytes: StoreForge.bytes(changed))
                    default: try forge.write(indexBytes: StoreForge.bytes(changed))
                    }
                    try forge.load(running: number % 5 == 1)
                }
                if isLoaded { accepted += 1 } else { refused += 1 }
            }
        }
        #expect(refused > accepted, "\(refused) refused, \(accepted) accepted")
    }

    @Test("thousands of random changes to the bytes of config, manifest and index")
    func bytes() throws {
        let forge = try StoreForge()
        var random = SplitMix(state: 7)
        let config = try StoreForge.bytes(forge.config)
        let manifest = try StoreForge.bytes(forge.manifest)
        let index = try StoreForge.bytes(forge.index)
        try forge.write()
        for round in 0..<3000 {
            _ = attempt("round \(round)") {
                switch round % 4 {
                case 0: try forge.write(manifestBytes: StoreFuzzTests.mutated(manifest, &random))
                case 1: try forge.write(indexBytes: StoreFuzzTests.mutated(index, &random))
                default: try forge.write(configBytes: StoreFuzzTests.mutated(config, &random))
                }
                try forge.load(running: round % 8 == 0)
            }
        }
    }

    @Test("thousands of random page maps, write sets and hot pages")
    func packed() throws {
        var forge = try StoreForge()
        let config = try #require(forge.config as? StoreForge.Object)
        var random = SplitMix(state: 9)
        var accepted = 0
        for round in 0..<1200 {
            var changed = config
            let field = ["pages", "writeSet", "hotPages"][round % 3]
            let text = try #require(config[field] as? String)
            let old = [UInt8](try #require(Data(base64Encoded: text)))
            let new = round % 2 == 0 ? StoreFuzzTests.mutated(old, &random) : StoreFuzzTests.numbers(&random)
            changed[field] = Data(new).base64EncodedString()
            forge.config = changed
            let isLoaded = attempt("round \(round)") {
                try forge.write()
                try forge.load(running: round % 8 < 2)
            }
            if isLoaded { accepted += 1 }
        }
        #expect(accepted > 10)
    }

    private static func mutated(_ bytes: [UInt8], _ random: inout SplitMix) -> [UInt8] {
        var result = bytes
        for _ in 0..<Int.random(in: 1...4, using: &random) where !result.isEmpty {
            let index = Int.random(in: 0..<result.count, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: result[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: result[index] = UInt8.random(in: 0...255, using: &random)
            case 2: result.removeSubrange(index..<min(result.count, index + Int.random(in: 1...16, using: &random)))
            case 3:
                let characters = Array("0123456789{}[]\",:\\eE-".utf8)
                result.insert(contentsOf: characters.shuffled(using: &random).prefix(3), at: index)
            case 4: result.insert(contentsOf: result[index...].prefix(32), at: index)
            default: result = Array(result[..<index])
            }
        }
        return result
    }

    /// Small and absurd numbers, packed.
    private static func numbers(_ random: inout SplitMix) -> [UInt8] {
        var packed = PackedIntegers()
        let pool = [0, 1, 2, 3, 512, 513, 0x200, 0x40000, 0x4fffe, 0x100000, 1 << 35, 1 << 51, 1 << 61, (1 << 62) - 1]
        for _ in 0..<Int.random(in: 1...12, using: &random) {
            packed.append(pool.randomElement(using: &random) ?? 0)
        }
        return packed.bytes
    }
}
