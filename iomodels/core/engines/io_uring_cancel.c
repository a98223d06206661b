/* Calling a transfer back (IORING_OP_ASYNC_CANCEL): an entry of our own, whose completion is the answer. It comes while
 * the call lasts, but under SQPOLL, where the kernel's thread has to get round to it. */
#include <errno.h>

#include "io_uring.h"

/* A kernel that never answers would be a hang. */
#define MAX_CALLS 1000

static bool is_linked(const struct uring *uring, const struct request *request)
{
    return uring->links && uring->links[request->slot].pending > 0;
}

static bool put_cancel(struct uring *uring, const struct request *request)
{
    struct ring_sqe *sqe = ring_entry(&uring->ring);

    if (!sqe)
        return false;
    sqe->opcode = RING_OP_ASYNC_CANCEL;
    sqe->fd = -1;
    sqe->address = is_linked(uring, request) ? USER_LINKED | request->slot : request->slot;
    sqe->user_data = USER_CANCEL;
    uring->cancel_ended = false;
    return true;
}

/* Other completions that come meanwhile are kept for reap: there is room for all that is in flight. */
static void keep_completions(struct uring *uring)
{
    struct ready *ready = &uring->ready;

    ready->count += uring_take(uring, ready->items + ready->count, uring->depth - ready->count);
}

/* The entry cannot be taken back. So a call that fails is made again, or the kernel would cancel later what nobody knows
 * to be cancelled. */
static int await_answer(struct uring *uring)
{
    int error = 0;

    for (int i = 0; i < MAX_CALLS; i++) {
        error = uring_start(uring);
        keep_completions(uring);
        if (uring->cancel_ended)
            return 0;
        if (error)
            continue;
        error = ring_enter(&uring->ring, uring->calls, uring_unsent(uring), uring->is_polled, RING_ENTER_GETEVENTS, 1000000);
        keep_completions(uring);
        if (uring->cancel_ended)
            return 0;
    }
    return error < 0 ? error : -ETIMEDOUT;
}

/* What is neither found nor waits to be reaped is being transferred by a device, which gives nothing back. */
static int outcome_of(const struct uring *uring, const struct request *request)
{
    if (uring->cancel_result == 0)
        return CANCEL_DONE;
    return uring->slots[request->slot].request == request ? CANCEL_TOO_LATE : CANCEL_ALREADY_COMPLETE;
}

int uring_cancel(void *state, struct request *request)
{
    struct uring *uring = state;
    struct uring_slot *slot = &uring->slots[request->slot];
    int error = uring_start(uring); /* what the kernel has not seen it cannot find */

    if (error)
        return error;
    if (slot->request != request)
        return uring->receives && uring_receive_cancel(uring, request) ? CANCEL_DONE : CANCEL_ALREADY_COMPLETE;
    if (slot->is_cancelled) /* one of two linked entries has completed so, and the other is to follow */
        return CANCEL_DONE;
    if (!put_cancel(uring, request))
        return -EAGAIN;
    slot->cancel_asked = true;
    error = await_answer(uring);
    slot->is_cancelled = !error && uring->cancel_result == 0;
    return error ? error : outcome_of(uring, request);
}
