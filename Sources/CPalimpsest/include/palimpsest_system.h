// System calls and thread state that Swift cannot reach.
#ifndef PALIMPSEST_SYSTEM_H
#define PALIMPSEST_SYSTEM_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// memfd_create(2) with MFD_CLOEXEC and MFD_ALLOW_SEALING; minus errno on failure.
int pal_memfd_create(const char *_Nonnull name);

/// Seals a memfd for ever: no write, no growing, no shrinking, no further seals; minus errno on failure.
int pal_memfd_seal(int descriptor);

/// Zero-fills a memfd of `count` bytes that is mapped at `memory`: the first `kept` bytes that exist are filled, the
/// others given back to the system. Minus errno on failure.
int pal_memfd_clear(int descriptor, void *_Nonnull memory, size_t count, size_t kept);

/// The real-time signal that stops a running vCPU. The first call claims a free one (default disposition) and
/// gives it an empty handler without SA_RESTART; minus errno if there is none.
int pal_kick_signal(void);

/// Unblocks `signal` for this thread, once a thread; later calls cost a thread-local load.
void pal_thread_accept_kicks(int signal);

/// Nanoseconds of CLOCK_MONOTONIC.
uint64_t pal_monotonic_nanoseconds(void);

/// Waits for a semaphore until a time, in nanoseconds of CLOCK_MONOTONIC; false if it came first.
bool pal_semaphore_wait_until(sem_t *_Nonnull semaphore, uint64_t time);

/// The pool that this thread is one of, or NULL; and whether it is running a piece of a task just now.
const void *_Nullable pal_thread_pool(void);
bool pal_thread_runs_task(void);
void pal_thread_set_pool(const void *_Nonnull pool, bool runs_task);

/// Gives a thread, not joined yet, a name of at most 15 bytes (pthread_setname_np(3)).
void pal_thread_set_name(pthread_t thread, const char *_Nonnull name);

/// Tells the processor that this thread is looking at the same memory again and again.
static inline void pal_pause(void) { __builtin_ia32_pause(); }

/// Fills `bytes` from getrandom(2); minus errno on failure.
int pal_random_bytes(void *_Nonnull bytes, size_t count);

/// Starts a thread with every signal blocked; 0 or an errno. It is to be joined or detached.
int pal_start_thread(void *_Nullable (*_Nonnull body)(void *_Nullable), void *_Nullable context,
                     pthread_t *_Nonnull thread);

#endif
