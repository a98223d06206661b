/* Planted engines that break what submit and reap promise about numbers and results. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "planted.h"

/* ------------------------------------------------------------------ numbers */

SUBMIT(submit_takes_too_many)
{
    return planted_base->submit(state, requests, n) + 1;
}

OPEN(open_deeper)
{
    struct engine_setup deeper = *setup;

    deeper.depth += 4;
    return planted_base->open(state, &deeper);
}

/* As one would that sets up what it hands to the kernel once for each slot. */
SUBMIT(submit_keeps_lengths)
{
    static size_t lengths[64];

    for (uint32_t i = 0; i < n; i++) {
        size_t *length = &lengths[requests[i]->slot % 64];

        if (requests[i]->done > 0)
            continue;
        if (*length == 0)
            *length = requests[i]->length;
        requests[i]->length = *length;
    }
    return planted_base->submit(state, requests, n);
}

static uint32_t in_flight;

SUBMIT(submit_one_at_a_time)
{
    if (in_flight > 0 || n == 0)
        return 0;
    int taken = planted_base->submit(state, requests, 1);
    in_flight = taken > 0;
    return taken;
}

REAP(reap_one_at_a_time)
{
    int n = planted_base->reap(state, completions, min, max, timeout_ns);

    if (n > 0)
        in_flight = 0;
    return n;
}

/* As with a table that was sized by guess. */
SUBMIT(submit_at_most_64)
{
    const uint32_t room = 64 - in_flight;
    int taken = planted_base->submit(state, requests, n < room ? n : room);

    if (taken > 0)
        in_flight += (uint32_t)taken;
    return taken;
}

REAP(reap_counts_out)
{
    int n = planted_base->reap(state, completions, min, max, timeout_ns);

    if (n > 0)
        in_flight -= (uint32_t)n;
    return n;
}

REAP(reap_ignores_max)
{
    return planted_base->reap(state, completions, min, max + 2, timeout_ns);
}

REAP(reap_completes_twice)
{
    static struct completion again;
    static uint32_t seen;
    int n = planted_base->reap(state, completions, min, max, timeout_ns);

    if (n > 0 && ++seen == 10)
        again = completions[0];
    else if (again.request && n >= 0 && (uint32_t)n < max) {
        completions[n++] = again;
        again.request = NULL;
    }
    return n;
}

REAP(reap_loses_one)
{
    static uint32_t seen;
    int n = planted_base->reap(state, completions, min, max, timeout_ns);

    if (n > 0 && ++seen == 10)
        n--;
    return n;
}

/* ------------------------------------------------------------------ failures */

SUBMIT(submit_negative)
{
    errno = 0;
    int taken = planted_base->submit(state, requests, n);

    return errno == EIO || errno == EINTR ? -errno : taken;
}

REAP(reap_negative)
{
    int n = planted_base->reap(state, completions, min, max, timeout_ns);

    for (int i = 0; i < n; i++)
        if (completions[i].result < 0)
            return (int)completions[i].result;
    return n;
}

REAP(reap_breaks_interrupted)
{
    int n = planted_base->reap(state, completions, min, max, timeout_ns);

    for (int i = 0; i < n; i++)
        if (completions[i].result == -EINTR)
            completions[i].result = -EIO;
    return n;
}

REAP(reap_hides_failure)
{
    int n = planted_base->reap(state, completions, min, max, timeout_ns);

    for (int i = 0; i < n; i++)
        if (completions[i].result < 0)
            completions[i].result = (ssize_t)completions[i].request->length;
    return n;
}

/* Waits for more where nothing will ever come. */
REAP(reap_drops_ends)
{
    int n = planted_base->reap(state, completions, min, max, timeout_ns), kept = 0;

    for (int i = 0; i < n; i++)
        if (completions[i].result > 0)
            completions[kept++] = completions[i];
    return n < 0 ? n : kept;
}

/* Says of one write that it was made. */
static struct request *swallowed;

SUBMIT(submit_swallows_a_write)
{
    static uint32_t writes;

    for (uint32_t i = 0; i < n; i++) {
        if (requests[i]->operation != OPERATION_WRITE || ++writes != 20)
            continue;
        swallowed = requests[i];
        int before = i > 0 ? planted_base->submit(state, requests, i) : 0;

        return before < 0 ? before : before + 1;
    }
    return planted_base->submit(state, requests, n);
}

REAP(reap_swallowed)
{
    if (swallowed && max > 0) {
        completions[0] = (struct completion){.request = swallowed,
                                             .result = (ssize_t)swallowed->length};
        swallowed = NULL;
        return 1;
    }
    return planted_base->reap(state, completions, min, max, timeout_ns);
}

/* Says of a sync that it was made. */
static struct request *dropped;

SUBMIT(submit_drops_syncs)
{
    if (n == 0 || !operation_is_sync(requests[0]->operation))
        return planted_base->submit(state, requests, n);
    dropped = requests[0];
    return 1;
}

REAP(reap_dropped_sync)
{
    if (!dropped || max == 0)
        return planted_base->reap(state, completions, min, max, timeout_ns);
    completions[0] = (struct completion){.request = dropped};
    dropped = NULL;
    return 1;
}

/* Makes a write without the sync that is linked to it, and says that both were made. */
#define UNLINKED 64
static bool unlinked[UNLINKED];

SUBMIT(submit_unlinks)
{
    for (uint32_t i = 0; i < n; i++) {
        if (requests[i]->slot < UNLINKED && requests[i]->then_syncs)
            unlinked[requests[i]->slot] = true;
        requests[i]->then_syncs = false;
    }
    return planted_base->submit(state, requests, n);
}

REAP(reap_unlinked)
{
    int n = planted_base->reap(state, completions, min, max, timeout_ns);

    for (int i = 0; i < n; i++) {
        struct request *request = completions[i].request;

        request->then_syncs = request->slot < UNLINKED && unlinked[request->slot];
    }
    return n;
}

/* Says of one transfer that is still in flight that it would block, and then forgets it. */
REAP(reap_busy_as_completion)
{
    static uint32_t seen;
    int n = planted_base->reap(state, completions, min, max, timeout_ns);

    if (n > 0 && ++seen == 3)
        completions[0].result = -EAGAIN;
    return n;
}

REAP(reap_drops_cancelled)
{
    int n = planted_base->reap(state, completions, min, max, timeout_ns), kept = 0;

    for (int i = 0; i < n; i++)
        if (completions[i].result != -ECANCELED)
            completions[kept++] = completions[i];
    return n < 0 ? n : kept;
}

/* ------------------------------------------------------------------ data */

REAP(reap_stretches_short)
{
    int n = planted_base->reap(state, completions, min, max, timeout_ns);

    for (int i = 0; i < n; i++)
        if (completions[i].result > 0)
            completions[i].result = (ssize_t)completions[i].request->length;
    return n;
}

REAP(reap_end_as_success)
{
    int n = planted_base->reap(state, completions, min, max, timeout_ns);

    for (int i = 0; i < n; i++)
        if (completions[i].result == 0)
            completions[i].result = (ssize_t)completions[i].request->length;
    return n;
}

static struct calls *calls;

OPEN(open_keeps_calls)
{
    calls = setup->calls;
    return planted_base->open(state, setup);
}

SUBMIT(submit_reads_twice)
{
    if (n > 0)
        (void)CALL(calls, pread, pread(requests[0]->fd, requests[0]->buffer, 1, requests[0]->offset));
    return planted_base->submit(state, requests, n);
}

SUBMIT(submit_only_counts)
{
    calls_add(&calls->count[CALL_readahead]);
    return planted_base->submit(state, requests, n);
}

REAP(reap_flips_a_bit)
{
    int n = planted_base->reap(state, completions, min, max, timeout_ns);

    for (int i = 0; i < n; i++)
        if (completions[i].result > 0)
            completions[i].request->buffer[completions[i].result / 2] ^= 1;
    return n;
}

SUBMIT(submit_flips_a_bit)
{
    static uint32_t seen;

    if (n > 0 && requests[0]->operation == OPERATION_WRITE && ++seen == 10)
        requests[0]->buffer[requests[0]->length / 2] ^= 1;
    return planted_base->submit(state, requests, n);
}

/* Reports now and then one as complete at once, with what a timer would have said. */
static struct request *early;

SUBMIT(submit_completes_early)
{
    const uint64_t expirations = 1;
    int taken = planted_base->submit(state, requests, n);

    if (taken > 0 && !early) {
        early = requests[0];
        planted_base->cancel(state, early);
        memcpy(early->buffer, &expirations, sizeof expirations);
    }
    return taken;
}

REAP(reap_with_early)
{
    int n = planted_base->reap(state, completions, min, max, timeout_ns);

    for (int i = 0; i < n; i++)
        if (completions[i].request == early) {
            if (completions[i].result == -ECANCELED)
                completions[i].result = (ssize_t)early->length;
            early = NULL;
        }
    return n;
}
