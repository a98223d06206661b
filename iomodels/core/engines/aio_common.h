/* POSIX AIO (the article's Figure 5), the part that all ways to use it share: control blocks, starting, fetching
 * and cancelling transfers, the size of the C library's pool. How the application learns that a transfer
 * has ended is one file each: aio_poll.c (Listing 2), aio_suspend.c (3), aio_list.c (4),
 * aio_signal.c (5), aio_callback.c (6).
 *
 * What surprises in glibc's implementation (threads in user space, no kernel AIO):
 *  - Requests of one descriptor run one after another on one thread. Depth helps only across
 *    descriptors.
 *  - At most 20 threads unless aio_init says otherwise, and only before the first request.
 *  - A thread is started when a request of another descriptor comes and no thread is idle. Where it cannot be (a limit
 *    on threads), the request waits for those that there are, and the call succeeds. Only errno, which nobody has set
 *    to 0, then has the error of clone(2).
 *  - Idle threads stay for a second after the last request; nothing can be done about that.
 *  - Nearly every call takes one mutex for all requests of the process, aio_error too. It is recursive: a
 *    handler that interrupts a call and makes another one does not deadlock, it finds lists that are half
 *    changed. aio_read is not on POSIX's list of what a handler may call.
 *  - aio_error says that a transfer has ended only after its notification has been sent (or could not be).
 *  - A signal that cannot be sent (RLIMIT_SIGPENDING) overwrites the result of a transfer that went well
 *    with EAGAIN. A callback whose thread cannot be started is forgotten without a word.
 *  - aio_cancel takes back only what no thread has begun. Taking back the first request of a descriptor
 *    before a thread has come for it strands those behind it: they are never begun, nor is anything later on
 *    this descriptor (__aio_remove_request makes the next one runnable, but does not put it where
 *    threads look). Taking back all of a descriptor is safe. */
#ifndef IOMODELS_AIO_COMMON_H
#define IOMODELS_AIO_COMMON_H

#include <aio.h>

#include "engine.h"
#include "record.h"
#include "timespec.h"
#include "transfer.h"

/* The engine's options, by place in its table (aio.c), and their values. */
enum {
    AIO_OPTION_NOTIFY,
    AIO_OPTION_MODE,
    AIO_OPTION_SIGNAL,
    AIO_OPTION_CHAIN,
    AIO_OPTION_THREADS,
    AIO_OPTIONS
};
enum {
    AIO_NOTIFY_SUSPEND,
    AIO_NOTIFY_POLL,
    AIO_NOTIFY_LIST,
    AIO_NOTIFY_SIGNAL,
    AIO_NOTIFY_CALLBACK
};
enum { AIO_MODE_WAIT, AIO_MODE_NOWAIT };
enum { AIO_SIGNAL_REAL_TIME, AIO_SIGNAL_SIGIO };
enum { AIO_CHAIN_LOOP, AIO_CHAIN_HANDLER };

enum { AIO_COUNTER_LOST };

/* One way to learn that a transfer has ended. */
struct aio_way {
    struct engine_caps caps;
    enum next_start chain; /* with chain=handler */
    int (*open)(void **state, const struct engine_setup *setup);
    int (*submit)(void *state, struct request *const *requests, uint32_t n);
    int (*reap)(void *state, struct completion *completions, uint32_t min, uint32_t max,
                int64_t timeout_ns);
    int (*cancel)(void *state, struct request *request);
    int (*cancel_descriptor)(void *state, int fd);
    void (*close)(void *state);
};

extern const struct aio_way aio_way_suspend, aio_way_poll, aio_way_list_wait, aio_way_list_nowait;
extern const struct aio_way aio_way_signal, aio_way_callback;

static inline bool aio_chains(const struct engine_setup *setup)
{
    return setup->options[AIO_OPTION_CHAIN] == AIO_CHAIN_HANDLER;
}

/* One for each slot. A notification carries its address. */
struct aio_block {
    struct aiocb control;    /* first, so that a list of these is a list of blocks */
    struct request *request; /* NULL: not in flight */
    uint32_t place;          /* in the list of those in flight */
    uint64_t order;          /* of its start */
    uint32_t announced;      /* notifications that came while it is in the engine's list (aio_signal, aio_callback) */
    bool silent;             /* repeated without a notification */
    uint32_t given_up;       /* ends that were found by looking; their notifications may still come */
    bool called_back;        /* aio_cancel has said so: it was never begun, whatever the result says */
    void *owner;             /* the engine's state */
};

struct aio_common {
    struct calls *calls;
    uint32_t depth;
    int notify;                     /* SIGEV_… */
    struct aio_block *blocks;       /* by slot */
    const struct aiocb **in_flight; /* dense: aio_suspend's list */
    uint32_t count;
    uint64_t started;               /* how many so far */
    struct ready ready;             /* ended, not yet reaped: above all what could not be queued */
    uint32_t silent;                /* in flight without a notification */
    uint32_t looks;                 /* short waits in vain; see aio_should_sweep */
    bool ending;                    /* a whole descriptor has been cancelled: nothing is repeated any more */
    uint64_t *lost;
    struct engine_resource *threads; /* the C library's pool */
};

/* All blocks get `event` with themselves as its value. 0 or -errno; then aio_common_close as well. */
int aio_common_open(struct aio_common *aio, const struct engine_setup *setup,
                    const struct sigevent *event, void *owner);
void aio_common_close(struct aio_common *aio);

static inline struct aio_block *aio_block_of(const struct aio_common *aio,
                                             const struct request *request)
{
    return &aio->blocks[request->slot];
}

static inline struct aio_block *aio_block_at(const struct aio_common *aio, uint32_t place)
{
    return (struct aio_block *)aio->in_flight[place];
}

/* Whether one more fits; at most depth are in flight or ready. */
static inline bool aio_has_room(const struct aio_common *aio)
{
    return aio->count + aio->ready.count < aio->depth;
}

/* Fills in the block for the request's transfer, `id` being the call that will start it. */
void aio_prepare(struct aio_common *aio, struct calls *calls, struct aio_block *block,
                 struct request *request, enum call_id id);
/* It has been started: from now on it is in flight. */
void aio_started(struct aio_common *aio, struct aio_block *block, struct request *request);
/* It has ended, or could not be started. */
void aio_forget(struct aio_common *aio, struct aio_block *block);
/* Starts one with a call of its own. 0 or -errno. */
int aio_start(struct aio_common *aio, struct calls *calls, struct request *request);
/* After a call that has started something, with errno as it was left, from 0 on: whether a thread was refused. */
void aio_look_for_refusal(struct aio_common *aio);
/* What to do about a start that failed. Whether it is over: it has completed with its error. If not, there are no
 * resources for one more at this moment. */
bool aio_refused(struct aio_common *aio, struct request *request, int error);

/* Starts them one by one; how many. As engine.submit: the state begins with a struct aio_common. */
int aio_submit_each(void *state, struct request *const *requests, uint32_t n);

/* Fetches a block's result if its transfer has ended, once. */
bool aio_take(struct aio_common *aio, struct calls *calls, struct aio_block *block,
              struct completion *completion);
/* Fetches up to `max`: those that are ready, and all that have ended. */
uint32_t aio_collect(struct aio_common *aio, struct completion *completions, uint32_t max);
/* Sleeps until any has ended: 0, -EAGAIN when the time is over, -EINTR, or another error. */
int aio_wait_for_any(struct aio_common *aio, int64_t timeout_ns);
/* As engine.reap, with aio_suspend. */
int aio_reap_suspended(void *state, struct completion *completions, uint32_t min, uint32_t max,
                       int64_t timeout_ns);

/* As engine.open and engine.close, where nothing announces the end: the state is a struct aio_common. */
int aio_quiet_open(void **state, const struct engine_setup *setup);
void aio_quiet_close(void *state);

/* The same as aio_take where a notification announces the end, and may get lost. `announced`: it came. */
bool aio_take_notified(struct aio_common *aio, struct calls *calls, struct aio_block *block,
                       bool announced, struct completion *completion);
/* A notification came, and is not needed. If its transfer's end was found by looking, it was late and not lost. */
void aio_came_late(struct aio_common *aio, struct aio_block *block);
/* How long to wait for a notification before looking whether one was lost. */
int64_t aio_patience_ns(const struct aio_common *aio, int64_t usual_ns);
/* A wait of `waited_ns` was in vain: whether it is time to look. */
bool aio_should_sweep(struct aio_common *aio, int64_t waited_ns, int64_t patience_ns);

/* As engine.cancel and engine.cancel_descriptor; the state begins with a struct aio_common. */
int aio_cancel_request(void *state, struct request *request);
int aio_cancel_descriptor(void *state, int fd);

#endif
