#define _GNU_SOURCE
#include "include/palimpsest_thread.h"

#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

void pal_thread_set_selectors(uint64_t selectors) {
    uint32_t ds = selectors & 0xffff, es = selectors >> 16 & 0xffff, fs = selectors >> 32 & 0xffff, gs = selectors >> 48;
    uint64_t current = pal_thread_selectors();
    __asm__ volatile("movl %0, %%ds; movl %1, %%es" ::"r"(ds), "r"(es));
    // FS has the thread's own data behind it: there must be no moment, for a signal handler to see, when its base is
    // another one. Loading a null selector may clear the base; arch_prctl(2) changes both where no signal can come in.
    // A selector that is not null was there for the base in its descriptor, which loading it brings back.
    unsigned long base;
    if ((current >> 32 & 0xffff) != fs) {
        if (fs != 0) {
            __asm__ volatile("movl %0, %%fs" ::"r"(fs));
        } else if (syscall(SYS_arch_prctl, ARCH_GET_FS, &base) == 0) {
            syscall(SYS_arch_prctl, ARCH_SET_FS, base);
        }
    }
    if (current >> 48 != gs) {
        if (gs != 0) {
            __asm__ volatile("movl %0, %%gs" ::"r"(gs));
        } else if (syscall(SYS_arch_prctl, ARCH_GET_GS, &base) == 0) {
            syscall(SYS_arch_prctl, ARCH_SET_GS, base);
        }
    }
}
