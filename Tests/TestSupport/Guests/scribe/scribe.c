// A guest that fills pages and writes on some of them, where and as many as it is told.
#include "palimpsest.h"

// Writable data of the image: more pages than the smallest scratch memory holds copies of.
#define PAGES 400
__attribute__((aligned(4096))) static uint8_t data[PAGES * 4096] = {1};

// How often this guest was started: an initialiser counts, and says so.
static pal_int64 starts;
__attribute__((constructor)) static void start(void) {
    starts++;
    pal_log(PAL_LOG_DEBUG, PAL_STRING("started"));
}
PALIMPSEST_EXPORT(int64, startCount);
pal_int64 startCount(void) { return starts; }

PALIMPSEST_EXPORT(uint64, dataAddress);
pal_uint64 dataAddress(void) { return (uint64_t)data; }

// Pages of the heap, no two alike; every `hole`th, if that is not 0, stays zero.
PALIMPSEST_EXPORT(uint64, fill, uint64, uint64);
pal_uint64 fill(pal_uint64 count, pal_uint64 hole) {
    uint8_t *pages = aligned_alloc(4096, count * 4096);
    if (!pages) pal_raise(PAL_STRING("no memory"), 12);
    for (uint64_t page = 0; page < count; page++) {
        if (hole == 0 || page % hole != 0) memset(pages + page * 4096, (int)(page % 255 + 1), 4096);
    }
    return (uint64_t)pages;
}

// One word at both ends of each of `count` pages, `stride` pages apart.
PALIMPSEST_EXPORT(void, scribble, uint64, uint64, uint64, uint64);
void scribble(pal_uint64 address, pal_uint64 count, pal_uint64 stride, pal_uint64 value) {
    for (uint64_t page = 0; page < count; page++) {
        volatile uint64_t *words = (volatile uint64_t *)(address + page * stride * 4096);
        words[0] = value + page;
        words[511] = ~value - page;
    }
}

PALIMPSEST_EXPORT(void, erase, uint64, uint64);
void erase(pal_uint64 address, pal_uint64 count) { memset((void *)address, 0, count * 4096); }

PALIMPSEST_EXPORT(uint64, wordAt, uint64);
pal_uint64 wordAt(pal_uint64 address) { return *(volatile uint64_t *)address; }

// A write, and a fault behind it.
PALIMPSEST_EXPORT(void, scribbleAndFault, uint64, uint64, uint64, uint64);
void scribbleAndFault(pal_uint64 address, pal_uint64 count, pal_uint64 stride, pal_uint64 value) {
    scribble(address, count, stride, value);
    __asm__ volatile("ud2");
}

// What the guest itself reads, through its own translations: FNV-1a over words.
PALIMPSEST_EXPORT(uint64, checksum, uint64, uint64);
pal_uint64 checksum(pal_uint64 address, pal_uint64 count) {
    uint64_t hash = 0xcbf29ce484222325;
    for (uint64_t offset = 0; offset < count; offset += 8) {
        hash = (hash ^ *(volatile uint64_t *)(address + offset)) * 0x100000001b3;
    }
    return hash;
}
