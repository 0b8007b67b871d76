// Loops over page tables and pages that have to be fast, or that a signal may end.
#ifndef PALIMPSEST_PAGES_H
#define PALIMPSEST_PAGES_H

#include <stddef.h>
#include <stdint.h>

/// Whether a leaf table has an entry with the dirty bit (6) and without our "listed" bit (10): not 0 then.
/// No branch in the loop, so that it becomes vector code.
static inline uint64_t pal_unlisted_dirty(const uint64_t *_Nonnull entries) {
    uint64_t found = 0;
    for (int index = 0; index < 512; index++) found |= entries[index] & ~(entries[index] >> 4);
    return found & 1 << 6;
}

/// Installs the SIGBUS handler that `pal_copy_guarded` needs, once a process; minus errno on failure. A SIGBUS that is
/// not ours goes to whoever handled it before.
int pal_guard_copies(void);

/// Copies from a file's mapping. If the file has become shorter meanwhile, the copy ends and -EIO is returned, where
/// the process would otherwise be killed by SIGBUS (mmap(2)). Makes no system call.
int pal_copy_guarded(void *_Nonnull destination, const void *_Nonnull source, size_t count);

#endif
