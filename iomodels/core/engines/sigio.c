/* Signal-driven I/O: O_ASYNC. The kernel queues a real-time signal for each event on a descriptor; submit tries, and what
 * says EAGAIN waits for its descriptor's signal; reap takes one signal after another with sigtimedwait, and tries again.
 *
 * A signal is like an edge: it says that something has happened, once, and not that anything is ready. What came while
 * nothing waited is found because every request tries first. Each event costs a signal, wanted or not: every read of
 * a pipe's other end announces room to write, for one.
 *
 * Signals get lost. When RLIMIT_SIGPENDING is reached, the kernel sends a plain SIGIO instead, which does not queue: then
 * everything that waits is tried. (Where requests find data without waiting, nobody takes the signals, and that many do
 * pile up.) And a UNIX socket marks itself as "announce room" only after it has found none: room that appears in between
 * is announced to nobody. So everything is tried, too, when no signal has come for a while, and after many signals.
 *
 * Which descriptors send signals, and to whom, is in sigio_signals.h. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include "engine.h"
#include "sigio_signals.h"
#include "timespec.h"
#include "waiters.h"

/* How long to wait for a signal before everything is tried: at least, and for each request, so that a peer which is
 * slow costs 1 % of a CPU at the most. Doubled each time that it was in vain, up to so often. */
#define PATIENCE_NS INT64_C(10000000)
#define PATIENCE_PER_REQUEST_NS INT64_C(25000)
#define PATIENCE_DOUBLED_MAX 6
/* And after how many signals for each request that waits: a try costs about as much as a signal. */
#define SIGNALS_PER_TRY 1024

enum { COUNTER_SIGNAL_OVERFLOWS, COUNTER_FOUND_WITHOUT_SIGNAL, COUNTER_SPURIOUS_SIGNALS };

struct sigio_state {
    struct calls *calls;
    uint64_t *counters;
    struct waiters waiters;
    struct sigio_signals signals;

    int64_t waited_ns; /* in vain, since the last signal or try */
    int doubled;       /* the patience, how often */
    uint64_t taken;    /* signals, since everything was tried */
};

static void count(struct sigio_state *state, int counter)
{
    calls_add(&state->counters[counter]);
}

/* ------------------------------------------------------------------ what waits */

/* What a signal's si_band has to say for each. */
#define TROUBLE (POLLERR | POLLHUP)
#define EVERYTHING (-1L)
static const long news_of[WAIT_KINDS] = {
    [WAIT_READ] = POLLIN | POLLRDNORM | TROUBLE,
    [WAIT_WRITE] = POLLOUT | POLLWRNORM | TROUBLE,
};

/* Tries what waits for a descriptor of which there is this news. How many transfers that ended. */
static uint32_t try_waiting(struct sigio_state *state, size_t fd, long band)
{
    struct waiters *waiters = &state->waiters;
    const uint32_t before = waiters->count;

    for (int kind = 0; kind < WAIT_KINDS; kind++)
        if (band & news_of[kind])
            (void)waiters_serve(waiters, state->calls, &waiters->by_descriptor[fd], kind);
    return before - waiters->count;
}

/* Tries everything that waits. How many transfers that ended. */
static uint32_t sweep(struct sigio_state *state)
{
    uint32_t ended = 0;

    for (size_t fd = 0; fd < state->waiters.numbers; fd++)
        ended += try_waiting(state, fd, EVERYTHING);
    state->taken = 0;
    state->waited_ns = 0;
    return ended;
}

/* ------------------------------------------------------------------ open and close */

static void free_state(struct sigio_state *state)
{
    waiters_close(&state->waiters);
    free(state);
}

static void sigio_close(void *opaque)
{
    struct sigio_state *state = opaque;

    sigio_signals_end(&state->signals);
    free_state(state);
}

static int sigio_open(void **out, const struct engine_setup *setup)
{
    struct sigio_state *state = calloc(1, sizeof *state);

    if (!state)
        return -ENOMEM;
    state->calls = setup->calls;
    state->counters = setup->counters;
    int error = waiters_open(&state->waiters, setup);
    if (!error)
        error = sigio_signals_begin(&state->signals, setup);
    if (error) {
        free_state(state);
        return error;
    }
    *out = state;
    return 0;
}

/* ------------------------------------------------------------------ submit, reap, cancel */

static int sigio_submit(void *opaque, struct request *const *requests, uint32_t n)
{
    struct sigio_state *state = opaque;
    uint32_t taken = 0;

    for (; taken < n && !waiters_are_full(&state->waiters); taken++)
        if (!waiters_try(&state->waiters, state->calls, requests[taken]))
            waiters_push(&state->waiters, requests[taken]);
    return (int)taken;
}

static void on_signal(struct sigio_state *state, int number, const siginfo_t *info)
{
    uint32_t ended = 0;

    state->waited_ns = 0;
    state->doubled = 0;
    state->taken++;
    if (number == SIGIO) {
        count(state, COUNTER_SIGNAL_OVERFLOWS);
        sweep(state);
        return;
    }
    if (info->si_code > 0 && info->si_fd >= 0 && (size_t)info->si_fd < state->waiters.numbers) /* the kernel has sent it */
        ended = try_waiting(state, (size_t)info->si_fd, info->si_band);
    if (ended == 0)
        count(state, COUNTER_SPURIOUS_SIGNALS);
}

/* No signal has come for as long as there was patience. What is ready all the same was not announced; or will be, since
 * a full socket has some room before the kernel calls it enough; or was announced to another thread. 0 or -errno. */
static int try_unannounced(struct sigio_state *state)
{
    const int error = sigio_signals_come_here(&state->signals);
    const uint32_t ended = sweep(state);

    calls_add_several(&state->counters[COUNTER_FOUND_WITHOUT_SIGNAL], ended);
    if (ended)
        state->doubled = 0;
    else if (state->doubled < PATIENCE_DOUBLED_MAX)
        state->doubled++;
    return error;
}

static int64_t patience_ns(const struct sigio_state *state)
{
    const int64_t of_all_ns = state->waiters.count * PATIENCE_PER_REQUEST_NS;

    return (of_all_ns > PATIENCE_NS ? of_all_ns : PATIENCE_NS) << state->doubled;
}

/* Waits for one signal, and tries what it says. 1: one came; 0: none has; or -errno. */
static int take_signal(struct sigio_state *state, int64_t timeout_ns)
{
    const struct timespec timeout = timespec_of(timeout_ns);
    siginfo_t info;
    const int number = CALL(state->calls, sigtimedwait, sigtimedwait(&state->signals.set, &info, &timeout));

    if (number < 0)
        return errno == EAGAIN ? 0 : -errno;
    on_signal(state, number, &info);
    if (state->taken > (uint64_t)SIGNALS_PER_TRY * state->waiters.count)
        sweep(state);
    return 1;
}

/* A signal, or none for `timeout_ns`, or for as long as there is patience; `*waited_ns` is how long that was. */
static int wait_for_signal(struct sigio_state *state, int64_t timeout_ns, int64_t *waited_ns)
{
    const int64_t rest_ns = patience_ns(state) - state->waited_ns; /* below 0 when there are fewer requests */
    const int64_t left_ns = rest_ns > 0 ? rest_ns : 0;
    const int64_t wait_ns = timeout_ns < 0 || timeout_ns > left_ns ? left_ns : timeout_ns;
    const int came = take_signal(state, wait_ns);

    *waited_ns = wait_ns;
    if (came != 0 || (state->waited_ns += wait_ns) < patience_ns(state))
        return came;
    return try_unannounced(state);
}

/* What has come without waiting. 0 or -errno. */
static int look(struct sigio_state *state, uint32_t max)
{
    int came = 1;

    while (came > 0 && state->waiters.ready.count < max && state->waiters.count > 0)
        came = take_signal(state, 0);
    return came == -EINTR || came > 0 ? 0 : came;
}

static int sigio_reap(void *opaque, struct completion *completions, uint32_t min, uint32_t max,
                      int64_t timeout_ns)
{
    struct sigio_state *state = opaque;
    int64_t left_ns = timeout_ns, waited_ns;
    int error = 0;

    if (min == 0 && state->waiters.ready.count == 0)
        error = look(state, max);
    while (!error && state->waiters.ready.count < min && state->waiters.count > 0) {
        const int came = wait_for_signal(state, left_ns, &waited_ns);

        if (came == -EINTR || (came == 0 && left_ns >= 0 && (left_ns -= waited_ns) <= 0))
            break;
        error = came < 0 ? came : 0;
    }
    return error ? error : (int)ready_pop(&state->waiters.ready, completions, max);
}

static int sigio_cancel(void *opaque, struct request *request)
{
    struct sigio_state *state = opaque;

    return waiters_cancel(&state->waiters, request);
}

/* ------------------------------------------------------------------ what it says of itself */

static const char *sigio_cannot(const struct trial_question *question)
{
    if (question->on_files)
        return "signal-driven I/O does not support regular files: the kernel sends no signal for them";
    if (question->on_devices)
        return "signal-driven I/O does not support timers: the kernel sends no signal for a timerfd";
    return NULL;
}

static struct explanation sigio_explain(const struct trial_question *question, enum stage stage, int error)
{
    (void)question;
    if (stage == STAGE_ENGINE_OPEN && error == -EOPNOTSUPP)
        return (struct explanation){
            .sentence = "this kernel sends no signals for such descriptors (O_ASYNC)",
            .not_applicable = true,
        };
    if (stage == STAGE_ENGINE_OPEN && error == -EBUSY)
        return (struct explanation){.sentence = "all real-time signals are in use in this process"};
    return (struct explanation){0};
}

extern const struct engine engine_sigio;
const struct engine engine_sigio = {
    .name = "sigio",
    .title = "signal-driven I/O",
    .calls_in_words = "O_ASYNC, sigtimedwait, then read / write",
    .summary = "the kernel queues a signal for each event on a descriptor; a call sleeps until one comes",
    .other_side = "kernel",
    .news = NEWS_READINESS,
    .worker = WORKER_CALLER,
    .complexity = COMPLEXITY_SIGNALS,
    .is_blocking = true,
    .instead = "select",
    .calls = (const struct engine_call[]){
        {CALL_read, CLASS_TRANSFER, 0},
        {CALL_write, CLASS_TRANSFER, 0},
        {CALL_sigtimedwait, CLASS_WAIT, SLEEPS_ANYWHERE},
        {CALL_fcntl, CLASS_SETUP, 0},
        {CALL_sigprocmask, CLASS_SETUP, 0},
        ENGINE_CALLS_END,
    },
    .counters = (const struct engine_counter[]){
        [COUNTER_SIGNAL_OVERFLOWS] = {"signal_overflows",
                                      "were preceded by an overflow of the signal queue (ulimit -i): the kernel "
                                      "sent SIGIO instead, and each time all waiting requests were tried"},
        [COUNTER_FOUND_WITHOUT_SIGNAL] = {"found_without_signal", NULL},
        [COUNTER_SPURIOUS_SIGNALS] = {"spurious_signals", NULL},
        {NULL, NULL},
    },
    .caps = {
        .streams = true,
        .waits = true,
        .nonblocking_descriptors = true,
        .moves_data = true,
        .cancels = true,
    },
    .cannot = sigio_cannot,
    .explain = sigio_explain,
    .open = sigio_open,
    .submit = sigio_submit,
    .reap = sigio_reap,
    .cancel = sigio_cancel,
    .close = sigio_close,
};
