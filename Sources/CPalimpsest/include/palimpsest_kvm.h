// KVM's ioctls and the unions of struct kvm_run, in a form Swift can import.
// Source: the Linux kernel's Documentation/virt/kvm/api.rst ("KVM API"); section numbers below are its.
#ifndef PALIMPSEST_KVM_H
#define PALIMPSEST_KVM_H

#include <errno.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "palimpsest_thread.h"

static const unsigned long PAL_KVM_GET_API_VERSION = KVM_GET_API_VERSION;              // 4.1
static const unsigned long PAL_KVM_CREATE_VM = KVM_CREATE_VM;                          // 4.2
static const unsigned long PAL_KVM_CHECK_EXTENSION = KVM_CHECK_EXTENSION;              // 4.4
static const unsigned long PAL_KVM_GET_VCPU_MMAP_SIZE = KVM_GET_VCPU_MMAP_SIZE;        // 4.5
static const unsigned long PAL_KVM_CREATE_VCPU = KVM_CREATE_VCPU;                      // 4.7
static const unsigned long PAL_KVM_GET_SREGS = KVM_GET_SREGS;                          // 4.13
static const unsigned long PAL_KVM_SET_SREGS = KVM_SET_SREGS;                          // 4.14
static const unsigned long PAL_KVM_SET_USER_MEMORY_REGION = KVM_SET_USER_MEMORY_REGION;  // 4.35
static const unsigned long PAL_KVM_SET_XCRS = KVM_SET_XCRS;                            // 4.45
static const unsigned long PAL_KVM_GET_SUPPORTED_CPUID = KVM_GET_SUPPORTED_CPUID;      // 4.46
static const unsigned long PAL_KVM_SET_CPUID2 = KVM_SET_CPUID2;                        // 4.21
static const unsigned long PAL_KVM_GET_XSAVE = KVM_GET_XSAVE;                          // 4.42
static const unsigned long PAL_KVM_SET_XSAVE = KVM_SET_XSAVE;                          // 4.43

/// `ioctl` with an integer or pointer argument; minus errno on failure.
static inline long pal_ioctl(int descriptor, unsigned long request, uintptr_t argument) {
    int result = ioctl(descriptor, request, argument);
    return result < 0 ? -errno : result;
}

/// `KVM_RUN` (4.10): the one system call of the hot path; minus errno on failure.
///
/// The calling thread's segment selectors and protection keys are afterwards what they were before. Hardware KVM sees to
/// that itself. kvm_pvm leaves in the thread what selectors the guest has loaded.
/// `has_keys`: whether this process may read PKRU (`pal_has_protection_keys`).
static inline int pal_kvm_run(int vcpu, bool has_keys) {
    uint64_t selectors = pal_thread_selectors();
    uint32_t keys = has_keys ? pal_thread_keys() : 0;
    int result = ioctl(vcpu, KVM_RUN, 0) < 0 ? -errno : 0;
    if (has_keys && pal_thread_keys() != keys) pal_thread_set_keys(keys);
    if (pal_thread_selectors() != selectors) pal_thread_set_selectors(selectors);
    return result;
}

/// The bare system call, for benchmarks.
static inline int pal_kvm_run_bare(int vcpu) { return ioctl(vcpu, KVM_RUN, 0) < 0 ? -errno : 0; }

static inline struct kvm_regs *_Nonnull pal_run_regs(struct kvm_run *_Nonnull run) { return &run->s.regs.regs; }
static inline struct kvm_sregs *_Nonnull pal_run_sregs(struct kvm_run *_Nonnull run) { return &run->s.regs.sregs; }

/// Has KVM copy registers out on every exit (5, "kvm_valid_regs").
static inline void pal_run_sync_all(struct kvm_run *_Nonnull run) {
    run->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
}

/// Has KVM take the general registers in `run` on the next entry, and drop every exception that was under way: one that
/// a guest's last instruction raised (a single step, say) is not the next call's (4.32, struct kvm_vcpu_events).
///
/// The special registers too, unless they are `initial` already, as KVM copied them out at the last exit. CR2 does not
/// count: no guest in ring 3 can see it.
static inline void pal_run_load(struct kvm_run *_Nonnull run, struct kvm_sregs *_Nonnull initial) {
    struct kvm_sregs *current = &run->s.regs.sregs;
    initial->cr2 = current->cr2;
    uint64_t dirty = KVM_SYNC_X86_REGS | KVM_SYNC_X86_EVENTS;
    if (__builtin_memcmp(current, initial, sizeof *initial) != 0) {
        *current = *initial;
        dirty |= KVM_SYNC_X86_SREGS;
    }
    __builtin_memset(&run->s.regs.events, 0, sizeof run->s.regs.events);
    run->kvm_dirty_regs = dirty;
}

/// Has KVM take registers that were changed in `run` after an exit on the next entry, beside those already to be taken.
static inline void pal_run_change(struct kvm_run *_Nonnull run, bool special) {
    run->kvm_dirty_regs |= special ? KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS : KVM_SYNC_X86_REGS;
}

static inline uint16_t pal_run_io_port(const struct kvm_run *_Nonnull run) { return run->io.port; }
static inline bool pal_run_io_is_out(const struct kvm_run *_Nonnull run) { return run->io.direction == KVM_EXIT_IO_OUT; }
static inline uint32_t pal_run_io_size(const struct kvm_run *_Nonnull run) { return run->io.size; }
static inline uint32_t pal_run_io_count(const struct kvm_run *_Nonnull run) { return run->io.count; }
static inline uint64_t pal_run_mmio_address(const struct kvm_run *_Nonnull run) { return run->mmio.phys_addr; }
static inline uint32_t pal_run_internal_suberror(const struct kvm_run *_Nonnull run) { return run->internal.suberror; }
static inline uint64_t pal_run_entry_failure(const struct kvm_run *_Nonnull run) {
    return run->fail_entry.hardware_entry_failure_reason;
}

/// Written by other threads while the vCPU runs.
static inline void pal_run_set_immediate_exit(struct kvm_run *_Nonnull run, bool on) {
    __atomic_store_n(&run->immediate_exit, on, __ATOMIC_SEQ_CST);
}

#endif
