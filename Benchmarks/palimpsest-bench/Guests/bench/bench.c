// The functions the benchmarks call.
#include "palimpsest.h"

PALIMPSEST_EXPORT(int64, add, int64, int64);
PALIMPSEST_EXPORT(string, echo, string);
PALIMPSEST_EXPORT(int64, addOnHost, int64, int64);
PALIMPSEST_EXPORT(void, exitForever);

PALIMPSEST_IMPORT(int64, hostAdd, int64, int64);

pal_int64 add(pal_int64 a, pal_int64 b) { return a + b; }

pal_string echo(pal_string text) { return text; }

pal_int64 addOnHost(pal_int64 a, pal_int64 b) { return hostAdd(a, b); }

// The floor: ring 3 code that does nothing but exit.
void exitForever(void) {
    for (;;) __asm__ volatile("outb %%al, %0" : : "i"(PAL_PORT_RETURN) : "memory");
}

// Pages for the rollback benchmarks: filled once, before the snapshot is taken, so that none of them is zero.
PALIMPSEST_EXPORT(void, fillPages, uint64);
PALIMPSEST_EXPORT(void, writePages, uint64, uint64);
PALIMPSEST_EXPORT(void, writePagesAt, uint64, uint64, uint64);

static uint8_t *pages;

void fillPages(pal_uint64 count) {
    pages = (uint8_t *)(((uint64_t)malloc((count + 1) * 4096) + 4095) & ~4095ull);
    memset(pages, 0x5a, count * 4096);
}

// One word to each of `count` pages, `stride` pages apart.
void writePagesAt(pal_uint64 address, pal_uint64 count, pal_uint64 stride) {
    for (uint64_t page = 0; page < count; page++) *(volatile uint64_t *)(address + page * stride * 4096) = page;
}

void writePages(pal_uint64 count, pal_uint64 stride) { writePagesAt((uint64_t)pages, count, stride); }

// For loads from disk: a working set spread over everything that was filled.
PALIMPSEST_EXPORT(void, fillSparsely, uint64, uint64);
PALIMPSEST_EXPORT(uint64, readScattered, uint64, uint64);

// One word to every `stride`th page of `count`, so that the others stay zero.
void fillSparsely(pal_uint64 count, pal_uint64 stride) {
    pages = (uint8_t *)(((uint64_t)malloc((count + 1) * 4096) + 4095) & ~4095ull);
    for (uint64_t page = 0; page < count; page += stride) *(volatile uint64_t *)(pages + page * 4096) = page + 1;
}

// Reads a word of `count` of the first `total` pages, a power of two, in an order that no read-ahead foresees.
pal_uint64 readScattered(pal_uint64 count, pal_uint64 total) {
    uint64_t sum = 0;
    for (uint64_t index = 0; index < count; index++) {
        sum += *(volatile uint64_t *)(pages + (index * 2654435761u & (total - 1)) * 4096);
    }
    return sum;
}

// For the soak: what goes wrong.
PALIMPSEST_EXPORT(void, crash);
PALIMPSEST_EXPORT(void, spin);

void crash(void) { __asm__ volatile("ud2"); }

void spin(void) {
    for (;;) __asm__ volatile("pause");
}
