import CLibFuzzer
import Foundation

/// Runs one fuzz target under libFuzzer, or makes the seeds that it starts from. See `Tests/Fuzzing/run`.
@main
struct Main {
    private static let usage = """
        usage: palimpsest-fuzz TARGET [libFuzzer's arguments]
               palimpsest-fuzz seeds TARGET FOLDER
        targets: \(Targets.all.keys.sorted().joined(separator: ", "))

        """

    static func main() throws {
        let arguments = CommandLine.arguments
        if arguments.count == 4, arguments[1] == "seeds", let target = Targets.all[arguments[2]] {
            return try write(try target.seeds(), to: arguments[3])
        }
        if arguments.count >= 2, Targets.all[arguments[1]] != nil {
            setenv(Targets.variable, arguments[1], 1)
            exit(fuzz([arguments[0]] + arguments.dropFirst(2)))
        }
        // A process that libFuzzer has started: it has passed on its own arguments only.
        if Targets.chosenName != nil { exit(fuzz(arguments)) }
        FileHandle.standardError.write(Data(usage.utf8))
        exit(2)
    }

    private static func write(_ seeds: [Seed], to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for seed in seeds { try Data(seed.bytes).write(to: URL(fileURLWithPath: "\(folder)/\(seed.name)")) }
    }

    private static func fuzz(_ arguments: [String]) -> CInt {
        // Both stay: libFuzzer keeps what it is given.
        let texts = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: arguments.count + 1)
        for (index, argument) in arguments.enumerated() { texts[index] = strdup(argument) }
        texts[arguments.count] = nil
        var count = CInt(arguments.count)
        var place: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = texts
        return LLVMFuzzerRunDriver(&count, &place) { bytes, count in
            Targets.chosen.run([UInt8](UnsafeBufferPointer(start: bytes, count: count)))
            return 0
        }
    }
}

/// libFuzzer's hook for changes that know what they change.
@_cdecl("LLVMFuzzerCustomMutator")
func mutate(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, _ limit: Int, _ seed: UInt32) -> Int {
    var random = SplitMix(state: UInt64(seed))
    if random.next() % 8 == 0 { return LLVMFuzzerMutate(bytes, count, limit) }
    var input = [UInt8](UnsafeBufferPointer(start: bytes, count: count))
    guard Targets.chosen.mutate(&input, &random), input.count <= limit else {
        return LLVMFuzzerMutate(bytes, count, limit)
    }
    bytes.update(from: input, count: input.count)
    return input.count
}
