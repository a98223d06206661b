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
 *  - cancel() only asks: the transfer still completes through reap, with -ECANCELED or its result.
 *  - Nothing is allocated or printed between open and close. Every call goes through CALL(); an
 *    engine never reads a clock.
 *  - close() is called with nothing in flight and leaves nothing behind. */
#ifndef IOMODELS_ENGINE_H
#define IOMODELS_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "calls.h"

enum operation { OPERATION_READ, OPERATION_WRITE };

#define OFFSET_STREAM INT64_C(-1)

/* One transfer. The engine reads the first part and keeps what it needs under `slot`; the rest
 * belongs to the loop and the channel. */
struct request {
    enum operation operation;
    int fd;
    uint32_t slot;      /* 0 … depth-1, unique among the requests in flight */
    int64_t offset;     /* position, or OFFSET_STREAM where the descriptor has none */
    char *buffer;
    size_t length;      /* never 0 */

    uint64_t start_ns;   /* when the operation was meant to start */
    uint64_t service_ns; /* what the device takes for it, where the channel knows */
    size_t done;         /* bytes of the operation transferred so far */
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
    uint32_t max_depth;           /* 0: no limit of its own */
    uint32_t max_descriptor;      /* the highest descriptor it can handle; 0: any */
};

struct engine_setup {
    uint32_t depth;   /* at most this many in flight */
    uint32_t threads; /* helper threads wanted; 0: the engine's choice */
    struct calls *calls;
};

struct engine {
    const char *name;
    struct engine_caps caps;
    int (*open)(void **state, const struct engine_setup *setup);
    int (*submit)(void *state, struct request *const *requests, uint32_t n);
    int (*reap)(void *state, struct completion *completions, uint32_t min, uint32_t max,
                int64_t timeout_ns);
    /* 0, or -ENOTSUP where nothing in flight can be called back. */
    int (*cancel)(void *state, struct request *request);
    void (*close)(void *state);
};

/* All engines, ended by NULL; in registry.c. */
extern const struct engine *const engines[];
const struct engine *engine_find(const char *name);

#endif
