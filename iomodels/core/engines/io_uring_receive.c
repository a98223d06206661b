/* Multishot receives into provided buffers (multishot=on; sockets).
 *
 * One entry per descriptor receives again and again: for each piece that arrives the kernel takes a buffer from a ring of
 * them and adds a completion, whether a request waits for it or not. So a read may find its bytes here already, and a
 * piece may have more than one read wants: pieces are kept by descriptor, in order, and a buffer goes back to the kernel when
 * nothing of it is left and the loop has given back all that it was lent of it.
 *
 * A receive ends with the stream, with an error, or when there is no buffer (-ENOBUFS). Then the next read starts another
 * one. A read that is waiting when the buffers run out is made into the request's own buffer instead: to wait for a
 * buffer that a request holds which waits for this one would be for ever. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io_uring.h"

/* A page, which is more than most messages: what has arrived together comes together. */
#define BUFFERS_PER_REQUEST 2
#define MIN_BUFFERS 64
#define MAX_BUFFERS 32768
#define GROUP 1
#define PAGE 4096
#define NOTHING (-1)
/* For calls that end the receives: a kernel that never answers would be a hang. */
#define MAX_CALLS 1000

/* ------------------------------------------------------------------ buffers */

static char *memory_of(const struct receive *receive, uint32_t id)
{
    return receive->memory + (size_t)id * receive->size;
}

/* The kernel may fill it again. */
static void provide(struct receive *receive, uint32_t id)
{
    struct ring_buffer *place = &receive->ring[receive->tail & (receive->count - 1)];

    /* Member by member: the tail that the kernel reads lies in the first place's last one. */
    place->address = (uintptr_t)memory_of(receive, id);
    place->length = (uint32_t)receive->size;
    place->id = (uint16_t)id;
    receive->tail++;
    __atomic_store_n(&receive->ring->tail, receive->tail, __ATOMIC_RELEASE);
}

static void provide_if_free(struct receive *receive, uint32_t id)
{
    const struct provided *buffer = &receive->buffers[id];

    if (buffer->lent == 0 && buffer->position == buffer->length)
        provide(receive, id);
}

void uring_recycle(void *state, const char *data)
{
    struct uring *uring = state;
    struct receive *receive = &uring->receive;
    const uint32_t id = (uint32_t)((size_t)(data - receive->memory) / receive->size);

    receive->buffers[id].lent--;
    provide_if_free(receive, id);
}

static void append(struct receive *receive, struct receiver *receiver, uint32_t id, uint32_t length)
{
    receive->buffers[id] = (struct provided){.length = length, .next = NOTHING};
    if (receiver->head == NOTHING)
        receiver->head = (int32_t)id;
    else
        receive->buffers[receiver->last].next = (int32_t)id;
    receiver->last = (int32_t)id;
}

/* Hands the waiting request the first of what has been received. */
static struct completion serve(struct uring *uring, struct receiver *receiver)
{
    struct receive *receive = &uring->receive;
    const uint32_t id = (uint32_t)receiver->head;
    struct provided *buffer = &receive->buffers[id];
    struct request *request = receiver->waiting;
    const uint32_t left = buffer->length - buffer->position;
    const uint32_t bytes = left < receiver->wanted ? left : receiver->wanted;
    struct completion completion = {
        .request = request,
        .result = calls_outcome(uring->calls, CALL_io_uring_enter, (ssize_t)bytes),
    };

    if (completion.result > 0) {
        request->data = memory_of(receive, id) + buffer->position;
        buffer->lent++;
    }
    buffer->position += bytes;
    receiver->waiting = NULL;
    if (buffer->position == buffer->length)
        receiver->head = buffer->next;
    provide_if_free(receive, id);
    event_mark(uring->calls->recorder, EVENT_cq_entry, request->slot);
    return completion;
}

/* ------------------------------------------------------------------ requests */

static struct receiver *receiver_of(const struct uring *uring, const struct request *request)
{
    return &uring->receive.receivers[uring->places[request->fd]];
}

static bool arm(struct uring *uring, struct receiver *receiver, const struct request *request)
{
    struct ring_sqe *sqe = uring_entry(uring);

    if (!sqe)
        return false;
    sqe->opcode = RING_OP_RECV;
    sqe->ioprio = RING_RECV_MULTISHOT;
    sqe->flags = RING_SQE_BUFFER_SELECT;
    sqe->buffer = GROUP;
    uring_name_file(uring, sqe, request->fd);
    sqe->user_data = USER_RECEIVE | (uint64_t)uring->places[request->fd];
    receiver->is_armed = true;
    uring->receive.armed++;
    event_mark(uring->calls->recorder, EVENT_sq_entry, request->slot);
    return true;
}

bool uring_receive_put(struct uring *uring, struct request *request)
{
    struct receiver *receiver = receiver_of(uring, request);

    if (receiver->waiting || (receiver->head == NOTHING && !receiver->is_armed && !arm(uring, receiver, request)))
        return false;
    receiver->waiting = request;
    receiver->wanted = (uint32_t)calls_limit(uring->calls, CALL_io_uring_enter, request->length);
    if (receiver->head != NOTHING)
        uring->ready.items[uring->ready.count++] = serve(uring, receiver);
    return true;
}

bool uring_receive_is_awaited(const struct uring *uring, const struct ring_cqe *cqe)
{
    return uring->receive.receivers[(uint32_t)cqe->user_data].waiting != NULL;
}

bool uring_receive_cancel(struct uring *uring, const struct request *request)
{
    struct receiver *receiver = receiver_of(uring, request);

    if (receiver->waiting != request)
        return false;
    ready_push(&uring->ready, receiver->waiting, -ECANCELED);
    receiver->waiting = NULL;
    return true;
}

/* The request that waits gets an end without bytes. True: `completion` is it. */
static bool end_waiting(struct uring *uring, struct receiver *receiver, int result, struct completion *completion)
{
    struct request *request = receiver->waiting;

    receiver->waiting = NULL;
    if (result == -ENOBUFS) {
        uring->counters[COUNTER_BUFFERS_EXHAUSTED]++;
        if (uring_put_plain(uring, request))
            return false;
    }
    *completion = (struct completion){
        .request = request,
        .result = calls_outcome(uring->calls, CALL_io_uring_enter, result),
    };
    return true;
}

bool uring_receive_take(struct uring *uring, const struct ring_cqe *cqe, struct completion *completion)
{
    struct receive *receive = &uring->receive;
    struct receiver *receiver = &receive->receivers[(uint32_t)cqe->user_data];
    const uint32_t id = cqe->flags >> RING_CQE_BUFFER_SHIFT;

    if (!(cqe->flags & RING_CQE_MORE)) {
        receiver->is_armed = false;
        receive->armed--;
    }
    if (cqe->result > 0)
        append(receive, receiver, id, (uint32_t)cqe->result);
    else if (cqe->flags & RING_CQE_BUFFER)
        provide(receive, id);
    if (!receiver->waiting)
        return false;
    if (receiver->head == NOTHING)
        return end_waiting(uring, receiver, cqe->result, completion);
    *completion = serve(uring, receiver);
    return true;
}

/* ------------------------------------------------------------------ open and close */

static uint32_t buffers_for(uint32_t depth)
{
    uint32_t count = MIN_BUFFERS;

    while (count < BUFFERS_PER_REQUEST * depth && count < MAX_BUFFERS)
        count *= 2;
    return count;
}

uint32_t uring_receive_completions(uint32_t depth)
{
    return buffers_for(depth) + depth;
}

static void *pages(size_t size)
{
    void *memory = NULL;

    if (posix_memalign(&memory, PAGE, size) != 0)
        return NULL;
    return memset(memory, 0, size);
}

static int allocate(struct receive *receive, const struct engine_setup *setup)
{
    const uint32_t count = buffers_for(setup->depth), receivers = setup->descriptor_count;

    *receive = (struct receive){
        .count = count,
        .size = setup->buffers.stride,
        .receiver_count = receivers,
        .ring = pages(count * sizeof *receive->ring),
        .memory = pages(count * setup->buffers.stride),
        .buffers = calloc(count, sizeof *receive->buffers),
        .receivers = calloc(receivers, sizeof *receive->receivers),
    };
    if (!receive->ring || !receive->memory || !receive->buffers || !receive->receivers)
        return -ENOMEM;
    for (uint32_t i = 0; i < receivers; i++)
        receive->receivers[i] = (struct receiver){.head = NOTHING, .last = NOTHING};
    return 0;
}

int uring_receive_open(struct uring *uring, const struct engine_setup *setup)
{
    struct receive *receive = &uring->receive;
    int error = allocate(receive, setup);

    if (error)
        return error;
    const struct ring_buffers_registration registration = {
        .address = (uintptr_t)receive->ring,
        .entries = receive->count,
        .group = GROUP,
    };

    error = ring_register(&uring->ring, setup->calls, RING_REGISTER_PBUF_RING, &registration, 1);
    if (error)
        return error;
    receive->is_registered = true;
    for (uint32_t id = 0; id < receive->count; id++)
        provide(receive, id);
    return 0;
}

/* All receives have ended: nothing is written to the buffers any more. The requests were reaped before. */
static void end_receives(struct uring *uring)
{
    struct completion nobodys;
    struct ring_sqe *sqe = uring->receive.armed ? uring_entry(uring) : NULL;

    if (sqe) {
        sqe->opcode = RING_OP_ASYNC_CANCEL;
        sqe->fd = -1;
        sqe->operation_flags = RING_CANCEL_ALL | RING_CANCEL_ANY;
        sqe->user_data = USER_CANCEL;
    }
    for (int i = 0; uring->receive.armed && i < MAX_CALLS; i++) {
        (void)uring_start(uring);
        if (!uring_take(uring, &nobodys, 1) && uring->receive.armed)
            (void)ring_enter(&uring->ring, uring->calls, uring_unsent(uring), 1, RING_ENTER_GETEVENTS, 1000000);
    }
}

void uring_receive_close(struct uring *uring)
{
    struct receive *receive = &uring->receive;
    const struct ring_buffers_registration registration = {.group = GROUP};

    if (receive->is_registered) {
        end_receives(uring);
        (void)ring_register(&uring->ring, uring->calls, RING_UNREGISTER_PBUF_RING, &registration, 1);
    }
    free(receive->ring);
    free(receive->memory);
    free(receive->buffers);
    free(receive->receivers);
}
