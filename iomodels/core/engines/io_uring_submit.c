/* Filling entries, and giving them to the kernel.
 *
 * Where the loop reaps at once after each submit (setup.reap_follows), submit only fills entries and the one call in reap
 * both starts them and waits: that is half the calls, and what people do who use io_uring. Where the loop
 * computes or sleeps in between, submit makes a call of its own, so that the transfers are on their way meanwhile. */
#include "io_uring.h"

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

static inline void fill(const struct uring *uring, struct ring_sqe *sqe, const struct request *request)
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

void uring_fill(const struct uring *uring, struct ring_sqe *sqe, const struct request *request)
{
    fill(uring, sqe, request);
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
    if (__builtin_expect(request->then_syncs, 0))
        return uring_link_put(uring, request);
    return put_plain(uring, request);
}

static int wake(struct uring *uring)
{
    if (!uring_needs_wakeup(uring)) {
        uring->counters[COUNTER_SUBMITS_WITHOUT_CALL]++;
        return 0;
    }
    const int result = ring_enter(&uring->ring, uring->calls, ring_unsent(&uring->ring), 0, RING_ENTER_SQ_WAKEUP, -1);

    return result < 0 && !uring_passes(result) ? result : 0;
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
            return result == 0 || uring_passes(result) ? 0 : result;
    }
}

int uring_submit(void *state, struct request *const *requests, uint32_t n)
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
    (void)uring_start(uring); /* entries that it leaves are accepted all the same: reap starts them, or tells why not */
    return (int)taken;
}
