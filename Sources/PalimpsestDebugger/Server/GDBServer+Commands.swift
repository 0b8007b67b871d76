import MicroVM
import Palimpsest

/// What gdb asks for while the guest stands still.
extension GDBServer {
    /// What a packet asks of the server.
    enum Answer {
        case reply([UInt8])
        case resume(DebugResumption)

        static func text(_ text: String) -> Answer { .reply(Array(text.utf8)) }
        static let ok = text("OK")
        static let error = text("E01")
        /// What is not known has an empty reply (appendix E.1).
        static let unknown = text("")
    }

    /// Answers packets until one lets the guest go on.
    func serve(_ session: DebugSession) -> DebugResumption {
        while let packet = connection.next() {
            switch answer(packet, session) {
            case .reply(let bytes): connection.send(bytes)
            case .resume(let resumption): return resumption
            }
        }
        return .kill
    }

    func answer(_ packet: [UInt8], _ session: DebugSession) -> Answer {
        guard let letter = packet.first else { return .unknown }
        let rest = packet.dropFirst()
        switch letter {
        case UInt8(ascii: "?"): return .text(lastStop)
        case UInt8(ascii: "g"): return readAll(session)
        case UInt8(ascii: "G"): return writeAll(rest, session)
        case UInt8(ascii: "p"): return readOne(rest, session)
        case UInt8(ascii: "P"): return writeOne(rest, session)
        case UInt8(ascii: "m"): return readMemory(rest, session)
        case UInt8(ascii: "M"): return writeMemory(rest, session) { Hex.bytes($0) }
        case UInt8(ascii: "X"): return writeMemory(rest, session) { PacketReader.unescaped($0) }
        case UInt8(ascii: "c"), UInt8(ascii: "C"): return go(.resume)
        case UInt8(ascii: "s"), UInt8(ascii: "S"): return go(.step)
        case UInt8(ascii: "b"): return rest.elementsEqual("c".utf8) ? reverse() : .unknown
        case UInt8(ascii: "Z"): return breakpoint(rest, session, isSet: true)
        case UInt8(ascii: "z"): return breakpoint(rest, session, isSet: false)
        case UInt8(ascii: "H"), UInt8(ascii: "T"): return .ok
        case UInt8(ascii: "D"):
            connection.send("OK")
            return .resume(.detach)
        case UInt8(ascii: "k"): return .resume(.kill)
        default: return named(String(decoding: packet, as: UTF8.self), session)
        }
    }

    private func go(_ resumption: DebugResumption) -> Answer {
        owesStop = true
        return .resume(resumption)
    }

    private func reverse() -> Answer {
        isReversing = true
        return go(.rollBack)
    }

    private func named(_ packet: String, _ session: DebugSession) -> Answer {
        if packet.hasPrefix("qSupported") { return supported(packet) }
        if packet.hasPrefix("qXfer:") { return transfer(packet) }
        if packet.hasPrefix("qRcmd,") { return monitor(packet.dropFirst(6), session) }
        if packet.hasPrefix("vCont;") { return vCont(packet.dropFirst(6)) }
        if packet.hasPrefix("vKill") {
            connection.send("OK")
            return .resume(.kill)
        }
        switch packet {
        case "QStartNoAckMode":
            connection.stopAcknowledging()
            return .ok
        case "vCont?": return .text("vCont;c;C;s;S")
        case "qC": return .text("QC1")
        case "qfThreadInfo": return .text("m1")
        case "qsThreadInfo": return .text("l")
        case "qAttached": return .text("1")
        default: return .unknown
        }
    }

    private func vCont(_ actions: Substring) -> Answer {
        switch actions.first {
        case "c", "C": go(.resume)
        case "s", "S": go(.step)
        default: .error
        }
    }

    // MARK: - What the target is

    private func supported(_ packet: String) -> Answer {
        supportsBreakpointReasons = packet.contains("swbreak+") && packet.contains("hwbreak+")
        let byteCount = String(PacketReader.maximumByteCount, radix: 16)
        return .text(
            "PacketSize=\(byteCount);QStartNoAckMode+;qXfer:features:read+;swbreak+;hwbreak+;vContSupported+;"
                + "ReverseContinue+" + (executable == nil ? "" : ";qXfer:exec-file:read+"))
    }

    /// `qXfer:OBJECT:read:ANNEX:OFFSET,LENGTH`
    private func transfer(_ packet: String) -> Answer {
        let parts = packet.split(separator: ":", maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count == 5, parts[2] == "read" else { return .unknown }
        let content: String
        switch (parts[1], parts[3]) {
        case ("features", "target.xml"):
            content = TargetDescription.xml(hasAVX: GuestExtendedState.vectorUpperOffset != nil)
        case ("features", _): return .text("E00")
        case ("exec-file", _):
            guard let executable else { return .unknown }
            content = executable
        default: return .unknown
        }
        guard let (offset, length) = GDBServer.pair(parts[4].utf8) else { return .error }
        let all = Array(content.utf8)
        let part = all.dropFirst(offset.count(upTo: all.count) ?? all.count).prefix(GDBServer.replyByteCount(length))
        let isLast = part.endIndex == all.count
        return .reply([UInt8(ascii: isLast ? "l" : "m")] + PacketReader.escaped(part))
    }

    // MARK: - Registers

    private func readAll(_ session: DebugSession) -> Answer {
        guard let state = try? session.readState() else { return .error }
        return .reply(Hex.digits(map.bytes(of: state)))
    }

    private func writeAll(_ digits: ArraySlice<UInt8>, _ session: DebugSession) -> Answer {
        change(session) { state in Hex.bytes(digits).map { map.set($0, in: &state) } ?? false }
    }

    private func readOne(_ digits: ArraySlice<UInt8>, _ session: DebugSession) -> Answer {
        guard let index = Hex.number(digits)?.index(below: map.count), let state = try? session.readState() else {
            return .error
        }
        return .reply(Hex.digits(map.bytes(of: index, in: state)))
    }

    /// `NUMBER=VALUE`
    private func writeOne(_ text: ArraySlice<UInt8>, _ session: DebugSession) -> Answer {
        let parts = text.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let index = Hex.number(parts[0])?.index(below: map.count),
            let value = Hex.bytes(parts[1])
        else { return .error }
        return change(session) { map.set(index, to: value[...], in: &$0) }
    }

    private func change(_ session: DebugSession, _ body: (inout GuestProcessorState) -> Bool) -> Answer {
        guard var state = try? session.readState(), body(&state) else { return .error }
        do throws(DebugError) {
            try session.writeState(state)
            return .ok
        } catch {
            return .error
        }
    }

    // MARK: - Memory

    /// Two hexadecimal numbers with a comma between them.
    static func pair(_ text: some Collection<UInt8>) -> (Untrusted<UInt64>, Untrusted<UInt64>)? {
        let parts = text.split(separator: UInt8(ascii: ","), maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let first = Hex.number(parts[0]), let second = Hex.number(parts[1]) else { return nil }
        return (first, second)
    }

    /// Of so many bytes as are asked for, those there is room for in a reply.
    private static func replyByteCount(_ length: Untrusted<UInt64>) -> Int {
        let limit = PacketReader.maximumByteCount / 2
        return length.count(upTo: limit) ?? limit
    }

    private func readMemory(_ text: ArraySlice<UInt8>, _ session: DebugSession) -> Answer {
        guard let (address, length) = GDBServer.pair(text) else { return .error }
        let bytes = try? session.readPrefix(
            address.uncheckedValue, byteCount: GDBServer.replyByteCount(length))
        guard let bytes else { return .error }
        return .reply(Hex.digits(bytes))
    }

    /// `ADDRESS,LENGTH:DATA`
    private func writeMemory(
        _ text: ArraySlice<UInt8>, _ session: DebugSession, _ decode: (ArraySlice<UInt8>) -> [UInt8]?
    ) -> Answer {
        guard let colon = text.firstIndex(of: UInt8(ascii: ":")),
            let (address, length) = GDBServer.pair(text[..<colon]),
            let bytes = decode(text[(colon + 1)...]), length == UInt64(bytes.count)
        else { return .error }
        return GDBServer.isDone { () throws(DebugError) in try session.write(bytes, at: address.uncheckedValue) }
    }

    private static func isDone(_ body: () throws(DebugError) -> Void) -> Answer {
        do throws(DebugError) {
            try body()
            return .ok
        } catch {
            return .error
        }
    }

    // MARK: - Breakpoints

    /// `TYPE,ADDRESS,KIND`: 0 software, 1 hardware, 2 write. Reads cannot be watched.
    private func breakpoint(_ text: ArraySlice<UInt8>, _ session: DebugSession, isSet: Bool) -> Answer {
        guard let type = text.first, text.dropFirst().first == UInt8(ascii: ",") else { return .error }
        // Conditions, which nobody has been offered, would follow a semicolon.
        let place = text.dropFirst(2).prefix { $0 != UInt8(ascii: ";") }
        guard let (claimed, kind) = GDBServer.pair(place) else { return .error }
        let address = claimed.uncheckedValue
        switch type {
        case UInt8(ascii: "0"): return breakpoint(at: address, \.software, session, isSet: isSet)
        case UInt8(ascii: "1"): return breakpoint(at: address, \.hardware, session, isSet: isSet)
        case UInt8(ascii: "2"):
            let byteCount = kind.count(upTo: .max) ?? .max
            return GDBServer.isDone { () throws(DebugError) in
                guard isSet else { return session.removeWatchpoint(at: address, byteCount: byteCount) }
                try session.setWatchpoint(at: address, byteCount: byteCount)
            }
        default: return .unknown
        }
    }

    /// One that gdb has set as both kinds is gone when both are.
    private func breakpoint(
        at address: UInt64, _ kind: ReferenceWritableKeyPath<GDBServer, Set<UInt64>>, _ session: DebugSession,
        isSet: Bool
    ) -> Answer {
        GDBServer.isDone { () throws(DebugError) in
            if isSet {
                try session.setBreakpoint(at: address)
                self[keyPath: kind].insert(address)
            } else {
                self[keyPath: kind].remove(address)
                guard !software.contains(address), !hardware.contains(address) else { return }
                try session.removeBreakpoint(at: address)
            }
        }
    }

    // MARK: - monitor

    private func monitor(_ digits: Substring, _ session: DebugSession) -> Answer {
        guard let bytes = Hex.bytes(Array(digits.utf8)) else { return .error }
        switch String(decoding: bytes, as: UTF8.self) {
        case "rollback":
            owesRollback = true
            return .resume(.rollBack)
        case "hostcalls on": session.stopsAtHostCalls = true
        case "hostcalls off": session.stopsAtHostCalls = false
        case "regions": print(session.regions.map { "\($0)\n" }.joined())
        case "help": print(GDBServer.help)
        default: print("Not a command of this target.\n" + GDBServer.help)
        }
        return .ok
    }

    private static let help = """
        monitor rollback          go back to the call's start (also: reverse-continue)
        monitor hostcalls on|off  stop before every call of a host function
        monitor regions           the guest's memory, region by region

        """
}
