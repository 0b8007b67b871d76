#define _GNU_SOURCE
#include "include/palimpsest_pages.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

// What this thread is reading, if anything. Volatile: the handler looks at it in the middle of the reading.
static _Thread_local struct {
    volatile bool active;
    const char *volatile source;
    volatile size_t count;
    sigjmp_buf back;
} guard;

static struct sigaction previous;

static void on_bus_error(int signal, siginfo_t *info, void *context) {
    const char *address = info->si_addr;
    // A positive code is the kernel's own: what a process sends with kill(2) has other things where the address is.
    if (info->si_code > 0 && guard.active && address >= guard.source && address < guard.source + guard.count) {
        siglongjmp(guard.back, 1);
    }
    if (previous.sa_flags & SA_SIGINFO) {
        previous.sa_sigaction(signal, info, context);
    } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
        previous.sa_handler(signal);
    } else {
        // Nobody's: as if we were not here. The instruction runs again and ends the process.
        sigaction(SIGBUS, &previous, NULL);
    }
}

static int installed;

static void install(void) {
    // SA_NODEFER: the handler leaves by a jump, which would otherwise have to unblock the signal, a system call.
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    installed = sigaction(SIGBUS, &action, &previous) < 0 ? -errno : 0;
}

int pal_guard_copies(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    return installed;
}

// A thread that blocks SIGBUS would be killed by it: unblocked once a thread.
static void accept_bus_errors(void) {
    static _Thread_local bool accepted;
    if (accepted) return;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGBUS);
    accepted = pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0;
}

// Reads from a file's mapping, in one of two ways.
static int read_guarded(void *destination, const void *bytes, const void *source, size_t count) {
    accept_bus_errors();
    guard.source = source;
    guard.count = count;
    if (sigsetjmp(guard.back, 0)) {
        guard.active = false;
        return -EIO;
    }
    guard.active = true;
    __asm__ volatile("" ::: "memory");
    int result = 0;
    if (destination) {
        memcpy(destination, source, count);
    } else {
        result = memcmp(bytes, source, count) == 0;
    }
    __asm__ volatile("" ::: "memory");
    guard.active = false;
    return result;
}

int pal_copy_guarded(void *destination, const void *source, size_t count) {
    return read_guarded(destination, NULL, source, count);
}

int pal_equal_guarded(const void *bytes, const void *source, size_t count) {
    return read_guarded(NULL, bytes, source, count);
}
