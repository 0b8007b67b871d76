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
