// A guest whose functions fault where their callers, names and lines are known: see FaultReportTests.
#include "palimpsest.h"

#define OWN __attribute__((noinline))
// Keeps a call from being the last thing its function does.
#define STAY __asm__ volatile("" ::: "memory")

const pal_uint64 fixed_table[4] = {1, 2, 3, 4};
static pal_uint64 written;

OWN static void store(volatile pal_uint64 *target, pal_uint64 value) {
    *target = value;  // line: store
}

OWN static pal_uint64 parse_header(pal_uint64 address, pal_uint64 depth) {
    written = depth;
    store((volatile pal_uint64 *)address, depth);  // line: parse_header
    STAY;
    return written + 1;
}

PALIMPSEST_EXPORT(uint64, handle, uint64);
pal_uint64 handle(pal_uint64 address) {
    pal_uint64 result = parse_header(address, 7);  // line: handle
    STAY;
    return result + written;
}

PALIMPSEST_EXPORT(uint64, tableAddress);
pal_uint64 tableAddress(void) { return (pal_uint64)&fixed_table[1]; }

PALIMPSEST_EXPORT(void, callNull);
void callNull(void) {
    void (*volatile nothing)(void) = 0;
    nothing();  // line: callNull
    STAY;
}

OWN static void give_up(void) {
    pal_abort(PAL_STRING("enough\n\x1b[31m"));  // line: give_up
}

PALIMPSEST_EXPORT(void, giveUp);
void giveUp(void) {
    give_up();  // line: giveUp
    STAY;
}

// MARK: Frames that are half made

// Stops at its first instruction: with TF set, the debug exception comes behind the instruction after `popfq`.
PALIMPSEST_EXPORT(void, stepInto);
void stepInto(void) {
    // line: stepInto
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; call stepped" ::: "memory");
    STAY;
}

OWN __attribute__((used)) void stepped(void) { written++; }

// Stops between its `push` and its `mov`.
__asm__(
    ".pushsection .text.half_made, \"ax\", @progbits\n"
    ".type half_made, @function\n"
    "half_made: pushq %rdi; popfq; pushq %rbp; movq %rsp, %rbp; popq %rbp; ret\n"
    ".size half_made, . - half_made\n"
    ".popsection\n");
void half_made(pal_uint64 flags);

PALIMPSEST_EXPORT(void, stepHalf);
void stepHalf(void) {
    half_made(0x102);  // line: stepHalf
    STAY;
}

// MARK: Symbols that say little

// Faults behind a label that has no size, in a function that has one.
PALIMPSEST_EXPORT(void, labelInside);
OWN void labelInside(void) {
    __asm__ volatile(
        ".type inner_label, @function\n"
        "inner_label: nop; nop; movl $1, 0\n" ::: "memory");
}

// A function that was given no size, and one that was not even given a type. Each has a section of its own; the first has
// a compiler's label in it, and something of a size before it that ends there.
__asm__(
    ".pushsection .text.unsized, \"ax\", @progbits\n"
    ".type sized, @function\n"
    "sized: ret\n"
    ".size sized, . - sized\n"
    ".type unsized, @function\n"
    "unsized: nop\n"
    ".L_unsized_loop: nop; movl $1, 0; ret\n"
    ".popsection\n"
    ".pushsection .text.untyped, \"ax\", @progbits\n"
    "untyped: nop; movl $1, 0; ret\n"
    ".popsection\n");
void unsized(void), untyped(void);

PALIMPSEST_EXPORT(void, callUnsized, bool);
void callUnsized(pal_bool isTyped) {
    if (isTyped) unsized(); else untyped();  // line: callUnsized
    STAY;
}

// MARK: Stacks

#pragma clang diagnostic ignored "-Winfinite-recursion"
OWN static pal_uint64 recurse(pal_uint64 depth) {
    volatile pal_uint64 block[64];
    block[depth % 64] = depth;
    return recurse(depth + 1) + block[(depth + 1) % 64];  // line: recurse
}

PALIMPSEST_EXPORT(uint64, overflow);
pal_uint64 overflow(void) { return recurse(1) + 1; }

// Faults with `frame` in RBP and two words at `frame`, if it is memory: a chain of frames that lies.
PALIMPSEST_EXPORT(void, lie, uint64, uint64, uint64);
OWN void lie(pal_uint64 frame, pal_uint64 next, pal_uint64 caller) {
    volatile pal_uint64 *words = (volatile pal_uint64 *)frame;
    if (next) {
        words[0] = next;
        words[1] = caller;
    }
    __asm__ volatile("movq %0, %%rbp; ud2" ::"r"(frame));
}

// A ring of frames, or as long a chain as the stack has room for.
PALIMPSEST_EXPORT(void, chain, uint64, bool);
OWN void chain(pal_uint64 count, pal_bool isRing) {
    volatile pal_uint64 *words = __builtin_alloca(count * 16);
    for (pal_uint64 index = 0; index < count; index++) {
        words[index * 2] = (pal_uint64)&words[index + 1 < count ? index * 2 + 2 : isRing ? 0 : index * 2];
        words[index * 2 + 1] = (pal_uint64)&giveUp + 5;
    }
    __asm__ volatile("movq %0, %%rbp; ud2" ::"r"(words));
}

PALIMPSEST_EXPORT(uint64, stackAddress);
pal_uint64 stackAddress(void) { return (pal_uint64)__builtin_frame_address(0); }

// An endless loop, for a look at it from outside.
OWN static void turn(void) {
    for (;;) __asm__ volatile("");  // line: turn
}

PALIMPSEST_EXPORT(void, spin);
void spin(void) {
    turn();
    STAY;
}

// MARK: Registers

// Faults with values in vector registers: SSE's, and AVX's and AVX-512's where `features`, an XCR0, has them.
PALIMPSEST_EXPORT(void, fillVectors, uint64);
OWN void fillVectors(pal_uint64 features) {
    __asm__ volatile(
        "movabsq $0x1111111111111111, %%rax; movq %%rax, %%xmm1; punpcklqdq %%xmm1, %%xmm1\n"
        "movabsq $0x1515151515151515, %%r15\n"
        "testb $4, %b0; jz 1f\n"
        "movabsq $0x2222222222222222, %%rax; vmovq %%rax, %%xmm2; vpunpcklqdq %%xmm2, %%xmm2, %%xmm2\n"
        "vinsertf128 $1, %%xmm2, %%ymm2, %%ymm2\n"
        "testb $0x80, %b0; jz 1f\n"
        "movabsq $0x3333333333333333, %%rax; vpbroadcastq %%rax, %%zmm3\n"
        "movabsq $0x3e3e3e3e3e3e3e3e, %%rax; vpbroadcastq %%rax, %%zmm31\n"
        "movl $91, %%eax; kmovw %%eax, %%k1\n"
        "1: ud2" ::"r"(features)
        : "rax", "r15", "memory");
}
