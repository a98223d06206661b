/* io_uring: requests are entries in a ring that the kernel reads, completions entries in one that it writes; one call
 * (io_uring_enter) starts any number and waits for any number.
 *
 * Where the loop reaps at once after each submit (setup.reap_follows), submit only fills entries and the one call in reap
 * both starts them and waits: that is half the calls, and what people do who use io_uring. Where the loop
 * computes or sleeps in between, submit makes a call of its own, so that the transfers are on their way meanwhile.
 *
 * The descriptors are blocking ones: with O_NONBLOCK the kernel would answer EAGAIN, where it else watches the descriptor
 * and makes the transfer when it is ready. */
#include "io_uring.h"

#include <errno.h>

/* Some 30 us of looking. */
#define LOOKS_BEFORE_YIELD 1000

/* ------------------------------------------------------------------ submit */

/* Which registered buffer this is a part of, or -1. A write's bytes may be the channel's own. */
static int registered_buffer(const struct uring *uring, const struct request *request)
{
    const struct engine_buffers *buffers = &uring->buffers;
    const size_t at = (size_t)(request->buffer - buffers->base);

    if (at >= buffers->count * buffers->stride)
        return -1;
    return (int)(at / buffers->stride / uring->slots_per_buffer);
}

static void fill_transfer(const struct uring *uring, struct ring_sqe *sqe, const struct request *request)
{
    const bool reads = request->operation == OPERATION_READ;
    const int buffer = uring->buffers.count ? registered_buffer(uring, request) : -1;

    sqe->opcode = reads ? RING_OP_READ : RING_OP_WRITE;
    if (buffer >= 0) {
        sqe->opcode = reads ? RING_OP_READ_FIXED : RING_OP_WRITE_FIXED;
        sqe->buffer = (uint16_t)buffer;
    }
    sqe->address = (uintptr_t)request->buffer;
    sqe->length = (uint32_t)calls_limit(uring->calls, CALL_io_uring_enter, request->length);
    sqe->offset = request->offset == OFFSET_STREAM ? 0 : (uint64_t)request->offset;
}

static void fill(const struct uring *uring, struct ring_sqe *sqe, const struct request *request)
{
    if (operation_is_sync(request->operation)) {
        sqe->opcode = RING_OP_FSYNC;
        sqe->operation_flags = request->operation == OPERATION_DATA_SYNC ? RING_FSYNC_DATASYNC : 0;
    } else {
        fill_transfer(uring, sqe, request);
    }
    uring_name_file(uring, sqe, request->fd);
    sqe->user_data = request->slot;
}

struct ring_sqe *uring_entry(struct uring *uring)
{
    struct ring_sqe *sqe = ring_entry(&uring->ring);

    if (__builtin_expect(sqe == NULL, 0) && uring_start(uring) == 0)
        sqe = ring_entry(&uring->ring);
    uring->has_put = true;
    return sqe;
}

static inline bool put_plain(struct uring *uring, struct request *request)
{
    struct ring_sqe *sqe = uring_entry(uring);

    if (!sqe)
        return false;
    fill(uring, sqe, request);
    uring->slots[request->slot] = (struct uring_slot){.request = request};
    event_mark(uring->calls->recorder, EVENT_sq_entry, request->slot);
    return true;
}

bool uring_put_plain(struct uring *uring, struct request *request)
{
    return put_plain(uring, request);
}

static inline bool put(struct uring *uring, struct request *request)
{
    if (__builtin_expect(uring->receives, 0) && request->operation == OPERATION_READ)
        return uring_receive_put(uring, request);
    return put_plain(uring, request);
}

/* The thread sleeps after a while without entries, and then says so. It looks for entries once more after that, so
 * whoever publishes one must do it before looking at the flag. */
static bool needs_wakeup(struct uring *uring)
{
    ring_fence(&uring->ring);
    return ring_flags(&uring->ring) & RING_SQ_NEED_WAKEUP;
}

/* States that pass: entries stay in the ring, and go with the next call. */
static bool passes(int error)
{
    return error == -EINTR || error == -EAGAIN || error == -EBUSY || error == -ETIME;
}

static int wake(struct uring *uring)
{
    if (!needs_wakeup(uring)) {
        uring->counters[COUNTER_SUBMITS_WITHOUT_CALL]++;
        return 0;
    }
    const int result = ring_enter(&uring->ring, uring->calls, ring_unsent(&uring->ring), 0, RING_ENTER_SQ_WAKEUP, -1);

    return result < 0 && !passes(result) ? result : 0;
}

int uring_start(struct uring *uring)
{
    ring_publish(&uring->ring);
    uring->has_put = false;
    if (uring->is_polled)
        return wake(uring);
    for (;;) {
        const uint32_t unsent = ring_unsent(&uring->ring);
        const int result = unsent ? ring_enter(&uring->ring, uring->calls, unsent, 0, 0, -1) : 0;

        if (result <= 0)
            return result == 0 || passes(result) ? 0 : result;
    }
}

static int uring_submit(void *state, struct request *const *requests, uint32_t n)
{
    struct uring *uring = state;
    uint32_t taken = 0;

    for (; taken < n && uring->in_flight < uring->depth; taken++) {
        if (!put(uring, requests[taken]))
            break;
        uring->in_flight++;
    }
    if (taken == 0)
        return 0;
    if (uring->starts_in_reap || !uring->has_put) {
        ring_publish(&uring->ring);
        return (int)taken;
    }
    const int error = uring_start(uring);

    return error ? error : (int)taken;
}

/* ------------------------------------------------------------------ reap */

/* One of ours, which is nobody's transfer. */
static void take_own(struct uring *uring, const struct ring_cqe *cqe)
{
    uring->saw_own = true;
    if (cqe->user_data == USER_CANCEL) {
        uring->cancel_ended = true;
        uring->cancel_result = cqe->result;
    }
}

static inline bool is_own(const struct ring_cqe *cqe)
{
    return cqe->user_data == USER_CANCEL || cqe->user_data == USER_TIMEOUT;
}

static bool may_end_a_request(const struct uring *uring, const struct ring_cqe *cqe)
{
    return !is_own(cqe) && (cqe->user_data < uring->depth || uring_receive_is_awaited(uring, cqe));
}

/* How many requests it ends. One that ends none is no reason for reap to stop waiting. */
static uint32_t take_received(struct uring *uring, const struct ring_cqe *cqe, struct completion *completion)
{
    const bool ends = uring_receive_take(uring, cqe, completion);

    uring->saw_own |= !ends;
    return ends;
}

static struct completion complete(struct uring *uring, const struct ring_cqe *cqe)
{
    struct uring_slot *slot = &uring->slots[cqe->user_data];
    struct completion completion = {
        .request = slot->request,
        .result = calls_outcome(uring->calls, CALL_io_uring_enter, cqe->result),
    };

    /* A worker of the kernel's that is cancelled in the middle of its work sees a signal. */
    if (__builtin_expect(slot->cancel_asked, 0) && completion.result == -EINTR)
        completion.result = -ECANCELED;
    slot->request = NULL;
    event_mark(uring->calls->recorder, EVENT_cq_entry, (int64_t)cqe->user_data);
    return completion;
}

uint32_t uring_take(struct uring *uring, struct completion *completions, uint32_t max)
{
    const uint32_t ready = ring_ready(&uring->ring);
    uint32_t place = 0, n = 0;

    if (__builtin_expect(ready == uring->ring.cq_entries, 0) && (ring_flags(&uring->ring) & RING_SQ_CQ_OVERFLOW)) {
        uring->overflows = true;
        uring->counters[COUNTER_CQ_OVERFLOWS]++;
    }
    for (; place < ready; place++) {
        const struct ring_cqe *cqe = ring_completion(&uring->ring, place);

        if (n == max && may_end_a_request(uring, cqe))
            break;
        if (__builtin_expect(cqe->user_data < uring->depth, 1))
            completions[n++] = complete(uring, cqe);
        else if (is_own(cqe))
            take_own(uring, cqe);
        else
            n += take_received(uring, cqe, &completions[n]);
    }
    if (place)
        ring_advance(&uring->ring, place);
    return n;
}

static uint32_t take_all(struct uring *uring, struct completion *completions, uint32_t max)
{
    uint32_t n = 0;

    if (__builtin_expect(uring->ready.count > 0, 0))
        n = ready_pop(&uring->ready, completions, max);
    n += uring_take(uring, completions + n, max - n);
    uring->in_flight -= n;
    return n;
}

/* Whether completions may be there that only a call brings into the ring. */
static bool kernel_has_more(const struct uring *uring)
{
    return uring->overflows || (ring_flags(&uring->ring) & (RING_SQ_TASKRUN | RING_SQ_CQ_OVERFLOW));
}

/* Before Linux 5.11 a wait has no end of its own: an entry that completes after `timeout_ns`, or with the others. */
static uint32_t put_timeout(struct uring *uring, uint32_t wanted, int64_t timeout_ns)
{
    struct ring_sqe *sqe = ring_entry(&uring->ring);

    if (!sqe)
        return 0;
    uring->timeout = (struct ring_timespec){timeout_ns / 1000000000, timeout_ns % 1000000000};
    sqe->opcode = RING_OP_TIMEOUT;
    sqe->fd = -1;
    sqe->address = (uintptr_t)&uring->timeout;
    sqe->length = 1;
    sqe->offset = wanted;
    sqe->user_data = USER_TIMEOUT;
    ring_publish(&uring->ring);
    return 1;
}

/* One call that starts what was not started, and waits for `wanted`; 0: only looks. Its result. */
static int enter_once(struct uring *uring, uint32_t wanted, int64_t timeout_ns)
{
    uint32_t flags = wanted > 0 || kernel_has_more(uring) ? RING_ENTER_GETEVENTS : uring->wait_flags;
    ring_publish(&uring->ring);
    uring->has_put = false;
    uint32_t unsent = uring_unsent(uring);

    if (uring->is_polled && ring_unsent(&uring->ring) && needs_wakeup(uring))
        flags |= RING_ENTER_SQ_WAKEUP;
    if (wanted > 0 && timeout_ns >= 0 && !(uring->ring.features & RING_FEATURE_EXT_ARG)) {
        unsent += put_timeout(uring, wanted, timeout_ns);
        timeout_ns = -1;
    }
    uring->overflows = false;
    uring->saw_own = false;
    return ring_enter(&uring->ring, uring->calls, unsent, wanted, flags, timeout_ns);
}

/* Whether reap has to go on: the wait was not ended by its time or a signal, but by an entry of our own, or did not begin,
 * since the kernel took only a part of the entries. */
static bool goes_on(const struct uring *uring, int result)
{
    return result >= 0 && (uring->saw_own || (result > 0 && uring_unsent(uring) > 0));
}

/* Two threads spin, ours and the kernel's, and they may have to share a CPU: then the one that has nothing to do would keep
 * the other from it until its time is over, milliseconds for each request. */
static void make_way(struct uring *uring)
{
    if (++uring->empty_looks < LOOKS_BEFORE_YIELD)
        return;
    uring->empty_looks = 0;
    (void)CALL(uring->calls, sched_yield, syscall(SYS_sched_yield));
}

static int uring_reap(void *state, struct completion *completions, uint32_t min, uint32_t max, int64_t timeout_ns)
{
    struct uring *uring = state;
    uint32_t n = take_all(uring, completions, max);
    bool again = n < min || uring->has_put || uring_unsent(uring) > 0 || (min == 0 && n == 0 && kernel_has_more(uring));

    while (again) {
        const uint32_t wanted = n < min && !uring->spins ? min - n : 0;

        if (wanted > 0 && uring->in_flight == 0)
            break;
        const int result = enter_once(uring, wanted, timeout_ns);

        if (result < 0 && !passes(result))
            return result;
        n += take_all(uring, completions + n, max - n);
        again = uring->has_put || (goes_on(uring, result) && (n < min || uring_unsent(uring) > 0));
    }
    if (n > 0)
        uring->empty_looks = 0;
    else if (uring->spins && uring->is_polled)
        make_way(uring);
    return (int)n;
}

/* ------------------------------------------------------------------ what it says of itself */

static const char *uring_cannot(const struct trial_question *question)
{
    const struct settings *settings = question->settings;

    if (question->options[OPTION_MULTISHOT] == MULTISHOT_OFF)
        return NULL;
    if (!question->on_sockets)
        return "io_uring:multishot=on receives from sockets; it does not support files, pipes and timers";
    return settings->exchange == EXCHANGE_STREAM && settings->workload == WORKLOAD_WRITE
               ? "io_uring:multishot=on is about receiving, and here nothing is received"
               : NULL;
}

static const char *uring_degenerate(const struct trial_question *question)
{
    const struct settings *settings = question->settings;

    /* A thread of the kernel's copies while the application does something else; and buffered writes go to a worker. */
    if (question->options[OPTION_SQPOLL] == SQPOLL_ON || settings->workload != WORKLOAD_READ)
        return NULL;
    return question->on_files && settings->file_cache == CACHE_WARM
               ? "a read from the page cache is copied before io_uring_enter returns"
               : NULL;
}

static const struct engine_call calls_that_sleep[] = {
    {CALL_io_uring_enter, CLASS_SUBMIT, SLEEPS_ANYWHERE},
    {CALL_io_uring_setup, CLASS_SETUP, 0},
    {CALL_io_uring_register, CLASS_SETUP, 0},
    ENGINE_CALLS_END,
};

static const struct engine_call calls_that_start[] = {
    {CALL_io_uring_enter, CLASS_SUBMIT, 0},
    {CALL_sched_yield, CLASS_WAKE, 0},
    {CALL_io_uring_setup, CLASS_SETUP, 0},
    {CALL_io_uring_register, CLASS_SETUP, 0},
    ENGINE_CALLS_END,
};

static void uring_vary(struct engine *engine, const int64_t *options)
{
    if (options[OPTION_WAIT] == WAIT_SPIN) {
        engine->caps.spins = true;
        engine->caps.waits = false;
        engine->calls = calls_that_start;
    }
    engine->caps.starts_in_reap = options[OPTION_WAIT] == WAIT_ENTER && options[OPTION_SQPOLL] == SQPOLL_OFF;
    if (options[OPTION_MULTISHOT] == MULTISHOT_ON)
        engine->recycle = uring_recycle;
    engine->caps.kernel_polls = options[OPTION_SQPOLL] == SQPOLL_ON;
    if (engine->caps.kernel_polls)
        engine->threads_in_words = "the kernel's polling thread, and its workers for what that one cannot do without blocking";
}

static const struct engine_option options[] = {
    [OPTION_SQPOLL] = {
        .name = "sqpoll",
        .meaning = "a thread of the kernel's polls for requests, and takes a CPU for it",
        .choices = (const char *const[]){"off", "on", NULL},
    },
    [OPTION_FIXED] = {
        .name = "fixed",
        .meaning = "what is registered with the kernel beforehand",
        .choices = (const char *const[]){"none", "files", "buffers", "both", NULL},
    },
    [OPTION_TASKRUN] = {
        .name = "taskrun",
        .meaning = "when the kernel finishes a request: by interrupting the application, at its next call, or as it waits",
        .choices = (const char *const[]){"default", "coop", "defer", NULL},
        .needs_option = OPTION_SQPOLL,
        .needs_values = 1u << SQPOLL_OFF,
    },
    [OPTION_MULTISHOT] = {
        .name = "multishot",
        .meaning = "one receive goes on for all that arrives, into buffers provided beforehand (sockets)",
        .choices = (const char *const[]){"off", "on", NULL},
    },
    [OPTION_WAIT] = {
        .name = "wait",
        .meaning = "sleep in io_uring_enter, or poll the completion ring",
        .choices = (const char *const[]){"enter", "spin", NULL},
    },
    {.name = NULL},
};

extern const struct engine engine_io_uring;
const struct engine engine_io_uring = {
    .name = "io_uring",
    .title = "io_uring",
    .calls_in_words = "io_uring_enter",
    .summary = "requests and completions lie in two rings shared with the kernel; one call starts and awaits any number",
    .other_side = "kernel",
    .news = NEWS_COMPLETION,
    .worker = WORKER_KERNEL,
    .threads_in_words = "the kernel's workers, for what it cannot do without blocking: buffered writes, syncs, cold reads",
    .options = options,
    .calls = calls_that_sleep,
    .counters = (const struct engine_counter[]){
        [COUNTER_SUBMITS_WITHOUT_CALL] = {"submits_without_call", NULL},
        [COUNTER_CQ_OVERFLOWS] = {
            "cq_overflows",
            "times the completion ring was full, and the kernel kept completions in a list of its own, which is slower",
        },
        [COUNTER_BUFFERS_EXHAUSTED] = {
            "receive_buffers_exhausted",
            "times no provided buffer was free, and a receive had to be started again",
        },
        {NULL, NULL},
    },
    .caps = {
        .files = true,
        .streams = true,
        .waits = true,
        .batches = true,
        .moves_data = true,
        .cancels = true,
    },
    .vary = uring_vary,
    .cannot = uring_cannot,
    .degenerate = uring_degenerate,
    .probe = uring_probe,
    .explain = uring_explain,
    .open = uring_open,
    .submit = uring_submit,
    .reap = uring_reap,
    .cancel = uring_cancel,
    .close = uring_close,
};
