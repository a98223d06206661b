/* Planted engines that wait too long, too short, or at a price. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>

#include "check.h"
#include "planted.h"

REAP(reap_ignores_timeout)
{
    (void)timeout_ns;
    return planted_base->reap(state, completions, min, max, -1);
}

REAP(reap_returns_early)
{
    return planted_base->reap(state, completions, min, max, timeout_ns / 2);
}

REAP(reap_waits_when_looking)
{
    return planted_base->reap(state, completions, min ? min : 1, max, timeout_ns);
}

REAP(reap_min_one)
{
    return planted_base->reap(state, completions, min > 1 ? 1 : min, max, timeout_ns);
}

REAP(reap_rounds_up)
{
    const int64_t ms = (int64_t)MS;

    return planted_base->reap(state, completions, min, max, (timeout_ns + ms - 1) / ms * ms);
}

REAP(reap_renames_errors)
{
    int n = planted_base->reap(state, completions, min, max, timeout_ns);

    return n < 0 ? -EPROTO : n;
}

REAP(reap_blocks_signals)
{
    sigset_t all, before;

    sigfillset(&all);
    sigdelset(&all, SIGALRM); /* the suite's watchdog */
    sigprocmask(SIG_SETMASK, &all, &before);
    int n = planted_base->reap(state, completions, min, max, timeout_ns);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return n;
}

REAP(reap_burns)
{
    int n = 0;

    (void)timeout_ns;
    while (n >= 0 && (uint32_t)n < min) {
        int more = planted_base->reap(state, completions + n, 0, max - (uint32_t)n, 0);

        n = more < 0 ? more : n + more;
    }
    return n;
}

REAP(reap_burns_its_time)
{
    const uint64_t start_ns = wall_ns();
    int n = 0;

    while (n >= 0 && (uint32_t)n < min && wall_ns() - start_ns < (uint64_t)timeout_ns) {
        int more = planted_base->reap(state, completions + n, 0, max - (uint32_t)n, 0);

        n = more < 0 ? more : n + more;
    }
    return n;
}

/* Whoever has asked believes that no byte was moved. */
CANCEL(cancel_lies)
{
    (void)state, (void)request;
    return CANCEL_DONE;
}

static struct request *asked;

CANCEL(cancel_remembers)
{
    (void)state;
    asked = request;
    return CANCEL_TOO_LATE;
}

/* It was asked to, and the bytes are gone. */
REAP(reap_loses_what_was_cancelled)
{
    int n = planted_base->reap(state, completions, min, max, timeout_ns);

    for (int i = 0; i < n; i++)
        if (completions[i].request == asked) {
            completions[i].result = -ECANCELED;
            asked = NULL;
        }
    return n;
}

CANCEL(cancel_forgets)
{
    (void)state, (void)request;
    return -22;
}
