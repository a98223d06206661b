/* What flows through pipes and sockets: in each direction of each connection one endless stream
 * whose content is a function of the position in it, so that both sides know every byte.
 *
 * It repeats after an odd number of words that no sensible block size is a multiple of: bytes
 * that are stale, lost, doubled or swapped with another connection's are wrong ones. */
#ifndef IOMODELS_PATTERN_H
#define IOMODELS_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

#define PATTERN_PERIOD ((UINT64_C(1) << 16) + 8)
#define PATTERN_SAMPLE sizeof(uint64_t)

enum pattern_direction { TOWARDS_PEER, TOWARDS_ENGINE };

/* Room for `longest` bytes from any position on. NULL where there is no memory. */
static inline char *pattern_make(size_t longest)
{
    const size_t size = (PATTERN_PERIOD + longest + 7) / 8 * 8;
    char *pattern = malloc(size);

    for (size_t at = 0; pattern && at < size; at += sizeof(uint64_t)) {
        uint64_t word = random_mix(at % PATTERN_PERIOD + 1);

        memcpy(pattern + at, &word, sizeof word);
    }
    return pattern;
}

/* Where the stream of a connection begins. */
static inline uint64_t pattern_origin(uint32_t connection, enum pattern_direction direction)
{
    return random_mix(2 * (uint64_t)connection + direction + 1) % PATTERN_PERIOD;
}

static inline char *pattern_at(char *pattern, uint64_t position)
{
    return pattern + position % PATTERN_PERIOD;
}

/* How many of the `length` bytes, from the stream's `position` on, are right before the first that
 * is not. */
static inline size_t pattern_right(char *pattern, uint64_t position, const char *bytes,
                                   size_t length)
{
    for (size_t at = 0, n; at < length; at += n) {
        const size_t left = PATTERN_PERIOD - (position + at) % PATTERN_PERIOD;
        const char *expected = pattern_at(pattern, position + at);

        n = length - at < left ? length - at : left;
        if (memcmp(bytes + at, expected, n) == 0)
            continue;
        while (bytes[at] == *expected)
            at++, expected++;
        return at;
    }
    return length;
}

/* Checks one word at a random place, or with `all` every byte. False, and where in the stream, when
 * a byte is wrong. */
static inline bool pattern_check(char *pattern, uint64_t position, const char *bytes, size_t length,
                                 bool all, uint64_t *random, uint64_t *wrong)
{
    if (!all && length > PATTERN_SAMPLE) {
        uint64_t at = random_below(random, length - PATTERN_SAMPLE + 1);

        position += at;
        bytes += at;
        length = PATTERN_SAMPLE;
    }
    size_t right = pattern_right(pattern, position, bytes, length);
    *wrong = position + right;
    return right == length;
}

#endif
