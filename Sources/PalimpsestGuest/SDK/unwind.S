// Debuggers cannot know the trusted entry code, which calls every function: this says that backtraces end there (DWARF 5,
// 6.4: a CIE for which the return address is undefined, and an FDE for the page).
#include "palimpsest_abi.h"
    .section .debug_frame, "", @progbits
1:  .long   3f - 2f
2:  .long   -1                  // a CIE
    .byte   4, 0, 8, 0          // version, augmentation, bytes of an address, of a segment
    .uleb128 1
    .sleb128 -8
    .uleb128 16                 // the return address
    .byte   0x0c                // DW_CFA_def_cfa: rsp + 8
    .uleb128 7
    .uleb128 8
    .byte   0x07                // DW_CFA_undefined: the return address
    .uleb128 16
    .balign 8, 0
3:  .long   5f - 4f
4:  .long   1b                  // an FDE of that CIE
    .quad   PAL_ENTRY_ADDRESS, 4096
    .balign 8, 0
5:

    .section .note.GNU-stack, "", @progbits
