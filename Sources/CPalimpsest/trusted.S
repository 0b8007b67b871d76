// Trusted guest code: mapped read-only and executable into every guest.
#include "include/palimpsest_abi.h"
#define PAL_STUB_BYTES 16

    .section .rodata.palimpsest, "a", @progbits

// Makes the call whose arguments lie at RBX, a struct pal_call, and whose function is the mailbox's. RSP is the top of the stack (16-byte aligned), the FPU in its
// initial configuration, every general register that carries no argument zero. RBX is the mailbox afterwards.
.macro make_call
    // Arguments on the stack, last one first, padded so that RSP is 16-byte aligned at the call.
    movq    PAL_OFFSET_STACK_COUNT(%rbx), %rcx
    testq   %rcx, %rcx
    jz      3f
    testb   $1, %cl
    jz      2f
    subq    $8, %rsp
2:  pushq   PAL_OFFSET_STACK-8(%rbx, %rcx, 8)
    decq    %rcx
    jnz     2b

3:  movsd   PAL_OFFSET_FLOATS+0(%rbx), %xmm0
    movsd   PAL_OFFSET_FLOATS+8(%rbx), %xmm1
    movsd   PAL_OFFSET_FLOATS+16(%rbx), %xmm2
    movsd   PAL_OFFSET_FLOATS+24(%rbx), %xmm3
    movsd   PAL_OFFSET_FLOATS+32(%rbx), %xmm4
    movsd   PAL_OFFSET_FLOATS+40(%rbx), %xmm5
    movsd   PAL_OFFSET_FLOATS+48(%rbx), %xmm6
    movsd   PAL_OFFSET_FLOATS+56(%rbx), %xmm7
    movq    PAL_OFFSET_INTEGERS+0(%rbx), %rdi
    movq    PAL_OFFSET_INTEGERS+8(%rbx), %rsi
    movq    PAL_OFFSET_INTEGERS+16(%rbx), %rdx
    movq    PAL_OFFSET_INTEGERS+24(%rbx), %rcx
    movq    PAL_OFFSET_INTEGERS+32(%rbx), %r8
    movq    PAL_OFFSET_INTEGERS+40(%rbx), %r9
    movl    $PAL_MAILBOX_ADDRESS, %ebx
    xorl    %eax, %eax
    call    *PAL_OFFSET_FUNCTION(%rbx)
    movl    $PAL_MAILBOX_ADDRESS, %ebx
.endm

    .balign 64
    .globl pal_entry_code, pal_entry_code_end, pal_batch_entry, pal_resident_entry, pal_entry_reset, pal_entry_reset_end
    .globl pal_key_probe
pal_entry_code:
// A call (ring 3). The host has set RIP here, RSP to the top of the stack, RFLAGS to their default, R8 to
// PAL_ENTRY_HAS_... and every other general register to zero.
    leaq    1f(%rip), %r9
    jmp     pal_entry_reset
1:  make_call
    movq    %rax, PAL_OFFSET_RESULT+0(%rbx)
    movq    %rdx, PAL_OFFSET_RESULT+8(%rbx)
    movsd   %xmm0, PAL_OFFSET_RESULT+16(%rbx)
    outb    %al, $PAL_PORT_RETURN
    ud2

// Everything that code in ring 3 can have changed, as every call begins with it; goes on at R9. R8 is PAL_ENTRY_HAS_...;
// RDI is kept. Afterwards RSI is the constants page, RBX the mailbox, RSP the top of the stack. Writes no memory, and
// reads none before nothing can forbid it. An exception in here is the machine's failure, not a guest's.
//
// What is as it should be is not written: loading a segment register costs 50 ns, a base 12, all of the extended state
// 110, and looking at them next to nothing.
    .balign 64
pal_entry_reset:
    // Protection keys (Intel SDM vol. 3, 4.6.2; AMD APM vol. 2, 5.6.6): all of the guest's pages have key 0.
    testb   $PAL_ENTRY_HAS_KEYS, %r8b
    jz      1f
    xorl    %ecx, %ecx
    rdpkru
    testl   %eax, %eax
    jz      1f
    xorl    %eax, %eax
    wrpkru

1:  movl    $PAL_CONSTANTS_ADDRESS, %esi
    // XGETBV with ECX = 1 says which parts of the extended state are in use (Intel SDM vol. 1, 13.6). If it is only XMM
    // registers, as after most code, zeroing those will do, with MXCSR, which it does not cover.
    testb   $PAL_ENTRY_HAS_XINUSE, %r8b
    jz      2f
    movl    $1, %ecx
    xgetbv
    testl   $~2, %eax
    jnz     2f
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    pxor    %xmm\n, %xmm\n
    .endr
    ldmxcsr 24(%rsi)
    jmp     3f
    // All of it to its initial configuration (Intel SDM vol. 1, 13.8: XSTATE_BV = 0). That leaves x87's last instruction,
    // operand and opcode as they are on AMD processors without RstrFpErrPtrs (APM vol. 3, CPUID Fn8000_0008): FNINIT
    // does not, nor does it wait for an exception that is pending.
2:  fninit
    movl    $-1, %eax
    movl    %eax, %edx
    xrstor  (%rsi)

3:  xorl    %eax, %eax
    movl    %ds, %ecx
    movl    %es, %edx
    orl     %edx, %ecx
    movl    %fs, %edx
    orl     %edx, %ecx
    movl    %gs, %edx
    orl     %edx, %ecx
    jz      4f
    movl    %eax, %ds
    movl    %eax, %es
    movl    %eax, %fs
    movl    %eax, %gs
4:  testb   $PAL_ENTRY_HAS_BASES, %r8b
    jz      5f
    rdfsbase %rcx
    rdgsbase %rdx
    orq     %rdx, %rcx
    jz      5f
    wrfsbase %rax
    wrgsbase %rax
5:  testb   $PAL_ENTRY_HAS_FLAGS, %r8b
    jnz     6f
    leaq    PAL_OFFSET_INITIAL_FLAGS(%rsi), %rsp
    popfq
6:  movl    $PAL_STACK_TOP, %esp
    movl    $PAL_MAILBOX_ADDRESS, %ebx
    .irp register, ebp, r10d, r11d, r12d, r13d, r14d, r15d
    xorl    %\register, %\register
    .endr
    jmp     *%r9
pal_entry_reset_end:

// Whether code in ring 3 can change the protection keys here: it comes back, or #UD says that it cannot. Entered with
// RAX, RCX and RDX zero: forbids nothing.
    .balign 16
pal_key_probe:
    wrpkru
    outb    %al, $PAL_PORT_RETURN
    ud2

// A batch. Entered as a call is, and left as one: when all calls are made, or with one that failed or whose result has
// no room, which is then in the mailbox as after any call.
    .balign 64
pal_batch_entry:
    leaq    1f(%rip), %r9
    jmp     pal_entry_reset
1:  movq    PAL_OFFSET_BATCH_NEXT(%rbx), %rdx
    movq    PAL_OFFSET_FUNCTION(%rdx), %rax
    movq    PAL_OFFSET_CONTEXT(%rdx), %rcx
    movq    %rax, PAL_OFFSET_FUNCTION(%rbx)
    movq    %rcx, PAL_OFFSET_CONTEXT(%rbx)
    movq    $PAL_CALL_OK, PAL_OFFSET_STATUS(%rbx)
    movq    %rdx, %rbx
    make_call
    movq    %rax, PAL_OFFSET_RESULT+0(%rbx)
    movq    %rdx, PAL_OFFSET_RESULT+8(%rbx)
    movsd   %xmm0, PAL_OFFSET_RESULT+16(%rbx)
    cmpl    $PAL_CALL_OK, PAL_OFFSET_STATUS(%rbx)
    jne     7f

    movq    PAL_OFFSET_BATCH_NEXT(%rbx), %r8
    testb   $PAL_BATCH_COPY_RESULT, PAL_OFFSET_BATCH_FLAGS(%r8)
    jz      6f
    movq    PAL_OFFSET_BATCH_SPACE(%rbx), %rdi
    movq    PAL_OFFSET_BATCH_SPACE_END(%rbx), %rcx
    subq    %rdi, %rcx
    cmpq    %rcx, %rdx
    ja      7f
    movq    %rax, %rsi
    movq    %rdi, %rax
    movq    %rdx, %rcx
    cld
    rep movsb
    addq    $7, %rdi
    andq    $-8, %rdi
    movq    %rdi, PAL_OFFSET_BATCH_SPACE(%rbx)
6:  movq    %rax, PAL_OFFSET_RESULT+0(%r8)
    movq    %rdx, PAL_OFFSET_RESULT+8(%r8)
    movsd   %xmm0, PAL_OFFSET_RESULT+16(%r8)
    addq    $PAL_BATCH_CALL_BYTES, %r8
    movq    %r8, PAL_OFFSET_BATCH_NEXT(%rbx)
    cmpq    PAL_OFFSET_BATCH_END(%rbx), %r8
    jae     7f
    movl    $PAL_CONSTANTS_ADDRESS, %esi
    movq    PAL_OFFSET_FEATURES(%rsi), %r8
    jmp     pal_batch_entry
7:  outb    %al, $PAL_PORT_RETURN
    ud2

// Resident calls. Entered as a call is, once, with the doorbell at zero; from then on whoever rings is served, without
// an exit. RDI is the number of the call that was answered last.
//
// Between the reply and the next ring nothing is written: the host rolls memory back meanwhile.
    .balign 64
pal_resident_entry:
    xorl    %edi, %edi
8:  leaq    10f(%rip), %r9
    jmp     pal_entry_reset
9:  pause
10: cmpq    PAL_OFFSET_DOORBELL(%rsi), %rdi
    je      9b

    make_call
    movl    $PAL_CONSTANTS_ADDRESS, %esi
    movq    %rax, PAL_OFFSET_REPLY+0(%rbx)
    movq    %rdx, PAL_OFFSET_REPLY+8(%rbx)
    movsd   %xmm0, PAL_OFFSET_REPLY+16(%rbx)
    movq    PAL_OFFSET_STATUS(%rbx), %rcx
    movq    %rcx, PAL_OFFSET_REPLY_STATUS(%rbx)
    testl   %ecx, %ecx
    jz      11f
    movq    PAL_OFFSET_ERROR+0(%rbx), %rax
    movq    PAL_OFFSET_ERROR+8(%rbx), %rdx
    movq    %rax, PAL_OFFSET_REPLY_ERROR+0(%rbx)
    movq    %rdx, PAL_OFFSET_REPLY_ERROR+8(%rbx)
    // The reply first, then the look at who awaits it: `xchg` keeps the order (Intel SDM vol. 3, 9.2.5). The caller
    // writes and looks the other way round, so one of the two sees the other.
11: movq    PAL_OFFSET_DOORBELL(%rsi), %rdi
    movq    %rdi, %rcx
    xchgq   %rcx, PAL_OFFSET_REPLY_SEQUENCE(%rbx)
    movq    PAL_OFFSET_FEATURES(%rsi), %r8
    cmpq    PAL_OFFSET_AWAITED(%rsi), %rdi
    jne     8b
    outb    %al, $PAL_PORT_RETURN
    jmp     8b
pal_entry_code_end:

// Exception stubs (ring 0): tell the host the vector; if it resumes, drop the error code and go back.
// Vectors with an error code: Intel SDM vol. 3, table 6-1; AMD APM vol. 2, 8.2.
    .balign 64
    .globl pal_exception_stubs, pal_exception_stubs_end
pal_exception_stubs:
    .irp vector, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    .balign PAL_STUB_BYTES
    outb    %al, $(PAL_PORT_EXCEPTION + \vector)
    .if \vector == 8 || (\vector >= 10 && \vector <= 14) || \vector == 17 || \vector == 21 || \vector == 29 || \vector == 30
    addq    $8, %rsp
    .endif
    iretq
    .endr
    .balign PAL_STUB_BYTES
pal_exception_stubs_end:

    .section .note.GNU-stack, "", @progbits
