/* Threads that go on by themselves (handoff=none): each owns a slot, and so, as a server, a connection. It makes its
 * transfer, hands the end to the loop's next(), and makes the next one: nobody is woken and no lock is taken in
 * between. This is thread-per-connection as people write it.
 *
 * A thread sleeps on a word of its own until its slot is submitted, and again when next() has nothing for it. Its
 * counters are its own: reap adds to the record what they have grown by, but for a transfer that has not ended. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache_line.h"
#include "futex.h"
#include "helpers.h"
#include "threads.h"
#include "transfer.h"

struct alone_state;

struct worker {
    _Alignas(CACHE_LINE) struct alone_state *owner;
    struct request *request; /* to begin with; released and acquired with `wake` */
    uint32_t wake;           /* futex: 1 when there is one, or nothing will come any more */
    bool has_last;           /* without next(): released and acquired with `last`, the end that reap gets */
    struct completion last;
    uint32_t under_way;        /* 1 + the call that has not come back; 0: none */
    struct call_counts counts; /* written by this thread only */
    struct call_counts seen;   /* of them, what is in the record; the application's thread's */
};

struct alone_state {
    struct calls *calls;
    uint32_t depth, started;
    struct worker *workers; /* by slot */
    pthread_t *threads;
    uint32_t ended;         /* futex: so many times a thread had nothing left to do; wraps */
    uint32_t ended_seen;    /* by reap */
    uint32_t in_flight;     /* submitted, and not seen to have ended */
    bool closing;
    void *loop;
    struct request *(*next)(void *loop, const struct completion *done); /* NULL: reap returns each end */
};

/* ------------------------------------------------------------------ a thread */

/* A call is counted when it has come back: at the end of a slice a thread may be about to make one. */
static void begin_call(struct worker *worker, enum call_id id)
{
    __atomic_store_n(&worker->under_way, 1 + id, __ATOMIC_RELAXED);
}

static void end_call(struct worker *worker)
{
    __atomic_store_n(&worker->under_way, 0, __ATOMIC_RELAXED);
}

static struct request *await_request(struct worker *worker, const struct calls *calls)
{
    while (__atomic_load_n(&worker->wake, __ATOMIC_ACQUIRE) == 0) {
        begin_call(worker, CALL_futex_wait);
        (void)futex_wait(calls, &worker->wake, 0, -1);
        end_call(worker);
    }
    __atomic_store_n(&worker->wake, 0, __ATOMIC_RELAXED);
    return __atomic_load_n(&worker->owner->closing, __ATOMIC_RELAXED) ? NULL : worker->request;
}

/* Transfers until next() has nothing more for it. */
static void go_on(struct alone_state *alone, struct worker *worker, struct calls *calls,
                  struct request *request)
{
    while (request) {
        begin_call(worker, transfer_call(request));
        const struct completion done = {.request = request, .result = transfer(calls, request)};

        end_call(worker);
        if (!alone->next) {
            worker->last = done;
            __atomic_store_n(&worker->has_last, true, __ATOMIC_RELEASE);
            return;
        }
        request = alone->next(alone->loop, &done);
    }
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct alone_state *alone = worker->owner;
    struct calls calls = calls_of_helper(alone->calls, &worker->counts);
    struct request *request;

    while ((request = await_request(worker, &calls))) {
        go_on(alone, worker, &calls, request);
        __atomic_add_fetch(&alone->ended, 1, __ATOMIC_RELEASE);
        begin_call(worker, CALL_futex_wake);
        futex_wake(&calls, &alone->ended, 1);
        end_call(worker);
    }
    return NULL;
}

static void wake(struct alone_state *alone, struct worker *worker)
{
    __atomic_store_n(&worker->wake, 1, __ATOMIC_RELEASE);
    futex_wake(alone->calls, &worker->wake, 1);
}

/* ------------------------------------------------------------------ the engine's functions */

void alone_close(void *state)
{
    struct alone_state *alone = state;

    __atomic_store_n(&alone->closing, true, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < alone->started; i++)
        wake(alone, &alone->workers[i]);
    for (uint32_t i = 0; i < alone->started; i++)
        pthread_join(alone->threads[i], NULL);
    free(alone->workers);
    free(alone->threads);
    free(alone);
}

int alone_open(void **state, const struct engine_setup *setup)
{
    struct alone_state *alone = calloc(1, sizeof *alone);

    if (!alone)
        return -ENOMEM;
    alone->calls = setup->calls;
    alone->depth = setup->depth;
    alone->loop = setup->loop;
    alone->next = setup->next;
    alone->threads = calloc(setup->depth, sizeof *alone->threads);
    alone->workers = cache_lines(setup->depth, sizeof *alone->workers);
    int error = alone->threads && alone->workers ? 0 : -ENOMEM;
    for (uint32_t i = 0; !error && i < setup->depth; i++)
        alone->workers[i].owner = alone;
    if (!error)
        error = helpers_start(alone->threads, alone->depth, &alone->started, work, alone->workers,
                              sizeof *alone->workers, &setup->resources[RESOURCE_THREADS]);
    if (error) {
        alone_close(alone);
        return error;
    }
    *state = alone;
    return 0;
}

/* A slot is submitted when nothing of it is in flight, and so its thread sleeps, or is about to: what next() had nothing
 * for is over before the thread has said so, and its ends are no reason to refuse. Without next() an end that reap has
 * not returned is still in the slot. */
int alone_submit(void *state, struct request *const *requests, uint32_t n)
{
    struct alone_state *alone = state;
    uint32_t taken = 0;

    for (; taken < n && (alone->next || alone->in_flight < alone->depth); taken++) {
        struct worker *worker = &alone->workers[requests[taken]->slot];

        worker->request = requests[taken];
        alone->in_flight++;
        wake(alone, worker);
    }
    return (int)taken;
}

static void count_calls(struct alone_state *alone, struct worker *worker)
{
    const uint32_t under_way = __atomic_load_n(&worker->under_way, __ATOMIC_RELAXED);

    for (uint32_t id = 0; id < CALL_COUNT; id++) {
        const uint64_t begun = __atomic_load_n(&worker->counts.count[id], __ATOMIC_RELAXED);
        const uint64_t count = begun - (begun > worker->seen.count[id] && under_way == id + 1);
        const uint64_t eagain = __atomic_load_n(&worker->counts.eagain[id], __ATOMIC_RELAXED);

        if (count == worker->seen.count[id])
            continue;
        calls_add_several(&alone->calls->count[id], count - worker->seen.count[id]);
        calls_add_several(&alone->calls->eagain[id], eagain - worker->seen.eagain[id]);
        worker->seen.count[id] = count;
        worker->seen.eagain[id] = eagain;
    }
}

/* Without next(): what the threads have left. */
static uint32_t take_last(struct alone_state *alone, struct completion *completions, uint32_t max)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < alone->depth && n < max; i++) {
        struct worker *worker = &alone->workers[i];

        if (!__atomic_load_n(&worker->has_last, __ATOMIC_ACQUIRE))
            continue;
        worker->has_last = false;
        completions[n++] = worker->last;
    }
    return n;
}

static uint32_t ended_since(const struct alone_state *alone)
{
    return __atomic_load_n(&alone->ended, __ATOMIC_ACQUIRE) - alone->ended_seen;
}

/* Until `min` threads have nothing left to do; of those that go on by themselves one is enough. 0 or -errno. */
static int await_ends(struct alone_state *alone, uint32_t min, int64_t timeout_ns)
{
    const uint32_t most = alone->next ? 1 : alone->in_flight;
    int error = 0;

    if (min > most)
        min = most;
    for (uint32_t n; !error && (n = ended_since(alone)) < min;) {
        error = futex_wait(alone->calls, &alone->ended, alone->ended_seen + n, timeout_ns);
        if (error == -EAGAIN)
            error = 0;
    }
    return error == -ETIMEDOUT || error == -EINTR ? 0 : error;
}

int alone_reap(void *state, struct completion *completions, uint32_t min, uint32_t max, int64_t timeout_ns)
{
    struct alone_state *alone = state;

    const int error = alone->in_flight > 0 ? await_ends(alone, min, timeout_ns) : 0;

    if (error)
        return error;
    for (uint32_t i = 0; i < alone->depth; i++)
        count_calls(alone, &alone->workers[i]);
    if (!alone->next) {
        /* An end lies there a little before it is counted. */
        const uint32_t ended = ended_since(alone);
        const uint32_t n = take_last(alone, completions, ended < max ? ended : max);

        alone->ended_seen += n;
        alone->in_flight -= n;
        return (int)n;
    }
    const uint32_t ended = ended_since(alone);
    alone->ended_seen += ended;
    alone->in_flight -= ended;
    return 0;
}
