import CPalimpsest

/// What a guest may find out about the processor, and come to rely on: the state components it may use, and the
/// instruction set extensions that CPUID shows in ring 3.
///
/// Asked of the processor itself, not of KVM: where ring 3 runs natively under a nested KVM, CPUID is not filtered.
package struct ProcessorFeatures: Sendable, Equatable {
    /// Intel SDM vol. 1, 13.3.
    package let stateComponents: UInt64
    /// By the names Linux has for them in /proc/cpuinfo, sorted.
    package let names: [String]

    package init(stateComponents: UInt64, names: [String]) {
        self.stateComponents = stateComponents
        self.names = names
    }

    package static let here = ProcessorFeatures(
        stateComponents: ProcessorState.extendedFeatures,
        names: table.filter { isSet($0) }.map(\.name).sorted())

    /// What `self` has and `other` lacks, by name.
    package func missing(in other: ProcessorFeatures) -> [String] {
        let here = Set(other.names)
        let components = stateComponents & ~other.stateComponents
        return names.filter { !here.contains($0) } + (components == 0 ? [] : ["XCR0:\(hex(components))"])
    }

    private enum Register { case eax, ebx, ecx, edx }

    private struct Feature {
        let name: String
        let leaf: UInt32
        let subleaf: UInt32
        let register: Register
        let bit: UInt32

        init(_ name: String, _ leaf: UInt32, _ subleaf: UInt32, _ register: Register, _ bit: UInt32) {
            (self.name, self.leaf, self.subleaf, self.register, self.bit) = (name, leaf, subleaf, register, bit)
        }
    }

    /// Instructions that ring 3 can execute (Intel SDM vol. 2, CPUID; AMD APM vol. 3, appendix E).
    private static let table = [
        Feature("pni", 1, 0, .ecx, 0), Feature("pclmulqdq", 1, 0, .ecx, 1), Feature("ssse3", 1, 0, .ecx, 9),
        Feature("fma", 1, 0, .ecx, 12), Feature("cx16", 1, 0, .ecx, 13), Feature("sse4_1", 1, 0, .ecx, 19),
        Feature("sse4_2", 1, 0, .ecx, 20), Feature("movbe", 1, 0, .ecx, 22), Feature("popcnt", 1, 0, .ecx, 23),
        Feature("aes", 1, 0, .ecx, 25), Feature("avx", 1, 0, .ecx, 28), Feature("f16c", 1, 0, .ecx, 29),
        Feature("rdrand", 1, 0, .ecx, 30),
        Feature("fsgsbase", 7, 0, .ebx, 0), Feature("bmi1", 7, 0, .ebx, 3), Feature("avx2", 7, 0, .ebx, 5),
        Feature("bmi2", 7, 0, .ebx, 8), Feature("avx512f", 7, 0, .ebx, 16), Feature("avx512dq", 7, 0, .ebx, 17),
        Feature("rdseed", 7, 0, .ebx, 18), Feature("adx", 7, 0, .ebx, 19), Feature("avx512ifma", 7, 0, .ebx, 21),
        Feature("clflushopt", 7, 0, .ebx, 23), Feature("clwb", 7, 0, .ebx, 24), Feature("avx512cd", 7, 0, .ebx, 28),
        Feature("sha_ni", 7, 0, .ebx, 29), Feature("avx512bw", 7, 0, .ebx, 30), Feature("avx512vl", 7, 0, .ebx, 31),
        Feature("avx512vbmi", 7, 0, .ecx, 1), Feature("avx512_vbmi2", 7, 0, .ecx, 6), Feature("gfni", 7, 0, .ecx, 8),
        Feature("vaes", 7, 0, .ecx, 9), Feature("vpclmulqdq", 7, 0, .ecx, 10), Feature("avx512_vnni", 7, 0, .ecx, 11),
        Feature("avx512_bitalg", 7, 0, .ecx, 12), Feature("avx512_vpopcntdq", 7, 0, .ecx, 14),
        Feature("rdpid", 7, 0, .ecx, 22), Feature("movdiri", 7, 0, .ecx, 27), Feature("movdir64b", 7, 0, .ecx, 28),
        Feature("avx512_vp2intersect", 7, 0, .edx, 8), Feature("serialize", 7, 0, .edx, 14),
        Feature("avx512_fp16", 7, 0, .edx, 23),
        Feature("avx_vnni", 7, 1, .eax, 4), Feature("avx512_bf16", 7, 1, .eax, 5), Feature("avx_ifma", 7, 1, .eax, 23),
        Feature("xsaveopt", 0xd, 1, .eax, 0), Feature("xsavec", 0xd, 1, .eax, 1), Feature("xgetbv1", 0xd, 1, .eax, 2),
        Feature("lahf_lm", 0x8000_0001, 0, .ecx, 0), Feature("abm", 0x8000_0001, 0, .ecx, 5),
        Feature("sse4a", 0x8000_0001, 0, .ecx, 6), Feature("3dnowprefetch", 0x8000_0001, 0, .ecx, 8),
        Feature("xop", 0x8000_0001, 0, .ecx, 11), Feature("fma4", 0x8000_0001, 0, .ecx, 16),
        Feature("tbm", 0x8000_0001, 0, .ecx, 21), Feature("rdtscp", 0x8000_0001, 0, .edx, 27),
    ]

    private static func isSet(_ feature: Feature) -> Bool {
        guard feature.leaf <= pal_cpuid(feature.leaf & 0x8000_0000, 0).eax else { return false }
        let leaf = pal_cpuid(feature.leaf, feature.subleaf)
        let value: UInt32 =
            switch feature.register {
            case .eax: leaf.eax
            case .ebx: leaf.ebx
            case .ecx: leaf.ecx
            case .edx: leaf.edx
            }
        return value >> feature.bit & 1 != 0
    }
}
