/* The measured loop: turns and slices (see loop.h). CONTRIBUTING says which neighbour has what; starting a request and
 * taking its end are in loop_turn.h, for they are in loop_chain.c, too.
 *
 * Closed loop: two stamps per turn, after submit and after reap (one where submit does it all). The stamp after reap is both the end
 * of what completed and the start of what is submitted next, as a closed loop means it: a
 * completion starts the next request. Where a start takes a call (a timer is armed), each is stamped, so that the device
 * never seems faster than it is.
 *
 * Open loop: requests start when the schedule says, and their latency counts from then, however late
 * the loop got to them. */
#include "loop.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "compute.h"
#include "loop_lanes.h"
#include "loop_turn.h"

/* A sleep ends up to this late even with the least timer slack, so the open loop sleeps until this
 * long before an arrival and spins the rest. */
#define SPIN_NS 80000
/* While a server drains: how long to wait for one more message before looking whether all came. */
#define QUIET_TIMEOUT_NS 1000000

/* ------------------------------------------------------------------ starting and submitting */

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

/* One batch. How many the engine took, or -errno. */
HOT int submit_batch(struct loop *loop)
{
    const uint64_t before_ns = loop->now_ns;
    const uint32_t n = at_most(loop->queued_count, loop->batch_max);
    const int taken = loop->engine->submit(loop->engine_state, loop->queued, n);

    if (taken < 0)
        return loop_fail(loop, STAGE_SUBMIT, taken);
    if ((uint32_t)taken > n)
        return loop_fail(loop, STAGE_SUBMIT, -EPROTO);
    /* For want of room, and the reads on idle descriptors never make any: to wait for that has no end. */
    if (taken == 0 && loop->in_flight == 0)
        return loop_fail(loop, STAGE_SUBMIT, loop->idle_in_flight ? -EAGAIN : -EPROTO);
    if (loop->stamps_submit) {
        loop->now_ns = clock_now_ns(&loop->clock);
        /* Of a chain only the first requests come here: they say nothing of the others' submits. */
        if (loop->window_open && !loop->chains)
            histogram_add(&loop->slice->submit, loop->now_ns - before_ns);
    } else {
        loop->submit_start_ns = before_ns;
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
    if (loop->lanes)
        return min ? UINT32_MAX : 0;
    return min == 0 || loop->settings.compute_units > 0 || loop->deadline_ns ? min : UINT32_MAX;
}

/* A slot of its own thread does not wake the loop's when the window ends, if it is a server's. */
static int64_t until_window_ends(const struct loop *loop, int64_t timeout_ns)
{
    const int64_t left_ns = (int64_t)(loop->until_ns - loop->now_ns);

    if (!loop->window_open || left_ns >= timeout_ns)
        return timeout_ns;
    return left_ns > 0 ? left_ns : 0;
}

/* What chains, deadlines and lanes ask of a wait. */
static __attribute__((noinline)) void adapt_wait(const struct loop *loop, uint32_t *min, int64_t *timeout_ns)
{
    if (loop->chains)
        *min = chained_min(loop, *min);
    if (loop->lanes)
        *timeout_ns = until_window_ends(loop, *timeout_ns);
    if (!loop->deadline_ns)
        return;
    /* Not for a whole batch: each end that comes meanwhile would begin the wait anew, past the deadline. */
    *min = at_most(*min, 1);
    *timeout_ns = until_deadline(loop, *timeout_ns);
}

static __attribute__((noinline)) void after_wait(struct loop *loop)
{
    if (loop->deadline_ns)
        loop_cancel_overdue(loop);
    if (loop->lanes)
        lanes_watch(loop);
}

HOT int reap(struct loop *loop, uint32_t min, int64_t timeout_ns)
{
    if (__builtin_expect(loop->is_special, 0))
        adapt_wait(loop, &min, &timeout_ns);
    loop_unlock(loop);
    const int n = loop->engine->reap(loop->engine_state, loop->reaped, min,
                                     at_most(loop->depth, loop->batch_max), timeout_ns);
    loop_lock(loop);

    if (n < 0)
        return loop_fail(loop, STAGE_REAP, n);
    if ((uint32_t)n > loop->in_flight + loop->idle_in_flight)
        return loop_fail(loop, STAGE_REAP, -EPROTO);
    loop->now_ns = clock_now_ns(&loop->clock);
    loop_account_in_flight(loop);
    if (loop->ends_in_submit && loop->window_open && n > 0)
        histogram_add(&loop->slice->submit, loop->now_ns - loop->submit_start_ns);
    for (int i = 0; i < n; i++) {
        int error = take_completion(loop, &loop->reaped[i]);

        if (error) {
            while (++i < n)
                loop_set_aside(loop, loop->reaped[i].request);
            return error;
        }
    }
    if (__builtin_expect(loop->is_special, 0))
        after_wait(loop);
    return loop->chain_error;
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

/* The computation alone, as often as fits. */
static void run_computation(struct loop *loop)
{
    while (loop->now_ns < loop->until_ns && !loop_stop_asked(loop)) {
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

    while (!error && loop->in_flight + loop->queued_count > 0 && !loop_stop_asked(loop)) {
        if (loop->queued_count > 0)
            error = submit_queued(loop);
        if (!error && loop->in_flight > 0)
            error = reap(loop, 1, REAP_TIMEOUT_NS);
    }
    return error;
}

/* A server's reads stay pending between slices; it is drained when the peer has all its answers. */
static __attribute__((noinline)) int serve_until_quiet(struct loop *loop)
{
    int error = 0;

    loop->channel->drive(loop->channel_state, false);
    while (!error && !loop->channel->quiet(loop->channel_state) && !loop_stop_asked(loop)) {
        error = start_all_resting(loop);
        if (!error && loop->queued_count > 0)
            error = submit_queued(loop);
        if (!error)
            error = reap(loop, 1, QUIET_TIMEOUT_NS);
        if (!error)
            error = loop_check_resources(loop); /* with too few threads some answers never come */
    }
    return error;
}

/* Slots with threads of their own serve as soon as the peer drives: all of that is to be in the window. */
static void begin_window(struct loop *loop, uint64_t duration_ns)
{
    if (loop->lanes) {
        lanes_begin(loop);
        loop_open_window(loop, duration_ns);
    }
    if (loop->serves)
        loop->channel->drive(loop->channel_state, true);
    if (!loop->lanes)
        loop_open_window(loop, duration_ns);
}

/* What holds whenever no engine's function runs: each request of the workload is in one place. */
static void check_places(const struct loop *loop)
{
    assert(loop->resting_count + loop->queued_count + loop->in_flight == loop->depth);
    assert(loop->idle_in_flight <= loop->idle);
}

/* A slice begins with nothing in flight but what a server reads; and with everything put away. */
static void check_beginning(const struct loop *loop)
{
    if (loop->record->error_stage != STAGE_NONE)
        return; /* after a failure all that is left to do is to close */
    check_places(loop);
    assert(loop->serves || loop->in_flight + loop->queued_count == 0 || loop_stop_asked(loop));
    assert(!loop->window_open && !loop->closing);
    assert(loop->batch >= 1 && loop->batch_max >= 1);
}

/* A slice that went well has drained: what was counted fits together. */
static void check_end(const struct loop *loop)
{
    const struct slice *slice = loop->slice;

    check_places(loop);
    assert(!loop->window_open);
    assert(slice->window_operations <= slice->slice_operations);
    assert(slice->depth_max <= loop->depth);
    assert(loop->serves || loop->in_flight == 0 || loop_stop_asked(loop));
}

static int run_slice(struct loop *loop, uint64_t duration_ns, enum part part)
{
    const int64_t compute_units = loop->settings.compute_units;
    int error = check(loop, true);
    if (error)
        return error;
    if (part == PART_IO)
        loop->settings.compute_units = 0;
    begin_window(loop, duration_ns);
    if (part == PART_COMPUTATION)
        run_computation(loop);
    else
        error = loop->arrivals.gaps_q10_ns ? run_open(loop) : run_closed(loop);
    loop_close_window(loop);
    loop->settings.compute_units = compute_units;
    if (!error)
        error = loop->serves ? serve_until_quiet(loop) : drain(loop);
    if (loop->lanes)
        lanes_settle(loop);
    if (loop->is_shared && !error)
        error = reap(loop, 0, 0); /* with it comes what other threads have counted */
    if (loop->lanes)
        lanes_merge(loop);
    error = error ? error : loop_check_resources(loop);
    return error ? error : check(loop, false);
}

int loop_run(struct loop *loop, uint64_t duration_ns, uint64_t max_operations, enum part part)
{
    loop_lock(loop);
    memset(loop->slice, 0, sizeof *loop->slice);
    loop->max_operations = max_operations;
    check_beginning(loop);
    int error = run_slice(loop, duration_ns, part);
    if (!error)
        check_end(loop);
    loop_unlock(loop);
    return error;
}
