/* A blocking thread for each request in flight: what synchronous blocking I/O (the article's Figure 2)
 * means at a depth above 1, since one thread waits for one thing. submit puts requests into a
 * queue; whichever thread is free takes the oldest one and makes the call. (With handoff=none each thread goes on by
 * itself: threads_alone.c.)
 *
 * The threads sleep, and reap waits, on futexes of their own (futex.h). The mutex is rarely contended and
 * then makes calls of its own; those are not counted.
 *
 * The helper threads count their calls by themselves and hand the numbers over with each
 * completion, so that the record is written by one thread only. */
#include <errno.h>
#include <stdlib.h>

#include "futex.h"
#include "helpers.h"
#include "threads.h"
#include "transfer.h"

struct threads_state {
    struct calls *calls;
    uint32_t depth;
    pthread_t *threads;
    uint32_t thread_count;

    pthread_mutex_t mutex;  /* for all that follows */
    struct request **queue; /* a ring: not yet taken by a thread, oldest at queue_first */
    uint32_t queue_first, queue_count;
    uint32_t in_flight;    /* queued, taken, or ready */
    struct ready ready;
    struct call_counts reported; /* by the helper threads, not yet in `calls` */
    uint32_t sleepers;           /* threads that wait for work, or were just woken */
    uint32_t work;               /* futex: changes whenever there may be work */
    uint32_t wanted;             /* reap waits for this many; 0: it does not */
    uint32_t enough;             /* futex: 1 when they are there */
    bool closing;
};

static void queue_push(struct threads_state *threads, struct request *request)
{
    threads->queue[(threads->queue_first + threads->queue_count++) % threads->depth] = request;
}

static struct request *queue_shift(struct threads_state *threads)
{
    struct request *request = threads->queue[threads->queue_first];

    threads->queue_first = (threads->queue_first + 1) % threads->depth;
    threads->queue_count--;
    return request;
}

/* ------------------------------------------------------------------ the helper threads */

/* Sleeps until there is work; NULL when the engine closes. With the mutex held. */
static struct request *take_work(struct threads_state *threads, const struct calls *calls)
{
    while (threads->queue_count == 0 && !threads->closing) {
        const uint32_t seen = threads->work;

        threads->sleepers++;
        pthread_mutex_unlock(&threads->mutex);
        (void)futex_wait(calls, &threads->work, seen, -1);
        pthread_mutex_lock(&threads->mutex);
        threads->sleepers--;
    }
    if (threads->queue_count == 0)
        return NULL;
    return queue_shift(threads);
}

/* Whether reap now has what it waits for. With the mutex held. */
static bool report(struct threads_state *threads, struct request *request, ssize_t result,
                   struct call_counts *counts)
{
    ready_push(&threads->ready, request, result);
    calls_move(threads->reported.count, threads->reported.eagain, counts);
    if (threads->wanted == 0 || threads->ready.count < threads->wanted)
        return false;
    threads->wanted = 0;
    __atomic_store_n(&threads->enough, 1, __ATOMIC_RELAXED);
    return true;
}

static void *serve(void *state)
{
    struct threads_state *threads = state;
    struct call_counts counts = {0};
    struct calls calls = calls_of_helper(threads->calls, &counts);
    struct request *request;

    pthread_mutex_lock(&threads->mutex);
    while ((request = take_work(threads, &calls))) {
        pthread_mutex_unlock(&threads->mutex);
        ssize_t result = transfer(&calls, request);
        pthread_mutex_lock(&threads->mutex);
        if (report(threads, request, result, &counts)) {
            pthread_mutex_unlock(&threads->mutex);
            futex_wake(&calls, &threads->enough, 1);
            pthread_mutex_lock(&threads->mutex);
        }
    }
    pthread_mutex_unlock(&threads->mutex);
    return NULL;
}

/* ------------------------------------------------------------------ the engine */

static void threads_close(void *state)
{
    struct threads_state *threads = state;

    pthread_mutex_lock(&threads->mutex);
    threads->closing = true;
    __atomic_add_fetch(&threads->work, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&threads->mutex);
    futex_wake(threads->calls, &threads->work, INT32_MAX);
    for (uint32_t i = 0; i < threads->thread_count; i++)
        pthread_join(threads->threads[i], NULL);
    pthread_mutex_destroy(&threads->mutex);
    free(threads->threads);
    free(threads->queue);
    free(threads->ready.items);
    free(threads);
}

static int threads_open(void **state, const struct engine_setup *setup)
{
    struct threads_state *threads = calloc(1, sizeof *threads);

    if (!threads)
        return -ENOMEM;
    threads->calls = setup->calls;
    threads->depth = setup->depth;
    pthread_mutex_init(&threads->mutex, NULL);
    threads->threads = calloc(setup->depth, sizeof *threads->threads);
    threads->queue = calloc(setup->depth, sizeof(struct request *));
    threads->ready.items = calloc(setup->depth, sizeof *threads->ready.items);
    int error = threads->threads && threads->queue && threads->ready.items ? 0 : -ENOMEM;
    if (!error)
        error = helpers_start(threads->threads, threads->depth, &threads->thread_count, serve,
                              threads, 0, &setup->resources[RESOURCE_THREADS]);
    if (error) {
        threads_close(threads);
        return error;
    }
    *state = threads;
    return 0;
}

static int threads_submit(void *state, struct request *const *requests, uint32_t n)
{
    struct threads_state *threads = state;
    uint32_t taken = 0, wake;

    pthread_mutex_lock(&threads->mutex);
    for (; taken < n && threads->in_flight < threads->depth; taken++) {
        queue_push(threads, requests[taken]);
        threads->in_flight++;
    }
    __atomic_add_fetch(&threads->work, 1, __ATOMIC_RELAXED);
    wake = taken < threads->sleepers ? taken : threads->sleepers;
    pthread_mutex_unlock(&threads->mutex);
    if (wake > 0)
        futex_wake(threads->calls, &threads->work, wake);
    return (int)taken;
}

/* Waits, with the mutex held, until `min` are ready: 0, or what ended the wait before. */
static int await_ready(struct threads_state *threads, uint32_t min, int64_t timeout_ns)
{
    int error = 0;

    if (min > threads->in_flight)
        min = threads->in_flight;
    while (!error && threads->ready.count < min) {
        threads->wanted = min;
        __atomic_store_n(&threads->enough, 0, __ATOMIC_RELAXED);
        pthread_mutex_unlock(&threads->mutex);
        error = futex_wait(threads->calls, &threads->enough, 0, timeout_ns);
        if (error == -EAGAIN) /* there is enough already */
            error = 0;
        pthread_mutex_lock(&threads->mutex);
        threads->wanted = 0;
    }
    return error;
}

static int threads_reap(void *state, struct completion *completions, uint32_t min, uint32_t max,
                        int64_t timeout_ns)
{
    struct threads_state *threads = state;

    pthread_mutex_lock(&threads->mutex);
    int error = await_ready(threads, min, timeout_ns);
    uint32_t n = ready_pop(&threads->ready, completions, max);
    threads->in_flight -= n;
    calls_move(threads->calls->count, threads->calls->eagain, &threads->reported);
    pthread_mutex_unlock(&threads->mutex);
    return n == 0 && error && error != -ETIMEDOUT && error != -EINTR ? error : (int)n;
}

int threads_cancel(void *state, struct request *request)
{
    (void)state, (void)request; /* a blocked thread ends by release only */
    return -ENOTSUP;
}

enum { OPTION_HANDOFF };
enum { HANDOFF_LOOP, HANDOFF_NONE };

static const struct engine_option options[] = {
    [OPTION_HANDOFF] = {
        .name = "handoff",
        .meaning = "loop: each request passes through the main loop; none: each thread starts its next request itself "
                   "and, in a server, owns one connection",
        .choices = (const char *const[]){"loop", "none", NULL},
    },
    {.name = NULL},
};

static void threads_vary(struct engine *engine, const int64_t *chosen)
{
    if (chosen[OPTION_HANDOFF] != HANDOFF_NONE)
        return;
    engine->caps.next_start = NEXT_IN_LANE;
    engine->open = alone_open;
    engine->submit = alone_submit;
    engine->reap = alone_reap;
    engine->close = alone_close;
}

extern const struct engine engine_threads;
const struct engine engine_threads = {
    .name = "threads",
    .title = "A thread per request",
    .calls_in_words = "read / write, in threads",
    .summary = "one blocking thread for each request in flight",
    .other_side = "kernel",
    .news = NEWS_COMPLETION,
    .worker = WORKER_HELPERS,
    .complexity = COMPLEXITY_THREADS,
    .threads_in_words = "one for each request in flight",
    .is_synchronous = true,
    .is_blocking = true,
    .calls = (const struct engine_call[]){
        TRANSFER_CALLS(SLEEPS_ON_STREAMS),
        {CALL_futex_wait, CLASS_WAIT, SLEEPS_ANYWHERE},
        {CALL_futex_wake, CLASS_WAKE, 0},
        ENGINE_CALLS_END,
    },
    .caps = {.files = true, .streams = true, .waits = true, .moves_data = true},
    .options = options,
    .vary = threads_vary,
    .open = threads_open,
    .submit = threads_submit,
    .reap = threads_reap,
    .cancel = threads_cancel,
    .close = threads_close,
};
