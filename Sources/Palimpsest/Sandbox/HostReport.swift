import CPalimpsest
import Glibc
import MicroVM
import SystemPackage

/// One thing the engine looks for on a machine.
public struct HostCheck: Sendable, Hashable {
    public enum Status: String, Sendable, Hashable {
        case ok
        /// The engine runs without it, slower or with fewer sandboxes.
        case warning
        /// The engine does not run without it.
        case failure
    }

    public enum Category: String, Sendable, Hashable, CaseIterable {
        case kvm = "KVM"
        case capabilities
        case ioUring = "io_uring"
        case cpu = "CPU"
        case limits
    }

    public let category: Category
    public let name: String
    public let status: Status
    /// What is here.
    public let found: String
    /// What is needed.
    public let requirement: String
    /// What to do about it; nil when there is nothing to do.
    public let remedy: String?
}

/// Whether this machine and this process can run sandboxes, check by check.
public struct HostReport: Sendable {
    public let checks: [HostCheck]

    /// True if no check failed.
    public var isUsable: Bool { !checks.contains { $0.status == .failure } }

    /// Looks at the machine now. Never throws: what cannot be found out is a failed check.
    public static func examine() -> HostReport {
        HostReport(checks: kvmChecks() + ringChecks() + cpuChecks() + limitChecks())
    }

    // MARK: - KVM

    private static func kvmChecks() -> [HostCheck] {
        let name = KVM.devicePath
        do throws(MachineError) {
            let kvm = try KVM()
            return [check(.kvm, name, true, found: "API version \(KVM.apiVersion)", needed: "readable and writable")]
                + capabilityChecks(kvm) + [machineCheck(kvm)]
        } catch {
            var missing = "not usable"
            if case .kvmCapabilityMissing(let capability) = error { missing = "no \(capability)" }
            return [
                check(
                    .kvm, name, false, found: missing, needed: "readable and writable, all capabilities",
                    remedy: error.description)
            ]
        }
    }

    private static func capabilityChecks(_ kvm: KVM) -> [HostCheck] {
        let required = KVM.requiredCapabilities.map { name, number in
            let value = kvm.value(ofCapability: number)
            return check(
                .capabilities, name, value > 0, found: "\(value)", needed: "above 0", remedy: "Run a newer kernel.")
        }
        let slots = kvm.value(ofCapability: KVM_CAP_NR_MEMSLOTS)
        return required + [
            check(
                .capabilities, "KVM_CAP_NR_MEMSLOTS", slots >= 74, found: "\(slots)", needed: "74",
                remedy: "Run a newer kernel.")
        ]
    }

    /// Goes the whole way: a virtual machine with a vCPU.
    private static func machineCheck(_ kvm: KVM) -> HostCheck {
        do throws(MachineError) {
            _ = try VirtualMachine(kvm: kvm).makeVirtualCPU()
            return check(.kvm, "virtual machine", true, found: "created", needed: "can be created")
        } catch {
            return check(
                .kvm, "virtual machine", false, found: "\(error)", needed: "can be created", remedy: error.description)
        }
    }

    // MARK: - io_uring

    private static func ringChecks() -> [HostCheck] {
        do throws(MachineError) {
            let missing = try RingProbe().missingOperations
            let isComplete = missing.isEmpty
            return [
                check(
                    .ioUring, "io_uring", isComplete,
                    found: isComplete ? "all operations" : "no \(missing.joined(separator: ", "))",
                    needed: "for snapshots on disk", remedy: "Run a newer kernel.", otherwise: .warning)
            ]
        } catch {
            return [
                check(
                    .ioUring, "io_uring", false, found: "\(error)", needed: "for snapshots on disk",
                    remedy: "Allow it: sysctl kernel.io_uring_disabled=0, and io_uring_setup in the seccomp profile.",
                    otherwise: .warning)
            ]
        }
    }

    // MARK: - CPU

    private static func cpuChecks() -> [HostCheck] {
        let features = pal_cpuid(1, 0).ecx
        let extended = pal_cpuid(7, 0).ebx
        let addressBits = Int(pal_cpuid(0x8000_0008, 0).eax & 0xff)
        return [
            check(
                .cpu, "XSAVE", features >> 26 & 1 != 0, found: features >> 26 & 1 != 0 ? "yes" : "no", needed: "yes",
                remedy: "Any x86-64 processor since 2011 has it; a virtual machine's may be masked."),
            check(
                .cpu, "FSGSBASE", extended & 1 != 0, found: extended & 1 != 0 ? "yes" : "no", needed: "for guest TLS",
                otherwise: .warning),
            check(
                .cpu, "AVX-512", true, found: extended >> 16 & 1 != 0 ? "yes" : "no", needed: "not needed"),
            check(
                .cpu, "physical address bits", addressBits >= GuestLayout.physicalAddressBits, found: "\(addressBits)",
                needed: "\(GuestLayout.physicalAddressBits)"),
        ]
    }

    // MARK: - Limits

    private static func limitChecks() -> [HostCheck] {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let descriptors = Int(clamping: limit.rlim_cur)
        let perSandbox = 4
        let signal = pal_kick_signal()
        return [
            check(
                .limits, "open files", descriptors >= 256,
                found: "\(descriptors) (about \(descriptors / perSandbox) sandboxes)", needed: "256",
                remedy: "Raise it: ulimit -n 65536.", otherwise: .warning),
            check(
                .limits, "real-time signal", signal > 0, found: signal > 0 ? "\(signal)" : "none free", needed: "one",
                remedy: "Free one: the engine stops vCPUs with a signal nobody else handles."),
        ]
    }

    private static func check(
        _ category: HostCheck.Category, _ name: String, _ isMet: Bool, found: String, needed: String,
        remedy: String? = nil, otherwise: HostCheck.Status = .failure
    ) -> HostCheck {
        HostCheck(
            category: category, name: name, status: isMet ? .ok : otherwise, found: found, requirement: needed,
            remedy: isMet ? nil : remedy)
    }
}
