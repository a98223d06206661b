/* loop_lends CHANNEL: an engine that uses everything that the loop lends: it checks that each request's descriptor
 * is one of those it was given, and each read's buffer one of the buffers; it reads into buffers of its own, as a whole or
 * in pieces, and wants each back once; and it counts. First its probe says no. Exit 0, or one sentence on standard error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channels/file.h"
#include "engines/transfer.h"
#include "loop/loop.h"

#define DEPTH 3
#define BLOCK 512
#define BLOCKS 64
#define OPERATIONS 200

static char own[DEPTH][BLOCK];
static bool lent_out[DEPTH];
static uint64_t brought, recycled, in_pieces;

static _Noreturn void fail(const char *what, long long number)
{
    fprintf(stderr, "%s: %lld\n", what, number);
    exit(EXIT_FAILURE);
}

struct state {
    struct engine_setup setup;
    struct ready ready;
    uint64_t turns;
};

static int lender_open(void **state, const struct engine_setup *setup)
{
    struct state *lender = calloc(1, sizeof *lender);

    if (!lender)
        return -ENOMEM;
    lender->setup = *setup;
    lender->ready.items = calloc(setup->depth, sizeof *lender->ready.items);
    *state = lender;
    return lender->ready.items ? 0 : -ENOMEM;
}

static void lender_close(void *state)
{
    struct state *lender = state;

    free(lender->ready.items);
    free(lender);
}

static void check_descriptor(const struct engine_setup *setup, const struct request *request)
{
    for (uint32_t i = 0; i < setup->descriptor_count; i++)
        if (setup->descriptors[i] == request->fd)
            return;
    fail("a request names a descriptor that was not lent", request->fd);
}

static void check_buffer(const struct engine_buffers *buffers, const struct request *request)
{
    const char *begin = buffers->base + request->slot * buffers->stride;

    if (request->slot >= buffers->count || request->buffer < begin ||
        request->buffer + request->length > begin + buffers->stride)
        fail("a read goes elsewhere than to its slot's buffer", request->slot);
}

/* Every other one into a buffer of its own; of those, some in two pieces. */
static struct completion read_one(struct state *lender, struct request *request)
{
    struct request mine = *request;
    const bool brings = lender->turns++ % 2 == 0;

    check_buffer(&lender->setup.buffers, request);
    if (brings)
        mine.buffer = own[request->slot];
    if (lender->turns % 3 == 0 && mine.length > 8) {
        mine.length = mine.length / 2 + 1;
        in_pieces++;
    }
    const ssize_t result = transfer(lender->setup.calls, &mine);
    if (!brings || result <= 0)
        return (struct completion){.request = request, .result = result};
    if (lent_out[request->slot])
        fail("a buffer was not given back before the slot's next read", request->slot);
    lent_out[request->slot] = true;
    brought++;
    request->data = mine.buffer;
    return (struct completion){.request = request, .result = result};
}

static int lender_submit(void *state, struct request *const *requests, uint32_t n)
{
    struct state *lender = state;

    for (uint32_t i = 0; i < n; i++) {
        struct request *request = requests[i];

        check_descriptor(&lender->setup, request);
        lender->setup.counters[1]++;
        if (request->operation == OPERATION_READ)
            lender->ready.items[lender->ready.count++] = read_one(lender, request);
        else
            ready_push(&lender->ready, request, transfer(lender->setup.calls, request));
    }
    return (int)n;
}

static int lender_reap(void *state, struct completion *completions, uint32_t min, uint32_t max,
                       int64_t timeout_ns)
{
    struct state *lender = state;

    (void)min, (void)timeout_ns;
    return (int)ready_pop(&lender->ready, completions, max);
}

static int lender_cancel(void *state, struct request *request)
{
    (void)state, (void)request;
    return -ENOTSUP;
}

static void lender_recycle(void *state, const char *data)
{
    (void)state;
    for (uint32_t slot = 0; slot < DEPTH; slot++)
        if (data == own[slot]) {
            if (!lent_out[slot])
                fail("a buffer was given back twice", slot);
            lent_out[slot] = false;
            memset(own[slot], 0xa5, BLOCK); /* whoever looks at it later sees wrong bytes */
            recycled++;
            return;
        }
    fail("what was given back is no buffer of the engine's", 0);
}

static const struct engine lender = {
    .name = "lender",
    .caps = {.files = true, .streams = true, .blocks_in_submit = true, .moves_data = true},
    .counters = (const struct engine_counter[]){{"none", NULL}, {"transfers", NULL}, {NULL, NULL}},
    .open = lender_open,
    .submit = lender_submit,
    .reap = lender_reap,
    .cancel = lender_cancel,
    .recycle = lender_recycle,
    .close = lender_close,
};

static struct settings settings_of(const char *channel)
{
    struct settings settings = settings_default();

    settings.depth = DEPTH;
    settings.verify = 1;
    if (strcmp(channel, "timer") != 0)
        settings.block = BLOCK;
    else
        settings.service_mean_ns = 1000;
    if (strcmp(channel, "file") == 0) {
        settings.workload = WORKLOAD_MIXED;
        settings.file_fd = file_make("/var/tmp", BLOCK * BLOCKS, 7, NULL);
        settings.file_size = BLOCK * BLOCKS;
        settings.file_seed = 7;
    }
    return settings;
}

static const char *probe(const struct trial_question *question)
{
    (void)question;
    return "not on this machine";
}

/* An engine that its probe says cannot work here is never opened: that is n/a, with its reason. */
static void expect_refusal(const struct loop_setup *usual, struct record *record)
{
    struct engine engine = lender;
    struct loop_setup setup = *usual;
    struct loop *loop;

    engine.probe = probe;
    setup.engine = &engine;
    const int error = loop_open(&loop, &setup);
    if (error != -EOPNOTSUPP || record->error_stage != STAGE_ENGINE_OPEN || record->error != EOPNOTSUPP)
        fail("a probe's refusal gave", error);
    if (!record->not_applicable || strcmp((const char *)record->reason, "not on this machine") != 0)
        fail("the record does not say why", (long long)record->not_applicable);
    memset(record, 0, sizeof *record);
}

int main(int count, char **arguments)
{
    struct record *record = calloc(1, sizeof *record);
    const struct channel *channel = count == 2 ? channel_find(arguments[1]) : NULL;
    struct loop *loop;

    if (!record || !channel)
        return 2;
    const struct loop_setup setup = {
        .engine = &lender,
        .channel = channel,
        .settings = settings_of(arguments[1]),
        .record = record,
    };
    expect_refusal(&setup, record);
    if (loop_open(&loop, &setup) != 0)
        fail("the loop did not open", (long long)record->error);
    int error = loop_run(loop, UINT64_C(10000000000), OPERATIONS, PART_BOTH);
    const uint64_t transfers = record->slice.counters[1];
    if (error)
        fail("the slice failed", error);
    if (loop_close(loop) != 0)
        fail("the loop did not close", 0);
    if (record->slice.slice_operations < OPERATIONS || transfers < record->slice.slice_operations)
        fail("too little was counted", (long long)transfers);
    if (brought != recycled || brought < OPERATIONS / 8)
        fail("not all buffers were given back", (long long)(brought - recycled));
    if (setup.settings.block > 8 && (in_pieces == 0 || record->slice.short_transfers < in_pieces))
        fail("nothing came in pieces", (long long)in_pieces);
    free(record);
    return EXIT_SUCCESS;
}
