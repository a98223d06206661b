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
        .meaning = "how the application learns of completion",
        .choices = notify_choices,
    },
    [AIO_OPTION_MODE] = {
        .name = "mode",
        .meaning = "lio_listio returns when all of the list have ended, or at once",
        .choices = mode_choices,
        WITH(1 << AIO_NOTIFY_LIST),
    },
    [AIO_OPTION_SIGNAL] = {
        .name = "signal",
        .meaning = "a real-time signal, which queues, or SIGIO, which does not",
        .choices = signal_choices,
        WITH(1 << AIO_NOTIFY_SIGNAL),
    },
    [AIO_OPTION_CHAIN] = {
        .name = "chain",
        .meaning = "where the next transfer is started: in the main loop, or in the signal handler or callback "
                   "itself",
        .choices = chain_choices,
        WITH(1 << AIO_NOTIFY_SIGNAL | 1 << AIO_NOTIFY_CALLBACK),
    },
    [AIO_OPTION_THREADS] = {
        .name = "threads",
        .meaning = "the C library's worker threads; 0: one for each request in flight",
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
        "were not announced in time, since " because "; they were found by looking" then           \
        "; a wait before that is part of their latency",                                           \
    }

static const struct engine_counter of_signals[] = {
    LOST("no more signals could be queued (ulimit -i)",
         ", and made once more, since the C library overwrites the result of such a one"),
    {NULL, NULL},
};
static const struct engine_counter of_sigio[] = {
    LOST("SIGIO does not queue, so that two completions may leave one signal, and without room for its value "
         "(ulimit -i) it does not say what has completed", ""),
    {NULL, NULL},
};
static const struct engine_counter of_callbacks[] = {
    LOST("no thread could be started for their callback (ulimit -u, and the pids limit of the container or control group)", ""),
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

    if (question->on_files || threads == 0 || threads >= in_flight)
        return NULL;
    return "it keeps a read on each connection, and with fewer threads than those the reads that wait would keep "
           "all others waiting for ever";
}

static struct explanation aio_explain(const struct trial_question *question, enum stage stage, int error)
{
    if (stage != STAGE_TRANSFER || error != -EAGAIN)
        return (struct explanation){0};
    if (question->slice && question->slice->counters[AIO_COUNTER_LOST] > 0)
        return (struct explanation){
            .sentence = "a request's notification could not be delivered, and its result is gone with it (what "
                        "came from a stream, or was appended, cannot be asked for again): raise the limits "
                        "(ulimit -i for signals; ulimit -u and the pids limit for callbacks), or use another aio:notify",
        };
    return (struct explanation){0};
}

extern const struct engine engine_aio;
const struct engine engine_aio = {
    .name = "aio",
    .title = "POSIX AIO",
    .calls_in_words = "aio_read / aio_write",
    .summary = "the request is queued; the C library's threads do it and notify",
    .other_side = "C library, kernel",
    .in_matrix = true,
    .figure = 5,
    .options = options,
    .calls = calls,
    .counters = of_signals,
    .vary = aio_vary,
    .cannot = aio_cannot,
    .explain = aio_explain,
};
