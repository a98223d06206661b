/* engine_stress ENGINE CHANNEL OPERATIONS SEED: the loop with random depths and deadlines, so that requests
 * are cancelled at every moment; some rounds are stopped in the middle. Every request has to end once, and
 * no buffer may be written to afterwards (engine_watch.h). Built with a sanitizer it finds what is read or called after its
 * memory has gone. Exit 0, or one sentence on standard error; 77 where the engine cannot do this here.
 *
 * ThreadSanitizer crashes where one of the C library's threads starts another: only with one thread, and not
 * with callbacks, which are threads too. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "engine_watch.h"
#include "channels/file.h"
#include "engine_names.h"
#include "loop/loop.h"
#include "random.h"

#define BLOCK WATCH_BLOCK
#define MAX_DEPTH 24
#define BLOCKS 256
#define MS UINT64_C(1000000)
#define EXIT_NOT_APPLICABLE 77

static uint64_t seed;

static void fail(const char *what, int error, const struct record *record)
{
    fprintf(stderr, "%s: %d (%s), stage %s, error %d\n", what, error, strerror(-error),
            stage_names[record->error_stage], (int)record->error);
    exit(EXIT_FAILURE);
}

/* It cannot work on this machine, or not on this channel. */
static _Noreturn void refuse(const char *reason)
{
    puts(reason);
    exit(EXIT_NOT_APPLICABLE);
}

static void refuse_unless_it_can(const struct named_engine *named, const struct channel *channel)
{
    const struct engine *engine = &named->engine;
    const struct settings settings = settings_default();
    const struct trial_question question = {
        .settings = &settings,
        .options = named->values,
        .on_files = channel->caps.files,
        .on_sockets = channel->caps.sockets,
        .on_devices = channel->caps.starts_device,
    };
    const char *cannot = engine->cannot ? engine->cannot(&question) : NULL;

    if (cannot)
        refuse(cannot);
    if (channel->caps.files ? !engine->caps.files : !engine->caps.streams)
        refuse("the engine does not work on such channels");
}

static uint64_t total(const struct histogram *histogram)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        sum += histogram->count[i];
    return sum;
}

static void *stop_soon(void *argument)
{
    struct record *record = argument;

    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    __atomic_store_n(&record->stop, 1, __ATOMIC_RELAXED);
    return NULL;
}

static void check(const struct record *record)
{
    const struct slice *slice = &record->slice;
    const uint64_t late = slice->cancels_too_late + slice->cancels_already_complete;

    /* What is too late may be interrupted all the same: a worker of the kernel's sees a signal. */
    if (total(&slice->cancel) < slice->cancels_done ||
        total(&slice->cancel) + total(&slice->cancel_late) != slice->cancels_done + late)
        fail("not every cancelled request ended once", 0, record);
    if (slice->early_completions)
        fail("a request completed before the device's time was over", 0, record);
}

static uint64_t run_one(const struct named_engine *named, const struct channel *channel, int fd,
                        struct record *record, uint64_t operations)
{
    struct loop_setup setup = {
        .engine = watch_engine(&named->engine),
        .channel = watch_channel(channel),
        .settings = settings_default(),
        .record = record,
    };
    struct settings *settings = &setup.settings;
    const struct engine_caps *caps = &named->engine.caps;
    const bool stops = random_below(&seed, 4) == 0;
    struct loop *loop;
    pthread_t thread;

    memset(record, 0, sizeof *record);
    settings->seed = (int64_t)random_next(&seed) & INT64_MAX;
    settings->depth = 1 + (int64_t)random_below(&seed, caps->max_depth ? caps->max_depth : MAX_DEPTH);
    memcpy(settings->options, named->options, sizeof settings->options);
    settings->batch = random_below(&seed, 3) ? 0 : 1 + (int64_t)random_below(&seed, (uint64_t)settings->depth);
    settings->deadline_ns = random_below(&seed, 3) ? 20000 + (int64_t)random_below(&seed, 700000) : 0;
    settings->service_distribution = DISTRIBUTION_EXPONENTIAL;
    settings->service_mean_ns = 200000;
    if (channel->caps.files) {
        settings->block = BLOCK;
        settings->file_fd = fd;
        settings->file_size = BLOCK * BLOCKS;
        settings->file_seed = 7;
        settings->verify = 1;
        settings->workload = (int64_t)random_below(&seed, 3);
        settings->sync = settings->workload ? (int64_t)random_below(&seed, 2) : 0;
        settings->opens_per_request = (int64_t)random_below(&seed, 2);
    }
    int error = loop_open(&loop, &setup);
    if (error && record->not_applicable)
        refuse((const char *)record->reason);
    if (error)
        fail("open", error, record);
    if (stops)
        pthread_create(&thread, NULL, stop_soon, record);
    error = loop_run(loop, 200 * MS, operations, PART_BOTH);
    if (error)
        fail("run", error, record);
    if (stops)
        pthread_join(thread, NULL);
    else
        check(record);
    const uint64_t ended = record->slice.slice_operations + record->slice.cancelled_operations;
    error = loop_close(loop);
    if (error)
        fail("close", error, record);
    if (watch_end() < ended)
        fail("more operations than transfers", 0, record);
    return ended;
}

int main(int count, char **arguments)
{
    if (count != 5)
        return 2;
    struct named_engine named;
    const bool is_known = named_engine_find(&named, arguments[1]);
    const struct channel *channel = channel_find(arguments[2]);
    const uint64_t operations = strtoull(arguments[3], NULL, 10);
    struct record *record = mmap(NULL, sizeof *record, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t ended = 0, rounds = 0;

    if (!is_known || !channel || record == MAP_FAILED)
        return 2;
    refuse_unless_it_can(&named, channel);
    seed = strtoull(arguments[4], NULL, 10);
    alarm((unsigned)(600 + operations / 500));
    while (ended < operations) {
        /* A file of its own: what was written is not the first content any more. */
        int fd = channel->caps.files ? file_make("/var/tmp", BLOCK * BLOCKS, 7, NULL) : -1;

        ended += run_one(&named, channel, fd, record, operations / 16 + 1);
        rounds++;
        if (fd >= 0)
            close(fd);
    }
    printf("%llu operations in %llu rounds\n", (unsigned long long)ended, (unsigned long long)rounds);
    return EXIT_SUCCESS;
}
