#include "include/palimpsest_random.h"

#include "include/palimpsest_chacha20.h"
#include "include/palimpsest_system.h"

int pal_entropy_seed(struct pal_entropy *entropy) {
    struct {
        uint32_t key[8], nonce[2];
        uint64_t generation;
    } seed;
    int failure = pal_random_bytes(&seed, sizeof seed);
    if (failure < 0) return failure;
    pal_chacha20_key(entropy->state, seed.key, seed.nonce);
    entropy->generation = seed.generation;
    return 0;
}

void pal_entropy_refresh(struct pal_entropy *entropy, struct pal_constants *constants) {
    uint32_t block[16];
    _Static_assert(sizeof block == sizeof constants->entropy, "one block a generation");
    pal_chacha20_block(entropy->state, block);
    __builtin_memcpy(constants->entropy, block, sizeof block);
    constants->generation = ++entropy->generation;
}
