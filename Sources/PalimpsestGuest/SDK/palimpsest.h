// The Palimpsest guest SDK: the one header a guest in C includes.
//
//     #include "palimpsest.h"
//
//     PALIMPSEST_EXPORT(string, sayHello, string);
//
//     pal_string sayHello(pal_string name) { ... }
#ifndef PALIMPSEST_H
#define PALIMPSEST_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "palimpsest_abi.h"
#include "palimpsest_macros.h"

// MARK: Types

typedef _Bool pal_bool;
typedef int8_t pal_int8;
typedef uint8_t pal_uint8;
typedef int16_t pal_int16;
typedef uint16_t pal_uint16;
typedef int32_t pal_int32;
typedef uint32_t pal_uint32;
typedef int64_t pal_int64;
typedef uint64_t pal_uint64;
typedef float pal_float;
typedef double pal_double;

/// UTF-8 text, not terminated by a zero. Arguments lie in the mailbox and are good until the function returns;
/// the result of a host function until the next host call. A result's memory must outlive the return.
typedef struct {
    const char *data;
    size_t count;
} pal_string;

/// Bytes; lifetimes as for pal_string.
typedef struct {
    const uint8_t *data;
    size_t count;
} pal_bytes;

/// A string literal as a pal_string.
#define PAL_STRING(literal) ((pal_string){(literal), sizeof(literal) - 1})

/// A zero-terminated string as a pal_string.
pal_string pal_string_from(const char *text);

// MARK: Exports and imports

/// Declares `result name(arguments...)` and exports it to the host. Types, for results and up to 12 arguments:
/// void (result only), bool, int8 to int64, uint8 to uint64, float, double, string, bytes.
#define PALIMPSEST_EXPORT(result, name, ...)                                                                    \
    PAL_C_##result name(PAL_PARAMETER_TYPES(__VA_ARGS__));                                                      \
    __attribute__((section("palimpsest_exports"), used, retain, aligned(8)))                                    \
    static const struct pal_export pal_export_##name = {                                                        \
        {(uint64_t)#name, sizeof(#name) - 1},                                                                   \
        {(uint64_t)(PAL_CODES(result, __VA_ARGS__)), sizeof(PAL_CODES(result, __VA_ARGS__)) - 1},               \
        (uint64_t)name,                                                                                         \
        0}

/// Defines `name(arguments...)`, which calls the host function of that name. If the host function fails, or there is
/// none like it, the whole guest call ends there, and the host gets the error; to handle it instead, use
/// pal_call_host.
#define PALIMPSEST_IMPORT(result, name, ...)                                                                    \
    [[maybe_unused]] static inline PAL_C_##result name(PAL_PARAMETERS(__VA_ARGS__)) {                           \
        struct pal_span arguments[] = {PAL_ARGUMENTS(__VA_ARGS__) __VA_OPT__(, ) {0, 0}};                       \
        struct pal_span value = pal_call_host_or_leave(                                                         \
            PAL_STRING(#name), PAL_STRING(PAL_CODES(result, __VA_ARGS__)), arguments);                          \
        return PAL_FROM_SPAN_##result(value);                                                                   \
    }

/// Calls a host function: `signature` is the characters of the result's and the arguments' types
/// (palimpsest_abi.h). Returns PAL_HOST_OK, or why it failed, with the message as a string in `result`.
uint32_t pal_call_host(pal_string name, pal_string signature, const struct pal_span *arguments,
                       struct pal_span *result);

/// As pal_call_host; if it fails, ends the guest call with the host's error.
struct pal_span pal_call_host_or_leave(pal_string name, pal_string signature, const struct pal_span *arguments);

/// Registers a function by hand; for languages that cannot use PALIMPSEST_EXPORT. Only while initialising.
/// `context` is in pal_mailbox.call.context during calls. False if there are too many.
pal_bool pal_register_export(pal_string name, pal_string signature, uint64_t function, uint64_t context);

// For Swift guests: what an export that is a closure is registered with.
void pal_swift_dispatch(void);
static inline uint64_t pal_swift_dispatch_address(void) { return (uint64_t)pal_swift_dispatch; }

// MARK: Failing

/// Marks the running call as failed. The function still has to return; its result is not used.
/// The message must stay where it is until then.
void pal_fail(pal_string message, uint32_t code);

/// Ends the running call as failed, from any depth. What it held is not released.
[[noreturn]] void pal_raise(pal_string message, uint32_t code);

/// Ends the running call because a host function failed: the caller gets that function's error.
[[noreturn]] void pal_leave_with_host_error(void);

/// Gives up: the call ends in a fault with this message, and the sandbox takes no more calls.
[[noreturn]] void pal_abort(pal_string message);
[[noreturn]] void abort(void);

// MARK: Log

/// Sends a line to the host's log. Level: PAL_LOG_TRACE to PAL_LOG_CRITICAL. At most PAL_MAX_MESSAGE_BYTES.
void pal_log(uint32_t level, pal_string text);

/// Print to the log, a line at a time, with level info. What a call has printed of a line when it ends is logged then.
int putchar(int character);
int puts(const char *text);

// MARK: Memory

/// The heap. Null when it is used up. Blocks are aligned to 16 bytes.
void *malloc(size_t count);
void *calloc(size_t count, size_t size);
void *realloc(void *block, size_t count);
void free(void *block);
void *aligned_alloc(size_t alignment, size_t count);
int posix_memalign(void **block, size_t alignment, size_t count);

void *memcpy(void *restrict to, const void *restrict from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);
int memcmp(const void *left, const void *right, size_t count);
size_t strlen(const char *text);
int strcmp(const char *left, const char *right);

// MARK: Randomness

/// Unpredictable bytes. Two sandboxes never draw the same ones, nor does one after a restore.
void pal_random_bytes(void *bytes, size_t count);
uint64_t pal_random(void);

// MARK: The mailbox

static inline struct pal_mailbox *pal_mailbox(void) {
    return (struct pal_mailbox *)PAL_MAILBOX_ADDRESS;
}

static inline const struct pal_constants *pal_constants(void) {
    return (const struct pal_constants *)PAL_CONSTANTS_ADDRESS;
}

#endif  // PALIMPSEST_H
