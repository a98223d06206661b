/* Rules about submit and reap: every accepted transfer completes once, within the numbers asked for. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "driver.h"
#include "random.h"

#define OPERATIONS 150
/* Of an engine that spins beside a thread of the kernel's which spins, too: on a busy machine each of its operations takes
 * the time of everybody else's turns. */
#define FEW_OPERATIONS 30

/* ------------------------------------------------------------------ completes-once */

/* Random submits and reaps until so many have been started and all have ended. */
static void drive_randomly(const struct subject *subject, const struct settings *settings)
{
    struct driver driver;
    const struct engine_caps *caps = &subject->engine->caps;
    const uint32_t operations = caps->spins && caps->kernel_polls ? FEW_OPERATIONS : OPERATIONS;
    uint64_t random = (uint64_t)settings->depth;
    uint32_t begun = 0;

    driver_open(&driver, subject, settings);
    while (begun < operations) {
        uint32_t fresh = driver_start(&driver, (uint32_t)random_below(&random, driver.depth) + 1);
        uint32_t taken = driver_submit(&driver, (uint32_t)random_below(&random, driver.depth) + 1);

        begun += fresh;
        if (fresh + taken == 0) { /* only a completion makes room */
            driver_take(&driver, driver_reap_due(&driver));
            continue;
        }
        uint32_t max = (uint32_t)random_below(&random, driver.depth) + 1;
        uint32_t most = max < driver.in_flight ? max : driver.in_flight;
        uint32_t min = (uint32_t)random_below(&random, most + 1);
        driver_take(&driver, driver_reap(&driver, min, max, (int64_t)MS));
    }
    driver_drain(&driver);
    EXPECT(driver.operations == begun, "%u operations were started and %llu ended.", begun,
           (unsigned long long)driver.operations);
    driver_close(&driver);
}

static void completes_once(const struct subject *subject)
{
    static const uint32_t depths[] = {1, 3, 16};

    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
        if (subject_depth(subject, depths[i]) != depths[i])
            break;
        struct settings settings = subject_settings(subject, depths[i]);

        settings.service_distribution = DISTRIBUTION_EXPONENTIAL;
        drive_randomly(subject, &settings);
        if (subject->variant->has_peer) /* a connection of its own for each, whatever is asked for */
            continue;
        settings.opens_per_request = 0;
        settings.pattern = PATTERN_SEQUENTIAL;
        drive_randomly(subject, &settings);
    }
}

/* ------------------------------------------------------------------ submit-takes-what-fits */

/* One request more, when the engine is full. It names the slot of one in flight, as any would. */
static void expect_full(struct driver *driver)
{
    char buffer[FILENAME_MAX];
    struct request extra = driver->requests[0], *offered[] = {&extra};

    extra.buffer = buffer;
    if (extra.length > sizeof buffer)
        extra.length = sizeof buffer;
    int taken = driver->engine->submit(driver->engine_state, offered, 1);
    EXPECT(taken == 0, "submit returned %d with depth %u all in flight.", taken, driver->depth);
}

static void submit_takes_what_fits(const struct subject *subject)
{
    static const uint32_t depths[] = {1, 4};

    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
        const uint32_t depth = subject_depth(subject, depths[i]);
        const struct settings settings = subject_settings(subject, depth);
        struct driver driver;

        if (unless_can_be_pending(subject))
            driver_open(&driver, subject, &settings);
        else
            driver_open_held(&driver, subject, &settings);
        driver_start(&driver, depth);
        EXPECT(driver_submit(&driver, 0) == 0, "submit took a request of none.");
        EXPECT(driver_submit(&driver, 1) == 1, "submit did not take the first request.");
        driver_fill(&driver, 0);
        EXPECT(driver.in_flight == depth, "submit took %u of %u.", driver.in_flight, depth);
        expect_full(&driver);
        driver_abandon(&driver);
        driver_fill(&driver, depth); /* and there is room again */
        driver_abandon(&driver);
        driver_close(&driver);
    }
}

/* ------------------------------------------------------------------ reap-respects-max */

static const char *unless_deep(const struct subject *subject)
{
    return subject_depth(subject, 2) == 2 ? NULL : "the engine's depth is 1";
}

static void reap_respects_max(const struct subject *subject)
{
    const uint32_t depth = subject_depth(subject, 8);
    struct settings settings = subject_settings(subject, depth);
    struct driver driver;

    settings.service_mean_ns = 1; /* all are ready at once */
    driver_open(&driver, subject, &settings);
    for (uint32_t max = 1; max < depth; max++) {
        driver_fill(&driver, depth);
        while (driver.in_flight > 0) {
            driver_take(&driver, driver_reap(&driver, 0, max, 0));
            if (driver.in_flight > 0)
                driver_take(&driver, driver_reap(&driver, 1, max, (int64_t)MS));
        }
    }
    driver_close(&driver);
}

/* ------------------------------------------------------------------ fills-its-depth */

/* Many in flight at once, far beyond any table an engine might have sized by guess. */
static void fills_its_depth(const struct subject *subject)
{
    const uint32_t depth = subject_depth(subject, 200);
    struct settings settings = subject_settings(subject, depth);
    struct driver driver;

    driver_open(&driver, subject, &settings);
    for (int turn = 0; turn < 2; turn++) {
        driver_fill(&driver, depth);
        driver_drain(&driver);
    }
    driver_close(&driver);
}

/* ------------------------------------------------------------------ brought-bytes-stay */

#define MEANWHILE 300

static const char *unless_brings(const struct subject *subject)
{
    if (!subject->engine->recycle)
        return "the engine reads into the buffers that it was lent";
    return subject->variant->settings.server ? NULL : "only a server's peer goes on while one request stands still";
}

/* One completion with bytes of the engine's own; all others of the reap are taken. NULL: there is none among them. */
static struct completion take_all_but_one(struct driver *driver, uint32_t n)
{
    struct completion kept = {0};
    uint32_t others = 0;

    for (uint32_t i = 0; i < n; i++)
        if (!kept.request && driver->completions[i].request->data)
            kept = driver->completions[i];
        else
            driver->completions[others++] = driver->completions[i];
    driver_take(driver, others);
    return kept;
}

/* What the engine has brought stays as it is until it gets the buffer back, whatever comes in the meantime. */
static void brought_bytes_stay(const struct subject *subject)
{
    const uint32_t depth = subject_depth(subject, 4);
    const struct settings settings = subject_settings(subject, depth);
    struct completion kept = {0};
    struct driver driver;

    driver_open(&driver, subject, &settings);
    while (!kept.request) {
        driver_fill(&driver, depth);
        kept = take_all_but_one(&driver, driver_reap_due(&driver));
    }
    driver.slots[kept.request->slot] = SLOT_HELD;
    const uint64_t until = driver.operations + MEANWHILE;
    while (driver.operations < until) {
        driver_fill(&driver, depth);
        driver_take(&driver, driver_reap_due(&driver));
    }
    driver.slots[kept.request->slot] = SLOT_IDLE;
    driver.completions[0] = kept;
    driver_take(&driver, 1); /* which looks at its bytes */
    driver_abandon(&driver);
    driver_close(&driver);
}

/* ------------------------------------------------------------------ submit-starts */

#define PATIENCE_MS 5000

static const char *unless_peer_answers(const struct subject *subject)
{
    if (!subject->channel->caps.sockets || subject->variant->transfers != 2 || subject->variant->settings.server)
        return "no peer answers a request";
    return unless_moves_data(subject);
}

/* What was submitted is on its way without a reap (unless the loop has said that one follows): here a request, whose
 * answer arrives. */
static void submit_starts(const struct subject *subject)
{
    const struct settings settings = subject_settings(subject, 1);
    struct driver driver;

    driver_open(&driver, subject, &settings);
    driver_fill(&driver, 1);
    struct pollfd answer = {.fd = driver.requests[0].fd, .events = POLLIN};
    EXPECT(poll(&answer, 1, PATIENCE_MS) == 1, "A request that was submitted did not reach the peer.");
    driver_drain(&driver);
    driver_close(&driver);
}

const struct rule completion_rules[] = {
    {"completes-once", always, completes_once},
    {"submit-takes-what-fits", always, submit_takes_what_fits},
    {"reap-respects-max", unless_deep, reap_respects_max},
    {"fills-its-depth", always, fills_its_depth},
    {"brought-bytes-stay", unless_brings, brought_bytes_stay},
    {"submit-starts", unless_peer_answers, submit_starts},
    {NULL, NULL, NULL},
};
