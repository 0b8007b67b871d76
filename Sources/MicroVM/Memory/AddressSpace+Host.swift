import CPalimpsest

/// Reading guest memory from the host. Addresses and lengths come from the guest: every page is checked.
extension AddressSpace {
    /// Why a range is not the guest's to give.
    package struct InvalidRange: Error, Equatable, Sendable {
        package let address: UInt64
        package let byteCount: UInt64

        init(_ span: GuestSpan) {
            address = span.address.rawValue
            byteCount = span.byteCount.uncheckedValue
        }
    }

    /// Host bytes behind `address`, as many as lie contiguous in host memory, at most `byteCount`; nil if the
    /// guest may not access the page that way. Good until the guest runs or the next piece is asked for.
    private func contiguousBytes(
        at address: GuestVirtualAddress, byteCount: Int, needing access: MemoryAccess
    ) -> UnsafeRawBufferPointer? {
        guard let mapping = mapping(at: address), mapping.region.access.contains(access),
            let start = hostPage(address.page, mapping)
        else { return nil }
        let wanted = min(byteCount, mapping.region.guest.upperBound - address)
        var count = pageByteCount - address.offsetInPage
        while count < wanted, filePage.map(UnsafeRawPointer.init) != start,
            let next = hostPage(address + count, mapping), next == start + address.offsetInPage + count
        {
            count += pageByteCount
        }
        return UnsafeRawBufferPointer(start: start + address.offsetInPage, count: min(count, wanted))
    }

    /// Where the host finds a page's bytes; a file's are copied aside first. Nil for guard pages and lost files.
    func hostPage(_ page: GuestVirtualAddress, _ mapping: RegionMap.Mapping) -> UnsafeRawPointer? {
        switch mapping.backing {
        case .none: return nil
        case .fixed(let frame):
            return scratch.contains(frame) ? UnsafeRawPointer(scratch.host(frame)) : image.entryPage
        case .shared(let frames):
            return UnsafeRawPointer(scratch.host(frames + (page - mapping.region.guest.lowerBound)))
        case .home, .pool: break
        }
        let entry = tables[page]
        if entry.isPresent, scratch.contains(entry.frame) { return UnsafeRawPointer(scratch.host(entry.frame)) }
        switch image.pages.content(of: page) {
        case .zero: return PageComparison.zeros
        case .layer(let layer, let offset):
            guard layer.mayVanish else { return layer.bytes(at: offset) }
            return copyOfFilePage(layer.bytes(at: offset))
        }
    }

    private func copyOfFilePage(_ source: UnsafeRawPointer) -> UnsafeRawPointer? {
        let page = filePage ?? .allocate(byteCount: pageByteCount, alignment: pageByteCount)
        filePage = page
        return pal_copy_guarded(page, source, pageByteCount) == 0 ? UnsafeRawPointer(page) : nil
    }

    /// How many bytes a range has, if all of them are in ring 3's half; they may still be nobody's.
    private func byteCount(of span: GuestSpan) -> Int? {
        guard span.address <= GuestLayout.userEnd else { return nil }
        return span.byteCount.count(upTo: GuestLayout.userEnd - span.address)
    }

    /// Visits a range of guest memory piece by piece, in order.
    /// - Throws: `InvalidRange` if any byte of it is not user memory with `access`, or if it wraps.
    package func forEachPiece(
        of span: GuestSpan, needing access: MemoryAccess = .read, _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(InvalidRange) {
        guard let byteCount = byteCount(of: span) else { throw InvalidRange(span) }
        var address = span.address
        var remaining = byteCount
        while remaining > 0 {
            guard let piece = contiguousBytes(at: address, byteCount: remaining, needing: access) else {
                throw InvalidRange(span)
            }
            body(piece)
            address = address + piece.count
            remaining -= piece.count
        }
    }

    /// The bytes of `span` in one piece, without copying, if they lie that way; nil if they do not.
    package func contiguous(_ span: GuestSpan) throws(InvalidRange) -> UnsafeRawBufferPointer? {
        guard let byteCount = byteCount(of: span),
            let piece = contiguousBytes(at: span.address, byteCount: byteCount, needing: .read)
        else { throw InvalidRange(span) }
        return piece.count == byteCount ? piece : nil
    }

    /// Copies guest memory out.
    package func bytes(_ span: GuestSpan) throws(InvalidRange) -> [UInt8] {
        // Checked before anything is reserved: the length is the guest's.
        var byteCount = 0
        try forEachPiece(of: span) { byteCount += $0.count }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(byteCount)
        try forEachPiece(of: span) { bytes.append(contentsOf: $0) }
        return bytes
    }

    /// Copies a trivial value out.
    package func load<Value: BitwiseCopyable>(
        _ address: GuestVirtualAddress, as type: Value.Type
    ) throws(InvalidRange) -> Value {
        let byteCount = Untrusted(UInt64(MemoryLayout<Value>.size))
        let copy = try bytes(GuestSpan(address: address, byteCount: byteCount))
        return copy.withUnsafeBytes { $0.loadUnaligned(as: type) }
    }
}
