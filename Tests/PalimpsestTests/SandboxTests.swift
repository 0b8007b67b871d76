import CPalimpsest
import Foundation
import Glibc
import MicroVM
import Palimpsest
import SystemPackage
import TestSupport
import Testing

@Suite("Sandboxes", .serialized)
struct SandboxTests {
    @Test("sizes out of range are refused by name")
    func configuration() {
        let wrong: [(String, SandboxConfiguration)] = [
            ("heapByteCount", .init(heapByteCount: 0)), ("heapByteCount", .init(heapByteCount: (8 << 30) + 4096)),
            ("heapByteCount", .init(heapByteCount: (1 << 20) + 1)), ("heapByteCount", .init(heapByteCount: -4096)),
            ("stackByteCount", .init(stackByteCount: 4096)), ("stackByteCount", .init(stackByteCount: .max)),
            ("mailboxByteCount", .init(mailboxByteCount: 4096)),
            ("mailboxByteCount", .init(mailboxByteCount: 128 << 20)),
            ("scratchByteCount", .init(scratchByteCount: 4096)), ("scratchByteCount", .init(scratchByteCount: 8 << 30)),
            ("initializationTimeLimit", .init(initializationTimeLimit: .zero)),
        ]
        for (name, configuration) in wrong {
            guard case .invalidConfiguration(name, _, _) = caughtError(of: { _ = try makeBehaved(configuration) })
            else {
                Issue.record("\(name): \(configuration) was accepted")
                continue
            }
        }
    }

    @Test("the smallest and the largest sizes work")
    func extremes() throws {
        let smallest = SandboxConfiguration(
            heapByteCount: SandboxConfiguration.heapRange.lowerBound,
            stackByteCount: SandboxConfiguration.stackRange.lowerBound,
            mailboxByteCount: SandboxConfiguration.mailboxRange.lowerBound,
            scratchByteCount: SandboxConfiguration.scratchRange.lowerBound)
        let largest = SandboxConfiguration(
            heapByteCount: SandboxConfiguration.heapRange.upperBound,
            stackByteCount: SandboxConfiguration.stackRange.upperBound,
            mailboxByteCount: SandboxConfiguration.mailboxRange.upperBound,
            scratchByteCount: SandboxConfiguration.scratchRange.upperBound)
        for configuration in [smallest, largest] {
            let sandbox = try makeBehaved(configuration)
            #expect(try sandbox.call("echoString", "there and back") as String == "there and back")
            #expect(try sandbox.call("count") as Int64 == 1001)
        }
    }

    @Test("sandboxes that are gone leave no descriptor and no mapping behind")
    func noLeaks() async {
        // A process of its own: other suites make sandboxes at the same time.
        await #expect(processExitsWith: .success) {
            func make() throws {
                let sandbox = try makeBehaved()
                try sandbox.call("nothing")
                _ = try? Sandbox(guest: .bytes(Array(Guests.behaved.prefix(5000))))
            }
            func mappedSegments() -> Int {
                ProcessMaps.lines().count { $0.contains("memfd:palimpsest") || $0.contains("kvm-vcpu") }
            }
            try make()
            let before = (ProcessLimit.descriptorCount, mappedSegments())
            for _ in 0..<50 { try make() }
            #expect((ProcessLimit.descriptorCount, mappedSegments()) == before)
        }
    }

    @Test("without KVM, without permission or descriptors, the error says what to do")
    func machineErrors() {
        func failure(_ path: String) -> MachineError? {
            do throws(MachineError) {
                _ = try KVM(path: path)
                return nil
            } catch {
                return error
            }
        }
        #expect(failure("/nonexistent/kvm") == .kvmUnavailable(path: "/nonexistent/kvm", errno: .noSuchFileOrDirectory))
        guard case .kvmUnavailable? = failure("/dev/null") else {
            Issue.record("/dev/null was taken for KVM")
            return
        }
        let texts: [(MachineError, String)] = [
            (.kvmPermissionDenied(path: "/dev/kvm"), "usermod -aG kvm"),
            (MachineError("memfd_create", .tooManyOpenFiles), "ulimit -n"),
            (MachineError("mmap", .noMemory), "out of memory"),
            (.kvmCapabilityMissing(name: "KVM_CAP_SYNC_REGS"), "KVM_CAP_SYNC_REGS"),
        ]
        for (error, hint) in texts { #expect(error.description.contains(hint)) }
    }

    @Test("a machine that runs these tests passes the host report")
    func hostReport() {
        let report = HostReport.examine()
        #expect(report.isUsable)
        #expect(Set(report.checks.map(\.category)) == Set(HostCheck.Category.allCases))
    }

    /// The hostile guest, entered at one of its functions instead of its start.
    private func makeEntered(at name: String) throws -> Sandbox {
        let function = try #require(try makeHostile().exports.first { $0.name == name }).function
        var bytes = Guests.hostile
        withUnsafeBytes(of: function.littleEndian) { bytes.replaceSubrange(24..<32, with: $0) }
        return try Sandbox(guest: .bytes(bytes))
    }

    @Test("a guest that exports nothing is refused", arguments: ["readyAgain", "tableEmpty"])
    func noExports(name: String) {
        guard case .noExports = caughtError(of: { _ = try makeEntered(at: name) }) else {
            Issue.record("a guest without exports was accepted")
            return
        }
    }

    @Test(
        "a malformed export table is refused, and the entry named",
        arguments: [
            ("tableHuge", Int(PAL_MAX_EXPORTS)), ("tableTooMany", Int(PAL_MAX_EXPORTS)), ("tableWild", 0),
            ("tableWraps", 0), ("tableLongName", 1), ("tableNoName", 1), ("tableWildName", 1),
            ("tableControlName", 1), ("tableNotUTF8", 1), ("tableNoSignature", 1), ("tableUnknownType", 1),
            ("tableVoidArgument", 1), ("tableThirteenArguments", 1), ("tableDataFunction", 1),
            ("tableSupervisorFunction", 1), ("tableEntryFunction", 1),
        ])
    func exportTable(name: String, entry: Int) {
        let found = caughtError(of: { _ = try makeEntered(at: name) })
        guard case .invalidExport(entry, _) = found else {
            Issue.record("\(name): \(String(describing: found))")
            return
        }
    }
}
