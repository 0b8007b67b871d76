// A guest that goes wherever its caller says: faults, results, messages and host calls with any address and any length.
#include "palimpsest.h"

PALIMPSEST_EXPORT(void, jump, uint64);
PALIMPSEST_EXPORT(void, returnTo, uint64, uint64);
PALIMPSEST_EXPORT(void, framesAt, uint64, uint64);
PALIMPSEST_EXPORT(void, stackAt, uint64);
PALIMPSEST_EXPORT(uint64, load, uint64);
PALIMPSEST_EXPORT(void, store, uint64, uint64);
PALIMPSEST_EXPORT(bytes, lend, uint64, uint64);
PALIMPSEST_EXPORT(string, lendText, uint64, uint64);
PALIMPSEST_EXPORT(void, say, uint32, uint64, uint64);
PALIMPSEST_EXPORT(void, fail, uint64, uint64, uint32);
PALIMPSEST_EXPORT(void, giveUp, uint64, uint64);
PALIMPSEST_EXPORT(uint32, callHost, uint64, uint64, uint64, uint64);
PALIMPSEST_EXPORT(uint32, join, uint64, uint64, uint64, uint64);

void jump(pal_uint64 address) { __asm__ volatile("jmp *%0" ::"r"(address)); }

// Returns, a frame pointer of the caller's choice in RBP.
void returnTo(pal_uint64 address, pal_uint64 frame) {
    __asm__ volatile("movq %1, %%rbp; pushq %0; ret" ::"r"(address), "r"(frame));
}

// Faults behind a frame made by hand: a chain that leads to `next`, a return address that is anywhere.
void framesAt(pal_uint64 next, pal_uint64 caller) {
    __asm__ volatile("pushq %1; pushq %0; movq %%rsp, %%rbp; ud2" ::"r"(next), "r"(caller));
}

void stackAt(pal_uint64 address) { __asm__ volatile("movq %0, %%rsp; pushq %0" ::"r"(address)); }
pal_uint64 load(pal_uint64 address) { return *(volatile pal_uint64 *)address; }
void store(pal_uint64 address, pal_uint64 value) { *(volatile pal_uint64 *)address = value; }

pal_bytes lend(pal_uint64 address, pal_uint64 count) { return (pal_bytes){(uint8_t *)address, count}; }
pal_string lendText(pal_uint64 address, pal_uint64 count) { return (pal_string){(const char *)address, count}; }

void say(pal_uint32 level, pal_uint64 address, pal_uint64 count) { pal_log(level, lendText(address, count)); }
void fail(pal_uint64 address, pal_uint64 count, pal_uint32 code) { pal_fail(lendText(address, count), code); }
void giveUp(pal_uint64 address, pal_uint64 count) { pal_abort(lendText(address, count)); }

pal_uint32 callHost(pal_uint64 name, pal_uint64 nameCount, pal_uint64 signature, pal_uint64 signatureCount) {
    struct pal_span arguments[PAL_MAX_ARGUMENTS] = {0}, result;
    return pal_call_host(lendText(name, nameCount), lendText(signature, signatureCount), arguments, &result);
}

// The host's `join`, with a text and bytes that may be nowhere.
pal_uint32 join(pal_uint64 text, pal_uint64 textCount, pal_uint64 bytes, pal_uint64 count) {
    struct pal_span arguments[3] = {{text, textCount}, {bytes, count}, {0}}, result;
    return pal_call_host(PAL_STRING("join"), PAL_STRING("ttyd"), arguments, &result);
}
