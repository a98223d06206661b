/* Rules about what goes wrong: failures, calls that would block, cancelling. Faults come in through
 * the hooks of CALL(). */
#include <errno.h>
#include <string.h>

#include "driver.h"
#include "faults.h"

const bool transfer_calls[CALL_COUNT] = {
    [CALL_read] = true,  [CALL_write] = true,    [CALL_pread] = true,
    [CALL_pwrite] = true, [CALL_aio_read] = true, [CALL_aio_write] = true,
    [CALL_lio_listio] = true, [CALL_io_submit] = true,
};

bool call_is(const struct engine *engine, enum call_id id, enum call_class class)
{
    for (const struct engine_call *call = engine->calls; call && call->id != CALL_COUNT; call++)
        if (call->id == id)
            return call->class == class;
    return false;
}

bool call_waits(const struct engine *engine, enum call_id id)
{
    return call_is(engine, id, CLASS_WAIT) ||
           (call_is(engine, id, CLASS_SUBMIT) && !transfer_calls[id] && id != CALL_aio_fsync);
}

/* The calls that tell how a transfer which was started before has ended; and calls_outcome does. */
static const bool result_calls[CALL_COUNT] = {[CALL_aio_return] = true};

const char *unless_transfers_by_call(const struct subject *subject)
{
    const struct engine_call *call = subject->engine->calls;

    while (call && call->id != CALL_COUNT && !transfer_calls[call->id] && !result_calls[call->id] &&
           call->class != CLASS_SUBMIT)
        call++;
    if (subject->engine->caps.moves_data && (!call || call->id == CALL_COUNT))
        return "the engine names no call of its transfers that could be made to fail here";
    return unless_moves_data(subject);
}

/* ------------------------------------------------------------------ failure-is-completion */

struct failing {
    int error;
    const bool *calls;
    uint64_t injected;
};

/* Other threads may be about to count. */
static uint64_t injected(const struct failing *failing)
{
    return __atomic_load_n(&failing->injected, __ATOMIC_RELAXED);
}

static int fail_always(void *context, enum call_id id)
{
    struct failing *failing = context;

    if (!failing->calls[id])
        return 0;
    __atomic_fetch_add(&failing->injected, 1, __ATOMIC_RELAXED);
    return failing->error;
}

static int fail_every_outcome(void *context, enum call_id id, ssize_t result)
{
    struct failing *failing = context;

    (void)id, (void)result;
    if (failing->calls != result_calls)
        return 0;
    __atomic_fetch_add(&failing->injected, 1, __ATOMIC_RELAXED);
    return failing->error;
}

/* With every such call failing, each request completes with the error. How many calls failed. */
static uint64_t expect_failures(const struct subject *subject, const bool *calls, int error)
{
    const uint32_t depth = subject_depth(subject, 4);
    const struct settings settings = subject_settings(subject, depth);
    struct failing failing = {.error = error, .calls = calls};
    struct driver driver;

    driver_open(&driver, subject, &settings);
    driver.hooks = (struct call_hooks){.context = &failing, .fault = fail_always,
                                        .outcome = fail_every_outcome};
    driver_fill(&driver, depth);
    while (driver.in_flight > 0) {
        uint32_t n = driver_reap_due(&driver);

        for (uint32_t i = 0; i < n && injected(&failing) > 0; i++)
            EXPECT(driver.completions[i].result == -error,
                   "A transfer that failed with %s (%d) completed with %zd.", strerror(error), error,
                   driver.completions[i].result);
    }
    driver.hooks = (struct call_hooks){0};
    /* And nothing of it stays. Where the transfers were made and only their results lost, the peer
     * has bytes that we do not know of: with it there is no going on. */
    const bool were_made = calls == result_calls || injected(&failing) == 0;
    if (!subject->variant->has_peer || !were_made) {
        driver_fill(&driver, depth);
        driver_drain(&driver);
    }
    driver_close(&driver);
    return injected(&failing);
}

static void failure_is_completion(const struct subject *subject)
{
    const uint64_t begun = expect_failures(subject, transfer_calls, EIO);
    expect_failures(subject, transfer_calls, EINTR);
    const uint64_t ended = expect_failures(subject, result_calls, EIO);

    EXPECT(begun + ended > 0, "The engine moves data with a call that transfer_calls does not name, and does not "
                              "take its results through calls_outcome.");
}

/* ------------------------------------------------------------------ busy-is-not-failure */

struct busy {
    const struct driver *driver;
    uint64_t submit;   /* in which the calls were seen */
    uint64_t calls[2]; /* those that make transfers, and those that queue them: the two may take turns */
    uint64_t injected;
};

/* Whether it is a call that finds nothing ready, or one that finds no room in a queue. */
static bool can_be_busy(const struct engine *engine, enum call_id id)
{
    return engine->caps.nonblocking_descriptors && call_is(engine, id, CLASS_TRANSFER)
               ? transfer_calls[id]
               : call_is(engine, id, CLASS_SUBMIT);
}

/* Every second call is told to come again later. A call that queues is so only where something is
 * in flight: with nothing in flight, no room would ever come free. */
static int busy_now_and_then(void *context, enum call_id id)
{
    struct busy *busy = context;
    uint64_t *calls = &busy->calls[call_is(busy->driver->engine, id, CLASS_SUBMIT)];

    if (!can_be_busy(busy->driver->engine, id))
        return 0;
    if (busy->submit != busy->driver->submits) {
        busy->submit = busy->driver->submits;
        if (busy->driver->in_flight == 0) /* never the first call of a submit: it may be alone */
            busy->calls[0] = busy->calls[1] = 0;
    }
    if ((*calls)++ % 2 == 0)
        return 0;
    busy->injected++;
    return EAGAIN;
}

static const char *unless_can_be_busy(const struct subject *subject)
{
    if (subject->engine->caps.blocks_in_submit)
        return "its calls block, and are never busy";
    if (subject->engine->caps.edge_triggered)
        return "what is there already makes no news after EAGAIN: a false one would be for ever";
    const struct engine_call *call = subject->engine->calls;
    while (call->id != CALL_COUNT && !can_be_busy(subject->engine, call->id))
        call++;
    return call->id == CALL_COUNT ? "the engine makes no call that can be busy" : unless_moves_data(subject);
}

static void busy_is_not_failure(const struct subject *subject)
{
    const uint32_t depth = subject_depth(subject, 8);
    const struct settings settings = subject_settings(subject, depth);
    const bool nonblocking = subject->engine->caps.nonblocking_descriptors;
    struct driver driver;
    struct busy busy = {.driver = &driver};
    uint32_t begun = 0;

    driver_open(&driver, subject, &settings);
    driver.hooks = (struct call_hooks){.context = &busy, .fault = busy_now_and_then};
    while (begun < 64) {
        begun += driver_start(&driver, depth);
        driver_submit(&driver, 1); /* one call may take all the others */
        uint32_t offered = driver.started_count, taken = driver_submit(&driver, offered);

        EXPECT(!nonblocking || taken == offered,
               "submit took %u of %u: a descriptor that is not ready is no reason.", taken, offered);
        driver_take(&driver, driver_reap_due(&driver));
    }
    driver_drain(&driver);
    EXPECT(driver.operations == begun, "%u operations were started and %llu ended.", begun,
           (unsigned long long)driver.operations);
    if (busy.injected == 0)
        not_applicable("the engine makes no call that can be busy");
    driver_close(&driver);
}

/* ------------------------------------------------------------------ cancel-completes */

/* Exactly once, which driver_reap sees to. What release does to a peer is to end it: that is an end of
 * the data, or an error, for all that was not over by then. */
static void expect_cancelled(struct driver *driver)
{
    while (driver->in_flight > 0) {
        uint32_t n = driver_reap_due(driver);

        for (uint32_t i = 0; i < n; i++) {
            ssize_t result = driver->completions[i].result;

            EXPECT(result == -ECANCELED || result > 0 || driver->variant->has_peer,
                   "A cancelled transfer completed with %zd (%s).", result, result < 0 ? strerror((int)-result) : "no bytes");
        }
    }
}

static void cancel_completes(const struct subject *subject)
{
    const uint32_t depth = subject_depth(subject, 4);
    const struct settings settings = subject_settings(subject, depth);
    struct driver driver;

    driver_open_held(&driver, subject, &settings);
    for (int times = 1; times <= 2; times++) { /* asking twice is no other thing */
        driver_fill(&driver, depth);
        for (int i = 0; i < times; i++)
            driver_cancel_all(&driver);
        driver.channel->release(driver.channel_state);
        expect_cancelled(&driver);
    }
    /* Cancelled after it has ended, but before it was reaped. */
    driver_fill(&driver, depth);
    driver.channel->release(driver.channel_state);
    driver_reap(&driver, 1, 1, (int64_t)MS);
    driver_cancel_all(&driver);
    expect_cancelled(&driver);
    driver_close(&driver);
}

static const char *unless_in_flight(const struct subject *subject)
{
    return subject->engine->caps.blocks_in_submit ? "every transfer is over when submit returns"
                                                  : NULL;
}

const struct rule failure_rules[] = {
    {"failure-is-completion", unless_transfers_by_call, failure_is_completion},
    {"busy-is-not-failure", unless_can_be_busy, busy_is_not_failure},
    {"cancel-completes", unless_in_flight, cancel_completes},
    {NULL, NULL, NULL},
};
