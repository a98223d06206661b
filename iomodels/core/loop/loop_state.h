/* What loop.c (turns and slices), loop_open.c, loop_window.c and loop_cancel.c share; nobody else includes it. */
#ifndef IOMODELS_LOOP_STATE_H
#define IOMODELS_LOOP_STATE_H

#include <pthread.h>
#include <string.h>
#include <sys/resource.h>

#include "arrivals.h"
#include "loop.h"
#include "record/clock.h"

/* Room for the sentence that says what an engine did not get. */
#define SHORTAGE_SIZE 320

struct loop {
    const struct engine *engine; /* `varied`, or before loop_open is through with the options, the one given */
    const struct channel *channel;
    void *engine_state, *channel_state;
    struct settings settings;
    struct clock clock;
    struct calls calls;
    struct arrivals arrivals;
    struct record *record;
    struct recorder *recorder; /* of a trace; NULL: there is none */
    struct slice *slice;
    uint32_t depth; /* requests of the workload */
    uint32_t idle;  /* requests that stay pending on idle descriptors, after those */
    uint32_t batch;     /* so many are started, and waited for, together … */
    uint32_t batch_max; /* … and go into one submit, or come out of one reap, at most; UINT32_MAX: any number */

    char *buffers;
    size_t buffer_stride;
    int *descriptors;
    uint32_t descriptor_count;
    struct request *requests;  /* by slot */
    struct request **resting;  /* not started */
    struct request **queued;   /* started, not yet taken by the engine */
    struct completion *reaped;
    uint32_t resting_count, queued_count, in_flight; /* idle ones are in none of them */
    uint32_t idle_in_flight;

    /* The engine's transfers are over when submit returns, so that reap only hands over the
     * result: one stamp after both saves a cached read 2 % of its time. */
    bool submit_is_all;
    bool ends_in_submit; /* the same without saying so in its capabilities: it is degenerate here */
    bool stamps_submit;  /* there is a stamp after submit as well as after reap */
    bool reap_follows;   /* at once after each submit */
    uint64_t deadline_ns;        /* requests in flight for longer are cancelled; 0: none are */
    uint64_t next_deadline_ns;   /* no request is overdue before */

    /* Chaining: completions are recorded, and the next requests handed out, in loop_next(), while reap waits. Where
     * that happens on other threads, the loop's thread holds the mutex except while it waits or computes. */
    bool chains, is_shared;
    bool is_special; /* any of chains, lanes and deadlines: what only they need stays out of the turn */
    pthread_mutex_t mutex;

    /* Lanes (loop_lanes.h), where slots go on by themselves; NULL: they do not. Of channels whose slots are not
     * independent, start and finish take the mutex. */
    struct lane *lanes;
    pthread_mutex_t channel_mutex;
    uint64_t slice_number;
    uint64_t lane_operations; /* in this slice, if a number was asked for */
    int64_t lane_compute_units;
    uint64_t live_before;     /* the record's live operations when the slice began */
    bool serves;              /* a peer drives the requests, and the engine answers */

    int chain_error;             /* the first one in loop_next() */
    bool closing;

    uint64_t until_ns;           /* the window's end … */
    uint64_t max_operations;     /* … or after so many; 0: any number */
    uint64_t submit_start_ns;
    bool window_open;
    bool exhausted;        /* the channel has no more work */
    uint64_t uncomputed;   /* operations whose computation is still to be done */
    uint64_t now_ns;       /* the latest stamp */
    uint64_t accounted_ns; /* in-flight time is added up to here */
    uint64_t window_start_ns;
    struct rusage usage;   /* at the window's start */

    uint32_t part;           /* of the timeline; it ends … */
    uint64_t part_end_ns;    /* … then, */
    uint64_t part_ns;        /* has this length */
    uint64_t parted;         /* and so many operations belong to earlier ones */

    int64_t memory_before; /* the engine, in bytes; -1: nobody says */
    struct engine_resource resources[RESOURCE_COUNT];
    char shortage[SHORTAGE_SIZE]; /* a sentence about them */

    struct engine varied;    /* the engine as its options make it */
    int64_t options[ENGINE_OPTIONS];
};

static inline void loop_lock(struct loop *loop)
{
    if (__builtin_expect(loop->is_shared, 0))
        pthread_mutex_lock(&loop->mutex);
}

static inline void loop_unlock(struct loop *loop)
{
    if (__builtin_expect(loop->is_shared, 0))
        pthread_mutex_unlock(&loop->mutex);
}

static inline void loop_put_to_rest(struct loop *loop, struct request *request)
{
    loop->resting[loop->resting_count++] = request;
}

static inline bool loop_stop_asked(const struct loop *loop)
{
    return __atomic_load_n(&loop->record->stop, __ATOMIC_RELAXED) != 0;
}

static inline uint32_t at_most(uint32_t n, uint32_t limit)
{
    return n < limit ? n : limit;
}

/* The request's first transfer starts now, and was due at `start_ns`. */
static inline void request_begin(const struct loop *loop, struct request *request, uint64_t start_ns,
                                 uint64_t now_ns)
{
    request->buffer = loop->buffers + request->slot * loop->buffer_stride;
    request->done = request->moved = 0;
    request->start_ns = start_ns;
    request->issued_ns = now_ns;
    request->cancel_ns = 0;
    request->cancel_asked = false;
}

/* So many bytes of its transfer are done. */
static inline void request_advance(struct request *request, size_t bytes)
{
    request->done += bytes;
    request->buffer += bytes;
    request->length -= bytes;
    if (request->offset != OFFSET_STREAM)
        request->offset += (int64_t)bytes;
}

/* The same where the engine has brought the bytes in a buffer of its own. Where all that the transfer has read until now
 * lies: there, if it came as a whole, and else in the request's buffer. */
static inline const char *request_take_brought(struct request *request, size_t bytes)
{
    const char *data = request->data, *begin = request->buffer - request->moved;

    if (request->moved == 0 && bytes == request->length)
        begin = data;
    else
        memcpy(request->buffer, data, bytes);
    request->data = NULL;
    request_advance(request, bytes);
    return begin;
}

/* Requests in flight, up to the latest stamp. */
static inline void loop_account_in_flight(struct loop *loop)
{
    if (loop->window_open)
        loop->slice->window_in_flight_ns += loop->in_flight * (loop->now_ns - loop->accounted_ns);
    loop->accounted_ns = loop->now_ns;
}

/* For engines that chain: records a completion, and hands out the request to start next, or NULL. */
struct request *loop_next(void *loop, const struct completion *done);

/* Counts what the engine answered when it was asked to cancel. */
void loop_count_cancel(struct loop *loop, int outcome);

/* Whether the engine has it: it neither rests nor is queued. Looks through both lists. */
bool loop_is_in_flight(const struct loop *loop, const struct request *request);

/* Asks to cancel whatever is overdue. The time counts for the operation, from its first transfer on; each is asked
 * for once. */
void loop_cancel_overdue(struct loop *loop);

/* The end of a transfer that the loop has asked to cancel. */
void loop_record_cancel(struct loop *loop, struct request *request, ssize_t result);

/* The window begins now, and is to last so long. */
void loop_open_window(struct loop *loop, uint64_t duration_ns);

/* The window ends at the latest stamp. CPU is that of the whole process: an engine's helper threads are part of its
 * price. */
void loop_close_window(struct loop *loop);

/* How much memory the engine takes (loop_memory.c): before it is opened, and afterwards how much it is now. Both read files
 * of /proc, which takes a fraction of a millisecond, and more with many threads: never in a window. */
void loop_memory_begin(struct loop *loop);
void loop_memory_look(struct loop *loop);

/* The latest stamp is beyond the timeline's part. The window may end late, so its last part has no end of its own. */
void loop_next_part(struct loop *loop);

/* When the next request of an open loop is due. */
static inline uint64_t loop_due_ns(const struct loop *loop)
{
    return loop->window_start_ns + arrivals_due_ns(&loop->arrivals);
}

/* Notes the first failure in the record, with what engine and channel say of it; returns `error`. */
int loop_fail(struct loop *loop, enum stage stage, int error);
/* The same where it is a request that failed: at its offset. */
int loop_fail_at(struct loop *loop, const struct request *request, enum stage stage, int error);
/* The engine cannot work here, for this reason: that is no failure. -EOPNOTSUPP. Nothing has failed before. */
int loop_refuse(struct loop *loop, const char *reason);

/* The engine has got less of something than it asked for: the sentence that says so, or NULL. */
const char *loop_shortage(struct loop *loop);
/* Fails the trial where that is so: 0 or -EAGAIN. At the end of a slice, and while a server gets quiet: what waits for a
 * thread that was refused could keep all others waiting. Never in a window. */
int loop_check_resources(struct loop *loop);

/* What engine and channel are asked about. */
static inline struct trial_question loop_question(const struct loop *loop)
{
    return (struct trial_question){
        .settings = &loop->settings,
        .options = loop->options,
        .on_files = loop->channel->caps.files,
        .on_sockets = loop->channel->caps.sockets,
        .on_devices = loop->channel->caps.starts_device,
        .slice = loop->slice,
    };
}

/* Where a request is counted that the engine has. */
static inline uint32_t *loop_flight_of(struct loop *loop, const struct request *request)
{
    return request->slot < loop->depth ? &loop->in_flight : &loop->idle_in_flight;
}

/* A completion that nobody looks at any more, or a slot that starts nothing more. */
static inline void loop_set_aside(struct loop *loop, struct request *request)
{
    --*loop_flight_of(loop, request);
    request->idle_pending = false;
    if (request->slot < loop->depth)
        loop_put_to_rest(loop, request);
}

/* How long a reap may sleep before the loop looks at the stop flag and the deadline again. */
#define REAP_TIMEOUT_NS 100000000

#endif
