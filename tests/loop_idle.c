/* What the loop does about idle descriptors whose reads end: one that was interrupted is started again, another end is
 * an error, and then all that are left are cancelled, the last one too. With an engine that does no I/O and
 * says what is wanted here. Exit 0, or one sentence on standard error. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "loop/loop.h"

#define DEPTH 2
#define IDLE 3
#define SLOTS (DEPTH + IDLE)

static struct request *taken[SLOTS]; /* in flight, by slot */
static int starts[SLOTS], cancels[SLOTS];
static uint32_t reaps;

static _Noreturn void fail(const char *sentence, int number)
{
    fprintf(stderr, "%s: %d\n", sentence, number);
    exit(EXIT_FAILURE);
}

static int open_nothing(void **state, const struct engine_setup *setup)
{
    *state = taken;
    return setup->depth == SLOTS ? 0 : -EINVAL;
}

static void close_nothing(void *state)
{
    (void)state;
}

static int take(void *state, struct request *const *requests, uint32_t n)
{
    (void)state;
    for (uint32_t i = 0; i < n; i++) {
        taken[requests[i]->slot] = requests[i];
        starts[requests[i]->slot]++;
    }
    return (int)n;
}

static uint32_t complete(struct completion *completion, uint32_t slot, ssize_t result)
{
    *completion = (struct completion){.request = taken[slot], .result = result};
    taken[slot] = NULL;
    return 1;
}

/* The first idle read is interrupted and then fails; after that, all end that were cancelled. */
static int reap_as_planned(void *state, struct completion *completions, uint32_t min, uint32_t max,
                           int64_t timeout_ns)
{
    uint32_t n = 0;

    (void)state, (void)min, (void)timeout_ns;
    if (++reaps == 1)
        return (int)complete(completions, DEPTH, -EINTR);
    if (reaps == 2)
        return (int)complete(completions, DEPTH, -EIO);
    for (uint32_t slot = 0; slot < SLOTS && n < max; slot++)
        if (taken[slot] && cancels[slot])
            n += complete(&completions[n], slot, -ECANCELED);
    if (n == 0)
        fail("reap was called, and nothing that was cancelled is in flight", (int)reaps);
    return (int)n;
}

static int note_cancel(void *state, struct request *request)
{
    (void)state;
    if (!taken[request->slot])
        fail("asked to cancel what is not in flight: slot", (int)request->slot);
    cancels[request->slot]++;
    return CANCEL_DONE;
}

static const struct engine planned = {
    .name = "planned",
    .caps = {.streams = true, .waits = true, .moves_data = true, .cancels = true},
    .open = open_nothing,
    .submit = take,
    .reap = reap_as_planned,
    .cancel = note_cancel,
    .close = close_nothing,
};

int main(void)
{
    struct record *record = calloc(1, sizeof *record);
    struct loop_setup setup = {
        .engine = &planned,
        .channel = channel_find("socket"),
        .settings = settings_default(),
        .record = record,
    };
    struct loop *loop;

    if (!record)
        return 2;
    setup.settings.depth = DEPTH;
    setup.settings.idle = IDLE;
    if (loop_open(&loop, &setup) != 0)
        fail("the loop did not open", (int)record->error);
    int error = loop_run(loop, UINT64_C(1000000000), 0, PART_BOTH);
    if (error != -EIO)
        fail("the end of an idle read was no error of the run", error);
    if (starts[DEPTH] != 2 || record->slice.interrupted_transfers != 1)
        fail("an interrupted idle read was not started again", starts[DEPTH]);
    error = loop_close(loop);
    if (error)
        fail("the loop did not close", error);
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        if (cancels[slot] != (slot != DEPTH))
            fail("not cancelled as often as it should be: slot", (int)slot);
    free(record);
    return EXIT_SUCCESS;
}
