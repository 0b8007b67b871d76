/// Takes the bytes of a connection apart ("Debugging with GDB", appendix E.1). Bytes come in pieces of any size; what
/// is no packet is passed over.
struct PacketReader {
    enum Event: Equatable {
        case packet([UInt8])
        /// A packet whose checksum is wrong, or that is too long: to be sent again.
        case damaged
        case acknowledged
        case retransmit
        /// Ctrl-C.
        case interrupt
    }

    /// The longest packet, without its frame: 16 KiB, which `PacketSize` tells gdb.
    static let maximumByteCount = 16 << 10

    private enum State {
        case outside
        case inside
        case firstDigit
        case secondDigit(UInt8?)
    }

    private var state = State.outside
    private var bytes: [UInt8] = []
    private var isTooLong = false

    /// - Returns: what is complete now, in order.
    mutating func feed(_ new: some Sequence<UInt8>) -> [Event] { new.compactMap { take($0) } }

    private mutating func take(_ byte: UInt8) -> Event? {
        // A packet's beginning is one wherever it comes: `$` cannot occur inside.
        if byte == UInt8(ascii: "$") {
            bytes.removeAll(keepingCapacity: true)
            (state, isTooLong) = (.inside, false)
            return nil
        }
        switch state {
        case .outside: return outside(byte)
        case .inside:
            if byte == UInt8(ascii: "#") {
                state = .firstDigit
            } else if bytes.count < PacketReader.maximumByteCount {
                bytes.append(byte)
            } else {
                isTooLong = true
            }
            return nil
        case .firstDigit:
            state = .secondDigit(Hex.value(byte))
            return nil
        case .secondDigit(let high):
            state = .outside
            guard let high, let low = Hex.value(byte), high << 4 | low == PacketReader.checksum(bytes), !isTooLong
            else {
                return .damaged
            }
            return .packet(bytes)
        }
    }

    private func outside(_ byte: UInt8) -> Event? {
        switch byte {
        case UInt8(ascii: "+"): .acknowledged
        case UInt8(ascii: "-"): .retransmit
        case 3: .interrupt
        default: nil
        }
    }

    static func checksum(_ bytes: some Sequence<UInt8>) -> UInt8 { bytes.reduce(0, &+) }

    /// A packet with its frame. Replies need no escapes: they are text or hexadecimal, or `escaped` already.
    static func frame(_ payload: [UInt8]) -> [UInt8] {
        [UInt8(ascii: "$")] + payload + [UInt8(ascii: "#")] + Hex.digits([checksum(payload)])
    }

    /// Bytes for a binary reply (appendix E.1): `#`, `$`, `}` and `*` are `}` and the byte with bit 5 flipped.
    static func escaped(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        bytes.flatMap { byte in
            switch byte {
            case UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "}"), UInt8(ascii: "*"):
                [UInt8(ascii: "}"), byte ^ 0x20]
            default: [byte]
            }
        }
    }

    /// The other way round, for the data of `X`; nil if it ends in the middle of an escape.
    static func unescaped(_ bytes: some Sequence<UInt8>) -> [UInt8]? {
        var result: [UInt8] = []
        var isEscape = false
        for byte in bytes {
            if isEscape {
                result.append(byte ^ 0x20)
                isEscape = false
            } else if byte == UInt8(ascii: "}") {
                isEscape = true
            } else {
                result.append(byte)
            }
        }
        return isEscape ? nil : result
    }
}
