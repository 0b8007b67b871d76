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
