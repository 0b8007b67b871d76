import Foundation
import Testing

/// Files that are checked in although a command writes them are what that command writes.
@Suite("Generated files")
struct GeneratedFilesTests {
    private let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// What a command of the repository's prints, and how it ends.
    private func run(_ command: String, _ arguments: String...) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = repository.appendingPathComponent(command)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }

    private func checkedIn(_ path: String) throws -> String {
        try String(contentsOf: repository.appendingPathComponent(path), encoding: .utf8)
    }

    @Test("the overloads of the Swift SDK are what .ci/generate-arities writes")
    func arities() throws {
        let printed = try run(".ci/generate-arities", "--print")
        #expect(printed.status == 0)
        let same = try printed.output == checkedIn("Sources/PalimpsestGuest/SDK/Swift/Arities.swift")
        #expect(same, "run .ci/generate-arities")
    }

    @Test("the listing of the public API is what .ci/public-api writes")
    func publicAPI() throws {
        let printed = try run(".ci/public-api", "--print", Tool.executable.deletingLastPathComponent().path)
        #expect(printed.status == 0)
        let lines = Set(printed.output.split(separator: "\n"))
        let known = try Set(checkedIn("docs/public-api.txt").split(separator: "\n"))
        #expect(lines.subtracting(known).isEmpty, "docs/public-api.txt lacks some: run .ci/public-api")
        #expect(known.subtracting(lines).isEmpty, "docs/public-api.txt has some that are gone: run .ci/public-api")
    }

    @Test("every library product is listed, has a catalogue, and is documented by the package index")
    func libraries() throws {
        let products = try checkedIn("Package.swift").matches(of: #/\.library\(name: "(\w+)"/#).map { String($0.1) }
        #expect(!products.isEmpty)
        let listed = try checkedIn(".ci/library-modules").split(separator: "\n").map(String.init)
        #expect(listed.sorted() == products.sorted())
        let indexed = try checkedIn(".spi.yml").matches(of: #/\n +- (\w+)(?=\n)/#).map { String($0.1) }
        #expect(indexed.sorted() == products.sorted())
        for product in products {
            let page = try checkedIn("Sources/\(product)/\(product).docc/\(product).md")
            #expect(page.hasPrefix("# ``\(product)``\n"))
        }
    }
}
