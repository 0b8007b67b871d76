import CPalimpsest
import Glibc
import Palimpsest
import TestSupport
import Testing

@testable import MicroVM

@Suite("Memory")
struct MemoryTests {
    private typealias Builder = MemoryRegionBuilder<GuestPhysicalAddress>

    @Test("access flags print as READ | WRITE, or NONE")
    func accessDescription() {
        #expect(MemoryAccess([.read, .write]).description == "READ | WRITE")
        #expect(MemoryAccess([.read, .execute]).description == "READ | EXECUTE")
        #expect(MemoryAccess([]).description == "NONE")
    }

    @Test("a builder lays regions one after another with no gap, and refuses what does not fit")
    func builder() throws {
        let start = GuestPhysicalAddress(rawValue: 0x10000)
        var builder = Builder(start: start, limit: start + 4 * pageByteCount)
        try builder.push(byteCount: pageByteCount, access: .read, label: .code)
        try builder.pushGuard()
        try builder.push(byteCount: pageByteCount, access: [.read, .write], label: .data)
        for (one, next) in zip(builder.regions, builder.regions.dropFirst()) {
            #expect(one.guest.upperBound == next.guest.lowerBound)
        }
        func refused(_ byteCount: Int) -> MemoryRegionError? {
            do throws(MemoryRegionError) {
                try builder.push(byteCount: byteCount, access: .read, label: .data)
                return nil
            } catch {
                return error
            }
        }
        #expect(refused(0) == .empty(address: builder.next.rawValue))
        #expect(refused(100) == .unaligned(address: builder.next.rawValue, byteCount: 100))
        for byteCount in [2 * pageByteCount, Int.max & ~4095] {
            guard case .overflow? = refused(byteCount) else {
                Issue.record("\(byteCount) bytes were accepted")
                continue
            }
        }
        #expect(builder.regions.count == 3)
        var high = Builder(
            start: GuestPhysicalAddress(rawValue: .max & ~4095), limit: GuestPhysicalAddress(rawValue: .max))
        #expect(throws: MemoryRegionError.self) { try high.push(byteCount: 4096, access: .read, label: .data) }
    }

    @Test("a region becomes a KVM slot, read-only exactly when it lacks WRITE; a guest-only one becomes none")
    func memorySlots() throws {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: pageByteCount, alignment: pageByteCount)
        defer { memory.deallocate() }
        let start = GuestPhysicalAddress(rawValue: 0x200000)
        for rawAccess in 0..<8 as Range<UInt8> {
            let access = MemoryAccess(rawValue: rawAccess)
            let region = try MemoryRegion(
                guest: start..<start + pageByteCount, host: memory, access: access, label: .scratch)
            let slot = try #require(region.memorySlot)
            #expect((slot.flags & UInt32(KVM_MEM_READONLY) != 0) == !access.contains(.write))
            #expect(slot.guest_phys_addr == 0x200000 && slot.memory_size == 4096)
            #expect(slot.userspace_addr == UInt64(UInt(bitPattern: memory.baseAddress)))
        }
        let guestOnly = try MemoryRegion(
            guest: start..<start + pageByteCount, host: nil, access: [], label: .guardPages)
        #expect(guestOnly.memorySlot == nil)
        #expect(throws: MemoryRegionError.self) {
            _ = try MemoryRegion(guest: start..<start + 2 * pageByteCount, host: memory, access: .read, label: .code)
        }
        #expect(throws: MemoryRegionError.self) {
            _ = try MemoryRegion(guest: start + 1..<start + 4097, host: nil, access: .read, label: .code)
        }
    }

    @Test("a snapshot segment is sealed: nobody can write, grow or shrink it")
    func sealed() throws {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 1, alignment: 1)
        defer { bytes.deallocate() }
        bytes[0] = 42
        let segment = try SharedMemorySegment.snapshot(byteCount: pageByteCount) { writer throws(MachineError) in
            try writer.write(UnsafeRawBufferPointer(bytes), at: 0)
        }
        #expect(segment.memory[0] == 42)
        var byte: UInt8 = 1
        #expect(pwrite(segment.descriptor.rawValue, &byte, 1, 0) == -1 && errno == EPERM)
        #expect(ftruncate(segment.descriptor.rawValue, 0) == -1 && errno == EPERM)
        #expect(ftruncate(segment.descriptor.rawValue, 8192) == -1 && errno == EPERM)
        let mapped = mmap(nil, pageByteCount, PROT_READ | PROT_WRITE, MAP_SHARED, segment.descriptor.rawValue, 0)
        #expect(mapped == MAP_FAILED)
    }

    @Test("page tables translate what was mapped, and nothing else")
    func pageTables() throws {
        let scratch = try ScratchMemory(
            ScratchLayout(.init(mailbox: 4096, stack: 4096, zeroData: 0, heap: 4096, pool: 64 * 4096)))
        let tables = try PageTables(in: scratch.makePool())
        let start = GuestVirtualAddress(rawValue: 0x3fff_f000)
        try tables.map(start..<start + 2 * pageByteCount, to: scratch.layout.heap, access: [.read, .write])
        #expect(
            tables[start].frame == scratch.layout.heap
                && tables[start + pageByteCount].frame == scratch.layout.heap + pageByteCount)
        #expect(
            tables[start].isWritable && tables[start].isUser && !tables[start].isDirty && !tables[start].isExecutable)
        #expect(!tables[start + 2 * pageByteCount].isPresent && !tables[start + -pageByteCount].isPresent)
        let supervisor = GuestLayout.stubs
        try tables.map(supervisor..<supervisor + pageByteCount, to: .init(rawValue: 0), access: [.read, .execute])
        #expect(!tables[supervisor].isUser && tables[supervisor].isExecutable && !tables[supervisor].isWritable)
    }

    @Test("a used-up pool is reported, not overrun")
    func exhaustedPool() throws {
        let scratch = try ScratchMemory(
            ScratchLayout(.init(mailbox: 4096, stack: 4096, zeroData: 0, heap: 4096, pool: 3 * 4096)))
        let pool = scratch.makePool()
        let tables = try PageTables(in: pool)
        let address = GuestVirtualAddress(rawValue: 0x200000)
        #expect(throws: ScratchExhausted.self) {
            try tables.map(address..<address + pageByteCount, to: scratch.layout.heap, access: .read)
        }
        #expect(pool.allocate() == nil)
    }

    @Test("a sandbox's regions do not overlap, none is writable and executable, and the labels say what they are")
    func layout() throws {
        let sandbox = try makeBehaved()
        for (one, next) in zip(sandbox.regions, sandbox.regions.dropFirst()) {
            #expect(one.addresses.upperBound <= next.addresses.lowerBound, "\(one) \(next)")
        }
        #expect(sandbox.regions.allSatisfy { !($0.access.contains("WRITE") && $0.access.contains("EXECUTE")) })
        #expect(sandbox.regions.allSatisfy { $0.addresses.lowerBound >= UInt64(PAL_IMAGE_START) })
        let labels = Set(sandbox.regions.map(\.label))
        #expect(
            labels.isSuperset(of: [
                "code", "rodata", "data", "bss", "entry", "constants", "mailbox", "stack", "guard", "heap",
            ]))
    }
}
