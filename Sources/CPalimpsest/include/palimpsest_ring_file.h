// An io_uring for large transfers between files and memory: reads, writes, and hints about what comes next.
#ifndef PALIMPSEST_RING_FILE_H
#define PALIMPSEST_RING_FILE_H

#include "palimpsest_ring.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pal_file_operation {
    PAL_FILE_READ,
    PAL_FILE_WRITE,
    PAL_FILE_WRITE_BACK,  // starts writing dirty pages to the disk (sync_file_range(2), SYNC_FILE_RANGE_WRITE)
    PAL_FILE_SYNC,        // fsync(2)
    PAL_FILE_WILL_NEED,   // reads into the page cache (posix_fadvise(2), POSIX_FADV_WILLNEED)
};

/// Hands a request to the kernel, which carries it out while the caller goes on. At most `entries` may be under way.
/// `memory` stays valid until the completion has come. Minus errno on failure.
int pal_file_ring_submit(struct pal_ring *_Nonnull ring, enum pal_file_operation operation, int descriptor,
                         void *_Nullable memory, unsigned count, uint64_t offset, uint64_t tag);

/// Waits for any completion: its tag, and what the system call of that name would have returned, or minus errno.
int pal_file_ring_wait(struct pal_ring *_Nonnull ring, uint64_t *_Nonnull tag, int *_Nonnull result);

/// The same request as a plain system call, for processes without a ring.
int pal_file_perform(enum pal_file_operation operation, int descriptor, void *_Nullable memory, unsigned count,
                     uint64_t offset);

/// Whether the byte at `offset` is in the page cache: 1, 0, or minus errno where the file system does not say
/// (preadv2(2), RWF_NOWAIT). Unlike mincore(2), which calls all pages of somebody else's file resident, this answers
/// whoever may read.
int pal_file_is_cached(int descriptor, uint64_t offset);

/// Reserves room for `count` bytes on the disk (fallocate(2)) where the file system can. Minus errno on failure.
int pal_file_reserve(int descriptor, uint64_t count);

/// Has reads and writes go past the page cache (O_DIRECT), or not; false if the file system cannot.
bool pal_file_set_direct(int descriptor, bool on);

#endif
