// Pointers into the mailbox, for the host.
#ifndef PALIMPSEST_MAILBOX_H
#define PALIMPSEST_MAILBOX_H

#include "palimpsest_abi.h"

static inline uint64_t *_Nonnull pal_call_integers(struct pal_mailbox *_Nonnull mailbox) { return mailbox->call.integers; }
static inline uint64_t *_Nonnull pal_call_floats(struct pal_mailbox *_Nonnull mailbox) { return mailbox->call.floats; }
static inline uint64_t *_Nonnull pal_call_stack(struct pal_mailbox *_Nonnull mailbox) { return mailbox->call.stack; }

/// Where the result of a host call goes: two words.
static inline uint64_t *_Nonnull pal_host_call_result(struct pal_mailbox *_Nonnull mailbox) {
    return &mailbox->host_call.result.address;
}

static inline void pal_prepare_call(struct pal_mailbox *_Nonnull mailbox, uint64_t function, uint64_t context,
                                    uint64_t stack_count) {
    mailbox->call.function = function;
    mailbox->call.context = context;
    mailbox->call.stack_count = stack_count;
    mailbox->call.status = PAL_CALL_OK;
}

/// The constants every guest has: an XSAVE image that initialises everything (XSTATE_BV = 0; MXCSR is loaded even
/// then: Intel SDM vol. 1, 13.8.1) and the ABI version. Entropy comes from `pal_entropy_refresh`.
void pal_initialize_constants(struct pal_constants *_Nonnull constants);

#endif
