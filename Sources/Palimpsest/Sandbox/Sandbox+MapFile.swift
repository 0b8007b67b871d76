import MicroVM

/// Files in the guest's memory.
extension Sandbox {
    /// Files a guest can have mapped at a time.
    public static let maximumMappedFileCount = MappedFileIdentity.maximumCount

    /// Maps a file into the guest's memory: there when it is touched, shared with the page cache, never written.
    ///
    /// The guest may write to its pages; it then writes to copies of its own, which a rollback resets. A snapshot
    /// taken later remembers the file; restoring an earlier one unmaps it.
    ///
    /// Do not change the file while it is mapped: pages the guest has not written show the change. A file that becomes
    /// shorter does no harm to the host: the guest's access to a page that is gone ends the call with
    /// `SandboxError.mappedFileUnreadable`.
    /// - Parameters:
    ///   - path: of a regular file.
    ///   - address: guest-virtual, page-aligned, with nothing else mapped from there to the end of the file.
    /// - Throws: `SandboxError.mappedFileUnreadable`, `invalidMapping`, `machine`, `invalidConfiguration` (no scratch
    ///   memory for page tables), `callInProgress`, `poisoned`, `unrecoverable`. The guest's memory is then as it was.
    @discardableResult
    public func mapFile(_ path: String, at address: UInt64) throws(SandboxError) -> MappedFile {
        try mapFile(path, at: address, hashing: nil)
    }

    /// - Parameter hash: computes the file's digest now.
    package func mapFile(
        _ path: String, at address: UInt64, hashing hash: MappedFileIdentity.Hashing?
    ) throws(SandboxError) -> MappedFile {
        try reserve()
        defer { control.end() }
        endResidence()
        let identity: MappedFileIdentity
        let segment: SharedMemorySegment
        do throws(MappedFileIdentity.Failure) {
            (identity, segment) = try MappedFileIdentity.open(path, hashing: hash)
        } catch {
            switch error {
            case .machine(let error): throw .machine(error)
            case .unreadable(let reason): throw .mappedFileUnreadable(path: path, reason: reason)
            }
        }
        try guardCopies()
        let region = try fileRegion(address, byteCount: segment.byteCount)
        let layer = MemoryLayer(segment, at: try filePlace(segment.byteCount), source: .mapped(identity))
        do throws(GuestMemoryError) {
            try machine.add(RegionMap.Mapping(region: region, backing: .pool, file: identity), layer)
        } catch {
            throw SandboxError(error)
        }
        return MappedFile(path: identity.path, address: address, byteCount: identity.byteCount, digest: identity.digest)
    }

    /// Files mapped into the guest now.
    public var mappedFiles: [MappedFile] { MappedFile.all(in: machine.memory.image) }

    private func guardCopies() throws(SandboxError) {
        do throws(MachineError) {
            try CopyGuard.install()
        } catch {
            throw .machine(error)
        }
    }

    private func fileRegion(
        _ address: UInt64, byteCount: Int
    ) throws(SandboxError) -> MemoryRegion<GuestVirtualAddress> {
        func invalid(_ reason: String) -> SandboxError {
            .invalidMapping(address: address, byteCount: byteCount, reason: reason)
        }
        let start = GuestVirtualAddress(rawValue: address)
        guard start.isPageAligned else { throw invalid("the address is no multiple of \(pageByteCount)") }
        guard start >= GuestLayout.imageStart, address < GuestLayout.userEnd.rawValue,
            UInt64(byteCount) <= GuestLayout.userEnd.rawValue - address
        else { throw invalid("expected \(GuestLayout.imageStart) to \(GuestLayout.userEnd)") }
        let pages = start..<start + byteCount
        if let other = machine.memory.image.regions.mapping(overlapping: pages) {
            throw invalid("it overlaps \(other.region.label) at \(other.region.guest.lowerBound)")
        }
        do throws(MemoryRegionError) {
            return try MemoryRegion(guest: pages, host: nil, access: [.read, .write], label: .mappedFile)
        } catch {
            throw invalid("\(error)")
        }
    }

    private func filePlace(_ byteCount: Int) throws(SandboxError) -> GuestPhysicalAddress {
        let files = machine.memory.image.files
        let place = files.last?.nextPlace ?? GuestLayout.filesPhysical
        guard files.count < Sandbox.maximumMappedFileCount, byteCount <= GuestLayout.filesLimit - place else {
            throw .invalidMapping(
                address: 0, byteCount: byteCount,
                reason: "a guest can have \(Sandbox.maximumMappedFileCount) files of "
                    + "\(MappedFileIdentity.maximumByteCount) bytes in all; it has \(files.count)")
        }
        return place
    }
}
