/* Where the next block lies: in turn or at random, for ever or each one once; in constant memory. */
#ifndef IOMODELS_BLOCK_ORDER_H
#define IOMODELS_BLOCK_ORDER_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "random.h"
#include "sizes.h"

#define PERMUTATION_ROUNDS 4

/* A pseudo-random order of 0 … n-1: a Feistel network permutes the numbers of an even number of bits, and
 * what falls outside is permuted again until it falls inside (cycle walking; Black and Rogaway,
 * "Ciphers with Arbitrary Finite Domains", 2002). */
struct permutation {
    uint64_t n, mask;
    uint32_t half_bits;
    uint64_t keys[PERMUTATION_ROUNDS];
};

/* `n` is at least 1; `random` is moved on, and chooses the order. */
static inline void permutation_begin(struct permutation *permutation, uint64_t n, uint64_t *random)
{
    permutation->n = n;
    permutation->half_bits = 1;
    while (permutation->half_bits < 32 && (UINT64_C(1) << (2 * permutation->half_bits)) < n)
        permutation->half_bits++;
    permutation->mask = (UINT64_C(1) << permutation->half_bits) - 1;
    for (int round = 0; round < PERMUTATION_ROUNDS; round++)
        permutation->keys[round] = random_next(random);
}

/* The place of `index` (< n) in the order. Outside lie at most three numbers for each one inside. */
static inline uint64_t permutation_at(const struct permutation *permutation, uint64_t index)
{
    do {
        uint64_t left = index >> permutation->half_bits, right = index & permutation->mask;

        for (int round = 0; round < PERMUTATION_ROUNDS; round++) {
            uint64_t mixed = left ^ (random_mix(right ^ permutation->keys[round]) & permutation->mask);

            left = right;
            right = mixed;
        }
        index = left << permutation->half_bits | right;
    } while (index >= permutation->n);
    return index;
}

/* Of a part of the file. */
struct block_order {
    uint64_t first, bytes; /* where it lies */
    bool random, once;
    uint64_t next;                  /* unless random for ever: a position in it, or, if random, a place's number */
    uint64_t places[BLOCK_SIZES];   /* for each size, how many blocks of it fit */
    uint64_t slots, slot_bytes;     /* random and once: so that no two blocks overlap, each has a slot of the largest size */
    struct permutation permutation;
};

static inline void block_order_open(struct block_order *order, const struct sizes *sizes)
{
    for (uint32_t i = 0; i < sizes->count; i++)
        order->places[i] = order->bytes / sizes->bytes[i];
    order->slot_bytes = sizes->largest;
    order->slots = order->bytes / sizes->largest;
}

/* All blocks are there again. */
static inline void block_order_begin(struct block_order *order, uint64_t *random)
{
    order->next = 0;
    if (order->random && order->once)
        permutation_begin(&order->permutation, order->slots, random);
}

/* Where the next block lies, which has the size of this number; or -ENODATA when there is none left. At random, a
 * block begins at a multiple of its own size. */
static inline int64_t block_order_next(struct block_order *order, const struct sizes *sizes, uint32_t size,
                                       uint64_t *random)
{
    const uint64_t bytes = sizes->bytes[size];

    if (order->random && !order->once)
        return (int64_t)(order->first + random_below(random, order->places[size]) * bytes);
    if (order->random) {
        if (order->next == order->slots)
            return -ENODATA;
        return (int64_t)(order->first + permutation_at(&order->permutation, order->next++) * order->slot_bytes);
    }
    if (order->next + bytes > order->bytes) {
        if (order->once)
            return -ENODATA;
        order->next = 0;
    }
    const uint64_t position = order->next;

    order->next += bytes;
    return (int64_t)(order->first + position);
}

#endif
