import Glibc
import GuestABI
import MicroVM

/// The notes of a core, as Linux writes them and gdb reads them (linux/elfcore.h, linux/elf.h; BFD's elf.c).
///
///     CORE        NT_PRPSINFO, NT_PRSTATUS, NT_FPREGSET, NT_SIGINFO, NT_FILE
///     LINUX       NT_X86_XSTATE
///     GNU         NT_GNU_BUILD_ID, the guest's
///     PALIMPSEST  1: a line for every region, as `GuestRegion` describes it; 2: the fault's report
struct CoreNotes {
    static let regionsType: UInt32 = 1
    static let faultType: UInt32 = 2
    static let owner = "PALIMPSEST"

    private(set) var bytes: [UInt8] = []

    /// A name and a descriptor, each padded to 4 bytes (ELF gABI, "Note Section").
    mutating func add(_ owner: String, _ type: UInt32, _ descriptor: [UInt8]) {
        let name = Array(owner.utf8) + [0]
        bytes.append(UInt32(name.count))
        bytes.append(UInt32(descriptor.count))
        bytes.append(type)
        for part in [name, descriptor] {
            bytes += part
            bytes += [UInt8](repeating: 0, count: -part.count & 3)
        }
    }

    /// `struct elf_prpsinfo`: debuggers show the name.
    mutating func addProcess(name: String) {
        var descriptor: [UInt8] = [0, UInt8(ascii: "R"), 0, 0, 0, 0, 0, 0]  // state, character, zombie, nice
        descriptor.append(UInt64(0))  // flags
        for id in [0, 0, CoreNotes.processID, 0, 0, 0] as [UInt32] { descriptor.append(id) }
        let text = Array(GuestText.escaped(name).utf8)
        descriptor += text.prefix(15) + [UInt8](repeating: 0, count: 16 - min(15, text.count))
        descriptor += text.prefix(79) + [UInt8](repeating: 0, count: 80 - min(79, text.count))
        add("CORE", 3, descriptor)
    }

    /// `struct elf_prstatus`, with `struct user_regs_struct` in it.
    mutating func addThread(_ thread: CoreThread, signal: Int32) {
        var descriptor: [UInt8] = []
        for word in [UInt32(bitPattern: signal), 0, 0] { descriptor.append(word) }  // elf_siginfo
        descriptor.append(UInt32(UInt16(truncatingIfNeeded: signal)))  // pr_cursig, padded
        descriptor += [UInt8](repeating: 0, count: 16)  // pending and held signals
        for id in [CoreNotes.processID, 0, 0, 0] as [UInt32] { descriptor.append(id) }
        descriptor += [UInt8](repeating: 0, count: 64)  // times
        for register in thread.userRegisters { descriptor.append(register) }
        descriptor.append(UInt32(1))  // pr_fpvalid
        descriptor.append(UInt32(0))
        add("CORE", 1, descriptor)
    }

    /// `siginfo_t`: 128 bytes.
    mutating func addSignal(_ signal: Int32, code: Int32, address: UInt64) {
        var descriptor: [UInt8] = []
        for word in [signal, 0, code, 0] { descriptor.append(UInt32(bitPattern: word)) }
        descriptor.append(address)
        add("CORE", 0x5349_4749, descriptor + [UInt8](repeating: 0, count: 128 - descriptor.count))
    }

    /// Which parts of memory come from which files: offsets in pages.
    mutating func addFiles(_ files: [(addresses: Range<UInt64>, offset: UInt64, path: String)]) {
        guard !files.isEmpty else { return }
        var descriptor: [UInt8] = []
        descriptor.append(UInt64(files.count))
        descriptor.append(UInt64(pageByteCount))
        for file in files {
            for word in [file.addresses.lowerBound, file.addresses.upperBound, file.offset / UInt64(pageByteCount)] {
                descriptor.append(word)
            }
        }
        for file in files { descriptor += Array(file.path.utf8) + [0] }
        add("CORE", 0x4649_4c45, descriptor)
    }

    private static let processID: UInt32 = 1
}

extension [UInt8] {
    mutating func append<Value: FixedWidthInteger>(_ value: Value) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}
