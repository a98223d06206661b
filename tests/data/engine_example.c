/* An engine that nobody ships: what is not ready is waited for with ppoll. It shows that an engine is one file and one
 * line in registry.c (test_new_engine.py), with an option, a counter and everything that it says of itself.
 * Compiled as engines/example.c of a copy of the core. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "transfer.h"

enum { OPTION_ORDER, OPTION_LUGGAGE };
enum { ORDER_OLDEST, ORDER_NEWEST };
enum { COUNTER_WAITS };

struct example_state {
    struct calls *calls;
    uint64_t *waits;
    uint32_t depth;
    bool newest_first;
    struct pending pending;
    struct ready ready;
    struct pollfd *polled; /* by place in `pending` */
    char *luggage;         /* of no use: a test looks whether it is seen */
};

static void example_close(void *state)
{
    struct example_state *example = state;

    free(example->pending.items);
    free(example->ready.items);
    free(example->polled);
    free(example->luggage);
    free(example);
}

static int example_open(void **state, const struct engine_setup *setup)
{
    struct example_state *example = calloc(1, sizeof *example);

    if (!example)
        return -ENOMEM;
    example->calls = setup->calls;
    example->waits = &setup->counters[COUNTER_WAITS];
    example->depth = setup->depth;
    example->newest_first = setup->options[OPTION_ORDER] == ORDER_NEWEST;
    example->pending.items = calloc(setup->depth, sizeof(struct request *));
    example->ready.items = calloc(setup->depth, sizeof *example->ready.items);
    example->polled = calloc(setup->depth, sizeof *example->polled);
    const size_t luggage = (size_t)setup->options[OPTION_LUGGAGE] * 1024;
    example->luggage = malloc(luggage + 1);
    if (!example->pending.items || !example->ready.items || !example->polled || !example->luggage) {
        example_close(example);
        return -ENOMEM;
    }
    memset(example->luggage, 1, luggage + 1);
    *state = example;
    return 0;
}

static int example_submit(void *state, struct request *const *requests, uint32_t n)
{
    struct example_state *example = state;
    uint32_t taken = 0;

    for (; taken < n && example->pending.count + example->ready.count < example->depth; taken++) {
        ssize_t result = transfer(example->calls, requests[taken]);

        if (result == -EAGAIN)
            pending_push(&example->pending, requests[taken]);
        else
            ready_push(&example->ready, requests[taken], result);
    }
    return (int)taken;
}

static void transfer_one(struct example_state *example, uint32_t place, uint32_t max)
{
    struct request *request = example->pending.items[place];

    if (!example->polled[place].revents || example->ready.count >= max)
        return;
    ssize_t result = transfer(example->calls, request);
    if (result == -EAGAIN)
        return;
    example->pending.items[place] = NULL;
    ready_push(&example->ready, request, result);
}

static void transfer_ready(struct example_state *example, uint32_t max)
{
    const uint32_t count = example->pending.count;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++)
        transfer_one(example, example->newest_first ? count - 1 - i : i, max);
    for (uint32_t i = 0; i < count; i++)
        if (example->pending.items[i])
            example->pending.items[kept++] = example->pending.items[i];
    example->pending.count = kept;
}

/* Descriptors found ready; 0 when the time is over; -errno. */
static int wait_once(struct example_state *example, uint32_t max, int64_t timeout_ns)
{
    const struct timespec timeout = {
        .tv_sec = (time_t)(timeout_ns / 1000000000),
        .tv_nsec = (long)(timeout_ns % 1000000000),
    };

    for (uint32_t i = 0; i < example->pending.count; i++) {
        const struct request *request = example->pending.items[i];

        example->polled[i] = (struct pollfd){
            .fd = request->fd,
            .events = request->operation == OPERATION_READ ? POLLIN : POLLOUT,
        };
    }
    ++*example->waits;
    int n = CALL(example->calls, ppoll,
                 ppoll(example->polled, example->pending.count, timeout_ns < 0 ? NULL : &timeout, NULL));

    if (n < 0)
        return -errno;
    if (n > 0)
        transfer_ready(example, max);
    return n;
}

static int example_reap(void *state, struct completion *completions, uint32_t min, uint32_t max,
                        int64_t timeout_ns)
{
    struct example_state *example = state;
    int n = 1;

    if (min == 0 && example->ready.count == 0 && example->pending.count > 0)
        n = wait_once(example, max, 0);
    while (n > 0 && example->ready.count < min && example->pending.count > 0)
        n = wait_once(example, max, timeout_ns);
    if (n < 0 && n != -EINTR)
        return n;
    return (int)ready_pop(&example->ready, completions, max);
}

static int example_cancel(void *state, struct request *request)
{
    struct example_state *example = state;

    if (!pending_remove(&example->pending, request))
        return CANCEL_ALREADY_COMPLETE;
    ready_push(&example->ready, request, -ECANCELED);
    return CANCEL_DONE;
}

static const char *example_cannot(const struct trial_question *question)
{
    return question->settings->sync != SYNC_NONE ? "the example does not care whether data is safe" : NULL;
}

static const char *example_degenerate(const struct trial_question *question)
{
    return question->on_files ? "the example finds files always ready" : NULL;
}

static const struct engine_option options[] = {
    [OPTION_ORDER] = {
        .name = "order",
        .meaning = "which of those that are ready come first",
        .choices = (const char *const[]){"oldest", "newest", NULL},
    },
    [OPTION_LUGGAGE] = {
        .name = "luggage",
        .meaning = "KiB of memory that it fills, and never uses",
        .high = 4096,
    },
    {.name = NULL},
};

extern const struct engine engine_example;
const struct engine engine_example = {
    .name = "example",
    .title = "An example",
    .calls_in_words = "ppoll, then read / write",
    .summary = "an engine that only a test has",
    .other_side = "example kernel",
    .news = NEWS_READINESS,
    .worker = WORKER_CALLER,
    .complexity = COMPLEXITY_READINESS,
    .is_blocking = true,
    .figure = 4,
    .caps = {
        .files = true,
        .streams = true,
        .waits = true,
        .nonblocking_descriptors = true,
        .moves_data = true,
        .cancels = true,
    },
    .options = options,
    .calls = (const struct engine_call[]){
        TRANSFER_CALLS(0),
        {CALL_ppoll, CLASS_WAIT, SLEEPS_ANYWHERE},
        ENGINE_CALLS_END,
    },
    .counters = (const struct engine_counter[]){
        [COUNTER_WAITS] = {"example_waits", "were waited for, which is no news"},
        {NULL, NULL},
    },
    .cannot = example_cannot,
    .degenerate = example_degenerate,
    .open = example_open,
    .submit = example_submit,
    .reap = example_reap,
    .cancel = example_cancel,
    .close = example_close,
};
