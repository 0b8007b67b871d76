import MicroVM

/// A fault in words.
extension GuestFault {
    /// Callers that the one-line description names.
    private static let describedCallerCount = 3
    /// A null pointer with a member's offset lands here: nothing is mapped below 64 KiB.
    private static let nullPages: Range<UInt64> = 0..<0x1_0000

    /// One line: the cause, where, and who called: "write to read-only code at 0x200010 in `parse_header`+0x1c
    /// (parse.c:42), called from `handle`+0x30 (handle.c:7)". What the guest chose of it is escaped.
    public var description: String {
        guard let first = backtrace.first else { return cause }
        let callers = backtrace.dropFirst()
        var text = "\(cause) in \(first.quoted)"
        for (index, caller) in callers.prefix(GuestFault.describedCallerCount).enumerated() {
            text += (index == 0 ? ", called from " : ", from ") + caller.quoted
        }
        return text + (callers.count > GuestFault.describedCallerCount ? ", ..." : "")
    }

    /// Several lines: the cause; the backtrace; the region and symbol of the address; the registers, three in a line.
    /// No line feed behind the last.
    public var report: String {
        ([cause] + reportSections.flatMap { ["", $0.title] + $0.lines.map { "  " + $0 } }).joined(separator: "\n")
    }

    /// The report's parts below the cause.
    public var reportSections: [(title: String, lines: [String])] {
        var sections = [("Backtrace", backtraceLines)]
        if let addressLine { sections.append(("Address", [addressLine])) }
        return sections + [("Registers", registerLines)]
    }

    // MARK: - The cause

    /// What the guest did, in words, without where: "write to read-only code at 0x200010 (`table`+0x8)".
    public var cause: String {
        switch kind {
        case .exception(let vector): exceptionCause(vector)
        case .stackOverflow: "stack overflow" + (address.map { " at \(hex($0))" } ?? "")
        case .scratchExhausted:
            "scratch memory exhausted (raise scratchByteCount)" + (address.map { " by a write to \(hex($0))" } ?? "")
        case .illegalPort(let port): "access to port \(hex(UInt64(port)))"
        case .abort(let message): "abort: \(message)"
        case .protocolViolation(let reason): "protocol violation: \(reason)"
        }
    }

    private func exceptionCause(_ vector: UInt8) -> String {
        if isTrap { return "trap (ud2: a check of the program's that failed)" }
        guard vector == GuestExit.pageFaultVector, let address, let errorCode else {
            return GuestFault.exceptionName(vector)
        }
        let code = PageFaultCode(rawValue: errorCode)
        let place =
            "at \(hex(address))" + (addressSymbol.map { " (`\($0)`)" } ?? "")
            + (code.contains(.protectionKey) ? ", denied by protection keys (PKRU)" : "")
        return "\(GuestFault.access(code)) \(target(code)) \(place)"
            + (GuestFault.nullPages.contains(address) ? " (null pointer)" : "")
    }

    private static func access(_ code: PageFaultCode) -> String {
        switch code.neededAccess {
        case .execute: "execution of"
        case .write: "write to"
        default: "read of"
        }
    }

    /// What was accessed, and why that is not permitted.
    private func target(_ code: PageFaultCode) -> String {
        guard let region = addressRegion else { return "unmapped memory" }
        let name = GuestFault.regionNames[region.label] ?? region.label
        if region.access == MemoryAccess().description { return name }
        if code.contains(.instructionFetch) { return "non-executable \(name)" }
        return code.contains(.write) && !region.access.contains("WRITE") ? "read-only \(name)" : name
    }

    private static let regionNames = [
        MemoryRegionLabel.readOnlyData.rawValue: "data", MemoryRegionLabel.guardPages.rawValue: "a guard page",
        MemoryRegionLabel.zeroData.rawValue: "zero-filled data", MemoryRegionLabel.entry.rawValue: "entry code",
        MemoryRegionLabel.constants.rawValue: "constants page",
    ]

    // MARK: - The lines below it

    private var backtraceLines: [String] {
        backtrace.enumerated().map { index, frame in
            let number = "#\(index)".padding(4)
            let source = frame.file.flatMap { file in frame.line.map { " at \(file):\($0)" } } ?? ""
            let offset = frame.offset.map { $0 > 0 ? "+\(hex($0))" : "" } ?? ""
            return "\(number)\(paddedHex(frame.address))  \(frame.function ?? "?")\(offset)\(source)"
        } + (backtrace.count == Backtrace.maximumFrameCount ? ["..."] : [])
    }

    private var addressLine: String? {
        address.map { address in
            "\(hex(address)): " + (addressRegion.map(\.description) ?? "not mapped")
                + (addressSymbol.map { ", \($0)" } ?? "")
        }
    }

    private var registerLines: [String] {
        let all = registers.all
        return stride(from: 0, to: all.count, by: 3).map { start in
            all[start..<min(start + 3, all.count)].map { "\($0.name.padding(6)) \(paddedHex($0.value))" }
                .joined(separator: "  ")
        }
    }
}

private func paddedHex(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return "0x" + String(repeating: "0", count: 16 - digits.count) + digits
}

extension String {
    fileprivate func padding(_ count: Int) -> String {
        self + String(repeating: " ", count: max(0, count - self.count))
    }
}
