// The guest of the golden snapshot: code, read-only data, data, zeroed data, heap and stack, each with something in it.
#include "palimpsest.h"

PALIMPSEST_EXPORT(int64, count);
PALIMPSEST_EXPORT(string, motto);
PALIMPSEST_EXPORT(uint64, sumOfHeap);
PALIMPSEST_EXPORT(int64, twiceOnHost, int64);
PALIMPSEST_EXPORT(void, crash);
PALIMPSEST_EXPORT(void, fillHeap, uint64);

PALIMPSEST_IMPORT(int64, twice, int64);

static pal_int64 counter = 40;
static uint8_t zeroed[3 * 4096];
static uint8_t *heap;
static uint64_t heapCount;

pal_int64 count(void) {
    zeroed[2 * 4096] = 1;
    return ++counter;
}

pal_string motto(void) { return PAL_STRING("scraped clean and written on again"); }

void fillHeap(pal_uint64 pages) {
    heapCount = pages * 4096;
    heap = malloc(heapCount);
    for (uint64_t index = 0; index < heapCount; index += 512) heap[index] = (uint8_t)(index / 512 + 1);
}

pal_uint64 sumOfHeap(void) {
    uint64_t sum = 0;
    for (uint64_t index = 0; index < heapCount; index++) sum += heap[index];
    return sum;
}

pal_int64 twiceOnHost(pal_int64 value) { return twice(value); }

void crash(void) { *(volatile int *)0 = 1; }
