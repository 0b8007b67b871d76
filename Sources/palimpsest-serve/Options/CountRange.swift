import ArgumentParser

/// A number of sandboxes as written on the command line: `8`, or `2-16`.
struct CountRange: ExpressibleByArgument, Equatable {
    let range: ClosedRange<Int>

    init?(argument text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { part in
            part.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(part) : nil
        }
        guard let first = parts[0], parts.count <= 2, let last = parts.last ?? nil, first >= 1, first <= last else {
            return nil
        }
        range = first...last
    }
}
