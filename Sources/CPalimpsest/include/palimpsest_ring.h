// io_uring through liburing. In C, because liburing's copy of the kernel's structures and the one inside
// swift-system cannot be imported into the same Swift file.
#ifndef PALIMPSEST_RING_H
#define PALIMPSEST_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pal_ring_operations {
    bool read_fixed, write_fixed, fsync;
};

/// Makes a ring, asks which operations it has, and lets it go; minus errno if this process may not have one.
int pal_ring_probe(struct pal_ring_operations *_Nonnull operations);

struct pal_ring;

/// A ring of `entries` requests with one registered buffer; minus errno on failure. The buffer must outlive the ring.
int pal_ring_create(struct pal_ring *_Nullable *_Nonnull ring, unsigned entries, void *_Nonnull buffer, size_t count);
void pal_ring_destroy(struct pal_ring *_Nonnull ring);

/// Registers these files in place of those registered before; minus errno on failure.
int pal_ring_register_files(struct pal_ring *_Nonnull ring, const int *_Nonnull descriptors, unsigned count);

/// Prepares a READ_FIXED of registered file `file` into the registered buffer; false if the queue is full.
bool pal_ring_prepare_read(struct pal_ring *_Nonnull ring, unsigned file, void *_Nonnull destination, unsigned count,
                           uint64_t offset, uint64_t tag);

/// Submits what is prepared and waits for `count` completions; minus errno on failure.
int pal_ring_submit_and_wait(struct pal_ring *_Nonnull ring, unsigned count);

/// Takes the next completion; false if there is none.
bool pal_ring_next_completion(struct pal_ring *_Nonnull ring, uint64_t *_Nonnull tag, int *_Nonnull result);

#endif
