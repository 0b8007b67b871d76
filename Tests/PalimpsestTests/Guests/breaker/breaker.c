// A guest for tests that try to break the engine.
#include "palimpsest.h"

#define PAGES 400
__attribute__((aligned(4096))) static uint8_t data[PAGES * 4096] = {1};

PALIMPSEST_EXPORT(uint64, dataAddress);
pal_uint64 dataAddress(void) { return (uint64_t)data; }
PALIMPSEST_EXPORT(uint64, heapAddress);
pal_uint64 heapAddress(void) { return pal_constants()->heap_address; }

// One read every `stride` bytes.
PALIMPSEST_EXPORT(uint64, readEvery, uint64, uint64, uint64);
pal_uint64 readEvery(pal_uint64 address, pal_uint64 count, pal_uint64 stride) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i++) sum += *(volatile uint8_t *)(address + i * stride);
    return sum;
}
PALIMPSEST_EXPORT(void, writeEvery, uint64, uint64, uint64);
void writeEvery(pal_uint64 address, pal_uint64 count, pal_uint64 stride) {
    for (uint64_t i = 0; i < count; i++) *(volatile uint8_t *)(address + i * stride) = 7;
}
PALIMPSEST_EXPORT(void, writeByte, uint64, uint8);
void writeByte(pal_uint64 address, pal_uint8 value) { *(volatile uint8_t *)address = value; }
PALIMPSEST_EXPORT(uint8, readByte, uint64);
pal_uint8 readByte(pal_uint64 address) { return *(volatile uint8_t *)address; }

// A secret: which of the groups of four pages is written.
PALIMPSEST_EXPORT(void, writeSecret, uint64);
void writeSecret(pal_uint64 secret) { ((volatile uint8_t *)data)[secret * 16 * 4096] = 9; }

// Which group was written by somebody before: the one whose first write does not trap.
PALIMPSEST_EXPORT(uint64, guessSecret);
static inline uint64_t cycles(void) {
    uint32_t low, high;
    __asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}
pal_uint64 guessSecret(void) {
    uint64_t best = ~0ull, found = 0;
    for (uint64_t group = 0; group < PAGES / 16; group++) {
        volatile uint8_t *page = data + group * 16 * 4096;
        (void)*page;
        uint64_t start = cycles();
        *page = *page;
        uint64_t took = cycles() - start;
        if (took < best) best = took, found = group;
    }
    return found;
}

PALIMPSEST_EXPORT(int64, add, int64, int64);
pal_int64 add(pal_int64 left, pal_int64 right) { return left + right; }

#define INSTRUCTION(name, text)     \
    PALIMPSEST_EXPORT(void, name);  \
    void name(void) { __asm__ volatile(text); }
INSTRUCTION(icebp, ".byte 0xf1")
INSTRUCTION(vmcall, "movl $1, %eax; vmcall")
INSTRUCTION(vmmcall, "movl $1, %eax; vmmcall")
INSTRUCTION(pvmHypercall, "movl $0x17088200, %eax; syscall")
INSTRUCTION(sysenterInstruction, "sysenter")
INSTRUCTION(movSSOut, "movw %ss, %ax; movw %ax, %ss; outb %al, $0x10")
INSTRUCTION(movSSTrapInt3, "pushfq; orq $0x100, (%rsp); movw %ss, %ax; popfq; movw %ax, %ss; int3")
INSTRUCTION(inAllowedPort, "inb $0x10, %al")
INSTRUCTION(insAllowedPort, "movl $0x10, %edx; movq %rsp, %rdi; subq $64, %rdi; movl $8, %ecx; rep insb")
INSTRUCTION(insbToReadOnly, "movl $0x10, %edx; movl $0x40001000, %edi; movl $8, %ecx; rep insb")
INSTRUCTION(outsbPage, "movl $0x10, %edx; movl $0x40010000, %esi; movl $4096, %ecx; rep outsb")
INSTRUCTION(farJumpCompat, "pushq $0x1b; pushq $0x1000; lretq")
INSTRUCTION(farCallTSS, "pushq $0x28; pushq $0x1000; lretq")
INSTRUCTION(iretSelf, "movq %rsp, %rax; pushq $0x1b; pushq %rax; pushq $0x3002; pushq $0x23; leaq 1f(%rip), %rax; pushq %rax; iretq; 1: outb %al, $0x10")
INSTRUCTION(iretTF, "movq %rsp, %rax; pushq $0x1b; pushq %rax; pushq $0x10102; pushq $0x23; leaq 1f(%rip), %rax; pushq %rax; iretq; 1: outb %al, $0x10")
INSTRUCTION(iretNT, "pushfq; orq $0x4000, (%rsp); popfq; iretq")
INSTRUCTION(readXCR, "xorl %ecx, %ecx; xgetbv; movl $1, %ecx; xgetbv")
INSTRUCTION(setXCR, "xorl %ecx, %ecx; xorl %edx, %edx; movl $1, %eax; xsetbv")
INSTRUCTION(swapGS, "swapgs")
INSTRUCTION(monitorX, "movq %rsp, %rax; xorl %ecx, %ecx; xorl %edx, %edx; .byte 0x0f,0x01,0xfa; .byte 0x0f,0x01,0xfb")
INSTRUCTION(splitLock, "leaq -64(%rsp), %rax; andq $-64, %rax; lock incq -4(%rax)")
INSTRUCTION(clgiInstruction, ".byte 0x0f,0x01,0xdd")
INSTRUCTION(alignCheck, "pushfq; orq $0x40000, (%rsp); popfq; movq 1(%rsp), %rax; outb %al, $0x10")
