#include "palimpsest.h"

PALIMPSEST_EXPORT(int64, sum, int64);
PALIMPSEST_EXPORT(int64, crash, int64);
PALIMPSEST_EXPORT(void, spin);
PALIMPSEST_EXPORT(int64, ask, int64);
PALIMPSEST_EXPORT(double, scale, double);
PALIMPSEST_IMPORT(int64, answer, int64);

#define PLAIN __attribute__((noinline, optnone))

pal_int64 total;

PLAIN static pal_int64 add(pal_int64 left, pal_int64 right) {
    pal_int64 result = left + right;
    return result;
}

PLAIN pal_int64 sum(pal_int64 count) {
    for (pal_int64 number = 1; number <= count; number++) {
        total = add(total, number);
    }
    return total;
}

PLAIN static void store(volatile int *place, int value) {
    *place = value;
}

PLAIN pal_int64 crash(pal_int64 depth) {
    if (depth > 0) return crash(depth - 1) + 1;
    store((volatile int *)16, 1);
    return 0;
}

void spin(void) {
    for (;;) __asm__ volatile("");
}

pal_int64 ask(pal_int64 question) { return answer(question) + 1; }

PLAIN double scale(double value) {
    double result = value * 2.5;
    return result;
}

// At the end: tests name the lines above.
PALIMPSEST_EXPORT(int64, askAndSpin, int64);

PLAIN pal_int64 askAndSpin(pal_int64 question) {
    answer(question);
    spin();
    return 0;
}
