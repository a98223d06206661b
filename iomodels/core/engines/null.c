/* The null engine: completes every request at once, without any I/O. What a trial with it takes is
 * what the loop itself costs. */
#include <errno.h>
#include <stdlib.h>

#include "engine.h"
#include "transfer.h"

struct null_state {
    struct ready ready;
    uint32_t depth;
};

static int null_open(void **state, const struct engine_setup *setup)
{
    struct null_state *null = calloc(1, sizeof *null);

    if (!null)
        return -ENOMEM;
    null->depth = setup->depth;
    null->ready.items = calloc(setup->depth, sizeof *null->ready.items);
    if (!null->ready.items) {
        free(null);
        return -ENOMEM;
    }
    *state = null;
    return 0;
}

static int null_submit(void *state, struct request *const *requests, uint32_t n)
{
    struct null_state *null = state;
    uint32_t taken = 0;

    for (; taken < n && null->ready.count < null->depth; taken++)
        ready_push(&null->ready, requests[taken], (ssize_t)requests[taken]->length);
    return (int)taken;
}

static int null_reap(void *state, struct completion *completions, uint32_t min, uint32_t max,
                     int64_t timeout_ns)
{
    struct null_state *null = state;

    (void)min, (void)timeout_ns;
    return (int)ready_pop(&null->ready, completions, max);
}

static int null_cancel(void *state, struct request *request)
{
    (void)state, (void)request;
    return -ENOTSUP;
}

static void null_close(void *state)
{
    struct null_state *null = state;

    free(null->ready.items);
    free(null);
}

extern const struct engine engine_null;
const struct engine engine_null = {
    .name = "null",
    .title = "No I/O",
    .calls_in_words = "none",
    .summary = "completes each request at once, without I/O; its time is the overhead of the harness",
    .other_side = "kernel",
    .complexity = COMPLEXITY_ONE_CALL,
    .is_synchronous = true,
    .caps = {.files = true, .streams = true, .blocks_in_submit = true},
    .calls = (const struct engine_call[]){ENGINE_CALLS_END},
    .open = null_open,
    .submit = null_submit,
    .reap = null_reap,
    .cancel = null_cancel,
    .close = null_close,
};
