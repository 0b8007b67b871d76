// What PALIMPSEST_EXPORT and PALIMPSEST_IMPORT are made of: per type its C type, its ABI character and its
// conversions; and lists of up to 12 arguments.
#ifndef PALIMPSEST_MACROS_H
#define PALIMPSEST_MACROS_H

// The C type.
#define PAL_C_void void
#define PAL_C_bool pal_bool
#define PAL_C_int8 pal_int8
#define PAL_C_uint8 pal_uint8
#define PAL_C_int16 pal_int16
#define PAL_C_uint16 pal_uint16
#define PAL_C_int32 pal_int32
#define PAL_C_uint32 pal_uint32
#define PAL_C_int64 pal_int64
#define PAL_C_uint64 pal_uint64
#define PAL_C_float pal_float
#define PAL_C_double pal_double
#define PAL_C_string pal_string
#define PAL_C_bytes pal_bytes

// The ABI's character, as a string.
#define PAL_CODE_void "v"
#define PAL_CODE_bool "b"
#define PAL_CODE_int8 "c"
#define PAL_CODE_uint8 "C"
#define PAL_CODE_int16 "s"
#define PAL_CODE_uint16 "S"
#define PAL_CODE_int32 "i"
#define PAL_CODE_uint32 "I"
#define PAL_CODE_int64 "l"
#define PAL_CODE_uint64 "L"
#define PAL_CODE_float "f"
#define PAL_CODE_double "d"
#define PAL_CODE_string "t"
#define PAL_CODE_bytes "y"

// A value as a host call's argument.
#define PAL_TO_SPAN_bool(value) {(uint64_t)(value), 0}
#define PAL_TO_SPAN_int8(value) {(uint64_t)(value), 0}
#define PAL_TO_SPAN_uint8(value) {(uint64_t)(value), 0}
#define PAL_TO_SPAN_int16(value) {(uint64_t)(value), 0}
#define PAL_TO_SPAN_uint16(value) {(uint64_t)(value), 0}
#define PAL_TO_SPAN_int32(value) {(uint64_t)(value), 0}
#define PAL_TO_SPAN_uint32(value) {(uint64_t)(value), 0}
#define PAL_TO_SPAN_int64(value) {(uint64_t)(value), 0}
#define PAL_TO_SPAN_uint64(value) {(uint64_t)(value), 0}
#define PAL_TO_SPAN_float(value) {__builtin_bit_cast(uint32_t, (value)), 0}
#define PAL_TO_SPAN_double(value) {__builtin_bit_cast(uint64_t, (value)), 0}
#define PAL_TO_SPAN_string(value) {(uint64_t)(value).data, (value).count}
#define PAL_TO_SPAN_bytes(value) {(uint64_t)(value).data, (value).count}

// A host call's result as a value.
#define PAL_FROM_SPAN_void(span) (void)(span)
#define PAL_FROM_SPAN_bool(span) (pal_bool)(span).address
#define PAL_FROM_SPAN_int8(span) (pal_int8)(span).address
#define PAL_FROM_SPAN_uint8(span) (pal_uint8)(span).address
#define PAL_FROM_SPAN_int16(span) (pal_int16)(span).address
#define PAL_FROM_SPAN_uint16(span) (pal_uint16)(span).address
#define PAL_FROM_SPAN_int32(span) (pal_int32)(span).address
#define PAL_FROM_SPAN_uint32(span) (pal_uint32)(span).address
#define PAL_FROM_SPAN_int64(span) (pal_int64)(span).address
#define PAL_FROM_SPAN_uint64(span) (pal_uint64)(span).address
#define PAL_FROM_SPAN_float(span) __builtin_bit_cast(float, (uint32_t)(span).address)
#define PAL_FROM_SPAN_double(span) __builtin_bit_cast(double, (span).address)
#define PAL_FROM_SPAN_string(span) (pal_string){(const char *)(span).address, (span).count}
#define PAL_FROM_SPAN_bytes(span) (pal_bytes){(const uint8_t *)(span).address, (span).count}

// Lists: PAL_LIST(each, types...) is each(type, index) for every type, with commas between.
#define PAL_SELECT(_0, _1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, chosen, ...) chosen
#define PAL_LIST(each, ...)                                                                            \
    PAL_SELECT(each __VA_OPT__(, ) __VA_ARGS__, PAL_LIST12, PAL_LIST11, PAL_LIST10, PAL_LIST9, PAL_LIST8, PAL_LIST7, \
               PAL_LIST6, PAL_LIST5, PAL_LIST4, PAL_LIST3, PAL_LIST2, PAL_LIST1, PAL_LIST0, )                        \
    (each __VA_OPT__(, ) __VA_ARGS__)
#define PAL_SEQUENCE(each, ...)                                                                        \
    PAL_SELECT(each __VA_OPT__(, ) __VA_ARGS__, PAL_SEQUENCE12, PAL_SEQUENCE11, PAL_SEQUENCE10, PAL_SEQUENCE9,       \
               PAL_SEQUENCE8, PAL_SEQUENCE7, PAL_SEQUENCE6, PAL_SEQUENCE5, PAL_SEQUENCE4, PAL_SEQUENCE3,             \
               PAL_SEQUENCE2, PAL_SEQUENCE1, PAL_SEQUENCE0, )                                                        \
    (each __VA_OPT__(, ) __VA_ARGS__)

#define PAL_LIST0(each) 
#define PAL_LIST1(each, t0) each(t0, 0)
#define PAL_LIST2(each, t0, t1) each(t0, 0), each(t1, 1)
#define PAL_LIST3(each, t0, t1, t2) each(t0, 0), each(t1, 1), each(t2, 2)
#define PAL_LIST4(each, t0, t1, t2, t3) each(t0, 0), each(t1, 1), each(t2, 2), each(t3, 3)
#define PAL_LIST5(each, t0, t1, t2, t3, t4) each(t0, 0), each(t1, 1), each(t2, 2), each(t3, 3), each(t4, 4)
#define PAL_LIST6(each, t0, t1, t2, t3, t4, t5) each(t0, 0), each(t1, 1), each(t2, 2), each(t3, 3), each(t4, 4), each(t5, 5)
#define PAL_LIST7(each, t0, t1, t2, t3, t4, t5, t6) each(t0, 0), each(t1, 1), each(t2, 2), each(t3, 3), each(t4, 4), each(t5, 5), each(t6, 6)
#define PAL_LIST8(each, t0, t1, t2, t3, t4, t5, t6, t7) each(t0, 0), each(t1, 1), each(t2, 2), each(t3, 3), each(t4, 4), each(t5, 5), each(t6, 6), each(t7, 7)
#define PAL_LIST9(each, t0, t1, t2, t3, t4, t5, t6, t7, t8) each(t0, 0), each(t1, 1), each(t2, 2), each(t3, 3), each(t4, 4), each(t5, 5), each(t6, 6), each(t7, 7), each(t8, 8)
#define PAL_LIST10(each, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9) each(t0, 0), each(t1, 1), each(t2, 2), each(t3, 3), each(t4, 4), each(t5, 5), each(t6, 6), each(t7, 7), each(t8, 8), each(t9, 9)
#define PAL_LIST11(each, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10) each(t0, 0), each(t1, 1), each(t2, 2), each(t3, 3), each(t4, 4), each(t5, 5), each(t6, 6), each(t7, 7), each(t8, 8), each(t9, 9), each(t10, 10)
#define PAL_LIST12(each, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11) each(t0, 0), each(t1, 1), each(t2, 2), each(t3, 3), each(t4, 4), each(t5, 5), each(t6, 6), each(t7, 7), each(t8, 8), each(t9, 9), each(t10, 10), each(t11, 11)

#define PAL_SEQUENCE0(each) 
#define PAL_SEQUENCE1(each, t0) each(t0, 0)
#define PAL_SEQUENCE2(each, t0, t1) each(t0, 0) each(t1, 1)
#define PAL_SEQUENCE3(each, t0, t1, t2) each(t0, 0) each(t1, 1) each(t2, 2)
#define PAL_SEQUENCE4(each, t0, t1, t2, t3) each(t0, 0) each(t1, 1) each(t2, 2) each(t3, 3)
#define PAL_SEQUENCE5(each, t0, t1, t2, t3, t4) each(t0, 0) each(t1, 1) each(t2, 2) each(t3, 3) each(t4, 4)
#define PAL_SEQUENCE6(each, t0, t1, t2, t3, t4, t5) each(t0, 0) each(t1, 1) each(t2, 2) each(t3, 3) each(t4, 4) each(t5, 5)
#define PAL_SEQUENCE7(each, t0, t1, t2, t3, t4, t5, t6) each(t0, 0) each(t1, 1) each(t2, 2) each(t3, 3) each(t4, 4) each(t5, 5) each(t6, 6)
#define PAL_SEQUENCE8(each, t0, t1, t2, t3, t4, t5, t6, t7) each(t0, 0) each(t1, 1) each(t2, 2) each(t3, 3) each(t4, 4) each(t5, 5) each(t6, 6) each(t7, 7)
#define PAL_SEQUENCE9(each, t0, t1, t2, t3, t4, t5, t6, t7, t8) each(t0, 0) each(t1, 1) each(t2, 2) each(t3, 3) each(t4, 4) each(t5, 5) each(t6, 6) each(t7, 7) each(t8, 8)
#define PAL_SEQUENCE10(each, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9) each(t0, 0) each(t1, 1) each(t2, 2) each(t3, 3) each(t4, 4) each(t5, 5) each(t6, 6) each(t7, 7) each(t8, 8) each(t9, 9)
#define PAL_SEQUENCE11(each, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10) each(t0, 0) each(t1, 1) each(t2, 2) each(t3, 3) each(t4, 4) each(t5, 5) each(t6, 6) each(t7, 7) each(t8, 8) each(t9, 9) each(t10, 10)
#define PAL_SEQUENCE12(each, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11) each(t0, 0) each(t1, 1) each(t2, 2) each(t3, 3) each(t4, 4) each(t5, 5) each(t6, 6) each(t7, 7) each(t8, 8) each(t9, 9) each(t10, 10) each(t11, 11)

#define PAL_EACH_TYPE(type, index) PAL_C_##type
#define PAL_EACH_PARAMETER(type, index) PAL_C_##type argument##index
#define PAL_EACH_ARGUMENT(type, index) PAL_TO_SPAN_##type(argument##index)
#define PAL_EACH_CODE(type, index) PAL_CODE_##type

#define PAL_PARAMETER_TYPES(...) PAL_LIST(PAL_EACH_TYPE __VA_OPT__(, ) __VA_ARGS__)
#define PAL_PARAMETERS(...) PAL_LIST(PAL_EACH_PARAMETER __VA_OPT__(, ) __VA_ARGS__)
#define PAL_ARGUMENTS(...) PAL_LIST(PAL_EACH_ARGUMENT __VA_OPT__(, ) __VA_ARGS__)
#define PAL_CODES(result, ...) PAL_CODE_##result PAL_SEQUENCE(PAL_EACH_CODE __VA_OPT__(, ) __VA_ARGS__)

#endif  // PALIMPSEST_MACROS_H
