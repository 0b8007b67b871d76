import Foundation
import GuestToolchain

// guest-compiler -o OUTPUT SOURCE...: what the build plugin runs. People use `palimpsest build`.

var output: String?
var sources: [String] = []
var arguments = CommandLine.arguments.dropFirst()
while let argument = arguments.popFirst() {
    if argument == "-o" { output = arguments.popFirst() } else { sources.append(argument) }
}

do {
    guard let output else { throw GuestBuildError.noSources }
    try GuestCompiler().build(sources: sources, output: output)
} catch {
    try? FileHandle.standardError.write(contentsOf: Data("guest-compiler: error: \(error)\n".utf8))
    exit(1)
}
