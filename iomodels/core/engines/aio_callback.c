/* POSIX AIO, completion announced by a function that the C library calls on a thread of its own (the article's
 * Listing 6, SIGEV_THREAD). glibc starts a new thread for each notification.
 *
 * The callback adds its block to a list and wakes reap; with chaining it starts the next transfer itself. The
 * futex and the counters are as in threads.c: a callback counts its own calls and hands the numbers over under
 * the mutex.
 *
 * A callback may still be on its way when its transfer has long been fetched: close waits until all have come.
 * One whose thread could not be started never comes, and nobody is told (glibc's aio_notify.c
 * takes pthread_create's error number for success); so when none has come for PATIENCE_NS, everything in
 * flight is looked at.
 *
 * Order of locks when chaining: the loop's own (inside next()), then `mutex`, then the C library's. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "aio_common.h"
#include "futex.h"

/* A thread that has been started may take a while to run on a busy machine. */
#define PATIENCE_NS 100000000
/* For callbacks that were lost: the state is then left to them, in case they come after all. */
#define CLOSE_PATIENCE_NS 2000000000

struct callback_state {
    struct aio_common aio; /* first; under the mutex except `calls` */
    struct calls lent; /* a copy: the loop's own goes with the loop */
    pthread_mutex_t mutex;
    struct aio_block **announced; /* by callbacks, and not yet looked at; each block once */
    uint32_t announced_count;
    uint32_t outstanding;         /* callbacks still to come, or that have not quite ended */
    uint32_t wanted;              /* reap waits for so many; 0: it does not */
    uint32_t enough;              /* futex: 1 when they are there */
    uint32_t over;                /* futex, in close: 1 when none is outstanding */
    bool closing;
    struct call_counts reported;  /* by callbacks, not yet in `calls` */

    /* Chaining. */
    void *loop;
    struct request *(*next)(void *loop, const struct completion *done);
    uint32_t chained; /* completions that went to next() and that reap has not counted */
    uint32_t ended;   /* of them, those after which no transfer was started */
};

static void lock(struct callback_state *state)
{
    pthread_mutex_lock(&state->mutex);
}

static void unlock(struct callback_state *state)
{
    pthread_mutex_unlock(&state->mutex);
}

/* ------------------------------------------------------------------ the callback */

/* Whether reap has to be woken now. With the mutex held. */
static bool reap_has_enough(struct callback_state *state)
{
    const uint32_t there = state->announced_count + state->aio.ready.count + state->chained;

    if (state->wanted == 0 || (there < state->wanted && state->ended == 0))
        return false;
    state->wanted = 0;
    __atomic_store_n(&state->enough, 1, __ATOMIC_RELAXED);
    return true;
}

/* With the mutex held: starts a transfer, and expects the callback. */
static int start(struct callback_state *state, struct calls *calls, struct request *request)
{
    int error;

    state->outstanding++;
    error = aio_start(&state->aio, calls, request);
    if (error)
        state->outstanding--;
    return error;
}

/* A callback's own counters, or NULL where reap makes the calls. With the mutex held. They are handed over before what
 * they count can have an effect elsewhere, so that they fall into the same slice. */
static void hand_over(struct callback_state *state, struct call_counts *counts)
{
    if (counts)
        calls_move(state->reported.count, state->reported.eagain, counts);
}

/* Hands the completion to the loop and starts what comes next. Without the mutex: next() waits for the loop. */
static void go_on(struct callback_state *state, struct calls *calls, struct call_counts *counts,
                  const struct completion *done)
{
    struct request *request = state->next(state->loop, done);
    int error = request ? 0 : -ECANCELED;

    lock(state);
    if (request)
        error = start(state, calls, request);
    if (request && error)
        ready_push(&state->aio.ready, request, error);
    state->chained++;
    state->ended += error != 0;
    hand_over(state, counts);
    unlock(state);
}

static void announce(struct callback_state *state, struct calls *calls, struct call_counts *counts,
                     struct aio_block *block)
{
    struct completion done;
    bool chained = false;

    lock(state);
    if (state->closing) { /* nothing is in flight any more, and what was lent may be gone */
        aio_came_late(&state->aio, block);
        unlock(state);
        return;
    }
    if (state->next) {
        chained = aio_take_notified(&state->aio, calls, block, true, &done);
        hand_over(state, counts);
    } else if (block->announced++ == 0) {
        state->announced[state->announced_count++] = block;
    }
    unlock(state);
    if (chained)
        go_on(state, calls, counts, &done);
}

static void on_completion(union sigval value)
{
    struct aio_block *block = value.sival_ptr;
    struct callback_state *state = block->owner;
    struct call_counts counts = {0};
    lock(state);
    struct calls calls = calls_of_helper(&state->lent, &counts);
    unlock(state);
    const uint64_t event = event_begin(calls.recorder, EVENT_callback);

    announce(state, &calls, &counts, block);
    lock(state);
    const bool wake = reap_has_enough(state);
    unlock(state);
    if (wake)
        futex_wake(&calls, &state->enough, 1);
    lock(state);
    hand_over(state, &counts);
    event_end(calls.recorder, event, 0); /* not later: close frees the recorder after the state */
    if (--state->outstanding == 0 && state->closing) {
        __atomic_store_n(&state->over, 1, __ATOMIC_RELAXED);
        /* With the mutex held, so that close cannot free the state before this has returned. */
        futex_wake(&calls, &state->over, 1);
    }
    unlock(state);
}

/* ------------------------------------------------------------------ open and close */

static void free_state(struct callback_state *state)
{
    pthread_mutex_destroy(&state->mutex);
    aio_common_close(&state->aio);
    free(state->announced);
    free(state);
}

/* So many of the block's notifications came, and are not needed. With the mutex held. */
static void came_late(struct callback_state *state, struct aio_block *block, uint32_t times)
{
    while (times-- > 0)
        aio_came_late(&state->aio, block);
}

/* The state stays, for callbacks that come after all; what others have lent goes. With the mutex held. */
static void leave_to_callbacks(struct callback_state *state)
{
    state->aio.calls = NULL;
    state->aio.lost = NULL;
    state->lent = (struct calls){0};
    state->loop = NULL;
}

static void callback_close(void *opaque)
{
    struct callback_state *state = opaque;
    bool all_came;

    lock(state);
    state->closing = true;
    const bool waits = state->outstanding > 0;
    for (uint32_t i = 0; i < state->announced_count; i++) /* since the last reap */
        came_late(state, state->announced[i], state->announced[i]->announced);
    unlock(state);
    while (waits && __atomic_load_n(&state->over, __ATOMIC_RELAXED) == 0)
        if (futex_wait(state->aio.calls, &state->over, 0, CLOSE_PATIENCE_NS) == -ETIMEDOUT)
            break;
    lock(state);
    all_came = state->outstanding == 0;
    if (!all_came)
        leave_to_callbacks(state);
    unlock(state);
    if (all_came)
        free_state(state);
}

static int callback_open(void **out, const struct engine_setup *setup)
{
    const struct sigevent event = {
        .sigev_notify = SIGEV_THREAD,
        .sigev_notify_function = on_completion,
    };
    struct callback_state *state = calloc(1, sizeof *state);

    if (!state)
        return -ENOMEM;
    pthread_mutex_init(&state->mutex, NULL);
    state->lent = *setup->calls;
    state->announced = calloc(setup->depth, sizeof *state->announced);
    int error = aio_common_open(&state->aio, setup, &event, state);
    if (!error && !state->announced)
        error = -ENOMEM;
    if (error) {
        free_state(state);
        return error;
    }
    if (aio_chains(setup)) {
        state->loop = setup->loop;
        state->next = setup->next;
    }
    *out = state;
    return 0;
}

/* ------------------------------------------------------------------ submit and reap */

static int callback_submit(void *opaque, struct request *const *requests, uint32_t n)
{
    struct callback_state *state = opaque;
    struct aio_common *aio = &state->aio;
    uint32_t taken = 0;

    lock(state);
    for (; taken < n && aio_has_room(aio); taken++) {
        int error = start(state, aio->calls, requests[taken]);

        if (error && !aio_refused(aio, requests[taken], error))
            break;
    }
    unlock(state);
    return (int)taken;
}

/* One block's end, announced or found by looking: 1 if there is a completion to return. With the mutex held, but for
 * the time of next(). */
static uint32_t look_at(struct callback_state *state, struct aio_block *block, bool announced,
                        struct completion *completion)
{
    struct completion done;

    if (!aio_take_notified(&state->aio, state->aio.calls, block, announced, &done))
        return 0;
    if (state->next) {
        unlock(state);
        go_on(state, state->aio.calls, NULL, &done);
        lock(state);
        return 0;
    }
    *completion = done;
    return 1;
}

static uint32_t take_announced(struct callback_state *state, struct completion *completions, uint32_t max)
{
    uint32_t n = ready_pop(&state->aio.ready, completions, max), looked = 0;

    while (n < max && looked < state->announced_count) {
        struct aio_block *block = state->announced[looked++];
        const uint32_t times = block->announced;

        block->announced = 0;
        n += look_at(state, block, true, &completions[n]);
        came_late(state, block, times - 1); /* of transfers whose ends were found by looking */
    }
    state->announced_count -= looked;
    for (uint32_t i = 0; i < state->announced_count; i++)
        state->announced[i] = state->announced[looked + i];
    return n;
}

/* Looks at everything in flight, by slot: while next() runs without the mutex, the order of those in flight may
 * change. */
static uint32_t sweep(struct callback_state *state, struct completion *completions, uint32_t max)
{
    uint32_t n = 0;

    for (uint32_t slot = 0; n < max && slot < state->aio.depth; slot++)
        if (state->aio.blocks[slot].request)
            n += look_at(state, &state->aio.blocks[slot], false, &completions[n]);
    return n;
}

/* With the mutex held: 0, or what ended the wait before there was enough. */
static int wait_for_callbacks(struct callback_state *state, uint32_t wanted, int64_t timeout_ns)
{
    int error = 0;

    state->wanted = wanted;
    __atomic_store_n(&state->enough, 0, __ATOMIC_RELAXED);
    if (reap_has_enough(state))
        return 0;
    unlock(state);
    error = futex_wait(state->aio.calls, &state->enough, 0, timeout_ns);
    if (error == -EAGAIN) /* there is enough already */
        error = 0;
    lock(state);
    state->wanted = 0;
    return error;
}

static bool is_enough(const struct callback_state *state, uint32_t n, uint32_t min)
{
    const bool refused = state->next && n > 0; /* in a chain, only what could not be started is returned */

    return n + state->chained >= min || refused || state->ended > 0 || state->aio.count == 0;
}

/* Waits until there are `min`, with the mutex held; how many there are. */
static int reap_locked(struct callback_state *state, struct completion *completions, uint32_t min,
                       uint32_t max, int64_t timeout_ns)
{
    int64_t left_ns = timeout_ns;
    uint32_t n = take_announced(state, completions, max);

    while (!is_enough(state, n, min)) {
        const int64_t patience_ns = aio_patience_ns(&state->aio, PATIENCE_NS);
        const int64_t wait_ns = left_ns < 0 || left_ns > patience_ns ? patience_ns : left_ns;
        const int error = wait_for_callbacks(state, min - n, wait_ns);

        if (error && error != -ETIMEDOUT && error != -EINTR)
            return n ? (int)n : error;
        n += take_announced(state, completions + n, max - n);
        if (error == -ETIMEDOUT && aio_should_sweep(&state->aio, wait_ns, patience_ns))
            n += sweep(state, completions + n, max - n);
        if (error == -EINTR)
            break;
        if (error && left_ns >= 0 && (left_ns -= wait_ns) <= 0)
            break;
    }
    return (int)n;
}

static int callback_reap(void *opaque, struct completion *completions, uint32_t min, uint32_t max,
                         int64_t timeout_ns)
{
    struct callback_state *state = opaque;

    lock(state);
    int n = reap_locked(state, completions, min, max, timeout_ns);
    /* Without a wait a lost one would never be found. */
    if (n == 0 && min == 0 && aio_should_sweep(&state->aio, 0, PATIENCE_NS))
        n = (int)sweep(state, completions, max);
    state->chained = state->ended = 0;
    calls_move(state->aio.calls->count, state->aio.calls->eagain, &state->reported);
    unlock(state);
    return n;
}

/* A callback may be taking the block just now, or have got the request from next() and not started it yet. */
static int callback_cancel(void *opaque, struct request *request)
{
    struct callback_state *state = opaque;

    lock(state);
    const bool is_starting = state->next && !aio_block_of(&state->aio, request)->request;
    int outcome = is_starting ? -EAGAIN : aio_cancel_request(state, request);
    unlock(state);
    return outcome;
}

const struct aio_way aio_way_callback = {
    .caps = {.files = true, .streams = true, .waits = true, .moves_data = true, .cancels = true},
    .chain = NEXT_ON_THREAD,
    .open = callback_open,
    .submit = callback_submit,
    .reap = callback_reap,
    .cancel = callback_cancel,
    .cancel_descriptor = aio_cancel_descriptor,
    .close = callback_close,
};
