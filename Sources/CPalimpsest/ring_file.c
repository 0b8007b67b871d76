#define _GNU_SOURCE
#include "include/palimpsest_ring_file.h"

#include "ring_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

int pal_file_ring_submit(struct pal_ring *ring, enum pal_file_operation operation, int descriptor, void *memory,
                         unsigned count, uint64_t offset, uint64_t tag) {
    struct io_uring_sqe *request = io_uring_get_sqe(&ring->ring);
    if (!request) return -EBUSY;
    switch (operation) {
    case PAL_FILE_READ: io_uring_prep_read(request, descriptor, memory, count, offset); break;
    case PAL_FILE_WRITE: io_uring_prep_write(request, descriptor, memory, count, offset); break;
    case PAL_FILE_WRITE_BACK:
        io_uring_prep_sync_file_range(request, descriptor, count, offset, SYNC_FILE_RANGE_WRITE);
        break;
    case PAL_FILE_SYNC: io_uring_prep_fsync(request, descriptor, 0); break;
    case PAL_FILE_WILL_NEED:
        io_uring_prep_fadvise(request, descriptor, offset, (off_t)count, POSIX_FADV_WILLNEED);
        break;
    }
    // To a worker at once: a buffered write is a copy, and done by the submitting thread it would not run beside the
    // caller's hashing but before it.
    io_uring_sqe_set_flags(request, IOSQE_ASYNC);
    io_uring_sqe_set_data64(request, tag);
    int submitted;
    do {
        submitted = io_uring_submit(&ring->ring);
    } while (submitted == -EINTR);
    return submitted < 0 ? submitted : 0;
}

int pal_file_ring_wait(struct pal_ring *ring, uint64_t *tag, int *result) {
    struct io_uring_cqe *completion;
    int failure;
    do {
        failure = io_uring_wait_cqe(&ring->ring, &completion);
    } while (failure == -EINTR);
    if (failure < 0) return failure;
    *tag = io_uring_cqe_get_data64(completion);
    *result = completion->res;
    io_uring_cqe_seen(&ring->ring, completion);
    return 0;
}

int pal_file_perform(enum pal_file_operation operation, int descriptor, void *memory, unsigned count,
                     uint64_t offset) {
    ssize_t result = 0;
    switch (operation) {
    case PAL_FILE_READ: result = pread(descriptor, memory, count, (off_t)offset); break;
    case PAL_FILE_WRITE: result = pwrite(descriptor, memory, count, (off_t)offset); break;
    case PAL_FILE_WRITE_BACK:
        result = sync_file_range(descriptor, (off_t)offset, count, SYNC_FILE_RANGE_WRITE);
        break;
    case PAL_FILE_SYNC: result = fsync(descriptor); break;
    case PAL_FILE_WILL_NEED: return -posix_fadvise(descriptor, (off_t)offset, count, POSIX_FADV_WILLNEED);
    }
    return result < 0 ? -errno : (int)result;
}

int pal_file_is_cached(int descriptor, uint64_t offset) {
    char byte;
    struct iovec buffer = {.iov_base = &byte, .iov_len = 1};
    ssize_t result = preadv2(descriptor, &buffer, 1, (off_t)offset, RWF_NOWAIT);
    if (result >= 0) return 1;
    return errno == EAGAIN ? 0 : -errno;
}

int pal_file_reserve(int descriptor, uint64_t count) {
    if (fallocate(descriptor, 0, 0, (off_t)count) == 0) return 0;
    // Where it cannot be had, or a signal came in between, the writes will tell.
    return errno == EOPNOTSUPP || errno == ENOSYS || errno == EINTR ? 0 : -errno;
}

bool pal_file_set_direct(int descriptor, bool on) {
    int flags = fcntl(descriptor, F_GETFL);
    return flags >= 0 && fcntl(descriptor, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}
