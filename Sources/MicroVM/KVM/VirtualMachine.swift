import CPalimpsest
import SystemPackage

/// A KVM virtual machine: a guest-physical address space made of memory slots (KVM API 4.2, 4.35).
///
/// Owns its descriptor. The host memory behind a slot must outlive the machine: its owner keeps both.
package final class VirtualMachine {
    package let kvm: KVM
    private let descriptor: FileDescriptor

    package init(kvm: KVM) throws(MachineError) {
        self.kvm = kvm
        descriptor = FileDescriptor(
            rawValue: CInt(try KVM.control(kvm.descriptor, "KVM_CREATE_VM", PAL_KVM_CREATE_VM, 0)))
    }

    deinit { try? descriptor.close() }

    /// Adds or replaces memory slot `slot`. A region of 0 bytes deletes it.
    func setMemorySlot(_ slot: UInt32, _ region: kvm_userspace_memory_region) throws(MachineError) {
        var region = region
        region.slot = slot
        try KVM.control(
            descriptor, "KVM_SET_USER_MEMORY_REGION", PAL_KVM_SET_USER_MEMORY_REGION, with: &region)
    }

    /// A vCPU with every feature KVM can show of this processor.
    package func makeVirtualCPU() throws(MachineError) -> VirtualCPU {
        let vcpu = try KVM.control(descriptor, "KVM_CREATE_VCPU", PAL_KVM_CREATE_VCPU, 0)
        return try VirtualCPU(adopting: FileDescriptor(rawValue: CInt(vcpu)), kvm: kvm)
    }
}
