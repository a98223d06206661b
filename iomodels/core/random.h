/* splitmix64 (Steele, Lea, Flood 2014): a small generator with a 64-bit state, good enough to choose
 * offsets and to make file content that no compression and no zero-detection can shorten. */
#ifndef IOMODELS_RANDOM_H
#define IOMODELS_RANDOM_H

#include <stdint.h>

static inline uint64_t random_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline uint64_t random_next(uint64_t *state)
{
    return random_mix(*state += UINT64_C(0x9e3779b97f4a7c15));
}

/* Uniform in [0, n) for n < 2^32, by multiplication instead of division. */
static inline uint64_t random_below(uint64_t *state, uint64_t n)
{
    return ((random_next(state) >> 32) * n) >> 32;
}

/* Fisher-Yates. */
static inline void random_shuffle(uint64_t *values, uint32_t count, uint64_t *state)
{
    for (uint32_t i = count; i > 1; i--) {
        uint64_t j = random_below(state, i);
        uint64_t swapped = values[i - 1];

        values[i - 1] = values[j];
        values[j] = swapped;
    }
}

/* Uniform in (0, 1). */
static inline double random_unit(uint64_t *state)
{
    return ((double)(random_next(state) >> 11) + 0.5) / 9007199254740992.0;
}

#endif
