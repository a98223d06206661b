/* I/O multiplexing with ppoll: as with select, submit tries and what says EAGAIN is watched; reap sleeps until
 * something is ready, then transfers it.
 *
 * The list of descriptors is kept dense and up to date, as a careful program does: a wait takes it as it is. The kernel
 * still goes through all of it for each call, which is poll's price; but there is no highest descriptor. ppoll and not
 * poll, for the timeout in nanoseconds. A regular file is always ready, so there the first try always succeeds, after
 * blocking. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "engine.h"
#include "timespec.h"
#include "waiters.h"

/* Of watched.own. */
enum { PLACE }; /* in the list, from 1; 0: it is not there */

struct poll_state {
    struct calls *calls;
    struct waiters waiters;
    struct pollfd *list;
    uint32_t length;
};

static const short events_of[WAIT_KINDS] = {[WAIT_READ] = POLLIN, [WAIT_WRITE] = POLLOUT};
/* After any of these each transfer says what is the matter. */
#define TROUBLE (POLLERR | POLLHUP | POLLNVAL)

/* ------------------------------------------------------------------ the list */

static void add_events(struct poll_state *polled, int fd, short events)
{
    uint32_t *place = &polled->waiters.by_descriptor[fd].own[PLACE];

    if (*place == 0) {
        *place = ++polled->length;
        polled->list[*place - 1] = (struct pollfd){.fd = fd};
    }
    polled->list[*place - 1].events |= events;
}

/* The last one takes the place of one that is not waited for any more. */
static void drop_events(struct poll_state *polled, int fd, short events)
{
    struct watched *by_descriptor = polled->waiters.by_descriptor;
    uint32_t *place = &by_descriptor[fd].own[PLACE];
    struct pollfd *entry = &polled->list[*place - 1];

    entry->events &= (short)~events;
    if (entry->events)
        return;
    *entry = polled->list[--polled->length];
    by_descriptor[entry->fd].own[PLACE] = *place;
    *place = 0;
}

/* ------------------------------------------------------------------ opening and closing */

static void poll_close(void *state)
{
    struct poll_state *polled = state;

    waiters_close(&polled->waiters);
    free(polled->list);
    free(polled);
}

static int poll_open(void **state, const struct engine_setup *setup)
{
    struct poll_state *polled = calloc(1, sizeof *polled);

    if (!polled)
        return -ENOMEM;
    polled->calls = setup->calls;
    polled->list = calloc(setup->descriptor_count, sizeof *polled->list);
    int error = polled->list ? waiters_open(&polled->waiters, setup) : -ENOMEM;
    if (error) {
        poll_close(polled);
        return error;
    }
    *state = polled;
    return 0;
}

/* ------------------------------------------------------------------ submit and reap */

static int poll_submit(void *state, struct request *const *requests, uint32_t n)
{
    struct poll_state *polled = state;
    struct waiters *waiters = &polled->waiters;
    uint32_t taken = 0;

    for (; taken < n && !waiters_are_full(waiters); taken++) {
        struct request *request = requests[taken];

        if (may_be_ready(waiters, request) && waiters_try(waiters, polled->calls, request))
            continue;
        waiters_push(waiters, request);
        add_events(polled, request->fd, events_of[wait_kind(request)]);
    }
    return (int)taken;
}

static void serve(struct poll_state *polled, int fd, short events)
{
    struct watched *watched = &polled->waiters.by_descriptor[fd];

    for (int kind = 0; kind < WAIT_KINDS; kind++)
        if (events & (events_of[kind] | TROUBLE) && is_waited_for(watched, kind) &&
            waiters_serve(&polled->waiters, polled->calls, watched, kind))
            drop_events(polled, fd, events_of[kind]);
}

/* From the end: what then comes into the place of one that is done has been looked at already. */
static void serve_ready(struct poll_state *polled, int found)
{
    for (uint32_t i = polled->length; i > 0 && found > 0; i--) {
        const struct pollfd entry = polled->list[i - 1];

        if (entry.revents == 0)
            continue;
        serve(polled, entry.fd, entry.revents);
        found--;
    }
}

/* One ppoll() and the transfers it allows. Descriptors found ready; 0 on timeout; -errno. */
static int poll_once(void *state, uint32_t max, int64_t timeout_ns)
{
    struct poll_state *polled = state;
    const struct timespec timeout = timespec_of(timeout_ns);

    (void)max;
    int n = CALL(polled->calls, ppoll,
                 ppoll(polled->list, polled->length, timeout_ns < 0 ? NULL : &timeout, NULL));

    if (n < 0)
        return -errno;
    serve_ready(polled, n);
    return n;
}

static int poll_reap(void *state, struct completion *completions, uint32_t min, uint32_t max,
                     int64_t timeout_ns)
{
    struct poll_state *polled = state;

    return waiters_reap(&polled->waiters, poll_once, state, completions, min, max, timeout_ns);
}

static int poll_cancel(void *state, struct request *request)
{
    struct poll_state *polled = state;
    const struct watched *watched = watched_of(&polled->waiters, request);
    const int outcome = waiters_cancel(&polled->waiters, request);

    if (outcome == CANCEL_DONE && !is_waited_for(watched, wait_kind(request)))
        drop_events(polled, request->fd, events_of[wait_kind(request)]);
    return outcome;
}

extern const struct engine engine_poll;
const struct engine engine_poll = {
    .name = "poll",
    .title = "poll",
    .calls_in_words = "ppoll, then read / write",
    .summary = "one call sleeps until any of a list of descriptors is ready",
    .other_side = "kernel",
    .news = NEWS_READINESS,
    .worker = WORKER_CALLER,
    .complexity = COMPLEXITY_READINESS,
    .is_blocking = true,
    .calls = (const struct engine_call[]){
        TRANSFER_CALLS(0),
        {CALL_ppoll, CLASS_WAIT, SLEEPS_ANYWHERE},
        ENGINE_CALLS_END,
    },
    .caps = {
        .files = true,
        .streams = true,
        .waits = true,
        .nonblocking_descriptors = true,
        .moves_data = true,
        .cancels = true,
    },
    .degenerate = waiters_degenerate,
    .open = poll_open,
    .submit = poll_submit,
    .reap = poll_reap,
    .cancel = poll_cancel,
    .close = poll_close,
};
