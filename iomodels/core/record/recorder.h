/* The recorder of a trace: what was called and what happened when, in a ring that lies in memory of its own, shared
 * with the parent, so that the events of a killed child survive.
 *
 * An event takes its place when it begins, with one atomic addition, so helper threads and signal handlers
 * record too: nothing here allocates, locks or waits. When the ring is full the oldest are overwritten; `reserved`
 * beyond `capacity` says how many. Without a recorder a call costs two predicted branches. */
#ifndef IOMODELS_RECORDER_H
#define IOMODELS_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_KINDS(X)                                                                        \
    X(none)                                                                                   \
    X(call)         /* an engine's call; `name` is its call_id, `result` a value or -errno */ \
    X(device_start) /* the channel has started the device; `result` is the request's slot */  \
    X(device_ready) /* it answers: device_start and, as `result`, the service time later */   \
    X(signal)       /* a handler ran; `result` is the signal's number */                      \
    X(callback)     /* a callback ran on a thread of the C library */                         \
    X(computation)                                                                            \
    X(request)      /* from start to reaped; `result` is its bytes */                         \
    X(sq_entry)     /* a request was put into a ring that the kernel reads; `result` is its slot */ \
    X(cq_entry)     /* a completion was taken from a ring that the kernel writes; `result` is its slot */

enum event_kind {
#define X(name) EVENT_##name,
    EVENT_KINDS(X)
#undef X
    EVENT_KIND_COUNT
};

extern const char *const event_kind_names[EVENT_KIND_COUNT];

/* `number` counts from 1 and is 0 while the others are being written; `end_ns` is 0 until it has ended; `thread`
 * is what pthread_self() says. */
#define EVENT_FIELDS(X) X(number) X(kind) X(name) X(thread) X(start_ns) X(end_ns) X(result)

struct event {
#define X(name) uint64_t name;
    EVENT_FIELDS(X)
#undef X
};

/* All words are uint64_t, as in the record. The parent sets `on`; the file's size gives `capacity`. */
#define RING_FIELDS(X) X(on) X(capacity) X(reserved) X(loop_thread)

struct event_ring {
#define X(name) uint64_t name;
    RING_FIELDS(X)
#undef X
    struct event events[];
};

struct recorder;

/* Maps the ring in the file `fd`, which has been made as long as it is to be, and touches all of it. The clock is the
 * loop's. 0 or -errno. */
int recorder_open(struct recorder **recorder, int fd, uint64_t clock_ns_per_tick_q32);
/* NULL is allowed. */
void recorder_close(struct recorder *recorder);

/* Begins an event and returns its number, or 0 where recording is off. Async-signal-safe, as all that follows. */
uint64_t recorder_enter(struct recorder *recorder, enum event_kind kind, uint64_t name);
void recorder_leave(struct recorder *recorder, uint64_t number, int64_t result);
/* An event with stamps of its own, which may lie in the future. */
void recorder_add(struct recorder *recorder, enum event_kind kind, uint64_t start_ns, uint64_t end_ns,
                  int64_t result);
uint64_t recorder_now_ns(const struct recorder *recorder);

/* What a recorder costs when it is off is measured against a core without it (benchmarks/recorder.py). */
#ifdef IOMODELS_NO_RECORDER
#define RECORDER_THERE(recorder) ((void)(recorder), false)
#else
#define RECORDER_THERE(recorder) __builtin_expect((recorder) != NULL, 0)
#endif

static inline uint64_t event_begin(struct recorder *recorder, enum event_kind kind)
{
    return RECORDER_THERE(recorder) ? recorder_enter(recorder, kind, 0) : 0;
}

/* An event that takes no time. */
static inline void event_mark(struct recorder *recorder, enum event_kind kind, int64_t result)
{
    if (RECORDER_THERE(recorder))
        recorder_leave(recorder, recorder_enter(recorder, kind, 0), result);
}

static inline void event_end(struct recorder *recorder, uint64_t number, int64_t result)
{
    if (__builtin_expect(number != 0, 0))
        recorder_leave(recorder, number, result);
}

#endif
