/* The driver (see driver.h). */
#include "driver.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"

#define BUFFER_ALIGNMENT 4096
/* Longer than any service time that a rule waits for, and than a busy machine keeps a peer from its CPU; short, since a lost
 * transfer costs it. */
#define PATIENCE_NS (3000 * MS)
#define LOOK_NS (20 * (int64_t)MS)
/* What buffers hold before a transfer, and completions before a reap. */
#define POISON 0xA5

/* ------------------------------------------------------------------ open and close */

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    EXPECT(memory, "No memory for the suite itself.");
    return memory;
}

static struct request *allocate_requests(size_t count)
{
    struct request *requests = cache_lines(count, sizeof *requests);

    EXPECT(requests, "No memory for the suite itself.");
    return requests;
}

static void read_content(struct driver *driver)
{
    const size_t size = (size_t)driver->settings.file_size;

    driver->content = allocate(1, size);
    EXPECT(pread((int)driver->settings.file_fd, driver->content, size, 0) == (ssize_t)size,
           "The data file could not be read back.");
}

/* How many the channel has; they are kept while the engine is open. */
static uint32_t list_descriptors(struct driver *driver)
{
    const uint32_t count = driver->channel->descriptors(driver->channel_state, NULL, 0);

    driver->descriptors = allocate(count ? count : 1, sizeof *driver->descriptors);
    driver->channel->descriptors(driver->channel_state, driver->descriptors, count);
    driver->flags = allocate(count ? count : 1, sizeof *driver->flags);
    for (uint32_t i = 0; i < count; i++)
        driver->flags[i] = fcntl(driver->descriptors[i], F_GETFL);
    return count;
}

/* An engine that has closed leaves the descriptors as they were: no signal comes of them any more. */
static void expect_as_lent(const struct driver *driver)
{
    const uint32_t count = driver->channel->descriptors(driver->channel_state, NULL, 0);

    for (uint32_t i = 0; i < count; i++) {
        const int fd = driver->descriptors[i], flags = fcntl(fd, F_GETFL);

        EXPECT(flags == driver->flags[i], "The flags of descriptor %d were 0%o, and after close they are 0%o.", fd,
               (unsigned)driver->flags[i], (unsigned)flags);
        EXPECT(fcntl(fd, F_GETOWN) == 0 && fcntl(fd, F_GETSIG) == 0,
               "After close, signals of descriptor %d still have a number or a receiver.", fd);
    }
}

/* Nothing is lent for chaining: the driver starts each request itself. */
static void open_engine(struct driver *driver)
{
    struct engine_setup setup = {
        .resources = driver->resources,
        .depth = driver->depth,
        .options = driver->options,
        .buffers = {driver->buffers, driver->stride, driver->depth},
        .calls = &driver->calls,
        .counters = driver->record->slice.counters,
    };

    setup.descriptor_count = list_descriptors(driver);
    setup.descriptors = driver->descriptors;
    int error = driver->engine->open(&driver->engine_state, &setup);
    EXPECT(error == 0, "The engine did not open: %s.", strerror(-error));
    /* As the loop does: what was called to open it is no part of what is counted then. */
    memset(driver->record->slice.calls, 0, sizeof driver->record->slice.calls);
    memset(driver->record->slice.eagain, 0, sizeof driver->record->slice.eagain);
}

static void open_channel(struct driver *driver)
{
    const struct channel_setup setup = {
        .settings = &driver->settings,
        .nonblocking_descriptors = driver->engine->caps.nonblocking_descriptors,
        .links = driver->engine->caps.links,
        .starts_device = driver->engine->caps.moves_data,
        .record = driver->record,
    };
    int error = driver->channel->open(&driver->channel_state, &setup);

    EXPECT(error == 0, "The channel did not open: %s.", strerror(-error));
}

static void open_with(struct driver *driver, const struct subject *subject,
                      const struct settings *settings)
{
    const uint32_t depth = (uint32_t)settings->depth;
    const size_t block = (size_t)settings->block;
    void *buffers;

    *driver = (struct driver){
        .engine = subject->engine,
        .options = subject->values,
        .channel = subject->channel,
        .variant = subject->variant,
        .settings = *settings,
        .record = record_make(),
        .depth = depth,
        .stride = (block + BUFFER_ALIGNMENT - 1) / BUFFER_ALIGNMENT * BUFFER_ALIGNMENT,
        .requests = allocate_requests(depth),
        .slots = allocate(depth, sizeof *driver->slots),
        .started = allocate(depth, sizeof *driver->started),
        /* More than an engine may ever fill in, so that one which does is caught and not a crash. */
        .completions = allocate(4 * depth + 4, sizeof *driver->completions),
    };
    driver->calls = (struct calls){
        .count = driver->record->slice.calls,
        .eagain = driver->record->slice.eagain,
        .hooks = &driver->hooks,
    };
    EXPECT(posix_memalign(&buffers, BUFFER_ALIGNMENT, depth * driver->stride) == 0,
           "No memory for the suite itself.");
    driver->buffers = buffers;
    for (uint32_t slot = 0; slot < depth; slot++)
        driver->requests[slot].slot = slot;
    if (driver->channel->caps.files)
        read_content(driver);
    open_channel(driver);
    open_engine(driver);
    probe_watch(true);
}

void driver_let_drive(struct driver *driver)
{
    if (driver->settings.server && driver->engine->caps.moves_data)
        driver->channel->drive(driver->channel_state, true);
}

void driver_open(struct driver *driver, const struct subject *subject,
                 const struct settings *settings)
{
    open_with(driver, subject, settings);
    driver_let_drive(driver);
}

void driver_open_held(struct driver *driver, const struct subject *subject,
                      const struct settings *settings)
{
    const struct settings held = settings_held(settings);

    open_with(driver, subject, &held);
}

void driver_close(struct driver *driver)
{
    EXPECT(driver->in_flight == 0, "The rule closed an engine with %u in flight.",
           driver->in_flight);
    probe_watch(false);
    driver->engine->close(driver->engine_state);
    expect_as_lent(driver);
    driver->channel->close(driver->channel_state);
    free(driver->content);
    free(driver->descriptors);
    free(driver->flags);
    free(driver->buffers);
    free(driver->completions);
    free(driver->started);
    free(driver->slots);
    free(driver->requests);
    record_free(driver->record);
}

/* ------------------------------------------------------------------ submit */

uint32_t driver_start(struct driver *driver, uint32_t n)
{
    uint32_t begun = 0;

    for (uint32_t slot = 0; slot < driver->depth && begun < n; slot++) {
        struct request *request = &driver->requests[slot];

        if (driver->slots[slot] != SLOT_IDLE)
            continue;
        request->buffer = driver->buffers + slot * driver->stride;
        request->done = request->moved = 0;
        memset(request->buffer, POISON, (size_t)driver->settings.block);
        request->start_ns = wall_ns();
        int error = driver->channel->start(driver->channel_state, request);
        EXPECT(error == 0, "The channel did not start a request: %s.", strerror(-error));
        driver->slots[slot] = SLOT_STARTED;
        driver->started[driver->started_count++] = request;
        begun++;
    }
    return begun;
}

uint32_t driver_submit(struct driver *driver, uint32_t n)
{
    if (n > driver->started_count)
        n = driver->started_count;
    driver->submits++;
    probe_enter_engine();
    int result = driver->engine->submit(driver->engine_state, driver->started, n);
    probe_leave_engine();

    EXPECT(result >= 0, "submit returned %d (%s).", result, strerror(-result));
    uint32_t taken = (uint32_t)result;
    EXPECT(taken <= n, "submit was offered %u requests and took %u.", n, taken);
    EXPECT(taken > 0 || n == 0 || driver->in_flight > 0,
           "submit took nothing although nothing was in flight.");
    for (uint32_t i = 0; i < taken; i++)
        driver->slots[driver->started[i]->slot] = SLOT_IN_FLIGHT;
    driver->started_count -= taken;
    memmove(driver->started, driver->started + taken,
            driver->started_count * sizeof *driver->started);
    driver->in_flight += taken;
    return taken;
}

/* Where a thread of the kernel's takes the entries, an old wait's timeout or cancel can still lie in the queue: submit is
 * full until that thread has had a CPU. */
void driver_fill(struct driver *driver, uint32_t n)
{
    const uint64_t deadline_ns = wall_ns() + (driver->engine->caps.kernel_polls ? PATIENCE_NS : 0);

    driver_start(driver, n);
    while (driver->started_count > 0) {
        if (driver_submit(driver, driver->started_count) > 0)
            continue;
        EXPECT(wall_ns() < deadline_ns, "submit is full with %u of %u in flight.", driver->in_flight, driver->depth);
        sched_yield();
    }
}

/* ------------------------------------------------------------------ reap */

static void accept_completion(struct driver *driver, const struct request *request)
{
    EXPECT(request >= driver->requests && request < driver->requests + driver->depth,
           "A completion names no request of ours.");
    EXPECT(driver->slots[request->slot] == SLOT_IN_FLIGHT,
           "A request completed that was not in flight: twice, or before it was taken.");
    driver->slots[request->slot] = SLOT_IDLE;
    driver->in_flight--;
}

uint32_t driver_reap(struct driver *driver, uint32_t min, uint32_t max, int64_t timeout_ns)
{
    struct completion poison;

    memset(&poison, POISON, sizeof poison);
    memset(driver->completions, POISON, (4 * driver->depth + 4) * sizeof poison);
    probe_enter_engine();
    int result = driver->engine->reap(driver->engine_state, driver->completions, min, max,
                                      timeout_ns);
    probe_leave_engine();

    EXPECT(result >= 0, "reap returned %d (%s).", result, strerror(-result));
    uint32_t n = (uint32_t)result;
    EXPECT(n <= max, "reap was asked for at most %u completions and returned %u.", max, n);
    EXPECT(n <= driver->in_flight, "reap returned %u completions with %u in flight.", n,
           driver->in_flight);
    EXPECT(driver->completions[max].request == poison.request,
           "reap wrote behind the %u completions there was room for.", max);
    for (uint32_t i = 0; i < n; i++)
        accept_completion(driver, driver->completions[i].request);
    return n;
}

static void check_bytes(const struct driver *driver, const struct request *request)
{
    const int64_t position = request->offset - (int64_t)request->done;
    const char *bytes = request->buffer - request->done;

    if (driver->content)
        EXPECT(memcmp(bytes, driver->content + position, request->done) == 0,
               "The bytes read at %lld are not those of the file.", (long long)position);
}

void driver_take_again(struct driver *driver, struct request *request)
{
    driver->slots[request->slot] = SLOT_STARTED;
    driver->started[driver->started_count++] = request;
}

/* The operation's transfer is complete. */
static void finish(struct driver *driver, struct request *request)
{
    if (driver->engine->caps.moves_data) {
        int more = driver->channel->finish(driver->channel_state, request,
                                            request->buffer - request->moved);
        request->moved = 0;

        EXPECT(more >= 0, "The channel found wrong data: %s.", strerror(-more));
        if (more == CHANNEL_MORE) {
            driver_take_again(driver, request);
            return;
        }
    }
    driver->operations++;
}

static void take_one(struct driver *driver, const struct completion *completion)
{
    struct request *request = completion->request;
    const ssize_t result = completion->result;

    if (operation_is_sync(request->operation) && result == 0) {
        finish(driver, request);
        return;
    }
    EXPECT(result > 0 && (size_t)result <= request->length,
           "A transfer of %zu bytes completed with %zd%s%s.", request->length, result,
           result < 0 ? ": " : "", result < 0 ? strerror((int)-result) : "");
    if (request->data) {
        memcpy(request->buffer, request->data, (size_t)result);
        driver->engine->recycle(driver->engine_state, request->data);
        request->data = NULL;
    }
    request->done += (size_t)result;
    request->moved += (size_t)result;
    request->buffer += result;
    request->length -= (size_t)result;
    if (request->offset != OFFSET_STREAM)
        request->offset += result;
    if (request->length > 0) {
        driver_take_again(driver, request);
        return;
    }
    if (driver->engine->caps.moves_data && request->operation == OPERATION_READ)
        check_bytes(driver, request);
    finish(driver, request);
}

void driver_take(struct driver *driver, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        take_one(driver, &driver->completions[i]);
}

uint32_t driver_reap_due(struct driver *driver)
{
    const uint64_t deadline_ns = wall_ns() + PATIENCE_NS;

    for (;;) {
        uint32_t n = driver_reap(driver, 1, driver->depth, LOOK_NS);

        if (n > 0)
            return n;
        EXPECT(wall_ns() < deadline_ns, "%u accepted requests never completed.", driver->in_flight);
    }
}

void driver_drain(struct driver *driver)
{
    while (driver->in_flight + driver->started_count > 0) {
        if (driver->started_count > 0)
            driver_submit(driver, driver->started_count);
        driver_take(driver, driver_reap_due(driver));
    }
    if (driver->variant->has_peer) {
        int error = driver->channel->check(driver->channel_state, false);

        EXPECT(error == 0, "The peer has ended with wait status %d, or has not got all bytes: %s.",
               (int)driver->record->peer_status - 1, strerror(-error));
    }
}

int driver_cancel(struct driver *driver, struct request *request)
{
    const uint64_t deadline_ns = wall_ns() + PATIENCE_NS;
    int outcome;

    do {
        probe_enter_engine();
        outcome = driver->engine->cancel(driver->engine_state, request);
        probe_leave_engine();
    } while (outcome == -EAGAIN && wall_ns() < deadline_ns);
    return outcome;
}

void driver_cancel_all(struct driver *driver)
{
    for (uint32_t slot = 0; slot < driver->depth; slot++) {
        if (driver->slots[slot] != SLOT_IN_FLIGHT)
            continue;
        const int outcome = driver_cancel(driver, &driver->requests[slot]);

        if (driver->engine->caps.cancels)
            EXPECT(outcome >= 0 && outcome < CANCEL_OUTCOMES, "cancel returned %d.", outcome);
        else
            EXPECT(outcome == -ENOTSUP, "cancel returned %d, and cannot cancel.", outcome);
    }
}

void driver_abandon(struct driver *driver)
{
    if (driver->hooks.fault || driver->hooks.limit)
        driver->hooks = (struct call_hooks){0};
    driver_cancel_all(driver);
    driver->channel->release(driver->channel_state);
    while (driver->in_flight > 0)
        driver_reap_due(driver);
}
