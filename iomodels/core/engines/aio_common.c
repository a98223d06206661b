/* What all ways of POSIX AIO share (see aio_common.h). */
#include "aio_common.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "process.h"

/* While transfers are in flight that no notification will announce. */
#define SILENT_PATIENCE_NS 1000000
/* As many looks without waiting count as one wait. */
#define LOOKS 64

/* ------------------------------------------------------------------ open and close */

static uint32_t fewer(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* The pool's bound, and how many threads can be wanted at once: one for each descriptor. */
static void size_pool(const struct engine_setup *setup)
{
    const int64_t wanted = setup->options[AIO_OPTION_THREADS];
    const uint32_t threads = wanted ? (uint32_t)wanted : setup->depth;
    const uint32_t needed = fewer(threads, fewer(setup->depth, setup->descriptor_count));

    setup->resources[RESOURCE_THREADS] = (struct engine_resource){.asked = needed, .obtained = needed};
#if defined(__GLIBC__)

    /* aio_num sizes a table of requests that grows in any case; glibc rounds it up to 32. */
    aio_init(&(struct aioinit){
        .aio_threads = (int)threads,
        .aio_num = (int)setup->depth,
        .aio_idle_time = 1,
    });
#endif /* musl has no pool: it starts a thread for each descriptor's requests */
}

static void thread_refused(struct aio_common *aio)
{
    struct engine_resource *threads = aio->threads;
    const uint64_t all = process_threads(), helpers = all ? all - 1 : 0;

    if (engine_resource_lacks(threads))
        return; /* it is known */
    /* Others than the pool's may be among them, such as callbacks'. */
    __atomic_store_n(&threads->obtained, helpers < threads->asked ? helpers : 0, __ATOMIC_RELAXED);
}

void aio_look_for_refusal(struct aio_common *aio)
{
    /* No room for a thread's stack, or an allocation that found its memory elsewhere: then no thread is missing. */
    const bool no_room = errno == ENOMEM && process_threads() <= aio->threads->asked;

    if (errno == EAGAIN || no_room)
        thread_refused(aio);
}

void aio_common_close(struct aio_common *aio)
{
    free(aio->blocks);
    free(aio->in_flight);
    free(aio->ready.items);
}

int aio_common_open(struct aio_common *aio, const struct engine_setup *setup,
                    const struct sigevent *event, void *owner)
{
    *aio = (struct aio_common){
        .calls = setup->calls,
        .depth = setup->depth,
        .notify = event->sigev_notify,
        .blocks = calloc(setup->depth, sizeof *aio->blocks),
        .in_flight = calloc(setup->depth, sizeof(struct aiocb *)),
        .ready.items = calloc(setup->depth, sizeof *aio->ready.items),
        .lost = &setup->counters[AIO_COUNTER_LOST],
        .threads = &setup->resources[RESOURCE_THREADS],
    };
    if (!aio->blocks || !aio->in_flight || !aio->ready.items)
        return -ENOMEM;
    for (uint32_t slot = 0; slot < setup->depth; slot++) {
        struct aio_block *block = &aio->blocks[slot];

        block->owner = owner;
        block->control.aio_sigevent = *event;
        block->control.aio_sigevent.sigev_value.sival_ptr = block;
    }
    size_pool(setup);
    return 0;
}

void aio_quiet_close(void *state)
{
    aio_common_close(state);
    free(state);
}

int aio_quiet_open(void **state, const struct engine_setup *setup)
{
    struct aio_common *aio = calloc(1, sizeof *aio);

    if (!aio)
        return -ENOMEM;
    int error = aio_common_open(aio, setup, &(struct sigevent){.sigev_notify = SIGEV_NONE}, aio);
    if (error) {
        aio_quiet_close(aio);
        return error;
    }
    *state = aio;
    return 0;
}

/* ------------------------------------------------------------------ starting */

void aio_prepare(struct aio_common *aio, struct calls *calls, struct aio_block *block,
                 struct request *request, enum call_id id)
{
    struct aiocb *control = &block->control;

    control->aio_fildes = request->fd;
    control->aio_buf = request->buffer;
    control->aio_nbytes = calls_limit(calls, id, request->length);
    /* For a descriptor without a position glibc first tries pread at this offset, gets ESPIPE, and
     * then reads: two system calls for each transfer on a stream. */
    control->aio_offset = request->offset == OFFSET_STREAM ? 0 : request->offset;
    control->aio_lio_opcode = request->operation == OPERATION_READ ? LIO_READ : LIO_WRITE;
    control->aio_sigevent.sigev_notify = aio->notify;
    block->silent = false;
    block->called_back = false;
}

void aio_started(struct aio_common *aio, struct aio_block *block, struct request *request)
{
    block->request = request;
    block->order = aio->started++;
    block->place = aio->count;
    aio->in_flight[aio->count++] = &block->control;
}

/* The last one in flight takes the place of the one that has ended. */
void aio_forget(struct aio_common *aio, struct aio_block *block)
{
    struct aio_block *last = aio_block_at(aio, --aio->count);

    last->place = block->place;
    aio->in_flight[block->place] = &last->control;
    block->request = NULL;
}

static int call_to_queue(struct calls *calls, const struct request *request, struct aiocb *control)
{
    switch (request->operation) {
    case OPERATION_READ:
        return CALL(calls, aio_read, aio_read(control));
    case OPERATION_WRITE:
        return CALL(calls, aio_write, aio_write(control));
    case OPERATION_DATA_SYNC:
        return CALL(calls, aio_fsync, aio_fsync(O_DSYNC, control));
    case OPERATION_SYNC:
    default:
        return CALL(calls, aio_fsync, aio_fsync(O_SYNC, control));
    }
}

static int queue(struct aio_common *aio, struct calls *calls, const struct request *request,
                 struct aiocb *control)
{
    errno = 0;
    const int result = call_to_queue(calls, request, control);

    if (__builtin_expect(result == 0 && errno != 0, 0))
        aio_look_for_refusal(aio);
    return result;
}

int aio_start(struct aio_common *aio, struct calls *calls, struct request *request)
{
    struct aio_block *block = aio_block_of(aio, request);

    aio_prepare(aio, calls, block, request,
                request->operation == OPERATION_READ ? CALL_aio_read : CALL_aio_write);
    /* Before the call: a callback may come before it has returned. */
    aio_started(aio, block, request);
    if (queue(aio, calls, request, &block->control) == 0)
        return 0;
    aio_forget(aio, block);
    return -errno;
}

bool aio_refused(struct aio_common *aio, struct request *request, int error)
{
    /* EAGAIN: no resources for one more at this moment. With nothing in flight none would ever come
     * free, so then it is an error like any other. */
    if (error == -EAGAIN && aio->count + aio->ready.count > 0)
        return false;
    if (error == -EAGAIN)
        thread_refused(aio);
    ready_push(&aio->ready, request, error);
    return true;
}

int aio_submit_each(void *state, struct request *const *requests, uint32_t n)
{
    struct aio_common *aio = state;
    uint32_t taken = 0;

    for (; taken < n && aio_has_room(aio); taken++) {
        int error = aio_start(aio, aio->calls, requests[taken]);

        if (error && !aio_refused(aio, requests[taken], error))
            break;
    }
    return (int)taken;
}

/* ------------------------------------------------------------------ fetching */

bool aio_take(struct aio_common *aio, struct calls *calls, struct aio_block *block,
              struct completion *completion)
{
    int error = CALL(calls, aio_error, aio_error(&block->control));

    if (error == EINPROGRESS)
        return false;
    /* aio_return exactly once, and only now; its errno is what aio_error said. */
    errno = error;
    ssize_t result = CALL(calls, aio_return, aio_return(&block->control));
    *completion = (struct completion){
        .request = block->request,
        .result = result < 0 ? -errno : result,
    };
    aio_forget(aio, block);
    return true;
}

uint32_t aio_collect(struct aio_common *aio, struct completion *completions, uint32_t max)
{
    uint32_t n = ready_pop(&aio->ready, completions, max), i = 0;

    while (i < aio->count && n < max) {
        if (aio_take(aio, aio->calls, aio_block_at(aio, i), &completions[n]))
            n++;
        else
            i++;
    }
    return n;
}

int aio_wait_for_any(struct aio_common *aio, int64_t timeout_ns)
{
    const struct timespec timeout = timespec_of(timeout_ns);
    int result = CALL(aio->calls, aio_suspend,
                      aio_suspend(aio->in_flight, (int)aio->count, timeout_ns < 0 ? NULL : &timeout));

    return result < 0 ? -errno : 0;
}

int aio_reap_suspended(void *state, struct completion *completions, uint32_t min, uint32_t max,
                       int64_t timeout_ns)
{
    struct aio_common *aio = state;
    uint32_t n = min == 0 || aio->ready.count > 0 ? aio_collect(aio, completions, max) : 0;

    while (n < min && aio->count > 0) {
        int error = aio_wait_for_any(aio, timeout_ns);

        if (error && error != -EAGAIN && error != -EINTR)
            return n ? (int)n : error;
        n += aio_collect(aio, completions + n, max - n);
        if (error) /* the time is over, or a signal came */
            break;
    }
    return (int)n;
}

/* ------------------------------------------------------------------ notifications that get lost */

static void count_lost(struct aio_common *aio, int by)
{
    if (!aio->lost || (by < 0 && *aio->lost == 0)) /* a new slice began counting anew */
        return;
    *aio->lost += (uint64_t)by;
}

/* The notification could not be sent, and glibc has put EAGAIN in the place of the result. (It cannot be the
 * transfer's own: these descriptors block.) The same bytes at the same place can be transferred again,
 * and now without a notification, which could fail again. What came from a stream is gone: how many bytes
 * there were, nobody knows. And what was appended would be there twice. */
static bool repeat(struct aio_common *aio, struct calls *calls, struct aio_block *block,
                   struct completion *completion)
{
    struct request *request = completion->request;

    if (aio->ending || request->offset == OFFSET_STREAM ||
        (request->appends && request->operation == OPERATION_WRITE))
        return false;
    block->control.aio_sigevent.sigev_notify = SIGEV_NONE;
    aio_started(aio, block, request);
    if (queue(aio, calls, request, &block->control) < 0) {
        completion->result = -errno;
        aio_forget(aio, block);
        return false;
    }
    block->silent = true;
    aio->silent++;
    return true;
}

void aio_came_late(struct aio_common *aio, struct aio_block *block)
{
    if (!block->given_up)
        return;
    block->given_up--;
    count_lost(aio, -1);
}

/* Three cases besides the plain one. A notification may come late: after its transfer's end was found by
 * looking; then the block rests, or is in flight again, or has even ended again. A transfer's end may be found
 * without a notification: it counts as lost until it comes after all. And a repeated one has none. */
bool aio_take_notified(struct aio_common *aio, struct calls *calls, struct aio_block *block,
                       bool announced, struct completion *completion)
{
    const bool silent = block->silent;
    const bool ended = block->request && aio_take(aio, calls, block, completion);

    if (announced && (!ended || silent))
        aio_came_late(aio, block);
    if (!ended)
        return false;
    if (silent) {
        block->silent = false;
        aio->silent--;
        return true;
    }
    const bool overwritten = completion->result == -EAGAIN;
    if (!announced || overwritten) {
        count_lost(aio, 1);
        block->given_up += !overwritten;
    }
    if (overwritten && block->called_back) { /* the result that went lost is known */
        completion->result = -ECANCELED;
        return true;
    }
    return !overwritten || !repeat(aio, calls, block, completion);
}

int64_t aio_patience_ns(const struct aio_common *aio, int64_t usual_ns)
{
    return aio->silent > 0 ? SILENT_PATIENCE_NS : usual_ns;
}

bool aio_should_sweep(struct aio_common *aio, int64_t waited_ns, int64_t patience_ns)
{
    if (waited_ns < patience_ns && ++aio->looks < LOOKS)
        return false;
    aio->looks = 0;
    return true;
}

/* ------------------------------------------------------------------ cancelling */

static int outcome(int answer)
{
    switch (answer) {
    case AIO_CANCELED:
        return CANCEL_DONE;
    case AIO_NOTCANCELED:
        return CANCEL_TOO_LATE;
    case AIO_ALLDONE:
        return CANCEL_ALREADY_COMPLETE;
    default:
        return -errno;
    }
}

/* Whether it is the first of its descriptor and others are behind it (aio_common.h says what then would happen). One that
 * was started before, and has ended, is not before it any more, though nobody may have fetched it yet. */
static bool would_strand_others(struct aio_common *aio, const struct aio_block *block)
{
    bool leads = false;

    for (uint32_t place = 0; place < aio->count; place++) {
        const struct aio_block *other = aio_block_at(aio, place);

        if (other == block || other->control.aio_fildes != block->control.aio_fildes)
            continue;
        if (other->order > block->order)
            leads = true;
        else if (CALL(aio->calls, aio_error, aio_error(&other->control)) == EINPROGRESS)
            return false;
    }
    return leads;
}

int aio_cancel_request(void *state, struct request *request)
{
    struct aio_common *aio = state;
    struct aio_block *block = aio_block_of(aio, request);

    /* One that could not be queued: the C library may not know it, or know it with another descriptor. */
    if (!block->request)
        return CANCEL_ALREADY_COMPLETE;
    if (would_strand_others(aio, block))
        return CANCEL_WITHHELD; /* its turn has come, or comes next */
    const int answer = outcome(CALL(aio->calls, aio_cancel, aio_cancel(request->fd, &block->control)));

    block->called_back |= answer == CANCEL_DONE;
    return answer;
}

int aio_cancel_descriptor(void *state, int fd)
{
    struct aio_common *aio = state;

    aio->ending = true;
    return outcome(CALL(aio->calls, aio_cancel, aio_cancel(fd, NULL)));
}
