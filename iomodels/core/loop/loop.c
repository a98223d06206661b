/* The measured loop: turns and slices (see loop.h). Opening and closing is in loop_open.c, the window's account in
 * loop_window.c, cancelling in loop_cancel.c: what is not in the turn is not in here.
 *
 * Closed loop: two stamps per turn, after submit and after reap (one where submit does it all). The stamp after reap is both the end
 * of what completed and the start of what is submitted next, as a closed loop means it: a
 * completion starts the next request. Where starting a request takes a call of its own (a timer is
 * armed), each start is stamped, so that the device never seems faster than it is.
 *
 * Open loop: requests start when the schedule says, and their latency counts from then, however late
 * the loop got to them. */
#include "loop.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "compute.h"
#include "loop_state.h"

/* A sleep ends up to this late even with the least timer slack, so the open loop sleeps until this
 * long before an arrival and spins the rest. */
#define SPIN_NS 80000
/* While a server drains: how long to wait for one more message before looking whether all came. */
#define QUIET_TIMEOUT_NS 1000000

/* The turn of the loop is one function in the end: inlined, the harness takes 47 ns per operation
 * where it took 56 (a bare loop with two stamps: 40). */
#define HOT static inline __attribute__((always_inline))

static void put_to_rest(struct loop *loop, struct request *request)
{
    loop->resting[loop->resting_count++] = request;
}

/* A completion that nobody looks at any more, after an error. */
static void set_aside(struct loop *loop, struct request *request)
{
    --*loop_flight_of(loop, request);
    request->idle_pending = false;
    if (request->slot < loop->depth)
        put_to_rest(loop, request);
}

static bool stop_asked(const struct loop *loop)
{
    return __atomic_load_n(&loop->record->stop, __ATOMIC_RELAXED) != 0;
}

/* ------------------------------------------------------------------ starting and submitting */

/* Starts a resting request, which was due at `due_ns`. */
HOT int start_one(struct loop *loop, uint64_t due_ns)
{
    struct request *request = loop->resting[--loop->resting_count];

    request->buffer = loop->buffers + request->slot * loop->buffer_stride;
    request->done = 0;
    request->start_ns = due_ns;
    request->issued_ns = loop->now_ns;
    request->cancel_ns = 0;
    request->cancel_asked = false;
    int error = loop->channel->start(loop->channel_state, request);
    if (error) {
        put_to_rest(loop, request);
        if (error != -ENODATA)
            return loop_fail(loop, STAGE_START, error);
        loop->exhausted = true;
        return 0;
    }
    loop->queued[loop->queued_count++] = request;
    return 0;
}

/* Where submit blocks, those of a later batch would only wait for this one. */
HOT int start_all_resting(struct loop *loop)
{
    const bool stamps = loop->channel->caps.starts_device;
    const uint32_t room = loop->submit_is_all ? loop->batch_max : UINT32_MAX;

    while (loop->resting_count > 0 && loop->queued_count < room && !loop->exhausted) {
        /* The first starts at the stamp after reap; one more start takes time by itself. */
        if (stamps && loop->queued_count > 0)
            loop->now_ns = clock_now_ns(&loop->clock);
        int error = start_one(loop, loop->now_ns);
        if (error)
            return error;
    }
    if (stamps)
        loop->now_ns = clock_now_ns(&loop->clock);
    return 0;
}

HOT uint32_t at_most(uint32_t n, uint32_t limit)
{
    return n < limit ? n : limit;
}

/* One batch. How many the engine took, or -errno. */
HOT int submit_batch(struct loop *loop)
{
    const uint64_t before_ns = loop->now_ns;
    const uint32_t n = at_most(loop->queued_count, loop->batch_max);
    const int taken = loop->engine->submit(loop->engine_state, loop->queued, n);

    if (taken < 0)
        return loop_fail(loop, STAGE_SUBMIT, taken);
    if ((uint32_t)taken > n || (taken == 0 && loop->in_flight == 0))
        return loop_fail(loop, STAGE_SUBMIT, -EPROTO);
    if (loop->submit_is_all) {
        loop->submit_start_ns = before_ns;
    } else {
        loop->now_ns = clock_now_ns(&loop->clock);
        /* Of a chain only the first requests come here: they say nothing of the others' submits. */
        if (loop->window_open && !loop->chains)
            histogram_add(&loop->slice->submit, loop->now_ns - before_ns);
    }
    if (__builtin_expect(loop->idle != 0, 0)) {
        for (uint32_t i = 0; i < (uint32_t)taken; i++)
            ++*loop_flight_of(loop, loop->queued[i]);
    } else {
        loop->in_flight += (uint32_t)taken;
    }
    loop->queued_count -= (uint32_t)taken;
    if (loop->queued_count)
        memmove(loop->queued, loop->queued + taken, loop->queued_count * sizeof *loop->queued);
    if (loop->in_flight > loop->slice->depth_max)
        loop->slice->depth_max = loop->in_flight;
    return taken;
}

/* One batch after another, unless the engine is full. Where submit blocks, each is reaped before the next. */
HOT int submit_queued(struct loop *loop)
{
    int taken;

    do {
        taken = submit_batch(loop);
    } while (loop->queued_count > 0 && taken > 0 && (uint32_t)taken == loop->batch_max &&
             !loop->submit_is_all);
    return taken < 0 ? taken : 0;
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
    loop->record->error_offset = (uint64_t)request->offset;
    put_to_rest(loop, request);
    return loop_fail(loop, STAGE_TRANSFER, error);
}

/* Nothing ever arrives on an idle descriptor. */
static __attribute__((noinline)) int take_idle(struct loop *loop, struct request *request, ssize_t result)
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
static void take_cancelled(struct loop *loop, struct request *request)
{
    loop->slice->cancelled_operations++;
    if (loop->channel->abandon)
        loop->channel->abandon(loop->channel_state, request);
    put_to_rest(loop, request);
}

/* The operation's transfer is complete; it may need another one. */
HOT int finish(struct loop *loop, struct request *request)
{
    if (loop->engine->caps.moves_data) {
        int more = loop->channel->finish(loop->channel_state, request);

        if (more == CHANNEL_MORE)
            return again(loop, request);
        if (more < 0) {
            put_to_rest(loop, request);
            return loop_fail(loop, STAGE_VERIFY, more);
        }
    }
    record_operation(loop, request);
    loop->uncomputed++;
    put_to_rest(loop, request);
    return 0;
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
            return finish(loop, request);
        /* 0 is the end of the data, where there should be none. */
        return take_failure(loop, request, result ? (int)result : -ENODATA);
    }
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
    return finish(loop, request);
}

/* ------------------------------------------------------------------ reaping */

static int64_t until_deadline(const struct loop *loop, int64_t timeout_ns)
{
    const int64_t left_ns = (int64_t)(loop->next_deadline_ns - loop->now_ns);

    if (left_ns >= timeout_ns)
        return timeout_ns;
    return left_ns > 0 ? left_ns : 0;
}

/* Where completions start the next requests by themselves, the loop's thread need not wake for each: only to
 * compute, and to look at deadlines. Reap returns anyway when something was not started. */
static uint32_t chained_min(const struct loop *loop, uint32_t min)
{
    return min == 0 || loop->settings.compute_units > 0 || loop->deadline_ns ? min : UINT32_MAX;
}

HOT void account_in_flight(struct loop *loop)
{
    if (loop->window_open)
        loop->slice->window_in_flight_ns += loop->in_flight * (loop->now_ns - loop->accounted_ns);
    loop->accounted_ns = loop->now_ns;
}

HOT int reap(struct loop *loop, uint32_t min, int64_t timeout_ns)
{
    if (__builtin_expect(loop->chains, 0))
        min = chained_min(loop, min);
    if (__builtin_expect(loop->deadline_ns != 0, 0)) {
        /* Not for a whole batch: each end that comes meanwhile would begin the wait anew, past the deadline. */
        min = at_most(min, 1);
        timeout_ns = until_deadline(loop, timeout_ns);
    }
    loop_unlock(loop);
    const int n = loop->engine->reap(loop->engine_state, loop->reaped, min,
                                     at_most(loop->depth, loop->batch_max), timeout_ns);
    loop_lock(loop);

    if (n < 0)
        return loop_fail(loop, STAGE_REAP, n);
    if ((uint32_t)n > loop->in_flight + loop->idle_in_flight)
        return loop_fail(loop, STAGE_REAP, -EPROTO);
    loop->now_ns = clock_now_ns(&loop->clock);
    account_in_flight(loop);
    if (loop->submit_is_all && loop->window_open && n > 0)
        histogram_add(&loop->slice->submit, loop->now_ns - loop->submit_start_ns);
    for (int i = 0; i < n; i++) {
        int error = take_completion(loop, &loop->reaped[i]);

        if (error) {
            while (++i < n)
                set_aside(loop, loop->reaped[i].request);
            return error;
        }
    }
    if (__builtin_expect(loop->deadline_ns != 0, 0))
        loop_cancel_overdue(loop);
    return loop->chain_error;
}

/* ------------------------------------------------------------------ chaining */

HOT bool window_is_over(const struct loop *loop)
{
    return loop->now_ns >= loop->until_ns || stop_asked(loop) ||
           (loop->exhausted && loop->in_flight + loop->queued_count == 0) ||
           (loop->max_operations && loop->slice->window_operations >= loop->max_operations);
}

/* Runs in a signal handler, while the loop's thread waits in reap, or on a thread of the C library. So it only
 * does what is safe in a handler: no allocation, no lock that the loop's thread may hold, nothing of stdio; and
 * the same is asked of the channel's start and finish. */
static struct request *take_and_start(struct loop *loop, const struct completion *done)
{
    if (loop->closing || loop->chain_error) {
        set_aside(loop, done->request);
        return NULL;
    }
    loop->now_ns = clock_now_ns(&loop->clock);
    account_in_flight(loop);
    int error = take_completion(loop, done);
    if (!error && loop->queued_count == 0 && loop->resting_count > 0 && loop->window_open &&
        !loop->arrivals.gaps_q10_ns && !window_is_over(loop))
        error = start_one(loop, loop->now_ns);
    loop->chain_error = error;
    if (error || loop->queued_count == 0)
        return NULL;
    struct request *request = loop->queued[--loop->queued_count];
    ++*loop_flight_of(loop, request);
    return request;
}

struct request *loop_next(void *context, const struct completion *done)
{
    struct loop *loop = context;

    loop_lock(loop);
    struct request *request = take_and_start(loop, done);
    loop_unlock(loop);
    return request;
}

/* ------------------------------------------------------------------ turns */

/* The computation for what was reaped before. Where submit blocks it comes before the next request,
 * elsewhere after it: then that one is on its way meanwhile. */
HOT void compute_pending(struct loop *loop)
{
    const uint64_t operations = loop->uncomputed;

    loop->uncomputed = 0;
    if (loop->settings.compute_units > 0 && operations > 0) {
        loop_unlock(loop);
        uint64_t event = event_begin(loop->recorder, EVENT_computation);
        compute((uint64_t)loop->settings.compute_units * operations);
        event_end(loop->recorder, event, (int64_t)operations);
        loop_lock(loop);
        loop->now_ns = clock_now_ns(&loop->clock);
    }
}

HOT uint32_t wanted(const struct loop *loop)
{
    return at_most(loop->in_flight, loop->batch);
}

HOT int closed_turn(struct loop *loop)
{
    int error = 0;

    if (loop->submit_is_all)
        compute_pending(loop);
    if (loop->resting_count >= loop->batch || loop->in_flight == 0)
        error = start_all_resting(loop);
    if (!error && loop->queued_count > 0)
        error = submit_queued(loop);
    if (error)
        return error;
    if (!loop->submit_is_all)
        compute_pending(loop);
    return loop->in_flight > 0 ? reap(loop, wanted(loop), REAP_TIMEOUT_NS) : 0;
}

static int start_due(struct loop *loop)
{
    while (loop->resting_count > 0 && !loop->exhausted && loop_due_ns(loop) <= loop->now_ns) {
        if (loop->channel->caps.starts_device)
            loop->now_ns = clock_now_ns(&loop->clock);
        uint64_t lateness_ns = loop->now_ns - loop_due_ns(loop);
        int error = start_one(loop, loop_due_ns(loop));

        if (error)
            return error;
        if (lateness_ns > loop->slice->lateness_max_ns)
            loop->slice->lateness_max_ns = lateness_ns;
        arrivals_advance(&loop->arrivals);
    }
    return 0;
}

/* With nothing in flight: sleeps until shortly before `until_ns`. */
static void sleep_until(struct loop *loop, uint64_t until_ns)
{
    uint64_t gap_ns = until_ns > loop->now_ns ? until_ns - loop->now_ns : 0;

    if (gap_ns > SPIN_NS) {
        gap_ns -= SPIN_NS;
        if (gap_ns > REAP_TIMEOUT_NS) /* the stop flag wants to be seen */
            gap_ns = REAP_TIMEOUT_NS;
        loop_unlock(loop);
        nanosleep(&(struct timespec){.tv_sec = (time_t)(gap_ns / NS_PER_S),
                                     .tv_nsec = (long)(gap_ns % NS_PER_S)},
                  NULL);
        loop_lock(loop);
        loop->now_ns = clock_now_ns(&loop->clock);
        return;
    }
    uint64_t before_ns = loop->now_ns;
    loop->now_ns = clock_now_ns(&loop->clock);
    loop->slice->spun_ns += loop->now_ns - before_ns;
}

/* With requests in flight: waits for one of them, but not past the next arrival. */
static int reap_until(struct loop *loop, uint64_t until_ns)
{
    const uint64_t gap_ns = until_ns > loop->now_ns ? until_ns - loop->now_ns : 0;
    const uint64_t before_ns = loop->now_ns;

    if (loop->resting_count == 0 || loop->exhausted)
        return reap(loop, 1, REAP_TIMEOUT_NS);
    if (gap_ns > SPIN_NS)
        return reap(loop, 1, gap_ns - SPIN_NS < REAP_TIMEOUT_NS ? (int64_t)(gap_ns - SPIN_NS)
                                                                : REAP_TIMEOUT_NS);
    const uint32_t before = loop->in_flight;
    int error = reap(loop, 0, 0);
    if (loop->in_flight == before && !loop->engine->caps.spins)
        loop->slice->spun_ns += loop->now_ns - before_ns;
    return error;
}

static int open_turn(struct loop *loop)
{
    if (loop->submit_is_all)
        compute_pending(loop);
    int error = start_due(loop);

    if (!error && loop->queued_count > 0)
        error = submit_queued(loop);
    if (error)
        return error;
    if (!loop->submit_is_all)
        compute_pending(loop);
    if (loop->in_flight == 0) {
        sleep_until(loop, loop_due_ns(loop));
        loop->accounted_ns = loop->now_ns;
        return 0;
    }
    return reap_until(loop, loop_due_ns(loop));
}

/* ------------------------------------------------------------------ slices */

static int check(struct loop *loop, bool before)
{
    int error = loop->channel->check(loop->channel_state, before);

    return error ? loop_fail(loop, error == -EBADMSG ? STAGE_VERIFY : STAGE_CHECK, error) : 0;
}

/* Each in a function of its own, so that the compiler spends its registers on the turn alone. */
static __attribute__((noinline)) int run_closed(struct loop *loop)
{
    int error = 0;

    while (!error && !window_is_over(loop))
        error = closed_turn(loop);
    return error;
}

static __attribute__((noinline)) int run_open(struct loop *loop)
{
    int error = 0;

    while (!error && !window_is_over(loop))
        error = open_turn(loop);
    return error;
}

static int run_window(struct loop *loop)
{
    return loop->arrivals.gaps_q10_ns ? run_open(loop) : run_closed(loop);
}

/* The computation alone, as often as fits. */
static void run_computation(struct loop *loop)
{
    while (loop->now_ns < loop->until_ns && !stop_asked(loop)) {
        compute((uint64_t)loop->settings.compute_units);
        loop->slice->window_operations++;
        loop->slice->slice_operations++;
        loop->now_ns = clock_now_ns(&loop->clock);
    }
}

/* Nothing new is started; what is in flight ends. */
static __attribute__((noinline)) int drain(struct loop *loop)
{
    int error = 0;

    while (!error && loop->in_flight + loop->queued_count > 0 && !stop_asked(loop)) {
        if (loop->queued_count > 0)
            error = submit_queued(loop);
        if (!error && loop->in_flight > 0)
            error = reap(loop, 1, REAP_TIMEOUT_NS);
    }
    /* What other threads have counted comes with a reap. */
    return loop->is_shared && !error ? reap(loop, 0, 0) : error;
}

/* A server's reads stay pending between slices; it is drained when the peer has all its answers. */
static __attribute__((noinline)) int serve_until_quiet(struct loop *loop)
{
    int error = 0;

    loop->channel->drive(loop->channel_state, false);
    while (!error && !loop->channel->quiet(loop->channel_state) && !stop_asked(loop)) {
        error = start_all_resting(loop);
        if (!error && loop->queued_count > 0)
            error = submit_queued(loop);
        if (!error)
            error = reap(loop, 1, QUIET_TIMEOUT_NS);
    }
    return error;
}

static int run_slice(struct loop *loop, uint64_t duration_ns, enum part part)
{
    const int64_t compute_units = loop->settings.compute_units;
    /* Without I/O (null) no peer would ever get an answer. */
    const bool serves = loop->settings.server && loop->channel->drive != NULL &&
                        loop->engine->caps.moves_data;

    int error = check(loop, true);
    if (error)
        return error;
    if (part == PART_IO)
        loop->settings.compute_units = 0;
    if (serves)
        loop->channel->drive(loop->channel_state, true);
    loop_open_window(loop, duration_ns);
    if (part == PART_COMPUTATION)
        run_computation(loop);
    else
        error = run_window(loop);
    loop_close_window(loop);
    loop->settings.compute_units = compute_units;
    if (!error)
        error = serves ? serve_until_quiet(loop) : drain(loop);
    return error ? error : check(loop, false);
}

int loop_run(struct loop *loop, uint64_t duration_ns, uint64_t max_operations, enum part part)
{
    loop_lock(loop);
    memset(loop->slice, 0, sizeof *loop->slice);
    loop->max_operations = max_operations;
    int error = run_slice(loop, duration_ns, part);
    loop_unlock(loop);
    return error;
}
