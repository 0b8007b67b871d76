/// Reading guest memory from the host. Addresses and lengths come from the guest: every page is checked.
extension AddressSpace {
    /// Why a range is not the guest's to give.
    struct InvalidRange: Error, Equatable, Sendable {
        let address: UInt64
        let byteCount: UInt64
    }

    /// Host bytes behind `address`, as many as lie contiguous in host memory, at most `byteCount`; nil if the
    /// guest may not access the page that way.
    private func contiguousBytes(
        at address: GuestVirtualAddress, byteCount: Int, needing access: MemoryAccess
    ) -> UnsafeRawBufferPointer? {
        guard let mapping = mapping(at: address), mapping.region.access.contains(access) else { return nil }
        let regionOffset = address - mapping.region.guest.lowerBound
        let inRegion = min(byteCount, mapping.region.guest.upperBound - address)
        switch mapping.backing {
        case .none:
            return nil
        case .scratch(let frames):
            return UnsafeRawBufferPointer(start: scratch.host(frames + regionOffset), count: inRegion)
        case .layer(_, let host):
            let entry = tables[address.page]
            let inPage = min(inRegion, pageByteCount - address.offsetInPage)
            let base =
                scratch.contains(entry.frame)
                ? UnsafeRawPointer(scratch.host(entry.frame)) + address.offsetInPage : host + regionOffset
            return UnsafeRawBufferPointer(start: base, count: inPage)
        }
    }

    /// Visits a range of guest memory piece by piece, in order.
    /// - Throws: `InvalidRange` if any byte of it is not user memory with `access`, or if it wraps.
    func forEachPiece(
        of span: GuestSpan, needing access: MemoryAccess = .read, _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(InvalidRange) {
        let invalid = InvalidRange(address: span.address, byteCount: span.byteCount)
        let (end, overflow) = span.address.addingReportingOverflow(span.byteCount)
        guard !overflow, end <= 1 << 47, let byteCount = Int(exactly: span.byteCount) else { throw invalid }
        var address = GuestVirtualAddress(rawValue: span.address)
        var remaining = byteCount
        while remaining > 0 {
            guard let piece = contiguousBytes(at: address, byteCount: remaining, needing: access) else {
                throw invalid
            }
            body(piece)
            address = address + piece.count
            remaining -= piece.count
        }
    }

    /// The bytes of `span` in one piece, without copying, if they lie that way; nil if they do not.
    func contiguous(_ span: GuestSpan) throws(InvalidRange) -> UnsafeRawBufferPointer? {
        guard let byteCount = Int(exactly: span.byteCount) else {
            throw InvalidRange(address: span.address, byteCount: span.byteCount)
        }
        let address = GuestVirtualAddress(rawValue: span.address)
        guard let piece = contiguousBytes(at: address, byteCount: byteCount, needing: .read) else {
            throw InvalidRange(address: span.address, byteCount: span.byteCount)
        }
        return piece.count == byteCount ? piece : nil
    }

    /// Copies guest memory out.
    func bytes(_ span: GuestSpan) throws(InvalidRange) -> [UInt8] {
        // Checked before anything is reserved: the length is the guest's.
        try forEachPiece(of: span) { _ in }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(span.byteCount))
        try forEachPiece(of: span) { bytes.append(contentsOf: $0) }
        return bytes
    }

    /// Copies a trivial value out.
    func load<Value: BitwiseCopyable>(_ address: UInt64, as type: Value.Type) throws(InvalidRange) -> Value {
        let span = GuestSpan(address: address, byteCount: UInt64(MemoryLayout<Value>.size))
        let copy = try bytes(span)
        return copy.withUnsafeBytes { $0.loadUnaligned(as: type) }
    }
}
