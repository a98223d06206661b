/* I/O multiplexing with select (the article's Figure 4, "asynchronous blocking"): submit tries, and
 * what says EAGAIN is watched; reap sleeps in select() until something is ready, then transfers it.
 *
 * The watched sets are kept up to date and copied for each call, as a careful program does; the
 * kernel still walks every bit up to the highest descriptor, which is select's price. A regular
 * file is always ready, so there the first try always succeeds, after blocking. */
#include <errno.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/time.h>

#include "engine.h"
#include "transfer.h"

enum { WATCH_READ, WATCH_WRITE, WATCH_KINDS };

struct select_state {
    struct calls *calls;
    uint32_t depth;
    struct pending pending;
    struct ready ready;
    fd_set watched[WATCH_KINDS];
    uint16_t watchers[WATCH_KINDS][FD_SETSIZE]; /* requests waiting for a descriptor */
    int highest;                                /* highest descriptor ever watched */
};

static int watch_kind(const struct request *request)
{
    return request->operation == OPERATION_READ ? WATCH_READ : WATCH_WRITE;
}

static void watch(struct select_state *selected, const struct request *request)
{
    int kind = watch_kind(request);

    if (selected->watchers[kind][request->fd]++ == 0)
        FD_SET(request->fd, &selected->watched[kind]);
    if (request->fd > selected->highest)
        selected->highest = request->fd;
}

static void unwatch(struct select_state *selected, const struct request *request)
{
    int kind = watch_kind(request);

    if (--selected->watchers[kind][request->fd] == 0)
        FD_CLR(request->fd, &selected->watched[kind]);
}

static void select_close(void *state)
{
    struct select_state *selected = state;

    free(selected->pending.items);
    free(selected->ready.items);
    free(selected);
}

static int select_open(void **state, const struct engine_setup *setup)
{
    struct select_state *selected = calloc(1, sizeof *selected);

    if (!selected)
        return -ENOMEM;
    selected->calls = setup->calls;
    selected->depth = setup->depth;
    selected->highest = -1;
    FD_ZERO(&selected->watched[WATCH_READ]);
    FD_ZERO(&selected->watched[WATCH_WRITE]);
    selected->pending.items = calloc(setup->depth, sizeof(struct request *));
    selected->ready.items = calloc(setup->depth, sizeof *selected->ready.items);
    if (!selected->pending.items || !selected->ready.items) {
        select_close(selected);
        return -ENOMEM;
    }
    *state = selected;
    return 0;
}

static int select_submit(void *state, struct request *const *requests, uint32_t n)
{
    struct select_state *selected = state;
    uint32_t taken = 0;

    for (; taken < n; taken++) {
        if (selected->pending.count + selected->ready.count == selected->depth)
            break;
        ssize_t result = transfer(selected->calls, requests[taken]);

        if (result == -EAGAIN) {
            watch(selected, requests[taken]);
            pending_push(&selected->pending, requests[taken]);
        } else {
            ready_push(&selected->ready, requests[taken], result);
        }
    }
    return (int)taken;
}

/* Transfers what select has found ready, until `max` completions are there; keeps the others. */
static void transfer_ready(struct select_state *selected, const fd_set *found, uint32_t max)
{
    struct pending *pending = &selected->pending;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < pending->count; i++) {
        struct request *request = pending->items[i];
        ssize_t result = -EAGAIN;

        if (selected->ready.count < max && FD_ISSET(request->fd, &found[watch_kind(request)]))
            result = transfer(selected->calls, request);
        if (result == -EAGAIN) {
            pending->items[kept++] = request;
        } else {
            unwatch(selected, request);
            ready_push(&selected->ready, request, result);
        }
    }
    pending->count = kept;
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

/* One select() and the transfers it allows. Descriptors found ready; 0 on timeout; -errno. */
static int select_once(struct select_state *selected, uint32_t max, int64_t timeout_ns)
{
    fd_set found[WATCH_KINDS] = {selected->watched[WATCH_READ], selected->watched[WATCH_WRITE]};
    struct timeval timeval;
    int n = CALL(selected->calls, select,
                 select(selected->highest + 1, &found[WATCH_READ], &found[WATCH_WRITE], NULL,
                        timeval_of(timeout_ns, &timeval)));

    if (n < 0)
        return -errno;
    if (n > 0)
        transfer_ready(selected, found, max);
    return n;
}

static int select_reap(void *state, struct completion *completions, uint32_t min, uint32_t max,
                       int64_t timeout_ns)
{
    struct select_state *selected = state;

    if (min == 0 && selected->ready.count == 0 && selected->pending.count > 0) {
        int n = select_once(selected, max, 0);

        if (n < 0 && n != -EINTR)
            return n;
    }
    while (selected->ready.count < min && selected->pending.count > 0) {
        int n = select_once(selected, max, timeout_ns);

        if (n == 0 || n == -EINTR)
            break;
        if (n < 0)
            return n;
    }
    return (int)ready_pop(&selected->ready, completions, max);
}

static int select_cancel(void *state, struct request *request)
{
    struct select_state *selected = state;

    if (!pending_remove(&selected->pending, request))
        return CANCEL_ALREADY_COMPLETE;
    unwatch(selected, request);
    ready_push(&selected->ready, request, -ECANCELED);
    return CANCEL_DONE;
}

static const char *select_degenerate(const struct trial_question *question)
{
    return question->on_files ? "a regular file is always ready" : NULL;
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
    .degenerate = select_degenerate,
    .explain = select_explain,
    .open = select_open,
    .submit = select_submit,
    .reap = select_reap,
    .cancel = select_cancel,
    .close = select_close,
};
