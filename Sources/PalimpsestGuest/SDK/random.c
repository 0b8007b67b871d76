// Random numbers: ChaCha20 (RFC 8439) keyed with the host's entropy, keyed anew whenever the host changes the
// generation: after a restore, and in every copy of a sandbox.
#include "palimpsest_chacha20.h"
#include "runtime.h"

static struct {
    uint64_t generation;
    uint32_t state[16];
    uint32_t block[16];
    size_t used;  // bytes of the block
} generator = {.used = sizeof generator.block};

static void key(uint64_t generation) {
    union {
        uint64_t entropy[8];
        uint32_t words[16];
    } seed;
    for (int index = 0; index < 8; index++) seed.entropy[index] = pal_constants()->entropy[index];
    pal_chacha20_key(generator.state, seed.words, seed.words + 8);
    generator.generation = generation;
    generator.used = sizeof generator.block;
}

void pal_random_bytes(void *bytes, size_t count) {
    uint64_t generation = pal_constants()->generation;
    if (generator.generation != generation) key(generation);
    uint8_t *next = bytes;
    while (count-- > 0) {
        if (generator.used == sizeof generator.block) {
            pal_chacha20_block(generator.state, generator.block);
            generator.used = 0;
        }
        uint8_t *byte = (uint8_t *)generator.block + generator.used++;
        *next++ = *byte;
        *byte = 0;
    }
}

uint64_t pal_random(void) {
    uint64_t value;
    pal_random_bytes(&value, sizeof value);
    return value;
}

// Swift's SystemRandomNumberGenerator.
void arc4random_buf(void *bytes, size_t count) { pal_random_bytes(bytes, count); }
