/* A write and the sync that follows it as one chain (IOSQE_IO_LINK): both are started with one call, and the kernel makes
 * the sync when the write has ended in full.
 *
 * The request ends when both have completed, in whichever order. A write that fails or comes short breaks the chain: the
 * kernel cancels the sync, and the rest of the write comes again, with another. */
#include <errno.h>

#include "io_uring.h"

/* A chain must not be given to the kernel in two parts: it would end with the first. */
static bool has_room(struct uring *uring)
{
    if (uring->ring.sq_entries - ring_unsent(&uring->ring) < 2 && uring_start(uring) < 0)
        return false;
    return uring->ring.sq_entries - ring_unsent(&uring->ring) >= 2;
}

static void fill_sync(const struct uring *uring, struct ring_sqe *sqe, const struct request *request)
{
    sqe->opcode = RING_OP_FSYNC;
    sqe->operation_flags = request->then == OPERATION_DATA_SYNC ? RING_FSYNC_DATASYNC : 0;
    uring_name_file(uring, sqe, request->fd);
    sqe->user_data = USER_SYNC | request->slot;
}

bool uring_link_put(struct uring *uring, struct request *request)
{
    if (!has_room(uring))
        return false;
    struct ring_sqe *sqe = uring_entry(uring);

    uring_fill(uring, sqe, request);
    sqe->flags |= RING_SQE_LINK;
    sqe->user_data = USER_LINKED | request->slot;
    uring->links[request->slot] = (struct link){.pending = 2, .length = (int32_t)sqe->length};
    fill_sync(uring, uring_entry(uring), request);
    uring->slots[request->slot] = (struct uring_slot){.request = request};
    uring->whole_links++;
    for (int i = 0; i < 2; i++)
        event_mark(uring->calls->recorder, EVENT_sq_entry, request->slot);
    return true;
}

bool uring_link_is_of(const struct ring_cqe *cqe)
{
    return cqe->user_data >= USER_LINKED;
}

static uint32_t slot_of(const struct ring_cqe *cqe)
{
    return (uint32_t)cqe->user_data;
}

bool uring_link_ends(const struct uring *uring, const struct ring_cqe *cqe)
{
    return uring->links[slot_of(cqe)].pending == 1;
}

/* A sync that was interrupted, or cancelled when its write was over, is still to be made; and not the write again. */
static int32_t leave_sync_to_loop(struct request *request, int32_t written)
{
    request->then_syncs = false;
    return written;
}

static int32_t result_of(const struct uring *uring, const struct link *link, struct request *request)
{
    const int32_t written = (int32_t)calls_outcome(uring->calls, CALL_io_uring_enter, link->written);

    if (written == -EINTR && uring->slots[request->slot].cancel_asked)
        return -ECANCELED;
    if (written < 0 || link->written < link->length)
        return written;
    const int32_t synced = (int32_t)calls_outcome(uring->calls, CALL_io_uring_enter, link->synced);

    if (synced == -EINTR || synced == -ECANCELED)
        return leave_sync_to_loop(request, written);
    return synced < 0 ? synced : written;
}

bool uring_link_take(struct uring *uring, const struct ring_cqe *cqe, struct completion *completion)
{
    const uint32_t slot = slot_of(cqe);
    struct link *link = &uring->links[slot];
    struct request *request = uring->slots[slot].request;

    if (cqe->user_data >= USER_SYNC)
        link->synced = cqe->result;
    else
        link->written = cqe->result;
    event_mark(uring->calls->recorder, EVENT_cq_entry, slot);
    uring->whole_links -= link->pending == 2;
    if (--link->pending > 0)
        return false;
    *completion = (struct completion){.request = request, .result = result_of(uring, link, request)};
    uring->slots[slot].request = NULL;
    return true;
}
