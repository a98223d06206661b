/* Rules about the process at the other end: it may die, stand still, or set the pace. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver.h"
#include "faults.h"
#include "loop_case.h"
#include "peers.h"
#include "probe.h"
#include "snapshot.h"

#define START_NS (5000 * MS)
#define MORE_THAN_THE_DEAD 100000
#define PEER_NAME "iomodels-peer\n"

/* It gives itself a name when it is ready; stopped before that, it would outlive a rule that fails. */
static void await_start(pid_t pid)
{
    const uint64_t deadline_ns = wall_ns() + START_NS;
    char path[64], name[32] = "";

    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    while (strcmp(name, PEER_NAME) != 0) {
        FILE *file = fopen(path, "r");

        EXPECT(file && wall_ns() < deadline_ns, "The peer did not start.");
        if (!fgets(name, sizeof name, file))
            name[0] = 0;
        fclose(file);
        sched_yield();
    }
}

void peer_stop(const struct record *record)
{
    const pid_t pid = (pid_t)record->peer_id;
    siginfo_t info;

    await_start(pid);
    EXPECT(pid > 0 && kill(pid, SIGSTOP) == 0 &&
               waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT) == 0,
           "The peer cannot be stopped.");
}

void peer_continue(const struct record *record)
{
    EXPECT(kill((pid_t)record->peer_id, SIGCONT) == 0, "The peer does not go on.");
}

/* ------------------------------------------------------------------ dead-peer-ends-the-run */

struct murder {
    pid_t peer;
    uint64_t transfers, after;
};

/* Whoever makes the transfer, and with whatever call: this is asked before. */
static size_t kill_in_mid_run(void *context, enum call_id id, size_t length)
{
    struct murder *murder = context;

    (void)id;
    if (__atomic_add_fetch(&murder->transfers, 1, __ATOMIC_RELAXED) == murder->after)
        kill(__atomic_load_n(&murder->peer, __ATOMIC_RELAXED), SIGKILL);
    return length;
}

static void expect_the_peer_is_blamed(const struct record *record, int error)
{
    const int status = (int)record->peer_status - 1;

    EXPECT(error == -EPIPE || error == -ECONNRESET || error == -ENODATA,
           "A dead peer gave %d (%s).", error, strerror(-error));
    EXPECT(record->error_stage == STAGE_TRANSFER && record->error == (uint64_t)-error,
           "loop_run returned %d, and the record says stage %s and error %llu.", error,
           stage_names[record->error_stage], (unsigned long long)record->error);
    EXPECT(record->peer_status != 0, "The record does not say that the peer is dead.");
    EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
           "The record says that the peer ended with wait status %d.", status);
}

static void kill_after(const struct subject *subject, uint64_t transfers)
{
    struct murder murder = {.after = transfers};
    struct loop_case test;

    loop_case_init(&test, subject, subject_depth(subject, 2)); /* fewer than end at the same time */
    int64_t memory = probe_live_allocations();
    test.hooks = (struct call_hooks){.context = &murder, .limit = kill_in_mid_run};
    EXPECT(loop_case_open(&test) == 0, "The loop did not open.");
    /* A thread that sleeps on an idle descriptor may only now begin its call. */
    __atomic_store_n(&murder.peer, (pid_t)test.record->peer_id, __ATOMIC_RELAXED);
    EXPECT(murder.peer > 0, "There is no peer.");
    /* Without a deadline, for a busy machine keeps an engine from its 15 transfers: a run that goes on ends by the
     * watchdog, or by more operations than a dead peer answers. */
    int error = loop_run(test.loop, UINT64_MAX / 4, MORE_THAN_THE_DEAD, PART_BOTH);

    EXPECT(error != 0, "The peer was killed, and loop_run returned 0.");
    expect_the_peer_is_blamed(test.record, error);
    error = loop_case_close(&test);
    EXPECT(error == 0, "loop_close after the peer's death returned %d (%s).", error,
           strerror(-error));
    EXPECT(probe_live_allocations() == memory, "%lld allocations were never freed.",
           (long long)(probe_live_allocations() - memory));
    loop_case_free(&test);
}

static void dead_peer_ends_the_run(const struct subject *subject)
{
    const uint64_t idle = (uint64_t)subject->variant->settings.idle;

    struct snapshot before;

    snapshot_take(&before);
    kill_after(subject, idle + 1);
    kill_after(subject, idle + 15);
    snapshot_expect(&before, subject);
}

/* ------------------------------------------------------------------ server-is-drained */

static const char *unless_serves(const struct subject *subject)
{
    return subject->variant->settings.server ? unless_moves_data(subject)
                                             : "the engine is no server here";
}

static uint64_t round_trips(const struct slice *slice)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        n += slice->peer.count[i];
    return n;
}

static void expect_drained(const struct subject *subject, const struct loop_case *test, uint32_t depth)
{
    const struct record *record = test->record;
    const struct slice *slice = &record->slice;
    const uint64_t served = slice->slice_operations, seen = slice->peer_operations;
    const uint64_t queued = slice->calls[CALL_aio_read] + slice->calls[CALL_aio_write];
    const uint64_t fetched = slice->calls[CALL_aio_return];
    /* A read on each connection stays over from the slice before, and for the next. */
    const uint64_t whole = served * subject->variant->transfers + slice->short_transfers;
    const uint64_t made = loop_case_transfers(test);

    EXPECT(record->peer_outstanding == 0, "%llu messages are without an answer after the slice.",
           (unsigned long long)record->peer_outstanding);
    EXPECT(record->peer_paused == 1, "The peer drives on after the slice.");
    /* Those under way when the window closes are served, and not counted by the peer. */
    EXPECT(seen <= served && seen + 2 * depth >= served,
           "%llu operations were served, and the peer saw %llu round trips.",
           (unsigned long long)served, (unsigned long long)seen);
    EXPECT(round_trips(slice) == seen, "The peer's histogram holds %llu of %llu round trips.",
           (unsigned long long)round_trips(slice), (unsigned long long)seen);
    EXPECT(made + depth >= whole && made <= whole + depth,
           "%llu transfers for %llu operations on %u connections.", (unsigned long long)made,
           (unsigned long long)served, depth);
    EXPECT(slice->calls[CALL_lio_listio] > 0 || (fetched + depth >= queued && fetched <= queued + depth),
           "%llu transfers were queued and %llu fetched, with %u connections.",
           (unsigned long long)queued, (unsigned long long)fetched, depth);
}

static void server_is_drained(const struct subject *subject)
{
    const uint32_t depth = subject_depth(subject, 6);
    struct loop_case test;
    uint64_t all = 0;

    loop_case_init(&test, subject, depth);
    EXPECT(loop_case_open(&test) == 0, "The loop did not open.");
    for (uint64_t wanted = 300; wanted >= 3; wanted /= 10) {
        loop_case_run(&test, UINT64_MAX / 4, wanted);
        EXPECT(test.record->slice.slice_operations >= wanted &&
                   test.record->slice.slice_operations <= wanted + 3 * depth,
               "A slice of %llu operations served %llu.", (unsigned long long)wanted,
               (unsigned long long)test.record->slice.slice_operations);
        expect_drained(subject, &test, depth);
        all += test.record->slice.slice_operations;
        EXPECT(test.record->live_operations == all, "live_operations is %llu after %llu operations.",
               (unsigned long long)test.record->live_operations, (unsigned long long)all);
    }
    EXPECT(loop_case_close(&test) == 0, "loop_close failed.");
    loop_case_free(&test);
}

/* ------------------------------------------------------------------ full-stream-waits */

static const char *unless_fills(const struct subject *subject)
{
    const struct settings *settings = &subject->variant->settings;

    if (!subject->variant->has_peer || settings->exchange != EXCHANGE_STREAM ||
        settings->workload != WORKLOAD_WRITE)
        return "the engine does not write a stream";
    return subject->engine->caps.blocks_in_submit ? "every transfer is over when submit returns"
                                                  : NULL;
}

/* Writes until nothing more goes in: the peer does not take it. */
static void fill_the_stream(struct driver *driver)
{
    for (;;) {
        driver_fill(driver, driver->depth);
        uint32_t n = driver_reap(driver, 1, driver->depth, 100 * (int64_t)MS);

        if (n == 0)
            return;
        driver_take(driver, n);
    }
}

static void expect_a_sleep(struct driver *driver)
{
    const uint64_t wait_ns = 300 * MS;

    for (;;) { /* ended by the watchdog where the stream never gets full */
        uint64_t cpu_ns = process_cpu_ns();
        uint32_t n = driver_reap(driver, 1, driver->depth, (int64_t)wait_ns);

        cpu_ns = process_cpu_ns() - cpu_ns;
        if (n == 0) {
            EXPECT(cpu_ns < wait_ns / 20, "A wait of %llu ms took %llu ms of CPU.",
                   (unsigned long long)(wait_ns / MS), (unsigned long long)(cpu_ns / MS));
            return;
        }
        driver_take(driver, n); /* it had only not got round to it: on a busy machine the stream */
        fill_the_stream(driver); /* looks full before it is */
    }
}

static void full_stream_waits(const struct subject *subject)
{
    const uint32_t depth = subject_depth(subject, 2);
    const struct settings settings = subject_settings(subject, depth);
    struct driver driver;

    driver_open(&driver, subject, &settings);
    peer_stop(driver.record);
    fill_the_stream(&driver);
    EXPECT(driver.in_flight == depth, "%u writes are in flight where there should be %u.",
           driver.in_flight, depth);
    if (driver.engine->caps.waits)
        expect_a_sleep(&driver);
    peer_continue(driver.record);
    driver_drain(&driver); /* and every byte arrives */
    driver_close(&driver);
}

const struct rule peer_rules[] = {
    {"dead-peer-ends-the-run", unless_has_peer, dead_peer_ends_the_run},
    {"server-is-drained", unless_serves, server_is_drained},
    {"full-stream-waits", unless_fills, full_stream_waits},
    {NULL, NULL, NULL},
};
