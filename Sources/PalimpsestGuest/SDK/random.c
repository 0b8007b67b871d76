// Random numbers: ChaCha20 (RFC 8439) keyed with the host's entropy, keyed anew whenever the host changes the
// generation: after a restore, and in every copy of a sandbox.
#include "runtime.h"

static struct {
    uint64_t generation;
    uint32_t state[16];
    uint8_t block[64];
    size_t used;
} generator = {.used = 64};

static void quarter_round(uint32_t *x, int a, int b, int c, int d) {
#define STEP(p, q, r, shift) x[p] += x[q], x[r] ^= x[p], x[r] = x[r] << shift | x[r] >> (32 - shift)
    STEP(a, b, d, 16);
    STEP(c, d, b, 12);
    STEP(a, b, d, 8);
    STEP(c, d, b, 7);
#undef STEP
}

static void refill(void) {
    uint32_t x[16];
    memcpy(x, generator.state, sizeof x);
    for (int round = 0; round < 10; round++) {
        for (int column = 0; column < 4; column++) quarter_round(x, column, column + 4, column + 8, column + 12);
        quarter_round(x, 0, 5, 10, 15);
        quarter_round(x, 1, 6, 11, 12);
        quarter_round(x, 2, 7, 8, 13);
        quarter_round(x, 3, 4, 9, 14);
    }
    for (int index = 0; index < 16; index++) x[index] += generator.state[index];
    memcpy(generator.block, x, sizeof x);
    if (++generator.state[12] == 0) generator.state[13]++;
    generator.used = 0;
}

static void key(uint64_t generation) {
    static const uint32_t words[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};  // "expand 32-byte k"
    uint64_t entropy[8];
    for (int index = 0; index < 8; index++) entropy[index] = pal_constants()->entropy[index];
    memcpy(generator.state, words, sizeof words);
    memcpy(generator.state + 4, entropy, 32);
    generator.state[12] = 0;
    generator.state[13] = 0;
    memcpy(generator.state + 14, entropy + 4, 8);
    generator.generation = generation;
    generator.used = 64;
}

void pal_random_bytes(void *bytes, size_t count) {
    uint64_t generation = pal_constants()->generation;
    if (generator.generation != generation) key(generation);
    uint8_t *next = bytes;
    while (count-- > 0) {
        if (generator.used == 64) refill();
        *next++ = generator.block[generator.used];
        generator.block[generator.used++] = 0;
    }
}

uint64_t pal_random(void) {
    uint64_t value;
    pal_random_bytes(&value, sizeof value);
    return value;
}

// Swift's SystemRandomNumberGenerator.
void arc4random_buf(void *bytes, size_t count) { pal_random_bytes(bytes, count); }
