// Everything that talks to the host: host functions, errors, log.
#include "runtime.h"

uint32_t pal_call_host(pal_string name, pal_string signature, const struct pal_span *arguments,
                       struct pal_span *result) {
    volatile struct pal_host_call *call = &pal_mailbox()->host_call;
    call->name.address = (uint64_t)name.data;
    call->name.count = name.count;
    call->signature.address = (uint64_t)signature.data;
    call->signature.count = signature.count;
    for (size_t index = 0; index + 1 < signature.count && index < PAL_MAX_ARGUMENTS; index++) {
        call->arguments[index].address = arguments[index].address;
        call->arguments[index].count = arguments[index].count;
    }
    PAL_OUT(PAL_PORT_HOST_CALL);
    result->address = call->result.address;
    result->count = call->result.count;
    return call->status;
}

struct pal_span pal_call_host_or_leave(pal_string name, pal_string signature, const struct pal_span *arguments) {
    struct pal_span result;
    if (pal_call_host(name, signature, arguments, &result) != PAL_HOST_OK) pal_leave_with_host_error();
    return result;
}

// Leaves the call at once: the next one starts with a fresh stack.
[[noreturn]] static void leave(void) {
    PAL_OUT(PAL_PORT_RETURN);
    __builtin_trap();
}

void pal_leave_with_host_error(void) {
    pal_mailbox()->call.status = PAL_CALL_HOST_ERROR;
    leave();
}

void pal_fail(pal_string message, uint32_t code) {
    volatile struct pal_call *call = &pal_mailbox()->call;
    call->error.address = (uint64_t)message.data;
    call->error.count = message.count;
    call->error_code = code;
    call->status = PAL_CALL_ERROR;
}

void pal_raise(pal_string message, uint32_t code) {
    pal_fail(message, code);
    leave();
}

static void send(pal_string text, uint32_t level) {
    volatile struct pal_message *message = &pal_mailbox()->message;
    message->text.address = (uint64_t)text.data;
    message->text.count = text.count;
    message->level = level;
}

void pal_log(uint32_t level, pal_string text) {
    send(text, level);
    PAL_OUT(PAL_PORT_LOG);
}

void pal_abort(pal_string message) {
    send(message, PAL_LOG_CRITICAL);
    PAL_OUT(PAL_PORT_ABORT);
    __builtin_trap();
}

void abort(void) { pal_abort(PAL_STRING("abort() called")); }

// What a program prints goes to the log, a line at a time. How much of a line there is, is in the mailbox: the host logs
// that when the call ends.
static char line[PAL_MAX_MESSAGE_BYTES];

static void send_line(volatile struct pal_span *printed) {
    pal_log(PAL_LOG_INFO, (pal_string){line, printed->count});
    printed->count = 0;
}

int putchar(int character) {
    volatile struct pal_span *printed = &pal_mailbox()->printed;
    // A line that is too long is cut before a character, never within its bytes.
    int continues = (character & 0xc0) == 0x80;
    size_t room = continues ? sizeof line : sizeof line - 3;
    if (printed->count >= room && character != '\n') send_line(printed);
    if (character == '\n') {
        send_line(printed);
    } else {
        printed->address = (uint64_t)line;
        line[printed->count] = (char)character;
        printed->count = printed->count + 1;
    }
    return (unsigned char)character;
}

int puts(const char *text) {
    while (*text) putchar((unsigned char)*text++);
    putchar('\n');
    return 0;
}
