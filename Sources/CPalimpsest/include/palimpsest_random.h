// Entropy for guests: fresh with every restore, without a system call.
#ifndef PALIMPSEST_RANDOM_H
#define PALIMPSEST_RANDOM_H

#include "palimpsest_abi.h"

/// Blocks of key stream that are made at a time: eight cost what two would, one after the other.
#define PAL_ENTROPY_BLOCKS 8

/// A ChaCha20 key stream with a random key of its own, and the generation it has reached.
struct pal_entropy {
    uint32_t state[16];
    uint64_t generation;
    uint32_t blocks[PAL_ENTROPY_BLOCKS][16];
    uint32_t used;
};

/// Keys the stream and picks the first generation from getrandom(2); minus errno on failure. A random start makes
/// generations of different sandboxes, processes and machines differ.
int pal_entropy_seed(struct pal_entropy *_Nonnull entropy);

/// Has the next 64 bytes ready: for when there is time.
void pal_entropy_prepare(struct pal_entropy *_Nonnull entropy);

/// Gives the guest the next 64 bytes of the stream and the next generation.
void pal_entropy_refresh(struct pal_entropy *_Nonnull entropy, struct pal_constants *_Nonnull constants);

#endif
