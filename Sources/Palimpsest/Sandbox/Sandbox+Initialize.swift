import CPalimpsest
import GuestABI
import MicroVM

/// The first entry: the guest's initialisers run and say what they export.
extension Sandbox {
    /// - Throws: what a call throws; `noExports`, `invalidExport`.
    func initialize(entry: GuestVirtualAddress) throws(SandboxError) -> [GuestExport] {
        try claim(.now + min(configuration.initializationTimeLimit, .seconds(1 << 32)), on: nil)
        defer { end() }
        pal_prepare_call(machine.mailbox, entry.rawValue, 0, 0)
        try enter(at: GuestLayout.entry, for: .initialization)
        return try readExports(machine.mailbox.pointee.ready.exports)
    }

    /// Reads the table once; what the guest does to it later has no effect.
    private func readExports(_ table: pal_span) throws(SandboxError) -> [GuestExport] {
        guard table.count > 0 else { throw .noExports }
        guard let count = Untrusted(table.count).count(upTo: Int(PAL_MAX_EXPORTS)) else {
            throw .invalidExport(
                index: Int(PAL_MAX_EXPORTS),
                reason: "\(table.count) exports; at most \(PAL_MAX_EXPORTS) are accepted")
        }
        var exports: [GuestExport] = []
        var names: Set<ByteName> = []
        for index in 0..<count {
            let address = GuestVirtualAddress(rawValue: table.address) + index * MemoryLayout<pal_export>.stride
            let export = try readExport(index, at: address)
            guard names.insert(ByteName(export.name)).inserted else {
                throw .invalidExport(index: index, reason: "there is another export named '\(export.name)'")
            }
            exports.append(export)
        }
        return exports
    }

    private func readExport(_ index: Int, at address: GuestVirtualAddress) throws(SandboxError) -> GuestExport {
        guard let record = try? machine.memory.load(address, as: pal_export.self) else {
            throw .invalidExport(index: index, reason: "it lies at \(address), outside guest memory")
        }
        let nameBytes = try exportBytes(GuestSpan(record.name), index, limit: Int(PAL_MAX_NAME_BYTES), "name")
        guard !nameBytes.isEmpty, let name = String(validating: nameBytes, as: UTF8.self),
            GuestText.escaped(name).hasBytes(of: name)
        else {
            throw .invalidExport(index: index, reason: "its name is empty, not UTF-8, or has control characters")
        }
        let codes = try exportBytes(
            GuestSpan(record.signature), index, limit: 1 + GuestSignature.maximumArgumentCount, "signature")
        guard let signature = GuestSignature(codes: codes) else {
            throw .invalidExport(index: index, reason: "the signature of '\(name)' is malformed")
        }
        let function = GuestVirtualAddress(rawValue: record.function)
        guard machine.memory.mapping(at: function)?.region.label == .code else {
            throw .invalidExport(
                index: index, reason: "the address of '\(name)', \(function), is not code")
        }
        return GuestExport(
            name: name, signature: signature, index: index, function: record.function, context: record.context)
    }

    private func exportBytes(
        _ span: GuestSpan, _ index: Int, limit: Int, _ what: String
    ) throws(SandboxError) -> [UInt8] {
        guard span.byteCount.count(upTo: limit) != nil, let bytes = try? machine.memory.bytes(span) else {
            throw .invalidExport(
                index: index,
                reason: "its \(what), \(span.byteCount.uncheckedValue) bytes at \(span.address), is too long (limit "
                    + "\(limit)) or outside guest memory")
        }
        return bytes
    }
}
