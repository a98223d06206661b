/* Rules that show in the measured loop: what it counts, and how it goes on after what is not perfect. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"
#include "loop_case.h"

static uint64_t histogram_total(const struct histogram *histogram)
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        total += histogram->count[i];
    return total;
}

static const char *unless_file_is_read(const struct subject *subject)
{
    if (!subject->channel->caps.files)
        return "the channel is no file";
    if (subject->variant->settings.workload == WORKLOAD_WRITE)
        return "nothing is read";
    return unless_moves_data(subject);
}

static const char *unless_device(const struct subject *subject)
{
    if (!subject->channel->caps.starts_device)
        return "the channel does not know its service times";
    return unless_moves_data(subject);
}

/* ------------------------------------------------------------------ short-transfers */

#define PART 1000

static size_t limit_to_part(void *context, enum call_id id, size_t length)
{
    (void)context, (void)id;
    return length < PART ? length : PART;
}

static const char *unless_parts(const struct subject *subject)
{
    if (subject->variant->settings.block <= PART && !subject->channel->caps.files)
        return "the transfers are too small to come in parts";
    return unless_transfers_by_call(subject);
}

static void short_transfers(const struct subject *subject)
{
    struct loop_case test;

    loop_case_init(&test, subject, subject_depth(subject, 4));
    test.hooks.limit = limit_to_part;
    EXPECT(loop_case_open(&test) == 0, "The loop did not open.");
    loop_case_run(&test, UINT64_MAX / 4, 100);

    const struct slice *slice = &test.record->slice;
    const uint64_t parts = ((uint64_t)test.setup.settings.block + PART - 1) / PART;
    const uint64_t whole = slice->slice_operations * subject->variant->transfers;
    /* A stream has short transfers of its own. A server's reads begin and end in other slices. */
    const uint64_t least = whole * (parts - 1), most = subject->variant->has_peer ? 2 * whole * parts : least;
    EXPECT(slice->slice_operations >= 100, "Only %llu operations ended.",
           (unsigned long long)slice->slice_operations);
    const uint64_t left = subject->variant->settings.server ? (uint64_t)test.setup.settings.depth : 0;
    const uint64_t expected = whole + slice->short_transfers, made = loop_case_transfers(&test);

    EXPECT(made >= expected && made <= expected + left,
           "%llu transfers for %llu operations, %llu of them short.", (unsigned long long)made,
           (unsigned long long)slice->slice_operations,
           (unsigned long long)slice->short_transfers);
    EXPECT(slice->short_transfers >= least && slice->short_transfers <= most,
           "%llu short transfers were counted, and there were at least %llu.",
           (unsigned long long)slice->short_transfers, (unsigned long long)least);
    /* What the engine writes in a stream, the peer checks as it comes; in a file, nobody does here. */
    const bool writes = test.setup.settings.workload == WORKLOAD_WRITE;
    EXPECT(slice->verified_words >= (writes ? subject->variant->has_peer : slice->slice_operations),
           "Not every operation was verified.");
    EXPECT(slice->window_bytes == slice->window_operations * subject->variant->transfers *
                                      (uint64_t)test.setup.settings.block,
           "The bytes of the window are not those of its operations.");
    EXPECT(test.record->live_operations == slice->slice_operations,
           "live_operations is %llu after %llu operations: it counts transfers.",
           (unsigned long long)test.record->live_operations,
           (unsigned long long)slice->slice_operations);
    EXPECT(loop_case_close(&test) == 0, "loop_close failed.");
    loop_case_free(&test);
}

/* ------------------------------------------------------------------ interrupted-transfers-go-on */

struct interruptions {
    const struct engine *engine;
    bool on_files;
    uint64_t waits, transfers, injected;
};

static bool interrupt_now(struct interruptions *interruptions)
{
    if (__atomic_fetch_add(&interruptions->transfers, 1, __ATOMIC_RELAXED) % 3 != 1)
        return false;
    __atomic_fetch_add(&interruptions->injected, 1, __ATOMIC_RELAXED);
    return true;
}

static int interrupt_some(void *context, enum call_id id)
{
    struct interruptions *interruptions = context;

    if (call_waits(interruptions->engine, id)) /* these end early */
        return __atomic_fetch_add(&interruptions->waits, 1, __ATOMIC_RELAXED) % 2 ? EINTR : 0;
    return transfer_calls[id] && interrupt_now(interruptions) ? EINTR : 0;
}

/* What has been read from a stream cannot be read again. */
static int interrupt_outcome(void *context, enum call_id id, ssize_t result)
{
    struct interruptions *interruptions = context;

    (void)id;
    return interruptions->on_files && result > 0 && interrupt_now(interruptions) ? EINTR : 0;
}

static const char *unless_interruptible(const struct subject *subject)
{
    const struct engine_call *call = subject->engine->calls;

    while (call->id != CALL_COUNT && !transfer_calls[call->id])
        call++;
    if (call->id == CALL_COUNT && !subject->channel->caps.files && subject->engine->caps.moves_data)
        return "the kernel makes the transfers, and what it has read from a stream cannot be read again";
    return unless_transfers_by_call(subject);
}

static void interrupted_transfers_go_on(const struct subject *subject)
{
    struct interruptions interruptions = {
        .engine = subject->engine,
        .on_files = subject->channel->caps.files,
    };
    struct loop_case test;

    loop_case_init(&test, subject, subject_depth(subject, 4));
    test.hooks = (struct call_hooks){.context = &interruptions, .fault = interrupt_some,
                                      .outcome = interrupt_outcome};
    EXPECT(loop_case_open(&test) == 0, "The loop did not open.");
    loop_case_run(&test, UINT64_MAX / 4, 100);
    EXPECT(__atomic_load_n(&interruptions.injected, __ATOMIC_RELAXED) > 0,
           "No transfer was interrupted.");
    const uint64_t counted = test.record->slice.interrupted_transfers;
    /* A server's reads, and those on idle descriptors, go on after the slice: what was interrupted last is not
     * seen in it. */
    const struct settings *settings = &test.setup.settings;
    const uint64_t unseen = (uint64_t)((settings->server ? settings->depth : 0) + settings->idle);
    const uint64_t injected = __atomic_load_n(&interruptions.injected, __ATOMIC_RELAXED);
    /* One call may start several. */
    EXPECT((counted <= injected || subject->engine->caps.batches) && counted + unseen >= injected,
           "%llu of %llu interrupted transfers were counted.", (unsigned long long)counted,
           (unsigned long long)injected);
    EXPECT(loop_case_close(&test) == 0, "loop_close failed.");
    loop_case_free(&test);
}

/* ------------------------------------------------------------------ never-early, depth-is-kept */

static void never_early(const struct subject *subject)
{
    struct loop_case test;

    loop_case_init(&test, subject, subject_depth(subject, 4));
    test.setup.settings.service_mean_ns = 200000;
    test.setup.settings.service_distribution = DISTRIBUTION_EXPONENTIAL;
    EXPECT(loop_case_open(&test) == 0, "The loop did not open.");
    loop_case_run(&test, 20 * MS, 0);
    EXPECT(test.record->slice.slice_operations > 0, "Nothing was measured.");
    EXPECT(test.record->slice.early_completions == 0,
           "%llu of %llu operations ended before the device's time was over.",
           (unsigned long long)test.record->slice.early_completions,
           (unsigned long long)test.record->slice.slice_operations);
    EXPECT(loop_case_close(&test) == 0, "loop_close failed.");
    loop_case_free(&test);
}

static const char *unless_deep_device(const struct subject *subject)
{
    const char *reason = unless_device(subject);

    if (reason)
        return reason;
    return subject->engine->caps.max_depth ? "the engine has a depth of its own" : NULL;
}

static void depth_is_kept(const struct subject *subject)
{
    static const uint32_t depths[] = {2, 4, 16};

    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
        struct loop_case test;

        loop_case_init(&test, subject, depths[i]);
        test.setup.settings.service_mean_ns = 2000000;
        EXPECT(loop_case_open(&test) == 0, "The loop did not open.");
        loop_case_run(&test, 50 * MS, 0);
        const struct slice *slice = &test.record->slice;
        double mean = (double)slice->window_in_flight_ns / (double)slice->window_ns;

        EXPECT(mean > 0.8 * depths[i] && mean <= depths[i], "The mean depth was %.2f of %u.", mean,
               depths[i]);
        EXPECT(slice->depth_max == depths[i], "The largest depth was %llu of %u.",
               (unsigned long long)slice->depth_max, depths[i]);
        EXPECT(loop_case_close(&test) == 0, "loop_close failed.");
        loop_case_free(&test);
    }
}

/* ------------------------------------------------------------------ wrong bytes, end of data */

static void wrong_bytes_are_found(const struct subject *subject)
{
    enum { FIRST = 5, LAST = 7 }; /* blocks that are changed */
    struct loop_case test;
    static char garbage[1 << 16];

    loop_case_init(&test, subject, subject_depth(subject, 4));
    const size_t block = (size_t)test.setup.settings.block;
    EXPECT(loop_case_open(&test) == 0, "The loop did not open.");
    loop_case_run(&test, UINT64_MAX / 4, 50); /* as long as the bytes are right, nothing is found */
    memset(garbage, 0x33, sizeof garbage);
    for (size_t i = FIRST; i <= LAST; i++)
        EXPECT(pwrite((int)test.setup.settings.file_fd, garbage, block, (off_t)(i * block)) ==
                   (ssize_t)block, "The data file could not be changed.");
    int error = loop_run(test.loop, 2000 * MS, 0, PART_BOTH);

    EXPECT(error == -EBADMSG, "Wrong bytes went unnoticed: loop_run returned %d.", error);
    EXPECT(test.record->error_stage == STAGE_VERIFY && test.record->error == EBADMSG,
           "The record says stage %s, error %llu.", stage_names[test.record->error_stage],
           (unsigned long long)test.record->error);
    EXPECT(test.record->error_offset >= FIRST * block &&
               test.record->error_offset < (LAST + 1) * block,
           "The record says offset %llu, and the wrong bytes begin at %zu.",
           (unsigned long long)test.record->error_offset, FIRST * block);
    EXPECT(loop_case_close(&test) == 0, "loop_close failed.");
    loop_case_free(&test);
}

static void end_of_data_is_an_error(const struct subject *subject)
{
    struct loop_case test;

    loop_case_init(&test, subject, subject_depth(subject, 4));
    EXPECT(loop_case_open(&test) == 0, "The loop did not open.");
    loop_case_run(&test, UINT64_MAX / 4, 200); /* every page is in the page cache */
    const int64_t size = test.setup.settings.file_size / 2;
    EXPECT(ftruncate((int)test.setup.settings.file_fd, size) == 0, "The file could not be cut.");
    int error = loop_run(test.loop, 2000 * MS, 0, PART_BOTH);

    EXPECT(error == -ENODATA, "A file that ends too soon gave %d.", error);
    EXPECT(test.record->error_stage == STAGE_TRANSFER, "The record says stage %s.",
           stage_names[test.record->error_stage]);
    EXPECT(test.record->error_offset >= (uint64_t)size,
           "The record says offset %llu; the file ends at %lld.",
           (unsigned long long)test.record->error_offset, (long long)size);
    EXPECT(loop_case_close(&test) == 0, "loop_close failed.");
    loop_case_free(&test);
}

/* ------------------------------------------------------------------ drain-leaves-nothing-in-flight */

static const char *unless_drains(const struct subject *subject)
{
    if (!subject->engine->caps.moves_data)
        return NULL;
    return subject->variant->settings.server ? "a server's reads stay pending between slices"
                                             : unless_transfers_by_call(subject);
}

static void drain_leaves_nothing_in_flight(const struct subject *subject)
{
    const uint32_t depth = subject_depth(subject, 8);
    struct loop_case test;
    uint64_t all = 0;

    loop_case_init(&test, subject, depth);
    EXPECT(loop_case_open(&test) == 0, "The loop did not open.");
    for (uint64_t wanted = 200; wanted >= 2; wanted /= 10) {
        const struct slice *slice = &test.record->slice;

        loop_case_run(&test, UINT64_MAX / 4, wanted);
        all += slice->slice_operations;
        EXPECT(slice->slice_operations >= wanted && slice->slice_operations <= wanted + 2 * depth,
               "A slice of %llu operations counted %llu: it did not begin anew.",
               (unsigned long long)wanted, (unsigned long long)slice->slice_operations);
        EXPECT(histogram_total(&slice->latency) == slice->window_operations,
               "The latency histogram does not hold the window's operations.");
        /* A transfer left over from the slice before, or for the next, would show here. */
        uint64_t expected = 0;
        if (subject->engine->caps.moves_data)
            expected = slice->slice_operations * subject->variant->transfers + slice->short_transfers;
        EXPECT(loop_case_transfers(&test) == expected, "%llu transfers where there should be %llu.",
               (unsigned long long)loop_case_transfers(&test), (unsigned long long)expected);
        EXPECT(slice->calls[CALL_lio_listio] > 0 ||
                   slice->calls[CALL_aio_return] ==
                       slice->calls[CALL_aio_read] + slice->calls[CALL_aio_write] + slice->calls[CALL_aio_fsync],
               "Not every queued transfer was fetched within its slice.");
        EXPECT(test.record->live_operations == all, "live_operations is %llu after %llu operations.",
               (unsigned long long)test.record->live_operations, (unsigned long long)all);
    }
    EXPECT(loop_case_close(&test) == 0, "loop_close failed.");
    loop_case_free(&test);
}

const struct rule loop_rules[] = {
    {"short-transfers", unless_parts, short_transfers},
    {"interrupted-transfers-go-on", unless_interruptible, interrupted_transfers_go_on},
    {"never-early", unless_device, never_early},
    {"depth-is-kept", unless_deep_device, depth_is_kept},
    {"wrong-bytes-are-found", unless_file_is_read, wrong_bytes_are_found},
    {"end-of-data-is-an-error", unless_file_is_read, end_of_data_is_an_error},
    {"drain-leaves-nothing-in-flight", unless_drains, drain_leaves_nothing_in_flight},
    {NULL, NULL, NULL},
};
