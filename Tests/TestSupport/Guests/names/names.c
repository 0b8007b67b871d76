#include "palimpsest.h"

// Exports whose names are canonically equivalent and differ in bytes: each says which it is.

static pal_int64 one(void) { return 1; }
static pal_int64 two(void) { return 2; }
static pal_int64 three(void) { return 3; }
static pal_int64 four(void) { return 4; }
static pal_string five(void) { return PAL_STRING("five"); }

#define REGISTER(name, signature, function) \
    pal_register_export(PAL_STRING(name), PAL_STRING(signature), (pal_uint64)function, 0)

__attribute__((constructor)) static void registerNames(void) {
    REGISTER("\xc3\xa9", "l", one);        // U+00E9
    REGISTER("e\xcc\x81", "l", two);       // e, U+0301
    REGISTER("\xe2\x84\xab", "l", three);  // U+212B
    REGISTER("A\xcc\x8a", "l", four);      // A, U+030A
    REGISTER("\xc3\x85", "t", five);       // U+00C5
}
