/* Waiting for completions, and taking them. */
#include "io_uring.h"

#include <errno.h>

/* Some 30 us of looking. */
#define LOOKS_BEFORE_YIELD 1000

/* Of the last wait. An earlier one, which a signal ended, has left an entry that completes at any time. */
static uint64_t timeout_data(const struct uring *uring)
{
    return USER_TIMEOUT | uring->timeouts;
}

/* One of ours, which is nobody's transfer. */
static void take_own(struct uring *uring, const struct ring_cqe *cqe)
{
    uring->saw_own = true;
    if (cqe->user_data == USER_CANCEL) {
        uring->cancel_ended = true;
        uring->cancel_result = cqe->result;
    } else if (cqe->user_data == timeout_data(uring) && cqe->result == -ETIME) {
        uring->time_is_over = true;
    }
}

static inline bool is_own(const struct ring_cqe *cqe)
{
    return cqe->user_data == USER_CANCEL || cqe->user_data >> 32 == USER_TIMEOUT >> 32;
}

static bool may_end_a_request(const struct uring *uring, const struct ring_cqe *cqe)
{
    if (uring_link_is_of(cqe))
        return uring_link_ends(uring, cqe);
    return !is_own(cqe) && (cqe->user_data < uring->depth || uring_receive_is_awaited(uring, cqe));
}

/* How many requests it ends. One that ends none is no reason for reap to stop waiting. */
static uint32_t take_special(struct uring *uring, const struct ring_cqe *cqe, struct completion *completion)
{
    const bool ends = uring_link_is_of(cqe) ? uring_link_take(uring, cqe, completion)
                                            : uring_receive_take(uring, cqe, completion);

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
            n += take_special(uring, cqe, &completions[n]);
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

/* Whether there may be completions that only a call brings into the ring, or entries that a call wakes the kernel's thread
 * for. */
static bool kernel_has_more(const struct uring *uring)
{
    const uint32_t flags = ring_flags(&uring->ring);

    return uring->overflows || (flags & (RING_SQ_TASKRUN | RING_SQ_CQ_OVERFLOW)) ||
           ((flags & RING_SQ_NEED_WAKEUP) && ring_unsent(&uring->ring) > 0);
}

/* Whether reap, which has `n`, makes a call. */
static bool must_enter(const struct uring *uring, uint32_t n, uint32_t min)
{
    if (uring->has_put || uring_unsent(uring) > 0 || (n < min && !uring->spins))
        return true;
    return n == 0 && kernel_has_more(uring);
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
    uring->timeouts++;
    sqe->user_data = timeout_data(uring);
    ring_publish(&uring->ring);
    return 1;
}

/* How many entries complete, at the least, until `wanted` requests have ended: a linked one ends with its second. */
static uint32_t entries_of(const struct uring *uring, uint32_t wanted)
{
    const uint32_t others = uring->in_flight - uring->whole_links;

    return wanted > others ? wanted + (wanted - others) : wanted;
}

/* One call that starts what was not started, and waits for `wanted`; 0: only looks. Its result. */
static int enter_once(struct uring *uring, uint32_t wanted, int64_t timeout_ns)
{
    uint32_t flags = wanted > 0 || kernel_has_more(uring) ? RING_ENTER_GETEVENTS : uring->wait_flags;
    ring_publish(&uring->ring);
    uring->has_put = false;
    uring->time_is_over = false;
    uint32_t unsent = uring_unsent(uring);

    if (wanted > 0 && timeout_ns >= 0 && !(uring->ring.features & RING_FEATURE_EXT_ARG)) {
        unsent += put_timeout(uring, wanted, timeout_ns);
        timeout_ns = -1;
    }
    if (uring->is_polled && ring_unsent(&uring->ring) && uring_needs_wakeup(uring))
        flags |= RING_ENTER_SQ_WAKEUP;
    uring->overflows = false;
    uring->saw_own = false;
    /* The kernel's thread does by itself what a look would ask for. */
    if (uring->is_polled && wanted == 0 && unsent == 0 && flags == 0)
        return 0;
    return ring_enter(&uring->ring, uring->calls, unsent, wanted, flags, timeout_ns);
}

/* Whether reap has to go on: the wait was not ended by its time or a signal, but by an entry of our own, or did not begin,
 * since the kernel took only a part of the entries. */
static bool goes_on(const struct uring *uring, int result)
{
    return result >= 0 && !uring->time_is_over && (uring->saw_own || (result > 0 && uring_unsent(uring) > 0));
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

int uring_reap(void *state, struct completion *completions, uint32_t min, uint32_t max, int64_t timeout_ns)
{
    struct uring *uring = state;
    uint32_t n = take_all(uring, completions, max);
    bool again = must_enter(uring, n, min);

    while (again) {
        const uint32_t wanted = n < min && !uring->spins ? min - n : 0;

        if (wanted > 0 && uring->in_flight == 0)
            break;
        const int result = enter_once(uring, entries_of(uring, wanted), timeout_ns);

        if (result < 0 && !uring_passes(result))
            return n > 0 ? (int)n : result; /* what was taken must not be lost; the next call tells the error */
        n += take_all(uring, completions + n, max - n);
        again = uring->has_put || (goes_on(uring, result) && must_enter(uring, n, min));
    }
    if (n > 0)
        uring->empty_looks = 0;
    else if (uring->spins && uring->is_polled)
        make_way(uring);
    return (int)n;
}
