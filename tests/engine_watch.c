/* The watch on requests and buffers (see engine_watch.h). Its functions run in signal handlers and on callbacks' threads,
 * too. */
#include "engine_watch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define POISON 0xA5
#define TURNS 8
#define LATE_NS 5000000

enum use { UNUSED, IN_USE, POISONED };

struct slot {
    uint64_t started, ended; /* transfers */
    uint32_t turn;
    enum use use[TURNS];
};

static struct slot slots[WATCH_SLOTS];
static _Alignas(4096) char buffers[WATCH_SLOTS][TURNS][WATCH_BLOCK];
static const struct engine *engine_inside;
static const struct channel *channel_inside;
static struct request *(*next_inside)(void *loop, const struct completion *done);

static _Noreturn void fail(const char *sentence)
{
    if (write(STDERR_FILENO, sentence, strlen(sentence)) < 0)
        _exit(3);
    _exit(EXIT_FAILURE);
}

/* ------------------------------------------------------------------ every request ends once */

static void begin(const struct request *request)
{
    struct slot *slot = &slots[request->slot];

    if (slot->started != __atomic_load_n(&slot->ended, __ATOMIC_ACQUIRE))
        fail("A request was started while it was in flight.\n");
    slot->started++;
}

static void end(const struct request *request)
{
    struct slot *slot = &slots[request->slot];

    if (__atomic_add_fetch(&slot->ended, 1, __ATOMIC_ACQ_REL) != slot->started)
        fail("A request completed that was not in flight.\n");
}

static struct request *watched_next(void *loop, const struct completion *done)
{
    end(done->request);
    struct request *request = next_inside(loop, done);
    if (request)
        begin(request);
    return request;
}

static int watched_open(void **state, const struct engine_setup *setup)
{
    struct engine_setup watched = *setup;

    next_inside = setup->next;
    watched.next = watched_next;
    watched.buffers = (struct engine_buffers){buffers[0][0], sizeof buffers[0], setup->depth};
    return engine_inside->open(state, &watched);
}

/* Before the call: one may end before the call returns. */
static int watched_submit(void *state, struct request *const *requests, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        begin(requests[i]);
    int taken = engine_inside->submit(state, requests, n);
    for (uint32_t i = taken > 0 ? (uint32_t)taken : 0; i < n; i++)
        slots[requests[i]->slot].started--;
    return taken;
}

static int watched_reap(void *state, struct completion *completions, uint32_t min, uint32_t max,
                        int64_t timeout_ns)
{
    int n = engine_inside->reap(state, completions, min, max, timeout_ns);

    for (int i = 0; i < n; i++)
        end(completions[i].request);
    return n;
}

const struct engine *watch_engine(const struct engine *engine)
{
    static struct engine watched;

    engine_inside = engine;
    watched = *engine;
    watched.open = watched_open;
    watched.submit = watched_submit;
    watched.reap = watched_reap;
    return &watched;
}

/* ------------------------------------------------------------------ nobody writes late */

static void poison(uint32_t slot, uint32_t turn)
{
    memset(buffers[slot][turn], POISON, WATCH_BLOCK);
    slots[slot].use[turn] = POISONED;
}

static void check(uint32_t slot, uint32_t turn)
{
    const char *buffer = buffers[slot][turn];

    if (slots[slot].use[turn] != POISONED)
        return;
    if (buffer[0] != (char)POISON || memcmp(buffer, buffer + 1, WATCH_BLOCK - 1) != 0)
        fail("A buffer was written to after its request had ended.\n");
}

static int watched_start(void *state, struct request *request)
{
    struct slot *slot = &slots[request->slot];

    slot->turn = (slot->turn + 1) % TURNS;
    check(request->slot, slot->turn);
    slot->use[slot->turn] = IN_USE;
    request->buffer = buffers[request->slot][slot->turn];
    return channel_inside->start(state, request);
}

static int watched_finish(void *state, struct request *request, const char *bytes)
{
    int more = channel_inside->finish(state, request, bytes);

    if (more != CHANNEL_MORE)
        poison(request->slot, slots[request->slot].turn);
    return more;
}

static void watched_abandon(void *state, struct request *request)
{
    if (channel_inside->abandon)
        channel_inside->abandon(state, request);
    poison(request->slot, slots[request->slot].turn);
}

const struct channel *watch_channel(const struct channel *channel)
{
    static struct channel watched;

    channel_inside = channel;
    watched = *channel;
    watched.start = watched_start;
    watched.finish = watched_finish;
    watched.abandon = watched_abandon;
    return &watched;
}

uint64_t watch_end(void)
{
    uint64_t transfers = 0;

    for (uint32_t slot = 0; slot < WATCH_SLOTS; slot++) {
        if (slots[slot].started != slots[slot].ended)
            fail("The loop was closed, and a request has not ended.\n");
        transfers += slots[slot].ended;
        for (uint32_t turn = 0; turn < TURNS; turn++)
            if (slots[slot].use[turn] == IN_USE) /* it ended after a stop, unseen by the channel */
                poison(slot, turn);
    }
    nanosleep(&(struct timespec){.tv_nsec = LATE_NS}, NULL);
    for (uint32_t slot = 0; slot < WATCH_SLOTS; slot++)
        for (uint32_t turn = 0; turn < TURNS; turn++)
            check(slot, turn);
    memset(slots, 0, sizeof slots);
    return transfers;
}
