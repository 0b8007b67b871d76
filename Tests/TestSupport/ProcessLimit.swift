import Glibc

/// Limits of this process (setrlimit(2)), lowered for as long as something runs. For processes of their own only.
package enum ProcessLimit {
    /// Leaves so many descriptors to be had: the gaps below the highest one are filled meanwhile.
    package static func leaving<Result>(descriptors spare: Int, _ body: () throws -> Result) throws -> Result {
        let highest = descriptors.max() ?? 2
        var fillers: [CInt] = []
        defer { for filler in fillers { close(filler) } }
        while true {
            let filler = dup(2)
            guard filler >= 0 else { throw LimitError(errno: errno) }
            fillers.append(filler)
            if filler > highest { break }
        }
        return try lowered(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), to: Int(highest) + 2 + spare, body)
    }

    /// Lowers the limit and takes all descriptors but so many; whoever closes the result has them again.
    package static func fill(leaving spare: Int) throws -> [CInt] {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0 else { throw LimitError(errno: errno) }
        limit.rlim_cur = rlim_t((descriptors.max() ?? 2) + 32)
        guard setrlimit(resource, &limit) == 0 else { throw LimitError(errno: errno) }
        var fillers: [CInt] = []
        while case let filler = dup(2), filler >= 0 { fillers.append(filler) }
        for filler in fillers.suffix(spare) { close(filler) }
        return fillers.dropLast(spare)
    }

    package static func limiting<Result>(addressSpace byteCount: Int, _ body: () throws -> Result) throws -> Result {
        try lowered(__rlimit_resource_t(RLIMIT_AS.rawValue), to: byteCount, body)
    }

    package static func limiting<Result>(fileSize byteCount: Int, _ body: () throws -> Result) throws -> Result {
        try lowered(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), to: byteCount, body)
    }

    private static func lowered<Result>(
        _ resource: __rlimit_resource_t, to value: Int, _ body: () throws -> Result
    ) throws -> Result {
        var original = rlimit()
        guard getrlimit(resource, &original) == 0 else { throw LimitError(errno: errno) }
        var lowered = original
        lowered.rlim_cur = rlim_t(value)
        guard setrlimit(resource, &lowered) == 0 else { throw LimitError(errno: errno) }
        defer { setrlimit(resource, &original) }
        return try body()
    }

    struct LimitError: Error { let errno: CInt }

    /// Descriptors that the engine has open: of KVM, its memory, its rings, and files of the tests' own. What else the
    /// process has is Dispatch's, the runtime's or the test library's, who open and close theirs when they like.
    package static var descriptorCount: Int {
        descriptors.count { descriptor in
            var name = [CChar](repeating: 0, count: 4_096)
            let count = readlink("/proc/self/fd/\(descriptor)", &name, name.count - 1)
            guard count > 0 else { return false }
            let target = String(decoding: name[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            return ["kvm", "palimpsest", "io_uring"].contains { target.contains($0) }
        }
    }

    /// Those that are open (not by Foundation's listing, which gives up when one is closed meanwhile), but for the one
    /// this question takes.
    package static var descriptors: [CInt] {
        guard let folder = opendir("/proc/self/fd") else { return [] }
        defer { closedir(folder) }
        var found: [CInt] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let descriptor = CInt(name), descriptor != dirfd(folder) { found.append(descriptor) }
        }
        return found
    }

    /// Bytes of address space in use (proc(5), statm).
    package static var addressSpaceByteCount: Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var text = [CChar](repeating: 0, count: 64)
        guard fgets(&text, CInt(text.count), file) != nil else { return 0 }
        return strtol(text, nil, 10) * 4096
    }

    /// Has the kernel refuse io_uring_setup with EPERM from here on, as containers do (seccomp(2), filter mode).
    package static func forbidRings() throws {
        // Load the call's number; if it is 425, fail with EPERM; else allow.
        let program: [(code: UInt16, yes: UInt8, no: UInt8, value: UInt32)] = [
            (0x20, 0, 0, 0), (0x15, 0, 1, 425), (0x06, 0, 0, 0x0005_0000 | UInt32(EPERM)), (0x06, 0, 0, 0x7fff_0000),
        ]
        typealias Control = @convention(c) (CInt, UInt, UInt, UInt, UInt) -> CInt
        // Variadic in C, which Swift does not import.
        guard let symbol = dlsym(nil, "prctl") else { throw LimitError(errno: ENOSYS) }
        let prctl = unsafeBitCast(symbol, to: Control.self)
        let instructions = UnsafeMutableRawBufferPointer.allocate(byteCount: 8 * program.count, alignment: 8)
        for (index, instruction) in program.enumerated() {
            instructions.storeBytes(of: instruction.code, toByteOffset: index * 8, as: UInt16.self)
            instructions.storeBytes(of: instruction.yes, toByteOffset: index * 8 + 2, as: UInt8.self)
            instructions.storeBytes(of: instruction.no, toByteOffset: index * 8 + 3, as: UInt8.self)
            instructions.storeBytes(of: instruction.value, toByteOffset: index * 8 + 4, as: UInt32.self)
        }
        let filter = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 8)
        defer {
            instructions.deallocate()
            filter.deallocate()
        }
        filter.storeBytes(of: UInt64(program.count), as: UInt64.self)
        filter.storeBytes(of: UInt(bitPattern: instructions.baseAddress), toByteOffset: 8, as: UInt.self)
        // PR_SET_NO_NEW_PRIVS; PR_SET_SECCOMP with SECCOMP_MODE_FILTER.
        guard prctl(38, 1, 0, 0, 0) == 0, prctl(22, 2, UInt(bitPattern: filter.baseAddress), 0, 0) == 0 else {
            throw LimitError(errno: errno)
        }
    }
}
