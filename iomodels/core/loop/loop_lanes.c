/* Slots that go on by themselves, each on the thread that has ended its last transfer (see loop_lanes.h). The turn of
 * such a slot is here: take the end, record it, compute, start the next transfer. */
#include "loop_lanes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compute.h"

_Static_assert(sizeof(struct lane) % CACHE_LINE == 0, "no two lanes share a line");
_Static_assert(sizeof(struct request) % CACHE_LINE == 0, "nor do two requests");

/* ------------------------------------------------------------------ counters */

static void add(uint64_t *counter, uint64_t n)
{
    calls_add_several(counter, n);
}

static uint64_t load(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void count_value(struct histogram *histogram, uint64_t value)
{
    add(&histogram->count[histogram_index(value)], 1);
}

/* ------------------------------------------------------------------ open, slices, close */

int lanes_open(struct loop *loop)
{
    loop->lanes = cache_lines(loop->depth, sizeof *loop->lanes);
    if (!loop->lanes)
        return -ENOMEM;
    pthread_mutex_init(&loop->channel_mutex, NULL);
    return 0;
}

void lanes_close(struct loop *loop)
{
    if (!loop->lanes)
        return;
    pthread_mutex_destroy(&loop->channel_mutex);
    free(loop->lanes);
}

void lanes_settle(struct loop *loop)
{
    for (uint32_t slot = 0; slot < loop->depth; slot++) {
        const struct lane *lane = &loop->lanes[slot];
        const uint64_t entered = load(&lane->entered);

        while (__atomic_load_n(&lane->left, __ATOMIC_ACQUIRE) < entered) {
            loop_unlock(loop);
            nanosleep(&(struct timespec){.tv_nsec = 10000}, NULL);
            loop_lock(loop);
        }
    }
}

static void empty(struct lane *lane)
{
    const size_t numbers = offsetof(struct lane, slice_operations);

    if (load(&lane->entered) > 0)
        memset((char *)lane + numbers, 0, sizeof *lane - numbers);
}

void lanes_begin(struct loop *loop)
{
    lanes_settle(loop);
    for (uint32_t slot = 0; slot < loop->depth; slot++)
        empty(&loop->lanes[slot]);
    loop->slice->depth_max = loop->in_flight; /* a server's have been in flight all the time */
    loop->lane_operations = 0;
    loop->lane_compute_units = loop->settings.compute_units;
    loop->live_before = load(&loop->record->live_operations);
    __atomic_store_n(&loop->slice_number, loop->slice_number + 1, __ATOMIC_RELEASE);
}

void lanes_watch(struct loop *loop)
{
    uint64_t operations = loop->live_before;

    for (uint32_t slot = 0; slot < loop->depth; slot++)
        operations += load(&loop->lanes[slot].slice_operations);
    __atomic_store_n(&loop->record->live_operations, operations, __ATOMIC_RELAXED);
}

static void add_histogram(struct histogram *to, const struct histogram *from)
{
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        to->count[i] += load(&from->count[i]);
}

static void merge_one(struct slice *slice, const struct lane *lane)
{
    slice->slice_operations += load(&lane->slice_operations);
    slice->window_operations += load(&lane->window_operations);
    slice->window_bytes += load(&lane->window_bytes);
    slice->short_transfers += load(&lane->short_transfers);
    slice->interrupted_transfers += load(&lane->interrupted_transfers);
    slice->early_completions += load(&lane->early_completions);
    slice->cancelled_operations += load(&lane->cancelled_operations);
    slice->cancels_done += load(&lane->cancelled_operations);
    for (int part = 0; part < TIMELINE_PARTS; part++)
        slice->timeline[part] += load(&lane->timeline[part]);
    add_histogram(&slice->latency, &lane->latency);
    add_histogram(&slice->added, &lane->added);
}

void lanes_merge(struct loop *loop)
{
    struct slice *slice = loop->slice;
    uint64_t at_rest_ns = 0;

    for (uint32_t slot = 0; slot < loop->depth; slot++) {
        merge_one(slice, &loop->lanes[slot]);
        at_rest_ns += load(&loop->lanes[slot].at_rest_ns);
    }
    loop_memory_look(loop);
    if (at_rest_ns < slice->window_in_flight_ns)
        slice->window_in_flight_ns -= at_rest_ns;
    lanes_watch(loop);
}

/* ------------------------------------------------------------------ coming to rest */

/* The slot's thread is through with its turn, and so with the lane: all that it has written is to be seen. */
static void leave(struct lane *lane)
{
    __atomic_store_n(&lane->left, lane->left + 1, __ATOMIC_RELEASE);
}

/* The slot's thread starts nothing more. `error` is the first of the trial, 0, or -ENODATA where the channel has no
 * more work. Once the lock is given back, the slot may be handed out again, and another thread be in its lane (NULL: it
 * has none). */
static struct request *rest(struct loop *loop, struct lane *lane, struct request *request, enum stage stage,
                            int error)
{
    loop_lock(loop);
    if (lane)
        leave(lane);
    if (error == -ENODATA && stage == STAGE_START)
        loop->exhausted = true;
    else if (error && !loop->closing && !loop->chain_error)
        __atomic_store_n(&loop->chain_error, loop_fail_at(loop, request, stage, error),
                         __ATOMIC_RELAXED);
    loop->now_ns = clock_now_ns(&loop->clock);
    loop_account_in_flight(loop);
    loop_set_aside(loop, request);
    loop_unlock(loop);
    return NULL;
}

/* Nothing ever arrives on an idle descriptor. */
static struct request *take_idle(struct loop *loop, const struct completion *done)
{
    if (done->result == -EINTR && !__atomic_load_n(&loop->closing, __ATOMIC_RELAXED))
        return done->request;
    const int error = done->result < 0 ? (int)done->result : -ENODATA;
    return rest(loop, NULL, done->request, STAGE_TRANSFER, error);
}

static bool window_is_open(const struct loop *loop)
{
    return __atomic_load_n(&loop->window_open, __ATOMIC_ACQUIRE);
}

static bool lanes_are_done(const struct loop *loop)
{
    return loop->max_operations && load(&loop->lane_operations) >= loop->max_operations;
}

/* Whether the slot is to start nothing more. A server's goes on, and its next read waits for the next slice; but for a
 * window that is over by number, of which the loop's thread has to be told. */
static bool is_over(struct loop *loop, uint64_t now_ns)
{
    if (__atomic_load_n(&loop->closing, __ATOMIC_RELAXED) ||
        __atomic_load_n(&loop->chain_error, __ATOMIC_RELAXED) ||
        __atomic_load_n(&loop->record->stop, __ATOMIC_RELAXED))
        return true;
    if (loop->serves)
        return window_is_open(loop) && lanes_are_done(loop);
    return !window_is_open(loop) || now_ns >= loop->until_ns || lanes_are_done(loop);
}

/* ------------------------------------------------------------------ the turn */

static void lock_channel(struct loop *loop)
{
    if (!loop->channel->caps.slots_are_independent)
        pthread_mutex_lock(&loop->channel_mutex);
}

static void unlock_channel(struct loop *loop)
{
    if (!loop->channel->caps.slots_are_independent)
        pthread_mutex_unlock(&loop->channel_mutex);
}

static void record_in_window(struct loop *loop, struct lane *lane, const struct request *request,
                             uint64_t now_ns)
{
    const uint64_t part = (now_ns - loop->window_start_ns) / loop->part_ns;

    count_value(&lane->latency, now_ns - request->start_ns);
    add(&lane->timeline[part < TIMELINE_PARTS ? part : TIMELINE_PARTS - 1], 1);
    add(&lane->window_operations, 1);
    add(&lane->window_bytes, request->done);
}

static void record_operation(struct loop *loop, struct lane *lane, const struct request *request,
                             uint64_t now_ns)
{
    const bool in_window = window_is_open(loop);

    if (__builtin_expect(loop->recorder != NULL, 0))
        recorder_add(loop->recorder, EVENT_request, request->start_ns, now_ns, (int64_t)request->done);
    if (loop->channel->caps.starts_device && loop->engine->caps.moves_data) {
        if (now_ns - request->issued_ns < request->service_ns)
            add(&lane->early_completions, 1);
        else if (in_window)
            count_value(&lane->added, now_ns - request->start_ns - request->service_ns);
    }
    if (in_window)
        record_in_window(loop, lane, request, now_ns);
    if (loop->max_operations)
        __atomic_fetch_add(&loop->lane_operations, 1, __ATOMIC_RELAXED);
    add(&lane->slice_operations, 1);
}

/* The operation's transfer is complete. As channel.finish. */
static int finish(struct loop *loop, struct request *request, const char *bytes)
{
    if (!loop->engine->caps.moves_data)
        return CHANNEL_DONE;
    lock_channel(loop);
    const int more = loop->channel->finish(loop->channel_state, request, bytes);
    unlock_channel(loop);
    request->moved = 0;
    return more;
}

/* Bytes were moved. As take(). */
static int take_bytes(struct loop *loop, struct lane *lane, const struct completion *done)
{
    struct request *request = done->request;
    const size_t moved = (size_t)done->result;
    const char *data = request->data, *bytes = request->buffer - request->moved;
    int more = CHANNEL_MORE;

    if (__builtin_expect(data != NULL, 0))
        bytes = request_take_brought(request, moved);
    else
        request_advance(request, moved);
    if (request->length > 0) {
        request->moved += moved;
        add(&lane->short_transfers, 1);
    } else {
        more = finish(loop, request, bytes);
    }
    if (__builtin_expect(data != NULL, 0))
        loop->engine->recycle(loop->engine_state, data);
    return more;
}

/* Whoever makes the transfer has ended it, since its deadline was over: the operation is none, and no error either. */
static void take_cancelled(struct loop *loop, struct lane *lane, struct request *request)
{
    if (loop->channel->abandon) {
        lock_channel(loop);
        loop->channel->abandon(loop->channel_state, request);
        unlock_channel(loop);
    }
    add(&lane->cancelled_operations, 1);
}

/* What becomes of a transfer's end: CHANNEL_DONE, CHANNEL_MORE where the request goes on, or -errno with its stage. */
static int take(struct loop *loop, struct lane *lane, const struct completion *done, enum stage *stage)
{
    struct request *request = done->request;
    const ssize_t result = done->result;

    *stage = STAGE_TRANSFER;
    if (result == -EINTR) {
        add(&lane->interrupted_transfers, 1);
        return CHANNEL_MORE;
    }
    if (result < 0 || (result == 0 && !operation_is_sync(request->operation)))
        return result ? (int)result : -ENODATA;
    if ((size_t)result > request->length)
        return -EPROTO;
    *stage = STAGE_VERIFY;
    return result ? take_bytes(loop, lane, done) : finish(loop, request, request->buffer);
}

static bool is_cancelled(const struct loop *loop, const struct completion *done)
{
    return done->result == -ECANCELED && loop->settings.deadline_ns > 0;
}

static struct request *start(struct loop *loop, struct lane *lane, struct request *request, uint64_t now_ns)
{
    request_begin(loop, request, now_ns, now_ns);
    lock_channel(loop);
    const int error = loop->channel->start(loop->channel_state, request);
    unlock_channel(loop);
    if (error)
        return rest(loop, lane, request, STAGE_START, error);
    leave(lane);
    return request;
}

static void compute_on(struct loop *loop)
{
    const uint64_t event = event_begin(loop->recorder, EVENT_computation);

    compute((uint64_t)loop->lane_compute_units);
    event_end(loop->recorder, event, 1);
}

/* The slot's next operation, if it has one. Its last one ended then, and it has computed until now. */
static struct request *start_next(struct loop *loop, struct lane *lane, struct request *request, uint64_t end_ns,
                                  uint64_t now_ns)
{
    if (is_over(loop, now_ns))
        return rest(loop, lane, request, STAGE_NONE, 0);
    if (window_is_open(loop))
        add(&lane->at_rest_ns, now_ns - end_ns);
    return start(loop, lane, request, now_ns);
}

/* What becomes of the slot now that its transfer has ended. Leaves the lane. */
static struct request *turn(struct loop *loop, struct lane *lane, const struct completion *done)
{
    struct request *request = done->request;
    enum stage stage;

    if (__builtin_expect(done->result < 0, 0) && is_cancelled(loop, done)) {
        const uint64_t now_ns = clock_now_ns(&loop->clock);

        take_cancelled(loop, lane, request);
        return start_next(loop, lane, request, now_ns, now_ns);
    }
    const int taken = take(loop, lane, done, &stage);

    if (taken == CHANNEL_MORE && !__atomic_load_n(&loop->closing, __ATOMIC_RELAXED)) {
        leave(lane);
        return request;
    }
    if (taken != CHANNEL_DONE)
        return rest(loop, lane, request, stage, taken < 0 ? taken : 0);
    const uint64_t end_ns = clock_now_ns(&loop->clock);
    uint64_t now_ns = end_ns;
    record_operation(loop, lane, request, end_ns);
    if (loop->lane_compute_units > 0) {
        compute_on(loop);
        now_ns = clock_now_ns(&loop->clock);
    }
    return start_next(loop, lane, request, end_ns, now_ns);
}

struct request *lanes_next(void *context, const struct completion *done)
{
    struct loop *loop = context;

    if (__builtin_expect(done->request->slot >= loop->depth, 0))
        return take_idle(loop, done);
    struct lane *lane = &loop->lanes[done->request->slot];
    add(&lane->entered, 1);
    /* From here on the lane is that of this slice: it has been emptied before. */
    (void)__atomic_load_n(&loop->slice_number, __ATOMIC_ACQUIRE);
    return turn(loop, lane, done);
}
