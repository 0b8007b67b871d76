// A greeter in C: strings in and out, a call back into the host, something to remember, and two ways to misbehave.
#include "palimpsest.h"

PALIMPSEST_EXPORT(string, sayHello, string);
PALIMPSEST_EXPORT(int64, add, int64, int64);
PALIMPSEST_EXPORT(string, greetFromHost, string);
PALIMPSEST_EXPORT(int64, countVisits);
PALIMPSEST_EXPORT(void, crash);
PALIMPSEST_EXPORT(void, spin);

PALIMPSEST_IMPORT(string, decorate, string);

static pal_string join(pal_string head, pal_string middle, pal_string tail) {
    // One buffer for all calls: the result must outlive the return, and the next call may reuse it.
    static char *buffer;
    size_t count = head.count + middle.count + tail.count;
    buffer = realloc(buffer, count);
    if (!buffer) pal_raise(PAL_STRING("out of memory"), 1);
    memcpy(buffer, head.data, head.count);
    memcpy(buffer + head.count, middle.data, middle.count);
    memcpy(buffer + head.count + middle.count, tail.data, tail.count);
    return (pal_string){buffer, count};
}

pal_string sayHello(pal_string name) { return join(PAL_STRING("Hello, "), name, PAL_STRING("!")); }

pal_int64 add(pal_int64 left, pal_int64 right) { return left + right; }

// The host decorates the greeting.
pal_string greetFromHost(pal_string name) { return decorate(sayHello(name)); }

// What a rollback forgets.
pal_int64 countVisits(void) {
    static pal_int64 visits;
    return ++visits;
}

void crash(void) { *(volatile int *)0 = 1; }

void spin(void) {
    for (;;) __asm__ volatile("");
}
