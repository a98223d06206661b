/* I/O multiplexing with epoll: every descriptor is registered once, at open, and a wait costs the same however many there
 * are. As with select, what would have to wait is watched, and transferred when it is ready.
 *
 * What is watched for, and when that changes, is the whole difference between the three triggers:
 *  level    Reads always; writes only once one has to wait, for a socket is writable nearly all the time, and each wait
 *           would return at once for it. What is reported although nobody waits for it is switched off, once, until
 *           somebody does. (So a write that waits again and again costs no call for that; and neither does a descriptor
 *           that is read in turn.)
 *  edge     Each change is reported once. So it is remembered that a descriptor is ready until a transfer finds that it is
 *           not (EAGAIN), or has read all that can be there (request.poll_first; the end of the data may be there as well,
 *           and is not reported again). Writes are watched from the first one on that has to wait: else each answer that
 *           a client takes out of a socket would wake the server.
 *  oneshot  Each report switches the descriptor off, and each wait switches it on again, with a call.
 *
 * Hang-ups and errors are reported whether one asks or not; level-triggered for ever. So "off" is an edge. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine.h"
#include "waiters.h"

enum { OPTION_TRIGGER };
enum trigger { TRIGGER_LEVEL, TRIGGER_EDGE, TRIGGER_ONESHOT };

static const char *const triggers[] = {"level", "edge", "oneshot", NULL};

/* Of watched.own. */
enum {
    ARMED, /* the events that the kernel is to report */
    KNOWN, /* edge: what it has reported, as far as that may still hold */
};

struct epoll_state {
    struct calls *calls;
    enum trigger trigger;
    int fd;
    bool in_ns; /* the kernel has epoll_pwait2 */
    struct waiters waiters;
    struct epoll_event *events;
    uint32_t events_size;
};

static const uint32_t events_of[WAIT_KINDS] = {[WAIT_READ] = EPOLLIN, [WAIT_WRITE] = EPOLLOUT};
#define ALL_EVENTS ((uint32_t)(EPOLLIN | EPOLLOUT))
/* Reported whether one asks or not; each transfer then says what is the matter. */
#define TROUBLE ((uint32_t)(EPOLLERR | EPOLLHUP))
#define THE_END ((uint32_t)EPOLLRDHUP | TROUBLE)

/* ------------------------------------------------------------------ what the kernel is asked to report */

static int set_events(struct epoll_state *epoll, int operation, int fd, uint32_t events)
{
    static const uint32_t flags[] = {
        [TRIGGER_LEVEL] = 0,
        [TRIGGER_EDGE] = EPOLLET | EPOLLRDHUP,
        [TRIGGER_ONESHOT] = EPOLLONESHOT,
    };
    struct epoll_event event = {
        .events = events ? events | flags[epoll->trigger] : (uint32_t)EPOLLET,
        .data.fd = fd,
    };

    if (CALL(epoll->calls, epoll_ctl, epoll_ctl(epoll->fd, operation, fd, &event)) < 0)
        return -errno;
    epoll->waiters.by_descriptor[fd].own[ARMED] = events;
    return 0;
}

/* Somebody waits for `events` of the descriptor. */
static int arm(struct epoll_state *epoll, int fd, uint32_t events)
{
    const uint32_t armed = epoll->waiters.by_descriptor[fd].own[ARMED];

    return (armed & events) == events ? 0 : set_events(epoll, EPOLL_CTL_MOD, fd, armed | events);
}

/* Those that somebody waits for. */
static uint32_t wanted(const struct watched *watched)
{
    uint32_t events = 0;

    for (int kind = 0; kind < WAIT_KINDS; kind++)
        if (is_waited_for(watched, kind))
            events |= events_of[kind];
    return events;
}

/* ------------------------------------------------------------------ opening and closing */

/* As epoll_wait(2), and in nanoseconds where the kernel can (5.11). */
static int wait_ns(struct epoll_state *epoll, int max, int64_t timeout_ns)
{
#ifdef __NR_epoll_pwait2
    if (epoll->in_ns) {
        const struct { int64_t s, ns; } timeout = {timeout_ns / 1000000000, timeout_ns % 1000000000};

        return CALL(epoll->calls, epoll_pwait2,
                    (int)syscall(__NR_epoll_pwait2, epoll->fd, epoll->events, max,
                                 timeout_ns < 0 ? NULL : &timeout, NULL, (size_t)0));
    }
#endif
    /* Rounded up: a wait may end late, never early. */
    const int64_t timeout_ms = timeout_ns / 1000000 + (timeout_ns % 1000000 > 0);

    return CALL(epoll->calls, epoll_wait,
                epoll_wait(epoll->fd, epoll->events, max,
                           timeout_ns < 0 ? -1 : timeout_ms < INT_MAX ? (int)timeout_ms : INT_MAX));
}

static bool can_wait_in_ns(struct epoll_state *epoll)
{
    epoll->in_ns = true;
    return wait_ns(epoll, 1, 0) >= 0;
}

/* Of all descriptors, those included on which nothing will ever happen. A write is tried before it waits. */
static int register_all(struct epoll_state *epoll, const struct engine_setup *setup)
{
    const uint32_t events = epoll->trigger == TRIGGER_ONESHOT ? 0 : EPOLLIN;
    int error = 0;

    for (uint32_t i = 0; !error && i < setup->descriptor_count; i++) {
        epoll->waiters.by_descriptor[setup->descriptors[i]].own[KNOWN] = EPOLLOUT;
        error = set_events(epoll, EPOLL_CTL_ADD, setup->descriptors[i], events);
    }
    return error;
}

static void epoll_close(void *state)
{
    struct epoll_state *epoll = state;

    if (epoll->fd >= 0)
        close(epoll->fd);
    waiters_close(&epoll->waiters);
    free(epoll->events);
    free(epoll);
}

static int open_all(struct epoll_state *epoll, const struct engine_setup *setup)
{
    epoll->events = calloc(setup->depth, sizeof *epoll->events);
    int error = epoll->events ? waiters_open(&epoll->waiters, setup) : -ENOMEM;
    if (error)
        return error;
    epoll->fd = CALL(epoll->calls, epoll_create, epoll_create1(EPOLL_CLOEXEC));
    if (epoll->fd < 0)
        return -errno;
    epoll->in_ns = can_wait_in_ns(epoll);
    return register_all(epoll, setup);
}

static int epoll_open(void **state, const struct engine_setup *setup)
{
    struct epoll_state *epoll = calloc(1, sizeof *epoll);

    if (!epoll)
        return -ENOMEM;
    epoll->calls = setup->calls;
    epoll->trigger = (enum trigger)setup->options[OPTION_TRIGGER];
    epoll->fd = -1;
    epoll->events_size = setup->depth;
    int error = open_all(epoll, setup);
    if (error) {
        epoll_close(epoll);
        return error;
    }
    *state = epoll;
    return 0;
}

/* ------------------------------------------------------------------ submit */

/* Edge: the last transfer has read all that can be there. */
static void forget_what_was_read(struct watched *watched, const struct ready *ready)
{
    const struct completion *last = &ready->items[ready->count - 1];

    if (last->request->poll_first && last->result == (ssize_t)last->request->length &&
        !(watched->own[KNOWN] & THE_END))
        watched->own[KNOWN] &= ~events_of[WAIT_READ];
}

/* Edge: a transfer of this kind was made, or would have to wait. */
static bool remember(struct epoll_state *epoll, struct watched *watched, enum wait_kind kind, bool was_made)
{
    if (!was_made)
        watched->own[KNOWN] &= ~events_of[kind];
    else if (kind == WAIT_READ)
        forget_what_was_read(watched, &epoll->waiters.ready);
    return was_made;
}

/* True: the transfer is over. */
static bool try_known(struct epoll_state *epoll, struct request *request)
{
    struct watched *watched = watched_of(&epoll->waiters, request);
    const enum wait_kind kind = wait_kind(request);

    if (is_waited_for(watched, kind) || !(watched->own[KNOWN] & (events_of[kind] | TROUBLE)))
        return false;
    return remember(epoll, watched, kind, waiters_try(&epoll->waiters, epoll->calls, request));
}

static bool try_first(struct epoll_state *epoll, struct request *request)
{
    if (epoll->trigger == TRIGGER_EDGE)
        return try_known(epoll, request);
    return may_be_ready(&epoll->waiters, request) && waiters_try(&epoll->waiters, epoll->calls, request);
}

static int epoll_submit(void *state, struct request *const *requests, uint32_t n)
{
    struct epoll_state *epoll = state;
    struct waiters *waiters = &epoll->waiters;
    uint32_t taken = 0;

    for (; taken < n && !waiters_are_full(waiters); taken++) {
        struct request *request = requests[taken];

        if (try_first(epoll, request))
            continue;
        int error = arm(epoll, request->fd, events_of[wait_kind(request)]);
        if (error)
            ready_push(&waiters->ready, request, error);
        else
            waiters_push(waiters, request);
    }
    return (int)taken;
}

/* ------------------------------------------------------------------ reap */

static void serve(struct epoll_state *epoll, struct watched *watched, uint32_t events)
{
    for (int kind = 0; kind < WAIT_KINDS; kind++)
        if (events & (events_of[kind] | TROUBLE) && is_waited_for(watched, kind))
            remember(epoll, watched, kind,
                     waiters_serve(&epoll->waiters, epoll->calls, watched, kind));
}

static int take_level(struct epoll_state *epoll, int fd, uint32_t events)
{
    struct watched *watched = &epoll->waiters.by_descriptor[fd];
    const uint32_t armed = watched->own[ARMED], reported = events & TROUBLE ? ALL_EVENTS : events;
    const uint32_t for_nobody = reported & armed & ~wanted(watched);

    serve(epoll, watched, events);
    return for_nobody ? set_events(epoll, EPOLL_CTL_MOD, fd, armed & ~for_nobody) : 0;
}

static int take_edge(struct epoll_state *epoll, int fd, uint32_t events)
{
    struct watched *watched = &epoll->waiters.by_descriptor[fd];

    watched->own[KNOWN] |= events;
    serve(epoll, watched, events);
    return 0;
}

static int take_oneshot(struct epoll_state *epoll, int fd, uint32_t events)
{
    struct watched *watched = &epoll->waiters.by_descriptor[fd];

    watched->own[ARMED] = 0;
    serve(epoll, watched, events);
    return wanted(watched) ? arm(epoll, fd, wanted(watched)) : 0;
}

/* One wait and the transfers it allows. Descriptors found ready; 0 on timeout; -errno. */
static int epoll_once(void *state, uint32_t max, int64_t timeout_ns)
{
    struct epoll_state *epoll = state;
    static int (*const take[])(struct epoll_state *, int, uint32_t) = {
        [TRIGGER_LEVEL] = take_level,
        [TRIGGER_EDGE] = take_edge,
        [TRIGGER_ONESHOT] = take_oneshot,
    };
    int n = wait_ns(epoll, (int)(max < epoll->events_size ? max : epoll->events_size), timeout_ns);

    if (n < 0)
        return -errno;
    for (int i = 0; i < n; i++) {
        const struct epoll_event *event = &epoll->events[i];
        int error = take[epoll->trigger](epoll, event->data.fd, event->events);

        if (error)
            return error;
    }
    return n;
}

static int epoll_reap(void *state, struct completion *completions, uint32_t min, uint32_t max,
                      int64_t timeout_ns)
{
    struct epoll_state *epoll = state;

    return waiters_reap(&epoll->waiters, epoll_once, state, completions, min, max, timeout_ns);
}

static int epoll_cancel(void *state, struct request *request)
{
    struct epoll_state *epoll = state;

    return waiters_cancel(&epoll->waiters, request);
}

/* ------------------------------------------------------------------ in words */

static const char *epoll_cannot(const struct trial_question *question)
{
    return question->on_files ? "epoll does not support regular files (EPERM)" : NULL;
}

static struct explanation epoll_explain(const struct trial_question *question, enum stage stage, int error)
{
    const char *sentence = NULL;

    (void)question;
    if (stage == STAGE_ENGINE_OPEN && error == -ENOSPC)
        sentence = "epoll may not watch so many descriptors: raise the limit (sysctl fs.epoll.max_user_watches), or "
                   "lower load.descriptors";
    if (stage == STAGE_ENGINE_OPEN && (error == -ENOSYS || error == -EPERM))
        sentence = "the kernel or the container does not allow epoll: allow epoll_create1 and epoll_ctl in the seccomp "
                   "profile";
    return (struct explanation){.sentence = sentence, .not_applicable = sentence != NULL};
}

static void epoll_vary(struct engine *engine, const int64_t *options)
{
    engine->caps.edge_triggered = options[OPTION_TRIGGER] == TRIGGER_EDGE;
}

extern const struct engine engine_epoll;
const struct engine engine_epoll = {
    .name = "epoll",
    .title = "epoll",
    .calls_in_words = "epoll_wait, then read / write",
    .summary = "the descriptors are registered once; one call sleeps until any of them is ready",
    .other_side = "kernel",
    .news = NEWS_READINESS,
    .worker = WORKER_CALLER,
    .complexity = COMPLEXITY_REGISTRATION,
    .is_blocking = true,
    .options = (const struct engine_option[]){
        {
            .name = "trigger",
            .meaning = "what it reports: readiness (level), changes (edge), or once per request (oneshot)",
            .choices = triggers,
        },
        {.name = NULL},
    },
    .calls = (const struct engine_call[]){
        TRANSFER_CALLS(0),
        {CALL_epoll_create, CLASS_SETUP, 0},
        {CALL_epoll_ctl, CLASS_SETUP, 0},
        {CALL_epoll_wait, CLASS_WAIT, SLEEPS_ANYWHERE},
        {CALL_epoll_pwait2, CLASS_WAIT, SLEEPS_ANYWHERE},
        ENGINE_CALLS_END,
    },
    .caps = {
        .streams = true,
        .waits = true,
        .nonblocking_descriptors = true,
        .moves_data = true,
        .cancels = true,
    },
    .vary = epoll_vary,
    .cannot = epoll_cannot,
    .explain = epoll_explain,
    .open = epoll_open,
    .submit = epoll_submit,
    .reap = epoll_reap,
    .cancel = epoll_cancel,
    .close = epoll_close,
};
