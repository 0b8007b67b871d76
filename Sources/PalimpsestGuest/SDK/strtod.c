// Text to floating-point numbers: C's strtod in the C locale, and what Swift's `Double(_: String)` and its like call.
//
// Every result is the nearest number to what is written, however long it is: decimal digits are one large integer, times
// or divided by a power of ten, to 64 bits and whether anything is left.
#include "rounding.h"

// MARK: Large integers

// More digits than these can only say that a number is a little above what the first ones say: the numbers half way
// between two doubles have 767 at most.
enum { MAX_DIGITS = 800 };

// Numbers of a larger or smaller decimal exponent are infinity or zero in all formats.
enum { MAX_DECIMAL_EXPONENT = 310, MIN_DECIMAL_EXPONENT = -345 };

// The largest is what is divided by 10^(MAX_DIGITS - MIN_DECIMAL_EXPONENT), and has 66 bits more than that.
enum { MAX_WORDS = 64 };

// The lowest word first; the last one is not 0.
struct large {
    int count;
    uint64_t words[MAX_WORDS];
};

static void multiply(struct large *number, uint64_t factor, uint64_t carry) {
    for (int index = 0; index < number->count; index++) {
        unsigned __int128 product = (unsigned __int128)number->words[index] * factor + carry;
        number->words[index] = (uint64_t)product;
        carry = (uint64_t)(product >> 64);
    }
    if (carry) number->words[number->count++] = carry;
}

// Returns the remainder.
static uint64_t divide(struct large *number, uint64_t divisor) {
    uint64_t remainder = 0;
    for (int index = number->count; index-- > 0;) {
        __asm__("divq %2" : "+a"(number->words[index]), "+d"(remainder) : "r"(divisor) : "cc");
    }
    while (number->count > 0 && number->words[number->count - 1] == 0) number->count--;
    return remainder;
}

static void shift_up(struct large *number, int word_count) {
    memmove(number->words + word_count, number->words, (size_t)number->count * sizeof *number->words);
    memset(number->words, 0, (size_t)word_count * sizeof *number->words);
    number->count += word_count;
}

static const uint64_t powers_of_ten[] = {
    1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000,
    1000000000000, 10000000000000, 100000000000000, 1000000000000000, 10000000000000000, 100000000000000000,
    1000000000000000000, 10000000000000000000u,
};
enum { LARGEST_POWER = 19 };

// MARK: Decimal numbers

// `number` * 10^`exponent`; the number is not 0.
static uint64_t from_decimal(struct large *number, int64_t exponent, const struct float_format *format) {
    int binary_exponent = 0;
    _Bool is_more = 0;
    for (; exponent > 0; exponent -= exponent < LARGEST_POWER ? exponent : LARGEST_POWER) {
        multiply(number, powers_of_ten[exponent < LARGEST_POWER ? exponent : LARGEST_POWER], 0);
    }
    if (exponent < 0) {
        // Each division by 10^19 takes off less than a word. Two words more than that are left.
        int word_count = (int)(-exponent / LARGEST_POWER) + 3 - number->count;
        if (word_count > 0) {
            shift_up(number, word_count);
            binary_exponent -= 64 * word_count;
        }
        for (; exponent < 0; exponent += exponent > -LARGEST_POWER ? -exponent : LARGEST_POWER) {
            is_more |= divide(number, powers_of_ten[exponent > -LARGEST_POWER ? -exponent : LARGEST_POWER]) != 0;
        }
    }
    int last = number->count - 1;
    int zeros = __builtin_clzll(number->words[last]);
    uint64_t significand = number->words[last] << zeros;
    if (last > 0 && zeros > 0) significand |= number->words[last - 1] >> (64 - zeros);
    if (last > 0) is_more |= number->words[last - 1] << zeros != 0;
    for (int index = 0; index < last - 1; index++) is_more |= number->words[index] != 0;
    return rounded(format, significand, binary_exponent + 64 * last - zeros, is_more);
}

static _Bool is_digit(char character) { return character >= '0' && character <= '9'; }

// Reads what follows an `e` or `p`, or leaves `*text` where it is if that is no exponent.
static int64_t exponent_at(const char **text) {
    const char *next = *text + 1;
    _Bool is_negative = *next == '-';
    if (*next == '-' || *next == '+') next++;
    if (!is_digit(*next)) return 0;
    int64_t exponent = 0;
    // Large enough to outweigh the digits of any text.
    for (; is_digit(*next); next++) {
        if (exponent < 100000000000000000) exponent = exponent * 10 + (*next - '0');
    }
    *text = next;
    return is_negative ? -exponent : exponent;
}

static char lower(char character) { return character >= 'A' && character <= 'Z' ? character + 32 : character; }

// The bits of the number that begins at `text`; `*end` is behind it, or where it was if there is none.
static uint64_t decimal(const char *text, const char **end, const struct float_format *format) {
    struct large number = {0};
    uint64_t some = 0;  // digits that are not in `number` yet
    int some_count = 0, digit_count = 0;
    int64_t exponent = 0;
    _Bool has_digits = 0, has_point = 0, is_more = 0;
    for (;; text++) {
        if (*text == '.' && !has_point) {
            has_point = 1;
            continue;
        }
        if (!is_digit(*text)) break;
        has_digits = 1;
        exponent -= has_point;
        if (*text == '0' && digit_count == 0) continue;
        if (digit_count == MAX_DIGITS) {
            exponent++;
            is_more |= *text != '0';
            continue;
        }
        digit_count++;
        some = some * 10 + (uint64_t)(*text - '0');
        if (++some_count < LARGEST_POWER) continue;
        multiply(&number, powers_of_ten[some_count], some);
        some = 0;
        some_count = 0;
    }
    if (!has_digits) return 0;
    if (lower(*text) == 'e') exponent += exponent_at(&text);
    *end = text;
    multiply(&number, powers_of_ten[some_count], some);
    if (digit_count == 0 || digit_count + exponent < MIN_DECIMAL_EXPONENT) return 0;
    if (digit_count + exponent > MAX_DECIMAL_EXPONENT) return infinity_bits(format);
    if (is_more) {
        multiply(&number, 10, 1);
        exponent--;
    }
    return from_decimal(&number, exponent, format);
}

// MARK: Hexadecimal numbers

static int hexadecimal_digit(char character) {
    if (is_digit(character)) return character - '0';
    character = lower(character);
    return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

// The same for a number that begins with "0x"; `text` is behind that.
static uint64_t hexadecimal(const char *text, const char **end, const struct float_format *format) {
    uint64_t significand = 0;
    int64_t exponent = 0;
    _Bool has_digits = 0, has_point = 0, is_more = 0;
    for (;; text++) {
        if (*text == '.' && !has_point) {
            has_point = 1;
            continue;
        }
        int digit = hexadecimal_digit(*text);
        if (digit < 0) break;
        has_digits = 1;
        exponent -= has_point ? 4 : 0;
        if (significand >> 60) {
            exponent += 4;
            is_more |= digit != 0;
        } else {
            significand = significand << 4 | (uint64_t)digit;
        }
    }
    if (!has_digits) return 0;
    if (lower(*text) == 'p') exponent += exponent_at(&text);
    *end = text;
    if (significand == 0) return 0;
    int zeros = __builtin_clzll(significand);
    return rounded(format, significand << zeros, exponent - zeros, is_more);
}

// MARK: Infinity and NaN

// Whether `text` begins with `word`, in capitals or not.
static _Bool begins_with(const char *text, const char *word) {
    while (*word && lower(*text) == *word) text++, word++;
    return !*word;
}

static _Bool is_word_character(char character) {
    return is_digit(character) || character == '_' || (lower(character) >= 'a' && lower(character) <= 'z');
}

// A NaN's number, as in "nan(0x12)": decimal, octal or hexadecimal; 0 for anything else.
static uint64_t payload(const char *text, const char *end) {
    uint64_t base = 10;
    if (text < end && *text == '0') {
        base = 8;
        if (text + 2 < end && lower(text[1]) == 'x') {
            base = 16;
            text += 2;
        }
    }
    uint64_t number = 0;
    _Bool is_large = 0;
    for (; text < end; text++) {
        int digit = hexadecimal_digit(*text);
        if (digit < 0 || (uint64_t)digit >= base) return 0;
        is_large |= __builtin_mul_overflow(number, base, &number);
        is_large |= __builtin_add_overflow(number, (uint64_t)digit, &number);
    }
    return is_large ? UINT64_MAX : number;
}

static uint64_t not_a_number(const char *text, const char **end, const struct float_format *format) {
    uint64_t quiet = 1ull << (format->precision - 2);
    uint64_t bits = infinity_bits(format) | quiet;
    *end = text + 3;
    if (text[3] != '(') return bits;
    const char *last = text + 4;
    while (is_word_character(*last)) last++;
    if (*last != ')') return bits;
    *end = last + 1;
    return bits | (payload(text + 4, last) & (quiet - 1));
}

// MARK: What others call

static uint64_t read_number(const char *text, const char **end, const struct float_format *format) {
    *end = text;
    const char *first = text;
    while (*first == ' ' || (*first >= '\t' && *first <= '\r')) first++;
    uint64_t sign = *first == '-' ? sign_bit(format) : 0;
    if (*first == '-' || *first == '+') first++;
    if (begins_with(first, "inf")) {
        *end = first + (begins_with(first, "infinity") ? 8 : 3);
        return sign | infinity_bits(format);
    }
    if (begins_with(first, "nan")) return sign | not_a_number(first, end, format);
    if (begins_with(first, "0x")) {
        uint64_t bits = hexadecimal(first + 2, end, format);
        if (*end != text) return sign | bits;
        // "0x" and no digit: a zero.
    }
    uint64_t bits = decimal(first, end, format);
    return *end == text ? 0 : sign | bits;
}

PAL_BEGIN_REPLACEABLE

double strtod(const char *restrict text, char **restrict end) {
    const char *last;
    uint64_t bits = read_number(text, &last, &double_format);
    if (end) *end = (char *)last;
    return __builtin_bit_cast(double, bits);
}

float strtof(const char *restrict text, char **restrict end) {
    const char *last;
    uint64_t bits = read_number(text, &last, &float_format);
    if (end) *end = (char *)last;
    return __builtin_bit_cast(float, (uint32_t)bits);
}

PAL_END_REPLACEABLE

// Swift's have a signalling NaN as well, which must be all of the text, and which no sign changes.
static const char *read_for_swift(const char *text, uint64_t *bits, const struct float_format *format) {
    const char *word = *text == '-' || *text == '+' ? text + 1 : text;
    if (begins_with(word, "snan") && !word[4]) {
        *bits = infinity_bits(format) | 1ull << (format->precision - 3);
        return word + 4;
    }
    const char *end;
    *bits = read_number(text, &end, format);
    return end;
}

const char *_swift_stdlib_strtod_clocale(const char *text, double *result) {
    uint64_t bits;
    const char *end = read_for_swift(text, &bits, &double_format);
    *result = __builtin_bit_cast(double, bits);
    return end;
}

const char *_swift_stdlib_strtof_clocale(const char *text, float *result) {
    uint64_t bits;
    const char *end = read_for_swift(text, &bits, &float_format);
    *result = __builtin_bit_cast(float, (uint32_t)bits);
    return end;
}

// The result is a Float16, by its bits.
const char *_swift_stdlib_strtof16_clocale(const char *text, uint16_t *result) {
    uint64_t bits;
    const char *end = read_for_swift(text, &bits, &half_format);
    *result = (uint16_t)bits;
    return end;
}
