/* Opening and closing the loop: memory, channel, engine, idle descriptors, CPUs (see loop.h). */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "loop_lanes.h"

/* How long loop_close waits for transfers that were cancelled and released. */
#define DRAIN_TIMEOUT_NS (10 * NS_PER_S)
/* Those of a file start on a page, which satisfies direct I/O. Those of streams lie side by side, as in any server with
 * many connections: a page for each of 4000 would be 16 MiB. (Of 200, neither took measurably more time.) */
#define BUFFER_ALIGNMENT 4096

static size_t buffer_stride(const struct loop *loop)
{
    const size_t alignment = loop->channel->caps.files ? BUFFER_ALIGNMENT : CACHE_LINE;

    return ((size_t)loop->settings.block + alignment - 1) / alignment * alignment;
}

static int allocate(struct loop *loop)
{
    const uint32_t depth = loop->depth, all = loop->depth + loop->idle;
    void *buffers = NULL;

    loop->buffer_stride = buffer_stride(loop);
    loop->requests = cache_lines(all, sizeof *loop->requests);
    loop->resting = calloc(depth, sizeof *loop->resting);
    loop->queued = calloc(all, sizeof *loop->queued);
    loop->reaped = calloc(all, sizeof *loop->reaped);
    if (!loop->requests || !loop->resting || !loop->queued || !loop->reaped)
        return -ENOMEM;
    if (posix_memalign(&buffers, BUFFER_ALIGNMENT, all * loop->buffer_stride) != 0)
        return -ENOMEM;
    loop->buffers = buffers;
    for (uint32_t slot = 0; slot < all; slot++)
        loop->requests[slot].slot = slot;
    for (uint32_t slot = 0; slot < depth; slot++)
        loop->resting[depth - 1 - slot] = &loop->requests[slot];
    loop->resting_count = depth;
    return 0;
}

static void free_all(struct loop *loop)
{
    arrivals_close(&loop->arrivals);
    lanes_close(loop);
    pthread_mutex_destroy(&loop->mutex);
    free(loop->buffers);
    free(loop->descriptors);
    free(loop->requests);
    free(loop->resting);
    free(loop->queued);
    free(loop->reaped);
    recorder_close(loop->recorder);
    free(loop);
}

static int list_descriptors(struct loop *loop)
{
    loop->descriptor_count = loop->channel->descriptors(loop->channel_state, NULL, 0);
    loop->descriptors = calloc(loop->descriptor_count, sizeof *loop->descriptors);
    if (!loop->descriptors)
        return -ENOMEM;
    (void)loop->channel->descriptors(loop->channel_state, loop->descriptors, loop->descriptor_count);
    return 0;
}

static int highest_descriptor(const struct loop *loop)
{
    int highest = -1;

    for (uint32_t i = 0; i < loop->descriptor_count; i++)
        if (loop->descriptors[i] > highest)
            highest = loop->descriptors[i];
    return highest;
}

static int open_channel(struct loop *loop)
{
    const struct engine_caps *caps = &loop->engine->caps;
    const struct channel_setup setup = {
        .settings = &loop->settings,
        .nonblocking_descriptors = caps->nonblocking_descriptors,
        .links = caps->links,
        .starts_device = caps->moves_data,
        .record = loop->record,
        .recorder = loop->recorder,
    };

    int error = loop->channel->open(&loop->channel_state, &setup);
    if (error)
        return loop_fail(loop, STAGE_CHANNEL_OPEN, error);
    error = list_descriptors(loop);
    if (error)
        return loop_fail(loop, STAGE_ALLOCATE, error);
    const int highest = highest_descriptor(loop);
    loop->record->highest_descriptor = (uint64_t)highest;
    if (caps->max_descriptor && highest > (int)caps->max_descriptor)
        error = loop_fail(loop, STAGE_ENGINE_OPEN, -ERANGE);
    return error;
}

/* Why the engine cannot work here, or NULL. */
static const char *probe(const struct loop *loop)
{
    const struct trial_question question = loop_question(loop);

    return loop->engine->probe ? loop->engine->probe(&question) : NULL;
}

static int open_engine(struct loop *loop)
{
    const struct engine_setup setup = {
        .depth = loop->depth + loop->idle,
        .options = loop->options,
        .descriptors = loop->descriptors,
        .descriptor_count = loop->descriptor_count,
        .buffers = {loop->buffers, loop->buffer_stride, loop->depth + loop->idle},
        .reap_follows = loop->reap_follows,
        .calls = &loop->calls,
        .counters = loop->slice->counters,
        .resources = loop->resources,
        .loop = loop,
        .next = loop->lanes ? lanes_next : loop_next,
    };
    const uint32_t max_depth = loop->engine->caps.max_depth;

    if (max_depth && loop->depth + loop->idle > max_depth)
        return loop_fail(loop, STAGE_ENGINE_OPEN, -E2BIG);
    /* It would wait for ever, and not even see that it is to stop. */
    if (loop->engine->caps.waits_for_all && (loop->idle > 0 || loop->settings.server))
        return loop_fail(loop, STAGE_ENGINE_OPEN, -EOPNOTSUPP);
    const char *reason = probe(loop);
    if (reason)
        return loop_refuse(loop, reason);
    int error = loop->engine->open(&loop->engine_state, &setup);
    return error ? loop_fail(loop, STAGE_ENGINE_OPEN, error) : 0;
}

/* Helper threads and a peer's fork inherit the CPU, unless they choose another. */
static int choose_cpu(const struct loop *loop)
{
    cpu_set_t set;

    if (loop->settings.engine_cpu < 0)
        return 0;
    CPU_ZERO(&set);
    CPU_SET((size_t)loop->settings.engine_cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) < 0 ? -errno : 0;
}

/* An open loop sleeps until shortly before each arrival. By default the kernel may end a sleep
 * 50 us late, to save wake-ups; waiting for I/O is not touched by this. */
static int sleep_precisely(const struct loop *loop)
{
    if (loop->settings.arrival_gap_q10_ns <= 0 || loop->settings.server)
        return 0;
    return prctl(PR_SET_TIMERSLACK, 1UL) < 0 ? -errno : 0;
}

/* A server's requests come when they come: there the schedule is the peer's. */
static int open_arrivals(struct loop *loop)
{
    return loop->settings.server ? 0 : arrivals_open(&loop->arrivals, &loop->settings);
}

/* So that no page fault falls into the first requests; and after the fork of a peer, which would
 * share what was touched before, so that the first write to each page would fault again. */
static void touch_buffers(struct loop *loop)
{
    memset(loop->buffers, 0, (loop->depth + loop->idle) * loop->buffer_stride);
}

static int open_recorder(struct loop *loop)
{
    if (loop->settings.events_fd < 0)
        return 0;
    int error = recorder_open(&loop->recorder, (int)loop->settings.events_fd,
                              loop->clock.ns_per_tick_q32);
    loop->calls.recorder = loop->recorder;
    return error;
}

static int open_all(struct loop *loop)
{
    int error = choose_cpu(loop);

    if (!error)
        error = open_recorder(loop);
    if (!error)
        error = sleep_precisely(loop);
    if (!error)
        error = allocate(loop);
    if (!error)
        error = open_arrivals(loop);
    if (!error && loop->engine->caps.next_start == NEXT_IN_LANE)
        error = lanes_open(loop);
    if (error)
        return loop_fail(loop, error == -ENOMEM ? STAGE_ALLOCATE : STAGE_ENGINE_OPEN, error);
    error = open_channel(loop);
    if (error)
        return error;
    touch_buffers(loop);
    loop_memory_begin(loop);
    return open_engine(loop);
}

/* What open_all has left of a loop that cannot be opened. */
static void abandon(struct loop *loop)
{
    if (loop->channel_state)
        loop->channel->close(loop->channel_state);
    free_all(loop);
}

/* Idle descriptors are reads that wait for ever; an engine has to watch them all the same. */
static int start_idle(struct loop *loop)
{
    for (uint32_t i = 0; i < loop->idle; i++) {
        struct request *request = &loop->requests[loop->depth + i];

        request->buffer = loop->buffers + request->slot * loop->buffer_stride;
        loop->channel->start_idle(loop->channel_state, request, i);
        int taken = loop->engine->submit(loop->engine_state, &request, 1);
        if (taken != 1)
            return loop_fail(loop, STAGE_SUBMIT, taken < 0 ? taken : -EAGAIN);
        loop->idle_in_flight++;
        request->idle_pending = true;
    }
    return loop_check_resources(loop);
}

/* In a closed loop without computation there is nothing between submit and reap, so that one stamp after both is enough:
 * what is over when submit returns, or is only started in reap, takes no time in between. A deadline counts from the time
 * after submit. A server's schedule is its peer's. */
static void choose_stamps(struct loop *loop)
{
    const struct engine *engine = loop->engine;
    const struct settings *settings = &loop->settings;
    const struct trial_question question = loop_question(loop);
    const bool is_closed = settings->server || settings->arrival_gap_q10_ns <= 0;
    const bool is_alone = is_closed && settings->compute_units == 0 && !loop->chains;
    const bool is_degenerate = engine->degenerate && engine->degenerate(&question);

    loop->ends_in_submit = loop->submit_is_all || (is_alone && is_degenerate && !loop->deadline_ns);
    loop->reap_follows = is_alone && !is_degenerate;
    loop->stamps_submit =
        !loop->ends_in_submit && !(loop->reap_follows && engine->caps.starts_in_reap && !loop->deadline_ns);
}

/* The engine as its options make it, and what the loop makes of its capabilities. */
static int apply_options(struct loop *loop)
{
    const int error = engine_options(loop->engine, &loop->settings, loop->options);

    if (error < 0)
        return loop_fail(loop, STAGE_ENGINE_OPEN, error);
    loop->varied = engine_with(loop->engine, loop->options);
    loop->engine = &loop->varied;
    const struct engine_caps *caps = &loop->engine->caps;
    loop->idle = caps->moves_data ? (uint32_t)loop->settings.idle : 0;
    loop->submit_is_all = caps->blocks_in_submit && caps->moves_data;
    loop->deadline_ns = caps->cancels ? (uint64_t)loop->settings.deadline_ns : 0;
    loop->chains = caps->next_start != NEXT_BY_LOOP;
    loop->is_special = loop->chains || loop->deadline_ns;
    loop->is_shared = caps->next_start == NEXT_ON_THREAD || caps->next_start == NEXT_IN_LANE;
    choose_stamps(loop);
    /* Without I/O (null) no peer would ever get an answer. */
    loop->serves = loop->settings.server && loop->channel->drive != NULL && caps->moves_data;
    return 0;
}

int loop_open(struct loop **out, const struct loop_setup *setup)
{
    struct loop *loop = calloc(1, sizeof *loop);

    if (!loop) {
        setup->record->error = ENOMEM;
        setup->record->error_stage = STAGE_ALLOCATE;
        return -ENOMEM;
    }
    *loop = (struct loop){
        .engine = setup->engine,
        .channel = setup->channel,
        .settings = setup->settings,
        .clock.ns_per_tick_q32 = (uint64_t)setup->settings.clock_ns_per_tick_q32,
        .record = setup->record,
        .slice = &setup->record->slice,
        .depth = (uint32_t)setup->settings.depth,
        .batch = setup->settings.batch ? (uint32_t)setup->settings.batch : 1,
        .batch_max = setup->settings.batch ? (uint32_t)setup->settings.batch : UINT32_MAX,
        .calls = {
            .count = setup->record->slice.calls,
            .eagain = setup->record->slice.eagain,
            .hooks = setup->hooks,
        },
    };
    pthread_mutex_init(&loop->mutex, NULL);
    int error = apply_options(loop);
    if (!error)
        error = open_all(loop);
    if (error) {
        abandon(loop);
        return error;
    }
    loop_lock(loop);
    error = start_idle(loop);
    loop_memory_look(loop);
    loop_unlock(loop);
    if (error) {
        (void)loop_close(loop); /* the first error is the one to tell */
        return error;
    }
    *out = loop;
    return 0;
}

static void cancel_in_flight(struct loop *loop)
{
    const struct engine *engine = loop->engine;

    for (uint32_t slot = 0; slot < loop->depth + loop->idle; slot++) {
        struct request *request = &loop->requests[slot];

        if (!loop_is_in_flight(loop, request))
            continue;
        if (!loop->settings.opens_per_request && engine->cancel_descriptor) {
            loop_count_cancel(loop, engine->cancel_descriptor(loop->engine_state, request->fd));
            return; /* it is the descriptor of all */
        }
        loop_count_cancel(loop, engine->cancel(loop->engine_state, request));
    }
}

/* What is in flight, idle ones included. With an engine that chains they end in loop_next(). */
static uint32_t left_in_flight(struct loop *loop)
{
    loop_lock(loop);
    uint32_t left = loop->in_flight + loop->idle_in_flight;
    loop_unlock(loop);
    return left;
}

static void forget(struct loop *loop, const struct request *request)
{
    loop_lock(loop);
    --*loop_flight_of(loop, request);
    loop_unlock(loop);
}

static int reap_in_flight(struct loop *loop)
{
    const uint64_t deadline_ns = clock_monotonic_ns() + DRAIN_TIMEOUT_NS;

    while (left_in_flight(loop) > 0) {
        int n = loop->engine->reap(loop->engine_state, loop->reaped, 1, loop->depth,
                                   REAP_TIMEOUT_NS);

        if (n < 0)
            return loop_fail(loop, STAGE_DRAIN, n);
        for (int i = 0; i < n; i++)
            forget(loop, loop->reaped[i].request);
        if (n == 0 && clock_monotonic_ns() > deadline_ns)
            return loop_fail(loop, STAGE_DRAIN, -ETIMEDOUT);
    }
    return 0;
}

int loop_close(struct loop *loop)
{
    loop_lock(loop);
    __atomic_store_n(&loop->closing, true, __ATOMIC_RELAXED);
    loop->calls.count = loop->record->closing_calls;
    loop->calls.eagain = loop->record->closing_eagain;
    const bool busy = loop->in_flight + loop->idle_in_flight > 0;
    if (busy)
        cancel_in_flight(loop);
    loop_unlock(loop);
    if (busy) {
        loop->channel->release(loop->channel_state);
        int error = reap_in_flight(loop);
        if (error)
            return error;
    }
    loop->engine->close(loop->engine_state);
    loop->channel->close(loop->channel_state);
    free_all(loop);
    return 0;
}
