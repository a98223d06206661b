/* Rules about how the measured loop ends: when it is told to, and with transfers that would not. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "faults.h"
#include "loop_case.h"
#include "peers.h"
#include "snapshot.h"

/* What a busy machine does not take; otherwise a run goes on for ever, until the watchdog ends it. */
#define PROMPTLY_NS (5000 * MS)

struct stop {
    struct record *record;
    uint64_t ns; /* when */
};

static void *stop_after_some(void *stop_)
{
    struct stop *stop = stop_;

    while (__atomic_load_n(&stop->record->live_operations, __ATOMIC_RELAXED) < 20)
        sched_yield();
    stop->ns = wall_ns();
    __atomic_store_n(&stop->record->stop, 1, __ATOMIC_RELAXED);
    return NULL;
}

static void stop_ends_the_run(const struct subject *subject)
{
    struct loop_case test;
    pthread_t thread;

    loop_case_init(&test, subject, subject_depth(subject, 4));
    EXPECT(loop_case_open(&test) == 0, "The loop did not open.");
    struct stop stop = {.record = test.record};
    EXPECT(pthread_create(&thread, NULL, stop_after_some, &stop) == 0, "There is no thread.");
    loop_case_run(&test, (uint64_t)FOREVER_NS, 0);
    const uint64_t end_ns = wall_ns();
    pthread_join(thread, NULL);
    EXPECT(end_ns < stop.ns + PROMPTLY_NS, "Stop was set, and the run went on for %llu ms.",
           (unsigned long long)((end_ns - stop.ns) / MS));
    EXPECT(loop_case_close(&test) == 0, "loop_close failed.");
    loop_case_free(&test);
}

struct stopping {
    struct record *record;
    const struct engine *engine;
    uint64_t transfers, others; /* reads on idle connections come first; then requests are written */
};

/* The first read of an answer, and those that follow, are still to be made. */
static size_t stop_at_a_read(void *context, enum call_id id, size_t length)
{
    struct stopping *stopping = context;

    (void)id;
    if (__atomic_add_fetch(&stopping->transfers, 1, __ATOMIC_RELAXED) > stopping->others)
        __atomic_store_n(&stopping->record->stop, 1, __ATOMIC_RELAXED);
    return length;
}

/* Where reads wait that were not tried: the first wait of the run. */
static int stop_at_a_wait(void *context, enum call_id id)
{
    struct stopping *stopping = context;
    const struct engine_call *call = stopping->engine->calls;

    if (stopping->engine->news != NEWS_READINESS ||
        !__atomic_load_n(&stopping->record->window_is_open, __ATOMIC_RELAXED))
        return 0;
    for (; call->id != CALL_COUNT; call++)
        if (call->id == id && call->class == CLASS_WAIT)
            __atomic_store_n(&stopping->record->stop, 1, __ATOMIC_RELAXED);
    return 0;
}

static const char *unless_stands_still(const struct subject *subject)
{
    if (subject->engine->caps.blocks_in_submit)
        return "every transfer is over when submit returns";
    if (subject->variant->has_peer && subject->variant->transfers == 2)
        return NULL;
    return unless_can_be_pending(subject);
}

static void closes_with_requests_in_flight(const struct subject *subject)
{
    struct snapshot before;
    struct loop_case test;
    struct stopping stopping;
    const uint32_t depth = subject_depth(subject, 4);
    const bool writes_first = subject->variant->transfers == 2 && !subject->variant->settings.server;

    loop_case_init(&test, subject, depth);
    snapshot_take(&before);
    stopping = (struct stopping){
        .record = test.record,
        .engine = subject->engine,
        .others = (uint64_t)test.setup.settings.idle + (writes_first ? depth : 0),
    };
    test.setup.settings = settings_held(&test.setup.settings);
    test.hooks = (struct call_hooks){
        .context = &stopping,
        .fault = stop_at_a_wait,
        .limit = stop_at_a_read,
    };
    EXPECT(loop_case_open(&test) == 0, "The loop did not open.");
    if (subject->variant->has_peer && !subject->variant->settings.server)
        peer_stop(test.record); /* it answers no more; a server's must first be told to send */
    uint64_t start_ns = wall_ns();
    loop_case_run(&test, (uint64_t)FOREVER_NS, 0);
    EXPECT(test.record->slice.depth_max > 0, "Nothing was in flight.");
    EXPECT(test.record->slice.slice_operations == 0 || subject->variant->settings.server,
           "The loop waited until the transfers had ended.");
    int error = loop_case_close(&test);

    EXPECT(error == 0, "loop_close with requests in flight returned %d (%s).", error,
           strerror(-error));
    EXPECT(wall_ns() - start_ns < PROMPTLY_NS, "It took %llu ms to end what was in flight.",
           (unsigned long long)((wall_ns() - start_ns) / MS));
    loop_case_free(&test);
    snapshot_expect(&before, subject);
}

/* After an error in the middle of a slice the others are still in flight, and close ends them. */
#define FAILS_AT 30
#define MORE_THAN_ENOUGH 10000 /* operations */

struct one_failure {
    uint64_t calls;
};

static int fail_one(void *context, enum call_id id)
{
    struct one_failure *failure = context;

    if (!transfer_calls[id])
        return 0;
    return __atomic_fetch_add(&failure->calls, 1, __ATOMIC_RELAXED) == FAILS_AT ? EIO : 0;
}

static int fail_one_outcome(void *context, enum call_id id, ssize_t result)
{
    struct one_failure *failure = context;

    (void)id, (void)result;
    return __atomic_fetch_add(&failure->calls, 1, __ATOMIC_RELAXED) == FAILS_AT ? EIO : 0;
}

static void closes_after_a_failure(const struct subject *subject)
{
    struct one_failure failure = {0};
    struct snapshot before;
    struct loop_case test;

    loop_case_init(&test, subject, subject_depth(subject, 8));
    snapshot_take(&before);
    test.setup.settings.service_distribution = DISTRIBUTION_EXPONENTIAL;
    test.hooks = (struct call_hooks){.context = &failure, .fault = fail_one,
                                      .outcome = fail_one_outcome};
    EXPECT(loop_case_open(&test) == 0, "The loop did not open.");
    int error = loop_run(test.loop, UINT64_MAX / 4, MORE_THAN_ENOUGH, PART_BOTH);
    EXPECT(error == -EIO, "A failed transfer gave %d.", error);
    EXPECT(test.record->error_stage == STAGE_TRANSFER && test.record->error == EIO,
           "The record says stage %s.", stage_names[test.record->error_stage]);
    error = loop_case_close(&test);
    EXPECT(error == 0, "loop_close after a failure returned %d (%s).", error, strerror(-error));
    loop_case_free(&test);
    snapshot_expect(&before, subject);
}

const struct rule loop_end_rules[] = {
    {"stop-ends-the-run", always, stop_ends_the_run},
    {"closes-with-requests-in-flight", unless_stands_still, closes_with_requests_in_flight},
    {"closes-after-a-failure", unless_transfers_by_call, closes_after_a_failure},
    {NULL, NULL, NULL},
};
