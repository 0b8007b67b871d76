// The trusted code that the engine maps into every guest, assembled in trusted.S.
#ifndef PALIMPSEST_CODE_H
#define PALIMPSEST_CODE_H

#include <stddef.h>
#include <stdint.h>

// Entry code: position-independent, at most one page, mapped at PAL_ENTRY_ADDRESS.
extern const uint8_t pal_entry_code[];
extern const uint8_t pal_entry_code_end[];
extern const uint8_t pal_batch_entry[];
extern const uint8_t pal_resident_entry[];
extern const uint8_t pal_entry_reset[];
extern const uint8_t pal_entry_reset_end[];
extern const uint8_t pal_key_probe[];

// Exception stubs for vectors 0 to 31, PAL_STUB_BYTES each.
#define PAL_STUB_BYTES 16
#define PAL_VECTOR_COUNT 32
extern const uint8_t pal_exception_stubs[];
extern const uint8_t pal_exception_stubs_end[];

static inline const uint8_t *_Nonnull pal_entry_code_start(void) { return pal_entry_code; }
static inline size_t pal_entry_code_size(void) { return (size_t)(pal_entry_code_end - pal_entry_code); }
/// Where a batch enters, in bytes from the start of the entry code.
static inline size_t pal_batch_entry_offset(void) { return (size_t)(pal_batch_entry - pal_entry_code); }
/// Where a vCPU that is to stay for resident calls enters, in bytes from the start of the entry code.
static inline size_t pal_resident_entry_offset(void) { return (size_t)(pal_resident_entry - pal_entry_code); }
/// The part of the entry code that puts registers back, before a guest's own code has a turn: from, in bytes from the
/// start of the entry code, and to.
static inline size_t pal_entry_reset_offset(void) { return (size_t)(pal_entry_reset - pal_entry_code); }
static inline size_t pal_entry_reset_end_offset(void) { return (size_t)(pal_entry_reset_end - pal_entry_code); }
/// Code that tries to write PKRU: where it begins, in bytes from the start of the entry code.
static inline size_t pal_key_probe_offset(void) { return (size_t)(pal_key_probe - pal_entry_code); }
static inline const uint8_t *_Nonnull pal_exception_stubs_start(void) { return pal_exception_stubs; }
static inline size_t pal_exception_stubs_size(void) {
    return (size_t)(pal_exception_stubs_end - pal_exception_stubs);
}

#endif
