import CPalimpsest
import SystemPackage

/// A shell with a guest's memory in it. Everything a call needs and nothing that knows what a call is.
package final class SandboxMachine {
    // Stored privately: of what other modules can reach of a class, every access would be checked at run time
    // (exclusivity).
    private var space: AddressSpace
    private var currentShell: MachineShell
    private var mailboxPlace: UnsafeMutablePointer<pal_mailbox>
    private var constantsPlace: UnsafeMutablePointer<pal_constants>
    /// In memory of its own: every rollback draws on it.
    private let entropy: UnsafeMutablePointer<pal_entropy>
    /// Set when the shell is in no known state: it is thrown away rather than kept.
    package var isBroken = false
    /// Of address spaces this machine has had before.
    private var earlierCopiedPageCount: UInt64 = 0

    package var memory: AddressSpace { space }
    package var shell: MachineShell { currentShell }
    package var vcpu: VirtualCPU { currentShell.vcpu }
    package var copiedPageCount: UInt64 { earlierCopiedPageCount + memory.copiedPageCount }

    /// - Parameter ahead: pages to copy before the first call.
    package init(_ image: MemoryImage, copying ahead: [GuestVirtualAddress] = []) throws(GuestMemoryError) {
        entropy = .allocate(capacity: 1)
        do throws(MachineError) {
            let failure = pal_entropy_seed(entropy)
            guard failure == 0 else { throw MachineError("getrandom", Errno(rawValue: -failure)) }
            currentShell = try ShellCache.shared.take(for: image)
        } catch {
            throw .machine(error)
        }
        space = try SandboxMachine.makeMemory(image, ahead, currentShell)
        (mailboxPlace, constantsPlace) = SandboxMachine.places(in: space.scratch)
        start()
    }

    deinit {
        entropy.deallocate()
        guard !isBroken, shell.vcpu.settle() else { return }
        do throws(MachineError) {
            try shell.clean(keeping: ScratchMemory.keptPageCountForOthers)
            // Layers that this image has left behind nobody will tell the cache about.
            try shell.unplugLayers { segment in !memory.image.layers.contains { $0.segment === segment } }
            ShellCache.shared.give(shell)
        } catch {}  // The shell goes, and everything with it.
    }

    private static func makeMemory(
        _ image: MemoryImage, _ ahead: [GuestVirtualAddress], _ shell: MachineShell
    ) throws(GuestMemoryError) -> AddressSpace {
        do {
            let memory = try AddressSpace(image, try shell.prepare(image))
            try memory.copyAhead(ahead)
            return memory
        } catch let error as MachineError {
            throw .machine(error)
        } catch AddressSpace.CopyFailure.unreadable(let path) {
            throw .fileUnreadable(path: path)
        } catch {
            throw .scratchTooSmall(
                byteCount: image.layout.sizes.pool, purpose: "the page tables and copied pages of an image of this size"
            )
        }
    }

    /// Where the host finds what a call exchanges with its guest.
    private static func places(
        in scratch: ScratchMemory
    ) -> (UnsafeMutablePointer<pal_mailbox>, UnsafeMutablePointer<pal_constants>) {
        (
            scratch.host(scratch.layout.mailbox).assumingMemoryBound(to: pal_mailbox.self),
            scratch.host(scratch.layout.constants).assumingMemoryBound(to: pal_constants.self)
        )
    }

    private func start() {
        vcpu.setPageTableRoot(memory.root.rawValue)
        writeConstants()
    }

    /// Starts again from `image`: scratch is wiped and gets the image's page tables, and `ahead` is copied.
    /// - Throws: `GuestMemoryError`; `isBroken` is set, and the next `replace` takes another shell.
    package func replace(with image: MemoryImage, copying ahead: [GuestVirtualAddress]) throws(GuestMemoryError) {
        let copied = copiedPageCount
        let wasBroken = isBroken
        isBroken = true
        if wasBroken {
            do throws(MachineError) {
                currentShell = try ShellCache.shared.take(for: image)
            } catch {
                throw .machine(error)
            }
        }
        space = try SandboxMachine.makeMemory(image, ahead, currentShell)
        (mailboxPlace, constantsPlace) = SandboxMachine.places(in: space.scratch)
        earlierCopiedPageCount = copied
        isBroken = false
        start()
    }

    /// Goes on with the same memory in another virtual machine. Registers are to be loaded; the old machine is no more.
    /// - Throws: `MachineError`; `isBroken` is set.
    package func moveToNewShell() throws(MachineError) {
        isBroken = true
        let new = try MachineShell()
        try new.adopt(memory.scratch, memory.image.layers)
        currentShell = new
        isBroken = false
        vcpu.setPageTableRoot(memory.root.rawValue)
        constants.pointee.features = vcpu.entryFeatures
    }

    /// Adds a file's pages to the guest's memory.
    package func add(_ mapping: RegionMap.Mapping, _ layer: MemoryLayer) throws(GuestMemoryError) {
        do throws(MachineError) {
            try shell.plug(layer)
        } catch {
            throw .machine(error)
        }
        do throws(ScratchExhausted) {
            try memory.add(mapping, layer)
        } catch {
            // A slot that stays filled is no harm, and nothing the guest can see: the next image empties it.
            try? shell.unplugLayers { $0 === layer.segment }
            throw .scratchTooSmall(
                byteCount: memory.image.layout.sizes.pool,
                purpose: "the page tables of a mapped file of \(mapping.region.byteCount) bytes")
        }
    }

    // MARK: - Constants

    /// The constants page in the host. The guest can only read it.
    package var constants: UnsafeMutablePointer<pal_constants> { constantsPlace }

    private func writeConstants() {
        let sizes = memory.image.layout.sizes
        pal_initialize_constants(constants)
        constants.pointee.heap_address = GuestLayout.heap.rawValue
        constants.pointee.heap_size = UInt64(sizes.heap)
        constants.pointee.stack_size = UInt64(sizes.stack)
        constants.pointee.mailbox_size = UInt64(sizes.mailbox)
        constants.pointee.features = vcpu.entryFeatures
        refreshEntropy()
    }

    /// Makes the entropy of the next generation: for when a guest runs and there is nothing else to do.
    package func prepareEntropy() { pal_entropy_prepare(entropy) }

    /// A new generation with new entropy: no two lives of a guest draw the same random numbers.
    package func refreshEntropy() { pal_entropy_refresh(entropy, constants) }

    /// What the guest draws random numbers from. To be set to an earlier one for a debugger only, which repeats a call.
    package var generation: GuestGeneration {
        get { GuestGeneration(number: constants.pointee.generation, entropy: constants.pointee.entropy) }
        set {
            constants.pointee.generation = newValue.number
            constants.pointee.entropy = newValue.entropy
        }
    }

    // MARK: - What a call looks at

    /// The mailbox in the host. The guest can write all of it at any time it runs.
    package var mailbox: UnsafeMutablePointer<pal_mailbox> { mailboxPlace }
    /// Bytes of it.
    package var mailboxByteCount: Int { space.scratch.layout.sizes.mailbox }

    /// What the processor pushed when it last entered an exception stub. Supervisor memory: the guest cannot forge it.
    package var exceptionFrame: ExceptionFrame {
        get { exceptionFramePlace.loadUnaligned(as: ExceptionFrame.self) }
        set { exceptionFramePlace.storeBytes(of: newValue, as: ExceptionFrame.self) }
    }

    private var exceptionFramePlace: UnsafeMutableRawPointer {
        let top = memory.scratch.host(memory.scratch.layout.exceptionStack) + pageByteCount
        return top - MemoryLayout<ExceptionFrame>.size
    }

    /// Whether the exception that the vCPU has just left for is one of the entry code's own, before the guest's code
    /// had a turn. A guest can jump there, and pretend.
    package var hasFailedToEnter: Bool {
        let frame = exceptionFrame
        return frame.codeSegment & 3 == 3 && GuestLayout.entryReset.contains(.init(rawValue: frame.instruction))
    }

    package var regions: [GuestRegion] {
        memory.image.regions.mappings.map { GuestRegion($0.region) }
    }
}

/// The stack frame of an exception in 64-bit mode (Intel SDM vol. 3, 6.14.2). Without an error code the first word
/// is older stack.
package struct ExceptionFrame: BitwiseCopyable {
    package var errorCode: UInt64
    package var instruction: UInt64
    package var codeSegment: UInt64
    package var flags: UInt64
    package var stack: UInt64
    var stackSegment: UInt64
}
