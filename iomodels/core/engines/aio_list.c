/* POSIX AIO, a whole list started with one lio_listio (the article's Listing 4). With LIO_WAIT the call returns
 * when all of the list have ended, so that everything is over when submit returns, and whoever is
 * slow keeps the others waiting. With LIO_NOWAIT it returns at once, and reap sleeps in aio_suspend.
 *
 * A list that is interrupted while it waits (EINTR) leaves pointers into its stack frame with those that are
 * still in flight, and the C library's threads write through them later (glibc's lio_listio.c). So all
 * signals are blocked meanwhile. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "aio_common.h"

struct list_state {
    struct aio_common aio; /* first */
    struct aiocb **list;   /* one call's … */
    struct request **requests; /* … and the requests they are for */
};

static void list_close(void *state)
{
    struct list_state *list = state;

    aio_common_close(&list->aio);
    free(list->list);
    free(list->requests);
    free(list);
}

static int list_open(void **state, const struct engine_setup *setup)
{
    struct list_state *list = calloc(1, sizeof *list);

    if (!list)
        return -ENOMEM;
    int error = aio_common_open(&list->aio, setup, &(struct sigevent){.sigev_notify = SIGEV_NONE}, list);
    list->list = calloc(setup->depth, sizeof *list->list);
    list->requests = calloc(setup->depth, sizeof *list->requests);
    if (!error && (!list->list || !list->requests))
        error = -ENOMEM;
    if (error) {
        list_close(list);
        return error;
    }
    *state = list;
    return 0;
}

/* ------------------------------------------------------------------ starting a list */

/* What aio_error says of a block that could not be queued. glibc leaves the error code as it was when there is
 * no memory for one more, so it has to be there before. */
static void not_queued_yet(struct aiocb *control)
{
#if defined(__GLIBC__)
    control->__error_code = EAGAIN;
#else
    (void)control;
#endif
}

/* How many requests from the first one on are all syncs, or all none. */
static uint32_t alike(struct request *const *requests, uint32_t n)
{
    uint32_t count = 1;

    while (count < n &&
           operation_is_sync(requests[count]->operation) == operation_is_sync(requests[0]->operation))
        count++;
    return count;
}

/* Puts reads and writes into the list; a sync cannot be in one and is started by itself. How many requests were
 * taken, and how many of them are listed. */
static uint32_t gather(struct list_state *list, struct request *const *requests, uint32_t n,
                       uint32_t *listed)
{
    struct aio_common *aio = &list->aio;
    uint32_t taken = 0;

    for (*listed = 0; taken < n && aio_has_room(aio); taken++) {
        struct request *request = requests[taken];
        struct aio_block *block = aio_block_of(aio, request);

        if (operation_is_sync(request->operation)) {
            int error = aio_start(aio, aio->calls, request);

            if (error && !aio_refused(aio, request, error))
                break;
            continue;
        }
        aio_prepare(aio, aio->calls, block, request, CALL_lio_listio);
        not_queued_yet(&block->control);
        aio_started(aio, block, request);
        list->requests[*listed] = request;
        list->list[(*listed)++] = &block->control;
    }
    return taken;
}

/* After a list that was not queued as a whole (or, unless `called`, not at all, with `error`): those that were
 * not are no longer in flight. The last ones of the `taken` may come again later, as if they had not been taken,
 * if something is in flight to wait for; the others have failed. Returns what is left of `taken`. */
static uint32_t give_back(struct list_state *list, struct request *const *requests, uint32_t taken,
                          uint32_t listed, bool called, int error)
{
    struct aio_common *aio = &list->aio;

    for (uint32_t i = 0; i < listed; i++) {
        struct aio_block *block = (struct aio_block *)list->list[i];

        if (called && CALL(aio->calls, aio_error, aio_error(&block->control)) != EAGAIN)
            list->list[i] = NULL;
        else
            aio_forget(aio, block);
    }
    if (called)
        error = -EAGAIN;
    for (uint32_t i = listed; i-- > 0;) {
        struct aio_block *block = (struct aio_block *)list->list[i];

        if (!block)
            continue;
        struct request *request = list->requests[i];

        if (request == requests[taken - 1] && !aio_refused(aio, request, error))
            taken--;
        else if (request != requests[taken - 1])
            ready_push(&aio->ready, request, error);
    }
    return taken;
}

/* Starts what there is room for with one call, or syncs with a call each; how many requests were taken. */
static uint32_t start_list(struct list_state *list, struct request *const *requests, uint32_t n,
                           int mode)
{
    struct aio_common *aio = &list->aio;
    uint32_t listed, taken = gather(list, requests, n, &listed);
    bool called = false; /* a test's fault comes instead of the call */

    if (listed == 0)
        return taken;
    errno = 0;
    if (CALL(aio->calls, lio_listio,
             (called = true, lio_listio(mode, list->list, (int)listed, NULL))) == 0) {
        if (errno)
            aio_look_for_refusal(aio);
        return taken;
    }
    return give_back(list, requests, taken, listed, called, -errno);
}

/* A list for each run of reads and writes between syncs: only from the end of one can requests be given back. */
static uint32_t start_lists(struct list_state *list, struct request *const *requests, uint32_t n, int mode)
{
    uint32_t taken = 0;

    while (taken < n) {
        const uint32_t asked = alike(requests + taken, n - taken);
        const uint32_t got = start_list(list, requests + taken, asked, mode);

        taken += got;
        if (got < asked)
            break;
    }
    return taken;
}

/* ------------------------------------------------------------------ LIO_NOWAIT */

static int nowait_submit(void *state, struct request *const *requests, uint32_t n)
{
    return (int)start_lists(state, requests, n, LIO_NOWAIT);
}

const struct aio_way aio_way_list_nowait = {
    .caps = {
        .files = true,
        .streams = true,
        .waits = true,
        .batches = true,
        .moves_data = true,
        .cancels = true,
    },
    .open = list_open,
    .submit = nowait_submit,
    .reap = aio_reap_suspended,
    .cancel = aio_cancel_request,
    .cancel_descriptor = aio_cancel_descriptor,
    .close = list_close,
};

/* ------------------------------------------------------------------ LIO_WAIT */

static uint32_t start_list_undisturbed(struct list_state *list, struct request *const *requests,
                                       uint32_t n)
{
    struct calls *calls = list->aio.calls;
    struct calls no_hooks = calls_without_hooks(calls); /* it has to succeed */
    sigset_t all, before;

    sigfillset(&all);
    (void)CALL(&no_hooks, sigprocmask, pthread_sigmask(SIG_SETMASK, &all, &before));
    uint32_t taken = start_lists(list, requests, n, LIO_WAIT);
    (void)CALL(&no_hooks, sigprocmask, pthread_sigmask(SIG_SETMASK, &before, NULL));
    return taken;
}

/* All of the list have ended when the call returns; but for a sync, which is not in it, submit waits here. */
static int wait_submit(void *state, struct request *const *requests, uint32_t n)
{
    struct list_state *list = state;
    struct aio_common *aio = &list->aio;
    const uint32_t taken = start_list_undisturbed(list, requests, n);

    for (;;) {
        struct completion completion;

        for (uint32_t i = aio->count; i-- > 0;)
            if (aio_take(aio, aio->calls, aio_block_at(aio, i), &completion))
                ready_push(&aio->ready, completion.request, completion.result);
        if (aio->count == 0)
            return (int)taken;
        int error = aio_wait_for_any(aio, -1);
        if (error && error != -EINTR && error != -EAGAIN)
            return error;
    }
}

static int wait_reap(void *state, struct completion *completions, uint32_t min, uint32_t max,
                     int64_t timeout_ns)
{
    struct list_state *list = state;

    (void)min, (void)timeout_ns;
    return (int)ready_pop(&list->aio.ready, completions, max);
}

static int wait_cancel(void *state, struct request *request)
{
    (void)state, (void)request; /* nothing is in flight but inside submit */
    return -ENOTSUP;
}

const struct aio_way aio_way_list_wait = {
    .caps = {
        .files = true,
        .streams = true,
        .waits = true,
        .batches = true,
        .blocks_in_submit = true,
        .waits_for_all = true,
        .moves_data = true,
    },
    .open = list_open,
    .submit = wait_submit,
    .reap = wait_reap,
    .cancel = wait_cancel,
    .close = list_close,
};
