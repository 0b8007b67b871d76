#include "include/palimpsest_random.h"

#include <string.h>

#include "include/palimpsest_chacha20.h"
#include "include/palimpsest_system.h"

// One word of as many blocks as are made at a time: what the compiler has vector registers for.
typedef uint32_t lanes __attribute__((vector_size(4 * PAL_ENTROPY_BLOCKS)));

__attribute__((always_inline)) static inline void make_blocks(const uint32_t state[16], uint32_t blocks[][16]) {
    lanes start[16], x[16];
    for (int word = 0; word < 16; word++) start[word] = state[word] - (lanes){0};
    for (int lane = 0; lane < PAL_ENTROPY_BLOCKS; lane++) {
        uint64_t counter = (state[12] | (uint64_t)state[13] << 32) + (uint64_t)lane;
        start[12][lane] = (uint32_t)counter;
        start[13][lane] = (uint32_t)(counter >> 32);
    }
    memcpy(x, start, sizeof x);
    for (int round = 0; round < 10; round++) PAL_CHACHA20_DOUBLE_ROUND(x);
    for (int word = 0; word < 16; word++) {
        x[word] += start[word];
        for (int lane = 0; lane < PAL_ENTROPY_BLOCKS; lane++) blocks[lane][word] = x[word][lane];
    }
}

__attribute__((target("avx2"))) static void make_blocks_avx2(const uint32_t state[16], uint32_t blocks[][16]) {
    make_blocks(state, blocks);
}

void pal_entropy_prepare(struct pal_entropy *entropy) {
    if (entropy->used < PAL_ENTROPY_BLOCKS) return;
    if (__builtin_cpu_supports("avx2")) {
        make_blocks_avx2(entropy->state, entropy->blocks);
    } else {
        make_blocks(entropy->state, entropy->blocks);
    }
    uint32_t low = entropy->state[12] + PAL_ENTROPY_BLOCKS;
    if (low < entropy->state[12]) entropy->state[13]++;
    entropy->state[12] = low;
    entropy->used = 0;
}

int pal_entropy_seed(struct pal_entropy *entropy) {
    struct {
        uint32_t key[8], nonce[2];
        uint64_t generation;
    } seed;
    int failure = pal_random_bytes(&seed, sizeof seed);
    if (failure < 0) return failure;
    pal_chacha20_key(entropy->state, seed.key, seed.nonce);
    entropy->generation = seed.generation;
    entropy->used = PAL_ENTROPY_BLOCKS;
    return 0;
}

void pal_entropy_refresh(struct pal_entropy *entropy, struct pal_constants *constants) {
    pal_entropy_prepare(entropy);
    uint32_t *block = entropy->blocks[entropy->used++];
    _Static_assert(sizeof entropy->blocks[0] == sizeof constants->entropy, "one block a generation");
    memcpy(constants->entropy, block, sizeof constants->entropy);
    // Nobody is to find later what a guest's random numbers were made of.
    memset(block, 0, sizeof entropy->blocks[0]);
    constants->generation = ++entropy->generation;
}
