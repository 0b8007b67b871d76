// Shared by the parts of the runtime.
#ifndef PALIMPSEST_RUNTIME_H
#define PALIMPSEST_RUNTIME_H

#include "palimpsest.h"

/// Tells the host something; the registers hold nothing it looks at.
#define PAL_OUT(port) __asm__ volatile("outb %%al, %0" : : "i"(port) : "memory")

#endif
