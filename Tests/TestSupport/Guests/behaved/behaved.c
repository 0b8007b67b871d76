// A guest that does what it is asked: every type, every way in and out.
#include "palimpsest.h"

PALIMPSEST_EXPORT(bool, echoBool, bool);
PALIMPSEST_EXPORT(int8, echoInt8, int8);
PALIMPSEST_EXPORT(uint8, echoUInt8, uint8);
PALIMPSEST_EXPORT(int16, echoInt16, int16);
PALIMPSEST_EXPORT(uint16, echoUInt16, uint16);
PALIMPSEST_EXPORT(int32, echoInt32, int32);
PALIMPSEST_EXPORT(uint32, echoUInt32, uint32);
PALIMPSEST_EXPORT(int64, echoInt64, int64);
PALIMPSEST_EXPORT(uint64, echoUInt64, uint64);
PALIMPSEST_EXPORT(float, echoFloat, float);
PALIMPSEST_EXPORT(double, echoDouble, double);
PALIMPSEST_EXPORT(string, echoString, string);
PALIMPSEST_EXPORT(bytes, echoBytes, bytes);
PALIMPSEST_EXPORT(void, nothing);
PALIMPSEST_EXPORT(double, twelve, int8, double, string, float, int64, bytes, uint32, double, int16, string, bool, int64);
PALIMPSEST_EXPORT(double, twelveDoubles, double, double, double, double, double, double, double, double, double, double,
                  double, double);
PALIMPSEST_EXPORT(int64, count);
PALIMPSEST_EXPORT(uint64, sumOfTable, uint64);
PALIMPSEST_EXPORT(bytes, fill, uint64, uint8);
PALIMPSEST_EXPORT(uint64, allocateUntilNull, uint64);
PALIMPSEST_EXPORT(void, fails, string, uint32);
PALIMPSEST_EXPORT(void, raises);
PALIMPSEST_EXPORT(string, endsLike, string, uint32, int64);
PALIMPSEST_EXPORT(void, writesLog, string);
PALIMPSEST_EXPORT(int64, hostAddTwice, int64, int64);
PALIMPSEST_EXPORT(string, hostJoin, string, bytes, double);
PALIMPSEST_EXPORT(uint32, hostStatus, string, string);
PALIMPSEST_EXPORT(string, hostErrorMessage);
PALIMPSEST_EXPORT(void, hostTick);
PALIMPSEST_EXPORT(uint64, random);
PALIMPSEST_EXPORT(void, spin);
PALIMPSEST_EXPORT(uint64, spinFor, uint64);
PALIMPSEST_EXPORT(void, spinInHostCalls);

PALIMPSEST_IMPORT(int64, add, int64, int64);
PALIMPSEST_IMPORT(string, join, string, bytes, double);
PALIMPSEST_IMPORT(void, tick);
PALIMPSEST_IMPORT(string, repeated, string, int64);

pal_bool echoBool(pal_bool value) { return value; }
pal_int8 echoInt8(pal_int8 value) { return value; }
pal_uint8 echoUInt8(pal_uint8 value) { return value; }
pal_int16 echoInt16(pal_int16 value) { return value; }
pal_uint16 echoUInt16(pal_uint16 value) { return value; }
pal_int32 echoInt32(pal_int32 value) { return value; }
pal_uint32 echoUInt32(pal_uint32 value) { return value; }
pal_int64 echoInt64(pal_int64 value) { return value; }
pal_uint64 echoUInt64(pal_uint64 value) { return value; }
pal_float echoFloat(pal_float value) { return value; }
pal_double echoDouble(pal_double value) { return value; }
pal_string echoString(pal_string value) { return value; }
pal_bytes echoBytes(pal_bytes value) { return value; }
void nothing(void) {}

double twelve(pal_int8 a, double b, pal_string c, float d, pal_int64 e, pal_bytes f, pal_uint32 g, double h, pal_int16 i,
              pal_string j, pal_bool k, pal_int64 l) {
    return a + b * 2 + (double)c.count * 4 + d * 8 + (double)e * 16 + (double)f.count * 32 + g * 64.0 + h * 128 +
           i * 256.0 + (double)j.count * 512 + k * 1024.0 + (double)l * 2048 + j.data[0] + f.data[0];
}

double twelveDoubles(double a, double b, double c, double d, double e, double f, double g, double h, double i, double j,
                     double k, double l) {
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j + 11 * k + 12 * l;
}

// Writable data of the image: copied on the first write, kept between calls.
static pal_int64 counter = 1000;
pal_int64 count(void) { return ++counter; }

static uint64_t table[64 * 1024] = {7};  // 128 pages of data
pal_uint64 sumOfTable(pal_uint64 stride) {
    uint64_t sum = 0;
    for (size_t index = 0; index < sizeof table / sizeof *table; index += stride) sum += table[index]++;
    return sum;
}

pal_bytes fill(pal_uint64 count, pal_uint8 value) {
    uint8_t *bytes = malloc(count);
    if (!bytes) pal_raise(PAL_STRING("no memory"), 12);
    memset(bytes, value, count);
    return (pal_bytes){bytes, count};
}

pal_uint64 allocateUntilNull(pal_uint64 size) {
    uint64_t total = 0;
    void *last = 0;
    for (;;) {
        void **block = malloc(size);
        if (!block) break;
        *block = last;
        last = block;
        total += size;
    }
    while (last) {
        void *next = *(void **)last;
        free(last);
        last = next;
    }
    return total;
}

void fails(pal_string message, pal_uint32 code) { pal_fail(message, code); }
void raises(void) { pal_raise(PAL_STRING("raised"), 5); }

// Returns the text, or fails with it and the number, or because of a host function that gets both; or handles that.
pal_string endsLike(pal_string text, pal_uint32 how, pal_int64 number) {
    struct pal_span arguments[] = {{(uint64_t)text.data, text.count}, {(uint64_t)number, 0}}, result;
    switch (how) {
        case 1: pal_fail(text, (uint32_t)number); break;
        case 2: pal_raise(text, (uint32_t)number);
        case 3: return repeated(text, number);
        case 4: pal_call_host_or_leave(text, PAL_STRING("v"), arguments); break;
        case 5: pal_call_host(PAL_STRING("repeated"), PAL_STRING("ttl"), arguments, &result); break;
    }
    return text;
}

void writesLog(pal_string text) { pal_log(PAL_LOG_NOTICE, text); }

pal_int64 hostAddTwice(pal_int64 a, pal_int64 b) { return add(add(a, b), b); }
pal_string hostJoin(pal_string a, pal_bytes b, double c) { return join(a, b, c); }
void hostTick(void) { tick(); }

// Calls a host function of that name and signature with arguments that are all zero.
pal_uint32 hostStatus(pal_string name, pal_string signature) {
    struct pal_span arguments[PAL_MAX_ARGUMENTS] = {0}, result;
    return pal_call_host(name, signature, arguments, &result);
}

pal_string hostErrorMessage(void) {
    struct pal_span result = {0};
    pal_call_host(PAL_STRING("throws"), PAL_STRING("v"), &result, &result);
    return (pal_string){(const char *)result.address, result.count};
}

pal_uint64 random(void) { return pal_random(); }

void spin(void) {
    for (;;) __asm__ volatile("pause");
}

pal_uint64 spinFor(pal_uint64 rounds) {
    for (uint64_t round = 0; round < rounds; round++) __asm__ volatile("pause");
    return rounds;
}

void spinInHostCalls(void) {
    for (;;) tick();
}
