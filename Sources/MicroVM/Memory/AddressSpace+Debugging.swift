/// What a debugger changes in a guest's memory.
extension AddressSpace {
    /// What a write asks of the caller.
    package enum Effect {
        case done
        /// Translations of the page may be stale: KVM has to forget them.
        case needsFlush
    }

    /// Writes as the guest could: pages of the image are copied first, and every page is on the rollback's list.
    /// - Throws: `PatchError.unwritable`, `scratchExhausted`: before anything is written.
    package func write(_ bytes: [UInt8], at start: UInt64) throws(PatchError) -> Effect {
        let pieces = try pieces(bytes.count, at: start)
        for piece in pieces where mapping(at: piece.page)?.region.access.contains(.write) != true {
            throw .unwritable(address: start, byteCount: UInt64(bytes.count))
        }
        // All frames first: a page that was written and is on no list would stay written for ever.
        var effect = Effect.done
        for piece in pieces where try makePrivate(piece.page) { effect = .needsFlush }
        var rest = bytes[...]
        for piece in pieces {
            store(rest.prefix(piece.count), piece)
            rest = rest.dropFirst(piece.count)
        }
        tracked.add(pieces.map(\.page), tables, scratch, image)
        return effect
    }

    /// Replaces one byte of code. The page becomes the sandbox's own, as readable, executable and unwritable for the
    /// guest as before. Rollbacks do not look at it: whoever patches code puts it back.
    /// - Returns: the byte that was there.
    package func patch(_ address: UInt64, _ byte: UInt8) throws(PatchError) -> (old: UInt8, effect: Effect) {
        let place = GuestVirtualAddress(rawValue: address)
        guard place < GuestLayout.userEnd, let mapping = mapping(at: place), isCode(mapping),
            let old = try? bytes(GuestSpan(address: address, byteCount: 1))
        else { throw .notCode(address: address) }
        var effect = Effect.done
        let entry = reveal(place.page)
        if !(entry.isPresent && scratch.contains(entry.frame)) {
            try copyCode(place.page, mapping)
            effect = .needsFlush
        }
        store([byte], (place.page, place.offsetInPage, 1))
        return (old[0], effect)
    }

    /// The guest's own, or the entry code: that runs in ring 3 as well, and is what exported functions return to.
    private func isCode(_ mapping: RegionMap.Mapping) -> Bool {
        mapping.region.access.contains(.execute) && (mapping.backing == .pool || mapping.region.label == .entry)
    }

    /// Maps the entry code that all sandboxes share again, in place of a copy with breakpoints in it.
    package func sealEntryCode() throws(PatchError) -> Effect {
        guard let copy = entryCodeCopy, tables[GuestLayout.entry].frame == copy.frame else { return .done }
        try map(GuestLayout.entry, copy.sealed)
        return .needsFlush
    }

    private typealias Piece = (page: GuestVirtualAddress, offset: Int, count: Int)

    private func pieces(_ byteCount: Int, at start: UInt64) throws(PatchError) -> [Piece] {
        var address = GuestVirtualAddress(rawValue: start)
        guard address <= GuestLayout.userEnd, byteCount <= GuestLayout.userEnd - address else {
            throw .unwritable(address: start, byteCount: UInt64(byteCount))
        }
        var pieces: [Piece] = []
        var remaining = byteCount
        while remaining > 0 {
            let count = min(remaining, pageByteCount - address.offsetInPage)
            pieces.append((address.page, address.offsetInPage, count))
            address = address + count
            remaining -= count
        }
        return pieces
    }

    /// Gives a page that the guest may write a frame of its own.
    /// - Returns: whether the guest may still see the page through a translation to where it was before: it has not
    ///   written it since it has the frame.
    private func makePrivate(_ page: GuestVirtualAddress) throws(PatchError) -> Bool {
        let entry = tables[page]
        if entry.isPresent && entry.isWritable { return !entry.isDirty }
        switch resolve(page, [.write, .user]) {
        case .resolved: return true
        case .exhausted: throw .scratchExhausted
        case .denied, .unreadable: throw .unwritable(address: page.rawValue, byteCount: UInt64(pageByteCount))
        }
    }

    private func copyCode(_ page: GuestVirtualAddress, _ mapping: RegionMap.Mapping) throws(PatchError) {
        guard let content = try? bytes(GuestSpan(address: page.rawValue, byteCount: UInt64(pageByteCount))) else {
            throw .notCode(address: page.rawValue)
        }
        let isEntry = mapping.region.label == .entry
        guard let frame = (isEntry ? entryCodeCopy?.frame : nil) ?? tables.pool.allocate() else {
            throw .scratchExhausted
        }
        if isEntry { entryCodeCopy = EntryCodeCopy(frame: frame, sealed: tables[page]) }
        content.withUnsafeBytes { scratch.write($0, at: frame) }
        try map(page, PageTableEntry(frame: frame, access: mapping.region.access, isUser: true))
    }

    private func map(_ page: GuestVirtualAddress, _ entry: PageTableEntry) throws(PatchError) {
        do throws(ScratchExhausted) {
            try tables.set(page, entry)
        } catch {
            throw .scratchExhausted
        }
    }

    private func store(_ bytes: some Collection<UInt8>, _ piece: Piece) {
        let target = UnsafeMutableRawBufferPointer(
            start: scratch.host(tables[piece.page].frame) + piece.offset, count: piece.count)
        target.copyBytes(from: bytes)
    }
}
