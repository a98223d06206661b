/* Kernel AIO (io_submit): one call queues any number of transfers with the kernel, and io_getevents brings their
 * ends. The raw system calls: no library stands between, and libaio adds nothing to them.
 *
 * Only direct I/O on files is asynchronous. On a buffered file io_submit makes the transfer itself, and an event
 * says afterwards what submit could have returned. A sync goes to a thread of the kernel's that belongs to no process:
 * what CPU it takes nobody can add to ours, so a reader has to be told.
 *
 * On streams a transfer submitted to the kernel would end at once with EAGAIN (or block in io_submit, without
 * O_NONBLOCK). What it can do there is to poll: submit tries, and what says EAGAIN is polled once, by
 * IOCB_CMD_POLL; its event is news of readiness, and the transfer is tried again. Several requests that wait for one
 * descriptor all hear of it; those that come too late poll again.
 *
 * The kernel takes a poll back (io_cancel), and no transfer on files. */
#include <errno.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine.h"
#include "timespec.h"
#include "transfer.h"

/* IOCB_CMD_POLL, of Linux 4.19: an older header has no name for it. */
#define COMMAND_POLL 5

enum cancelling {
    CANCEL_NOT_ASKED,
    CANCEL_ASKED,  /* too late for the kernel: what its event allows is still tried, but nothing is polled again */
    CANCEL_AGREED, /* the event only says that the poll is over */
};

struct slot {
    struct iocb control;
    struct request *request; /* NULL: not with the kernel, nor on the way there */
    enum cancelling cancelling;
};

enum { COUNTER_SYNCS };

struct kaio_state {
    struct calls *calls;
    uint64_t *counters;
    aio_context_t context;
    uint32_t depth;
    struct slot *slots;
    struct iocb **queue; /* prepared, and not yet taken by the kernel; oldest first */
    uint32_t queued;
    uint32_t in_kernel;
    struct io_event *events;
    struct ready ready;
};

/* ------------------------------------------------------------------ open and close */

static void release_memory(struct kaio_state *kaio)
{
    free(kaio->slots);
    free(kaio->queue);
    free(kaio->events);
    free(kaio->ready.items);
    free(kaio);
}

/* Waits for polls that are still armed to be taken back, and for a grace period of the kernel's: tens of
 * milliseconds. */
static void kaio_close(void *state)
{
    struct kaio_state *kaio = state;

    (void)CALL(kaio->calls, io_destroy, syscall(__NR_io_destroy, kaio->context));
    release_memory(kaio);
}

static int kaio_open(void **state, const struct engine_setup *setup)
{
    struct kaio_state *kaio = calloc(1, sizeof *kaio);

    if (!kaio)
        return -ENOMEM;
    kaio->calls = setup->calls;
    kaio->counters = setup->counters;
    kaio->depth = setup->depth;
    kaio->slots = calloc(setup->depth, sizeof *kaio->slots);
    kaio->queue = calloc(setup->depth, sizeof *kaio->queue);
    kaio->events = calloc(setup->depth, sizeof *kaio->events);
    kaio->ready.items = calloc(setup->depth, sizeof *kaio->ready.items);
    int error = kaio->slots && kaio->queue && kaio->events && kaio->ready.items ? 0 : -ENOMEM;
    if (!error && CALL(kaio->calls, io_setup, syscall(__NR_io_setup, setup->depth, &kaio->context)) < 0)
        error = -errno;
    if (error) {
        release_memory(kaio);
        return error;
    }
    *state = kaio;
    return 0;
}

/* ------------------------------------------------------------------ to the kernel */

static struct slot *slot_of(const struct kaio_state *kaio, const struct request *request)
{
    return &kaio->slots[request->slot];
}

/* The slot's request is over. */
static void end(struct kaio_state *kaio, struct slot *slot, ssize_t result)
{
    ready_push(&kaio->ready, slot->request, result);
    slot->request = NULL;
}

static bool is_polled(const struct request *request)
{
    return request->offset == OFFSET_STREAM;
}

static struct iocb control_of(struct calls *calls, const struct request *request)
{
    struct iocb control = {.aio_data = request->slot, .aio_fildes = (uint32_t)request->fd};

    if (is_polled(request)) {
        control.aio_lio_opcode = COMMAND_POLL;
        control.aio_buf = request->operation == OPERATION_READ ? POLLIN : POLLOUT;
    } else if (operation_is_sync(request->operation)) {
        control.aio_lio_opcode = request->operation == OPERATION_DATA_SYNC ? IOCB_CMD_FDSYNC : IOCB_CMD_FSYNC;
    } else {
        control.aio_lio_opcode = request->operation == OPERATION_READ ? IOCB_CMD_PREAD : IOCB_CMD_PWRITE;
        control.aio_buf = (uintptr_t)request->buffer;
        control.aio_nbytes = calls_limit(calls, CALL_io_submit, request->length);
        control.aio_offset = request->offset;
    }
    return control;
}

static void enqueue(struct kaio_state *kaio, struct slot *slot)
{
    kaio->queue[kaio->queued++] = &slot->control;
}

/* Takes `n` from the queue, from `place` on. */
static void unqueue(struct kaio_state *kaio, uint32_t place, uint32_t n)
{
    kaio->queued -= n;
    if (kaio->queued > place)
        memmove(kaio->queue + place, kaio->queue + place + n, (kaio->queued - place) * sizeof *kaio->queue);
}

static void refuse_first(struct kaio_state *kaio, int error)
{
    end(kaio, &kaio->slots[kaio->queue[0]->aio_data], error);
    unqueue(kaio, 0, 1);
}

/* Gives the queue to the kernel. It stops at the first that it refuses, and says why only when that comes first. With
 * EAGAIN it has no room at the moment, and the rest stays queued. */
static void flush(struct kaio_state *kaio)
{
    while (kaio->queued > 0) {
        const long taken = CALL(kaio->calls, io_submit,
                                syscall(__NR_io_submit, kaio->context, (long)kaio->queued, kaio->queue));

        if (taken > 0) {
            kaio->in_kernel += (uint32_t)taken;
            unqueue(kaio, 0, (uint32_t)taken);
        } else if (taken < 0 && errno == EAGAIN) {
            break;
        } else {
            refuse_first(kaio, taken < 0 ? -errno : -EPROTO);
        }
    }
}

/* What there was no room for. Where nothing is left whose end would make room, it is an error like any other. */
static void flush_again(struct kaio_state *kaio)
{
    flush(kaio);
    if (kaio->queued > 0 && kaio->in_kernel + kaio->ready.count == 0)
        refuse_first(kaio, -EAGAIN);
}

static void start(struct kaio_state *kaio, struct request *request)
{
    struct slot *slot = slot_of(kaio, request);
    const ssize_t result = is_polled(request) ? transfer(kaio->calls, request) : -EAGAIN;

    if (result != -EAGAIN) {
        ready_push(&kaio->ready, request, result);
        return;
    }
    kaio->counters[COUNTER_SYNCS] += operation_is_sync(request->operation);
    *slot = (struct slot){.control = control_of(kaio->calls, request), .request = request};
    enqueue(kaio, slot);
}

static int kaio_submit(void *state, struct request *const *requests, uint32_t n)
{
    struct kaio_state *kaio = state;
    uint32_t taken = 0;

    for (; taken < n && kaio->in_kernel + kaio->queued + kaio->ready.count < kaio->depth; taken++)
        start(kaio, requests[taken]);
    flush(kaio);
    return (int)taken;
}

/* ------------------------------------------------------------------ from the kernel */

static void take_poll(struct kaio_state *kaio, struct slot *slot)
{
    ssize_t result = slot->cancelling == CANCEL_AGREED ? -EAGAIN : transfer(kaio->calls, slot->request);

    if (result == -EAGAIN && slot->cancelling == CANCEL_NOT_ASKED) {
        enqueue(kaio, slot);
        return;
    }
    end(kaio, slot, result == -EAGAIN ? -ECANCELED : result);
}

static void take_event(struct kaio_state *kaio, const struct io_event *event)
{
    struct slot *slot = &kaio->slots[event->data];

    kaio->in_kernel--;
    if (is_polled(slot->request))
        take_poll(kaio, slot);
    else
        end(kaio, slot, calls_outcome(kaio->calls, CALL_io_submit, (ssize_t)event->res));
}

/* Takes at least `least` events, unless the time is over or a signal comes, and at most `most`: how many, or -errno.
 * What has to be polled again is on its way when it returns. */
static int fetch(struct kaio_state *kaio, uint32_t least, uint32_t most, int64_t timeout_ns)
{
    struct timespec timeout = timespec_of(timeout_ns);
    const long n = CALL(kaio->calls, io_getevents,
                        syscall(__NR_io_getevents, kaio->context, (long)least, (long)most, kaio->events,
                                timeout_ns < 0 ? NULL : &timeout));

    if (n < 0)
        return -errno;
    for (long i = 0; i < n; i++)
        take_event(kaio, &kaio->events[i]);
    flush(kaio);
    return (int)n;
}

static uint32_t fewer(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static int look(struct kaio_state *kaio, uint32_t most)
{
    const int n = kaio->in_kernel > 0 ? fetch(kaio, 0, most, 0) : 0;

    return n == -EINTR ? 0 : n;
}

static int kaio_reap(void *state, struct completion *completions, uint32_t min, uint32_t max,
                     int64_t timeout_ns)
{
    struct kaio_state *kaio = state;
    int n;

    flush_again(kaio);
    if (min == 0 && kaio->ready.count == 0 && (n = look(kaio, fewer(max, kaio->depth))) < 0)
        return n;
    while (kaio->ready.count < min && kaio->in_kernel > 0) {
        const uint32_t least = fewer(min - kaio->ready.count, kaio->in_kernel);

        n = fetch(kaio, least, fewer(max - kaio->ready.count, kaio->depth), timeout_ns);
        if (n < 0 && n != -EINTR)
            return n;
        if (n < (int)least) /* the time is over, or a signal came */
            break;
    }
    return (int)ready_pop(&kaio->ready, completions, max);
}

/* ------------------------------------------------------------------ cancel */

static bool cancel_queued(struct kaio_state *kaio, struct slot *slot)
{
    for (uint32_t i = 0; i < kaio->queued; i++) {
        if (kaio->queue[i] != &slot->control)
            continue;
        unqueue(kaio, i, 1);
        end(kaio, slot, -ECANCELED);
        return true;
    }
    return false;
}

/* The kernel does not say whether there was nothing left to cancel, or whether it cannot: only the events do. */
static int kaio_cancel(void *state, struct request *request)
{
    struct kaio_state *kaio = state;
    struct slot *slot = slot_of(kaio, request);
    struct io_event unused;

    if (!slot->request)
        return CANCEL_ALREADY_COMPLETE;
    if (cancel_queued(kaio, slot))
        return CANCEL_DONE;
    const long result = CALL(kaio->calls, io_cancel,
                             syscall(__NR_io_cancel, kaio->context, &slot->control, &unused));
    /* EINPROGRESS means that it has done so; the event is still to come. */
    if (result == 0 || errno == EINPROGRESS) {
        slot->cancelling = CANCEL_AGREED;
        return CANCEL_DONE;
    }
    if (slot->cancelling == CANCEL_NOT_ASKED)
        slot->cancelling = CANCEL_ASKED;
    const int n = look(kaio, kaio->depth - kaio->ready.count);
    if (n < 0)
        return n;
    if (slot->request)
        return slot->cancelling == CANCEL_AGREED ? CANCEL_DONE : CANCEL_TOO_LATE;
    return CANCEL_ALREADY_COMPLETE;
}

/* ------------------------------------------------------------------ sentences */

/* Where each write is synced, that takes longest, and a thread of the kernel's does it meanwhile. */
static const char *kaio_degenerate(const struct trial_question *question)
{
    const struct settings *settings = question->settings;
    const bool syncs = settings->workload != WORKLOAD_READ && settings->sync != SYNC_NONE;

    return question->on_files && settings->file_cache != CACHE_DIRECT && !syncs
               ? "io_submit returns only when the data has been transferred (kernel AIO is asynchronous only with "
                 "direct I/O, channel.cache=direct)"
               : NULL;
}

#define FORBIDDEN                                                                                                    \
    "the kernel does not have it (CONFIG_AIO), or a seccomp filter forbids it: run without the sandbox, or with "   \
    "`--security-opt seccomp=unconfined`"

static bool is_forbidden(long number)
{
    /* With arguments that each call refuses before it does anything. */
    return syscall(number, 0L, NULL, NULL, NULL, NULL) < 0 && (errno == ENOSYS || errno == EPERM);
}

static const char *kaio_probe(const struct trial_question *question)
{
    (void)question;
    if (is_forbidden(__NR_io_setup))
        return "io_setup does not work here: " FORBIDDEN;
    if (is_forbidden(__NR_io_submit))
        return "io_submit does not work here: " FORBIDDEN;
    if (is_forbidden(__NR_io_getevents))
        return "io_getevents does not work here: " FORBIDDEN;
    return NULL;
}

static struct explanation no_room(const struct trial_question *question)
{
    struct explanation explanation = {.not_applicable = true};

    explanation_write(&explanation,
                      "kernel AIO has no room: of fs.aio-max-nr=%ld requests that all processes may reserve, %ld are "
                      "reserved (fs.aio-nr), and this point needs %lld: raise it (`sysctl fs.aio-max-nr=1048576`), or end "
                      "the programs that have reserved them",
                      explanation_number("/proc/sys/fs/aio-max-nr"), explanation_number("/proc/sys/fs/aio-nr"),
                      (long long)(question->settings->depth + question->settings->idle));
    return explanation;
}

static struct explanation kaio_explain(const struct trial_question *question, enum stage stage, int error)
{
    if (stage == STAGE_ENGINE_OPEN && error == -EAGAIN)
        return no_room(question);
    if (stage != STAGE_TRANSFER || error != -EINVAL)
        return (struct explanation){0};
    if (!question->on_files)
        return (struct explanation){
            .sentence = "this kernel cannot poll with io_submit: IOCB_CMD_POLL needs Linux 4.19",
            .not_applicable = true,
        };
    if (question->settings->sync != SYNC_NONE)
        return (struct explanation){
            .sentence = "this kernel or file system cannot sync with io_submit: IOCB_CMD_FSYNC needs Linux 4.18",
            .not_applicable = true,
        };
    return (struct explanation){0};
}

extern const struct engine engine_kaio;
const struct engine engine_kaio = {
    .name = "kaio",
    .title = "Kernel AIO",
    .calls_in_words = "io_submit, io_getevents",
    .summary = "one call queues requests with the kernel, which transfers direct files meanwhile; streams are polled "
               "(IOCB_CMD_POLL), and the application transfers",
    .other_side = "kernel",
    .news = NEWS_COMPLETION,
    .worker = WORKER_KERNEL,
    .complexity = COMPLEXITY_KERNEL_QUEUE,
    .calls = (const struct engine_call[]){
        {CALL_read, CLASS_TRANSFER, 0},
        {CALL_write, CLASS_TRANSFER, 0},
        {CALL_io_submit, CLASS_SUBMIT, SLEEPS_ON_STORAGE},
        {CALL_io_getevents, CLASS_WAIT, SLEEPS_ANYWHERE},
        {CALL_io_cancel, CLASS_QUERY, 0},
        {CALL_io_setup, CLASS_SETUP, 0},
        {CALL_io_destroy, CLASS_SETUP, SLEEPS_ANYWHERE},
        ENGINE_CALLS_END,
    },
    .counters = (const struct engine_counter[]){
        [COUNTER_SYNCS] = {
            "syncs_by_kernel_threads",
            "syncs were made by threads of the kernel that belong to no process: their CPU is not in the CPU per operation",
        },
        {NULL, NULL},
    },
    .caps = {
        .files = true,
        .streams = true,
        .waits = true,
        .batches = true,
        .nonblocking_descriptors = true,
        .moves_data = true,
        .cancels = true,
    },
    .degenerate = kaio_degenerate,
    .probe = kaio_probe,
    .explain = kaio_explain,
    .open = kaio_open,
    .submit = kaio_submit,
    .reap = kaio_reap,
    .cancel = kaio_cancel,
    .close = kaio_close,
};
