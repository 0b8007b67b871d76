// The ChaCha20 block function (RFC 8439, 2.3): the one generator behind the entropy the host hands out and the random
// numbers a guest makes of it.
#ifndef PALIMPSEST_CHACHA20_H
#define PALIMPSEST_CHACHA20_H

#include <stdint.h>

#define PAL_CHACHA20_STEP(x, p, q, r, shift) \
    (x[p] += x[q], x[r] ^= x[p], x[r] = x[r] << shift | x[r] >> (32 - shift))
#define PAL_CHACHA20_QUARTER_ROUND(x, a, b, c, d)                              \
    (PAL_CHACHA20_STEP(x, a, b, d, 16), PAL_CHACHA20_STEP(x, c, d, b, 12), \
     PAL_CHACHA20_STEP(x, a, b, d, 8), PAL_CHACHA20_STEP(x, c, d, b, 7))
/// Two rounds on 16 words, or on vectors of as many blocks' words.
#define PAL_CHACHA20_DOUBLE_ROUND(x)                                                               \
    (PAL_CHACHA20_QUARTER_ROUND(x, 0, 4, 8, 12), PAL_CHACHA20_QUARTER_ROUND(x, 1, 5, 9, 13),   \
     PAL_CHACHA20_QUARTER_ROUND(x, 2, 6, 10, 14), PAL_CHACHA20_QUARTER_ROUND(x, 3, 7, 11, 15), \
     PAL_CHACHA20_QUARTER_ROUND(x, 0, 5, 10, 15), PAL_CHACHA20_QUARTER_ROUND(x, 1, 6, 11, 12), \
     PAL_CHACHA20_QUARTER_ROUND(x, 2, 7, 8, 13), PAL_CHACHA20_QUARTER_ROUND(x, 3, 4, 9, 14))

/// Constants, 8 words of key, 64 bits of block counter (0), 2 words of nonce.
static inline void pal_chacha20_key(uint32_t state[16], const uint32_t key[8], const uint32_t nonce[2]) {
    static const uint32_t words[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};  // "expand 32-byte k"
    for (int index = 0; index < 4; index++) state[index] = words[index];
    for (int index = 0; index < 8; index++) state[4 + index] = key[index];
    state[12] = state[13] = 0;
    state[14] = nonce[0];
    state[15] = nonce[1];
}

/// The next 64 bytes of the key stream; moves the block counter on.
static inline void pal_chacha20_block(uint32_t state[16], uint32_t block[16]) {
    for (int index = 0; index < 16; index++) block[index] = state[index];
    for (int round = 0; round < 10; round++) PAL_CHACHA20_DOUBLE_ROUND(block);
    for (int index = 0; index < 16; index++) block[index] += state[index];
    if (++state[12] == 0) state[13]++;
}

#endif
