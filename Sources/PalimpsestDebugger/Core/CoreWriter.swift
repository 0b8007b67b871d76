import GuestABI
import MicroVM
import Palimpsest

/// Writes an ELF core of a sandbox that is claimed, and whose vCPU does not run.
struct CoreWriter {
    private let sandbox: Sandbox
    private var memory: AddressSpace { sandbox.machine.memory }

    init(_ sandbox: Sandbox) { self.sandbox = sandbox }

    /// - Parameter fault: what has ended the guest's last call, if it was one.
    func write(to path: String, byteLimit: Int, _ fault: GuestFault?) throws(CoreDumpError) {
        let image = CoreImage(memory, try coreNotes(fault))
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
        let layers = memory.image.layers.filter(\.mayVanish).compactMap { FileNumber($0.segment.descriptor) }
        return Set(layers).union([sandbox.program.file?.path.flatMap { FileNumber($0) }].compactMap(\.self))
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
                memory.copy(chunk, of: segment.mapping, to: $0)
            }
        }
    }

    // MARK: - Notes

    private func coreNotes(_ fault: GuestFault?) throws(CoreDumpError) -> CoreNotes {
        let thread = try coreThread()
        let (signal, code) = GuestSignal.number(fault)
        let file = sandbox.program.file
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
        let regions = sandbox.regions.map { "\($0)\n" }.joined()
        notes.add(CoreNotes.owner, CoreNotes.regionsType, Array(regions.utf8))
        if let fault { notes.add(CoreNotes.owner, CoreNotes.faultType, Array("\(fault.report)\n".utf8)) }
        return notes
    }

    private func coreThread() throws(CoreDumpError) -> CoreThread {
        do throws(MachineError) {
            return CoreThread(try sandbox.machine.processorState())
        } catch {
            throw .processorUnreadable(reason: "\(error)")
        }
    }
}
