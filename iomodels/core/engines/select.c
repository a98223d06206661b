/* I/O multiplexing with select (the article's Figure 4, "asynchronous blocking"): submit tries, and
 * what says EAGAIN is watched; reap sleeps in select() until something is ready, then transfers it.
 *
 * As a careful program does it: the watched sets are kept up to date and copied for each call, an empty one is left out,
 * and what is found is taken from them a word at a time. The kernel still walks every bit up to the highest descriptor,
 * which is select's price. A regular file is always ready, so there the first try always succeeds, after blocking. */
#include <errno.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/time.h>

#include "engine.h"
#include "waiters.h"

struct select_state {
    struct calls *calls;
    struct waiters waiters;
    fd_set watched[WAIT_KINDS];
    uint32_t watched_count[WAIT_KINDS]; /* descriptors in them */
    int highest;                        /* highest descriptor ever watched */
};

static void watch(struct select_state *selected, int fd, enum wait_kind kind)
{
    FD_SET(fd, &selected->watched[kind]);
    selected->watched_count[kind]++;
    if (fd > selected->highest)
        selected->highest = fd;
}

/* Nobody waits for it any more. */
static void unwatch(struct select_state *selected, int fd, enum wait_kind kind)
{
    FD_CLR(fd, &selected->watched[kind]);
    selected->watched_count[kind]--;
}

static void select_close(void *state)
{
    struct select_state *selected = state;

    waiters_close(&selected->waiters);
    free(selected);
}

static int select_open(void **state, const struct engine_setup *setup)
{
    struct select_state *selected = calloc(1, sizeof *selected);

    if (!selected)
        return -ENOMEM;
    selected->calls = setup->calls;
    selected->highest = -1;
    for (int kind = 0; kind < WAIT_KINDS; kind++)
        FD_ZERO(&selected->watched[kind]);
    int error = waiters_open(&selected->waiters, setup);
    if (error) {
        select_close(selected);
        return error;
    }
    *state = selected;
    return 0;
}

static int select_submit(void *state, struct request *const *requests, uint32_t n)
{
    struct select_state *selected = state;
    struct waiters *waiters = &selected->waiters;
    uint32_t taken = 0;

    for (; taken < n && !waiters_are_full(waiters); taken++) {
        struct request *request = requests[taken];

        if (may_be_ready(waiters, request) && waiters_try(waiters, selected->calls, request))
            continue;
        if (!is_waited_for(watched_of(waiters, request), wait_kind(request)))
            watch(selected, request->fd, wait_kind(request));
        waiters_push(waiters, request);
    }
    return (int)taken;
}

/* Those whose bit is set in a word of a set, `base` being the descriptor of its first bit. How many. */
static int serve_word(struct select_state *selected, enum wait_kind kind, unsigned long found, int base)
{
    int served = 0;

    for (; found; found &= found - 1, served++) {
        const int fd = base + __builtin_ctzl(found);

        if (waiters_serve(&selected->waiters, selected->calls, &selected->waiters.by_descriptor[fd], kind))
            unwatch(selected, fd, kind);
    }
    return served;
}

/* Transfers what select has found ready: `n` bits in all sets. */
static void serve_found(struct select_state *selected, fd_set *const *found, int n)
{
    const int words = selected->highest / NFDBITS + 1;

    for (int kind = 0; kind < WAIT_KINDS; kind++)
        for (int word = 0; found[kind] && word < words && n > 0; word++)
            n -= serve_word(selected, (enum wait_kind)kind,
                            (unsigned long)found[kind]->fds_bits[word], word * NFDBITS);
}

static struct timeval *timeval_of(int64_t timeout_ns, struct timeval *timeval)
{
    if (timeout_ns < 0)
        return NULL;
    /* Rounded up: a wait may end late, never early. */
    int64_t timeout_us = timeout_ns / 1000 + (timeout_ns % 1000 != 0);
    timeval->tv_sec = (time_t)(timeout_us / 1000000);
    timeval->tv_usec = (suseconds_t)(timeout_us % 1000000);
    return timeval;
}

/* One select() and the transfers it allows. Bits found set; 0 on timeout; -errno. */
static int select_once(void *state, uint32_t max, int64_t timeout_ns)
{
    struct select_state *selected = state;
    fd_set found[WAIT_KINDS], *sets[WAIT_KINDS] = {NULL};
    struct timeval timeval;

    (void)max;
    for (int kind = 0; kind < WAIT_KINDS; kind++)
        if (selected->watched_count[kind] > 0) {
            found[kind] = selected->watched[kind];
            sets[kind] = &found[kind];
        }
    int n = CALL(selected->calls, select,
                 select(selected->highest + 1, sets[WAIT_READ], sets[WAIT_WRITE], NULL,
                        timeval_of(timeout_ns, &timeval)));

    if (n < 0)
        return -errno;
    serve_found(selected, sets, n);
    return n;
}

static int select_reap(void *state, struct completion *completions, uint32_t min, uint32_t max,
                       int64_t timeout_ns)
{
    struct select_state *selected = state;

    return waiters_reap(&selected->waiters, select_once, state, completions, min, max, timeout_ns);
}

static int select_cancel(void *state, struct request *request)
{
    struct select_state *selected = state;
    const enum wait_kind kind = wait_kind(request);
    const int outcome = waiters_cancel(&selected->waiters, request);

    if (outcome == CANCEL_DONE && !is_waited_for(watched_of(&selected->waiters, request), kind))
        unwatch(selected, request->fd, kind);
    return outcome;
}

static struct explanation select_explain(const struct trial_question *question, enum stage stage,
                                         int error)
{
    (void)question;
    if (stage != STAGE_ENGINE_OPEN || error != -ERANGE)
        return (struct explanation){0};
    return (struct explanation){
        .sentence = "select supports descriptors 0 to 1023 (FD_SETSIZE); this point needs higher ones",
        .not_applicable = true,
    };
}

_Static_assert(FD_SETSIZE == 1024, "the sentence says so");

extern const struct engine engine_select;
const struct engine engine_select = {
    .name = "select",
    .title = "I/O multiplexing",
    .calls_in_words = "select, then read / write",
    .summary = "one call sleeps until any of the watched descriptors is ready",
    .other_side = "kernel",
    .news = NEWS_READINESS,
    .worker = WORKER_CALLER,
    .complexity = COMPLEXITY_READINESS,
    .is_blocking = true,
    .in_matrix = true,
    .figure = 4,
    .calls = (const struct engine_call[]){
        TRANSFER_CALLS(0),
        {CALL_select, CLASS_WAIT, SLEEPS_ANYWHERE},
        ENGINE_CALLS_END,
    },
    .caps = {
        .files = true,
        .streams = true,
        .waits = true,
        .nonblocking_descriptors = true,
        .moves_data = true,
        .cancels = true,
        .max_descriptor = FD_SETSIZE - 1,
    },
    .degenerate = waiters_degenerate,
    .explain = select_explain,
    .open = select_open,
    .submit = select_submit,
    .reap = select_reap,
    .cancel = select_cancel,
    .close = select_close,
};
