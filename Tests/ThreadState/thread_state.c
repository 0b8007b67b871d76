#define _GNU_SOURCE
#include "thread_state.h"

#include <asm/prctl.h>
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

struct thread_state thread_state_now(void) {
    struct thread_state now = {0};
    __asm__ volatile("movw %%ds, %0; movw %%es, %1" : "=r"(now.ds), "=r"(now.es));
    __asm__ volatile("movw %%fs, %0; movw %%gs, %1" : "=r"(now.fs), "=r"(now.gs));
    __asm__ volatile("movw %%cs, %0; movw %%ss, %1" : "=r"(now.cs), "=r"(now.ss));
    __asm__ volatile("stmxcsr %0; fnstcw %1; fnstsw %2" : "=m"(now.mxcsr), "=m"(now.x87_control), "=m"(now.x87_status));
    __asm__ volatile("pushfq; popq %0" : "=r"(now.flags));
    now.flags &= 0x247700;
    unsigned eax, ebx, ecx, edx;
    __cpuid_count(7, 0, eax, ebx, ecx, edx);
    if (ecx >> 4 & 1) __asm__ volatile("rdpkru" : "=a"(now.keys) : "c"(0) : "rdx");
    syscall(SYS_arch_prctl, ARCH_GET_FS, &now.fs_base);
    syscall(SYS_arch_prctl, ARCH_GET_GS, &now.gs_base);
    return now;
}

void thread_state_set_gs_base(uint64_t base) { syscall(SYS_arch_prctl, ARCH_SET_GS, base); }
