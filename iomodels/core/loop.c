/* The measured loop (see loop.h).
 *
 * Two stamps per turn: after submit and after reap (one where submit does it all). The stamp after reap is both the end of what
 * completed and the start of what is submitted next, as a closed loop means it: a completion
 * starts the next request. Where starting a request takes a call of its own (a timer is armed),
 * each start is stamped, so that the device never seems faster than it is. */
#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "clock.h"

/* How long a reap may sleep before the loop looks at the stop flag and the deadline again. */
#define REAP_TIMEOUT_NS 100000000
/* How long loop_close waits for transfers that were cancelled and released. */
#define DRAIN_TIMEOUT_NS (10 * NS_PER_S)
/* Buffers start on a page, which satisfies direct I/O and treats all engines alike. */
#define BUFFER_ALIGNMENT 4096

/* The turn of the loop is one function in the end: inlined, the harness takes 47 ns per operation
 * where it took 56 (a bare loop with two stamps: 40). */
#define HOT static inline __attribute__((always_inline))

struct loop {
    const struct engine *engine;
    const struct channel *channel;
    void *engine_state, *channel_state;
    struct settings settings;
    struct clock clock;
    struct calls calls;
    struct record *record;
    struct slice *slice;
    uint32_t depth;

    char *buffers;
    size_t buffer_stride;
    struct request *requests;    /* by slot */
    struct request **idle;       /* not started */
    struct request **queued;     /* started, not yet taken by the engine */
    struct completion *reaped;
    uint32_t idle_count, queued_count, in_flight;

    /* The engine's transfers are over when submit returns, so that reap only hands over the
     * result: one stamp after both saves a cached read 2 % of its time. */
    bool submit_is_all;
    uint64_t submit_start_ns;
    bool window_open;
    uint64_t now_ns;       /* the latest stamp */
    uint64_t accounted_ns; /* in-flight time is added up to here */
    uint64_t window_start_ns;
    struct rusage usage;   /* at the window's start */
};

static int fail(struct loop *loop, enum stage stage, int error)
{
    struct record *record = loop->record;

    if (record->error_stage == STAGE_NONE) {
        record->error = (uint64_t)-error;
        record->error_stage = stage;
    }
    return error;
}

static void put_idle(struct loop *loop, struct request *request)
{
    loop->idle[loop->idle_count++] = request;
}

/* ------------------------------------------------------------------ one turn of the loop */

HOT int start_one(struct loop *loop, struct request *request)
{
    request->buffer = loop->buffers + request->slot * loop->buffer_stride;
    request->done = 0;
    /* The first of a turn starts at the stamp after reap; one more start takes time by itself. */
    if (loop->channel->caps.starts_device && loop->queued_count > 0)
        loop->now_ns = clock_now_ns(&loop->clock);
    request->start_ns = loop->now_ns;
    int error = loop->channel->start(loop->channel_state, request);
    if (error) {
        put_idle(loop, request);
        return fail(loop, STAGE_START, error);
    }
    loop->queued[loop->queued_count++] = request;
    return 0;
}

HOT int start_all_idle(struct loop *loop)
{
    while (loop->idle_count > 0) {
        int error = start_one(loop, loop->idle[--loop->idle_count]);

        if (error)
            return error;
    }
    if (loop->channel->caps.starts_device)
        loop->now_ns = clock_now_ns(&loop->clock);
    return 0;
}

HOT int submit_queued(struct loop *loop)
{
    const uint64_t before_ns = loop->now_ns;
    const uint32_t n = loop->queued_count;
    const int taken = loop->engine->submit(loop->engine_state, loop->queued, n);

    if (taken < 0)
        return fail(loop, STAGE_SUBMIT, taken);
    if ((uint32_t)taken > n || (taken == 0 && loop->in_flight == 0))
        return fail(loop, STAGE_SUBMIT, -EPROTO);
    if (loop->submit_is_all) {
        loop->submit_start_ns = before_ns;
    } else {
        loop->now_ns = clock_now_ns(&loop->clock);
        if (loop->window_open)
            histogram_add(&loop->slice->submit, loop->now_ns - before_ns);
    }
    loop->queued_count -= (uint32_t)taken;
    if (loop->queued_count)
        memmove(loop->queued, loop->queued + taken, loop->queued_count * sizeof *loop->queued);
    loop->in_flight += (uint32_t)taken;
    if (loop->in_flight > loop->slice->depth_max)
        loop->slice->depth_max = loop->in_flight;
    return 0;
}

HOT void record_operation(struct loop *loop, const struct request *request)
{
    struct slice *slice = loop->slice;
    const uint64_t latency_ns = loop->now_ns - request->start_ns;

    slice->slice_operations++;
    calls_add(&loop->record->live_operations);
    if (loop->channel->caps.starts_device && loop->engine->caps.moves_data) {
        if (latency_ns < request->service_ns)
            slice->early_completions++;
        else if (loop->window_open)
            histogram_add(&slice->added, latency_ns - request->service_ns);
    }
    if (!loop->window_open)
        return;
    histogram_add(&slice->latency, latency_ns);
    slice->window_operations++;
    slice->window_bytes += request->done;
}

/* The request's next transfer has been set up: the engine gets it again. */
static int again(struct loop *loop, struct request *request)
{
    loop->queued[loop->queued_count++] = request;
    return 0;
}

static int take_failure(struct loop *loop, struct request *request, int error)
{
    if (error == -EINTR) {
        loop->slice->interrupted_transfers++;
        return again(loop, request);
    }
    put_idle(loop, request);
    loop->record->error_offset = (uint64_t)request->offset;
    return fail(loop, STAGE_TRANSFER, error);
}

HOT int take_completion(struct loop *loop, const struct completion *completion)
{
    struct request *request = completion->request;
    const ssize_t result = completion->result;

    loop->in_flight--;
    if (__builtin_expect(result <= 0, 0)) /* 0 is the end of the file, where there should be none */
        return take_failure(loop, request, result ? (int)result : -ENODATA);
    if ((size_t)result > request->length)
        return take_failure(loop, request, -EPROTO);
    request->done += (size_t)result;
    request->buffer += result;
    request->length -= (size_t)result;
    if (request->offset != OFFSET_STREAM)
        request->offset += result;
    if (request->length > 0) {
        loop->slice->short_transfers++;
        return again(loop, request);
    }
    if (loop->engine->caps.moves_data) {
        int more = loop->channel->finish(loop->channel_state, request);

        if (more == CHANNEL_MORE)
            return again(loop, request);
        if (more < 0) {
            put_idle(loop, request);
            return fail(loop, STAGE_VERIFY, more);
        }
    }
    record_operation(loop, request);
    put_idle(loop, request);
    return 0;
}

HOT int reap(struct loop *loop)
{
    const int n = loop->engine->reap(loop->engine_state, loop->reaped, 1, loop->depth,
                                     REAP_TIMEOUT_NS);

    if (n < 0)
        return fail(loop, STAGE_REAP, n);
    if ((uint32_t)n > loop->in_flight)
        return fail(loop, STAGE_REAP, -EPROTO);
    loop->now_ns = clock_now_ns(&loop->clock);
    if (loop->window_open)
        loop->slice->window_in_flight_ns += loop->in_flight * (loop->now_ns - loop->accounted_ns);
    loop->accounted_ns = loop->now_ns;
    if (loop->submit_is_all && loop->window_open)
        histogram_add(&loop->slice->submit, loop->now_ns - loop->submit_start_ns);
    for (int i = 0; i < n; i++) {
        int error = take_completion(loop, &loop->reaped[i]);

        if (error) {
            loop->in_flight -= (uint32_t)(n - i - 1);
            while (++i < n)
                put_idle(loop, loop->reaped[i].request);
            return error;
        }
    }
    return 0;
}

/* ------------------------------------------------------------------ slices */

static uint64_t timeval_ns(struct timeval later, struct timeval earlier)
{
    return (uint64_t)(later.tv_sec - earlier.tv_sec) * NS_PER_S +
           (uint64_t)((later.tv_usec - earlier.tv_usec) * 1000);
}

static void open_window(struct loop *loop)
{
    getrusage(RUSAGE_SELF, &loop->usage);
    loop->now_ns = clock_now_ns(&loop->clock);
    loop->window_start_ns = loop->accounted_ns = loop->now_ns;
    loop->window_open = true;
}

/* CPU is that of the whole process: an engine's helper threads are part of its price. */
static void close_window(struct loop *loop)
{
    struct slice *slice = loop->slice;
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    slice->window_ns = loop->now_ns - loop->window_start_ns;
    slice->window_user_ns = timeval_ns(usage.ru_utime, loop->usage.ru_utime);
    slice->window_system_ns = timeval_ns(usage.ru_stime, loop->usage.ru_stime);
    slice->window_voluntary = (uint64_t)(usage.ru_nvcsw - loop->usage.ru_nvcsw);
    slice->window_involuntary = (uint64_t)(usage.ru_nivcsw - loop->usage.ru_nivcsw);
    loop->window_open = false;
}

static bool stop_asked(const struct loop *loop)
{
    return __atomic_load_n(&loop->record->stop, __ATOMIC_RELAXED) != 0;
}

static int check(struct loop *loop, bool before)
{
    int error = loop->channel->check(loop->channel_state, before);

    return error ? fail(loop, STAGE_CHECK, error) : 0;
}

/* Turns until the window is over: an error, a stop, or the deadline. */
static int run_window(struct loop *loop, uint64_t deadline_ns, uint64_t max_operations)
{
    int error = 0;

    do {
        if (loop->idle_count > 0)
            error = start_all_idle(loop);
        if (!error && loop->queued_count > 0)
            error = submit_queued(loop);
        if (!error)
            error = reap(loop);
        if (max_operations && loop->slice->window_operations >= max_operations)
            break;
    } while (!error && loop->now_ns < deadline_ns && !stop_asked(loop));
    return error;
}

/* Nothing new is started; what is in flight ends. */
static int drain(struct loop *loop)
{
    int error = 0;

    while (!error && loop->in_flight + loop->queued_count > 0 && !stop_asked(loop)) {
        if (loop->queued_count > 0)
            error = submit_queued(loop);
        if (!error)
            error = reap(loop);
    }
    return error;
}

int loop_run(struct loop *loop, uint64_t duration_ns, uint64_t max_operations)
{
    memset(loop->slice, 0, sizeof *loop->slice);
    int error = check(loop, true);
    if (error)
        return error;
    open_window(loop);
    error = run_window(loop, loop->window_start_ns + duration_ns, max_operations);
    close_window(loop);
    if (!error)
        error = drain(loop);
    return error ? error : check(loop, false);
}

/* ------------------------------------------------------------------ open and close */

static int allocate(struct loop *loop)
{
    const uint32_t depth = loop->depth;
    const size_t block = (size_t)loop->settings.block;
    void *buffers = NULL;

    loop->buffer_stride = (block + BUFFER_ALIGNMENT - 1) / BUFFER_ALIGNMENT * BUFFER_ALIGNMENT;
    loop->requests = calloc(depth, sizeof *loop->requests);
    loop->idle = calloc(depth, sizeof *loop->idle);
    loop->queued = calloc(depth, sizeof *loop->queued);
    loop->reaped = calloc(depth, sizeof *loop->reaped);
    if (!loop->requests || !loop->idle || !loop->queued || !loop->reaped)
        return -ENOMEM;
    if (posix_memalign(&buffers, BUFFER_ALIGNMENT, depth * loop->buffer_stride) != 0)
        return -ENOMEM;
    loop->buffers = buffers;
    /* Touched now, so that no page fault falls into the first requests. */
    memset(loop->buffers, 0, depth * loop->buffer_stride);
    for (uint32_t slot = 0; slot < depth; slot++) {
        loop->requests[slot].slot = slot;
        loop->idle[depth - 1 - slot] = &loop->requests[slot];
    }
    loop->idle_count = depth;
    return 0;
}

static void free_all(struct loop *loop)
{
    free(loop->buffers);
    free(loop->requests);
    free(loop->idle);
    free(loop->queued);
    free(loop->reaped);
    free(loop);
}

static int open_channel(struct loop *loop)
{
    const struct engine_caps *caps = &loop->engine->caps;
    const struct channel_setup setup = {
        .settings = &loop->settings,
        .nonblocking_descriptors = caps->nonblocking_descriptors,
        .starts_device = caps->moves_data,
        .record = loop->record,
    };

    int error = loop->channel->open(&loop->channel_state, &setup);
    if (error)
        return fail(loop, STAGE_CHANNEL_OPEN, error);
    int highest = loop->channel->highest_descriptor(loop->channel_state);
    loop->record->highest_descriptor = (uint64_t)highest;
    if (caps->max_descriptor && highest > (int)caps->max_descriptor)
        error = fail(loop, STAGE_ENGINE_OPEN, -ERANGE);
    return error;
}

static int open_engine(struct loop *loop)
{
    const struct engine_setup setup = {
        .depth = loop->depth,
        .threads = (uint32_t)loop->settings.engine_threads,
        .calls = &loop->calls,
    };
    const uint32_t max_depth = loop->engine->caps.max_depth;

    if (max_depth && loop->depth > max_depth)
        return fail(loop, STAGE_ENGINE_OPEN, -E2BIG);
    int error = loop->engine->open(&loop->engine_state, &setup);
    return error ? fail(loop, STAGE_ENGINE_OPEN, error) : 0;
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
        .submit_is_all = setup->engine->caps.blocks_in_submit && setup->engine->caps.moves_data,
        .calls = {
            .count = setup->record->slice.calls,
            .eagain = setup->record->slice.eagain,
            .hooks = setup->hooks,
        },
    };
    int error = allocate(loop);
    if (error)
        (void)fail(loop, STAGE_ALLOCATE, error);
    if (!error)
        error = open_channel(loop);
    if (!error)
        error = open_engine(loop);
    if (error) {
        if (loop->channel_state)
            loop->channel->close(loop->channel_state);
        free_all(loop);
        return error;
    }
    *out = loop;
    return 0;
}

/* Those that are neither idle nor queued. */
static void cancel_in_flight(struct loop *loop)
{
    for (uint32_t slot = 0; slot < loop->depth; slot++) {
        struct request *request = &loop->requests[slot];
        bool here = false;

        for (uint32_t i = 0; i < loop->idle_count; i++)
            here |= loop->idle[i] == request;
        for (uint32_t i = 0; i < loop->queued_count; i++)
            here |= loop->queued[i] == request;
        if (!here)
            (void)loop->engine->cancel(loop->engine_state, request); /* it only asks */
    }
}

static int reap_in_flight(struct loop *loop)
{
    const uint64_t deadline_ns = clock_monotonic_ns() + DRAIN_TIMEOUT_NS;

    while (loop->in_flight > 0) {
        int n = loop->engine->reap(loop->engine_state, loop->reaped, 1, loop->depth,
                                   REAP_TIMEOUT_NS);

        if (n < 0)
            return fail(loop, STAGE_DRAIN, n);
        loop->in_flight -= (uint32_t)n;
        if (n == 0 && clock_monotonic_ns() > deadline_ns)
            return fail(loop, STAGE_DRAIN, -ETIMEDOUT);
    }
    return 0;
}

int loop_close(struct loop *loop)
{
    if (loop->in_flight > 0) {
        cancel_in_flight(loop);
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
