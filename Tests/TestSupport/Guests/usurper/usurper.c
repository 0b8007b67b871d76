// A guest that has been taken over: it answers resident calls itself, and goes on running.
#include "palimpsest.h"

#define PORT_OF(port) __asm__ volatile("outb %%al, %0" : : "i"(port) : "memory")

static uint64_t awaited(void) { return *(const volatile uint64_t *)(PAL_CONSTANTS_ADDRESS + PAL_OFFSET_AWAITED); }
static uint64_t doorbell(void) { return *(const volatile uint64_t *)(PAL_CONSTANTS_ADDRESS + PAL_OFFSET_DOORBELL); }

// A caller that has gone to sleep, before it could see the answer, is woken by any exit: by a log line without text.
static void wake(uint64_t sequence) {
    if (awaited() != sequence) return;
    pal_mailbox()->message = (struct pal_message){{0, 0}, PAL_LOG_TRACE, 0};
    PORT_OF(PAL_PORT_LOG);
}

// Answers the call with number `sequence`, as the entry code would.
static void reply(uint64_t sequence, uint64_t first, uint64_t second) {
    volatile struct pal_reply *reply = &pal_mailbox()->reply;
    reply->result[0] = first;
    reply->result[1] = second;
    reply->float_result = 0;
    reply->status = PAL_CALL_OK;
    __atomic_store_n(&pal_mailbox()->reply.sequence, sequence, __ATOMIC_SEQ_CST);
}

// Writable data of the image.
__attribute__((aligned(4096))) static uint8_t data[4 * 4096] = {1};
static uint8_t zeros[4 * 4096];

PALIMPSEST_EXPORT(uint64, dataAddress);
pal_uint64 dataAddress(void) { return (uint64_t)data; }

PALIMPSEST_EXPORT(uint64, echo, uint64);
pal_uint64 echo(pal_uint64 value) { return value; }
PALIMPSEST_EXPORT(string, echoText, string);
pal_string echoText(pal_string value) { return value; }

// What a guest does once it has answered: 0 spins, 1 writes all over its memory for ever, 2 faults, 3 reads a port,
// 4 calls a host function for ever, 5 writes to the return port, 6 gives up, 7 touches guard pages, 8 rings itself in
// (jumps to the entry code with a number that is not the doorbell's), 9 reads a port into memory, 10 waits as the entry
// code does, with a stack, flags and registers of its own.
enum { SPIN, WRITE, FAULT, READ_PORT, CALL_HOST, RETURN, ABORT, OVERRUN, RING, READ_PORTS, POSE };
PALIMPSEST_IMPORT(void, tick);

[[noreturn]] static void go_on(uint32_t how, uint64_t entry) {
    switch (how) {
        case WRITE:
            for (uint64_t value = 0;; value++) {
                for (size_t index = 0; index < sizeof data; index += 8) {
                    *(volatile uint64_t *)(data + index) = value;
                    *(volatile uint64_t *)(zeros + index) = value;
                    *(volatile uint64_t *)(PAL_MAILBOX_ADDRESS + PAL_MAILBOX_DATA_OFFSET + index % 8192) = value;
                }
            }
        case FAULT: __asm__ volatile("ud2"); break;
        case READ_PORT: __asm__ volatile("1: movl $-1, %%eax; inb %0, %%al; jmp 1b" : : "i"(PAL_PORT_LOG) : "eax"); break;
        case CALL_HOST:
            for (;;) tick();
        case RETURN:
            for (;;) PORT_OF(PAL_PORT_RETURN);
        case ABORT: pal_abort(PAL_STRING("taken over"));
        case OVERRUN: *(volatile uint8_t *)(PAL_STACK_TOP + 8) = 1; break;
        case RING: __asm__ volatile("movl $-7, %%edi; jmp *%0" : : "a"(entry + 2) : "edi"); break;
        case READ_PORTS:
            __asm__ volatile("rep insb" : : "D"(data), "c"(4096ul), "d"(PAL_PORT_LOG) : "memory");
            break;
        case POSE:
            __asm__ volatile(
                "pushfq; orq $0x40400, (%%rsp); popfq; pcmpeqd %%xmm9, %%xmm9; movq $-1, %%r12; movq $-1, %%rbp\n"
                "movq $0x12345000, %%rax; wrgsbase %%rax; leaq data+4096(%%rip), %%rsp\n"
                "1: pause; movq %c0, %%rax; movq %%rax, data+8(%%rip); jmp 1b" : : "i"(PAL_CONSTANTS_ADDRESS + PAL_OFFSET_DOORBELL)
                : "memory");
            break;
        default: break;
    }
    for (;;) __asm__ volatile("pause");
}

PALIMPSEST_EXPORT(uint64, replyAndGoOn, uint64, uint32, uint64);
pal_uint64 replyAndGoOn(pal_uint64 value, pal_uint32 how, pal_uint64 entry) {
    reply(doorbell(), value, 0);
    wake(doorbell());
    go_on(how, entry);
}

// Does the same without an answer.
PALIMPSEST_EXPORT(uint64, goOn, uint32, uint64);
pal_uint64 goOn(pal_uint32 how, pal_uint64 entry) { go_on(how, entry); }

// Answers this call and all that come, each with a number of its own choice, and writes to memory in between.
PALIMPSEST_EXPORT(uint64, serve, uint64);
pal_uint64 serve(pal_uint64 value) {
    for (uint64_t last = 0;;) {
        uint64_t now = doorbell();
        for (size_t index = 0; index < sizeof data; index += 512) *(volatile uint64_t *)(data + index) = value;
        wake(last);
        if (now == last) continue;
        reply(last = now, value++, 0);
    }
}

// Answers with text, and goes on changing where it lies, how long it is, and what it says.
PALIMPSEST_EXPORT(string, flicker, uint64);
pal_string flicker(pal_uint64 seed) {
    static const char *const bytes[] = {"\xf0\x9f\x99\x82", "abcdefgh", "\xff\xff\xff\xff", "\xe2\x82\xac\xe2\x82\xac"};
    static char text[8192];
    volatile struct pal_reply *answer = &pal_mailbox()->reply;
    memset(text, 'x', sizeof text);
    reply(doorbell(), (uint64_t)text, sizeof text);
    for (uint64_t round = seed;; round++) {
        const char *piece = bytes[round % 4];
        for (size_t index = 0; index < sizeof text; index++) ((volatile char *)text)[index] = piece[index % 4];
        answer->result[0] = round % 3 ? (uint64_t)text : round % 2 ? ~0ull : 8;
        answer->result[1] = round % 5 ? sizeof text : ~0ull - 100;
        answer->status = (uint32_t)(round % 4);
        answer->error.address = round % 3 ? (uint64_t)text : 0xffff800000001000;
        answer->error.count = round % 7 ? 100 : ~0ull;
        // The next call as well.
        __atomic_store_n(&pal_mailbox()->reply.sequence, doorbell(), __ATOMIC_SEQ_CST);
        wake(doorbell());
    }
}

// Answers with these numbers, whatever they say, and never returns.
PALIMPSEST_EXPORT(string, replyWith, uint64, uint64, uint32, uint64, uint64);
pal_string replyWith(pal_uint64 first, pal_uint64 second, pal_uint32 status, pal_uint64 error, pal_uint64 count) {
    volatile struct pal_reply *answer = &pal_mailbox()->reply;
    answer->result[0] = first;
    answer->result[1] = second;
    answer->status = status;
    answer->error.address = error;
    answer->error.count = count;
    __atomic_store_n(&pal_mailbox()->reply.sequence, doorbell(), __ATOMIC_SEQ_CST);
    for (;;) wake(doorbell());
}

// Answers calls that are not this one: none of these numbers is to be taken for its answer.
PALIMPSEST_EXPORT(uint64, replyToOthers, uint64);
pal_uint64 replyToOthers(pal_uint64 value) {
    uint64_t now = doorbell();
    for (uint64_t round = 0; round < 2000; round++) {
        reply(now + 1 + round % 7, ~0ull, 0);
        reply(now - 1 - round % 7, ~0ull, 0);
    }
    return value;
}

// Jumps `offset` bytes into the entry page, with every register set to something.
PALIMPSEST_EXPORT(void, enterAt, uint64);
void enterAt(pal_uint64 offset) {
    __asm__ volatile(
        "movq $-1, %%rbx; movq %%rbx, %%rcx; movq %%rbx, %%rdx; movq %%rbx, %%rsi; movq %%rbx, %%rdi\n"
        "movq %%rbx, %%rbp; movq %%rbx, %%r8; movq %%rbx, %%r9; movq %%rbx, %%r10; movq %%rbx, %%r11\n"
        "movq %%rbx, %%r12; movq %%rbx, %%r13; movq %%rbx, %%r14; movq %%rbx, %%r15\n"
        "jmp *%%rax" : : "a"(PAL_ENTRY_ADDRESS + offset) : "memory");
    __builtin_unreachable();
}

// The same, with pointers that the entry code expects.
PALIMPSEST_EXPORT(void, enterPreparedAt, uint64, uint64);
void enterPreparedAt(pal_uint64 offset, pal_uint64 sequence) {
    __asm__ volatile("jmp *%%rax"
                     : : "a"(PAL_ENTRY_ADDRESS + offset), "S"(PAL_CONSTANTS_ADDRESS), "b"(PAL_MAILBOX_ADDRESS),
                     "D"(sequence) : "memory");
    __builtin_unreachable();
}

// Comes back, by returning, with these flags set and registers that a function must not change changed.
PALIMPSEST_EXPORT(void, returnWithFlags, uint64);
__attribute__((naked)) void returnWithFlags(pal_uint64 flags) {
    __asm__ volatile(
        "movq $-1, %rbx; movq %rbx, %rbp; movq %rbx, %r12; movq %rbx, %r13; movq %rbx, %r14; movq %rbx, %r15\n"
        "movw $0x23, %ax; movw %ax, %ds; movw %ax, %es; movw %ax, %fs; movw %ax, %gs\n"
        "movq $0x12345000, %rax; wrfsbase %rax; wrgsbase %rax\n"
        "fldpi; fld1; pushq $0x3f80; ldmxcsr (%rsp); popq %rax; pcmpeqd %xmm11, %xmm11\n"
        "movq (%rsp), %rcx; pushfq; orq %rdi, (%rsp); popfq; leaq 8(%rsp), %rsp; movq $0, %rsp; jmp *%rcx");
}

// Random bytes all over the mailbox's header and the data behind it, then a return.
PALIMPSEST_EXPORT(uint64, scribbleMailbox, uint64, uint64);
pal_uint64 scribbleMailbox(pal_uint64 seed, pal_uint64 count) {
    uint64_t state = seed | 1;
    for (uint64_t round = 0; round < count; round++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((volatile uint64_t *)PAL_MAILBOX_ADDRESS)[state % 256] = state & 1 ? state : state % 0x40020000;
    }
    return seed;
}

// MARK: Batches

PALIMPSEST_EXPORT(uint64, moveBatch, uint64, uint64, uint64, uint64);
pal_uint64 moveBatch(pal_uint64 next, pal_uint64 end, pal_uint64 space, pal_uint64 space_end) {
    volatile struct pal_batch *batch = &pal_mailbox()->batch;
    if (next) batch->next = next;
    if (end) batch->end = end;
    if (space) batch->space = space;
    if (space_end) batch->space_end = space_end;
    return 1;
}
PALIMPSEST_EXPORT(string, moveBatchText, uint64, uint64, uint64, uint64);
pal_string moveBatchText(pal_uint64 next, pal_uint64 end, pal_uint64 space, pal_uint64 space_end) {
    moveBatch(next, end, space, space_end);
    return PAL_STRING("text");
}
// Moves the batch on or back, and goes on like that; or, if `how` is none of these things, comes back.
PALIMPSEST_EXPORT(uint64, moveBatchAndGoOn, uint64, uint32);
pal_uint64 moveBatchAndGoOn(pal_uint64 next, pal_uint32 how) {
    if (next) pal_mailbox()->batch.next = next;
    if (how <= POSE) go_on(how, 0);
    return 1;
}
// Overwrites one word of the mailbox's data area, and fails if it is told to.
PALIMPSEST_EXPORT(uint64, overwriteAndFail, uint64, uint64, bool);
pal_uint64 overwriteAndFail(pal_uint64 offset, pal_uint64 value, pal_bool isFailing) {
    *(volatile uint64_t *)(PAL_MAILBOX_ADDRESS + PAL_MAILBOX_DATA_OFFSET + offset) = value;
    if (isFailing) pal_fail(PAL_STRING("overwritten"), 3);
    return 1;
}
// Overwrites the records of the batch, this one's, those before and those behind.
PALIMPSEST_EXPORT(string, fillRecords, uint64, uint64);
pal_string fillRecords(pal_uint64 count, pal_uint64 value) {
    volatile uint64_t *words = (volatile uint64_t *)(PAL_MAILBOX_ADDRESS + PAL_MAILBOX_DATA_OFFSET);
    for (uint64_t index = 0; index < count; index++) words[index] = value;
    return PAL_STRING("text");
}

// MARK: What a call finds

// General registers, flags, bases, segments, and all of the state that XSAVE knows.
PALIMPSEST_EXPORT(bytes, state);
__attribute__((used, aligned(64))) static struct {
    uint8_t extended[4096];
    uint64_t registers[17];
    uint64_t fs, gs, segments;
} found;
__attribute__((naked)) pal_bytes state(void) {
    __asm__ volatile(
        "movq %rax, found+4096; movq %rbx, found+4104; movq %rcx, found+4112; movq %rdx, found+4120\n"
        "movq %rsi, found+4128; movq %rdi, found+4136; movq %rbp, found+4144; movq %rsp, found+4152\n"
        "movq %r8, found+4160; movq %r9, found+4168; movq %r10, found+4176; movq %r11, found+4184\n"
        "movq %r12, found+4192; movq %r13, found+4200; movq %r14, found+4208; movq %r15, found+4216\n"
        "pushfq; popq found+4224\n"
        "rdfsbase %rax; movq %rax, found+4232; rdgsbase %rax; movq %rax, found+4240\n"
        "xorl %eax, %eax; movw %ds, %ax; shlq $16, %rax; movw %es, %ax; shlq $16, %rax; movw %fs, %ax\n"
        "shlq $16, %rax; movw %gs, %ax; movq %rax, found+4248\n"
        "movl $-1, %eax; movl $-1, %edx; xsave found\n"
        "movq $0, found+512\n"  // which parts were in use: not part of the state
        "leaq found, %rax; movl $4256, %edx; ret");
}
