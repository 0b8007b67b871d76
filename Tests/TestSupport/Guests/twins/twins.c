#include "palimpsest.h"

// Two exports of one name.

static pal_int64 one(void) { return 1; }
static pal_int64 two(void) { return 2; }

__attribute__((constructor)) static void registerTwins(void) {
    pal_register_export(PAL_STRING("first"), PAL_STRING("l"), (pal_uint64)one, 0);
    pal_register_export(PAL_STRING("twin"), PAL_STRING("l"), (pal_uint64)one, 0);
    pal_register_export(PAL_STRING("twin"), PAL_STRING("l"), (pal_uint64)two, 0);
}
