// The heap: free lists of power-of-two size classes over a bump pointer.
//
//     block:  | header: class, offset | bytes handed out ... |
//              16 bytes                16-byte aligned
//
// Allocation and release take constant time, and memory that was never handed out is never touched. A freed block
// serves its own class again, or smaller ones once the heap is used up; it is never joined with others. Classes are a
// factor of two apart, which bounds the waste by half.
#include "runtime.h"

enum { SMALLEST_SHIFT = 5, CLASS_COUNT = 40 };

struct header {
    uint32_t class;
    uint32_t magic;
    uint64_t offset;  // from the start of the class's block to this header: alignment above 16
};

_Static_assert(sizeof(struct header) == 16, "blocks are 16-byte aligned");

enum { LIVE = 0x6c697665, FREED = 0x66726565 };

struct free_block {
    struct header header;
    struct free_block *next;
};

static struct free_block *free_lists[CLASS_COUNT];
static uint64_t heap_used;

// The class whose blocks hold `count` bytes and a header; CLASS_COUNT if there is none.
static uint32_t class_for(size_t count) {
    if (count > (size_t)1 << 38) return CLASS_COUNT;
    size_t total = count + sizeof(struct header);
    uint32_t shift = total <= 1u << SMALLEST_SHIFT ? SMALLEST_SHIFT : 64 - (uint32_t)__builtin_clzll(total - 1);
    return shift - SMALLEST_SHIFT;
}

static size_t class_size(uint32_t class) { return (size_t)1 << (class + SMALLEST_SHIFT); }

// Where the heap ends: halves a larger free block until it has the size.
static void *split(uint32_t class) {
    uint32_t larger = class + 1;
    while (larger < CLASS_COUNT && !free_lists[larger]) larger++;
    if (larger >= CLASS_COUNT) return 0;
    struct free_block *block = free_lists[larger];
    free_lists[larger] = block->next;
    while (larger-- > class) {
        struct free_block *upper = (struct free_block *)((uint8_t *)block + class_size(larger));
        upper->next = free_lists[larger];
        free_lists[larger] = upper;
    }
    return block;
}

static void *take(uint32_t class) {
    struct free_block *block = free_lists[class];
    if (block) {
        free_lists[class] = block->next;
        return block;
    }
    const struct pal_constants *constants = pal_constants();
    size_t size = class_size(class);
    if (size > constants->heap_size - heap_used) return split(class);
    block = (struct free_block *)(constants->heap_address + heap_used);
    heap_used += size;
    return block;
}

static void *hand_out(uint8_t *start, uint64_t offset, uint32_t class) {
    struct header *header = (struct header *)(start + offset);
    *header = (struct header){class, LIVE, offset};
    return header + 1;
}

void *malloc(size_t count) {
    uint32_t class = class_for(count);
    uint8_t *start = class < CLASS_COUNT ? take(class) : 0;
    return start ? hand_out(start, 0, class) : 0;
}

void free(void *block) {
    if (!block) return;
    struct header *header = (struct header *)block - 1;
    if (header->magic != LIVE || header->class >= CLASS_COUNT) {
        pal_abort(PAL_STRING("free() of a block that is not allocated"));
    }
    header->magic = FREED;
    uint32_t class = header->class;
    struct free_block *start = (struct free_block *)((uint8_t *)header - header->offset);
    start->next = free_lists[class];
    free_lists[class] = start;
}

static size_t usable_size(void *block) {
    struct header *header = (struct header *)block - 1;
    return class_size(header->class) - header->offset - sizeof *header;
}

void *calloc(size_t count, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) return 0;
    void *block = malloc(total);
    return block ? memset(block, 0, total) : 0;
}

void *realloc(void *block, size_t count) {
    if (!block) return malloc(count);
    size_t usable = usable_size(block);
    if (count <= usable) return block;
    void *larger = malloc(count);
    if (!larger) return 0;
    memcpy(larger, block, usable);
    free(block);
    return larger;
}

void *aligned_alloc(size_t alignment, size_t count) {
    if (alignment == 0 || (alignment & (alignment - 1))) return 0;
    if (alignment <= 16) return malloc(count);
    size_t total;
    if (__builtin_add_overflow(count, alignment, &total)) return 0;
    uint32_t class = class_for(total);
    uint8_t *start = class < CLASS_COUNT ? take(class) : 0;
    if (!start) return 0;
    uintptr_t first = (uintptr_t)start + sizeof(struct header);
    uintptr_t aligned = (first + alignment - 1) & ~(alignment - 1);
    return hand_out(start, aligned - first, class);
}

int posix_memalign(void **block, size_t alignment, size_t count) {
    *block = aligned_alloc(alignment, count);
    return *block ? 0 : 12;  // ENOMEM
}
