// A guest that does anything to its memory and its registers, as a seed says, and ends in every way there is.
#include "palimpsest.h"

PALIMPSEST_IMPORT(int64, add, int64, int64);

// Writable data of the image, none of it zero, and zero-filled memory, both larger than a cluster of copies.
#define PAGES 96
static uint8_t data[PAGES * 4096] = {1};
static uint8_t zeros[PAGES * 4096];
static void *blocks[64];

static uint64_t random_state;
static uint64_t next(void) {  // xorshift64
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

// Any width, any alignment, across pages, into the last byte.
static void write_into(uint8_t *base, uint64_t count) {
    static const uint64_t widths[] = {1, 2, 4, 8, 16, 48, 4096, 9000};
    uint64_t width = widths[next() % 8];
    if (width > count) width = count;
    uint8_t *target = base + next() % (count - width + 1);
    switch (width) {
        case 2: *(volatile uint16_t *)target = (uint16_t)next(); break;
        case 4: *(volatile uint32_t *)target = (uint32_t)next(); break;
        case 8: *(volatile uint64_t *)target = next(); break;
        case 16: {
            uint64_t value = next();
            __asm__ volatile("movq %1, %%xmm3; punpcklqdq %%xmm3, %%xmm3; movups %%xmm3, (%0)" ::"r"(target), "r"(value)
                             : "xmm3", "memory");
            break;
        }
        default: memset(target, (int)next(), width);
    }
}

__attribute__((noinline)) static void use_stack(uint64_t depth) {
    volatile uint8_t frame[3000];
    for (uint64_t index = 0; index < sizeof frame; index += 64) frame[index] = (uint8_t)next();
    if (depth > 0) use_stack(depth - 1);
    frame[0] ^= 1;
}

static void allocate(void) {
    void **block = &blocks[next() % 64];
    if (*block) {
        free(*block);
        *block = 0;
    } else if ((*block = malloc(16 + next() % 9000))) {
        memset(*block, (int)next(), 16);
    }
}

// XCR0: the state that the system has switched on.
static uint32_t enabled_components(void) {
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

// AVX-512: opmask, ZMM_Hi256, Hi16_ZMM.
static pal_bool has_avx512(void) { return (enabled_components() & 0xe0) == 0xe0; }

// Registers that C compiled for any x86-64 never touches: what is left there stays there until the call ends.
static void litter_avx512(uint64_t value) {
    if (!has_avx512()) return;
    __asm__ volatile(
        ".irp n, 16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n vpbroadcastq %0, %%zmm\\n\n .endr\n"
        ".irp n, 0,1,2,3,4,5,6,7\n kmovw %k0, %%k\\n\n .endr\n"
        "vpbroadcastq %0, %%zmm2; vpbroadcastq %0, %%zmm13" ::"r"(value)
        : "xmm2", "xmm13");
}

// Any selector of 65,536 that can be loaded. VERR (Intel SDM vol. 2) says of a descriptor whether it can; what tables
// there are begins below 128.
static uint16_t selector(void) {
    for (int tries = 0; tries < 64; tries++) {
        uint16_t candidate = (uint16_t)(next() & 1 ? next() % 128 : next());
        uint8_t is_readable;
        __asm__ volatile("verr %w1; setz %0" : "=r"(is_readable) : "r"(candidate) : "cc");
        if (is_readable) return candidate;
    }
    return next() & 3;
}

// Leaves its mark in every register a function may change, and some it may not.
static void litter(void) {
    static const uint16_t control_words[] = {0x0c7f, 0x037f, 0x027f};
    uint16_t control_word = control_words[next() % 3];
    uint32_t mxcsr = next() & 1 ? 0x1f80 : 0xff80;
    uint64_t value = next() & 0x7ffffffff000;
    // Selectors set the bases, which are therefore written afterwards.
    __asm__ volatile("movw %w0, %%ds; movw %w1, %%es; movw %w2, %%fs; movw %w3, %%gs" ::"r"(selector()),
                     "r"(selector()), "r"(selector()), "r"(selector()));
    __asm__ volatile(
        "fldcw %0; ldmxcsr %1; fld1; fldpi\n"
        "pcmpeqd %%xmm0, %%xmm0; pcmpeqd %%xmm8, %%xmm8; pcmpeqd %%xmm15, %%xmm15\n"
        "wrfsbase %2; wrgsbase %2"
        :
        : "m"(control_word), "m"(mxcsr), "r"(value)
        : "xmm0", "xmm8", "xmm15", "memory");
    if (next() % 4 == 0) {
        __asm__ volatile("vpcmpeqd %%ymm1, %%ymm1, %%ymm1; vpcmpeqd %%ymm14, %%ymm14, %%ymm14" ::: "xmm1", "xmm14");
    }
    if (next() % 2 == 0) litter_avx512(next());
    // Clean enough for C to go on; the next call must not see any of it.
    __asm__ volatile("fninit; ldmxcsr %0" ::"m"((uint32_t){0x1f80}));
}

// Whether code in ring 3 can change the protection keys: the kernel that this processor runs has them switched on (CPUID
// leaf 7: OSPKE).
static pal_bool has_keys(void) {
    uint32_t eax = 7, ebx, ecx = 0, edx;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return ecx >> 4 & 1;
}

// Leaves its mark in everything a call can change, and ends at once: 1 with an exception, 2 in the middle of a port
// read, 3 never, else by returning.
PALIMPSEST_EXPORT(void, spoil, uint32);
void spoil(pal_uint32 ending) {
    litter_avx512(~0ull);
    if (has_avx512()) __asm__ volatile("vpternlogd $0xff, %%zmm15, %%zmm15, %%zmm15" ::: "xmm15");
    __asm__ volatile("vpcmpeqd %%ymm14, %%ymm14, %%ymm14" ::: "xmm14");
    if ((enabled_components() & 0x60000) == 0x60000) {  // AMX: ldtilecfg (%rax); tilezero %tmm0
        static uint8_t configuration[64] __attribute__((aligned(64))) = {1, [16] = 64, [48] = 16};
        __asm__ volatile(".byte 0xc4,0xe2,0x78,0x49,0x00; .byte 0xc4,0xe2,0x7b,0x49,0xc0" ::"a"(configuration));
    }
    if (has_keys()) __asm__ volatile("wrpkru" ::"a"(0x55555554), "c"(0), "d"(0));  // Of pages nobody has.
    random_state |= 1;
    uint16_t segment = selector();
    __asm__ volatile("movw %w0, %%ds; movw %w0, %%es; movw %w0, %%fs; movw %w0, %%gs" ::"r"(segment));
    __asm__ volatile(
        "pcmpeqd %%xmm0, %%xmm0; pcmpeqd %%xmm7, %%xmm7; pcmpeqd %%xmm8, %%xmm8\n"
        "fninit; pushq $0x37b; fldcw (%%rsp); fldz; fld1; fdiv %%st(1), %%st\n"  // An exception yet to be reported.
        "pushq $0xe03f; ldmxcsr (%%rsp)\n"
        "movq $0x12345000, %%rax; wrfsbase %%rax; wrgsbase %%rax\n"
        "movq $-1, %%rbx; movq %%rbx, %%rax; movq %%rbx, %%rcx; movq %%rbx, %%rdx; movq %%rbx, %%rsi\n"
        "movq %%rbx, %%rbp; movq %%rbx, %%r8; movq %%rbx, %%r9; movq %%rbx, %%r10; movq %%rbx, %%r11\n"
        "movq %%rbx, %%r12; movq %%rbx, %%r13; movq %%rbx, %%r14; movq %%rbx, %%r15\n"
        // ID, AC, NT, and all that arithmetic and strings go by.
        "pushfq; orq $0x244cd5, (%%rsp)\n"
        "cmpl $1, %%edi; je 1f; cmpl $2, %%edi; je 2f; cmpl $3, %%edi; je 3f\n"
        "popfq; outb %%al, %1\n"
        "1: popfq; ud2\n"
        "2: popfq; inb %2, %%al; ud2\n"
        "3: popfq; 4: pause; jmp 4b" ::"D"(ending), "i"(PAL_PORT_RETURN), "i"(PAL_PORT_LOG) : "memory");
    __builtin_unreachable();
}

PALIMPSEST_EXPORT(void, run, uint64, uint32, uint32, uint64, uint64);
void run(pal_uint64 seed, pal_uint32 steps, pal_uint32 ending, pal_uint64 file, pal_uint64 file_size) {
    random_state = seed | 1;
    for (uint32_t step = 0; step < steps; step++) {
        switch (next() % 9) {
            case 0:
            case 1: write_into(data, sizeof data); break;
            case 2: write_into(zeros, sizeof zeros); break;
            case 3: use_stack(next() % 12); break;
            case 4: allocate(); break;
            case 5: litter(); break;
            case 6:
                if (add(1, 2) != 3) pal_fail(PAL_STRING("wrong sum"), 1);
                break;
            case 7:  // The mailbox beyond its header.
                write_into((uint8_t *)PAL_MAILBOX_ADDRESS + 1024, pal_constants()->mailbox_size - 1024);
                break;
            case 8:
                if (file) write_into((uint8_t *)file, file_size);
                break;
        }
    }
    switch (ending) {
        case 1: *(volatile uint8_t *)8 = 1; break;
        case 2: __asm__ volatile("ud2"); break;
        case 3:
            if (next() & 1) spoil(3);
            for (;;) next();
        case 4: use_stack(~0ull); break;
        case 5: pal_abort(PAL_STRING("on purpose")); break;
        case 6: pal_fail(PAL_STRING("on purpose"), 7); break;
        case 7: __asm__ volatile("inb $0x60, %%al" ::: "al"); break;
        case 8: __asm__ volatile("fldcw %0; ldmxcsr %1; pushfq; orq $0x40400, (%%rsp); popfq; outb %%al, %2" ::"m"(
                    (uint16_t){0x0c7f}), "m"((uint32_t){0xff80}), "i"(PAL_PORT_RETURN)); break;
        case 9:
        case 10:
        case 11: spoil(ending - 9); break;
        default: break;
    }
}

// What the guest itself reads, through its own translations: FNV-1a over words.
PALIMPSEST_EXPORT(uint64, checksum, uint64, uint64);
pal_uint64 checksum(pal_uint64 address, pal_uint64 count) {
    uint64_t hash = 0xcbf29ce484222325;
    for (uint64_t offset = 0; offset < count; offset += 8) {
        hash = (hash ^ *(volatile uint64_t *)(address + offset)) * 0x100000001b3;
    }
    return hash;
}

// What a call finds before its own code has changed anything: general registers, flags, bases, segments, and all of
// the state that XSAVE knows.
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

// The same after `litter_avx512` in the same call: what `state` shows if nothing resets it.
PALIMPSEST_EXPORT(bytes, litteredState);
__attribute__((used)) static void litter_ones(void) { litter_avx512(~0ull); }
__attribute__((naked)) pal_bytes litteredState(void) {
    __asm__ volatile("subq $8, %rsp; call litter_ones; addq $8, %rsp; jmp state");
}

// A mark in every word of a range.
PALIMPSEST_EXPORT(void, brand, uint64, uint64);
void brand(pal_uint64 address, pal_uint64 count) {
    for (uint64_t offset = 0; offset < count; offset += 8) {
        *(volatile uint64_t *)(address + offset) = 0xb4a9d000b4a9d000;
    }
}
