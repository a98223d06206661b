/* Planted engines that break what is new with rings: buffers that the kernel chooses, and completions that it keeps for
 * lack of room. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "planted.h"

/* ------------------------------------------------------------------ buffers given back too early */

REAP(reap_recycles_early)
{
    int n = planted_base->reap(state, completions, min, max, timeout_ns);

    for (int i = 0; i < n; i++)
        if (completions[i].request->data)
            planted_base->recycle(state, completions[i].request->data);
    return n;
}

RECYCLE(recycle_nothing)
{
    (void)state, (void)data;
}

/* ------------------------------------------------------------------ one receive, seen twice */

/* Reads the bytes that were brought for one request into the next one, too: a completion without IORING_CQE_F_MORE, taken
 * for one more. */
REAP(reap_receives_twice)
{
    static const char *data;
    static ssize_t result;
    static uint32_t seen;
    int n = planted_base->reap(state, completions, min, max, timeout_ns);

    for (int i = 0; i < n; i++) {
        struct request *request = completions[i].request;

        if (!request->data)
            continue;
        if (data && ++seen == 20 && (size_t)result <= request->length) {
            request->data = data;
            completions[i].result = result;
        }
        data = request->data;
        result = completions[i].result;
    }
    return n;
}

/* ------------------------------------------------------------------ no room for completions */

OPEN(open_small_ring)
{
    setenv("CONFORMANCE_SMALL_RING", "1", 1); /* see probe.c */
    return planted_base->open(state, setup);
}

/* What had no room in the ring is lost. */
REAP(reap_loses_what_overflowed)
{
    int n = planted_base->reap(state, completions, min, max, timeout_ns);

    return n > PLANTED_SMALL_RING ? PLANTED_SMALL_RING : n;
}

/* ------------------------------------------------------------------ a start that is left out */

static struct request *kept;

/* Leaves the start of a transfer to the next reap, whatever the loop does in between. */
SUBMIT(submit_leaves_to_reap)
{
    if (kept || n == 0)
        return planted_base->submit(state, requests, n);
    kept = requests[0];
    return 1;
}

REAP(reap_starts_first)
{
    while (kept) {
        struct request *request = kept;

        kept = NULL;
        if (planted_base->submit(state, &request, 1) != 1)
            return -EIO;
    }
    return planted_base->reap(state, completions, min, max, timeout_ns);
}
