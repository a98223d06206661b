/* Rules about what is there afterwards, which is nothing, and about running out of things. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "driver.h"
#include "loop_case.h"
#include "probe.h"
#include "snapshot.h"

/* ------------------------------------------------------------------ leaves-nothing */

static void leaves_nothing(const struct subject *subject)
{
    const uint32_t depth = subject_depth(subject, 4);
    const struct settings settings = subject_settings(subject, depth);
    struct snapshot before;
    struct driver driver;

    snapshot_take(&before);
    int64_t memory = probe_live_allocations();
    driver_open(&driver, subject, &settings);
    for (int turn = 0; turn < 10; turn++) {
        driver_fill(&driver, depth);
        driver_drain(&driver);
    }
    driver_fill(&driver, depth);
    driver_abandon(&driver);
    driver_close(&driver);
    EXPECT(probe_live_allocations() == memory, "%lld allocations were never freed.",
           (long long)(probe_live_allocations() - memory));
    snapshot_expect(&before, subject);
}

/* ------------------------------------------------------------------ no-late-write */

static void no_late_write(const struct subject *subject)
{
    const uint32_t depth = subject_depth(subject, 4);
    const struct settings settings = subject_settings(subject, depth);
    struct driver driver;

    driver_open(&driver, subject, &settings);
    for (int turn = 0; turn < 10; turn++) {
        driver_fill(&driver, depth);
        driver_drain(&driver);
    }
    driver_fill(&driver, depth);
    driver_abandon(&driver);

    /* The engine may know these buffers only as addresses; nothing may be written there any more. */
    const size_t size = depth * driver.stride;
    char *buffers = driver.buffers;
    memset(buffers, 0x5A, size);
    for (int look = 0; look < 3; look++)
        driver_reap(&driver, 0, depth, 0);
    driver.buffers = NULL; /* ours now */
    driver_close(&driver);
    for (size_t i = 0; i < size; i++)
        EXPECT(buffers[i] == 0x5A, "A buffer was written after its transfer had completed.");
    free(buffers);
}

/* ------------------------------------------------------------------ no-memory */

static void no_memory(const struct subject *subject)
{
    struct snapshot before;
    struct loop_case test;
    uint64_t failures = 0;

    loop_case_init(&test, subject, subject_depth(subject, 4));
    snapshot_take(&before);
    for (;; failures++) {
        int64_t memory = probe_live_allocations();

        probe_fail_allocation(failures);
        int error = loop_case_open(&test);
        if (!probe_allocation_failed()) {
            EXPECT(error == 0, "loop_open returned %d without cause.", error);
            break;
        }
        EXPECT(error == -ENOMEM, "Without memory at allocation %llu loop_open returned %d (%s).",
               (unsigned long long)failures, error, strerror(-error));
        EXPECT(probe_live_allocations() == memory, "%lld allocations leaked when number %llu failed.",
               (long long)(probe_live_allocations() - memory), (unsigned long long)failures);
        EXPECT(failures == 0 ||
                   (test.record->error == ENOMEM && test.record->error_stage != STAGE_NONE),
               "The record does not say at which stage memory ran out (allocation %llu).",
               (unsigned long long)failures);
        snapshot_expect(&before, subject);
    }
    EXPECT(failures > 0, "loop_open allocated nothing.");
    EXPECT(loop_case_close(&test) == 0, "loop_close failed.");
    loop_case_free(&test);
}

/* ------------------------------------------------------------------ no-call-to-open */

struct refusal {
    uint64_t countdown;
    bool came;
    enum call_id id;
};

static int refuse_one(void *context, enum call_id id)
{
    struct refusal *refusal = context;

    if (refusal->came || refusal->countdown-- > 0)
        return 0;
    refusal->came = true;
    refusal->id = id;
    return EIO;
}

/* Without the call number `countdown` from here on: either there is nothing afterwards, or it works all the same. */
static bool opens_without(const struct subject *subject, uint64_t countdown)
{
    struct refusal refusal = {.countdown = countdown};
    struct loop_case test;
    struct snapshot before;

    loop_case_init(&test, subject, subject_depth(subject, 2));
    test.hooks = (struct call_hooks){.context = &refusal, .fault = refuse_one};
    snapshot_take(&before);
    int64_t memory = probe_live_allocations();
    int error = loop_case_open(&test);
    const bool came = refusal.came;

    refusal.came = true;
    if (error)
        EXPECT(came && test.record->error_stage == STAGE_ENGINE_OPEN && test.record->error == (uint64_t)-error,
               "Without %s (call %llu) loop_open returned %d, and the record says stage %s and error %llu.",
               call_names[refusal.id], (unsigned long long)countdown, error, stage_names[test.record->error_stage],
               (unsigned long long)test.record->error);
    else {
        loop_case_run(&test, UINT64_MAX / 4, 10);
        EXPECT(loop_case_close(&test) == 0, "loop_close failed.");
    }
    EXPECT(probe_live_allocations() == memory, "%lld allocations leaked without %s (call %llu).",
           (long long)(probe_live_allocations() - memory), call_names[refusal.id], (unsigned long long)countdown);
    loop_case_free(&test);
    snapshot_expect(&before, subject);
    return came;
}

static const char *unless_sets_up(const struct subject *subject)
{
    const struct engine_call *call = subject->engine->calls;

    for (; call && call->id != CALL_COUNT; call++)
        if (call->class == CLASS_SETUP)
            return NULL;
    return "the engine makes no calls to set anything up";
}

static void no_call_to_open(const struct subject *subject)
{
    uint64_t calls = 0;

    while (opens_without(subject, calls))
        calls++;
}

/* ------------------------------------------------------------------ too-deep-is-refused */

static const char *unless_max_depth(const struct subject *subject)
{
    return subject->engine->caps.max_depth ? NULL : "the engine has no limit of its own";
}

static void too_deep_is_refused(const struct subject *subject)
{
    struct snapshot before;
    struct loop_case test;

    loop_case_init(&test, subject, subject->engine->caps.max_depth + 1);
    snapshot_take(&before);
    int error = loop_case_open(&test);
    EXPECT(error == -E2BIG, "Depth %u was not refused: %d.", subject->engine->caps.max_depth + 1,
           error);
    EXPECT(test.record->error_stage == STAGE_ENGINE_OPEN && test.record->error == E2BIG,
           "The record does not say that the engine refused.");
    snapshot_expect(&before, subject);
    loop_case_free(&test);
}

/* ------------------------------------------------------------------ high-descriptor-is-refused */

static const char *unless_max_descriptor(const struct subject *subject)
{
    if (subject->variant->descriptors == 0)
        return "another variant of the channel shows it";
    return subject->engine->caps.max_descriptor ? NULL : "the engine takes any descriptor";
}

/* Uses up descriptors until the next one would be `next`. */
static void occupy_descriptors_below(int next)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < (rlim_t)next + 64)
        not_applicable("the hard limit on open files (RLIMIT_NOFILE) is too low");
    limit.rlim_cur = (rlim_t)next + 64;
    setrlimit(RLIMIT_NOFILE, &limit);
    for (int fd = 0; fd < next; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            dup2(STDIN_FILENO, fd);
}

static void high_descriptor_is_refused(const struct subject *subject)
{
    const int highest = (int)subject->engine->caps.max_descriptor;
    struct loop_case test;
    struct snapshot before;

    /* The last one that is allowed works … */
    loop_case_init(&test, subject, 1);
    occupy_descriptors_below(highest + 1 - (int)subject->variant->descriptors);
    snapshot_take(&before);
    EXPECT(loop_case_open(&test) == 0, "Descriptor %d was refused.", highest);
    EXPECT(test.record->highest_descriptor == (uint64_t)highest, "The channel opened descriptor %llu.",
           (unsigned long long)test.record->highest_descriptor);
    EXPECT(loop_run(test.loop, 5 * MS, 0, PART_BOTH) == 0, "Descriptor %d does not work.", highest);
    EXPECT(loop_case_close(&test) == 0, "loop_close failed.");
    snapshot_expect(&before, subject);
    loop_case_free(&test);

    /* … and the next one does not. */
    loop_case_init(&test, subject, 2);
    int error = loop_case_open(&test);
    EXPECT(error == -ERANGE, "Descriptor %d was not refused: %d.", highest + 1, error);
    EXPECT(test.record->error_stage == STAGE_ENGINE_OPEN, "The record does not say who refused.");
    snapshot_expect(&before, subject);
    loop_case_free(&test);
}

const struct rule residue_rules[] = {
    {"leaves-nothing", always, leaves_nothing},
    {"no-late-write", always, no_late_write},
    {"no-memory", always, no_memory},
    {"no-call-to-open", unless_sets_up, no_call_to_open},
    {"too-deep-is-refused", unless_max_depth, too_deep_is_refused},
    {"high-descriptor-is-refused", unless_max_descriptor, high_descriptor_is_refused},
    {NULL, NULL, NULL},
};
