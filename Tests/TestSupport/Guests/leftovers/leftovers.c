// A guest that changes what of the processor ring 3 can change, a thing at a time, ends in every way, and looks at what
// a call begins with.
#include "palimpsest.h"

// What is to be done, in the low byte of the first argument: `Leftover` in the tests has the same numbers.
enum {
    look = 0,
    general_registers,
    status_flags,
    direction_flag,
    alignment_check,
    other_flags,
    trap_flag,
    data_segment,
    extra_segment,
    fs_segment,
    gs_segment,
    stack_segment,
    code_segment,
    fs_base,
    gs_base,
    x87_registers,
    x87_pointers,
    x87_pending,
    sse_control,
    sse_registers,
    avx_registers,
    avx512_registers,
    amx_tiles,
    protection_keys,
    armed_monitor,
    everything,
};

// Instructions there are, in the second byte.
enum { has_xinuse = 1, has_keys = 2, has_rdpid = 4, has_avx = 8, has_monitorx = 16 };

static uint64_t enabled_components(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static void load_selectors(uint32_t what, uint16_t selector) {
    // A selector that cannot be loaded is a fault, where VERR (Intel SDM vol. 2) does not say so beforehand.
    uint8_t is_readable;
    __asm__ volatile("verr %w1; setz %0" : "=r"(is_readable) : "r"(selector) : "cc");
    if (!is_readable && selector > 3) return;
    if (what == data_segment || what == everything) __asm__ volatile("movw %w0, %%ds" ::"r"(selector));
    if (what == extra_segment || what == everything) __asm__ volatile("movw %w0, %%es" ::"r"(selector));
    if (what == fs_segment || what == everything) __asm__ volatile("movw %w0, %%fs" ::"r"(selector));
    if (what == gs_segment || what == everything) __asm__ volatile("movw %w0, %%gs" ::"r"(selector));
}

static void load_stack_segment(uint16_t selector) {
    uint8_t is_writable;
    __asm__ volatile("verw %w1; setz %0" : "=r"(is_writable) : "r"(selector) : "cc");
    if (is_writable && (selector & 3) == 3) __asm__ volatile("movw %w0, %%ss" ::"r"(selector));
}

static double operand = 1.5;

// With the addresses of an instruction and an operand, and an opcode, in its registers.
static void use_x87(uint32_t what) {
    if (what == x87_registers || what == everything) {
        __asm__ volatile("fninit; fldcw %0; fld1; fldpi; fldz; fdecstp" ::"m"((uint16_t){0x0c7f}));
    }
    if (what == x87_pointers || what == everything) __asm__ volatile("fldl %0; faddl %0; fstpl %0" : "+m"(operand));
    if (what == x87_pending || what == everything) {
        __asm__ volatile("fninit; fldcw %0; fldz; fld1; fdiv %%st(1), %%st" ::"m"((uint16_t){0x37b}));
    }
}

static void use_vectors(uint32_t what, uint32_t has) {
    if (what == sse_registers || what == everything) {
        __asm__ volatile(".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n pcmpeqd %%xmm\\n, %%xmm\\n\n .endr" ::: "xmm0");
    }
    if ((what == avx_registers || what == everything) && has & has_avx && (enabled_components() & 6) == 6) {
        __asm__ volatile("vpcmpeqd %%xmm1, %%xmm1, %%xmm1; vinsertf128 $1, %%xmm1, %%ymm1, %%ymm1\n"
                         "vmovaps %%ymm1, %%ymm9; vmovaps %%ymm1, %%ymm15" ::: "xmm1");
    }
    if ((what == avx512_registers || what == everything) && (enabled_components() & 0xe0) == 0xe0) {
        __asm__ volatile("vpternlogd $0xff, %%zmm2, %%zmm2, %%zmm2; vpternlogd $0xff, %%zmm17, %%zmm17, %%zmm17\n"
                         "vpternlogd $0xff, %%zmm31, %%zmm31, %%zmm31; kmovw %0, %%k1; kmovw %0, %%k7" ::"r"(~0) : "xmm2");
    }
    if ((what == amx_tiles || what == everything) && (enabled_components() & 0x60000) == 0x60000) {
        static uint8_t configuration[64] __attribute__((aligned(64))) = {1, [16] = 64, [48] = 16};
        // ldtilecfg (%rax); tilezero %tmm0
        __asm__ volatile(".byte 0xc4,0xe2,0x78,0x49,0x00; .byte 0xc4,0xe2,0x7b,0x49,0xc0" ::"a"(configuration));
    }
    if (what == sse_control || what == everything) __asm__ volatile("ldmxcsr %0" ::"m"((uint32_t){0xe03f}));
}

// All but general registers, flags, CS and protection keys, which are to be the last. Returns flags to set.
__attribute__((used)) static uint64_t change(uint32_t request, uint64_t value) {
    uint32_t what = request & 0xff, has = request >> 8;
    use_x87(what);
    use_vectors(what, has);
    load_selectors(what, (uint16_t)value);
    if (what == stack_segment) load_stack_segment((uint16_t)value);
    // Behind the selectors, which change the bases.
    if (what == fs_base || what == everything) __asm__ volatile("wrfsbase %0" ::"r"(value & 0x7fffffffffff));
    if (what == gs_base || what == everything) __asm__ volatile("wrgsbase %0" ::"r"(value & 0x7fffffffffff));
    if (what == armed_monitor && has & has_monitorx) {
        __asm__ volatile(".byte 0x0f,0x01,0xfa" ::"a"(&operand), "c"(0), "d"(0));  // monitorx
    }
    switch (what) {
        case status_flags: return 0x8d5;
        case direction_flag: return 0x400;
        case alignment_check: return 0x40000;
        case other_flags: return 0x214000;  // ID, RF, NT
        case trap_flag: return 0x100;
        case everything: return 0x2448d5;
        default: return 0;
    }
}

__attribute__((used, aligned(64))) static struct {
    uint8_t extended[12288];
    uint64_t registers[17];
    uint64_t bases[2], selectors[6];
    uint64_t components, in_use, keys, processor[2];
} found;
_Static_assert(sizeof found == 12528, "the tests know where what is");

// request: what, and the instructions there are. value: for selectors, bases, keys.
// ending: 0 writes to the return port, 1 ud2, 2 never, 3 in the middle of a port read, 4 returns.
PALIMPSEST_EXPORT(bytes, act, uint32, uint64, uint32);
__attribute__((naked)) pal_bytes act(pal_uint32 request, pal_uint64 value, pal_uint32 ending) {
    __asm__ volatile(
        "testb %dil, %dil; jz 20f\n"
        "pushq %rdx; pushq %rdi; pushq %rsi; call change; popq %rsi; popq %rdi; popq %rdx\n"
        "orq $2, %rax; movl %edx, %ecx\n"
        "cmpb $23, %dil; je 30f\n"
        "pushq %rax\n"
        "cmpb $12, %dil; je 40f\n"
        "movq $-1, %rbx; movq %rbx, %rsi; movq %rbx, %rdi; movq %rbx, %rbp; movq %rbx, %r8; movq %rbx, %r9\n"
        "movq %rbx, %r10; movq %rbx, %r11; movq %rbx, %r12; movq %rbx, %r13; movq %rbx, %r14; movq %rbx, %r15\n"
        "xorl %eax, %eax; xorl %edx, %edx\n"
        "cmpl $1, %ecx; je 1f; cmpl $2, %ecx; je 2f; cmpl $3, %ecx; je 3f; cmpl $4, %ecx; je 4f\n"
        "movq %rbx, %rcx; popfq; outb %al, $0x10\n"
        "1: movq %rbx, %rcx; popfq; ud2\n"
        "2: movq %rbx, %rcx; popfq; 5: pause; jmp 5b\n"
        "3: movq %rbx, %rcx; popfq; inb $0x13, %al; ud2\n"
        "4: movq %rbx, %rcx; popfq; ret\n"

        // Protection keys: no memory behind the instruction.
        "30: movl %edx, %ebx; movl %esi, %eax; xorl %ecx, %ecx; xorl %edx, %edx; wrpkru\n"
        "cmpl $1, %ebx; je 1f; cmpl $2, %ebx; je 5b; cmpl $4, %ebx; je 4f\n"
        "outb %al, $0x10\n"
        "1: ud2\n"
        "4: xorl %eax, %eax; ret\n"

        // Another code segment, of 32-bit code where there is one: what follows reads the same in both.
        "40: popq %rax; subq $16, %rsp; movl %esi, 4(%rsp); movl $41f, (%rsp); ljmpl *(%rsp)\n"
        "41: cmpl $1, %ecx; je 1f; cmpl $2, %ecx; je 2f; cmpl $3, %ecx; je 3f\n"
        "outb %al, $0x10\n"
        "1: ud2\n"
        "2: pause; jmp 2b\n"
        "3: inb $0x13, %al; ud2\n"

        "20: movq %rax, found+12288; movq %rbx, found+12296; movq %rcx, found+12304; movq %rdx, found+12312\n"
        "movq %rsi, found+12320; movq %rdi, found+12328; movq %rbp, found+12336; movq %rsp, found+12344\n"
        "movq %r8, found+12352; movq %r9, found+12360; movq %r10, found+12368; movq %r11, found+12376\n"
        "movq %r12, found+12384; movq %r13, found+12392; movq %r14, found+12400; movq %r15, found+12408\n"
        "pushfq; popq found+12416\n"
        "movl %edi, %esi\n"
        "testl $0x100, %esi; jz 21f; movl $1, %ecx; xgetbv; movq %rax, found+12496\n"
        "21: rdfsbase %rax; movq %rax, found+12424; rdgsbase %rax; movq %rax, found+12432\n"
        "xorl %eax, %eax; movl %ds, %eax; movq %rax, found+12440; movl %es, %eax; movq %rax, found+12448\n"
        "movl %fs, %eax; movq %rax, found+12456; movl %gs, %eax; movq %rax, found+12464\n"
        "movl %cs, %eax; movq %rax, found+12472; movl %ss, %eax; movq %rax, found+12480\n"
        "xorl %ecx, %ecx; xgetbv; movl %eax, %eax; movq %rax, found+12488\n"
        "testl $0x200, %esi; jz 22f; xorl %ecx, %ecx; rdpkru; movl %eax, %eax; movq %rax, found+12504\n"
        "22: rdtscp; movl %ecx, %ecx; movq %rcx, found+12512\n"
        "testl $0x400, %esi; jz 23f; rdpid %rax; movq %rax, found+12520\n"
        "23: movl $-1, %eax; movl $-1, %edx; xsave found\n"
        "movq $0, found+512\n"  // which parts were in use, once more: by itself it is in `in_use`
        "leaq found, %rax; movl $12528, %edx; ret");
}

// For what is to come back whatever happened in between.
PALIMPSEST_EXPORT(int64, add, int64, int64);
pal_int64 add(pal_int64 left, pal_int64 right) { return left + right; }

static pal_int64 visits;
PALIMPSEST_EXPORT(int64, visit);
pal_int64 visit(void) { return ++visits; }

// Jumps into the entry code's reset with single steps on: a fault of the guest's making where no guest can fault.
PALIMPSEST_EXPORT(void, pretend, uint64);
void pretend(pal_uint64 address) {
    __asm__ volatile("xorl %%r8d, %%r8d; pushq $0x102; popfq; jmp *%0" ::"r"(address) : "r8", "memory");
}

// What tells a guest where the processor's tables are: 0 sgdt, 1 sidt, 2 sldt, 3 str, 4 smsw.
PALIMPSEST_EXPORT(uint64, table, uint32);
pal_uint64 table(pal_uint32 which) {
    uint8_t place[16] = {0};
    uint64_t value = 0;
    switch (which) {
        case 0: __asm__ volatile("sgdt %0" : "=m"(place)); break;
        case 1: __asm__ volatile("sidt %0" : "=m"(place)); break;
        case 2: __asm__ volatile("sldt %w0" : "=r"(value)); break;
        case 3: __asm__ volatile("str %w0" : "=r"(value)); break;
        default: __asm__ volatile("smsw %w0" : "=r"(value)); break;
    }
    return value + *(uint64_t *)(place + 2);
}

// Counters of the processor's: 0 rdpmc, 1 rdpru.
PALIMPSEST_EXPORT(void, counter, uint32);
void counter(pal_uint32 which) {
    if (which == 0) __asm__ volatile("rdpmc" ::"c"(0) : "rax", "rdx");
    if (which == 1) __asm__ volatile(".byte 0x0f,0x01,0xfd" ::"c"(0) : "rax", "rdx");
}

// Reads memory that a protection key denies, if the processor has them.
PALIMPSEST_EXPORT(void, readDenied);
void readDenied(void) {
    __asm__ volatile("wrpkru; movq (%3), %%rax" ::"a"(1), "c"(0), "d"(0), "r"(&visits) : "memory");
}
