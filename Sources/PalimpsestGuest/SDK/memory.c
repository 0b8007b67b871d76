// Memory functions. `rep movsb` and `rep stosb` are fast for all but the shortest blocks on any recent processor.
#include "runtime.h"

void *memcpy(void *restrict to, const void *restrict from, size_t count) {
    void *next = to;
    __asm__ volatile("rep movsb" : "+D"(next), "+S"(from), "+c"(count) : : "memory");
    return to;
}

void *memmove(void *to, const void *from, size_t count) {
    if ((uintptr_t)to - (uintptr_t)from >= count) return memcpy(to, from, count);
    // Overlapping, the target above the source: from the end, in words where that is possible.
    uint8_t *target = (uint8_t *)to + count;
    const uint8_t *source = (const uint8_t *)from + count;
    while (count >= 8) {
        uint64_t word;
        target -= 8;
        source -= 8;
        __builtin_memcpy_inline(&word, source, 8);
        __builtin_memcpy_inline(target, &word, 8);
        count -= 8;
    }
    while (count-- > 0) *--target = *--source;
    return to;
}

void *memset(void *to, int value, size_t count) {
    void *next = to;
    __asm__ volatile("rep stosb" : "+D"(next), "+c"(count) : "a"(value) : "memory");
    return to;
}

int memcmp(const void *left, const void *right, size_t count) {
    const uint8_t *one = left, *other = right;
    for (size_t index = 0; index < count; index++) {
        if (one[index] != other[index]) return one[index] < other[index] ? -1 : 1;
    }
    return 0;
}

size_t strlen(const char *text) {
    size_t count = 0;
    while (text[count]) count++;
    return count;
}

int strcmp(const char *left, const char *right) {
    while (*left && *left == *right) left++, right++;
    return (unsigned char)*left - (unsigned char)*right;
}

pal_string pal_string_from(const char *text) { return (pal_string){text, strlen(text)}; }
