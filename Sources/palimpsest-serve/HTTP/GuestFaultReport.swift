import Palimpsest
import ToolSupport

/// A guest's fault as a client sees it.
///
/// In brief, what kind it was. In full, with addresses and symbols too: of the guest only, but they help whoever is
/// looking for a way into it. Clients get those only if the operator said so.
enum GuestFaultReport {
    static func json(_ fault: GuestFault, isFull: Bool) -> JSON {
        var members: [(String, JSON)] = [("kind", .string(FaultReport.kind(fault.kind)))]
        if let vector = fault.vector { members.append(("vector", .unsigned(UInt64(vector)))) }
        guard isFull else { return .object(members) }
        if let code = fault.errorCode { members.append(("errorCode", .unsigned(code))) }
        if let address = fault.address { members.append(("address", hex(address))) }
        members.append(("instruction", hex(fault.registers.rip)))
        if let symbol = fault.symbol { members.append(("symbol", .string(symbol))) }
        if let region = fault.region { members.append(("region", .string(region))) }
        members.append(("description", .string(fault.description)))
        return .object(members)
    }

    private static func hex(_ value: UInt64) -> JSON { .string("0x" + String(value, radix: 16)) }
}
