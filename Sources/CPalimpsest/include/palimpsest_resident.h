// Resident calls: what a caller, a vCPU's thread and a guest exchange without a system call.
#ifndef PALIMPSEST_RESIDENT_H
#define PALIMPSEST_RESIDENT_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "palimpsest_abi.h"

/// Who has a vCPU: a word that either side can sleep on (futex(2)). To be put into a cache line of its own.
struct pal_handoff {
    uint32_t state;
    uint32_t sleepers;
    // The vCPU's thread: its id, the core it was on at the last exit, and those it may be on.
    pid_t thread;
    int core;
    cpu_set_t cores;
};

static const uint32_t PAL_VCPU_STOPPED = 0;  // its owner, who answers the last exit
static const uint32_t PAL_VCPU_RUNNING = 1;  // its thread, in KVM_RUN or about to be
static const uint32_t PAL_VCPU_GONE = 2;     // nobody: the thread ends

static inline uint32_t pal_handoff_state(const struct pal_handoff *_Nonnull handoff) {
    return __atomic_load_n(&handoff->state, __ATOMIC_ACQUIRE);
}

/// To be called by the vCPU's thread before anything else.
void pal_handoff_begin(struct pal_handoff *_Nonnull handoff);

/// The vCPU's thread notes where it is: to be called before it passes the vCPU on.
void pal_handoff_note_core(struct pal_handoff *_Nonnull handoff);

/// Moves the vCPU's thread to another core if it is on the caller's, where the two would wait for each other's time
/// slice. Schedulers tend to put a thread where it was woken from, and some take milliseconds to think again.
void pal_handoff_keep_apart(struct pal_handoff *_Nonnull handoff);

/// Hands the vCPU over, and wakes who sleeps.
void pal_handoff_pass(struct pal_handoff *_Nonnull handoff, uint32_t state);

/// Waits until the state is another one than `state`: spinning for a while, then asleep.
uint32_t pal_handoff_await(struct pal_handoff *_Nonnull handoff, uint32_t state);

/// Has the guest make the call in its mailbox, as number `sequence`; no earlier reply is taken for this one's.
static inline void pal_resident_ring(struct pal_mailbox *_Nonnull mailbox, struct pal_constants *_Nonnull constants,
                                     uint64_t sequence) {
    __atomic_store_n(&mailbox->reply.sequence, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&constants->doorbell, sequence, __ATOMIC_RELEASE);
}

/// Waits for the reply to call `sequence` or for an exit, whichever comes first: spinning for a while, then asleep, for
/// which the guest is asked to end the call with an exit.
/// - Returns: whether the reply is there. It is the guest's, and may change under the reader's eyes: read it once.
bool pal_resident_await(struct pal_mailbox *_Nonnull mailbox, struct pal_constants *_Nonnull constants,
                        struct pal_handoff *_Nonnull handoff, uint64_t sequence);

/// The reply, each word read once.
static inline struct pal_reply pal_resident_reply(const struct pal_mailbox *_Nonnull mailbox) {
    const volatile struct pal_reply *reply = &mailbox->reply;
    struct pal_reply copy = {{reply->result[0], reply->result[1]}, reply->float_result, reply->status, reply->error_code,
                             {reply->error.address, reply->error.count}, reply->sequence, 0};
    return copy;
}

#endif
