/* The engine contract: one I/O model behind five functions.
 *
 * The rules, each with its own conformance test (tests/core/conformance.c):
 *  - submit() starts up to n transfers and returns how many it took; 0 means full, reap first.
 *  - reap() waits until at least `min` completions are there and returns up to `max` ≥ `min`; fewer than
 *    `min` when a wait lasted `timeout_ns` or a signal came (EINTR). With min 0 it only looks. An
 *    engine that spins makes one pass and returns; the loop repeats it.
 *  - A transfer that fails is a completion carrying -errno. A negative return of submit or reap is
 *    a broken engine and voids the trial.
 *  - Every accepted transfer completes exactly once, and a wait burns no CPU unless caps.spins.
 *  - cancel() only asks, and says what the answer was: the transfer still completes through reap, with
 *    -ECANCELED or its result.
 *  - Nothing is allocated or printed between open and close. Every call goes through CALL(); an
 *    engine never reads a clock.
 *  - close() is called with nothing in flight and leaves nothing behind.
 *
 * Chaining (caps.chains): the next transfer is started where the last one's end becomes known, in a signal
 * handler or on a callback's thread, and not when reap has returned. For this the loop lends the
 * engine a function, next(): it stamps and records a completion, which reap then does not return, and hands out
 * the request to start now, or NULL. NULL makes reap return; otherwise it goes on waiting until `min`
 * have been completed, those that went to next() included (here `min` may exceed `max`). */
#ifndef IOMODELS_ENGINE_H
#define IOMODELS_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "calls.h"

enum operation {
    OPERATION_READ,
    OPERATION_WRITE,
    OPERATION_DATA_SYNC, /* fdatasync; its result is 0 */
    OPERATION_SYNC,      /* fsync; its result is 0 */
};

static inline bool operation_is_sync(enum operation operation)
{
    return operation >= OPERATION_DATA_SYNC;
}

#define OFFSET_STREAM INT64_C(-1)

/* One transfer. The engine reads the first part and keeps what it needs under `slot`; the rest
 * belongs to the loop and the channel. */
struct request {
    enum operation operation;
    int fd;
    uint32_t slot;      /* 0 … depth-1, unique among the requests in flight */
    int64_t offset;     /* position, or OFFSET_STREAM where the descriptor has none */
    char *buffer;
    size_t length;      /* never 0; of no meaning for a sync */
    bool nowait;        /* a file read that must not block (RWF_NOWAIT), where caps.nowait */
    bool appends;       /* a write that goes to the end, wherever that is: done twice it would be there twice */

    uint64_t start_ns;   /* when the operation was meant to start */
    uint64_t issued_ns;  /* when it did start: later in an open loop that cannot keep up */
    uint64_t service_ns; /* what the device takes for it, where the channel knows */
    size_t done;         /* bytes of the operation transferred so far */
    uint64_t cancel_ns;  /* when the loop asked to cancel it; 0: not, or it has been recorded */
    bool cancel_asked;   /* for the operation, once */
    bool idle_pending;   /* one on an idle descriptor that has not ended for good */
};

struct completion {
    struct request *request;
    ssize_t result; /* bytes, or -errno */
};

struct engine_caps {
    bool files;                   /* works on regular files */
    bool streams;                 /* works on descriptors without a position */
    bool waits;                   /* reap can wait asleep */
    bool batches;                 /* starts several transfers with one call */
    bool spins;                   /* burns CPU while it waits */
    bool blocks_in_submit;        /* the transfer is over when submit returns */
    bool nonblocking_descriptors; /* wants O_NONBLOCK */
    bool degenerate_on_files;     /* on a regular file the same as blocking */
    bool moves_data;              /* false: no I/O at all */
    bool cancels;                 /* cancel() does something */
    bool waits_for_all;           /* returns when all in flight have ended: nothing may stay pending */
    bool chains;                  /* starts the next transfer itself, with setup.next */
    bool chains_elsewhere;        /* and calls setup.next on other threads, while reap waits or not */
    bool nowait;                  /* can read files without blocking, as request.nowait asks */
    uint32_t max_depth;           /* 0: no limit of its own */
    uint32_t max_descriptor;      /* the highest descriptor it can handle; 0: any */
};

struct engine_setup {
    uint32_t depth;   /* at most this many in flight, those on idle descriptors included */
    uint32_t threads; /* helper threads wanted; 0: the engine's choice */
    struct calls *calls;
    uint64_t *signals_lost; /* counts notifications that never came; NULL: nobody wants to know */
    /* Used only where caps.chains. Async-signal-safe unless caps.chains_elsewhere. */
    void *loop;
    struct request *(*next)(void *loop, const struct completion *done);
};

/* What cancel() answers: the three answers of aio_cancel, and why it was not called. */
enum cancel_outcome {
    CANCEL_DONE,             /* it will complete with -ECANCELED */
    CANCEL_TOO_LATE,         /* it is being transferred and will end by itself */
    CANCEL_ALREADY_COMPLETE, /* it has ended, and waits to be reaped */
    CANCEL_WITHHELD,         /* not asked: that would harm others. It will end by itself */
    CANCEL_OUTCOMES
};

struct engine {
    const char *name;
    struct engine_caps caps;
    int (*open)(void **state, const struct engine_setup *setup);
    int (*submit)(void *state, struct request *const *requests, uint32_t n);
    int (*reap)(void *state, struct completion *completions, uint32_t min, uint32_t max,
                int64_t timeout_ns);
    /* A cancel_outcome, or -errno: -ENOTSUP where nothing in flight can be called back; -EAGAIN where the
     * chain has not quite started it, so that nothing was asked. */
    int (*cancel)(void *state, struct request *request);
    /* The same for all that is in flight on a descriptor, with one call: CANCEL_TOO_LATE when any of it
     * was too late. NULL where there is no such call. */
    int (*cancel_descriptor)(void *state, int fd);
    void (*close)(void *state);
};

/* All engines, ended by NULL; in registry.c. */
extern const struct engine *const engines[];
const struct engine *engine_find(const char *name);

#endif
