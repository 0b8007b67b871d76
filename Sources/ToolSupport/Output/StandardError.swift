/// Lines for standard error.
package enum StandardError {
    package static let stream = StandardStream(2)

    package static func write(_ line: String, terminator: String = "\n") { stream.write(line + terminator) }
}
