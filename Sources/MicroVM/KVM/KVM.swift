import CPalimpsest
import Glibc
import SystemPackage

/// `/dev/kvm`: the door to the hypervisor (KVM API, section 4 "System ioctls").
///
/// One descriptor for the process, opened on first use and kept.
package final class KVM: Sendable {
    package static let devicePath = "/dev/kvm"

    /// The version every kernel since 2.6.22 reports (KVM API 4.1); anything else is not KVM as we know it.
    package static let apiVersion = 12

    /// Capabilities the engine cannot do without, by the names of the KVM API.
    package static let requiredCapabilities: [(name: String, number: Int32)] = [
        ("KVM_CAP_USER_MEMORY", KVM_CAP_USER_MEMORY),
        ("KVM_CAP_READONLY_MEM", KVM_CAP_READONLY_MEM),
        ("KVM_CAP_SYNC_REGS", KVM_CAP_SYNC_REGS),
        ("KVM_CAP_IMMEDIATE_EXIT", KVM_CAP_IMMEDIATE_EXIT),
        ("KVM_CAP_EXT_CPUID", KVM_CAP_EXT_CPUID),
        ("KVM_CAP_XCRS", KVM_CAP_XCRS),
    ]

    package let descriptor: FileDescriptor
    /// Bytes of a vCPU's shared `kvm_run` area.
    let vcpuAreaByteCount: Int
    /// What KVM can show a guest of this processor (KVM API 4.46).
    let cpuid: [kvm_cpuid_entry2]

    private static let opened = Result { () throws(MachineError) in try KVM() }

    /// The process's KVM, or the reason there is none. If it could not be opened the first time it is tried again at
    /// every call, and then each caller has a descriptor of its own.
    package static func shared() throws(MachineError) -> KVM {
        switch opened {
        case .success(let kvm): return kvm
        case .failure: return try KVM()
        }
    }

    package init(path: String = KVM.devicePath) throws(MachineError) {
        do {
            descriptor = try FileDescriptor.open(path, .readWrite, options: [.closeOnExec])
        } catch let errno as Errno {
            switch errno {
            case .permissionDenied, .notPermitted: throw .kvmPermissionDenied(path: path)
            case .tooManyOpenFiles, .tooManyOpenFilesInSystem: throw .tooManyOpenFiles(operation: "open \(path)")
            default: throw .kvmUnavailable(path: path, errno: errno)
            }
        } catch {
            throw .kvmUnavailable(path: path, errno: .ioError)
        }
        do throws(MachineError) {
            guard pal_ioctl(descriptor.rawValue, PAL_KVM_GET_API_VERSION, 0) == KVM.apiVersion else {
                throw .kvmUnavailable(path: path, errno: .notSupported)
            }
            for (name, number) in KVM.requiredCapabilities where KVM.extensionValue(number, descriptor) <= 0 {
                throw .kvmCapabilityMissing(name: name)
            }
            let wanted = Int(KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS)
            guard KVM.extensionValue(KVM_CAP_SYNC_REGS, descriptor) & wanted == wanted else {
                throw .kvmCapabilityMissing(name: "KVM_CAP_SYNC_REGS for general and special registers and events")
            }
            vcpuAreaByteCount = try KVM.control(
                descriptor, "KVM_GET_VCPU_MMAP_SIZE", PAL_KVM_GET_VCPU_MMAP_SIZE, 0)
            cpuid = try KVM.supportedCPUID(descriptor)
        } catch {
            try? descriptor.close()
            throw error
        }
    }

    deinit { try? descriptor.close() }

    /// `KVM_CHECK_EXTENSION` (4.4): 0 when KVM lacks it.
    package func value(ofCapability number: Int32) -> Int { KVM.extensionValue(number, descriptor) }

    private static func extensionValue(_ number: Int32, _ descriptor: FileDescriptor) -> Int {
        max(0, pal_ioctl(descriptor.rawValue, PAL_KVM_CHECK_EXTENSION, UInt(number)))
    }

    /// An ioctl whose failure is an error with its name in it. Interrupted ones start again: io_uring's completions
    /// interrupt system calls of the thread that submitted.
    @discardableResult
    package static func control(
        _ descriptor: FileDescriptor, _ name: String, _ request: UInt, _ argument: UInt
    ) throws(MachineError) -> Int {
        var result = pal_ioctl(descriptor.rawValue, request, argument)
        while result == -Int(EINTR) { result = pal_ioctl(descriptor.rawValue, request, argument) }
        guard result >= 0 else { throw MachineError(name, Errno(rawValue: CInt(-result))) }
        return result
    }

    @discardableResult
    static func control<T>(
        _ descriptor: FileDescriptor, _ name: String, _ request: UInt, with value: inout T
    ) throws(MachineError) -> Int {
        try withUnsafeMutablePointer(to: &value) { pointer throws(MachineError) in
            try control(descriptor, name, request, UInt(bitPattern: pointer))
        }
    }

    /// Grows until the kernel's list fits: `E2BIG` says it did not.
    private static func supportedCPUID(_ descriptor: FileDescriptor) throws(MachineError) -> [kvm_cpuid_entry2] {
        var capacity = 128
        while capacity <= 1024 {
            let list = CPUIDList(capacity: capacity)
            let result = pal_ioctl(
                descriptor.rawValue, PAL_KVM_GET_SUPPORTED_CPUID, UInt(bitPattern: list.header))
            if result >= 0 { return list.entries }
            guard result == -Int(E2BIG) else {
                throw MachineError("KVM_GET_SUPPORTED_CPUID", Errno(rawValue: CInt(-result)))
            }
            capacity *= 2
        }
        throw .systemCall(operation: "KVM_GET_SUPPORTED_CPUID", errno: .outOfRange)
    }
}
