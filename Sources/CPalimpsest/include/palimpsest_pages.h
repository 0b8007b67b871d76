// Loops over page tables and pages that have to be fast, or that a signal may end.
#ifndef PALIMPSEST_PAGES_H
#define PALIMPSEST_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Whether some of `count` page-table entries, a multiple of 8, has the dirty bit (6) but not our "listed" bit (10).
bool pal_has_unlisted_dirty(const uint64_t *_Nonnull entries, size_t count);

/// Page-table entries that calls may have made dirty: `count` of them, a multiple of 8.
struct pal_entry_window {
    const uint64_t *_Nonnull entries;
    size_t count;
};

/// Bytes to copy; to fill with zeros if there is no source.
struct pal_copy_run {
    void *_Nonnull destination;
    const void *_Nullable source;
    size_t count;
};

/// Does all the copies, unless an entry is dirty and not listed: then nothing, and returns false.
bool pal_copy_unless_dirty(const struct pal_entry_window *_Nullable windows, size_t window_count,
                           const struct pal_copy_run *_Nullable runs, size_t run_count);

/// Brings nearer what `pal_copy_unless_dirty` is going to read, as much as leaves room in a first-level cache.
void pal_prefetch_copies(const struct pal_entry_window *_Nullable windows, size_t window_count,
                         const struct pal_copy_run *_Nullable runs, size_t run_count);

/// Copies whole pages past the caches, and brings the page at `next` nearer meanwhile: for batches larger than a cache,
/// which would only push out what is in it. Both sides are page-aligned.
void pal_copy_streaming(void *_Nonnull destination, const void *_Nonnull source, size_t count,
                        const void *_Nonnull next);
/// Zero-fills whole pages past the caches.
void pal_zero_streaming(void *_Nonnull destination, size_t count);
/// To be called after the last of such copies: makes them visible in order to whoever sees what is written next.
void pal_end_streaming(void);

/// Installs the SIGBUS handler that `pal_copy_guarded` needs, once a process; minus errno on failure. A SIGBUS that is
/// not ours goes to whoever handled it before.
int pal_guard_copies(void);

/// Copies from a file's mapping. If the file has become shorter meanwhile, the copy ends and -EIO is returned, where
/// the process would otherwise be killed by SIGBUS (mmap(2)). Makes no system call.
int pal_copy_guarded(void *_Nonnull destination, const void *_Nonnull source, size_t count);

/// Compares with a file's mapping under the same guard: 1 if the bytes are the same, 0 if not, -EIO if some are gone.
int pal_equal_guarded(const void *_Nonnull bytes, const void *_Nonnull source, size_t count);

#endif
