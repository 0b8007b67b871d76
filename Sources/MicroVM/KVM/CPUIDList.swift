import CPalimpsest

/// `struct kvm_cpuid2`: a header and its flexible array, owned.
struct CPUIDList: ~Copyable {
    private let storage: UnsafeMutableRawPointer
    let capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
        let byteCount = MemoryLayout<kvm_cpuid2>.size + capacity * MemoryLayout<kvm_cpuid_entry2>.stride
        storage = .allocate(byteCount: byteCount, alignment: 8)
        storage.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
        header.pointee.nent = UInt32(capacity)
    }

    init(_ entries: [kvm_cpuid_entry2]) {
        self.init(capacity: entries.count)
        for (index, entry) in entries.enumerated() { first[index] = entry }
    }

    deinit { storage.deallocate() }

    var header: UnsafeMutablePointer<kvm_cpuid2> { storage.assumingMemoryBound(to: kvm_cpuid2.self) }

    private var first: UnsafeMutablePointer<kvm_cpuid_entry2> {
        (storage + MemoryLayout<kvm_cpuid2>.size).assumingMemoryBound(to: kvm_cpuid_entry2.self)
    }

    var entries: [kvm_cpuid_entry2] {
        (0..<min(Int(header.pointee.nent), capacity)).map { first[$0] }
    }
}
