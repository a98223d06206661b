/* aio_late_callback ENGINE before-close|during-close|after-close: a callback that comes when its transfer's end has
 * long been found by looking. It was late, and is not counted as lost; but after close has given up on it, everything
 * that was lent to the engine is gone. To be built with AddressSanitizer and -Wl,--wrap=aio_read: the C library
 * is asked for no notification, and what it would have called is called here. */
#include <aio.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "engine_names.h"
#include "record.h"

int __real_aio_read(struct aiocb *control);
int __wrap_aio_read(struct aiocb *control);

static struct sigevent withheld;

int __wrap_aio_read(struct aiocb *control)
{
    withheld = control->aio_sigevent;
    control->aio_sigevent.sigev_notify = SIGEV_NONE;
    return __real_aio_read(control);
}

static struct request *nothing_more(void *loop, const struct completion *done)
{
    ++*(uint32_t *)loop;
    (void)done;
    return NULL;
}

static void *call_back(void *nothing)
{
    (void)nothing;
    withheld.sigev_notify_function(withheld.sigev_value);
    return NULL;
}

/* The callback comes when `when` says. */
static int close_engine(const struct engine *engine, void *state, const char *when)
{
    const bool during = strcmp(when, "during-close") == 0;
    pthread_t thread;

    if (strcmp(when, "before-close") == 0)
        call_back(NULL);
    if (during && pthread_create(&thread, NULL, call_back, NULL) != 0)
        return -1;
    engine->close(state);
    return during ? pthread_join(thread, NULL) : 0;
}

/* How many notifications have been lost, or -1. */
static int transfer_one(const struct named_engine *named, struct record *record, uint32_t *chained,
                        const char *when)
{
    const struct engine *engine = &named->engine;
    static char byte;
    static struct engine_resource resources[RESOURCE_COUNT];
    int ends[2], error;
    void *state;
    struct calls calls = {.count = record->slice.calls, .eagain = record->slice.eagain};
    struct calls *lent = malloc(sizeof *lent);
    struct request request = {.offset = OFFSET_STREAM, .buffer = &byte, .length = 1}, *one = &request;
    struct completion done;
    uint32_t ended = 0;

    if (!lent || pipe(ends) < 0 || write(ends[1], "x", 1) != 1)
        return -1;
    *lent = calls;
    request.fd = ends[0];
    const struct engine_setup setup = {
        .resources = resources,
        .depth = 1,
        .calls = lent,
        .options = named->values,
        .counters = record->slice.counters,
        .loop = chained,
        .next = nothing_more,
    };
    error = engine->open(&state, &setup);
    if (error || engine->submit(state, &one, 1) != 1)
        return -1;
    while (ended + *chained == 0) {
        int n = engine->reap(state, &done, 1, 1, 1000000000);

        if (n < 0)
            return -1;
        ended += (uint32_t)n;
    }
    if (ended + *chained != 1 || record->slice.counters[0] != 1)
        return -1;
    if (close_engine(engine, state, when) != 0)
        return -1;
    free(lent);
    return (int)record->slice.counters[0];
}

int main(int count, char **arguments)
{
    struct named_engine named;
    const bool is_known = count == 3 && named_engine_find(&named, arguments[1]);
    struct record *record = calloc(1, sizeof *record);
    uint32_t *chained = calloc(1, sizeof *chained);

    if (!is_known || !record || !chained)
        return 2;
    const bool after = strcmp(arguments[2], "after-close") == 0;
    const int lost = transfer_one(&named, record, chained, arguments[2]);
    if (lost != after) {
        fprintf(stderr, "-1: the read did not end once. Otherwise so many callbacks were lost: %d\n", lost);
        return EXIT_FAILURE;
    }
    free(record);
    free(chained);
    if (after)
        call_back(NULL);
    return EXIT_SUCCESS;
}
