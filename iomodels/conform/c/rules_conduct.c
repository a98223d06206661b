/* Rules about what an engine may do between open and close: nothing but its counted calls. */
#include <errno.h>
#include <string.h>

#include "driver.h"
#include "loop_case.h"
#include "probe.h"

/* Some traffic of every kind: started, waited for, looked at, cancelled. Leaves the engine open. */
static void exercise(struct driver *driver, const struct subject *subject)
{
    const uint32_t depth = subject_depth(subject, 4);
    const struct settings settings = subject_settings(subject, depth);

    driver_open(driver, subject, &settings);
    for (int turn = 0; turn < 20; turn++) {
        driver_fill(driver, depth);
        driver_take(driver, driver_reap(driver, 0, depth, 0));
        driver_take(driver, driver_reap(driver, 1, depth, (int64_t)MS));
        driver_drain(driver);
    }
    driver_fill(driver, depth);
    driver_abandon(driver);
}

static void nothing_allocated(const struct subject *subject)
{
    struct driver driver;

    exercise(&driver, subject);
    struct probe seen = probe_read();
    EXPECT(seen.allocations == 0 && seen.frees == 0,
           "Between open and close the engine allocated %llu times and freed %llu times.",
           (unsigned long long)seen.allocations, (unsigned long long)seen.frees);
    driver_close(&driver);
}

static void nothing_printed(const struct subject *subject)
{
    struct driver driver;

    probe_capture_output();
    exercise(&driver, subject);
    driver_close(&driver);
    uint64_t printed = probe_captured_output();
    probe_restore_output();
    EXPECT(printed == 0, "The engine wrote %llu bytes to standard output or error.",
           (unsigned long long)printed);
}

static void no_clock_read(const struct subject *subject)
{
    struct driver driver;

    exercise(&driver, subject);
    struct probe seen = probe_read();
    EXPECT(seen.clock_reads == 0, "The engine read a clock %llu times.",
           (unsigned long long)seen.clock_reads);
    driver_close(&driver);
}

static void calls_are_counted(const struct subject *subject)
{
    struct driver driver;

    exercise(&driver, subject);
    struct probe seen = probe_read();
    for (int id = 0; id < CALL_COUNT; id++) {
        uint64_t claimed = driver.record->slice.calls[id];

        if (id == CALL_futex_wait || id == CALL_futex_wake) /* some are still under way, and counted when they end */
            continue;
        EXPECT(claimed == 0 || probe_sees((enum call_id)id), "probe.c has no wrapper for %s.",
               call_names[id]);
        EXPECT(claimed == seen.calls[id], "%s was called %llu times and counted %llu times.",
               call_names[id], (unsigned long long)seen.calls[id], (unsigned long long)claimed);
    }
    driver_close(&driver);
}

/* Traces, findings and pictures know a call by what the engine says of it. */
static void calls_are_declared(const struct subject *subject)
{
    const struct engine_call *declared = subject->engine->calls;
    bool known[CALL_COUNT] = {false};
    struct loop_case test;

    for (; declared && declared->id != CALL_COUNT; declared++)
        known[declared->id] = true;
    loop_case_init(&test, subject, subject_depth(subject, 4));
    if (subject->channel->caps.files && subject_can(subject, WORKLOAD_MIXED, SYNC_EVERY)) {
        test.setup.settings.workload = WORKLOAD_MIXED;
        test.setup.settings.sync = SYNC_EVERY;
    }
    EXPECT(loop_case_open(&test) == 0, "The loop did not open.");
    loop_case_run(&test, UINT64_MAX / 4, 20);
    EXPECT(loop_case_close(&test) == 0, "The loop did not close.");
    for (int id = 0; id < CALL_COUNT; id++)
        EXPECT(test.record->slice.calls[id] == 0 || known[id], "It calls %s, and does not say so.",
               call_names[id]);
    loop_case_free(&test);
}

static const char *unless_unseen(const struct subject *subject)
{
    (void)subject;
    return probe_is_blind() ? "what a plug-in calls is not seen from outside" : NULL;
}

const struct rule conduct_rules[] = {
    {"nothing-allocated", unless_unseen, nothing_allocated},
    {"nothing-printed", always, nothing_printed},
    {"no-clock-read", unless_unseen, no_clock_read},
    {"calls-are-counted", unless_unseen, calls_are_counted},
    {"calls-are-declared", always, calls_are_declared},
    {NULL, NULL, NULL},
};
