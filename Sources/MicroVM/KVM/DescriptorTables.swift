import CPalimpsest

/// GDT, TSS and IDT in one read-only page of the trusted layer (Intel SDM vol. 3, 3.5, 6.14, 7.7).
///
///     0x000  GDT: null, kernel code, kernel data, user data, user code, TSS (two entries)
///     0x100  TSS: RSP0 and IST1 point to the exception stack; I/O permission bitmap behind it
///     0x800  IDT: 32 gates, all through IST1
///
/// Nothing writes to this page: descriptors are marked accessed and the TSS busy from the start.
struct DescriptorTables {
    static let kernelCodeSelector: UInt16 = 0x08
    static let userDataSelector: UInt16 = 0x1b
    static let userCodeSelector: UInt16 = 0x23
    static let taskSelector: UInt16 = 0x28

    static let globalLimit: UInt16 = 7 * 8 - 1
    static let interruptLimit: UInt16 = UInt16(PAL_VECTOR_COUNT) * 16 - 1
    private static let taskOffset = 0x100
    private static let taskByteCount = 104
    /// Ports 0 to 23, and the byte of ones the processor reads behind them; ports beyond the limit are denied.
    private static let permissionByteCount = 4
    static let taskLimit = UInt32(taskByteCount + permissionByteCount - 1)
    private static let interruptOffset = 0x800

    /// Where the page is mapped in the guest's supervisor half.
    let address: UInt64
    /// Address of stub 0; the others follow at `PAL_STUB_BYTES`.
    let stubs: UInt64
    /// One past the exception stack's last byte; 16-byte aligned.
    let exceptionStackTop: UInt64

    var taskAddress: UInt64 { address + UInt64(DescriptorTables.taskOffset) }
    var interruptAddress: UInt64 { address + UInt64(DescriptorTables.interruptOffset) }

    func write(to page: UnsafeMutableRawPointer) {
        writeGlobal(page)
        writeTask(page + DescriptorTables.taskOffset)
        writeGates(page + DescriptorTables.interruptOffset)
    }

    private func writeGlobal(_ page: UnsafeMutableRawPointer) {
        let taskLow =
            UInt64(DescriptorTables.taskLimit) | (taskAddress & 0xff_ffff) << 16 | 0x8b << 40
            | (taskAddress >> 24 & 0xff) << 56
        let entries: [UInt64] = [
            0,
            0x00af_9b00_0000_ffff,  // kernel code, 64-bit
            0x00cf_9300_0000_ffff,  // kernel data
            0x00cf_f300_0000_ffff,  // user data
            0x00af_fb00_0000_ffff,  // user code, 64-bit
            taskLow,
            taskAddress >> 32,
        ]
        for (index, entry) in entries.enumerated() {
            page.storeBytes(of: entry, toByteOffset: index * 8, as: UInt64.self)
        }
    }

    private func writeTask(_ task: UnsafeMutableRawPointer) {
        (task + 4).storeBytes(of: exceptionStackTop, as: UInt64.self)  // RSP0
        (task + 36).storeBytes(of: exceptionStackTop, as: UInt64.self)  // IST1
        (task + 102).storeBytes(of: UInt16(DescriptorTables.taskByteCount), as: UInt16.self)  // I/O map base
        var denied = ~UInt32(0)
        for port in PAL_PORT_FIRST...PAL_PORT_LAST { denied &= ~(1 << UInt32(port)) }
        (task + DescriptorTables.taskByteCount).storeBytes(of: denied, as: UInt32.self)
    }

    /// Interrupt gates, present, DPL 0; DPL 3 for `int3` and `into`, so that they arrive as themselves.
    private func writeGates(_ table: UnsafeMutableRawPointer) {
        for vector in 0..<Int(PAL_VECTOR_COUNT) {
            let handler = stubs + UInt64(vector * Int(PAL_STUB_BYTES))
            let privilege: UInt64 = vector == 3 || vector == 4 ? 3 : 0
            let low =
                handler & 0xffff | UInt64(DescriptorTables.kernelCodeSelector) << 16 | 1 << 32
                | (0x8e | privilege << 5) << 40 | (handler >> 16 & 0xffff) << 48
            table.storeBytes(of: low, toByteOffset: vector * 16, as: UInt64.self)
            table.storeBytes(of: handler >> 32, toByteOffset: vector * 16 + 8, as: UInt64.self)
        }
    }
}
