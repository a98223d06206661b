/* The open loop's schedule (see arrivals.h). */
#include "arrivals.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "random.h"

static void draw_gaps(struct arrivals *arrivals, const struct settings *settings)
{
    const double mean = (double)settings->arrival_gap_q10_ns;
    uint64_t seed = (uint64_t)settings->seed;
    double total = 0;

    for (uint32_t i = 0; i < arrivals->count; i++)
        total += -log1p(-(i + 0.5) / arrivals->count);
    for (uint32_t i = 0; i < arrivals->count; i++) {
        /* The table's own mean is a hair below 1, for want of a tail: scaled to be exact. */
        double gap = -log1p(-(i + 0.5) / arrivals->count) * arrivals->count / total;
        arrivals->gaps_q10_ns[i] = (uint64_t)(gap * mean + 0.5);
    }
    random_shuffle(arrivals->gaps_q10_ns, arrivals->count, &seed);
}

int arrivals_open(struct arrivals *arrivals, const struct settings *settings)
{
    if (settings->arrival_gap_q10_ns <= 0)
        return 0;
    arrivals->count = settings->arrivals == ARRIVALS_POISSON ? ARRIVAL_DRAWS : 1;
    arrivals->gaps_q10_ns = calloc(arrivals->count, sizeof *arrivals->gaps_q10_ns);
    if (!arrivals->gaps_q10_ns)
        return -ENOMEM;
    if (settings->arrivals == ARRIVALS_POISSON)
        draw_gaps(arrivals, settings);
    else
        arrivals->gaps_q10_ns[0] = (uint64_t)settings->arrival_gap_q10_ns;
    return 0;
}

void arrivals_close(struct arrivals *arrivals)
{
    free(arrivals->gaps_q10_ns);
    arrivals->gaps_q10_ns = NULL;
}
