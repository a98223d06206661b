/* POSIX AIO (the article's Figure 5): what it says of itself. How the application learns that a transfer has ended
 * is the option `notify`, with one file each. */
#include <errno.h>

#include "aio_common.h"

static const char *const notify_choices[] = {"suspend", "poll", "list", "signal", "callback", NULL};
static const char *const mode_choices[] = {"wait", "nowait", NULL};
static const char *const signal_choices[] = {"rt", "SIGIO", NULL};
static const char *const chain_choices[] = {"loop", "handler", NULL};

#define WITH(...) .needs_option = AIO_OPTION_NOTIFY, .needs_values = (__VA_ARGS__)

static const struct engine_option options[] = {
    [AIO_OPTION_NOTIFY] = {
        .name = "notify",
        .meaning = "how the application is notified of completion",
        .choices = notify_choices,
    },
    [AIO_OPTION_MODE] = {
        .name = "mode",
        .meaning = "lio_listio() returns when the whole list has completed (wait), or at once",
        .choices = mode_choices,
        WITH(1 << AIO_NOTIFY_LIST),
    },
    [AIO_OPTION_SIGNAL] = {
        .name = "signal",
        .meaning = "a real-time signal (queued) or SIGIO (not queued)",
        .choices = signal_choices,
        .untried_values = 1u << AIO_SIGNAL_SIGIO, /* loses signals */
        WITH(1 << AIO_NOTIFY_SIGNAL),
    },
    [AIO_OPTION_CHAIN] = {
        .name = "chain",
        .meaning = "where the next request is started: in the main loop, or in the signal handler or callback",
        .choices = chain_choices,
        WITH(1 << AIO_NOTIFY_SIGNAL | 1 << AIO_NOTIFY_CALLBACK),
    },
    [AIO_OPTION_THREADS] = {
        .name = "threads",
        .meaning = "worker threads of the C library; 0: one for each request in flight",
        .high = 1024,
    },
    {.name = NULL},
};

_Static_assert(AIO_OPTIONS <= ENGINE_OPTIONS, "each has a place");

/* ------------------------------------------------------------------ calls and counters */

#define CALLS(list_sleeps)                                    \
    {CALL_aio_read, CLASS_SUBMIT, 0},                         \
    {CALL_aio_write, CLASS_SUBMIT, 0},                        \
    {CALL_aio_fsync, CLASS_SUBMIT, 0},                        \
    {CALL_lio_listio, CLASS_SUBMIT, (list_sleeps)},           \
    {CALL_aio_error, CLASS_QUERY, 0},                         \
    {CALL_aio_return, CLASS_QUERY, 0},                        \
    {CALL_aio_cancel, CLASS_QUERY, 0},                        \
    {CALL_aio_suspend, CLASS_WAIT, SLEEPS_ANYWHERE},          \
    {CALL_ppoll, CLASS_WAIT, SLEEPS_ANYWHERE},                \
    {CALL_futex_wait, CLASS_WAIT, SLEEPS_ANYWHERE},           \
    {CALL_futex_wake, CLASS_WAKE, 0},                         \
    {CALL_sigprocmask, CLASS_SETUP, 0},                       \
    ENGINE_CALLS_END

static const struct engine_call calls[] = {CALLS(0)};
static const struct engine_call calls_that_wait_for_the_list[] = {CALLS(SLEEPS_ANYWHERE)};

/* Notifications that never came: their requests were found by looking, after a wait. */
#define LOST(because, then)                                                                        \
    [AIO_COUNTER_LOST] = {                                                                         \
        "signals_lost",                                                                            \
        "got no notification in time, because " because "; polling found them" then                \
        ", and their latency includes the wait until then",                                           \
    }

static const struct engine_counter of_signals[] = {
    LOST("no more signals could be queued (ulimit -i)",
         " and repeated them, because the C library overwrites their results"),
    {NULL, NULL},
};
static const struct engine_counter of_sigio[] = {
    LOST("SIGIO is not queued: two completions can cause one signal, and a signal beyond the limit (ulimit -i) "
         "does not say which request has completed", ""),
    {NULL, NULL},
};
static const struct engine_counter of_callbacks[] = {
    LOST("no thread could be started for the callback (ulimit -u; the pids limit of the container or control group)", ""),
    {NULL, NULL},
};

static const struct engine_counter *counters_of(const int64_t *chosen)
{
    if (chosen[AIO_OPTION_NOTIFY] == AIO_NOTIFY_CALLBACK)
        return of_callbacks;
    return chosen[AIO_OPTION_SIGNAL] == AIO_SIGNAL_SIGIO ? of_sigio : of_signals;
}

/* ------------------------------------------------------------------ what follows from the options */

static const struct aio_way *const ways[] = {
    [AIO_NOTIFY_SUSPEND] = &aio_way_suspend,
    [AIO_NOTIFY_POLL] = &aio_way_poll,
    [AIO_NOTIFY_LIST] = &aio_way_list_wait,
    [AIO_NOTIFY_SIGNAL] = &aio_way_signal,
    [AIO_NOTIFY_CALLBACK] = &aio_way_callback,
};

static void aio_vary(struct engine *engine, const int64_t *chosen)
{
    const bool at_once = chosen[AIO_OPTION_MODE] == AIO_MODE_NOWAIT;
    const struct aio_way *way = at_once ? &aio_way_list_nowait : ways[chosen[AIO_OPTION_NOTIFY]];

    engine->caps = way->caps;
    if (chosen[AIO_OPTION_CHAIN] == AIO_CHAIN_HANDLER)
        engine->caps.next_start = way->chain;
    engine->calls = way == &aio_way_list_wait ? calls_that_wait_for_the_list : calls;
    engine->counters = counters_of(chosen);
    if (chosen[AIO_OPTION_NOTIFY] == AIO_NOTIFY_CALLBACK)
        engine->threads_in_words = "those of the C library, at most one for each request in flight, and a new one for "
                                   "each callback";
    engine->open = way->open;
    engine->submit = way->submit;
    engine->reap = way->reap;
    engine->cancel = way->cancel;
    engine->cancel_descriptor = way->cancel_descriptor;
    engine->close = way->close;
}

/* ------------------------------------------------------------------ sentences */

static const char *aio_cannot(const struct trial_question *question)
{
    const int64_t threads = question->options[AIO_OPTION_THREADS];
    const int64_t in_flight = question->settings->depth + question->settings->idle;

    if (question->on_files || question->on_devices || threads == 0 || threads >= in_flight)
        return NULL;
    return "one read is pending on each connection, and with fewer threads than connections some reads never start. "
           "Use threads=0";
}

static struct explanation aio_explain(const struct trial_question *question, enum stage stage, int error)
{
    if (stage != STAGE_TRANSFER || error != -EAGAIN)
        return (struct explanation){0};
    if (question->slice && question->slice->counters[AIO_COUNTER_LOST] > 0)
        return (struct explanation){
            .sentence = "a notification could not be delivered, and the result of its request is lost (a stream "
                        "read or an append cannot be repeated): raise the limits (ulimit -i for signals; "
                        "ulimit -u and the pids limit for callbacks), or use another aio:notify",
        };
    return (struct explanation){0};
}

extern const struct engine engine_aio;
const struct engine engine_aio = {
    .name = "aio",
    .title = "POSIX AIO",
    .calls_in_words = "aio_read / aio_write",
    .summary = "the call queues a request; threads of the C library do the I/O and notify the application",
    .other_side = "C library, kernel",
    .news = NEWS_COMPLETION,
    .worker = WORKER_HELPERS,
    .complexity = COMPLEXITY_REQUESTS,
    .threads_in_words = "those of the C library, at most one for each request in flight",
    .in_matrix = true,
    .figure = 5,
    .options = options,
    .calls = calls,
    .counters = of_signals,
    .vary = aio_vary,
    .cannot = aio_cannot,
    .explain = aio_explain,
};
