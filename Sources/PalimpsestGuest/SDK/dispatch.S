// The one function behind every export that is a Swift closure: runs it, and puts its result where the System V ABI
// has results. Which closure, and its arguments, are in the mailbox.
    .section .text.pal_swift_dispatch, "ax", @progbits
    .globl pal_swift_dispatch
    .type pal_swift_dispatch, @function
pal_swift_dispatch:
    pushq   %rbp                // a frame, for backtraces
    movq    %rsp, %rbp
    subq    $32, %rsp
    movq    %rsp, %rdi          // three words: rax, rdx, xmm0
    call    pal_swift_call
    movq    0(%rsp), %rax
    movq    8(%rsp), %rdx
    movsd   16(%rsp), %xmm0
    leave
    ret
    .size pal_swift_dispatch, . - pal_swift_dispatch

// In guests without Swift nothing refers to any of this; the linker drops it.
    .weak   pal_swift_call
    .section .note.GNU-stack, "", @progbits
