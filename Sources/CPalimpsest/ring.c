#include "include/palimpsest_ring.h"

#include "ring_private.h"

#include <errno.h>
#include <stdlib.h>

int pal_ring_probe(struct pal_ring_operations *operations) {
    struct io_uring ring;
    int result = io_uring_queue_init(8, &ring, 0);
    if (result < 0) return result;
    struct io_uring_probe *probe = io_uring_get_probe_ring(&ring);
    if (probe) {
        operations->read_fixed = io_uring_opcode_supported(probe, IORING_OP_READ_FIXED);
        operations->write_fixed = io_uring_opcode_supported(probe, IORING_OP_WRITE_FIXED);
        operations->fsync = io_uring_opcode_supported(probe, IORING_OP_FSYNC);
        io_uring_free_probe(probe);
    }
    io_uring_queue_exit(&ring);
    return probe ? 0 : -ENOTSUP;
}

int pal_ring_create(struct pal_ring **result, unsigned entries) {
    struct pal_ring *new = calloc(1, sizeof *new);
    if (!new) return -ENOMEM;
    int failure = io_uring_queue_init(entries, &new->ring, 0);
    if (failure < 0) {
        free(new);
        return failure;
    }
    *result = new;
    return 0;
}

void pal_ring_destroy(struct pal_ring *ring) {
    io_uring_queue_exit(&ring->ring);
    free(ring);
}

int pal_ring_register_files(struct pal_ring *ring, const int *descriptors, unsigned count) {
    if (ring->has_files) io_uring_unregister_files(&ring->ring);
    int failure = count > 0 ? io_uring_register_files(&ring->ring, descriptors, count) : 0;
    ring->has_files = count > 0 && failure == 0;
    return failure;
}

int pal_ring_register_buffers(struct pal_ring *ring, const struct iovec *buffers, unsigned count) {
    if (ring->has_buffers) io_uring_unregister_buffers(&ring->ring);
    int failure = count > 0 ? io_uring_register_buffers(&ring->ring, buffers, count) : 0;
    ring->has_buffers = count > 0 && failure == 0;
    return failure;
}

bool pal_ring_prepare_read(struct pal_ring *ring, int file, int buffer, void *destination, unsigned count,
                           uint64_t offset) {
    struct io_uring_sqe *request = io_uring_get_sqe(&ring->ring);
    if (!request) return false;
    if (buffer >= 0) {
        io_uring_prep_read_fixed(request, file, destination, count, offset, buffer);
    } else {
        io_uring_prep_read(request, file, destination, count, offset);
    }
    io_uring_sqe_set_flags(request, IOSQE_FIXED_FILE);
    io_uring_sqe_set_data64(request, count);
    return true;
}

/// Submits `count` requests. As a rule one system call does it and waits for them as well; a signal may interrupt it.
static unsigned submit(struct pal_ring *ring, unsigned count, int *failure) {
    unsigned submitted = 0;
    while (submitted < count) {
        int result = io_uring_submit_and_wait(&ring->ring, count);
        if (result == -EINTR) continue;
        if (result <= 0) {
            *failure = result < 0 ? result : -EIO;
            break;
        }
        submitted += (unsigned)result;
    }
    return submitted;
}

struct pal_ring_outcome pal_ring_run(struct pal_ring *ring, unsigned count) {
    struct pal_ring_outcome outcome = {0};
    unsigned submitted = submit(ring, count, &outcome.failure);
    // Requests that are under way write to their destinations: they are waited for even if others failed.
    for (unsigned done = 0; done < submitted; done++) {
        struct io_uring_cqe *completion;
        int result;
        while ((result = io_uring_wait_cqe(&ring->ring, &completion)) == -EINTR) {}
        if (result < 0) {
            outcome.failure = result;
            break;
        }
        unsigned expected = (unsigned)io_uring_cqe_get_data64(completion);
        if (completion->res < 0 || (unsigned)completion->res != expected) {
            if (outcome.failed_count++ == 0) {
                outcome.result = completion->res;
                outcome.expected = expected;
            }
        }
        io_uring_cqe_seen(&ring->ring, completion);
    }
    return outcome;
}
