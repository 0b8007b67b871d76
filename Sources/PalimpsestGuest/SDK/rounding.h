// Exact numbers to the nearest of a floating-point format: shared by reading numbers and by fused multiply-add.
#ifndef PALIMPSEST_ROUNDING_H
#define PALIMPSEST_ROUNDING_H

#include "runtime.h"

// An IEEE 754 binary format.
struct float_format {
    int precision;          // bits of a significand, the one that is not written included
    int smallest_exponent;  // of normal numbers: their value is at least 2^this
    int bit_count;
};

static const struct float_format half_format = {11, -14, 16};
static const struct float_format float_format = {24, -126, 32};
static const struct float_format double_format = {53, -1022, 64};

static inline uint64_t sign_bit(const struct float_format *format) { return 1ull << (format->bit_count - 1); }

// Everything but the sign and the fraction.
static inline uint64_t infinity_bits(const struct float_format *format) {
    return sign_bit(format) - (1ull << (format->precision - 1));
}

// The format's bits for `significand` * 2^`exponent`, and a little more than that if `is_more`: the nearest number, of
// two as near the even one. The significand's uppermost bit is set.
static inline uint64_t rounded(const struct float_format *format, uint64_t significand, int64_t exponent,
                               _Bool is_more) {
    int64_t leading = exponent + 63 - format->smallest_exponent;  // 0 for the smallest normal numbers
    int64_t shift = 64 - format->precision + (leading < 0 ? -leading : 0);
    if (shift > 64) return 0;
    uint64_t kept = shift < 64 ? significand >> shift : 0;
    uint64_t rest = significand << (64 - shift);
    const uint64_t half = 1ull << 63;
    if (rest > half || (rest == half && (is_more || (kept & 1)))) kept++;
    // A normal number's uppermost bit is not written: adding it counts the exponent up. So does a carry out of `kept`.
    uint64_t limit = infinity_bits(format);
    if (leading > (int64_t)(limit >> (format->precision - 1))) return limit;
    uint64_t bits = ((uint64_t)(leading < 0 ? 0 : leading) << (format->precision - 1)) + kept;
    return bits < limit ? bits : limit;
}

#endif
