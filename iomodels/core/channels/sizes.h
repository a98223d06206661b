/* How long the requests are: all alike, or each one drawn from a few sizes that have shares.
 *
 * Where all are alike nothing is drawn. Otherwise a draw is one random number and one look into a table (the
 * alias method; Walker, "An Efficient Method for Generating Discrete Random Variables with General
 * Distributions", 1977): it picks a column, and then the column's own size or its other one. Both sides of a
 * connection draw the same sequence, so each knows how long the next message is. */
#ifndef IOMODELS_SIZES_H
#define IOMODELS_SIZES_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "random.h"
#include "settings.h"

#define COLUMN_BITS 4

_Static_assert(BLOCK_SIZES == 1 << COLUMN_BITS, "a column for each size");

struct size_column {
    uint64_t own; /* out of 2^32: how often the column stands for its own size */
    uint32_t other;
};

struct sizes {
    uint32_t count; /* 1: all requests are alike */
    size_t bytes[BLOCK_SIZES];
    size_t smallest, largest;
    size_t unit; /* divides all of them */
    struct size_column columns[BLOCK_SIZES];
};

static inline size_t greatest_divisor(size_t a, size_t b)
{
    while (b > 0) {
        const size_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

/* Vose, "A Linear Algorithm for Generating Random Numbers with a Given Distribution", 1991: each column that is
 * not full is filled up from one that has too much. */
static inline void sizes_fill_columns(struct sizes *sizes, const int64_t *shares, uint64_t total)
{
    uint64_t left[BLOCK_SIZES] = {0};
    uint32_t lacking[BLOCK_SIZES], over[BLOCK_SIZES], lacking_count = 0, over_count = 0;

    for (uint32_t i = 0; i < BLOCK_SIZES; i++) {
        left[i] = i < sizes->count ? (uint64_t)shares[i] * BLOCK_SIZES : 0;
        if (left[i] < total)
            lacking[lacking_count++] = i;
        else
            over[over_count++] = i;
    }
    while (lacking_count > 0) { /* what one lacks another has: the numbers are whole, so nothing is lost */
        const uint32_t column = lacking[--lacking_count], giver = over[over_count - 1];

        sizes->columns[column] = (struct size_column){(left[column] << 32) / total, giver};
        left[giver] -= total - left[column];
        if (left[giver] < total) {
            over_count--;
            lacking[lacking_count++] = giver;
        }
    }
    for (uint32_t i = 0; i < over_count; i++)
        sizes->columns[over[i]] = (struct size_column){UINT64_C(1) << 32, over[i]};
}

/* 0, or -EINVAL for settings that make no sense. */
static inline int sizes_open(struct sizes *sizes, const struct settings *settings)
{
    uint64_t total = 0;

    *sizes = (struct sizes){
        .count = 1,
        .bytes = {(size_t)settings->block},
        .smallest = (size_t)settings->block,
        .largest = (size_t)settings->block,
        .unit = (size_t)settings->block,
    };
    if (settings->block_shares[0] == 0)
        return 0;
    for (sizes->count = 0; sizes->count < BLOCK_SIZES && settings->block_shares[sizes->count] != 0; sizes->count++) {
        const int64_t bytes = settings->block_sizes[sizes->count], share = settings->block_shares[sizes->count];

        if (bytes < 1 || bytes > settings->block || share < 0 || share > INT32_MAX / BLOCK_SIZES)
            return -EINVAL;
        sizes->bytes[sizes->count] = (size_t)bytes;
        if ((size_t)bytes < sizes->smallest)
            sizes->smallest = (size_t)bytes;
        sizes->unit = greatest_divisor(sizes->unit, (size_t)bytes);
        total += (uint64_t)share;
    }
    sizes_fill_columns(sizes, settings->block_shares, total);
    return 0;
}

/* Where the sequence of the connection with this number begins; a file has one sequence, number 0. */
static inline uint64_t sizes_sequence(const struct settings *settings, uint32_t connection)
{
    return random_mix((uint64_t)settings->seed + random_mix((uint64_t)connection + 1));
}

/* The number of the next size. */
static inline uint32_t sizes_draw(const struct sizes *sizes, uint64_t *sequence)
{
    if (sizes->count == 1)
        return 0;
    const uint64_t random = random_next(sequence);
    const uint32_t column = (uint32_t)(random >> (64 - COLUMN_BITS));

    return (random & UINT32_MAX) < sizes->columns[column].own ? column : sizes->columns[column].other;
}

/* The next size in bytes. */
static inline size_t sizes_next(const struct sizes *sizes, uint64_t *sequence)
{
    return sizes->bytes[sizes_draw(sizes, sequence)];
}

#endif
