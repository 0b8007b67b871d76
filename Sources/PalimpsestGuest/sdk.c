#include "include/palimpsest_guest_sdk.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const uint8_t abi_header[] = {
#embed "../CPalimpsest/include/palimpsest_abi.h"
};
static const uint8_t chacha20_header[] = {
#embed "../CPalimpsest/include/palimpsest_chacha20.h"
};
static const uint8_t header[] = {
#embed "SDK/palimpsest.h"
};
static const uint8_t macros[] = {
#embed "SDK/palimpsest_macros.h"
};
static const uint8_t runtime_header[] = {
#embed "SDK/runtime.h"
};
static const uint8_t rounding[] = {
#embed "SDK/rounding.h"
};
static const uint8_t linker_script[] = {
#embed "SDK/guest.ld"
};
static const uint8_t start[] = {
#embed "SDK/start.c"
};
static const uint8_t host[] = {
#embed "SDK/host.c"
};
static const uint8_t memory[] = {
#embed "SDK/memory.c"
};
static const uint8_t allocator[] = {
#embed "SDK/allocator.c"
};
static const uint8_t random_numbers[] = {
#embed "SDK/random.c"
};
static const uint8_t math[] = {
#embed "SDK/math.c"
};
static const uint8_t numbers_in_text[] = {
#embed "SDK/strtod.c"
};
static const uint8_t compiler_support[] = {
#embed "SDK/compiler.c"
};
static const uint8_t dispatch[] = {
#embed "SDK/dispatch.S"
};
static const uint8_t unwind[] = {
#embed "SDK/unwind.S"
};
static const uint8_t module_map[] = {
#embed "SDK/Swift/module.modulemap"
};
static const uint8_t swift_overlay[] = {
#embed "SDK/Swift/PalimpsestGuest.swift"
};
static const uint8_t swift_arities[] = {
#embed "SDK/Swift/Arities.swift"
};

static const uint8_t greeter_c[] = {
#embed "../Example/Guests/greeter-c/greeter.c"
};
static const uint8_t greeter_swift[] = {
#embed "../Example/Guests/greeter-swift/main.swift"
};
static const uint8_t sha256[] = {
#embed "../Example/Guests/sha256/sha256.c"
};

#define FILE_ENTRY(path, array) {path, array, sizeof array}

const struct pal_embedded_file *pal_sdk_files(size_t *count) {
    static const struct pal_embedded_file files[] = {
        FILE_ENTRY("palimpsest_abi.h", abi_header),
        FILE_ENTRY("palimpsest_chacha20.h", chacha20_header),
        FILE_ENTRY("palimpsest.h", header),
        FILE_ENTRY("palimpsest_macros.h", macros),
        FILE_ENTRY("runtime.h", runtime_header),
        FILE_ENTRY("rounding.h", rounding),
        FILE_ENTRY("guest.ld", linker_script),
        FILE_ENTRY("start.c", start),
        FILE_ENTRY("host.c", host),
        FILE_ENTRY("memory.c", memory),
        FILE_ENTRY("allocator.c", allocator),
        FILE_ENTRY("random.c", random_numbers),
        FILE_ENTRY("math.c", math),
        FILE_ENTRY("strtod.c", numbers_in_text),
        FILE_ENTRY("compiler.c", compiler_support),
        FILE_ENTRY("dispatch.S", dispatch),
        FILE_ENTRY("unwind.S", unwind),
        FILE_ENTRY("Swift/module.modulemap", module_map),
        FILE_ENTRY("Swift/PalimpsestGuest.swift", swift_overlay),
        FILE_ENTRY("Swift/Arities.swift", swift_arities),
    };
    *count = sizeof files / sizeof files[0];
    return files;
}

const struct pal_embedded_file *pal_example_files(size_t *count) {
    static const struct pal_embedded_file files[] = {
        FILE_ENTRY("greeter-c/greeter.c", greeter_c),
        FILE_ENTRY("greeter-swift/main.swift", greeter_swift),
        FILE_ENTRY("sha256/sha256.c", sha256),
    };
    *count = sizeof files / sizeof files[0];
    return files;
}
