#include "include/palimpsest_ring.h"

#include <errno.h>
#include <liburing.h>

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
