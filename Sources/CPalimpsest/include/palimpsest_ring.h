// io_uring through liburing. In C, because liburing's copy of the kernel's structures and the one inside
// swift-system cannot be imported into the same Swift file.
#ifndef PALIMPSEST_RING_H
#define PALIMPSEST_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct pal_ring_operations {
    bool read_fixed, write_fixed, fsync;
};

/// Makes a ring, asks which operations it has, and lets it go; minus errno if this process may not have one.
int pal_ring_probe(struct pal_ring_operations *_Nonnull operations);

struct pal_ring;

/// A ring for `entries` requests at a time; minus errno on failure.
int pal_ring_create(struct pal_ring *_Nullable *_Nonnull ring, unsigned entries);
void pal_ring_destroy(struct pal_ring *_Nonnull ring);

/// Registers these files in place of those registered before, none if `count` is 0; minus errno on failure, with none
/// registered.
int pal_ring_register_files(struct pal_ring *_Nonnull ring, const int *_Nonnull descriptors, unsigned count);

/// Registers these buffers in place of those registered before, none if `count` is 0; minus errno on failure, with
/// none registered.
int pal_ring_register_buffers(struct pal_ring *_Nonnull ring, const struct iovec *_Nullable buffers, unsigned count);

/// Prepares a read from registered file `file`, into registered buffer `buffer` or, if that is negative, anywhere. Its
/// completion must bring `count` bytes. False if the queue is full.
bool pal_ring_prepare_read(struct pal_ring *_Nonnull ring, int file, int buffer, void *_Nonnull destination,
                           unsigned count, uint64_t offset);

/// What became of a batch.
struct pal_ring_outcome {
    /// Minus errno if the requests could not all be submitted.
    int failure;
    /// Requests that did not bring what they had to; result and expectation of the first of them.
    unsigned failed_count;
    int result;
    unsigned expected;
};

/// Submits everything prepared, `count` requests, with one system call, waits for all of it and checks every
/// completion. Whatever the outcome, no request is under way afterwards.
struct pal_ring_outcome pal_ring_run(struct pal_ring *_Nonnull ring, unsigned count);

#endif
