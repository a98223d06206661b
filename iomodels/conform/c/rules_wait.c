/* Rules about waiting: how long a reap lasts, what ends it, and what it costs. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "driver.h"
#include "peers.h"

/* Far more than a busy machine adds to a call that returns at once. */
#define AT_ONCE_NS (1000 * MS)
#define LONG_NS (2000 * (int64_t)MS)
/* A real wait takes well below 1 % of CPU; one that spins gets more than 5 % even when it has to
 * share the machine. */
#define CPU_SHARE 20
#define WAIT_NS (150 * (int64_t)MS)

static const char *unless_waits(const struct subject *subject)
{
    const char *reason = unless_can_be_pending(subject);

    if (reason)
        return reason;
    return subject->engine->caps.waits ? NULL : "the engine does not wait, it spins";
}

static const char *unless_waits_timed(const struct subject *subject)
{
    const char *reason = unless_waits(subject);

    return reason ? reason : unless_timed(subject);
}

/* What a wait costs says nothing of an engine for which somebody else polls. */
static const char *unless_all_sleeps(const struct subject *subject)
{
    return subject->engine->caps.kernel_polls ? "a thread of the kernel's polls meanwhile" : unless_waits(subject);
}

static const char *unless_all_sleeps_timed(const struct subject *subject)
{
    const char *reason = unless_all_sleeps(subject);

    return reason ? reason : unless_timed(subject);
}

static void open_timed(struct driver *driver, const struct subject *subject, uint32_t depth,
                       int64_t service_ns)
{
    struct settings settings = subject_settings(subject, subject_depth(subject, depth));

    settings.service_mean_ns = service_ns;
    driver_open(driver, subject, &settings);
    driver_fill(driver, driver->depth);
}

static void open_held(struct driver *driver, const struct subject *subject, uint32_t depth)
{
    const struct settings settings = subject_settings(subject, subject_depth(subject, depth));

    driver_open_held(driver, subject, &settings);
    driver_fill(driver, driver->depth);
}

static uint64_t timed_reap(struct driver *driver, uint32_t min, int64_t timeout_ns, uint32_t *n)
{
    uint64_t start_ns = wall_ns();

    *n = driver_reap(driver, min, driver->depth, timeout_ns);
    return wall_ns() - start_ns;
}

/* ------------------------------------------------------------------ reap-min-zero-looks */

static void reap_min_zero_looks(const struct subject *subject)
{
    const bool pending = !unless_can_be_pending(subject);
    struct driver driver;
    uint32_t n;

    if (pending)
        open_held(&driver, subject, 4);
    else
        open_timed(&driver, subject, 4, 1000);
    uint64_t took_ns = timed_reap(&driver, 0, LONG_NS, &n);
    EXPECT(took_ns < AT_ONCE_NS, "reap with min 0 took %llu ms.", (unsigned long long)(took_ns / MS));
    EXPECT(n == 0 || !pending, "reap returned %u transfers that cannot have ended.", n);
    driver_abandon(&driver);

    /* Looking is enough to see the end. */
    uint64_t deadline_ns = wall_ns() + AT_ONCE_NS;
    driver_fill(&driver, driver.depth);
    driver.channel->release(driver.channel_state);
    while (driver.in_flight > 0) {
        driver_reap(&driver, 0, driver.depth, 0);
        EXPECT(wall_ns() < deadline_ns, "reap with min 0 never sees what has ended.");
    }
    driver_close(&driver);
}

/* ------------------------------------------------------------------ reap-times-out */

static void reap_times_out(const struct subject *subject)
{
    static const int64_t timeouts_ns[] = {1, 1500, 2000999, 20 * (int64_t)MS};
    const bool spins = subject->engine->caps.spins;
    struct driver driver;
    uint32_t n;

    open_held(&driver, subject, 4);
    for (size_t i = 0; i < sizeof timeouts_ns / sizeof *timeouts_ns; i++) {
        /* A spinning engine must not wait at all. */
        int64_t timeout_ns = spins ? LONG_NS : timeouts_ns[i];
        uint64_t took_ns = timed_reap(&driver, 1, timeout_ns, &n);

        EXPECT(n == 0, "reap returned %u transfers that cannot have ended.", n);
        EXPECT(spins || took_ns >= (uint64_t)timeout_ns,
               "reap returned nothing after %llu ns, before its %lld ns were over.",
               (unsigned long long)took_ns, (long long)timeout_ns);
        EXPECT(took_ns < (spins ? 0 : (uint64_t)timeout_ns) + AT_ONCE_NS,
               "reap with a timeout of %lld ns took %llu ms.", (long long)timeout_ns,
               (unsigned long long)(took_ns / MS));
    }
    driver_abandon(&driver);
    driver_close(&driver);
}

/* ------------------------------------------------------------------ timeouts-are-not-rounded */

/* An interface that counts milliseconds must not be taken for shorter waits: an open loop would be late by as much. The best of
 * several tries is hardly ever disturbed. */
static void timeouts_are_not_rounded(const struct subject *subject)
{
    const int64_t timeout_ns = 100000;
    uint64_t best_ns = UINT64_MAX;
    struct driver driver;
    uint32_t n;

    open_held(&driver, subject, 4);
    for (int try = 0; try < 100 && best_ns > 7 * MS / 10; try++) {
        const uint64_t took_ns = timed_reap(&driver, 1, timeout_ns, &n);

        EXPECT(n == 0, "reap returned %u transfers that cannot have ended.", n);
        best_ns = took_ns < best_ns ? took_ns : best_ns;
    }
    EXPECT(best_ns <= 7 * MS / 10, "A wait of %lld us took %llu us, the shortest of 100.",
           (long long)(timeout_ns / 1000), (unsigned long long)(best_ns / 1000));
    driver_abandon(&driver);
    driver_close(&driver);
}

/* ------------------------------------------------------------------ reap-waits-for-min */

static void reap_waits_for_min(const struct subject *subject)
{
    const uint32_t depth = subject_depth(subject, 4), min = depth > 1 ? depth - 1 : 1;
    struct settings settings = subject_settings(subject, depth);
    struct driver driver;
    uint32_t n;

    /* Far enough apart that no wait finds two ready by chance, even on a busy machine. */
    settings.service_distribution = DISTRIBUTION_UNIFORM;
    settings.service_low_ns = (int64_t)MS;
    settings.service_high_ns = 100 * (int64_t)MS;
    driver_open(&driver, subject, &settings);
    driver_fill(&driver, depth);
    timed_reap(&driver, min, LONG_NS, &n);
    EXPECT(n >= min, "reap returned %u of at least %u although its time was not over.", n, min);
    driver_take(&driver, n);
    driver_drain(&driver);
    driver_close(&driver);
}

/* ------------------------------------------------------------------ reap-interrupted */

static void do_nothing(int signal)
{
    (void)signal;
}

/* Signals this thread again and again: the first may come before the wait has begun. */
static timer_t start_signals(int signal)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = signal};
    const struct timespec every = {.tv_nsec = 20 * (long)MS};
    timer_t timer;

    sigaction(signal, &(struct sigaction){.sa_handler = do_nothing}, NULL);
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    EXPECT(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0, "There is no timer to interrupt with.");
    timer_settime(timer, 0, &(struct itimerspec){every, every}, NULL);
    return timer;
}

static void reap_interrupted(const struct subject *subject)
{
    struct driver driver;
    uint32_t n;

    open_held(&driver, subject, 4);
    timer_t timer = start_signals(SIGUSR1);
    uint64_t took_ns = timed_reap(&driver, 1, AT_ONCE_NS + 500 * (int64_t)MS, &n);
    timer_delete(timer);

    EXPECT(n == 0, "reap returned %u transfers that cannot have ended.", n);
    EXPECT(took_ns < AT_ONCE_NS, "A signal did not end the wait: it took %llu ms.",
           (unsigned long long)(took_ns / MS));
    driver_abandon(&driver);
    driver_close(&driver);
}

/* ------------------------------------------------------------------ wait-burns-no-cpu */

/* The wait of a server: its peer sends nothing for so long. */
static void *drive_later(void *driver)
{
    nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
    driver_let_drive(driver);
    return NULL;
}

static void wait_burns_no_cpu(const struct subject *subject)
{
    const bool timed = !unless_timed(subject);
    const int64_t wait_ns = WAIT_NS;
    struct driver driver;
    pthread_t thread;
    uint32_t n;

    if (timed) {
        open_timed(&driver, subject, 1, wait_ns);
    } else {
        open_held(&driver, subject, 1);
        EXPECT(pthread_create(&thread, NULL, drive_later, &driver) == 0, "There is no thread.");
    }
    uint64_t cpu_ns = process_cpu_ns();
    uint64_t took_ns = timed_reap(&driver, 1, LONG_NS, &n);
    cpu_ns = process_cpu_ns() - cpu_ns;

    EXPECT(n == 1, "reap returned %u completions after %llu ms.", n,
           (unsigned long long)(took_ns / MS));
    EXPECT(took_ns >= (uint64_t)wait_ns / 2, "There was no wait to look at.");
    EXPECT(cpu_ns < took_ns / CPU_SHARE, "A wait of %llu ms took %llu ms of CPU.",
           (unsigned long long)(took_ns / MS), (unsigned long long)(cpu_ns / MS));
    if (!timed)
        pthread_join(thread, NULL);
    driver_take(&driver, n);
    driver_drain(&driver);
    driver_close(&driver);
}

/* The same while several end one after the other: what has ended must no longer be waited for. */
static void waits_in_turn_burn_no_cpu(const struct subject *subject)
{
    const uint32_t depth = subject_depth(subject, 4);
    struct settings settings = subject_settings(subject, depth);
    struct driver driver;
    uint32_t n;

    settings.service_distribution = DISTRIBUTION_UNIFORM;
    settings.service_low_ns = 10 * (int64_t)MS;
    settings.service_high_ns = 150 * (int64_t)MS;
    driver_open(&driver, subject, &settings);
    driver_fill(&driver, depth);
    uint64_t cpu_ns = process_cpu_ns(), took_ns = 0;
    while (driver.in_flight > 0) {
        took_ns += timed_reap(&driver, 1, LONG_NS, &n);
        EXPECT(n > 0, "reap overslept the end of a transfer.");
        driver_take(&driver, n);
    }
    cpu_ns = process_cpu_ns() - cpu_ns;
    EXPECT(cpu_ns < took_ns / CPU_SHARE, "Waits of %llu ms took %llu ms of CPU.",
           (unsigned long long)(took_ns / MS), (unsigned long long)(cpu_ns / MS));
    driver_close(&driver);
}

/* ------------------------------------------------------------------ waits-only-for-its-own */

static const char *unless_waits_for_several(const struct subject *subject)
{
    const char *reason = unless_all_sleeps_timed(subject);

    if (reason)
        return reason;
    return subject_depth(subject, 2) == 2 ? NULL : "the engine's depth is 1";
}

/* A descriptor that the engine once waited for gets ready again, with nothing in flight on it. */
static void waits_only_for_its_own(const struct subject *subject)
{
    const int64_t service_ns = 50 * (int64_t)MS;
    struct driver driver;
    uint32_t n;

    open_timed(&driver, subject, 2, service_ns);
    driver_drain(&driver);
    driver_start(&driver, 1);
    struct request *strange = driver.started[0];
    struct pollfd ready = {.fd = strange->fd, .events = POLLIN};
    EXPECT(poll(&ready, 1, (int)(LONG_NS / (int64_t)MS)) == 1, "The device never got ready.");

    driver.started_count = 0; /* kept back from the engine */
    driver_fill(&driver, 1);
    uint64_t cpu_ns = process_cpu_ns();
    uint64_t took_ns = timed_reap(&driver, 1, LONG_NS, &n);
    cpu_ns = process_cpu_ns() - cpu_ns;
    EXPECT(n == 1 && driver.completions[0].request != strange,
           "reap did not return the one transfer in flight.");
    EXPECT(cpu_ns < took_ns / CPU_SHARE, "A wait of %llu ms took %llu ms of CPU.",
           (unsigned long long)(took_ns / MS), (unsigned long long)(cpu_ns / MS));
    driver_take(&driver, n);
    driver_close(&driver);
}

/* ------------------------------------------------------------------ read-after-full-burns-no-cpu */

/* More than any socket or pipe takes at once. */
#define MORE_THAN_FITS (1 << 20)
/* How long a write waits for room that does not come. */
#define ROOM_NS (20 * (int64_t)MS)

static const char *unless_serves_and_waits(const struct subject *subject)
{
    if (!subject->variant->settings.server)
        return "the engine is no server here";
    return unless_all_sleeps(subject);
}

/* The peer has sent its message, and reads none of the answer before that has had to wait for room. (TCP may have room for
 * all of it.) */
static void answer_until_full(struct driver *driver)
{
    uint32_t n;

    driver_take(driver, driver_reap_due(driver));
    driver->channel->drive(driver->channel_state, false); /* no message after this one */
    while (driver->requests[0].operation == OPERATION_READ) {
        driver_submit(driver, driver->started_count);
        driver_take(driver, driver_reap_due(driver));
    }
    peer_stop(driver->record);
    do {
        driver_submit(driver, driver->started_count);
        n = driver_reap(driver, 1, driver->depth, ROOM_NS);
        driver_take(driver, n);
    } while (n > 0 && driver->operations == 0);
    peer_continue(driver->record);
}

/* An answer had to wait for room. When it has gone, there is room, and nobody any more who waits for it. */
static void read_after_full_burns_no_cpu(const struct subject *subject)
{
    struct settings settings = subject_settings(subject, 1);
    struct driver driver;
    uint32_t n;

    settings.block = MORE_THAN_FITS;
    driver_open_held(&driver, subject, &settings);
    driver_fill(&driver, 1);
    driver_let_drive(&driver);
    answer_until_full(&driver);
    driver_drain(&driver);

    driver_fill(&driver, 1);
    uint64_t cpu_ns = process_cpu_ns();
    uint64_t took_ns = timed_reap(&driver, 1, WAIT_NS, &n);
    cpu_ns = process_cpu_ns() - cpu_ns;
    EXPECT(n == 0 && took_ns >= (uint64_t)WAIT_NS, "There was no wait to look at.");
    EXPECT(cpu_ns < took_ns / CPU_SHARE, "A wait of %llu ms took %llu ms of CPU.",
           (unsigned long long)(took_ns / MS), (unsigned long long)(cpu_ns / MS));
    driver_abandon(&driver);
    driver_close(&driver);
}

const struct rule wait_rules[] = {
    {"reap-min-zero-looks", always, reap_min_zero_looks},
    {"reap-times-out", unless_can_be_pending, reap_times_out},
    {"timeouts-are-not-rounded", unless_waits, timeouts_are_not_rounded},
    {"reap-waits-for-min", unless_waits_timed, reap_waits_for_min},
    {"reap-interrupted", unless_waits, reap_interrupted},
    {"wait-burns-no-cpu", unless_all_sleeps, wait_burns_no_cpu},
    {"waits-in-turn-burn-no-cpu", unless_all_sleeps_timed, waits_in_turn_burn_no_cpu},
    {"waits-only-for-its-own", unless_waits_for_several, waits_only_for_its_own},
    {"read-after-full-burns-no-cpu", unless_serves_and_waits, read_after_full_burns_no_cpu},
    {NULL, NULL, NULL},
};
