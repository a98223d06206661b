/* POSIX AIO (the article's Figure 5): submit queues with aio_read/aio_write; the C library's threads
 * do the transfer. Two ways to learn of completion so far, each an engine of its own in the table:
 * aio_suspend (Listing 3) and polling aio_error (Listing 2).
 *
 * What surprises in glibc's implementation (a pool of threads in user space, no kernel AIO):
 *  - Requests of one descriptor run one after another on one thread. Depth helps only across
 *    descriptors.
 *  - At most 20 threads unless aio_init says otherwise, and only before the first request.
 *  - Idle threads stay for a second after the last request; nothing can be done about that. */
#include <aio.h>
#include <errno.h>
#include <stdlib.h>

#include "engine.h"
#include "transfer.h"

struct aio_state {
    struct calls *calls;
    uint32_t depth;
    struct aiocb *blocks;            /* by slot */
    struct request **requests;       /* in flight, dense, in the same order as … */
    const struct aiocb **in_flight;  /* … their control blocks: aio_suspend's list */
    uint32_t count;
    struct ready refused;            /* what aio_read would not queue, with its error */
};

static void aio_engine_close(void *state)
{
    struct aio_state *aio = state;

    free(aio->blocks);
    free(aio->requests);
    free(aio->in_flight);
    free(aio->refused.items);
    free(aio);
}

static void size_pool(const struct engine_setup *setup)
{
#if defined(__GLIBC__)
    uint32_t threads = setup->threads ? setup->threads : setup->depth;

    /* aio_num sizes a table of requests that grows in any case; glibc rounds it up to 32. */
    aio_init(&(struct aioinit){
        .aio_threads = (int)threads,
        .aio_num = (int)setup->depth,
        .aio_idle_time = 1,
    });
#else
    (void)setup; /* musl has no pool: it starts a thread for each request */
#endif
}

static int aio_engine_open(void **state, const struct engine_setup *setup)
{
    struct aio_state *aio = calloc(1, sizeof *aio);

    if (!aio)
        return -ENOMEM;
    aio->calls = setup->calls;
    aio->depth = setup->depth;
    aio->blocks = calloc(setup->depth, sizeof *aio->blocks);
    aio->requests = calloc(setup->depth, sizeof(struct request *));
    aio->in_flight = calloc(setup->depth, sizeof(struct aiocb *));
    aio->refused.items = calloc(setup->depth, sizeof *aio->refused.items);
    if (!aio->blocks || !aio->requests || !aio->in_flight || !aio->refused.items) {
        aio_engine_close(aio);
        return -ENOMEM;
    }
    size_pool(setup);
    *state = aio;
    return 0;
}

static int start(struct aio_state *aio, struct request *request)
{
    struct aiocb *block = &aio->blocks[request->slot];
    bool reads = request->operation == OPERATION_READ;
    enum call_id id = reads ? CALL_aio_read : CALL_aio_write;

    *block = (struct aiocb){
        .aio_fildes = request->fd,
        .aio_buf = request->buffer,
        .aio_nbytes = calls_limit(aio->calls, id, request->length),
        /* For a descriptor without a position glibc first tries pread at this offset, gets ESPIPE,
         * and then reads: two system calls for each transfer on a stream. */
        .aio_offset = request->offset == OFFSET_STREAM ? 0 : request->offset,
        .aio_sigevent = {.sigev_notify = SIGEV_NONE},
    };
    int result = reads ? CALL(aio->calls, aio_read, aio_read(block))
                       : CALL(aio->calls, aio_write, aio_write(block));
    if (result < 0)
        return -errno;
    aio->requests[aio->count] = request;
    aio->in_flight[aio->count++] = block;
    return 0;
}

static int aio_submit(void *state, struct request *const *requests, uint32_t n)
{
    struct aio_state *aio = state;
    uint32_t taken = 0;

    for (; taken < n && aio->count + aio->refused.count < aio->depth; taken++) {
        int error = start(aio, requests[taken]);

        /* EAGAIN: no resources for one more at this moment. With nothing in flight none would ever
         * come free, so then it is an error like any other. */
        if (error == -EAGAIN && aio->count + aio->refused.count > 0)
            break;
        if (error)
            ready_push(&aio->refused, requests[taken], error);
    }
    return (int)taken;
}

/* Fetches up to `max` of those that have ended; the last one in flight takes a fetched one's place. */
static uint32_t collect(struct aio_state *aio, struct completion *completions, uint32_t max)
{
    uint32_t n = ready_pop(&aio->refused, completions, max), i = 0;

    while (i < aio->count && n < max) {
        struct request *request = aio->requests[i];
        struct aiocb *block = &aio->blocks[request->slot];
        int error = CALL(aio->calls, aio_error, aio_error(block));

        if (error == EINPROGRESS) {
            i++;
            continue;
        }
        /* aio_return exactly once, and only now; its errno is what aio_error said. */
        errno = error;
        ssize_t result = CALL(aio->calls, aio_return, aio_return(block));
        completions[n++] = (struct completion){
            .request = request,
            .result = result < 0 ? -errno : result,
        };
        aio->count--;
        aio->requests[i] = aio->requests[aio->count];
        aio->in_flight[i] = aio->in_flight[aio->count];
    }
    return n;
}

static int aio_reap_poll(void *state, struct completion *completions, uint32_t min, uint32_t max,
                         int64_t timeout_ns)
{
    (void)min, (void)timeout_ns;
    return (int)collect(state, completions, max);
}

static int suspend(struct aio_state *aio, int64_t timeout_ns)
{
    struct timespec timeout = {
        .tv_sec = (time_t)(timeout_ns / 1000000000),
        .tv_nsec = (long)(timeout_ns % 1000000000),
    };
    int result = CALL(aio->calls, aio_suspend,
                      aio_suspend(aio->in_flight, (int)aio->count, timeout_ns < 0 ? NULL : &timeout));

    return result < 0 ? -errno : 0;
}

static int aio_reap_suspend(void *state, struct completion *completions, uint32_t min,
                            uint32_t max, int64_t timeout_ns)
{
    struct aio_state *aio = state;
    uint32_t n = min == 0 || aio->refused.count > 0 ? collect(aio, completions, max) : 0;

    while (n < min && aio->count > 0) {
        int error = suspend(aio, timeout_ns);

        if (error && error != -EAGAIN && error != -EINTR)
            return n ? (int)n : error;
        n += collect(aio, completions + n, max - n);
        if (error) /* the time is over, or a signal came */
            break;
    }
    return (int)n;
}

static int aio_engine_cancel(void *state, struct request *request)
{
    struct aio_state *aio = state;
    struct aiocb *block = &aio->blocks[request->slot];
    int result = CALL(aio->calls, aio_cancel, aio_cancel(request->fd, block));

    return result < 0 ? -errno : 0;
}

extern const struct engine engine_aio, engine_aio_poll;

const struct engine engine_aio = {
    .name = "aio",
    .caps = {.files = true, .streams = true, .waits = true, .moves_data = true, .cancels = true},
    .open = aio_engine_open,
    .submit = aio_submit,
    .reap = aio_reap_suspend,
    .cancel = aio_engine_cancel,
    .close = aio_engine_close,
};

const struct engine engine_aio_poll = {
    .name = "aio-poll",
    .caps = {.files = true, .streams = true, .spins = true, .moves_data = true, .cancels = true},
    .open = aio_engine_open,
    .submit = aio_submit,
    .reap = aio_reap_poll,
    .cancel = aio_engine_cancel,
    .close = aio_engine_close,
};
