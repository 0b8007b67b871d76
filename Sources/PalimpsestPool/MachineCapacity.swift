import Glibc

/// How many sandboxes this machine and process can hold, as far as can be known beforehand.
enum MachineCapacity {
    /// Virtual machine, vCPU, scratch memory, and one to spare.
    static let descriptorsPerSandbox = 4

    static var sandboxCount: Int {
        min(descriptorLimit / descriptorsPerSandbox, availableByteCount / PooledSandbox.expectedByteCount)
    }

    private static var descriptorLimit: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return .max }
        return Int(clamping: limit.rlim_cur)
    }

    /// `MemAvailable` of proc(5), meminfo; everything, if the system does not say.
    private static var availableByteCount: Int {
        guard let file = fopen("/proc/meminfo", "r") else { return .max }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        let key = "MemAvailable:"
        while fgets(&line, CInt(line.count), file) != nil {
            guard strncmp(line, key, key.utf8.count) == 0 else { continue }
            return line.withUnsafeBufferPointer { text in
                text.baseAddress.map { strtol($0 + key.utf8.count, nil, 10) << 10 } ?? .max
            }
        }
        return .max
    }
}
