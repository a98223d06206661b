/* What a turn of the loop is made of: starting a request, and taking the end of a transfer. For loop.c, and for
 * loop_chain.c, where the same happens while reap waits; nobody else includes it. */
#ifndef IOMODELS_LOOP_TURN_H
#define IOMODELS_LOOP_TURN_H

#include <errno.h>

#include "loop_state.h"

/* The turn of the loop is one function in the end: inlined, the harness takes 47 ns per operation
 * where it took 56 (a bare loop with two stamps: 40). */
#define HOT static inline __attribute__((always_inline))

/* Starts a resting request, which was due at `due_ns`. */
HOT int start_one(struct loop *loop, uint64_t due_ns)
{
    struct request *request = loop->resting[--loop->resting_count];

    request_begin(loop, request, due_ns, loop->now_ns);
    int error = loop->channel->start(loop->channel_state, request);
    if (error) {
        loop_put_to_rest(loop, request);
        if (error != -ENODATA)
            return loop_fail(loop, STAGE_START, error);
        loop->exhausted = true;
        return 0;
    }
    loop->queued[loop->queued_count++] = request;
    return 0;
}

/* ------------------------------------------------------------------ completions */

HOT void record_operation(struct loop *loop, const struct request *request)
{
    struct slice *slice = loop->slice;
    const uint64_t latency_ns = loop->now_ns - request->start_ns;

    slice->slice_operations++;
    calls_add(&loop->record->live_operations);
    if (__builtin_expect(loop->recorder != NULL, 0))
        recorder_add(loop->recorder, EVENT_request, request->start_ns, loop->now_ns,
                     (int64_t)request->done);
    if (loop->channel->caps.starts_device && loop->engine->caps.moves_data) {
        if (loop->now_ns - request->issued_ns < request->service_ns)
            slice->early_completions++;
        else if (loop->window_open)
            histogram_add(&slice->added, latency_ns - request->service_ns);
    }
    if (!loop->window_open)
        return;
    histogram_add(&slice->latency, latency_ns);
    if (loop->arrivals.gaps_q10_ns)
        histogram_add(&slice->service, loop->now_ns - request->issued_ns);
    if (__builtin_expect(loop->now_ns >= loop->part_end_ns, 0))
        loop_next_part(loop);
    slice->window_operations++;
    slice->window_bytes += request->done;
}

/* The request's next transfer has been set up: the engine gets it again. */
HOT int again(struct loop *loop, struct request *request)
{
    loop->queued[loop->queued_count++] = request;
    return 0;
}

static inline int take_failure(struct loop *loop, struct request *request, int error)
{
    if (error == -EINTR) {
        loop->slice->interrupted_transfers++;
        return again(loop, request);
    }
    loop_put_to_rest(loop, request);
    return loop_fail_at(loop, request, STAGE_TRANSFER, error);
}

/* Nothing ever arrives on an idle descriptor. */
static inline int take_idle(struct loop *loop, struct request *request, ssize_t result)
{
    loop->idle_in_flight--;
    if (result == -EINTR) {
        loop->slice->interrupted_transfers++;
        return again(loop, request);
    }
    request->idle_pending = false;
    return loop_fail(loop, STAGE_TRANSFER, result < 0 ? (int)result : -ENODATA);
}

/* The deadline has ended it: no operation, and no error either. */
static inline void take_cancelled(struct loop *loop, struct request *request)
{
    loop->slice->cancelled_operations++;
    if (loop->channel->abandon)
        loop->channel->abandon(loop->channel_state, request);
    loop_put_to_rest(loop, request);
}

/* The operation's transfer is complete, and has read to `bytes`; it may need another one. */
HOT int finish(struct loop *loop, struct request *request, const char *bytes)
{
    if (loop->engine->caps.moves_data) {
        int more = loop->channel->finish(loop->channel_state, request, bytes);

        if (more == CHANNEL_MORE) {
            request->moved = 0;
            return again(loop, request);
        }
        if (more < 0) {
            loop_put_to_rest(loop, request);
            return loop_fail_at(loop, request, STAGE_VERIFY, more);
        }
    }
    record_operation(loop, request);
    loop->uncomputed++;
    loop_put_to_rest(loop, request);
    return 0;
}

/* A part of the transfer is done: the engine gets the rest. */
static inline int take_short(struct loop *loop, struct request *request, size_t bytes)
{
    loop->slice->short_transfers++;
    request->moved += bytes;
    return again(loop, request);
}

static inline int take_brought(struct loop *loop, struct request *request, size_t bytes)
{
    const char *data = request->data, *begin = request_take_brought(request, bytes);
    const int error = request->length > 0 ? take_short(loop, request, bytes) : finish(loop, request, begin);

    loop->engine->recycle(loop->engine_state, data);
    return error;
}

HOT int take_completion(struct loop *loop, const struct completion *completion)
{
    struct request *request = completion->request;
    const ssize_t result = completion->result;

    if (__builtin_expect(request->slot >= loop->depth, 0))
        return take_idle(loop, request, result);
    loop->in_flight--;
    if (__builtin_expect(request->cancel_ns != 0, 0))
        loop_record_cancel(loop, request, result);
    if (__builtin_expect(result <= 0, 0)) {
        if (result == -ECANCELED && request->cancel_asked) {
            take_cancelled(loop, request);
            return 0;
        }
        if (result == 0 && operation_is_sync(request->operation))
            return finish(loop, request, request->buffer);
        /* 0 is the end of the data, where there should be none. */
        return take_failure(loop, request, result ? (int)result : -ENODATA);
    }
    if ((size_t)result > request->length)
        return take_failure(loop, request, -EPROTO);
    if (__builtin_expect(request->data != NULL, 0))
        return take_brought(loop, request, (size_t)result);
    const char *bytes = request->buffer - request->moved;
    request_advance(request, (size_t)result);
    if (request->length > 0)
        return take_short(loop, request, (size_t)result);
    return finish(loop, request, bytes);
}

/* In lanes each slot has counted for itself. */
HOT uint64_t operations_in_window(const struct loop *loop)
{
    return loop->lanes ? __atomic_load_n(&loop->lane_operations, __ATOMIC_RELAXED)
                       : loop->slice->window_operations;
}

HOT bool window_is_over(const struct loop *loop)
{
    return loop->now_ns >= loop->until_ns || loop_stop_asked(loop) ||
           (loop->exhausted && loop->in_flight + loop->queued_count == 0) ||
           (loop->max_operations && operations_in_window(loop) >= loop->max_operations);
}

#endif
