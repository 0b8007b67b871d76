import Foundation
import Testing

/// The sources of these tests' guests.
package enum GuestSourceFile {
    /// The line with `// line: marker` at its end, from 1; for markers on a line of their own, the next one.
    package static func line(_ marker: String, in path: String) throws -> Int {
        let text = try String(contentsOf: url(path), encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let index = try #require(lines.firstIndex { $0.hasSuffix("// line: \(marker)") })
        return lines[index].trimmingCharacters(in: .whitespaces).hasPrefix("//") ? index + 2 : index + 1
    }

    package static func url(_ path: String) -> URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Guests/\(path)")
    }
}
