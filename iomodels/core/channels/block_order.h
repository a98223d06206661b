/* Which block comes next: in turn or at random, for ever or each one once; in constant memory. */
#ifndef IOMODELS_BLOCK_ORDER_H
#define IOMODELS_BLOCK_ORDER_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "random.h"

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

struct block_order {
    uint64_t first, blocks;
    bool random, once;
    uint64_t next;                  /* unless random for ever */
    struct permutation permutation; /* random and once */
};

/* All blocks are there again. */
static inline void block_order_begin(struct block_order *order, uint64_t *random)
{
    order->next = 0;
    if (order->random && order->once)
        permutation_begin(&order->permutation, order->blocks, random);
}

/* The next block's number, or -ENODATA when each one was there once. */
static inline int64_t block_order_next(struct block_order *order, uint64_t *random)
{
    if (order->random && !order->once)
        return (int64_t)(order->first + random_below(random, order->blocks));
    if (order->next == order->blocks) {
        if (order->once)
            return -ENODATA;
        order->next = 0;
    }
    uint64_t place = order->next++;
    if (order->random)
        place = permutation_at(&order->permutation, place);
    return (int64_t)(order->first + place);
}

#endif
