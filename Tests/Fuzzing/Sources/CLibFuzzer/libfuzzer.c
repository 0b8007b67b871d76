#include "include/libfuzzer.h"

// Foundation's `Process`, which runs the compilers of the guests, leaks 32 bytes (`--leaks`).
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:Foundation7ProcessC3run\n"; }
