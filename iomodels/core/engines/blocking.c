/* Synchronous blocking I/O (the article's Figure 2): submit makes the call, and the call returns
 * when the data is there. One thread waits for one thing, so the depth is 1. */
#include <errno.h>
#include <stdlib.h>

#include "engine.h"
#include "transfer.h"

struct blocking_state {
    struct calls *calls;
    struct completion complete; /* .request is NULL where there is none */
};

static int blocking_open(void **state, const struct engine_setup *setup)
{
    struct blocking_state *blocking = calloc(1, sizeof *blocking);

    if (!blocking)
        return -ENOMEM;
    blocking->calls = setup->calls;
    *state = blocking;
    return 0;
}

static int blocking_submit(void *state, struct request *const *requests, uint32_t n)
{
    struct blocking_state *blocking = state;

    if (n == 0 || blocking->complete.request)
        return 0;
    blocking->complete.result = transfer(blocking->calls, requests[0]);
    blocking->complete.request = requests[0];
    return 1;
}

static int blocking_reap(void *state, struct completion *completions, uint32_t min, uint32_t max,
                         int64_t timeout_ns)
{
    struct blocking_state *blocking = state;

    (void)min, (void)timeout_ns;
    if (!blocking->complete.request || max == 0)
        return 0;
    completions[0] = blocking->complete;
    blocking->complete.request = NULL;
    return 1;
}

static int blocking_cancel(void *state, struct request *request)
{
    (void)state, (void)request;
    return -ENOTSUP;
}

static void blocking_close(void *state)
{
    free(state);
}

extern const struct engine engine_blocking;
const struct engine engine_blocking = {
    .name = "blocking",
    .title = "Blocking",
    .calls_in_words = "read / write",
    .summary = "the call returns when the data has been transferred; the thread sleeps until then",
    .other_side = "kernel",
    .news = NEWS_COMPLETION,
    .worker = WORKER_CALLER,
    .complexity = COMPLEXITY_ONE_CALL,
    .is_synchronous = true,
    .is_blocking = true,
    .in_matrix = true,
    .figure = 2,
    .instead = "threads",
    .calls = (const struct engine_call[]){TRANSFER_CALLS(SLEEPS_ON_STREAMS), ENGINE_CALLS_END},
    .caps = {
        .files = true,
        .streams = true,
        .blocks_in_submit = true,
        .moves_data = true,
        .max_depth = 1,
    },
    .open = blocking_open,
    .submit = blocking_submit,
    .reap = blocking_reap,
    .cancel = blocking_cancel,
    .close = blocking_close,
};
