import CPalimpsest
import Foundation
import GuestToolchain
import Logging
import TestSupport
import Testing

@testable import GuestABI
@testable import MicroVM
@testable import Palimpsest
@testable import PalimpsestDebugger
@testable import PalimpsestPool

@Suite("Core dumps")
struct CoreDumpTests {
    /// A folder with a guest's file in it.
    private final class Folder {
        let url: URL
        let guest: String

        init(_ bytes: [UInt8] = Guests.faulty) throws {
            url = FileManager.default.temporaryDirectory.appendingPathComponent("palimpsest-core-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
            guest = url.appendingPathComponent("guest.elf").path
            try Data(bytes).write(to: URL(fileURLWithPath: guest))
            // gdb warns of a program that is newer than the core.
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: -60)], ofItemAtPath: guest)
        }

        deinit { try? FileManager.default.removeItem(at: url) }

        func path(_ name: String) -> String { url.appendingPathComponent(name).path }
        var files: Set<String> {
            get throws { Set(try FileManager.default.contentsOfDirectory(atPath: url.path)) }
        }
        func gdb(_ core: String, _ commands: String...) throws -> String {
            try Debugger.run([guest, path(core)], commands: commands)
        }
    }

    private func make(_ folder: Folder, _ configuration: SandboxConfiguration = .init()) throws -> Sandbox {
        try Sandbox(guest: .file(folder.guest), configuration: configuration, hostFunctions: makeHostFunctions())
    }

    private func coreError(_ body: () throws -> Void) -> CoreDumpError? {
        do {
            try body()
            Issue.record("expected an error, got none")
        } catch let error as CoreDumpError {
            return error
        } catch {
            Issue.record("expected a CoreDumpError, got \(error)")
        }
        return nil
    }

    private func line(_ marker: String) throws -> Int { try GuestSourceFile.line(marker, in: "faulty/faulty.c") }

    // MARK: - Where it goes

    @Test("no core takes the place of a FIFO, a device, a link, a folder, the guest's own file, or one it has mapped")
    func targets() throws {
        let folder = try Folder()
        let sandbox = try make(folder)
        try Data(repeating: 1, count: 4096).write(to: URL(fileURLWithPath: folder.path("mapped")))
        try sandbox.mapFile(folder.path("mapped"), at: 0x2_0000_0000)
        try #require(mkfifo(folder.path("fifo"), 0o600) == 0)
        try #require(symlink("/dev/null", folder.path("null")) == 0)
        try Data("text".utf8).write(to: URL(fileURLWithPath: folder.path("text")))
        for (link, target) in [("dangling", "nothing"), ("loop", "loop"), ("to-text", "text")] {
            try #require(symlink(target, folder.path(link)) == 0)
        }
        try #require(link(folder.guest, folder.path("hard-link")) == 0)
        try FileManager.default.createDirectory(atPath: folder.path("folder"), withIntermediateDirectories: false)
        let files = try folder.files
        let taken = [
            "fifo", "null", "dangling", "loop", "to-text", "folder", "guest.elf", "hard-link",
            "../\(folder.url.lastPathComponent)/mapped",
        ]
        for name in taken {
            let error = coreError { try sandbox.writeCoreDump(to: folder.path(name)) }
            guard case .unwritable? = error else {
                Issue.record("\(name): \(String(describing: error))")
                continue
            }
        }
        #expect(try folder.files == files)
        for name in ["null", "dangling", "loop", "to-text"] {
            var status = stat()
            #expect(lstat(folder.path(name), &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder.guest)) == Data(Guests.faulty))
        // A policy's file as well, and it is one of those that count.
        var configuration = SandboxConfiguration()
        configuration.coreDump = CoreDumpPolicy(directory: folder.url.path, namePattern: "policy%n")
        try #require(mkfifo(folder.path("policy1"), 0o600) == 0)
        let other = try make(folder, configuration)
        _ = caughtFault { _ = try other.call("handle", 0x20_0000 as UInt64) as UInt64 }
        var status = stat()
        #expect(lstat(folder.path("policy1"), &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
    }

    @Test("a path is split by bytes: a mark that combines with the slash is the name's first")
    func combiningMark() throws {
        let folder = try Folder()
        try make(folder).writeCoreDump(to: folder.url.path + "/\u{301}core")
        #expect(try folder.files.map { Array($0.utf8) }.contains(Array("\u{301}core".utf8)))
    }

    // MARK: - What gdb makes of it

    @Test("gdb opens the core of a guest in C: backtrace with lines, arguments, registers, memory, signal")
    func guestInC() throws {
        let folder = try Folder()
        let sandbox = try make(folder)
        let fault = try #require(caughtFault(of: { _ = try sandbox.call("handle", 0x20_0000 as UInt64) as UInt64 }))
        try sandbox.writeCoreDump(to: folder.path("core"))
        #expect(try folder.files == ["guest.elf", "core"])
        let text = try folder.gdb(
            "core", "bt", "info registers", "print written", "print fixed_table", "x/2xg $rsp",
            "print $_siginfo.si_signo",
            "print/x $_siginfo._sifields._sigfault.si_addr", "info files", "up", "info args")
        #expect(text.contains("Program terminated with signal SIGSEGV"), "\(text)")
        #expect(text.contains("#0  store (target=0x200000"), "\(text)")
        #expect(try text.contains("faulty.c:\(line("store"))\n"))
        #expect(
            try text.contains(" in parse_header (address=2097152, depth=7) at ")
                && text.contains("faulty.c:\(line("parse_header"))\n"))
        #expect(try text.contains(" in handle (address=2097152) at ") && text.contains("faulty.c:\(line("handle"))\n"))
        #expect(!text.contains("Backtrace stopped") && !text.contains("warning"), "\(text)")
        for (name, value) in fault.registers.all where name != "rflags" && name != "rip" {
            #expect(
                text.contains("\(name.padding(toLength: 15, withPad: " ", startingAt: 0))\(hex(value)) "), "\(name)")
        }
        #expect(text.contains("rip            \(hex(fault.registers.rip)) "))
        #expect(text.contains("cs             0x23 ") && text.contains("ss             0x1b "))
        #expect(text.contains("= 7\n") && text.contains("= {1, 2, 3, 4}") && text.contains("= 11\n"))
        #expect(text.contains("= 0x200000\n"), "the address of the fault")
        #expect(text.contains("file type elf64-x86-64"))
        for region in sandbox.regions where region.access != "NONE" {
            let start = String(region.addresses.lowerBound, radix: 16)
            #expect(text.contains(String(repeating: "0", count: 16 - start.count) + start + " - "), "\(region)")
        }
    }

    @Test("gdb opens the core of a guest in Swift: backtrace with names and lines")
    func guestInSwift() throws {
        let folder = try Folder(Guests.faultySwift)
        let sandbox = try make(folder)
        _ = caughtFault(of: { _ = try sandbox.call("parse", [1, 2, 3] as [UInt8], 3) as Int })
        try sandbox.writeCoreDump(to: folder.path("core"))
        let text = try folder.gdb("core", "bt")
        func line(_ marker: String) throws -> Int { try GuestSourceFile.line(marker, in: "faulty-swift/main.swift") }
        #expect(text.contains("signal SIGILL") && text.contains("Swift runtime failure: Index out of range"), "\(text)")
        #expect(text.contains("element") && text.contains("pal_swift_call"), "\(text)")
        #expect(try text.contains("main.swift:\(line("header"))\n") && text.contains("main.swift:\(line("parse"))\n"))
        #expect(!text.contains("warning") && !text.contains("Backtrace stopped"), "\(text)")
    }

    @Test("vector registers and flags are in it, where debuggers look for them")
    func vectorRegisters() throws {
        let folder = try Folder()
        let sandbox = try make(folder)
        _ = caughtFault(of: { try sandbox.call("fillVectors", ProcessorState.extendedFeatures) })
        try sandbox.writeCoreDump(to: folder.path("core"))
        var commands = ["print $xmm1.uint128", "print/x $mxcsr", "print/x $fs_base", "print/x $r15"]
        if ProcessorState.extendedFeatures & 4 != 0 { commands.append("print $ymm2.v4_int64") }
        if ExtendedState.hasAVX512 { commands += ["print $zmm3.v8_int64", "print $zmm31.v8_int64", "print $k1"] }
        let text = try Debugger.run([folder.guest, folder.path("core")], commands: commands)
        #expect(text.contains("$1 = \(UInt128(0x1111_1111_1111_1111) << 64 | 0x1111_1111_1111_1111)"), "\(text)")
        #expect(text.contains("$4 = 0x1515151515151515"))
        if ProcessorState.extendedFeatures & 4 != 0 {
            #expect(
                text.contains("{2459565876494606882, 2459565876494606882, 2459565876494606882, 2459565876494606882}"))
        }
        if ExtendedState.hasAVX512 {
            let third = [String](repeating: "3689348814741910323", count: 8).joined(separator: ", ")
            let last = [String](repeating: "4485090715960753726", count: 8).joined(separator: ", ")
            #expect(text.contains("{\(third)}") && text.contains("{\(last)}") && text.contains("= 91\n"), "\(text)")
        }
    }

    @Test("a guest that was stopped at its deadline, one that is ready, and one that aborted")
    func otherStates() throws {
        let folder = try Folder()
        let spinning = try make(folder)
        expire(spinning, after: .milliseconds(50)) { try spinning.call("spin", deadline: $0) }
        try spinning.writeCoreDump(to: folder.path("spin"))
        #expect(spinning.status == .poisoned)
        let spun = try folder.gdb("spin", "bt")
        #expect(try spun.contains("#0  turn () at ") && spun.contains("faulty.c:\(line("turn"))\n"), "\(spun)")
        #expect(spun.contains(" in spin () at ") && !spun.contains("terminated with signal"))

        let ready = try make(folder)
        #expect(try ready.call("tableAddress") as UInt64 > 0)
        try ready.writeCoreDump(to: folder.path("ready"))
        #expect(ready.status == .ready)
        #expect(try ready.call("tableAddress") as UInt64 > 0, "a core changes nothing")
        #expect(try folder.gdb("ready", "print fixed_table").contains("{1, 2, 3, 4}"))

        let aborted = try make(folder)
        _ = caughtFault(of: { try aborted.call("giveUp") })
        try aborted.writeCoreDump(to: folder.path("abort"))
        let text = try folder.gdb("abort", "bt")
        #expect(text.contains("signal SIGABRT") && text.contains(" in give_up () at "), "\(text)")
    }

    @Test("a fault of an earlier call is not in the core of a later one")
    func earlierFault() throws {
        let folder = try Folder()
        let sandbox = try make(folder)
        let snapshot = try sandbox.snapshot()
        _ = caughtFault(of: { try sandbox.call("callNull") })
        try sandbox.restore(snapshot)
        expire(sandbox) { try sandbox.call("spin", deadline: $0) }
        try sandbox.writeCoreDump(to: folder.path("core"))
        #expect(try !folder.gdb("core", "bt").contains("terminated with signal"))
    }

    @Test("a resident guest's core is that of one")
    func resident() throws {
        let folder = try Folder()
        let sandbox = try make(folder, SandboxConfiguration(registerReset: .byGuest(Residency())))
        #expect(try sandbox.call("tableAddress") as UInt64 > 0)
        try sandbox.writeCoreDump(to: folder.path("ready"))
        #expect(try sandbox.call("tableAddress") as UInt64 > 0)
        _ = caughtFault(of: { _ = try sandbox.call("handle", 0 as UInt64) as UInt64 })
        try sandbox.writeCoreDump(to: folder.path("core"))
        #expect(try folder.gdb("core", "bt").contains("#0  store (target=0x0"))
    }

    // MARK: - The file

    @Test("every byte the guest could read is in it, what is zero is a hole, and notes name regions and build id")
    func contents() throws {
        let folder = try Folder(Guests.behaved)
        let sandbox = try make(folder, SandboxConfiguration(heapByteCount: 8 << 30))
        #expect(try (sandbox.call("fill", 700_000 as UInt64, 7 as UInt8) as [UInt8]).count == 700_000)
        try sandbox.writeCoreDump(to: folder.path("core"))
        let core = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder.path("core"))))
        let reader = ByteReader(bytes: core)
        #expect(reader.number(16, as: UInt16.self) == 4)
        let count = Int(reader.number(56, as: UInt16.self))
        let headers = (0..<count).map { ELFProgramHeader(reader, at: 64 + $0 * 56) }
        let loads = headers.filter { $0.type == ELFProgramHeader.load }
        let mappings = sandbox.machine.memory.image.regions.mappings.filter { !$0.region.access.isEmpty }
        #expect(loads.count == mappings.count)
        for (load, mapping) in zip(loads, mappings) {
            let region = mapping.region
            #expect(load.address == region.guest.lowerBound && load.access == region.access)
            let fileRange = try #require(load.fileOffset.range(count: load.fileByteCount, upTo: core.count))
            #expect(load.memoryByteCount == UInt64(region.byteCount) && fileRange.count <= region.byteCount)
            let bytes = try sandbox.machine.memory.bytes(
                GuestSpan(address: load.address, byteCount: load.fileByteCount))
            #expect(bytes == Array(core[fileRange]), "\(region)")
            if region.label != .heap {
                let rest = try sandbox.machine.memory.bytes(
                    GuestSpan(
                        address: load.address + load.fileByteCount,
                        byteCount: load.memoryByteCount &- load.fileByteCount))
                #expect(rest.allSatisfy { $0 == 0 })
            }
        }
        var status = stat()
        #expect(stat(folder.path("core"), &status) == 0 && status.st_mode & 0o777 == 0o600)
        #expect(Int(status.st_blocks) * 512 < core.count, "sparse: \(status.st_blocks) blocks of \(core.count) bytes")
        let notesRange = try #require(headers[0].fileOffset.range(count: headers[0].fileByteCount, upTo: core.count))
        let notes = String(decoding: core[notesRange], as: UTF8.self)
        for region in sandbox.regions { #expect(notes.contains("\(region)\n")) }
        let buildID = try #require(try ELFImage(Guests.behaved).buildID)
        #expect(buildID.count == 20)
        #expect(core[notesRange].contains(buildID))
    }

    @Test("mapped files and pages the guest has changed are in it")
    func mappedFile() throws {
        let folder = try Folder(Guests.scribe)
        let file = folder.path("data")
        try Data([UInt8](repeating: 0x5a, count: 10_000)).write(to: URL(fileURLWithPath: file))
        let sandbox = try make(folder)
        try sandbox.mapFile(file, at: 0x10_0000_0000)
        try sandbox.writeCoreDump(to: folder.path("core"))
        #expect(try folder.gdb("core", "x/2xb 0x100000270f").contains(":\t0x5a\t0x00\n"))
    }

    // MARK: - Limits and failures

    @Test("a core over the size limit is refused, and nothing is left of it")
    func sizeLimit() throws {
        let folder = try Folder()
        let sandbox = try make(folder)
        let error = coreError { try sandbox.writeCoreDump(to: folder.path("core"), byteLimit: 10_000) }
        guard case .tooLarge(let byteCount, 10_000) = error else {
            Issue.record("got \(String(describing: error))")
            return
        }
        #expect(try folder.files == ["guest.elf"])
        try sandbox.writeCoreDump(to: folder.path("core"), byteLimit: byteCount)
        #expect(coreError { try sandbox.writeCoreDump(to: folder.path("core"), byteLimit: byteCount - 1) } != nil)
        #expect(try folder.files == ["guest.elf", "core"], "an earlier core stays")
    }

    @Test("a folder that is not there, not writable or no folder, and names that are none, are errors that say so")
    func unwritable() throws {
        let folder = try Folder()
        let sandbox = try make(folder)
        let paths = [
            folder.path("missing/core"), folder.path("guest.elf/core"), folder.path("."), "", "/", "/proc/core",
            "/sys/core",
            folder.path(String(repeating: "x", count: 300)),
        ]
        for path in paths {
            guard case .unwritable(path, _) = coreError({ try sandbox.writeCoreDump(to: path) }) else {
                Issue.record("\(path)")
                continue
            }
        }
        #expect(try folder.files == ["guest.elf"] && sandbox.status == .ready)
        // A folder where the core is to be: found out when everything is written.
        try FileManager.default.createDirectory(atPath: folder.path("core"), withIntermediateDirectories: true)
        #expect(coreError { try sandbox.writeCoreDump(to: folder.path("core")) } != nil)
        #expect(try folder.files == ["guest.elf", "core"])
    }

    @Test(
        "a disk that is full is an error, and nothing is left of the core",
        .enabled(if: getuid() == 0, "mounts need root"))
    func fullDisk() throws {
        let folder = try Folder()
        let disk = folder.path("disk")
        try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
        guard mount("tmpfs", disk, "tmpfs", 0, "size=65536") == 0 else {
            Issue.record("a tmpfs cannot be mounted: errno \(errno)")
            return
        }
        defer { umount(disk) }
        let sandbox = try make(folder, SandboxConfiguration(dumping: CoreDumpPolicy(directory: disk)))
        try sandbox.writeCoreDump(to: disk + "/small")
        try FileManager.default.removeItem(atPath: disk + "/small")
        try Data([UInt8](repeating: 1, count: 50_000)).write(to: URL(fileURLWithPath: disk + "/other"))
        guard case .unwritable(disk + "/core", _) = coreError({ try sandbox.writeCoreDump(to: disk + "/core") }) else {
            Issue.record("a core on a full disk")
            return
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: disk) == ["other"])
        let fault = try #require(caughtFault(of: { try sandbox.call("callNull") }))
        guard case .failure(.unwritable) = fault.core else {
            Issue.record("\(String(describing: fault.core))")
            return
        }
        #expect(fault.backtrace.count == 2, "the fault is what it would have been")
        #expect(try FileManager.default.contentsOfDirectory(atPath: disk) == ["other"])
    }

    @Test("a core over the process's limit for files is refused, where writing it would end the process")
    func fileSizeLimit() async {
        await #expect(processExitsWith: .success) {
            let sandbox = try makeBehaved()
            let folder = TemporaryStore()
            try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
            let refused: CoreDumpError? = try ProcessLimit.limiting(fileSize: 16_384) {
                do throws(CoreDumpError) {
                    try sandbox.writeCoreDump(to: folder.path + "/core")
                } catch {
                    return error
                }
                return nil
            }
            guard case .tooLarge(_, 16_384) = refused else { exit(1) }
            guard try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty else { exit(2) }
        }
    }

    // MARK: - On faults

    @Test("with a policy a fault writes a core, up to a number, and says where; without one none")
    func policy() throws {
        let folder = try Folder()
        let policy = CoreDumpPolicy(directory: folder.url.path, namePattern: "c-%p-%n", maximumCount: 2)
        let configuration = SandboxConfiguration(dumping: policy)
        let first = try make(folder, configuration)
        let snapshot = try first.snapshot()
        let second = try Sandbox(from: snapshot, configuration: configuration, hostFunctions: makeHostFunctions())
        var paths: [String] = []
        for sandbox in [first, second] {
            let fault = try #require(caughtFault(of: { try sandbox.call("callNull") }))
            paths.append(try #require(try fault.core?.get()))
            try sandbox.restore(snapshot)
        }
        #expect(paths == [folder.path("c-\(getpid())-1"), folder.path("c-\(getpid())-2")])
        #expect(try folder.gdb("c-\(getpid())-2", "bt").contains(" in callNull () at "))
        let third = try #require(caughtFault(of: { try first.call("callNull") }))
        guard case .failure(.countReached(2)) = third.core else {
            Issue.record("\(String(describing: third.core))")
            return
        }
        #expect(try folder.files.count == 3)
        let plain = try make(folder)
        #expect(caughtFault(of: { try plain.call("callNull") })?.core == nil)
    }

    @Test("policies that make no sense are refused")
    func policies() throws {
        let folder = try Folder()
        let policies = [
            CoreDumpPolicy(directory: "/tmp", maximumCount: 0), CoreDumpPolicy(directory: "/tmp", byteLimit: 0),
            CoreDumpPolicy(directory: "/tmp", namePattern: "a/b"), CoreDumpPolicy(directory: "/tmp", namePattern: ""),
            CoreDumpPolicy(directory: "/tmp", namePattern: String(repeating: "n", count: 129)),
        ]
        for policy in policies {
            guard
                case .invalidConfiguration = caughtError(of: {
                    _ = try make(folder, SandboxConfiguration(dumping: policy))
                })
            else {
                Issue.record("\(policy)")
                continue
            }
        }
    }

    @Test("a pool's sandboxes write no more cores together than the policy says, and answer every call")
    func pool() async throws {
        let folder = try Folder()
        let snapshot = try make(folder).snapshot()
        let policy = CoreDumpPolicy(directory: folder.url.path, maximumCount: 3)
        let pool = try SandboxPool(
            snapshot,
            configuration: SandboxPoolConfiguration(
                sandboxCount: 1...4, sandbox: SandboxConfiguration(dumping: policy)),
            hostFunctions: makeHostFunctions())
        let outcomes = await withTaskGroup(of: Result<String, CoreDumpError>?.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    do throws(SandboxPoolError) {
                        try await pool.call("callNull")
                    } catch {
                        if case .sandbox(.fault(let fault)) = error { return fault.core }
                    }
                    return nil
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        await pool.shutdown()
        #expect(outcomes.count == 20 && outcomes.allSatisfy { $0 != nil })
        #expect(outcomes.count { (try? $0?.get()) != nil } == 3)
        #expect(try folder.files.count == 4)
    }

    @Test("a sandbox that runs a call, or is beyond trust, has no core")
    func refused() throws {
        let folder = try Folder(Guests.behaved)
        let path = folder.path("core")
        nonisolated(unsafe) var found: CoreDumpError?
        nonisolated(unsafe) weak var running: Sandbox?
        var host = HostFunctions()
        try host.register("add") { (left: Int64, right: Int64) -> Int64 in
            do { try running?.writeCoreDump(to: path) } catch { found = error as? CoreDumpError }
            return left + right
        }
        let sandbox = try Sandbox(guest: .file(folder.guest), hostFunctions: host)
        running = sandbox
        _ = try sandbox.call("hostAddTwice", 1 as Int64, 2 as Int64) as Int64
        #expect(found == .callInProgress)
        sandbox.markUnrecoverable()
        #expect(coreError { try sandbox.writeCoreDump(to: folder.path("core")) } == .unrecoverable)
        #expect(try folder.files == ["guest.elf"])
    }
}

extension SandboxConfiguration {
    fileprivate init(dumping policy: CoreDumpPolicy) {
        self.init()
        coreDump = policy
    }
}
