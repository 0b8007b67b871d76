import Foundation
import Testing

/// The list of targets in docs/architecture.md is the package's.
@Suite("Architecture")
struct ArchitectureTests {
    private let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private func text(_ path: String) throws -> String {
        try String(contentsOf: repository.appendingPathComponent(path), encoding: .utf8)
    }

    /// What the document says that targets import of each other.
    private func documented() throws -> [String: [String]] {
        let block = try #require(try text("docs/architecture.md").firstMatch(of: #/```targets\n((?s:.*?))```/#)).1
        return Dictionary(
            uniqueKeysWithValues: block.split(separator: "\n").map { line in
                let words = line.split(separator: " ").map(String.init)
                return (words[0], Array(words.dropFirst(2)))
            })
    }

    /// The targets that `target` depends on by their names, as the manifest has it.
    private func declared(_ target: String) throws -> [String] {
        let manifest = try text("Package.swift")
        let beginning = try #require(manifest.firstMatch(of: try Regex(#"\.target\(\s*name: "\#(target)""#)))
        let rest = manifest[beginning.range.upperBound...]
        // Up to the next target.
        let declaration = rest[..<(rest.firstMatch(of: #/\n        \./#)?.range.lowerBound ?? rest.endIndex)]
        return declaration.matches(of: #/(?:\[|, |\n +)"(\w+)"/#).map { String($0.1) }
    }

    @Test("what docs/architecture.md says that each target imports is what Package.swift lets it import")
    func targets() throws {
        let documented = try documented()
        #expect(documented.count == 7)
        for (target, imports) in documented { #expect(try declared(target) == imports, "\(target)") }
    }

    @Test("nothing but the store depends on swift-crypto")
    func cryptography() throws {
        let manifest = try text("Package.swift")
        #expect(manifest.matches(of: #/package: "swift-crypto"/#).count == 1)
        for folder in ["MicroVM", "GuestABI", "Palimpsest", "PalimpsestPool", "PalimpsestDebugger"] {
            let files = FileManager.default.enumerator(
                at: repository.appendingPathComponent("Sources/\(folder)"), includingPropertiesForKeys: nil)
            for case let file as URL in try #require(files) where file.pathExtension == "swift" {
                #expect(try !String(contentsOf: file, encoding: .utf8).contains("import Crypto"), "\(file.path)")
            }
        }
    }
}
