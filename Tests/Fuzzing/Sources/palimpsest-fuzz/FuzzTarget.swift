import Glibc

/// Something that takes bytes from anybody, and what has to hold whatever they are.
protocol FuzzTarget {
    /// What the fuzzer starts from.
    static func seeds() throws -> [Seed]

    init() throws

    /// Ends the process if something does not hold.
    func run(_ input: [UInt8])

    /// Changes an input where a change means something.
    /// - Returns: false if that is better left to libFuzzer.
    func mutate(_ input: inout [UInt8], _ random: inout SplitMix) -> Bool
}

/// An input to start from, and the name of its file.
struct Seed {
    let name: String
    let bytes: [UInt8]
}

/// The targets, by the names they have on the command line.
enum Targets {
    static var all: [String: any FuzzTarget.Type] {
        [
            "image": ImageTarget.self, "guest": GuestTarget.self, "store": StoreTarget.self,
            "debugger": DebuggerTarget.self,
        ]
    }

    /// Which one it is that a process and those it starts run.
    static let variable = "PALIMPSEST_FUZZ_TARGET"
    static var chosenName: String? { getenv(variable).map { String(cString: $0) } }

    /// The one that this process runs. libFuzzer calls it from one thread.
    nonisolated(unsafe) static let chosen: any FuzzTarget = {
        do {
            guard let type = chosenName.flatMap({ all[$0] }) else { fatalError("no such target") }
            return try type.init()
        } catch {
            fatalError("The target cannot start: \(error)")
        }
    }()
}
