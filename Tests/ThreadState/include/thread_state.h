// What of a thread's processor state a guest might leave behind in it.
#ifndef THREAD_STATE_H
#define THREAD_STATE_H

#include <stdint.h>

struct thread_state {
    uint16_t ds, es, fs, gs, cs, ss;
    uint64_t fs_base, gs_base;  // arch_prctl(2)
    uint32_t mxcsr;
    uint16_t x87_control, x87_status;
    uint64_t flags;  // those that no arithmetic changes: TF, IF, DF, IOPL, NT, AC, ID
    uint32_t keys;   // PKRU; 0 where there is none
};

struct thread_state thread_state_now(void);

/// Gives this thread a GS base, which threads on Linux do not have by themselves.
void thread_state_set_gs_base(uint64_t base);

#endif
