// Shared by the parts of the runtime.
#ifndef PALIMPSEST_RUNTIME_H
#define PALIMPSEST_RUNTIME_H

#include "palimpsest.h"

/// Tells the host something; the registers hold nothing it looks at.
#define PAL_OUT(port) __asm__ volatile("outb %%al, %0" : : "i"(port) : "memory")

/// Around functions whose names a guest may have given to functions of its own, which then take their place.
#define PAL_BEGIN_REPLACEABLE _Pragma("clang attribute push(__attribute__((weak)), apply_to = function)")
#define PAL_END_REPLACEABLE _Pragma("clang attribute pop")

#endif
