#include "include/palimpsest_ring.h"

#include <errno.h>
#include <liburing.h>
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

struct pal_ring {
    struct io_uring ring;
    bool has_files;
};

int pal_ring_create(struct pal_ring **result, unsigned entries, void *buffer, size_t count) {
    struct pal_ring *new = calloc(1, sizeof *new);
    if (!new) return -ENOMEM;
    int failure = io_uring_queue_init(entries, &new->ring, 0);
    if (failure < 0) {
        free(new);
        return failure;
    }
    struct iovec registered = {buffer, count};
    failure = io_uring_register_buffers(&new->ring, &registered, 1);
    if (failure < 0) {
        pal_ring_destroy(new);
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
    ring->has_files = false;
    int failure = io_uring_register_files(&ring->ring, descriptors, count);
    if (failure < 0) return failure;
    ring->has_files = true;
    return 0;
}

bool pal_ring_prepare_read(struct pal_ring *ring, unsigned file, void *destination, unsigned count, uint64_t offset,
                           uint64_t tag) {
    struct io_uring_sqe *request = io_uring_get_sqe(&ring->ring);
    if (!request) return false;
    io_uring_prep_read_fixed(request, (int)file, destination, count, offset, 0);
    io_uring_sqe_set_flags(request, IOSQE_FIXED_FILE);
    io_uring_sqe_set_data64(request, tag);
    return true;
}

int pal_ring_submit_and_wait(struct pal_ring *ring, unsigned count) {
    for (;;) {
        int submitted = io_uring_submit_and_wait(&ring->ring, count);
        // Interrupted while waiting: what was prepared is submitted already, waiting starts again.
        if (submitted == -EINTR) continue;
        if (submitted < 0) return submitted;
        if (io_uring_sq_ready(&ring->ring) == 0 && io_uring_cq_ready(&ring->ring) >= count) return 0;
    }
}

bool pal_ring_next_completion(struct pal_ring *ring, uint64_t *tag, int *result) {
    struct io_uring_cqe *completion;
    if (io_uring_peek_cqe(&ring->ring, &completion) < 0) return false;
    *tag = io_uring_cqe_get_data64(completion);
    *result = completion->res;
    io_uring_cqe_seen(&ring->ring, completion);
    return true;
}
