// Life of a guest up to its first call: initialisers run, exports are collected, the host is told.
#include "runtime.h"

// The ABI version this guest was built for: the host reads it before a single instruction runs.
__attribute__((section(".note.palimpsest"), used, retain, aligned(4))) static const struct {
    uint32_t owner_count, descriptor_count, type;
    char owner[12];
    uint32_t version;
} abi_note = {sizeof PAL_NOTE_OWNER, 4, PAL_NOTE_ABI_VERSION, PAL_NOTE_OWNER, PAL_ABI_VERSION};

extern const struct pal_export pal_exports_start[], pal_exports_end[];
extern void (*const pal_init_array_start[])(void), (*const pal_init_array_end[])(void);

// A guest in Swift registers its exports in its top-level code; one in C needs no main.
__attribute__((weak)) int main(int count, char **arguments);

static struct pal_export exports[PAL_MAX_EXPORTS];
static uint64_t export_count;

pal_bool pal_register_export(pal_string name, pal_string signature, uint64_t function, uint64_t context) {
    if (export_count == PAL_MAX_EXPORTS) return 0;
    exports[export_count++] = (struct pal_export){
        {(uint64_t)name.data, name.count}, {(uint64_t)signature.data, signature.count}, function, context};
    return 1;
}

// Called as a function by the trusted entry code, on a fresh stack.
void _start(void) {
    for (const struct pal_export *each = pal_exports_start; each < pal_exports_end; each++) {
        if (export_count < PAL_MAX_EXPORTS) exports[export_count++] = *each;
    }
    for (void (*const *each)(void) = pal_init_array_start; each < pal_init_array_end; each++) (*each)();
    if (main) {
        static char *no_arguments[] = {0};
        main(0, no_arguments);
    }
    volatile struct pal_mailbox *mailbox = pal_mailbox();
    mailbox->ready.exports.address = (uint64_t)exports;
    mailbox->ready.exports.count = export_count;
    PAL_OUT(PAL_PORT_READY);
    __builtin_trap();
}
