/// Core dumps: see docs/debugging.md.
extension Sandbox {
    /// Writes an ELF core of the guest as it is now, between two calls or after one that faulted or was stopped:
    /// `gdb guest.elf core` opens it.
    ///
    /// It has the processor's registers, all memory the guest may access, with permissions, and, as notes, the labels of
    /// its regions, the fault's report and the guest's build id. Pages of zeros are holes. It appears under its name when
    /// it is complete and on the disk, and replaces a regular file or a link that was there; only its owner may read it.
    /// What is no regular file is not replaced, nor is a file that the guest comes from.
    ///
    /// Takes time: all that the guest has written is read twice and written once. The status stays what it is.
    /// - Parameter byteLimit: bytes it may have, holes not counted; 1 GiB by default.
    /// - Throws: `CoreDumpError`: `callInProgress`, `unrecoverable`, `processorUnreadable`, `tooLarge`, `unwritable`.
    public func writeCoreDump(to path: String, byteLimit: Int = 1 << 30) throws(CoreDumpError) {
        guard control.reserve() else { throw .callInProgress }
        defer { control.end() }
        guard status != .unrecoverable else { throw .unrecoverable }
        endResidence()
        try writeCore(to: path, byteLimit, status == .poisoned ? lastFault : nil)
    }

    /// What the configuration asks for when a call has faulted. A core that cannot be written changes nothing about the
    /// fault.
    func dumpCore(of fault: GuestFault) -> Result<String, CoreDumpError>? {
        guard let policy = configuration.coreDump else { return nil }
        do throws(CoreDumpError) {
            let path = try policy.nextPath()
            try writeCore(to: path, policy.byteLimit, fault)
            return .success(path)
        } catch {
            configuration.logger.warning("\(error)")
            return .failure(error)
        }
    }

    /// The sandbox is claimed, and its vCPU does not run.
    private func writeCore(to path: String, _ byteLimit: Int, _ fault: GuestFault?) throws(CoreDumpError) {
        let image = CoreImage(machine.memory, try coreNotes(fault))
        guard image.contentByteCount <= byteLimit else {
            throw .tooLarge(byteCount: image.contentByteCount, limit: byteLimit)
        }
        // Beyond that limit the kernel's answer is a signal, which ends the process.
        let fileLimit = CoreFile.byteLimit
        guard image.fileByteCount <= fileLimit else {
            throw .tooLarge(byteCount: image.fileByteCount, limit: fileLimit)
        }
        let file = try CoreFile(path, keeping: inputs)
        try write(image, to: file)
        try file.place()
    }

    /// The files that the guest comes from and that it has mapped.
    private var inputs: Set<FileNumber> {
        let layers = machine.memory.image.layers.filter(\.mayVanish).compactMap { FileNumber($0.segment.descriptor) }
        return Set(layers).union([program.file?.path.flatMap { FileNumber($0) }].compactMap(\.self))
    }

    private func write(_ image: CoreImage, to file: CoreFile) throws(CoreDumpError) {
        for start in stride(from: 0, to: image.header.count, by: CoreFile.chunkByteCount) {
            let part = image.header[start..<min(start + CoreFile.chunkByteCount, image.header.count)]
            try file.write(at: start, byteCount: part.count) { $0.copyBytes(from: part) }
        }
        for segment in image.segments {
            for pages in segment.filledPages {
                try write(pages, of: segment, to: file)
            }
        }
    }

    private func write(
        _ pages: Range<GuestVirtualAddress>, of segment: CoreImage.Segment, to file: CoreFile
    ) throws(CoreDumpError) {
        let offset = segment.offset + (pages.lowerBound - segment.mapping.region.guest.lowerBound)
        for start in stride(from: 0, to: pages.upperBound - pages.lowerBound, by: CoreFile.chunkByteCount) {
            let first = pages.lowerBound + start
            let chunk = first..<min(first + CoreFile.chunkByteCount, pages.upperBound)
            try file.write(at: offset + start, byteCount: chunk.upperBound - chunk.lowerBound) {
                machine.memory.copy(chunk, of: segment.mapping, to: $0)
            }
        }
    }

    // MARK: - Notes

    private func coreNotes(_ fault: GuestFault?) throws(CoreDumpError) -> CoreNotes {
        let thread = try coreThread()
        let (signal, code) = GuestSignal.number(fault)
        let file = program.file
        var notes = CoreNotes()
        notes.addThread(thread, signal: signal)
        notes.addProcess(name: file?.path.flatMap { $0.split(separator: "/").last.map(String.init) } ?? "guest")
        notes.addSignal(signal, code: code, address: fault?.address ?? fault?.registers.rip ?? 0)
        notes.add("CORE", 2, thread.floatingPoint)
        notes.add("LINUX", 0x202, thread.extendedState)
        if let file, let path = file.path {
            notes.addFiles(file.segments.map { ($0.addresses, $0.offset, path) })
        }
        if let buildID = file?.buildID { notes.add("GNU", 3, buildID) }
        let regions = regions.map { "\($0)\n" }.joined()
        notes.add(CoreNotes.owner, CoreNotes.regionsType, Array(regions.utf8))
        if let fault { notes.add(CoreNotes.owner, CoreNotes.faultType, Array("\(fault.report)\n".utf8)) }
        return notes
    }

    private func coreThread() throws(CoreDumpError) -> CoreThread {
        do throws(MachineError) {
            return CoreThread(try machine.processorState())
        } catch {
            throw .processorUnreadable(reason: "\(error)")
        }
    }
}
