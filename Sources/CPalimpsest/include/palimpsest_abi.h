// The binary interface between the host engine and a guest: version 1.
//
// One source of truth: the engine imports this header into Swift, the guest SDK compiles it into every
// guest, and the trusted entry code (assembly) includes it too. Anything here that changes meaning needs a
// new PAL_ABI_VERSION.
//
// Guest-virtual map (all of it user memory; everything else is not mapped, or supervisor only):
//
//     0x0000_0000_0000  never mapped (the first 64 KiB: null pointers fault)
//     0x0000_0001_0000  the image, where its ELF says, up to PAL_IMAGE_END
//     0x0000_4000_0000  entry page: trusted code, read-only, executable
//     0x0000_4000_1000  constants page: read-only, written by the host (struct pal_constants)
//     0x0000_4001_0000  mailbox (struct pal_mailbox, then its data area), read-write
//     0x0000_5000_0000  stack, growing down from here; guard pages below and above
//     0x0001_0000_0000  heap
//
// A call (host -> guest): the host fills `pal_mailbox.call` and enters the entry page; the entry code loads
// the registers as the System V AMD64 ABI (section 3.2.3) has them, calls the function, stores the result
// and does `out PAL_PORT_RETURN`.
//
// A host call (guest -> host): the guest fills `pal_mailbox.host_call` and does `out PAL_PORT_HOST_CALL`.
// When the `out` is done, status and result are in `pal_mailbox.host_call`.
#ifndef PALIMPSEST_ABI_H
#define PALIMPSEST_ABI_H

#define PAL_ABI_VERSION 1

// Fixed guest-virtual addresses.
#define PAL_IMAGE_START 0x10000
#define PAL_IMAGE_END 0x40000000
#define PAL_ENTRY_ADDRESS 0x40000000
#define PAL_CONSTANTS_ADDRESS 0x40001000
#define PAL_MAILBOX_ADDRESS 0x40010000
#define PAL_STACK_TOP 0x50000000
#define PAL_HEAP_ADDRESS 0x100000000

// Ports a guest may write one byte to (`out %al, $port`); the value of %al means nothing. Any other port
// raises #GP in the guest.
#define PAL_PORT_RETURN 0x10     // the call is done
#define PAL_PORT_HOST_CALL 0x11  // struct pal_host_call is filled in
#define PAL_PORT_READY 0x12      // initialisation is done, struct pal_ready is filled in
#define PAL_PORT_LOG 0x13        // struct pal_message is filled in
#define PAL_PORT_ABORT 0x14      // the guest gives up, struct pal_message says why; never returns
#define PAL_PORT_FIRST 0x10
#define PAL_PORT_LAST 0x14

// What an exception stub writes to: PAL_PORT_EXCEPTION + vector. Only ring 0 can.
#define PAL_PORT_EXCEPTION 0x40

// Limits, checked by the host.
#define PAL_MAX_ARGUMENTS 12
#define PAL_MAX_EXPORTS 1024
#define PAL_MAX_NAME_BYTES 255
#define PAL_MAX_STACK_WORDS 24
#define PAL_MAX_MESSAGE_BYTES 4096

// The ELF note a guest states its ABI version with: owner "Palimpsest", descriptor one 32-bit version.
#define PAL_NOTE_OWNER "Palimpsest"
#define PAL_NOTE_ABI_VERSION 1

// RFLAGS as every call begins with them: bit 1 is always one; interrupts off, IOPL 0, so that the I/O permission bitmap
// decides about ports.
#define PAL_INITIAL_FLAGS 2

// pal_constants.features: instructions the entry code may use. In R8 as well when the host enters it.
#define PAL_ENTRY_HAS_BASES 1   // rdfsbase, wrfsbase and their like
#define PAL_ENTRY_HAS_XINUSE 2  // xgetbv with ECX = 1
#define PAL_ENTRY_HAS_KEYS 4    // rdpkru, wrpkru
#define PAL_ENTRY_HAS_FLAGS 8   // in R8 only: the host has loaded RFLAGS, with the trap flag on if it is stepping

// pal_batch_call.flags
#define PAL_BATCH_COPY_RESULT 1  // the result is a span: its bytes are copied aside

// Value types, one character each. A signature is the result's type followed by the arguments': "lll" takes
// two Int64 and returns one.
#define PAL_TYPE_VOID 'v'    // as a result only
#define PAL_TYPE_BOOL 'b'
#define PAL_TYPE_INT8 'c'
#define PAL_TYPE_UINT8 'C'
#define PAL_TYPE_INT16 's'
#define PAL_TYPE_UINT16 'S'
#define PAL_TYPE_INT32 'i'
#define PAL_TYPE_UINT32 'I'
#define PAL_TYPE_INT64 'l'   // Swift's Int, too
#define PAL_TYPE_UINT64 'L'  // Swift's UInt, too
#define PAL_TYPE_FLOAT 'f'
#define PAL_TYPE_DOUBLE 'd'
#define PAL_TYPE_STRING 't'  // UTF-8, as a struct of pointer and length
#define PAL_TYPE_BYTES 'y'   // bytes, as a struct of pointer and length

// pal_call.status when a call comes back.
#define PAL_CALL_OK 0
#define PAL_CALL_ERROR 1       // the guest function failed; `error` says how
#define PAL_CALL_HOST_ERROR 2  // a host function failed and the guest did not handle it

// pal_host_call.status when a host call comes back; `result` then carries the message (pointer, length).
#define PAL_HOST_OK 0
#define PAL_HOST_THREW 1               // the host function threw
#define PAL_HOST_NOT_FOUND 2           // nothing of that name is registered
#define PAL_HOST_SIGNATURE_MISMATCH 3  // registered with another signature
#define PAL_HOST_RESULT_TOO_LARGE 4    // the result does not fit the mailbox

// Log levels, in the order of swift-log's.
#define PAL_LOG_TRACE 0
#define PAL_LOG_DEBUG 1
#define PAL_LOG_INFO 2
#define PAL_LOG_NOTICE 3
#define PAL_LOG_WARNING 4
#define PAL_LOG_ERROR 5
#define PAL_LOG_CRITICAL 6

// Byte offsets the entry code uses; checked against the structures below.
#define PAL_OFFSET_FUNCTION 0
#define PAL_OFFSET_CONTEXT 8
#define PAL_OFFSET_INTEGERS 16
#define PAL_OFFSET_FLOATS 64
#define PAL_OFFSET_STACK_COUNT 128
#define PAL_OFFSET_STACK 136
#define PAL_OFFSET_RESULT 328
#define PAL_OFFSET_STATUS 352
#define PAL_OFFSET_ERROR 360
#define PAL_OFFSET_REPLY 704
#define PAL_OFFSET_REPLY_STATUS 728
#define PAL_OFFSET_REPLY_ERROR 736
#define PAL_OFFSET_REPLY_SEQUENCE 752
#define PAL_OFFSET_BATCH_NEXT 768
#define PAL_OFFSET_BATCH_END 776
#define PAL_OFFSET_BATCH_SPACE 784
#define PAL_OFFSET_BATCH_SPACE_END 792
#define PAL_OFFSET_BATCH_FLAGS 376
#define PAL_BATCH_CALL_BYTES 384
#define PAL_MAILBOX_DATA_OFFSET 1024
#define PAL_OFFSET_INITIAL_FLAGS 768
#define PAL_OFFSET_FEATURES 776
#define PAL_OFFSET_DOORBELL 704
#define PAL_OFFSET_AWAITED 712

#ifndef __ASSEMBLER__

#include <stdint.h>

// A range of guest memory: a string's UTF-8, or bytes. Passed and returned by value in two integer registers.
struct pal_span {
    uint64_t address;
    uint64_t count;
};

// Written by the host before every call; the result and the status by the guest.
struct pal_call {
    uint64_t function;      // address of the function to call
    uint64_t context;       // what the export was registered with
    uint64_t integers[6];   // rdi, rsi, rdx, rcx, r8, r9
    uint64_t floats[8];     // low halves of xmm0 to xmm7
    uint64_t stack_count;   // eightbytes passed on the stack, at most PAL_MAX_STACK_WORDS
    uint64_t stack[PAL_MAX_STACK_WORDS];
    uint64_t result[2];     // rax, rdx
    uint64_t float_result;  // low half of xmm0
    uint32_t status;        // PAL_CALL_...; the host sets PAL_CALL_OK before the call
    uint32_t error_code;    // the guest's own number for the error
    struct pal_span error;  // the error's message
};

// An argument or result of a host call: a span, or one integer, double (its bits) or float (its bits) in `address`.
struct pal_host_call {
    struct pal_span name;       // UTF-8, at most PAL_MAX_NAME_BYTES
    struct pal_span signature;  // result type, then argument types
    struct pal_span arguments[PAL_MAX_ARGUMENTS];
    struct pal_span result;
    uint32_t status;            // PAL_HOST_...
    uint32_t reserved;
};

// An exported function. The table is read once, at PAL_PORT_READY.
struct pal_export {
    struct pal_span name;       // UTF-8, 1 to PAL_MAX_NAME_BYTES bytes
    struct pal_span signature;  // result type, then argument types
    uint64_t function;          // its address
    uint64_t context;           // handed back in pal_call.context
};

struct pal_ready {
    struct pal_span exports;  // address of the first struct pal_export; count of them
};

struct pal_message {
    struct pal_span text;  // UTF-8; the host reads at most PAL_MAX_MESSAGE_BYTES
    uint32_t level;        // PAL_LOG_...
    uint32_t reserved;
};

// How a resident call comes back, all of it in one cache line. Written by the entry code, `sequence` last.
struct pal_reply {
    uint64_t result[2];
    uint64_t float_result;
    uint32_t status;
    uint32_t error_code;
    struct pal_span error;
    uint64_t sequence;      // the doorbell's, as the call began
    uint64_t reserved;
};

// One call of a batch, in the mailbox's data area: as in pal_mailbox.call.
struct pal_batch_call {
    struct pal_call call;
    uint64_t flags;         // PAL_BATCH_...
};

// A batch: calls that are made one after another in one entry. `next` is the one being made; once it has come back well
// and its result lies where the next call cannot change it, the entry code moves on.
struct pal_batch {
    uint64_t next;          // address of a struct pal_batch_call
    uint64_t end;           // one past the last
    uint64_t space;         // where the next result may be copied to
    uint64_t space_end;
};

// The mailbox. String and byte arguments of a call lie in the data area; the result of a host call follows
// them and is good until the next host call.
struct pal_mailbox {
    struct pal_call call;
    struct pal_host_call host_call;
    struct pal_ready ready;
    struct pal_message message;
    struct pal_span printed;    // a line that is not complete yet: the host logs it when the call ends, and empties it
    uint64_t padding[3];
    struct pal_reply reply;     // resident calls only
    struct pal_batch batch;     // batches only
};

// The constants page.
struct pal_constants {
    uint8_t xsave_init[576];  // XSAVE image that resets FPU, SSE and AVX state (XSTATE_BV = 0); 64-byte aligned
    uint64_t abi_version;
    uint64_t generation;      // changes with every restore of the sandbox and every copy of it
    uint64_t entropy[8];      // fresh with every generation
    uint64_t heap_address;
    uint64_t heap_size;       // bytes
    uint64_t stack_size;      // bytes
    uint64_t mailbox_size;    // bytes, the header included
    uint64_t padding[2];
    // Resident calls: written by the host in the middle of the guest's life. A cache line of their own.
    uint64_t doorbell;        // the number of the call to be made; another one rings
    uint64_t awaited;         // the number of the call whose caller sleeps: its reply is to be an exit
    uint64_t more_padding[6];
    // For the entry code. A cache line that nobody writes.
    uint64_t initial_flags;   // RFLAGS every call begins with
    uint64_t features;        // PAL_ENTRY_HAS_...
};

#ifndef __cplusplus
_Static_assert(__builtin_offsetof(struct pal_call, function) == PAL_OFFSET_FUNCTION, "entry code");
_Static_assert(__builtin_offsetof(struct pal_call, context) == PAL_OFFSET_CONTEXT, "entry code");
_Static_assert(__builtin_offsetof(struct pal_call, integers) == PAL_OFFSET_INTEGERS, "entry code");
_Static_assert(__builtin_offsetof(struct pal_call, floats) == PAL_OFFSET_FLOATS, "entry code");
_Static_assert(__builtin_offsetof(struct pal_call, stack_count) == PAL_OFFSET_STACK_COUNT, "entry code");
_Static_assert(__builtin_offsetof(struct pal_call, stack) == PAL_OFFSET_STACK, "entry code");
_Static_assert(__builtin_offsetof(struct pal_call, result) == PAL_OFFSET_RESULT, "entry code");
_Static_assert(__builtin_offsetof(struct pal_call, status) == PAL_OFFSET_STATUS, "entry code");
_Static_assert(__builtin_offsetof(struct pal_call, error) == PAL_OFFSET_ERROR, "entry code");
_Static_assert(__builtin_offsetof(struct pal_mailbox, reply) == PAL_OFFSET_REPLY, "entry code");
_Static_assert(PAL_OFFSET_REPLY % 64 == 0 && sizeof(struct pal_reply) == 64, "one cache line");
_Static_assert(__builtin_offsetof(struct pal_mailbox, reply.status) == PAL_OFFSET_REPLY_STATUS, "entry code");
_Static_assert(__builtin_offsetof(struct pal_mailbox, reply.error) == PAL_OFFSET_REPLY_ERROR, "entry code");
_Static_assert(__builtin_offsetof(struct pal_mailbox, reply.sequence) == PAL_OFFSET_REPLY_SEQUENCE, "entry code");
_Static_assert(__builtin_offsetof(struct pal_mailbox, batch.next) == PAL_OFFSET_BATCH_NEXT, "entry code");
_Static_assert(__builtin_offsetof(struct pal_mailbox, batch.end) == PAL_OFFSET_BATCH_END, "entry code");
_Static_assert(__builtin_offsetof(struct pal_mailbox, batch.space) == PAL_OFFSET_BATCH_SPACE, "entry code");
_Static_assert(__builtin_offsetof(struct pal_mailbox, batch.space_end) == PAL_OFFSET_BATCH_SPACE_END, "entry code");
_Static_assert(__builtin_offsetof(struct pal_batch_call, flags) == PAL_OFFSET_BATCH_FLAGS, "entry code");
_Static_assert(sizeof(struct pal_batch_call) == PAL_BATCH_CALL_BYTES, "entry code");
_Static_assert(sizeof(struct pal_mailbox) <= PAL_MAILBOX_DATA_OFFSET, "mailbox header");
_Static_assert(__builtin_offsetof(struct pal_constants, initial_flags) == PAL_OFFSET_INITIAL_FLAGS, "entry code");
_Static_assert(__builtin_offsetof(struct pal_constants, features) == PAL_OFFSET_FEATURES, "entry code");
_Static_assert(__builtin_offsetof(struct pal_constants, doorbell) == PAL_OFFSET_DOORBELL, "entry code");
_Static_assert(__builtin_offsetof(struct pal_constants, awaited) == PAL_OFFSET_AWAITED, "entry code");
_Static_assert(sizeof(struct pal_constants) <= 4096, "constants page");
#endif

#endif  // __ASSEMBLER__
#endif  // PALIMPSEST_ABI_H
