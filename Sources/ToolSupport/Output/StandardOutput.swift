/// Results on standard output.
package enum StandardOutput {
    package static let stream = StandardStream(1)

    package static func write(_ value: some CustomStringConvertible, terminator: String = "\n") {
        stream.write(value.description + terminator)
    }
}
