/* POSIX AIO, completion announced by a signal that carries its control block (the article's Listing 5).
 *
 * signal=rt is a real-time signal: each completion queues one. signal=SIGIO is what the article uses:
 * it does not queue, and while one is pending all others are lost. So there a signal only means that
 * something has ended, and everything in flight is looked at. Even real-time signals are lost
 * beyond RLIMIT_SIGPENDING; when none has come for PATIENCE_NS, everything in flight is looked at.
 *
 * The signal is blocked except while reap waits in ppoll, which unblocks it for exactly as long. So the
 * handler runs when the application does nothing else and holds no lock. That matters to chaining, where the
 * handler calls aio_read, which no handler may otherwise (aio_common.h; it can even allocate memory, for a
 * thread), and the loop's own functions.
 *
 * The signal is the process's. A thread that does not block it (a library has started one: OpenBLAS, say) gets it
 * while reap does not wait; there the handler only adds to the list of announcements and wakes reap. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "aio_common.h"

#define PATIENCE_NS 10000000
/* For another thread to run that has taken a signal, on a busy machine; a look at what it left. */
#define CLOSE_PATIENCE_NS 2000000000
#define CLOSE_LOOK_NS 1000000

struct signal_state {
    struct aio_common aio; /* first */
    int number;
    bool queues;           /* false: SIGIO */
    struct sigaction action_before;
    sigset_t mask_before, mask_waiting;

    /* Announced and not yet looked at: a ring in which a NULL is an end. Each block is in it at most once, and
     * counts how often it was announced meanwhile. */
    struct aio_block **announced;
    uint32_t head, tail;

    pthread_t waiter;   /* the thread that calls reap, … */
    pid_t waiter_id;    /* … as the kernel knows it */
    bool is_waiting;
    uint32_t signals;   /* that have come, with or without a value */
    uint32_t visitors;  /* other threads of this process that are in the handler */
    bool sweep_is_due;  /* the last look at everything was cut short */

    /* Chaining. */
    void *loop;
    struct request *(*next)(void *loop, const struct completion *done);
    uint32_t chained; /* completions that went to next() in this reap */
    uint32_t ended;   /* of them, those after which no transfer was started */
};

/* ------------------------------------------------------------------ the handler */

/* Only this is safe on any thread. */
static void announce(struct signal_state *state, struct aio_block *block)
{
    if (__atomic_fetch_add(&block->announced, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    uint32_t place = __atomic_fetch_add(&state->tail, 1, __ATOMIC_RELAXED) % state->aio.depth;
    __atomic_store_n(&state->announced[place], block, __ATOMIC_RELEASE);
}

/* The first in the ring, and how many announcements that stands for; NULL if there is none. */
static struct aio_block *next_announced(struct signal_state *state, uint32_t *times)
{
    struct aio_block **place = &state->announced[state->head % state->aio.depth];
    struct aio_block *block = __atomic_exchange_n(place, NULL, __ATOMIC_ACQ_REL);

    if (block) {
        state->head++;
        *times = __atomic_exchange_n(&block->announced, 0, __ATOMIC_ACQ_REL);
    }
    return block;
}

/* Starts the next transfer after this completion. */
static void go_on(struct signal_state *state, const struct completion *done)
{
    struct aio_common *aio = &state->aio;
    struct request *request = state->next(state->loop, done);

    state->chained++;
    if (request) {
        int error = aio_start(aio, aio->calls, request);

        if (!error)
            return;
        ready_push(&aio->ready, request, error);
    }
    state->ended++;
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    const int error = errno;

    (void)context;
    /* A signal that lost its value for lack of memory, or that somebody else sent, has no state to find. */
    if (info->si_code != SI_ASYNCIO)
        return;
    struct aio_block *block = info->si_value.sival_ptr;
    struct signal_state *state = block->owner;

    const uint64_t event = event_begin(state->aio.calls->recorder, EVENT_signal);
    const bool is_here = pthread_equal(pthread_self(), state->waiter);

    if (!is_here) /* before it is announced: from then on close waits for the visitor */
        __atomic_add_fetch(&state->visitors, 1, __ATOMIC_ACQ_REL);
    __atomic_add_fetch(&state->signals, 1, __ATOMIC_RELAXED);
    if (state->next && is_here && state->is_waiting) {
        struct completion done;

        if (aio_take_notified(&state->aio, state->aio.calls, block, true, &done))
            go_on(state, &done);
    } else {
        announce(state, block);
        if (!is_here) /* by the kernel's number: the thread may have ended */
            syscall(SYS_tgkill, getpid(), state->waiter_id, number);
    }
    event_end(state->aio.calls->recorder, event, number);
    if (!is_here) /* the last touch: close may free the state */
        __atomic_sub_fetch(&state->visitors, 1, __ATOMIC_ACQ_REL);
    errno = error;
}

/* ------------------------------------------------------------------ open and close */

/* The first real-time signal that nobody handles. */
static int free_number(void)
{
    struct sigaction action;

    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
            return number;
    return -EBUSY;
}

static void free_state(struct signal_state *state)
{
    aio_common_close(&state->aio);
    free(state->announced);
    free(state);
}

/* Whether a signal may still come to the handler, or its handler may still run, on another thread. */
static bool is_one_underway(const struct signal_state *state)
{
    if (__atomic_load_n(&state->visitors, __ATOMIC_ACQUIRE) > 0)
        return true;
    for (uint32_t slot = 0; slot < state->aio.depth; slot++)
        if (state->aio.blocks[slot].given_up > 0)
            return true;
    return false;
}

/* What comes only now was late, not lost. */
static void take_late(struct signal_state *state, int64_t timeout_ns)
{
    const struct timespec timeout = timespec_of(timeout_ns);
    struct aio_block *block;
    uint32_t times;
    siginfo_t info;
    sigset_t own;
    int came;

    sigemptyset(&own);
    sigaddset(&own, state->number);
    while ((came = sigtimedwait(&own, &info, &timeout)) >= 0 || errno == EINTR)
        if (came >= 0 && info.si_code == SI_ASYNCIO)
            aio_came_late(&state->aio, info.si_value.sival_ptr);
    while ((block = next_announced(state, &times)))
        while (times-- > 0)
            aio_came_late(&state->aio, block);
}

/* A signal that nobody has waited for must not find the handler's state gone, nor end the process.
 *
 * glibc sends with its lock held, which every aio_suspend takes: when this one returns, all have been sent. Those that no
 * thread has taken are still pending, and sigtimedwait gets them. But a thread that does not block the signal (one of a
 * library's pool, say) may have taken one and not have run since: its handler then comes later, and would pass on a signal
 * whose default action is to end the process. So those that were sent, and have not come, are waited for. Each
 * real-time signal comes, once; of SIGIO, which is not queued, many never do. */
static void discard_pending(struct signal_state *state)
{
    const struct aiocb *const none[1] = {NULL};
    int64_t left_ns = state->queues ? CLOSE_PATIENCE_NS : PATIENCE_NS;
    bool waits;

    (void)aio_suspend(none, 1, &(struct timespec){0});
    do {
        waits = is_one_underway(state) && left_ns > 0; /* before the last look: what it leaves behind is then seen */
        take_late(state, waits ? CLOSE_LOOK_NS : 0);
        left_ns -= CLOSE_LOOK_NS;
    } while (waits);
}

static void signal_close(void *opaque)
{
    struct signal_state *state = opaque;

    discard_pending(state);
    sigaction(state->number, &state->action_before, NULL);
    if (!sigismember(&state->mask_before, state->number)) {
        sigset_t own;

        sigemptyset(&own);
        sigaddset(&own, state->number);
        pthread_sigmask(SIG_UNBLOCK, &own, NULL);
    }
    free_state(state);
}

static int handle(struct signal_state *state)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigset_t own;

    /* No other handler in between: this one may take a while. */
    sigfillset(&action.sa_mask);
    sigemptyset(&own);
    sigaddset(&own, state->number);
    pthread_sigmask(SIG_BLOCK, &own, &state->mask_before);
    state->mask_waiting = state->mask_before;
    sigdelset(&state->mask_waiting, state->number);
    if (sigaction(state->number, &action, &state->action_before) == 0)
        return 0;
    int error = -errno;
    pthread_sigmask(SIG_SETMASK, &state->mask_before, NULL);
    return error;
}

static int open_number(void **out, const struct engine_setup *setup, int number)
{
    struct signal_state *state = calloc(1, sizeof *state);

    if (!state)
        return -ENOMEM;
    state->number = number;
    state->waiter = pthread_self();
    state->waiter_id = (pid_t)syscall(SYS_gettid);
    state->queues = number != SIGIO;
    state->announced = calloc(setup->depth, sizeof *state->announced);
    const struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = number};
    int error = aio_common_open(&state->aio, setup, &event, state);
    if (!error && number < 0)
        error = number;
    if (!error && !state->announced)
        error = -ENOMEM;
    if (!error)
        error = handle(state);
    if (error) {
        free_state(state);
        return error;
    }
    *out = state;
    return 0;
}

static int signal_open(void **out, const struct engine_setup *setup)
{
    const bool real_time = setup->options[AIO_OPTION_SIGNAL] == AIO_SIGNAL_REAL_TIME;
    const int error = open_number(out, setup, real_time ? free_number() : SIGIO);

    if (!error && aio_chains(setup)) {
        struct signal_state *state = *out;

        state->loop = setup->loop;
        state->next = setup->next;
    }
    return error;
}

/* ------------------------------------------------------------------ reap */

/* One block's end, announced or found by looking: 1 if there is a completion to return. */
static uint32_t look_at(struct signal_state *state, struct aio_block *block, bool announced,
                        struct completion *completion)
{
    struct completion done;

    if (!aio_take_notified(&state->aio, state->aio.calls, block, announced, &done))
        return 0;
    if (state->next) {
        go_on(state, &done);
        return 0;
    }
    *completion = done;
    return 1;
}

static uint32_t take_announced(struct signal_state *state, struct completion *completions, uint32_t max)
{
    uint32_t n = 0, times;
    struct aio_block *block;

    while (n < max && (block = next_announced(state, &times))) {
        n += look_at(state, block, true, &completions[n]);
        while (--times > 0) /* of transfers whose ends were found by looking */
            aio_came_late(&state->aio, block);
    }
    return n;
}

/* Looks at everything in flight. Backwards, since the last one takes the place of one that has ended, and what
 * is started meanwhile comes after it. */
static uint32_t sweep(struct signal_state *state, struct completion *completions, uint32_t max)
{
    uint32_t n = 0, place = state->aio.count;

    while (n < max && place-- > 0)
        n += look_at(state, aio_block_at(&state->aio, place), false, &completions[n]);
    state->sweep_is_due = n == max && place > 0;
    return n;
}

static void i_am_waiter(struct signal_state *state)
{
    if (pthread_equal(state->waiter, pthread_self()))
        return;
    state->waiter = pthread_self();
    state->waiter_id = (pid_t)syscall(SYS_gettid);
}

/* Sleeps with the signal unblocked. 1 when signals of ours came, 0 when the time is over, -EINTR when another
 * signal came, or -errno. */
static int wait_for_signal(struct signal_state *state, int64_t timeout_ns)
{
    const uint32_t before = __atomic_load_n(&state->signals, __ATOMIC_RELAXED);
    const struct timespec timeout = timespec_of(timeout_ns);

    i_am_waiter(state);
    state->is_waiting = true;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    int result = CALL(state->aio.calls, ppoll, ppoll(NULL, 0, &timeout, &state->mask_waiting));
    int error = errno;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    state->is_waiting = false;

    if (__atomic_load_n(&state->signals, __ATOMIC_RELAXED) != before)
        return 1;
    return result < 0 ? -error : 0;
}

static uint32_t had(const struct signal_state *state, uint32_t n)
{
    return n + state->chained;
}

/* Whether reap has what it was asked for. */
static bool is_enough(const struct signal_state *state, uint32_t n, uint32_t min)
{
    const bool refused = state->next && n > 0; /* in a chain, only what could not be started is returned */

    return had(state, n) >= min || refused || state->ended > 0 || state->aio.count == 0;
}

/* What has come without waiting. */
static uint32_t first_look(struct signal_state *state, struct completion *completions, uint32_t max)
{
    uint32_t n = ready_pop(&state->aio.ready, completions, max);

    n += take_announced(state, completions + n, max - n);
    if (state->sweep_is_due)
        n += sweep(state, completions + n, max - n);
    return n;
}

static int signal_reap(void *opaque, struct completion *completions, uint32_t min, uint32_t max,
                       int64_t timeout_ns)
{
    struct signal_state *state = opaque;
    int64_t left_ns = min == 0 ? 0 : timeout_ns;

    state->chained = state->ended = 0;
    uint32_t n = first_look(state, completions, max);
    if (n >= max || (min > 0 && is_enough(state, n, min)))
        return (int)n;
    for (;;) {
        const int64_t patience_ns = aio_patience_ns(&state->aio, PATIENCE_NS);
        const int64_t wait_ns = left_ns < 0 || left_ns > patience_ns ? patience_ns : left_ns;
        const int came = wait_for_signal(state, wait_ns);

        if (came < 0 && came != -EINTR)
            return n ? (int)n : came;
        n += take_announced(state, completions + n, max - n);
        /* SIGIO: what else has ended may have been announced in vain. It may also have lost its value,
         * and then it looks like somebody else's signal. */
        if ((came != 0 && !state->queues) ||
            (came == 0 && aio_should_sweep(&state->aio, wait_ns, patience_ns)))
            n += sweep(state, completions + n, max - n);
        n += ready_pop(&state->aio.ready, completions + n, max - n); /* chaining could not go on */
        if (is_enough(state, n, min) || came == -EINTR)
            return (int)n;
        if (came == 0 && left_ns >= 0 && (left_ns -= wait_ns) <= 0)
            return (int)n;
    }
}

const struct aio_way aio_way_signal = {
    .caps = {.files = true, .streams = true, .waits = true, .moves_data = true, .cancels = true},
    .chain = NEXT_IN_HANDLER,
    .open = signal_open,
    .submit = aio_submit_each,
    .reap = signal_reap,
    .cancel = aio_cancel_request,
    .cancel_descriptor = aio_cancel_descriptor,
    .close = signal_close,
};
