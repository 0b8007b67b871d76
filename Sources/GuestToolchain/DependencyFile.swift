import Foundation

/// What clang or lld says it has read, in the form that `make` takes: `target: file file ...`, with a backslash where
/// the line goes on. What assembly code takes in by `.incbin` and `.include` is not in it.
struct DependencyFile {
    /// In the order in which they were read. The target's is among them, with its colon: no file has that name.
    let paths: [String]

    init(_ text: String) {
        var paths: [String] = []
        var path: [UInt8] = []
        func endPath() {
            if !path.isEmpty { paths.append(String(decoding: path, as: UTF8.self)) }
            path = []
        }
        var bytes = Array(text.utf8)[...]
        while let byte = bytes.popFirst() {
            switch (Character(Unicode.Scalar(byte)), bytes.first.map { Character(Unicode.Scalar($0)) }) {
            case ("\\", " "), ("\\", "#"), ("$", "$"): path.append(bytes.removeFirst())
            case ("\\", "\n"), (" ", _), ("\n", _): endPath()
            default: path.append(byte)
            }
        }
        endPath()
        self.paths = paths
    }

    /// Nothing was read by a tool that has written no such file.
    init(at path: String) {
        let bytes = FileManager.default.contents(atPath: path) ?? Data()
        self.init(String(decoding: bytes, as: UTF8.self))
    }
}
