// The functions of <math.h> that compilers call by themselves, in C and in Swift: rounding (Swift's dictionaries need
// ceil), square roots, remainders, fused multiply-add. All are exact, or correctly rounded.
#include "rounding.h"

// MARK: To integers

static const double first_integer_only = 0x1p52;

PAL_BEGIN_REPLACEABLE

// Toward zero; a double that large, an infinity or a NaN is its own answer. Keeps the sign of zero.
double trunc(double value) {
    if (!(__builtin_fabs(value) < first_integer_only)) return value;
    return __builtin_copysign((double)(int64_t)value, value);
}

double floor(double value) {
    double whole = trunc(value);
    return whole > value ? whole - 1 : whole;
}

double ceil(double value) {
    double whole = trunc(value);
    return whole < value ? whole + 1 : whole;
}

// To the nearest integer, of two as near the one that is farther from zero.
double round(double value) {
    double whole = trunc(value);
    return __builtin_fabs(value - whole) >= 0.5 ? whole + __builtin_copysign(1, value) : whole;
}

// To the nearest integer, of two as near the even one: above 2^52 a sum has no room for a fraction.
double rint(double value) {
    double size = __builtin_fabs(value);
    if (!(size < first_integer_only)) return value;
    volatile double sum = size + first_integer_only;
    return __builtin_copysign(sum - first_integer_only, value);
}

double nearbyint(double value) { return rint(value); }
double roundeven(double value) { return rint(value); }

float truncf(float value) { return (float)trunc(value); }
float floorf(float value) { return (float)floor(value); }
float ceilf(float value) { return (float)ceil(value); }
float roundf(float value) { return (float)round(value); }
float rintf(float value) { return (float)rint(value); }
float nearbyintf(float value) { return (float)rint(value); }
float roundevenf(float value) { return (float)rint(value); }

// MARK: Square roots

double sqrt(double value) {
    __asm__("sqrtsd %0, %0" : "+x"(value));
    return value;
}

float sqrtf(float value) {
    __asm__("sqrtss %0, %0" : "+x"(value));
    return value;
}

// MARK: Remainders

// The x87 takes off at most 63 bits of the quotient at a time, and says so in its flag C2. Its remainders are exact.
#define X87_REMAINDER(instruction, left, right)                                                              \
    ({                                                                                                       \
        long double remainder = (left);                                                                      \
        __asm__("1: " instruction "; fnstsw %%ax; testb $4, %%ah; jnz 1b"                                   \
                : "+t"(remainder)                                                                            \
                : "u"((long double)(right))                                                                  \
                : "ax", "cc");                                                                               \
        remainder;                                                                                           \
    })

// Of the quotient rounded toward zero.
double fmod(double left, double right) { return (double)X87_REMAINDER("fprem", left, right); }
float fmodf(float left, float right) { return (float)X87_REMAINDER("fprem", left, right); }
long double fmodl(long double left, long double right) { return X87_REMAINDER("fprem", left, right); }

// Of the quotient rounded to the nearest integer. A zero has the dividend's sign.
long double remainderl(long double left, long double right) {
    long double result = X87_REMAINDER("fprem1", left, right);
    return result == 0 ? __builtin_copysignl(0, left) : result;
}

double remainder(double left, double right) { return (double)remainderl(left, right); }
float remainderf(float left, float right) { return (float)remainderl(left, right); }

// MARK: The larger and the smaller; a NaN is neither

double fmax(double left, double right) { return left >= right || right != right ? left : right; }
double fmin(double left, double right) { return left <= right || right != right ? left : right; }
float fmaxf(float left, float right) { return left >= right || right != right ? left : right; }
float fminf(float left, float right) { return left <= right || right != right ? left : right; }
long double fmaxl(long double left, long double right) { return left >= right || right != right ? left : right; }
long double fminl(long double left, long double right) { return left <= right || right != right ? left : right; }

// MARK: Parts; the compiler's complex division needs them

long double logbl(long double value) {
    long double exponent;
    __asm__("fxtract; fstp %%st(0)" : "=t"(exponent) : "0"(value));
    return exponent;
}

long double scalbnl(long double value, int exponent) {
    __asm__("fscale" : "+t"(value) : "u"((long double)exponent));
    return value;
}

PAL_END_REPLACEABLE

// MARK: Fused multiply-add

// A number other than zero, infinity and NaN: `significand` * 2^`exponent`, the significand's bit 125 its uppermost.
struct unpacked {
    _Bool is_negative;
    unsigned __int128 significand;
    int exponent;
};

enum { TOP = 125 };

static int leading_zeros(unsigned __int128 number) {
    uint64_t upper = (uint64_t)(number >> 64);
    return upper ? __builtin_clzll(upper) : 64 + __builtin_clzll((uint64_t)number);
}

static struct unpacked normal(_Bool is_negative, unsigned __int128 significand, int exponent) {
    int shift = leading_zeros(significand) - (127 - TOP);
    return (struct unpacked){is_negative, significand << shift, exponent - shift};
}

// The bits of a double's significand, and where the lowest of them stands.
static uint64_t significand_of(double value, int *exponent) {
    uint64_t bits = __builtin_bit_cast(uint64_t, value);
    int biased = (int)(bits >> 52 & 0x7ff);
    *exponent = (biased ? biased : 1) - 1075;
    return (bits & ((1ull << 52) - 1)) | (biased ? 1ull << 52 : 0);
}

static _Bool is_negative(double value) { return __builtin_bit_cast(uint64_t, value) >> 63; }

static struct unpacked product(double left, double right) {
    int one, other;
    unsigned __int128 significand = (unsigned __int128)significand_of(left, &one) * significand_of(right, &other);
    return normal(is_negative(left) != is_negative(right), significand, one + other);
}

static struct unpacked unpack(double value) {
    int exponent;
    uint64_t significand = significand_of(value, &exponent);
    return normal(is_negative(value), significand, exponent);
}

// The sum to the nearest of the format's numbers. What is shifted out of the smaller one is kept as its lowest bit: more
// than that it is not worth, since the sum only loses its upper bits if nearly nothing was shifted out.
static uint64_t sum(struct unpacked one, struct unpacked other, const struct float_format *format) {
    if (one.exponent < other.exponent || (one.exponent == other.exponent && one.significand < other.significand)) {
        struct unpacked smaller = one;
        one = other;
        other = smaller;
    }
    int shift = one.exponent - other.exponent;
    unsigned __int128 small = shift <= TOP ? other.significand >> shift : 0;
    if (shift > 0 && (shift > TOP || other.significand << (128 - shift))) small |= 1;
    unsigned __int128 total =
        one.is_negative == other.is_negative ? one.significand + small : one.significand - small;
    if (total == 0) return 0;
    int zeros = leading_zeros(total);
    total <<= zeros;
    uint64_t bits = rounded(format, (uint64_t)(total >> 64), one.exponent + 64 - zeros, (uint64_t)total != 0);
    return bits | (one.is_negative ? sign_bit(format) : 0);
}

// Whether an ordinary product and sum cannot be wrong, since there is nothing to be rounded twice.
static _Bool is_simple(double left, double right, double addend, double *result) {
    const double infinity = __builtin_inf();
    _Bool is_finite = __builtin_fabs(left) < infinity && __builtin_fabs(right) < infinity;
    if (is_finite && !(__builtin_fabs(addend) < infinity)) {
        *result = addend + addend;  // the product alone may overflow, but is finite
        return 1;
    }
    if (is_finite && left != 0 && right != 0) return 0;
    *result = left * right + addend;
    return 1;
}

static uint64_t fused(double left, double right, double addend, const struct float_format *format) {
    struct unpacked one = product(left, right);
    if (addend != 0) return sum(one, unpack(addend), format);
    // A product too small for the format keeps its sign, whatever zero is added.
    uint64_t bits = rounded(format, (uint64_t)(one.significand << (127 - TOP) >> 64), one.exponent + TOP - 63,
                            (uint64_t)(one.significand << (127 - TOP)) != 0);
    return bits | (one.is_negative ? sign_bit(format) : 0);
}

PAL_BEGIN_REPLACEABLE

double fma(double left, double right, double addend) {
    double result;
    if (is_simple(left, right, addend, &result)) return result;
    return __builtin_bit_cast(double, fused(left, right, addend, &double_format));
}

float fmaf(float left, float right, float addend) {
    double result;
    if (is_simple(left, right, addend, &result)) return (float)result;
    return __builtin_bit_cast(float, (uint32_t)fused(left, right, addend, &float_format));
}

PAL_END_REPLACEABLE
