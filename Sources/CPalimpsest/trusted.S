// Trusted guest code: mapped read-only and executable into every guest.
#include "include/palimpsest_abi.h"
#define PAL_STUB_BYTES 16

    .section .rodata.palimpsest, "a", @progbits

// Entry code (ring 3). The host has set RIP to its first byte, RSP to the top of the stack (16-byte aligned),
// RFLAGS and the segments to their defaults and every other register to zero.
    .balign 64
    .globl pal_entry_code, pal_entry_code_end
pal_entry_code:
    // FPU, SSE, AVX and AVX-512 state to its initial configuration (Intel SDM vol. 1, 13.8: XSTATE_BV = 0).
    movl    $-1, %eax
    movl    %eax, %edx
    movl    $PAL_CONSTANTS_ADDRESS, %esi
    xrstor  (%rsi)

    // Arguments on the stack, last one first, padded so that RSP is 16-byte aligned at the call.
    movl    $PAL_MAILBOX_ADDRESS, %ebx
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
    xorl    %eax, %eax
    call    *PAL_OFFSET_FUNCTION(%rbx)

    movl    $PAL_MAILBOX_ADDRESS, %ebx
    movq    %rax, PAL_OFFSET_RESULT+0(%rbx)
    movq    %rdx, PAL_OFFSET_RESULT+8(%rbx)
    movsd   %xmm0, PAL_OFFSET_RESULT+16(%rbx)
    outb    %al, $PAL_PORT_RETURN
    ud2
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
