/* The rule of random use: what the other rules do one by one, in any order, for as long as is asked for. Requests come in
 * batches of any size, reaps have any bounds and any timeout, transfers come in parts, waits are interrupted, and any
 * request in flight is cancelled, also one that has just ended.
 *
 * A cancelled transfer has moved nothing. So it is made again as it was: where it has moved something all the same, the
 * bytes that come next are the wrong ones.
 *
 * IOMODELS_STRESS_OPERATIONS=1000000 is for a long run, IOMODELS_STRESS_SEED=2 for another one. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver.h"
#include "faults.h"
#include "random.h"

#define OPERATIONS 400
#define MAX_DEPTH 24
#define PATIENCE_NS (5000 * MS)
#define OPERATIONS_PER_S 500 /* far fewer than even a sanitizer's build makes on a busy machine */
#define NOT_ASKED (-1)

struct stress {
    struct driver driver;
    uint64_t random;
    uint64_t random_anywhere; /* of any_number */
    bool in_parts;
    int outcomes[MAX_DEPTH]; /* what cancel() last said of the slot's request */
    uint64_t last_ns;        /* something has ended */
};

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);

    return text ? strtoull(text, NULL, 10) : otherwise;
}

static uint64_t operations_wanted(uint64_t otherwise)
{
    return number_from("IOMODELS_STRESS_OPERATIONS", otherwise);
}

unsigned stress_seconds(void)
{
    return (unsigned)(operations_wanted(0) / OPERATIONS_PER_S);
}

static uint32_t below(struct stress *stress, uint32_t n)
{
    return (uint32_t)random_below(&stress->random, n);
}

static bool one_in(struct stress *stress, uint32_t n)
{
    return below(stress, n) == 0;
}

/* ------------------------------------------------------------------ what goes wrong */

/* Helper threads call it, too: so they have random numbers of their own. */
static uint64_t any_number(struct stress *stress)
{
    uint64_t state = __atomic_add_fetch(&stress->random_anywhere, 0x9E3779B97F4A7C15, __ATOMIC_RELAXED);

    return random_next(&state);
}

static int interrupt_waits(void *context, enum call_id id)
{
    struct stress *stress = context;

    return call_waits(stress->driver.engine, id) && any_number(stress) % 16 == 0 ? EINTR : 0;
}

static size_t limit_parts(void *context, enum call_id id, size_t length)
{
    struct stress *stress = context;

    (void)id;
    if (!stress->in_parts || length < 2 || any_number(stress) % 4)
        return length;
    return 1 + any_number(stress) % (length - 1);
}

/* ------------------------------------------------------------------ steps */

static void start_some(struct stress *stress)
{
    struct driver *driver = &stress->driver;

    driver_start(driver, 1 + below(stress, driver->depth));
    if (driver->started_count > 0)
        driver_submit(driver, 1 + below(stress, driver->started_count));
}

static void expect_outcome(const struct stress *stress, int outcome)
{
    if (stress->driver.engine->caps.cancels)
        EXPECT(outcome >= 0 && outcome < CANCEL_OUTCOMES, "cancel returned %d.", outcome);
    else
        EXPECT(outcome == -ENOTSUP, "cancel returned %d, and cannot cancel.", outcome);
}

/* One answer for several requests: each may end either way. */
static void cancel_descriptor(struct stress *stress, int fd)
{
    struct driver *driver = &stress->driver;

    expect_outcome(stress, driver->engine->cancel_descriptor(driver->engine_state, fd));
    for (uint32_t slot = 0; slot < driver->depth; slot++)
        if (driver->slots[slot] == SLOT_IN_FLIGHT && driver->requests[slot].fd == fd)
            stress->outcomes[slot] = CANCEL_TOO_LATE;
}

static void cancel_one(struct stress *stress, struct request *request)
{
    int *before = &stress->outcomes[request->slot];
    const int outcome = driver_cancel(&stress->driver, request);

    expect_outcome(stress, outcome);
    if (*before == NOT_ASKED || outcome == CANCEL_DONE)
        *before = outcome;
    else if (*before != CANCEL_DONE && outcome != *before)
        *before = CANCEL_TOO_LATE;
}

static void cancel_some(struct stress *stress)
{
    struct driver *driver = &stress->driver;
    uint32_t wanted = 1 + below(stress, 3);

    for (; wanted > 0; wanted--) {
        const uint32_t slot = below(stress, driver->depth);

        if (driver->slots[slot] != SLOT_IN_FLIGHT)
            continue;
        if (driver->engine->cancel_descriptor && one_in(stress, 4))
            cancel_descriptor(stress, driver->requests[slot].fd);
        else
            cancel_one(stress, &driver->requests[slot]);
    }
}

/* The cancelled ones are to be made again; the others are as they have to be. */
static void take(struct stress *stress, uint32_t n)
{
    struct driver *driver = &stress->driver;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < n; i++) {
        const struct completion done = driver->completions[i];
        const int outcome = stress->outcomes[done.request->slot];

        stress->outcomes[done.request->slot] = NOT_ASKED;
        if (done.result != -ECANCELED) {
            EXPECT(outcome != CANCEL_DONE, "cancel said that it is done, and the transfer completed with %zd.",
                   done.result);
            driver->completions[kept++] = done;
            continue;
        }
        EXPECT(outcome != NOT_ASKED, "A transfer was cancelled, and nobody had asked.");
        driver_take_again(driver, done.request);
    }
    driver_take(driver, kept);
}

static void reap_some(struct stress *stress)
{
    static const int64_t timeouts_ns[] = {0, 1, 999, 50000, 1000001, 2 * (int64_t)MS};
    struct driver *driver = &stress->driver;
    const uint32_t max = 1 + below(stress, driver->depth);
    const uint32_t most = max < driver->in_flight ? max : driver->in_flight;
    const uint32_t n = driver_reap(driver, below(stress, most + 1), max, timeouts_ns[below(stress, 6)]);

    if (n > 0)
        stress->last_ns = wall_ns();
    EXPECT(driver->in_flight == 0 || wall_ns() - stress->last_ns < PATIENCE_NS,
           "%u accepted requests never completed.", driver->in_flight);
    if (one_in(stress, 4))
        sched_yield(); /* what an engine has lent must stay as it is until it gets it back */
    take(stress, n);
}

/* ------------------------------------------------------------------ survives-random-use */

static void submit_all(struct driver *driver)
{
    if (driver->started_count > 0)
        driver_submit(driver, driver->started_count);
}

/* How many operations there were. */
static uint64_t one_round(struct stress *stress, const struct subject *subject, uint64_t operations)
{
    struct driver *driver = &stress->driver;
    struct settings settings = subject_settings(subject, subject_depth(subject, 1 + below(stress, MAX_DEPTH)));

    settings.service_distribution = DISTRIBUTION_EXPONENTIAL;
    settings.service_mean_ns = 20000;
    settings.opens_per_request = subject->variant->has_peer || one_in(stress, 2);
    stress->in_parts = (subject->variant->has_peer || subject->channel->caps.files) && one_in(stress, 2);
    for (uint32_t slot = 0; slot < MAX_DEPTH; slot++)
        stress->outcomes[slot] = NOT_ASKED;
    driver_open(driver, subject, &settings);
    driver->hooks = (struct call_hooks){.context = stress, .fault = interrupt_waits, .limit = limit_parts};
    stress->last_ns = wall_ns();
    while (driver->operations < operations) {
        if (one_in(stress, 2))
            start_some(stress);
        if (one_in(stress, 3))
            cancel_some(stress);
        reap_some(stress);
    }
    while (driver->in_flight + driver->started_count > 0) {
        submit_all(driver);
        reap_some(stress);
    }
    const uint64_t ended = driver->operations;
    driver_drain(driver);
    driver_close(driver);
    return ended;
}

static void survives_random_use(const struct subject *subject)
{
    /* The kernel's thread keeps a CPU from whoever else needs it, for a while with every operation. */
    const uint64_t wanted = operations_wanted(subject->engine->caps.kernel_polls ? OPERATIONS / 8 : OPERATIONS);
    const uint64_t seed = number_from("IOMODELS_STRESS_SEED", 1);
    struct stress stress = {.random = seed, .random_anywhere = ~seed};
    uint64_t ended = 0;

    while (ended < wanted)
        ended += one_round(&stress, subject, wanted / 16 + 1);
}

const struct rule stress_rules[] = {
    {"survives-random-use", always, survives_random_use},
    {NULL, NULL, NULL},
};
