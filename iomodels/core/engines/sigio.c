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
 * The signals are directed at one thread, that of reap, where they are blocked: no handler, and no other thread gets
 * one. Neither does a child, since a file's owner is a thread's number. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine.h"
#include "transfer.h"

/* How long to wait for a signal before everything is tried: doubled each time that was in vain. */
#define PATIENCE_NS INT64_C(10000000)
#define PATIENCE_MAX_NS INT64_C(640000000)
/* And after how many signals for each request that waits: a try costs about as much as a signal. */
#define SIGNALS_PER_TRY 1024

#define NOBODY UINT32_MAX

enum { COUNTER_SIGNAL_OVERFLOWS, COUNTER_FOUND_WITHOUT_SIGNAL, COUNTER_SPURIOUS_SIGNALS };

/* The requests that wait for one descriptor, oldest first: slots, chained through `waiting`. */
struct queue {
    uint32_t first, last;
};

struct waiting {
    struct request *request; /* NULL: the slot does not wait */
    uint32_t next;
};

struct sigio_state {
    struct calls *calls;
    uint64_t *counters;
    uint32_t depth;
    struct ready ready;
    struct waiting *waiting; /* by slot */
    uint32_t waiting_count;
    struct queue *queues;    /* by descriptor */
    int highest;             /* descriptor */

    const int *descriptors;
    uint32_t descriptor_count;
    int number; /* of the real-time signal */
    sigset_t own, mask_before;
    pthread_t waiter; /* the thread to which the signals go */

    int64_t patience_ns, waited_ns; /* in vain, since the last signal or try */
    uint64_t signals;               /* since everything was tried */
};

static void count(struct sigio_state *state, int counter)
{
    calls_add(&state->counters[counter]);
}

/* ------------------------------------------------------------------ what waits */

static void wait_for(struct sigio_state *state, struct request *request)
{
    struct queue *queue = &state->queues[request->fd];
    const uint32_t slot = request->slot;

    state->waiting[slot] = (struct waiting){.request = request, .next = NOBODY};
    if (queue->first == NOBODY)
        queue->first = slot;
    else
        state->waiting[queue->last].next = slot;
    queue->last = slot;
    state->waiting_count++;
}

/* `before` is the slot in front of it in the queue, or NOBODY. */
static void wait_no_more(struct sigio_state *state, struct queue *queue, uint32_t before, uint32_t slot)
{
    const uint32_t next = state->waiting[slot].next;

    if (before == NOBODY)
        queue->first = next;
    else
        state->waiting[before].next = next;
    if (next == NOBODY)
        queue->last = before;
    state->waiting[slot].request = NULL;
    state->waiting_count--;
}

static bool concerns(const struct request *request, long band)
{
    const long news = request->operation == OPERATION_READ ? POLLIN | POLLRDNORM : POLLOUT | POLLWRNORM;

    return band & (news | POLLERR | POLLHUP);
}

/* Tries what waits for a descriptor of which there is this news. How many transfers that ended. */
static uint32_t try_waiting(struct sigio_state *state, struct queue *queue, long band)
{
    uint32_t ended = 0, before = NOBODY, next;

    for (uint32_t slot = queue->first; slot != NOBODY; slot = next) {
        struct request *request = state->waiting[slot].request;
        ssize_t result = -EAGAIN;

        next = state->waiting[slot].next;
        if (concerns(request, band))
            result = transfer(state->calls, request);
        if (result == -EAGAIN) {
            before = slot;
            continue;
        }
        wait_no_more(state, queue, before, slot);
        ready_push(&state->ready, request, result);
        ended++;
    }
    return ended;
}

/* Tries everything that waits. How many transfers that ended. */
static uint32_t sweep(struct sigio_state *state)
{
    uint32_t ended = 0;

    for (int fd = 0; fd <= state->highest; fd++)
        if (state->queues[fd].first != NOBODY)
            ended += try_waiting(state, &state->queues[fd], -1);
    state->signals = 0;
    state->waited_ns = 0;
    return ended;
}

/* ------------------------------------------------------------------ descriptors that send signals */

static int arm(const struct sigio_state *state, int fd)
{
    const struct f_owner_ex owner = {.type = F_OWNER_TID, .pid = (pid_t)syscall(SYS_gettid)};
    struct calls *calls = state->calls;
    int flags;

    if (CALL(calls, fcntl, fcntl(fd, F_SETOWN_EX, &owner)) < 0 ||
        CALL(calls, fcntl, fcntl(fd, F_SETSIG, state->number)) < 0 ||
        (flags = CALL(calls, fcntl, fcntl(fd, F_GETFL))) < 0 ||
        CALL(calls, fcntl, fcntl(fd, F_SETFL, flags | O_ASYNC)) < 0 ||
        (flags = CALL(calls, fcntl, fcntl(fd, F_GETFL))) < 0)
        return -errno;
    /* Where it cannot send any, the kernel accepts the flag and drops it. */
    return flags & O_ASYNC ? 0 : -EOPNOTSUPP;
}

/* What arm has done, or some of it. No signal of it comes after that. */
static void disarm(struct calls *calls, int fd)
{
    const struct f_owner_ex nobody = {.type = F_OWNER_PID, .pid = 0};
    const int flags = CALL(calls, fcntl, fcntl(fd, F_GETFL));

    if (flags >= 0)
        (void)CALL(calls, fcntl, fcntl(fd, F_SETFL, flags & ~O_ASYNC));
    (void)CALL(calls, fcntl, fcntl(fd, F_SETSIG, 0));
    (void)CALL(calls, fcntl, fcntl(fd, F_SETOWN_EX, &nobody));
}

static int arm_all(const struct sigio_state *state)
{
    int error = 0;

    for (uint32_t i = 0; i < state->descriptor_count && !error; i++)
        error = arm(state, state->descriptors[i]);
    return error;
}

/* The first real-time signal that nobody handles, and for which nobody waits. */
static int free_number(const sigset_t *blocked)
{
    struct sigaction action;

    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_DFL &&
            !sigismember(blocked, number))
            return number;
    return -EBUSY;
}

static int block_signals(struct sigio_state *state)
{
    if (CALL(state->calls, sigprocmask, pthread_sigmask(SIG_BLOCK, NULL, &state->mask_before)) != 0)
        return -errno;
    state->number = free_number(&state->mask_before);
    if (state->number < 0)
        return state->number;
    sigemptyset(&state->own);
    sigaddset(&state->own, state->number);
    sigaddset(&state->own, SIGIO);
    if (CALL(state->calls, sigprocmask, pthread_sigmask(SIG_BLOCK, &state->own, NULL)) != 0)
        return -errno;
    state->waiter = pthread_self();
    return 0;
}

/* Takes what has been sent, and gives the thread its mask back. */
static void unblock_signals(struct sigio_state *state, struct calls *calls)
{
    sigset_t unblocked = state->own;

    while (CALL(calls, sigtimedwait, sigtimedwait(&state->own, NULL, &(struct timespec){0})) >= 0 || errno == EINTR)
        ;
    if (sigismember(&state->mask_before, SIGIO))
        sigdelset(&unblocked, SIGIO);
    (void)CALL(calls, sigprocmask, pthread_sigmask(SIG_UNBLOCK, &unblocked, NULL));
}

/* Another thread reaps than before, or than has opened: the signals are to come to it. What they have said to the other
 * one, a try finds. */
static int move_here(struct sigio_state *state)
{
    if (CALL(state->calls, sigprocmask, pthread_sigmask(SIG_BLOCK, &state->own, NULL)) != 0)
        return -errno;
    const int error = arm_all(state);

    if (!error) {
        state->waiter = pthread_self();
        sweep(state);
    }
    return error;
}

/* ------------------------------------------------------------------ open and close */

static void free_state(struct sigio_state *state)
{
    free(state->ready.items);
    free(state->waiting);
    free(state->queues);
    free(state);
}

static void sigio_close(void *opaque)
{
    struct sigio_state *state = opaque;
    struct calls calls = calls_without_hooks(state->calls);

    for (uint32_t i = 0; i < state->descriptor_count; i++)
        disarm(&calls, state->descriptors[i]);
    unblock_signals(state, &calls);
    free_state(state);
}

static int allocate(struct sigio_state *state)
{
    for (uint32_t i = 0; i < state->descriptor_count; i++)
        if (state->descriptors[i] > state->highest)
            state->highest = state->descriptors[i];
    state->ready.items = calloc(state->depth, sizeof *state->ready.items);
    state->waiting = calloc(state->depth, sizeof *state->waiting);
    state->queues = calloc((size_t)state->highest + 1, sizeof *state->queues);
    if (!state->ready.items || !state->waiting || !state->queues)
        return -ENOMEM;
    for (int fd = 0; fd <= state->highest; fd++)
        state->queues[fd] = (struct queue){NOBODY, NOBODY};
    return 0;
}

static int sigio_open(void **out, const struct engine_setup *setup)
{
    struct sigio_state *state = calloc(1, sizeof *state);

    if (!state)
        return -ENOMEM;
    state->calls = setup->calls;
    state->counters = setup->counters;
    state->depth = setup->depth;
    state->descriptors = setup->descriptors;
    state->descriptor_count = setup->descriptor_count;
    state->patience_ns = PATIENCE_NS;
    int error = allocate(state);
    if (!error)
        error = block_signals(state);
    if (error) {
        free_state(state);
        return error;
    }
    error = arm_all(state);
    if (error) {
        sigio_close(state);
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

    for (; taken < n; taken++) {
        if (state->waiting_count + state->ready.count == state->depth)
            break;
        ssize_t result = transfer(state->calls, requests[taken]);

        if (result == -EAGAIN)
            wait_for(state, requests[taken]);
        else
            ready_push(&state->ready, requests[taken], result);
    }
    return (int)taken;
}

static void on_signal(struct sigio_state *state, int number, const siginfo_t *info)
{
    uint32_t ended = 0;

    state->waited_ns = 0;
    state->patience_ns = PATIENCE_NS;
    state->signals++;
    if (number == SIGIO) {
        count(state, COUNTER_SIGNAL_OVERFLOWS);
        sweep(state);
        return;
    }
    if (info->si_code > 0 && info->si_fd >= 0 && info->si_fd <= state->highest) /* the kernel has sent it */
        ended = try_waiting(state, &state->queues[info->si_fd], info->si_band);
    if (ended == 0)
        count(state, COUNTER_SPURIOUS_SIGNALS);
}

/* No signal has come for as long as there was patience. What is ready all the same was not announced, or will be: a full
 * socket has room before the kernel calls it enough to say so. */
static void try_unannounced(struct sigio_state *state)
{
    const uint32_t ended = sweep(state);

    calls_add_several(&state->counters[COUNTER_FOUND_WITHOUT_SIGNAL], ended);
    state->patience_ns = ended ? PATIENCE_NS : state->patience_ns * 2;
    if (state->patience_ns > PATIENCE_MAX_NS)
        state->patience_ns = PATIENCE_MAX_NS;
}

/* Waits for one signal, and tries what it says. 1: one came; 0: none has; or -errno. */
static int take_signal(struct sigio_state *state, int64_t timeout_ns)
{
    const struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000),
                                     .tv_nsec = (long)(timeout_ns % 1000000000)};
    siginfo_t info;
    const int number = CALL(state->calls, sigtimedwait, sigtimedwait(&state->own, &info, &timeout));

    if (number < 0)
        return errno == EAGAIN ? 0 : -errno;
    on_signal(state, number, &info);
    if (state->signals > (uint64_t)SIGNALS_PER_TRY * state->waiting_count)
        sweep(state);
    return 1;
}

/* A signal, or none for `timeout_ns`, or for as long as there is patience; `*waited_ns` is how long that was. */
static int wait_for_signal(struct sigio_state *state, int64_t timeout_ns, int64_t *waited_ns)
{
    const int64_t patience_ns = state->patience_ns - state->waited_ns;
    const int64_t wait_ns = timeout_ns < 0 || timeout_ns > patience_ns ? patience_ns : timeout_ns;
    const int came = take_signal(state, wait_ns);

    *waited_ns = wait_ns;
    if (came == 0 && (state->waited_ns += wait_ns) >= state->patience_ns)
        try_unannounced(state);
    return came;
}

/* What has come without waiting. 0 or -errno. */
static int look(struct sigio_state *state, uint32_t max)
{
    int came = 1;

    while (came > 0 && state->ready.count < max && state->waiting_count > 0)
        came = take_signal(state, 0);
    return came == -EINTR || came > 0 ? 0 : came;
}

static int sigio_reap(void *opaque, struct completion *completions, uint32_t min, uint32_t max,
                      int64_t timeout_ns)
{
    struct sigio_state *state = opaque;
    int64_t left_ns = timeout_ns, waited_ns;
    int error = 0;

    if (!pthread_equal(state->waiter, pthread_self()))
        error = move_here(state);
    if (!error && min == 0 && state->ready.count == 0)
        error = look(state, max);
    while (!error && state->ready.count < min && state->waiting_count > 0) {
        const int came = wait_for_signal(state, left_ns, &waited_ns);

        if (came == -EINTR || (came == 0 && left_ns >= 0 && (left_ns -= waited_ns) <= 0))
            break;
        error = came < 0 ? came : 0;
    }
    return error ? error : (int)ready_pop(&state->ready, completions, max);
}

static int sigio_cancel(void *opaque, struct request *request)
{
    struct sigio_state *state = opaque;
    struct queue *queue = &state->queues[request->fd];
    uint32_t before = NOBODY;

    if (state->waiting[request->slot].request != request)
        return CANCEL_ALREADY_COMPLETE;
    for (uint32_t slot = queue->first; slot != request->slot; slot = state->waiting[slot].next)
        before = slot;
    wait_no_more(state, queue, before, request->slot);
    ready_push(&state->ready, request, -ECANCELED);
    return CANCEL_DONE;
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
