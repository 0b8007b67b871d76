// A guest that talks: every way to the log, the honest ones and the others.
#include "palimpsest.h"

PALIMPSEST_EXPORT(void, say, uint32, string);
PALIMPSEST_EXPORT(void, flood, uint64);
PALIMPSEST_EXPORT(void, floodForever);
PALIMPSEST_EXPORT(void, putsText, bytes);
PALIMPSEST_EXPORT(void, printPart, string);
PALIMPSEST_EXPORT(void, printAndCrash, string);
PALIMPSEST_EXPORT(void, logOutside, uint64, uint64);
PALIMPSEST_EXPORT(void, claimPrinted, uint64, uint64);

void say(pal_uint32 level, pal_string text) { pal_log(level, text); }

void flood(pal_uint64 count) {
    for (uint64_t line = 0; line < count; line++) pal_log(PAL_LOG_INFO, PAL_STRING("flood"));
}

void floodForever(void) {
    for (;;) pal_log(PAL_LOG_INFO, PAL_STRING("flood"));
}

// The text ends with a zero.
void putsText(pal_bytes text) { puts((const char *)text.data); }

void printPart(pal_string text) {
    for (size_t index = 0; index < text.count; index++) putchar((unsigned char)text.data[index]);
}

void printAndCrash(pal_string text) {
    printPart(text);
    __builtin_trap();
}

void logOutside(pal_uint64 address, pal_uint64 count) {
    pal_log(PAL_LOG_TRACE, (pal_string){(const char *)address, count});
}

void claimPrinted(pal_uint64 address, pal_uint64 count) {
    pal_mailbox()->printed.address = address;
    pal_mailbox()->printed.count = count;
}
