// CPUID of the processor the host runs on.
#ifndef PALIMPSEST_CPU_H
#define PALIMPSEST_CPU_H

#include <stdint.h>

struct pal_cpuid {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct pal_cpuid pal_cpuid(uint32_t leaf, uint32_t subleaf) {
    struct pal_cpuid result;
    __asm__ volatile("cpuid"
                     : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx)
                     : "a"(leaf), "c"(subleaf));
    return result;
}

#endif
