// io_uring through liburing. In C, because liburing's copy of the kernel's structures and the one inside
// swift-system cannot be imported into the same Swift file.
#ifndef PALIMPSEST_RING_H
#define PALIMPSEST_RING_H

#include <stdbool.h>

struct pal_ring_operations {
    bool read_fixed, write_fixed, fsync;
};

/// Makes a ring, asks which operations it has, and lets it go; minus errno if this process may not have one.
int pal_ring_probe(struct pal_ring_operations *_Nonnull operations);

#endif
