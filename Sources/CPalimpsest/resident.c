#define _GNU_SOURCE
#include "include/palimpsest_resident.h"

#include <immintrin.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "include/palimpsest_system.h"

// As long as going to sleep and waking up would take: 50 us. The clock is looked at every few rounds.
enum { spin_nanoseconds = 50000, rounds_between_looks = 256 };

struct spinning {
    uint64_t end;
    unsigned rounds;
};

static bool go_on_spinning(struct spinning *spinning) {
    _mm_pause();
    if (++spinning->rounds % rounds_between_looks != 0) return true;
    uint64_t now = pal_monotonic_nanoseconds();
    if (spinning->end == 0) spinning->end = now + spin_nanoseconds;
    return now < spinning->end;
}

void pal_handoff_begin(struct pal_handoff *handoff) {
    if (sched_getaffinity(0, sizeof handoff->cores, &handoff->cores) < 0) CPU_ZERO(&handoff->cores);
    pal_handoff_note_core(handoff);
    __atomic_store_n(&handoff->thread, gettid(), __ATOMIC_RELEASE);
}

void pal_handoff_note_core(struct pal_handoff *handoff) {
    __atomic_store_n(&handoff->core, sched_getcpu(), __ATOMIC_RELAXED);
}

void pal_handoff_keep_apart(struct pal_handoff *handoff) {
    int core = sched_getcpu();
    pid_t thread = __atomic_load_n(&handoff->thread, __ATOMIC_ACQUIRE);
    if (thread == 0 || core < 0 || core >= CPU_SETSIZE) return;
    if (__atomic_load_n(&handoff->core, __ATOMIC_RELAXED) != core) return;
    cpu_set_t others = handoff->cores;
    CPU_CLR(core, &others);
    // With one core only there is nothing to choose; if it fails, calls are slower.
    if (CPU_COUNT(&others) > 0) sched_setaffinity(thread, sizeof others, &others);
}

void pal_handoff_pass(struct pal_handoff *handoff, uint32_t state) {
    __atomic_store_n(&handoff->state, state, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&handoff->sleepers, __ATOMIC_SEQ_CST) == 0) return;
    syscall(SYS_futex, &handoff->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

// FUTEX_WAIT returns at once if the state is another one already; a signal wakes it early. Either way: look again.
static void sleep_while(struct pal_handoff *handoff, uint32_t state) {
    __atomic_add_fetch(&handoff->sleepers, 1, __ATOMIC_SEQ_CST);
    while (pal_handoff_state(handoff) == state) {
        syscall(SYS_futex, &handoff->state, FUTEX_WAIT_PRIVATE, state, NULL, NULL, 0);
    }
    __atomic_sub_fetch(&handoff->sleepers, 1, __ATOMIC_SEQ_CST);
}

uint32_t pal_handoff_await(struct pal_handoff *handoff, uint32_t state) {
    struct spinning spinning = {0};
    do {
        uint32_t now = pal_handoff_state(handoff);
        if (now != state) return now;
    } while (go_on_spinning(&spinning));
    sleep_while(handoff, state);
    return pal_handoff_state(handoff);
}

static bool has_replied(const struct pal_mailbox *mailbox, uint64_t sequence) {
    return __atomic_load_n(&mailbox->reply.sequence, __ATOMIC_ACQUIRE) == sequence;
}

bool pal_resident_await(struct pal_mailbox *mailbox, struct pal_constants *constants, struct pal_handoff *handoff,
                        uint64_t sequence) {
    struct spinning spinning = {0};
    do {
        if (has_replied(mailbox, sequence)) return true;
        if (pal_handoff_state(handoff) != PAL_VCPU_RUNNING) return has_replied(mailbox, sequence);
    } while (go_on_spinning(&spinning));
    // First the wish, then one more look: the guest replies and looks in the other order.
    __atomic_store_n(&constants->awaited, sequence, __ATOMIC_SEQ_CST);
    if (!has_replied(mailbox, sequence)) sleep_while(handoff, PAL_VCPU_RUNNING);
    return has_replied(mailbox, sequence);
}
