import Glibc

/// /proc/self/maps to its end. The kernel hands it out a page at a time, where Foundation stops reading.
package enum ProcessMaps {
    package static func lines() -> [String] {
        guard let file = fopen("/proc/self/maps", "r") else { return [] }
        defer { fclose(file) }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        var lines: [String] = []
        while getline(&line, &capacity, file) > 0 {
            if let line { lines.append(String(cString: line)) }
        }
        return lines
    }
}
