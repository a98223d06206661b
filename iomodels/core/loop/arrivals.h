/* The open loop's schedule: when each request is meant to start, whatever became of the others.
 *
 * Gaps are kept in 1/1024 ns, so that 300 000 per second is not rounded to something else, and
 * Poisson gaps are drawn beforehand as the quantiles of the exponential distribution: the mean rate is
 * exact over every pass of the table, and no logarithm is computed in the loop. */
#ifndef IOMODELS_ARRIVALS_H
#define IOMODELS_ARRIVALS_H

#include <stdint.h>

#include "settings.h"

#define ARRIVAL_DRAWS 4096

struct arrivals {
    uint64_t *gaps_q10_ns; /* NULL: a closed loop */
    uint32_t next, count;
    uint64_t due_q10_ns; /* the next arrival, since the window's start */
};

/* 0 or -ENOMEM. Without a rate in the settings there is nothing to do. */
int arrivals_open(struct arrivals *arrivals, const struct settings *settings);
void arrivals_close(struct arrivals *arrivals);

/* Begins anew; the first arrival comes one gap after the window's start. */
static inline void arrivals_advance(struct arrivals *arrivals)
{
    arrivals->due_q10_ns += arrivals->gaps_q10_ns[arrivals->next];
    if (++arrivals->next == arrivals->count)
        arrivals->next = 0;
}

static inline void arrivals_begin(struct arrivals *arrivals)
{
    arrivals->due_q10_ns = 0;
    arrivals_advance(arrivals);
}

/* The next arrival, in ns since the window's start. */
static inline uint64_t arrivals_due_ns(const struct arrivals *arrivals)
{
    return arrivals->due_q10_ns >> 10;
}

#endif
