#include "include/palimpsest_pages.h"

#include <immintrin.h>
#include <string.h>

enum { page_byte_count = 4096, line_byte_count = 64, prefetch_byte_count = 24 << 10 };

// No branch in the loop, so that it becomes vector code.
__attribute__((always_inline)) static inline bool has_unlisted_dirty(const uint64_t *entries, size_t count) {
    uint64_t found = 0;
    for (size_t index = 0; index < count; index++) found |= entries[index] & ~(entries[index] >> 4);
    return found & 1 << 6;
}

__attribute__((target("avx2"))) static bool has_unlisted_dirty_avx2(const uint64_t *entries, size_t count) {
    return has_unlisted_dirty(entries, count);
}

bool pal_has_unlisted_dirty(const uint64_t *entries, size_t count) {
    return __builtin_cpu_supports("avx2") ? has_unlisted_dirty_avx2(entries, count) : has_unlisted_dirty(entries, count);
}

bool pal_copy_unless_dirty(const struct pal_entry_window *windows, size_t window_count, const struct pal_copy_run *runs,
                           size_t run_count) {
    for (size_t index = 0; index < window_count; index++) {
        if (pal_has_unlisted_dirty(windows[index].entries, windows[index].count)) return false;
    }
    for (size_t index = 0; index < run_count; index++) {
        if (runs[index].source) {
            memcpy(runs[index].destination, runs[index].source, runs[index].count);
        } else {
            memset(runs[index].destination, 0, runs[index].count);
        }
    }
    return true;
}

// At most `budget` bytes of `count`; returns what is left of the budget.
static size_t prefetch(const void *bytes, size_t count, size_t budget) {
    if (count > budget) count = budget;
    for (size_t offset = 0; offset < count; offset += line_byte_count) {
        _mm_prefetch((const char *)bytes + offset, _MM_HINT_T0);
    }
    return budget - count;
}

void pal_prefetch_copies(const struct pal_entry_window *windows, size_t window_count, const struct pal_copy_run *runs,
                         size_t run_count) {
    size_t budget = prefetch_byte_count;
    for (size_t index = 0; index < window_count; index++) {
        budget = prefetch(windows[index].entries, windows[index].count * sizeof *windows[index].entries, budget);
    }
    for (size_t index = 0; index < run_count && budget > 0; index++) {
        if (runs[index].source) budget = prefetch(runs[index].source, runs[index].count, budget);
    }
}

// SSE2 is enough: the stores leave through the same write-combining buffers as wider ones do.
void pal_copy_streaming(void *destination, const void *source, size_t count, const void *next) {
    const char *from = source;
    char *to = destination;
    for (size_t offset = 0; offset < count; offset += line_byte_count) {
        bool is_last_page = offset + page_byte_count >= count;
        _mm_prefetch(is_last_page ? (const char *)next + offset % page_byte_count : from + offset + page_byte_count,
                     _MM_HINT_NTA);
        for (int part = 0; part < line_byte_count; part += 16) {
            _mm_stream_si128((__m128i *)(to + offset + part), _mm_load_si128((const __m128i *)(from + offset + part)));
        }
    }
}

void pal_zero_streaming(void *destination, size_t count) {
    for (size_t offset = 0; offset < count; offset += 16) {
        _mm_stream_si128((__m128i *)((char *)destination + offset), _mm_setzero_si128());
    }
}

void pal_end_streaming(void) { _mm_sfence(); }
