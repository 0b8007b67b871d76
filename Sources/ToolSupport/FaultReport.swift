import Palimpsest

/// A guest's fault as the tool shows it: all that is known of it. Whoever runs the tool has the guest anyway.
package enum FaultReport {
    /// What kind of fault it was: stable across versions, for programs.
    package static func kind(_ kind: GuestFault.Kind) -> String {
        switch kind {
        case .exception: "exception"
        case .stackOverflow: "stack-overflow"
        case .scratchExhausted: "scratch-exhausted"
        case .illegalPort: "illegal-port"
        case .abort: "abort"
        case .protocolViolation: "protocol-violation"
        }
    }

    /// For people: the report without its first line, which is the error's message. The guest has no say in its lines.
    package static func text(_ fault: GuestFault) -> String {
        fault.reportSections.map { section in
            ([Terminal.Style.bold.applyOnErrors(to: section.title)] + section.lines.map { "  " + Terminal.escaped($0) })
                .joined(separator: "\n")
        }.joined(separator: "\n")
    }

    package static func json(_ fault: GuestFault) -> JSON {
        var members: [(String, JSON)] = [("kind", .string(kind(fault.kind))), ("cause", .string(fault.cause))]
        if let vector = fault.vector { members.append(("vector", .unsigned(UInt64(vector)))) }
        if let code = fault.errorCode { members.append(("errorCode", .unsigned(code))) }
        if let address = fault.address { members.append(("address", hex(address))) }
        if let symbol = fault.addressSymbol { members.append(("addressSymbol", .string(symbol))) }
        if let region = fault.addressRegion { members.append(("region", json(region))) }
        members.append(("backtrace", .array(fault.backtrace.map(json))))
        members.append(("registers", .object(fault.registers.all.map { ($0.name, hex($0.value)) })))
        return .object(members)
    }

    private static func json(_ frame: GuestFrame) -> JSON {
        var members: [(String, JSON)] = [("address", hex(frame.address))]
        if let function = frame.function { members.append(("function", .string(function))) }
        if let symbol = frame.symbol { members.append(("symbol", .string(symbol))) }
        if let offset = frame.offset { members.append(("offset", .unsigned(offset))) }
        if let file = frame.file { members.append(("file", .string(file))) }
        if let line = frame.line { members.append(("line", .integer(line))) }
        return .object(members)
    }

    private static func json(_ region: GuestRegion) -> JSON {
        [
            "label": .string(region.label), "start": hex(region.addresses.lowerBound),
            "end": hex(region.addresses.upperBound), "access": .string(region.access),
        ]
    }

    private static func hex(_ value: UInt64) -> JSON { .string("0x" + String(value, radix: 16)) }
}
