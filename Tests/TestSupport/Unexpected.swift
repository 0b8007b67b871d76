/// What a test found in place of what it has to have to go on.
package struct Unexpected: Error {
    package let found: String
    package init(_ found: Any?) { self.found = String(describing: found) }
}
