/* A log-linear histogram of nanoseconds: constant memory, one increment per value.
 *
 * Below 128 every value has its own bucket. Above, each power of two is cut into 128 buckets, so a
 * bucket is at most 1/128 of its lower bound wide: an error below 0.8 %, two significant digits
 * (the idea of HdrHistogram, hdrhistogram.org). 1 h is below 2^42 ns; anything longer goes into
 * the last bucket. */
#ifndef IOMODELS_HISTOGRAM_H
#define IOMODELS_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 7
#define HISTOGRAM_SUB_BUCKETS (1 << HISTOGRAM_SUB_BITS)
#define HISTOGRAM_VALUE_BITS 42
#define HISTOGRAM_BUCKETS \
    ((HISTOGRAM_VALUE_BITS - HISTOGRAM_SUB_BITS + 1) * HISTOGRAM_SUB_BUCKETS)

struct histogram {
    uint64_t count[HISTOGRAM_BUCKETS];
};

static inline uint32_t histogram_index(uint64_t value)
{
    if (value < HISTOGRAM_SUB_BUCKETS)
        return (uint32_t)value;
    if (value >> HISTOGRAM_VALUE_BITS)
        return HISTOGRAM_BUCKETS - 1;
    uint32_t shift = 63u - (uint32_t)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
    return shift * HISTOGRAM_SUB_BUCKETS + (uint32_t)(value >> shift);
}

static inline uint64_t histogram_lower(uint32_t index)
{
    if (index < 2 * HISTOGRAM_SUB_BUCKETS)
        return index;
    uint32_t shift = index / HISTOGRAM_SUB_BUCKETS - 1;
    uint64_t mantissa = index % HISTOGRAM_SUB_BUCKETS + HISTOGRAM_SUB_BUCKETS;
    return mantissa << shift;
}

static inline void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->count[histogram_index(value)]++;
}

#endif
