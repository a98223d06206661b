/* aio_late_callback ENGINE: a callback that comes when close has given up on it, and everything that was lent to the
 * engine is gone. To be built with AddressSanitizer and -Wl,--wrap=aio_read: the C library is asked for no
 * notification, and what it would have called is called in the end. */
#include <aio.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine.h"
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

static int transfer_one(const struct engine *engine, struct record *record, uint32_t *chained)
{
    static char byte;
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
        .depth = 1,
        .calls = lent,
        .signals_lost = &record->slice.signals_lost,
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
    engine->close(state);
    free(lent);
    return ended + *chained == 1 && record->slice.signals_lost == 1 ? 0 : -1;
}

int main(int count, char **arguments)
{
    const struct engine *engine = count == 2 ? engine_find(arguments[1]) : NULL;
    struct record *record = calloc(1, sizeof *record);
    uint32_t *chained = calloc(1, sizeof *chained);

    if (!engine || !record || !chained)
        return 2;
    if (transfer_one(engine, record, chained) < 0) {
        fprintf(stderr, "The one read did not end once, with its callback lost.\n");
        return EXIT_FAILURE;
    }
    free(record);
    free(chained);
    withheld.sigev_notify_function(withheld.sigev_value);
    return EXIT_SUCCESS;
}
