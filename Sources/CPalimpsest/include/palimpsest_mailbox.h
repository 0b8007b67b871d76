// Pointers into the mailbox, for the host.
#ifndef PALIMPSEST_MAILBOX_H
#define PALIMPSEST_MAILBOX_H

#include <stdbool.h>

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

/// How a call that ended with an exit came back, as a reply.
static inline struct pal_reply pal_reply_of(const struct pal_call *_Nonnull call) {
    struct pal_reply reply = {{call->result[0], call->result[1]}, call->float_result, call->status, call->error_code,
                              call->error, 0, 0};
    return reply;
}
static inline struct pal_reply pal_call_reply(const struct pal_mailbox *_Nonnull mailbox) {
    return pal_reply_of(&mailbox->call);
}
/// How a call of a batch came back that the entry code has gone on from: well. One that fails ends the entry, and is
/// `pal_call_reply`; a status that is found here is nothing the entry code wrote.
static inline struct pal_reply pal_batched_reply(const struct pal_batch_call *_Nonnull batched) {
    struct pal_reply reply = pal_reply_of(&batched->call);
    reply.status = PAL_CALL_OK;
    return reply;
}

/// The data area's `index`th call of a batch, in the host.
static inline struct pal_batch_call *_Nonnull pal_batch_call_at(void *_Nonnull data, uint64_t index) {
    return (struct pal_batch_call *)data + index;
}
static inline void pal_prepare_batched(struct pal_batch_call *_Nonnull batched, uint64_t function, uint64_t context,
                                       uint64_t stack_count, bool copies_result) {
    batched->call.function = function;
    batched->call.context = context;
    batched->call.stack_count = stack_count;
    batched->call.status = PAL_CALL_OK;
    batched->flags = copies_result ? PAL_BATCH_COPY_RESULT : 0;
}
static inline uint64_t *_Nonnull pal_batch_integers(struct pal_batch_call *_Nonnull batched) {
    return batched->call.integers;
}
static inline uint64_t *_Nonnull pal_batch_floats(struct pal_batch_call *_Nonnull batched) {
    return batched->call.floats;
}
static inline uint64_t *_Nonnull pal_batch_stack(struct pal_batch_call *_Nonnull batched) { return batched->call.stack; }

/// The constants every guest has: an XSAVE image that initialises everything (XSTATE_BV = 0; MXCSR is loaded even
/// then: Intel SDM vol. 1, 13.8.1) and the ABI version. Entropy comes from `pal_entropy_refresh`.
void pal_initialize_constants(struct pal_constants *_Nonnull constants);

#endif
