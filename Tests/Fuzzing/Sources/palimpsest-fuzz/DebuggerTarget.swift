import Foundation
import Glibc
import Palimpsest
import PalimpsestDebugger

/// What a debugger sends while a call stands still: packets, one a line, put into frames; a line that begins with `!`
/// is sent as it is. Whatever they are, the call ends, replies are well formed, and the sandbox can be restored.
final class DebuggerTarget: FuzzTarget {
    /// How long a guest may run that was told to.
    private static let timeLimit = 0.05
    private static let replyByteLimit = 4 << 20

    private let sandbox: Sandbox
    private let snapshot: Snapshot
    private let listener: DebuggerListener

    private static let sessions = [
        """
        qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+
        QStartNoAckMode
        ?
        g
        qXfer:features:read:target.xml:0,ffb
        qXfer:exec-file:read:1:0,ff
        p10
        P0=0100000000000000
        m200000,40
        M40010400,2:abcd
        X40010400,2:}\u{3}a
        Z0,200000,1
        Z2,40010400,8
        z0,200000,1
        vCont?
        vCont;s:1
        s
        c
        """,
        "qRcmd,726f6c6c6261636b\nqRcmd,726567696f6e73\nbc\nqC\nqfThreadInfo\nqsThreadInfo\nqAttached\nHg0\nT1\nD",
        "!\u{3}\nG00\nP10=00f0ffffffffffff\nP11=0000000000000080\ns\nvKill;1\nk\n!$g#00\n!$$#\n!-\n!+",
    ]

    static func seeds() -> [Seed] {
        sessions.enumerated().map { Seed(name: "session-\($0)", bytes: Array($1.utf8)) }
    }

    init() throws {
        var host = HostFunctions()
        try host.register("answer") { (value: Int64) -> Int64 in ~value }
        let configuration = SandboxConfiguration(heapByteCount: 1 << 20, stackByteCount: 64 << 10)
        sandbox = try Sandbox(
            guest: .bytes(try Guests.build("debuggee")), configuration: configuration, hostFunctions: host)
        snapshot = try sandbox.snapshot()
        listener = try DebuggerListener(try DebuggerAddress("127.0.0.1:0"))
    }

    /// A line of a session, with numbers in it that are boundaries.
    func mutate(_ input: inout [UInt8], _ random: inout SplitMix) -> Bool {
        var lines = input.split(separator: 0x0a, omittingEmptySubsequences: false).map { Array($0) }
        let all = DebuggerTarget.sessions.flatMap { $0.split(separator: "\n") }
        guard let chosen = all.randomElement(using: &random), lines.count < 64 else { return false }
        func number() -> String { String(Boundary.value(&random), radix: 16) }
        let packets = [
            String(chosen), "m\(number()),\(number())", "M\(number()),1:00", "p\(number())",
            "Z\(random.next() % 4),\(number()),\(number())", "z\(random.next() % 4),\(number()),\(number())",
            "P\(random.next() % 80)=\(number())", "qXfer:features:read:target.xml:\(number()),\(number())", "s", "c",
            "g",
        ]
        let packet = Array((packets.randomElement(using: &random) ?? "").utf8)
        lines.insert(packet, at: Int.random(in: 0...lines.count, using: &random))
        if lines.count > 8, Bool.random(using: &random) {
            lines.remove(at: Int.random(in: lines.indices, using: &random))
        }
        input = Array(lines.joined(separator: [0x0a]))
        return true
    }

    // MARK: - A session

    func run(_ input: [UInt8]) {
        guard input.count < 64 << 10, let client = connect() else { return }
        let isDone = DispatchSemaphore(value: 0)
        DispatchQueue.global().async {
            DebuggerTarget.play(input, client)
            isDone.signal()
        }
        do {
            let server = try GDBServer(listener, executable: "/guest.elf")
            _ = try server.call("sum", arguments: [.int64(3)], in: sandbox)
        } catch {
            Check.text("\(error)", "an error", limit: 64 << 10)
        }
        isDone.wait()
        do throws(SandboxError) {
            try sandbox.restore(snapshot)
            let result = try sandbox.call("sum", arguments: [.int64(4)])
            Check.holds(result == .int64(10), "1 + 2 + 3 + 4 is \(result) after a session")
            try sandbox.restore(snapshot)
        } catch {
            Check.holds(false, "after a session: \(error)")
        }
    }

    private func connect() -> CInt? {
        guard case .ipv4(_, let port) = listener.address else { return nil }
        let client = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = port.bigEndian
        inet_pton(AF_INET, "127.0.0.1", &place.sin_addr)
        let result = withUnsafePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            close(client)
            return nil
        }
        return client
    }

    /// The debugger's side: sends everything, ends with `k`, and reads until the other side is gone or the time is up.
    private static func play(_ input: [UInt8], _ client: CInt) {
        defer { close(client) }
        var limit = timeval(tv_sec: 0, tv_usec: Int(timeLimit * 1_000_000))
        setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var bytes: [UInt8] = []
        for line in input.split(separator: 0x0a) {
            bytes += line.first == UInt8(ascii: "!") ? Array(line.dropFirst()) : frame(Array(line))
        }
        bytes += frame(Array("k".utf8))
        _ = bytes.withUnsafeBytes { send(client, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
        var replies: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while replies.count < replyByteLimit {
            let count = recv(client, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            replies += buffer.prefix(count)
        }
        check(replies)
    }

    private static func frame(_ payload: [UInt8]) -> [UInt8] {
        let sum = String(payload.reduce(UInt8(0), &+), radix: 16)
        return Array("$".utf8) + payload + Array("#\(sum.count < 2 ? "0" : "")\(sum)".utf8)
    }

    /// Acknowledgements, and frames whose sums are right; the last one may have been cut.
    private static func check(_ replies: [UInt8]) {
        var rest = replies[...]
        while let first = rest.first {
            guard first == UInt8(ascii: "$") else {
                Check.holds(first == UInt8(ascii: "+") || first == UInt8(ascii: "-"), "a reply begins with \(first)")
                rest = rest.dropFirst()
                continue
            }
            guard let end = rest.firstIndex(of: UInt8(ascii: "#")), end + 2 < rest.endIndex else { return }
            let payload = Array(rest[(rest.startIndex + 1)..<end])
            Check.holds(payload.count <= 16 << 10, "a reply has \(payload.count) bytes")
            Check.holds(frame(payload) == Array(rest[rest.startIndex...end + 2]), "a reply's sum is wrong")
            rest = rest[(end + 3)...]
        }
    }
}
