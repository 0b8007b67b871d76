#define _GNU_SOURCE
#include "include/palimpsest_pages.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>

// The copy this thread is making, if any. Volatile: the handler reads it in the middle of the copy.
static _Thread_local struct {
    volatile bool active;
    const char *volatile source;
    volatile size_t count;
    sigjmp_buf back;
} copy;

static struct sigaction previous;

static void on_bus_error(int signal, siginfo_t *info, void *context) {
    const char *address = info->si_addr;
    if (copy.active && address >= copy.source && address < copy.source + copy.count) {
        siglongjmp(copy.back, 1);
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

int pal_copy_guarded(void *destination, const void *source, size_t count) {
    copy.source = source;
    copy.count = count;
    if (sigsetjmp(copy.back, 0)) {
        copy.active = false;
        return -EIO;
    }
    copy.active = true;
    __asm__ volatile("" ::: "memory");
    __builtin_memcpy(destination, source, count);
    __asm__ volatile("" ::: "memory");
    copy.active = false;
    return 0;
}
