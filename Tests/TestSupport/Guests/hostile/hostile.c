// A guest that attacks: each export is one attack.
#include "palimpsest.h"

#define ATTACK(name, ...)          \
    PALIMPSEST_EXPORT(void, name); \
    void name(void) { __VA_ARGS__ }

#define INSTRUCTION(name, text) ATTACK(name, __asm__ volatile(text);)

// MARK: Exceptions

PALIMPSEST_EXPORT(int32, divide, int32, int32);
pal_int32 divide(pal_int32 dividend, pal_int32 divisor) {
    pal_int32 quotient;
    __asm__ volatile("cltd; idivl %2" : "=a"(quotient) : "a"(dividend), "r"(divisor) : "edx");
    return quotient;
}

INSTRUCTION(invalidOpcode, "ud2")
INSTRUCTION(jumpToZero, "xorl %eax, %eax; jmp *%rax")
INSTRUCTION(halt, "hlt")
INSTRUCTION(disableInterrupts, "cli")
INSTRUCTION(systemCall, "syscall")
INSTRUCTION(breakpoint, "int3")
INSTRUCTION(interrupt80, "int $0x80")
INSTRUCTION(doubleFault, "int $8")
INSTRUCTION(writeModelRegister, "xorl %ecx, %ecx; wrmsr")
INSTRUCTION(loadControlRegister, "xorl %eax, %eax; movq %rax, %cr3")
INSTRUCTION(loadDescriptorTable, "lidt (%rsp)")
INSTRUCTION(singleStep, "pushfq; orq $0x100, (%rsp); popfq; nop; nop")
INSTRUCTION(nonCanonical, "movabsq $0x8000000000000000, %rax; movq (%rax), %rax")
INSTRUCTION(badStack, "movabsq $0x8000000000000000, %rsp; pushq %rax")
INSTRUCTION(stackInSupervisor, "movabsq $0xffff800000005000, %rsp; pushq %rax")
INSTRUCTION(badSegment, "movl $0x08, %eax; movl %eax, %ds")
INSTRUCTION(returnToRing0, "pushq $0x10; pushq %rsp; pushq $0x2; pushq $0x08; pushq $0x1000; iretq")
INSTRUCTION(unmaskedFloat, "pushq $0; ldmxcsr (%rsp); xorps %xmm0, %xmm0; divss %xmm0, %xmm0")

// MARK: Instructions that hypervisors get wrong

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
#define RETURN_PORT "$" TEXT(PAL_PORT_RETURN)
#define LOAD_RETURN_PORT "movl " RETURN_PORT ", %edx; "
// Pops what `iretq` takes: this very stack and the code below, with `flags`; the call then ends.
#define RETURN_TO_RING3(flags)                                                                                 \
    "movq %rsp, %rax; pushq $0x1b; pushq %rax; pushq $" flags "; pushq $0x23; leaq 1f(%rip), %rax; pushq %rax; " \
    "iretq; 1: outb %al, " RETURN_PORT

INSTRUCTION(debugTrap, ".byte 0xf1")
INSTRUCTION(hypercallIntel, "movl $1, %eax; vmcall")
INSTRUCTION(hypercallAMD, "movl $1, %eax; vmmcall")
INSTRUCTION(hypercallPVM, "movl $0x17088200, %eax; syscall")
INSTRUCTION(systemEnter, "sysenter")
// Loading SS holds off interrupts and debug exceptions until the next instruction is done.
INSTRUCTION(shadowedOut, "movw %ss, %ax; movw %ax, %ss; outb %al, " RETURN_PORT)
INSTRUCTION(shadowedBreakpoint, "pushfq; orq $0x100, (%rsp); movw %ss, %ax; popfq; movw %ax, %ss; int3")
INSTRUCTION(readOpenPort, "inb " RETURN_PORT ", %al")
INSTRUCTION(readOpenPortToStack, LOAD_RETURN_PORT "movq %rsp, %rdi; subq $64, %rdi; movl $8, %ecx; rep insb")
INSTRUCTION(readOpenPortToConstants,
            LOAD_RETURN_PORT "movl $" TEXT(PAL_CONSTANTS_ADDRESS) ", %edi; movl $8, %ecx; rep insb")
INSTRUCTION(writeOpenPortFromMailbox,
            LOAD_RETURN_PORT "movl $" TEXT(PAL_MAILBOX_ADDRESS) ", %esi; movl $4096, %ecx; rep outsb")
INSTRUCTION(farReturnTo32Bits, "pushq $0x1b; pushq $0x1000; lretq")
INSTRUCTION(farReturnToTaskState, "pushq $0x28; pushq $0x1000; lretq")
INSTRUCTION(raiseIOPL, RETURN_TO_RING3("0x3002"))
INSTRUCTION(returnTrapping, RETURN_TO_RING3("0x10102"))
INSTRUCTION(returnNested, "pushfq; orq $0x4000, (%rsp); popfq; iretq")
INSTRUCTION(readExtendedControl, "xorl %ecx, %ecx; xgetbv; movl $1, %ecx; xgetbv")
INSTRUCTION(writeExtendedControl, "xorl %ecx, %ecx; xorl %edx, %edx; movl $1, %eax; xsetbv")
INSTRUCTION(swapBases, "swapgs")
INSTRUCTION(monitorAndWait,
            "movq %rsp, %rax; xorl %ecx, %ecx; xorl %edx, %edx; .byte 0x0f,0x01,0xfa; .byte 0x0f,0x01,0xfb")
INSTRUCTION(splitLock, "leaq -64(%rsp), %rax; andq $-64, %rax; lock incq -4(%rax)")
INSTRUCTION(clearGlobalInterrupts, ".byte 0x0f,0x01,0xdd")
INSTRUCTION(checkAlignment, "pushfq; orq $0x40000, (%rsp); popfq; movq 1(%rsp), %rax; outb %al, " RETURN_PORT)

// MARK: Stacks

PALIMPSEST_EXPORT(int64, overflowStack, int64);
#pragma clang diagnostic ignored "-Winfinite-recursion"
__attribute__((noinline)) pal_int64 overflowStack(pal_int64 depth) {
    volatile char frame[256];
    frame[depth & 255] = (char)depth;
    return overflowStack(depth + 1) + frame[0];
}

// MARK: Memory

PALIMPSEST_EXPORT(uint64, readAt, uint64);
pal_uint64 readAt(pal_uint64 address) { return *(volatile uint64_t *)address; }

PALIMPSEST_EXPORT(void, writeAt, uint64);
void writeAt(pal_uint64 address) { *(volatile uint8_t *)address = 0xcc; }

PALIMPSEST_EXPORT(void, callAt, uint64);
void callAt(pal_uint64 address) { ((void (*)(void))address)(); }

PALIMPSEST_EXPORT(uint64, codeAddress);
pal_uint64 codeAddress(void) { return (uint64_t)codeAddress; }

static const char constant[] = "read only";
PALIMPSEST_EXPORT(uint64, constantAddress);
pal_uint64 constantAddress(void) { return (uint64_t)constant; }

// More data pages than the smallest scratch memory can hold copies of.
static uint8_t pages[600 * 4096] = {1};
ATTACK(exhaustScratch, for (size_t page = 0; page < sizeof pages; page += 4096)((volatile uint8_t *)pages)[page]++;)

// MARK: Ports

PALIMPSEST_EXPORT(void, outPort, uint16);
void outPort(pal_uint16 port) { __asm__ volatile("outb %%al, %0" : : "d"(port), "a"(0)); }
PALIMPSEST_EXPORT(void, outWide, uint16);
void outWide(pal_uint16 port) { __asm__ volatile("outl %%eax, %0" : : "d"(port), "a"(0)); }
PALIMPSEST_EXPORT(uint8, inPort, uint16);
pal_uint8 inPort(pal_uint16 port) {
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "d"(port));
    return value;
}
PALIMPSEST_EXPORT(void, outString, uint16);
void outString(pal_uint16 port) {
    const void *source = constant;
    uint64_t count = 8;
    __asm__ volatile("rep outsb" : "+S"(source), "+c"(count) : "d"(port) : "memory");
}
PALIMPSEST_EXPORT(void, inString, uint16);
void inString(pal_uint16 port) {
    void *target = pages;
    uint64_t count = 8;
    __asm__ volatile("rep insb" : "+D"(target), "+c"(count) : "d"(port) : "memory");
}

// MARK: Results and messages that point anywhere

PALIMPSEST_EXPORT(string, stringAt, uint64, uint64);
pal_string stringAt(pal_uint64 address, pal_uint64 count) { return (pal_string){(const char *)address, count}; }
PALIMPSEST_EXPORT(bytes, bytesAt, uint64, uint64);
pal_bytes bytesAt(pal_uint64 address, pal_uint64 count) { return (pal_bytes){(const uint8_t *)address, count}; }
PALIMPSEST_EXPORT(void, failAt, uint64, uint64);
void failAt(pal_uint64 address, pal_uint64 count) { pal_fail(stringAt(address, count), 1); }
PALIMPSEST_EXPORT(void, logAt, uint64, uint64);
void logAt(pal_uint64 address, pal_uint64 count) { pal_log(PAL_LOG_INFO, stringAt(address, count)); }
PALIMPSEST_EXPORT(void, abortAt, uint64, uint64);
void abortAt(pal_uint64 address, pal_uint64 count) { pal_abort(stringAt(address, count)); }
PALIMPSEST_EXPORT(string, invalidText);
pal_string invalidText(void) { return PAL_STRING("\xff\xfe"); }
PALIMPSEST_EXPORT(void, status, uint32);
void status(pal_uint32 value) { pal_mailbox()->call.status = value; }

// MARK: Host calls

PALIMPSEST_EXPORT(uint32, hostNameAt, uint64, uint64);
pal_uint32 hostNameAt(pal_uint64 address, pal_uint64 count) {
    struct pal_span arguments[2] = {{1, 0}, {2, 0}}, result;
    return pal_call_host(stringAt(address, count), PAL_STRING("lll"), arguments, &result);
}
PALIMPSEST_EXPORT(uint32, hostSignatureAt, uint64, uint64);
pal_uint32 hostSignatureAt(pal_uint64 address, pal_uint64 count) {
    struct pal_span arguments[PAL_MAX_ARGUMENTS] = {{1, 0}}, result;
    return pal_call_host(PAL_STRING("add"), stringAt(address, count), arguments, &result);
}
PALIMPSEST_EXPORT(uint32, hostTextAt, uint64, uint64);
pal_uint32 hostTextAt(pal_uint64 address, pal_uint64 count) {
    struct pal_span arguments[1] = {{address, count}}, result;
    return pal_call_host(PAL_STRING("length"), PAL_STRING("lt"), arguments, &result);
}
PALIMPSEST_IMPORT(int64, notRegistered, string);
ATTACK(callUnregistered, notRegistered(PAL_STRING("x"));)

// MARK: Corruption of what the host reads

ATTACK(corruptMailbox, memset((void *)PAL_MAILBOX_ADDRESS, 0xff, 1024);)
PALIMPSEST_EXPORT(void, corruptExports);
void corruptExports(void) {
    struct pal_export *table = (struct pal_export *)pal_mailbox()->ready.exports.address;
    for (int index = 0; index < 20; index++) {
        table[index] = (struct pal_export){{~0ull, ~0ull}, {~0ull, ~0ull}, 0xffff800000001000, 0};
    }
}

// MARK: Export tables; each is an entry point of its own

static struct pal_export table[2];
static char long_name[300];

static void ready(uint64_t address, uint64_t count) {
    pal_mailbox()->ready.exports = (struct pal_span){address, count};
    __asm__ volatile("outb %%al, %0" : : "i"(PAL_PORT_READY) : "memory");
}

// A table of one good entry, then one that `change` has spoilt.
#define BAD_TABLE(name, change)                                                                                  \
    ATTACK(name, table[0] = (struct pal_export){{(uint64_t)"good", 4}, {(uint64_t)"v", 1}, (uint64_t)spin, 0};   \
           table[1] = table[0]; change; ready((uint64_t)table, 2);)

void spin(void);
ATTACK(tableHuge, ready((uint64_t)table, ~0ull);)
ATTACK(tableTooMany, ready((uint64_t)table, PAL_MAX_EXPORTS + 1);)
ATTACK(tableWild, ready(0xffff800000001000, 1);)
ATTACK(tableWraps, ready(~0ull - 8, 2);)
ATTACK(tableEmpty, ready((uint64_t)table, 0);)
BAD_TABLE(tableLongName, memset(long_name, 'x', sizeof long_name);
          table[1].name = ((struct pal_span){(uint64_t)long_name, sizeof long_name}))
BAD_TABLE(tableNoName, table[1].name.count = 0)
BAD_TABLE(tableWildName, table[1].name.address = 8)
BAD_TABLE(tableControlName, table[1].name.address = (uint64_t)"\x1b[2J")
BAD_TABLE(tableNotUTF8, table[1].name.address = (uint64_t)"\xff\xff\xff\xff")
BAD_TABLE(tableNoSignature, table[1].signature.count = 0)
BAD_TABLE(tableUnknownType, table[1].signature = ((struct pal_span){(uint64_t)"l?", 2}))
BAD_TABLE(tableVoidArgument, table[1].signature = ((struct pal_span){(uint64_t)"lv", 2}))
BAD_TABLE(tableThirteenArguments, table[1].signature = ((struct pal_span){(uint64_t)"lllllllllllllll", 14}))
BAD_TABLE(tableDataFunction, table[1].function = (uint64_t)table)
BAD_TABLE(tableSupervisorFunction, table[1].function = 0xffff800000001000)
BAD_TABLE(tableEntryFunction, table[1].function = PAL_ENTRY_ADDRESS)

// MARK: Leftovers

// Leaves its mark in everything a call can change.
PALIMPSEST_EXPORT(void, litter);
void litter(void) {
    static const uint16_t control_word = 0x0c7f;
    static const uint32_t mxcsr = 0xff80;
    __asm__ volatile(
        "fldcw %0; ldmxcsr %1; fld1; fldpi\n"
        "pcmpeqd %%xmm0, %%xmm0; pcmpeqd %%xmm7, %%xmm7; pcmpeqd %%xmm15, %%xmm15\n"
        "movl $-1, %%eax; movl %%eax, %%r8d; movl %%eax, %%r15d\n"
        "xorl %%eax, %%eax; movl %%eax, %%ds; movl %%eax, %%es\n"
        "movq $0x12345000, %%rax; wrfsbase %%rax; wrgsbase %%rax\n"
        "pushfq; orq $0x40400, (%%rsp); popfq\n"  // AC and DF stay set: the entry code must not inherit them
        "movb $0, %%al; outb %%al, %2"
        :
        : "m"(control_word), "m"(mxcsr), "i"(PAL_PORT_RETURN)
        : "memory");
}

// Comes back with the trap flag set: the debug exception of its last instruction may still be on its way.
PALIMPSEST_EXPORT(void, leaveTrapping);
void leaveTrapping(void) {
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; outb %%al, %0" : : "i"(PAL_PORT_RETURN) : "memory");
}

// What a call finds, before its own code has changed anything.
PALIMPSEST_EXPORT(bytes, state);
__attribute__((used)) static struct {
    uint64_t registers[9];  // rax, r10 to r15, rbp, rflags
    uint64_t fs, gs, segments, control_word, mxcsr, tag_word;
    uint64_t xmm[4];
} found;
__attribute__((naked, used)) static void look(void) {
    __asm__ volatile(
        "movq %rax, found; movq %r10, found+8; movq %r11, found+16; movq %r12, found+24; movq %r13, found+32\n"
        "movq %r14, found+40; movq %r15, found+48; movq %rbp, found+56\n"
        "pushfq; popq found+64\n"
        "rdfsbase %rax; movq %rax, found+72; rdgsbase %rax; movq %rax, found+80\n"
        "xorl %eax, %eax; movw %ds, %ax; shlq $16, %rax; movw %es, %ax; shlq $16, %rax; movw %fs, %ax; shlq $16, %rax\n"
        "movw %gs, %ax; movq %rax, found+88\n"
        "fnstcw found+96; stmxcsr found+104; subq $32, %rsp; fnstenv (%rsp); movzwl 8(%rsp), %eax; addq $32, %rsp\n"
        "movq %rax, found+112\n"
        "movups %xmm8, found+120; movups %xmm15, found+136\n"
        "ret");
}
__attribute__((naked)) pal_bytes state(void) {
    __asm__ volatile("call look; leaq found, %rax; movl $152, %edx; ret");
}

ATTACK(spin, for (;;) __asm__ volatile("");)
ATTACK(readyAgain, __asm__ volatile("outb %%al, %0" : : "i"(PAL_PORT_READY));)
PALIMPSEST_EXPORT(int64, add, int64, int64);
pal_int64 add(pal_int64 left, pal_int64 right) { return left + right; }
