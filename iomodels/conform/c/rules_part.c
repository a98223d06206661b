/* Rules of the small parts that know no engine: the histogram and the clock. */
#include <stdlib.h>

#include "check.h"
#include "random.h"
#include "record/clock.h"
#include "record/histogram.h"

static void check_value(uint64_t value)
{
    uint32_t index = histogram_index(value);
    uint64_t lower = histogram_lower(index);

    EXPECT(index < HISTOGRAM_BUCKETS, "%llu has no bucket.", (unsigned long long)value);
    EXPECT(lower <= value, "The bucket of %llu begins at %llu.", (unsigned long long)value,
           (unsigned long long)lower);
    EXPECT(histogram_index(lower) == index, "Bucket %u does not hold its own lower bound.", index);
    EXPECT((value - lower) * 100 < value || value == lower, "%llu is off by more than 1 %%.",
           (unsigned long long)value);
}

static void histogram(const struct subject *subject)
{
    const uint64_t hour_ns = 3600 * NS_PER_S;
    uint64_t random = 1;

    (void)subject;
    for (uint64_t value = 0; value < 100000; value++)
        check_value(value);
    for (uint64_t power = 1; power < hour_ns; power *= 2)
        for (uint64_t value = power - 1; value <= power + 1; value++)
            check_value(value);
    for (int i = 0; i < 100000; i++)
        check_value(random_next(&random) % hour_ns);
    for (uint32_t index = 1; index < HISTOGRAM_BUCKETS; index++) {
        EXPECT(histogram_lower(index) > histogram_lower(index - 1), "Bucket %u is out of order.",
               index);
        EXPECT(histogram_index(histogram_lower(index)) == index, "Bucket %u is not its own.", index);
        EXPECT(histogram_index(histogram_lower(index) - 1) == index - 1,
               "There is a gap below bucket %u.", index);
    }
    EXPECT(histogram_index(UINT64_MAX) == HISTOGRAM_BUCKETS - 1, "The largest value has no bucket.");
}

/* Both clocks at nearly one moment; the best of several tries is hardly ever disturbed. */
static int64_t difference_ns(const struct clock *clock)
{
    int64_t difference = 0;
    uint64_t best = UINT64_MAX;

    for (int try = 0; try < 100; try++) {
        uint64_t before = clock_monotonic_ns();
        uint64_t ours = clock_now_ns(clock);
        uint64_t after = clock_monotonic_ns();

        if (after - before < best) {
            best = after - before;
            difference = (int64_t)(ours - (before + after) / 2);
        }
    }
    return difference;
}

static void clock_rule(const struct subject *subject)
{
    const uint64_t span_ns = 50 * MS;
    struct clock clock;

    (void)subject;
    clock_calibrate(&clock, 20 * MS);
    EXPECT((clock.ns_per_tick_q32 != 0) == clock_tsc_is_trusted(),
           "The TSC is not used as the kernel uses it.");
    int64_t first_ns = difference_ns(&clock);
    for (uint64_t start = wall_ns(), last = 0, now; wall_ns() - start < span_ns; last = now) {
        now = clock_now_ns(&clock);
        EXPECT(now >= last, "The clock went back by %llu ns.", (unsigned long long)(last - now));
    }
    int64_t drift_ns = llabs(difference_ns(&clock) - first_ns);
    EXPECT(drift_ns < (int64_t)(span_ns / 10000), "Over 50 ms the clock went wrong by %lld ns.",
           (long long)drift_ns);
}

const struct rule part_rules[] = {
    {"histogram", NULL, histogram},
    {"clock", NULL, clock_rule},
    {NULL, NULL, NULL},
};
