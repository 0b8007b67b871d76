#define _GNU_SOURCE
#include "include/palimpsest_system.h"

#include "include/palimpsest_mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

int pal_memfd_create(const char *name) {
    int descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return descriptor < 0 ? -errno : descriptor;
}

int pal_memfd_seal(int descriptor) {
    int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
    return fcntl(descriptor, F_ADD_SEALS, seals) < 0 ? -errno : 0;
}

int pal_memfd_clear(int descriptor, void *memory, size_t count, size_t kept) {
    off_t end = 0;
    while (kept > 0) {
        off_t start = lseek(descriptor, end, SEEK_DATA);
        if (start < 0) return errno == ENXIO ? 0 : -errno;
        end = lseek(descriptor, start, SEEK_HOLE);
        if (end < 0) return -errno;
        if ((size_t)(end - start) > kept) end = start + (off_t)kept;
        __builtin_memset((char *)memory + start, 0, (size_t)(end - start));
        kept -= (size_t)(end - start);
    }
    // All the rest at once, however many pieces it is in.
    off_t rest = (off_t)count - end;
    if (rest == 0) return 0;
    return fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, end, rest) < 0 ? -errno : 0;
}

static void ignore_kick(int signal) { (void)signal; }

static int kick_signal;

static void claim_kick_signal(void) {
    for (int candidate = SIGRTMAX - 1; candidate > SIGRTMIN; candidate--) {
        struct sigaction current;
        if (sigaction(candidate, NULL, &current) < 0 || current.sa_handler != SIG_DFL) continue;
        struct sigaction action = {.sa_handler = ignore_kick};
        sigemptyset(&action.sa_mask);
        if (sigaction(candidate, &action, NULL) == 0) {
            kick_signal = candidate;
            return;
        }
    }
    kick_signal = -EBUSY;
}

int pal_kick_signal(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, claim_kick_signal);
    return kick_signal;
}

void pal_thread_accept_kicks(int signal) {
    static _Thread_local bool accepted;
    if (accepted) return;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    accepted = pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0;
}

uint64_t pal_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int pal_random_bytes(void *bytes, size_t count) {
    uint8_t *next = bytes;
    while (count > 0) {
        ssize_t got = getrandom(next, count, 0);
        if (got < 0) {
            if (errno == EINTR) continue;
            return -errno;
        }
        next += got;
        count -= (size_t)got;
    }
    return 0;
}

int pal_start_thread(void *(*body)(void *), void *context, pthread_t *thread) {
    sigset_t all, previous;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    int failure = pthread_create(thread, NULL, body, context);
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    return failure;
}

bool pal_semaphore_wait_until(sem_t *semaphore, uint64_t time) {
    const struct timespec limit = {(time_t)(time / 1000000000), (long)(time % 1000000000)};
    int result;
    do {
        result = sem_clockwait(semaphore, CLOCK_MONOTONIC, &limit);
    } while (result != 0 && errno == EINTR);
    return result == 0;
}

static _Thread_local const void *thread_pool;
static _Thread_local bool thread_runs_task;
const void *pal_thread_pool(void) { return thread_pool; }
bool pal_thread_runs_task(void) { return thread_runs_task; }
void pal_thread_set_pool(const void *pool, bool runs_task) {
    thread_pool = pool;
    thread_runs_task = runs_task;
}

void pal_thread_set_name(pthread_t thread, const char *name) { pthread_setname_np(thread, name); }

void pal_initialize_constants(struct pal_constants *constants) {
    const uint16_t default_control_word = 0x037f;
    const uint32_t default_mxcsr = 0x1f80;
    __builtin_memset(constants, 0, sizeof *constants);
    __builtin_memcpy(constants->xsave_init, &default_control_word, sizeof default_control_word);
    __builtin_memcpy(constants->xsave_init + 24, &default_mxcsr, sizeof default_mxcsr);
    constants->abi_version = PAL_ABI_VERSION;
    constants->initial_flags = PAL_INITIAL_FLAGS;
}
