/// The page tables a sandbox starts with, ready to be copied to the start of its pool.
///
/// The guest-physical map is the same for all sandboxes of the same sizes, so nothing has to be relocated.
package final class PageTableImage: @unchecked Sendable {
    package let root: GuestPhysicalAddress
    let trackedTables: [(start: GuestVirtualAddress, frame: GuestPhysicalAddress, window: Range<Int>)]
    private let memory: UnsafeMutableRawBufferPointer
    package let byteCount: Int

    /// Builds the tables of `layout`'s pool in memory of the image's own.
    /// - Throws: `ScratchExhausted` if the pool is too small for them; `MachineError` without memory.
    init(_ layout: ScratchLayout, build: (PageTables) throws -> Void) throws {
        memory = try SystemMemory.anonymous(byteCount: layout.pool.upperBound - layout.pool.lowerBound)
        do {
            let pool = FramePool(frames: layout.pool, memory: memory.baseAddress.unsafelyUnwrapped)
            let tables = try PageTables(in: pool)
            try build(tables)
            root = tables.root
            trackedTables = tables.trackedTables.map { ($0.start, $0.frame, $0.window) }
            byteCount = pool.usedByteCount
        } catch {
            SystemMemory.unmap(memory)
            throw error
        }
        // Address space is given back; the tables stay.
        SystemMemory.unmap(UnsafeMutableRawBufferPointer(rebasing: memory[byteCount...]))
    }

    deinit { SystemMemory.unmap(UnsafeMutableRawBufferPointer(rebasing: memory[..<byteCount])) }

    package func copy(to scratch: ScratchMemory) -> PageTables {
        scratch.write(UnsafeRawBufferPointer(rebasing: memory[..<byteCount]), at: scratch.layout.pool.lowerBound)
        return PageTables(in: scratch.makePool(usedByteCount: byteCount), copying: self)
    }
}
