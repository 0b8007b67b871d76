// What of the calling thread's processor state a guest can change where KVM does not put it back.
#ifndef PALIMPSEST_THREAD_H
#define PALIMPSEST_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "palimpsest_cpu.h"

/// DS, ES, FS and GS of this thread, 16 bits each, DS lowest. All zero in nearly every thread of a 64-bit process.
static inline uint64_t pal_thread_selectors(void) {
    uint32_t ds, es, fs, gs;
    __asm__ volatile("movl %%ds, %0; movl %%es, %1; movl %%fs, %2; movl %%gs, %3" : "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs));
    return (uint64_t)(ds | es << 16) | (uint64_t)(fs | gs << 16) << 32;
}

/// Puts selectors back that `pal_thread_selectors` gave. Segment bases stay what they are. Cold: two system calls for
/// each of FS and GS.
void pal_thread_set_selectors(uint64_t selectors);

/// Whether this process may read and write PKRU (CPUID leaf 7: OSPKE).
static inline bool pal_has_protection_keys(void) { return pal_cpuid(7, 0).ecx >> 4 & 1; }

/// PKRU of this thread (pkeys(7)).
static inline uint32_t pal_thread_keys(void) {
    uint32_t keys;
    __asm__ volatile("rdpkru" : "=a"(keys) : "c"(0) : "rdx");
    return keys;
}
static inline void pal_thread_set_keys(uint32_t keys) { __asm__ volatile("wrpkru" ::"a"(keys), "c"(0), "d"(0) : "memory"); }

#endif
