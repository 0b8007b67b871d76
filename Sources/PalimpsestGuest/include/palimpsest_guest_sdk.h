// The guest SDK and the example guests, as the host's binaries carry them.
#ifndef PALIMPSEST_GUEST_SDK_H
#define PALIMPSEST_GUEST_SDK_H

#include <stddef.h>
#include <stdint.h>

struct pal_embedded_file {
    const char *_Nonnull path;
    const uint8_t *_Nonnull bytes;
    size_t count;
};

/// Headers, runtime sources, linker script and Swift overlay; paths are relative to the SDK's folder.
const struct pal_embedded_file *_Nonnull pal_sdk_files(size_t *_Nonnull count);

/// The example guests; paths are `guest/source`.
const struct pal_embedded_file *_Nonnull pal_example_files(size_t *_Nonnull count);

#endif
