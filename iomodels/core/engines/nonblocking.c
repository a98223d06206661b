/* Synchronous non-blocking I/O (the article's Figure 3): the descriptors are O_NONBLOCK, submit tries
 * at once, and every reap tries once more all that said EAGAIN. It spins: the loop calls again.
 *
 * On a regular file O_NONBLOCK means nothing to the kernel: every try succeeds, after blocking. The one
 * honest non-blocking read of a file is preadv2 with RWF_NOWAIT (request->nowait): it takes what is
 * in the page cache and else says EAGAIN. Nothing would then ever bring the data there, so submit
 * starts the read-ahead of it first. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "engine.h"
#include "transfer.h"

struct nonblocking_state {
    struct calls *calls;
    uint32_t depth;
    struct pending pending;
    struct ready ready;
};

static void nonblocking_close(void *state)
{
    struct nonblocking_state *nonblocking = state;

    free(nonblocking->pending.items);
    free(nonblocking->ready.items);
    free(nonblocking);
}

static int nonblocking_open(void **state, const struct engine_setup *setup)
{
    struct nonblocking_state *nonblocking = calloc(1, sizeof *nonblocking);

    if (!nonblocking)
        return -ENOMEM;
    nonblocking->calls = setup->calls;
    nonblocking->depth = setup->depth;
    nonblocking->pending.items = calloc(setup->depth, sizeof(struct request *));
    nonblocking->ready.items = calloc(setup->depth, sizeof *nonblocking->ready.items);
    if (!nonblocking->pending.items || !nonblocking->ready.items) {
        nonblocking_close(nonblocking);
        return -ENOMEM;
    }
    *state = nonblocking;
    return 0;
}

static void start_read_ahead(struct calls *calls, const struct request *request)
{
    /* Advice: a read that fails will say so itself. */
    (void)CALL(calls, readahead, readahead(request->fd, request->offset, request->length));
}

static ssize_t try_transfer(struct calls *calls, const struct request *request)
{
    if (!request->nowait)
        return transfer(calls, request);

    const struct iovec vector = {
        .iov_base = request->buffer,
        .iov_len = calls_limit(calls, CALL_preadv2, request->length),
    };
    ssize_t result = CALL(calls, preadv2,
                          preadv2(request->fd, &vector, 1, request->offset, RWF_NOWAIT));
    return result < 0 ? -errno : result;
}

static int nonblocking_submit(void *state, struct request *const *requests, uint32_t n)
{
    struct nonblocking_state *nonblocking = state;
    uint32_t taken = 0;

    for (; taken < n; taken++) {
        if (nonblocking->pending.count + nonblocking->ready.count == nonblocking->depth)
            break;
        if (requests[taken]->nowait)
            start_read_ahead(nonblocking->calls, requests[taken]);
        ssize_t result = try_transfer(nonblocking->calls, requests[taken]);

        if (result == -EAGAIN)
            pending_push(&nonblocking->pending, requests[taken]);
        else
            ready_push(&nonblocking->ready, requests[taken], result);
    }
    return (int)taken;
}

/* Tries each pending transfer once, until `max` have ended; keeps the others, in order. */
static void nonblocking_pass(struct nonblocking_state *nonblocking, uint32_t max)
{
    struct pending *pending = &nonblocking->pending;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < pending->count; i++) {
        struct request *request = pending->items[i];
        ssize_t result = -EAGAIN;

        if (nonblocking->ready.count < max)
            result = try_transfer(nonblocking->calls, request);
        if (result == -EAGAIN)
            pending->items[kept++] = request;
        else
            ready_push(&nonblocking->ready, request, result);
    }
    pending->count = kept;
}

static int nonblocking_reap(void *state, struct completion *completions, uint32_t min,
                            uint32_t max, int64_t timeout_ns)
{
    struct nonblocking_state *nonblocking = state;

    (void)min, (void)timeout_ns;
    if (nonblocking->ready.count == 0)
        nonblocking_pass(nonblocking, max);
    return (int)ready_pop(&nonblocking->ready, completions, max);
}

static int nonblocking_cancel(void *state, struct request *request)
{
    struct nonblocking_state *nonblocking = state;

    if (!pending_remove(&nonblocking->pending, request))
        return CANCEL_ALREADY_COMPLETE;
    ready_push(&nonblocking->ready, request, -ECANCELED);
    return CANCEL_DONE;
}

/* Unless it may ask for what is in the page cache only. */
static const char *nonblocking_degenerate(const struct trial_question *question)
{
    return question->on_files && !question->settings->nowait ? "a regular file is always ready" : NULL;
}

extern const struct engine engine_nonblocking;
const struct engine engine_nonblocking = {
    .name = "nonblocking",
    .title = "Non-blocking",
    .calls_in_words = "read / write (O_NONBLOCK)",
    .summary = "the call returns at once, with EAGAIN if nothing is ready; the application repeats it",
    .other_side = "kernel",
    .news = NEWS_READINESS,
    .worker = WORKER_CALLER,
    .complexity = COMPLEXITY_REPEATED_CALL,
    .is_synchronous = true,
    .in_matrix = true,
    .figure = 3,
    .calls = (const struct engine_call[]){
        TRANSFER_CALLS(0),
        {CALL_preadv2, CLASS_TRANSFER, 0},
        {CALL_readahead, CLASS_SUBMIT, 0},
        ENGINE_CALLS_END,
    },
    .caps = {
        .files = true,
        .streams = true,
        .spins = true,
        .nonblocking_descriptors = true,
        .moves_data = true,
        .cancels = true,
        .nowait = true,
    },
    .degenerate = nonblocking_degenerate,
    .open = nonblocking_open,
    .submit = nonblocking_submit,
    .reap = nonblocking_reap,
    .cancel = nonblocking_cancel,
    .close = nonblocking_close,
};
