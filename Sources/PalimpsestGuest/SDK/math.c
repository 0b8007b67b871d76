// The rounding functions that compilers call; Swift's dictionaries need ceil.
#include "runtime.h"

static const double first_integer_only = 0x1p52;

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

float truncf(float value) { return (float)trunc(value); }
float floorf(float value) { return (float)floor(value); }
float ceilf(float value) { return (float)ceil(value); }
