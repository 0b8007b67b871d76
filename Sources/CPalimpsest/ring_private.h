// What rollbacks' reads and files' transfers share: the ring itself.
#ifndef PALIMPSEST_RING_PRIVATE_H
#define PALIMPSEST_RING_PRIVATE_H

#include <liburing.h>
#include <stdbool.h>

struct pal_ring {
    struct io_uring ring;
    bool has_files, has_buffers;
};

#endif
