/* Rules about writes that are to last: the sync that follows each is made, by whoever makes it, and its failure is the
 * operation's. */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "channels/file.h"
#include "faults.h"
#include "loop_case.h"

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
#define TMPFS 0x01021994
#define BLOCK 4096
#define BLOCKS 32
/* So that a write comes in parts, and its sync may follow only the last of them. */
#define PART 1000
#define OPERATIONS 40

static const char *unless_writes_files(const struct subject *subject)
{
    if (!subject->channel->caps.files || subject->variant->settings.sync == SYNC_NONE)
        return "the channel makes no syncs";
    return unless_moves_data(subject);
}

/* ------------------------------------------------------------------ writes-are-synced */

/* How many pages of the file are not on its disk; -1: the kernel does not say (before Linux 6.5). */
static int64_t pages_not_written(int fd)
{
    struct {
        uint64_t offset, length;
    } range = {0, 0}; /* to the end */
    struct {
        uint64_t cached, dirty, writeback, evicted, recently_evicted;
    } pages;

    if (syscall(SYS_cachestat, fd, &range, &pages, 0) != 0)
        return -1;
    return (int64_t)(pages.dirty + pages.writeback);
}

static size_t limit_to_part(void *context, enum call_id id, size_t length)
{
    (void)context, (void)id;
    return length < PART ? length : PART;
}

/* A file of its own, on a disk: what was written to one in memory is never anywhere else. */
static int file_on_disk(void)
{
    const int fd = file_make("/var/tmp", BLOCK * BLOCKS, 1, NULL);
    struct statfs file_system;

    if (fd < 0 || fstatfs(fd, &file_system) != 0 || file_system.f_type == TMPFS)
        not_applicable("/var/tmp is on no disk");
    return fd;
}

static void expect_synced(const struct subject *subject, size_t (*limit)(void *, enum call_id, size_t))
{
    struct loop_case test;

    loop_case_init(&test, subject, subject_depth(subject, 4));
    test.setup.settings.file_fd = file_on_disk();
    test.setup.settings.file_size = BLOCK * BLOCKS;
    test.setup.settings.file_seed = 1;
    test.setup.settings.verify = 1;
    test.hooks.limit = limit;
    EXPECT(loop_case_open(&test) == 0, "The loop did not open.");
    loop_case_run(&test, UINT64_MAX / 4, OPERATIONS);
    const int64_t left = pages_not_written((int)test.setup.settings.file_fd);
    EXPECT(left <= 0, "%lld pages were written and not synced.", (long long)left);
    EXPECT(test.record->slice.window_bytes == test.record->slice.window_operations * BLOCK,
           "The bytes of the window are not those of its operations.");
    EXPECT(loop_case_close(&test) == 0, "loop_close failed.");
    close((int)test.setup.settings.file_fd);
    loop_case_free(&test);
    if (left < 0)
        not_applicable("this kernel does not say which pages are on the disk (cachestat, Linux 6.5)");
}

static void writes_are_synced(const struct subject *subject)
{
    expect_synced(subject, NULL);
    expect_synced(subject, limit_to_part);
}

/* ------------------------------------------------------------------ failed-sync-is-failure */

struct failing_syncs {
    const struct engine *engine;
    uint64_t syncs, fail_at;
    int error;
};

static int fail_one(struct failing_syncs *failing)
{
    return __atomic_add_fetch(&failing->syncs, 1, __ATOMIC_RELAXED) == failing->fail_at ? failing->error : 0;
}

static int fail_sync(void *context, enum call_id id)
{
    struct failing_syncs *failing = context;

    return call_is(failing->engine, id, CLASS_SYNC) || id == CALL_aio_fsync ? fail_one(failing) : 0;
}

static int fail_sync_outcome(void *context, enum call_id id, ssize_t result)
{
    (void)id;
    return result == 0 ? fail_one(context) : 0;
}

static struct loop_case failing_case(const struct subject *subject, struct failing_syncs *failing)
{
    struct loop_case test;

    loop_case_init(&test, subject, subject_depth(subject, 4));
    test.hooks = (struct call_hooks){.context = failing, .fault = fail_sync, .outcome = fail_sync_outcome};
    return test;
}

static void failed_sync_is_failure(const struct subject *subject)
{
    struct failing_syncs failing = {.engine = subject->engine, .fail_at = 10, .error = EIO};
    struct loop_case test = failing_case(subject, &failing);

    EXPECT(loop_case_open(&test) == 0, "The loop did not open.");
    int error = loop_run(test.loop, UINT64_MAX / 4, OPERATIONS, PART_BOTH);
    EXPECT(error == -EIO, "A sync failed with EIO, and loop_run returned %d.", error);
    EXPECT(test.record->error_stage == STAGE_TRANSFER, "The record says stage %s.",
           stage_names[test.record->error_stage]);
    EXPECT(loop_case_close(&test) == 0, "loop_close failed.");
    loop_case_free(&test);
}

/* And one that was only interrupted is made again: it, and not the write. */
static void interrupted_sync_is_made_again(const struct subject *subject)
{
    struct failing_syncs failing = {.engine = subject->engine, .fail_at = 10, .error = EINTR};
    struct loop_case test = failing_case(subject, &failing);

    EXPECT(loop_case_open(&test) == 0, "The loop did not open.");
    loop_case_run(&test, UINT64_MAX / 4, OPERATIONS);
    const struct slice *slice = &test.record->slice;
    EXPECT(failing.syncs == slice->slice_operations + 1, "%llu syncs for %llu operations, one of them interrupted.",
           (unsigned long long)failing.syncs, (unsigned long long)slice->slice_operations);
    EXPECT(loop_case_transfers(&test) <= slice->slice_operations, "%llu writes for %llu operations.",
           (unsigned long long)loop_case_transfers(&test), (unsigned long long)slice->slice_operations);
    EXPECT(loop_case_close(&test) == 0, "loop_close failed.");
    loop_case_free(&test);
}

const struct rule sync_rules[] = {
    {"writes-are-synced", unless_writes_files, writes_are_synced},
    {"failed-sync-is-failure", unless_writes_files, failed_sync_is_failure},
    {"interrupted-sync-is-made-again", unless_writes_files, interrupted_sync_is_made_again},
    {NULL, NULL, NULL},
};
