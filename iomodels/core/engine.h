/* The engine contract: one I/O model behind five functions.
 *
 * The rules, each with its own conformance test (tests/core/conformance.c):
 *  - submit() starts up to n transfers and returns how many it took; 0 means full, reap first. They are on their way
 *    when it returns (but see setup.reap_follows).
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
 * It describes itself completely, so that a new one is one file and one line in registry.c: what it can do,
 * its options, its calls and their kinds, what it counts, its errors, and its words for people.
 *
 * Chaining (caps.next_start): the next transfer is started where the last one's end becomes known, in a signal
 * handler or on a callback's thread, and not when reap has returned. For this the loop lends the
 * engine a function, next(): it stamps and records a completion, which reap then does not return, and hands out
 * the request to start now, or NULL. NULL makes reap return; otherwise it goes on waiting until `min`
 * have been completed, those that went to next() included (here `min` may exceed `max`). In a lane next() hands out the
 * same request again, for the same thread, so that threads never meet at a lock of the loop's; reap then returns
 * when one of them has got NULL, or when the time is over. */
#ifndef IOMODELS_ENGINE_H
#define IOMODELS_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cache_line.h"
#include "calls.h"
#include "settings.h"
#include "stage.h"

struct slice;

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
    _Alignas(CACHE_LINE) enum operation operation; /* two slots may be on two threads */
    int fd;
    uint32_t slot;      /* 0 … depth-1, unique among the requests in flight */
    int64_t offset;     /* position, or OFFSET_STREAM where the descriptor has none */
    char *buffer;
    size_t length;      /* never 0; of no meaning for a sync */
    bool nowait;        /* a file read that must not block (RWF_NOWAIT), where caps.nowait */
    bool appends;       /* a write that goes to the end, wherever that is: done twice it would be there twice */
    /* A write that `then` is to follow at once, a sync; only where caps.links. Its completion in full is the end of both,
     * or the sync's error. An engine that has not made the sync of a full write says so: it clears this. */
    bool then_syncs;
    enum operation then;
    /* A read of what comes later: when the descriptor's last read ended nothing more was there, for the peer sends its
     * next message only when it has got one. Whoever waits for readiness need not try before (io_uring has a flag of this
     * name for it). Only of streams. */
    bool poll_first;

    uint64_t start_ns;   /* when the operation was meant to start */
    uint64_t issued_ns;  /* when it did start: later in an open loop that cannot keep up */
    uint64_t service_ns; /* what the device takes for it, where the channel knows */
    size_t done;         /* bytes of the operation transferred so far */
    size_t moved;        /* and of its current transfer */
    /* A read's end may bring a buffer of the engine's own: then this is where the bytes are, and not at `buffer`; the
     * loop gives it back with recycle(), and clears it. (It lies here and not in the completion: those are copied, and
     * 8 bytes more made a turn of the loop 0.4 ns longer.) */
    const char *data;
    uint64_t cancel_ns;  /* when the loop asked to cancel it; 0: not, or it has been recorded */
    bool cancel_asked;   /* for the operation, once */
    bool idle_pending;   /* one on an idle descriptor that has not ended for good */
};

struct completion {
    struct request *request;
    ssize_t result;   /* bytes, or -errno */
};

/* How many an engine may have of its own. (ENGINE_OPTIONS is in settings.h.) */
#define ENGINE_COUNTERS 8

/* ------------------------------------------------------------------ what an engine says of itself */

/* What it can do, yes or no. Python reads these by name. */
#define ENGINE_FLAGS(X)                                                                          \
    X(files)                   /* works on regular files */                                      \
    X(streams)                 /* works on descriptors without a position */                     \
    X(waits)                   /* reap can wait asleep */                                        \
    X(batches)                 /* starts several transfers with one call */                      \
    X(spins)                   /* burns CPU while it waits */                                    \
    X(blocks_in_submit)        /* the transfer is over when submit returns */                    \
    X(nonblocking_descriptors) /* wants O_NONBLOCK */                                            \
    X(moves_data)              /* false: no I/O at all */                                        \
    X(cancels)                 /* cancel() does something */                                     \
    X(waits_for_all)           /* returns when all in flight have ended: nothing may stay pending */ \
    X(nowait)                  /* can read files without blocking, as request.nowait asks */ \
    X(starts_in_reap)          /* reap starts what submit took, where it follows at once (setup.reap_follows) */ \
    X(kernel_polls)            /* a thread of the kernel's uses CPU, also while reap sleeps */ \
    X(links)                   /* makes a sync after a write without being called again (request.then_syncs) */ \
    X(edge_triggered)          /* after EAGAIN it hears only of what comes later, not of what is there */

/* And how far; 0: any number. */
#define ENGINE_LIMITS(X)                                          \
    X(max_depth)      /* requests in flight */                    \
    X(max_descriptor) /* the highest descriptor it can handle */

/* Where the next transfer is started. X(constant, name) */
#define NEXT_STARTS(X)                                                                         \
    X(BY_LOOP, "loop")       /* after reap */                                                  \
    X(IN_HANDLER, "handler") /* with setup.next, in a signal handler of the thread in reap */  \
    X(ON_THREAD, "thread")   /* with setup.next, on other threads, while reap waits or not */     \
    X(IN_LANE, "lane")       /* with setup.next, and on the thread that ended the slot's last one */

enum next_start {
#define X(constant, name) NEXT_##constant,
    NEXT_STARTS(X)
#undef X
};

/* Its place among all models of today, beside caps.waits and caps.spins: what the application learns of, …
 * X(constant, name) */
#define ENGINE_NEWS(X)                                                                   \
    X(NOTHING, "nothing")                                                                \
    X(READINESS, "readiness")   /* a transfer would not block now: the application makes it */ \
    X(COMPLETION, "completion") /* the transfer is over */

/* … and who makes the transfer. */
#define ENGINE_WORKERS(X)                                            \
    X(CALLER, "caller")                                              \
    X(KERNEL, "kernel")                                              \
    X(HELPERS, "helper threads") /* of the process: its own or its library's */

enum engine_news {
#define X(constant, name) NEWS_##constant,
    ENGINE_NEWS(X)
#undef X
};

enum engine_worker {
#define X(constant, name) WORKER_##constant,
    ENGINE_WORKERS(X)
#undef X
};

/* How much a program has to take care of that uses the model, from the simplest on: a judgement, written down once. Where
 * nothing is gained by the other, the simpler one is better. Each option that is not the default makes it less simple, and
 * never as much as the next level does. X(constant, name, what the program has to do) */
#define ENGINE_COMPLEXITIES(X)                                                                                          \
    X(ONE_CALL, "one call", "one call transfers, and has done so when it returns")                                       \
    X(READINESS, "a list of descriptors", "a loop waits until some of a list are ready, transfers, and knows how far "    \
                                          "each of them has come")                                                       \
    X(REGISTRATION, "registered descriptors", "such a loop, and what is registered with the kernel has to change with "   \
                                              "what is open and what is wanted")                                         \
    X(REPEATED_CALL, "a repeated call", "the call is made again until it succeeds: a CPU is busy meanwhile, also while "   \
                                        "nothing comes, if there is nothing else to do")                                  \
    X(THREADS, "threads", "each thread is simple, but what they share needs locks, and an end needs all of them")        \
    X(REQUESTS, "queued requests", "requests end in any order, and each has memory that must stay until then, also if it " \
                                   "is cancelled")                                                                       \
    X(SIGNALS, "signals", "signals tell of events and not of states, can be lost, and interrupt other calls")            \
    X(KERNEL_QUEUE, "the kernel's queue", "such requests, without a function of the C library for them; what is not "    \
                                          "queued blocks, or has to be polled")                                          \
    X(RINGS, "completion rings", "such requests, in memory shared with the kernel: the order of accesses, overflow, and "  \
                                 "what each kernel version can do")

enum engine_complexity {
#define X(constant, name, sentence) COMPLEXITY_##constant,
    ENGINE_COMPLEXITIES(X)
#undef X
};

struct engine_caps {
#define X(name) bool name;
    ENGINE_FLAGS(X)
#undef X
#define X(name) uint32_t name;
    ENGINE_LIMITS(X)
#undef X
    enum next_start next_start;
};

/* One option. Its value is the number of a choice, or a whole number from `low` to `high`. */
struct engine_option {
    const char *name, *meaning;
    const char *const *choices; /* ended by NULL; NULL: a number */
    int64_t low, high, fallback;
    /* It means something only where another option, by its place in the table, has one of these values (a
     * bit for each). No bits: always. */
    uint32_t needs_option, needs_values;
    /* Choices (a bit for each) that `advise` does not try: they only lose beside another one. */
    uint32_t untried_values;
};

/* What kind of call it is; traces, findings and pictures ask this, and never a name. */
#define CALL_CLASSES(X)                                                                          \
    X(TRANSFER, "transfer") /* moves the data itself; its EAGAIN says that nothing is ready */   \
    X(SUBMIT, "submit")     /* starts a transfer */                                              \
    X(WAIT, "wait")         /* returns when something has happened */                            \
    X(QUERY, "query")       /* asks what has become of a transfer, or for its end */             \
    X(SYNC, "sync")                                                                              \
    X(WAKE, "wake")         /* ends another thread's wait */                                     \
    X(SETUP, "setup")

enum call_class {
#define X(constant, name) CLASS_##constant,
    CALL_CLASSES(X)
#undef X
    CALL_CLASS_COUNT
};

extern const char *const call_class_names[CALL_CLASS_COUNT];

/* Where a call can put its caller to sleep until something happens; otherwise it only takes time. A long call is not
 * a blocked one: aio_read of 8 us starts a thread, and a pread of a cached file copies. */
enum {
    SLEEPS_ANYWHERE = 1,
    SLEEPS_ON_STREAMS = 2, /* blocking descriptors: read(2), O_NONBLOCK */
    SLEEPS_ON_STORAGE = 4, /* files whose device has to answer: cold or direct */
};

struct engine_call {
    enum call_id id;
    enum call_class class;
    uint32_t sleeps;
};

#define ENGINE_CALLS_END {CALL_COUNT, CLASS_SETUP, 0}

/* Something that the engine counts; a trial's `counters` have it under this name. */
struct engine_counter {
    const char *name;
    const char *warning; /* to a reader, where it is not 0: the rest of a sentence that begins with the number */
};

/* What an engine, or a channel, is asked about: a trial. */
struct trial_question {
    const struct settings *settings;
    const int64_t *options; /* the engine's, by place in its table; none is left at its default's mark */
    bool on_files;          /* the channel's kind: regular files, or else streams */
    bool on_sockets;        /* streams that recv() reads from */
    bool on_devices;        /* streams that end each request by themselves, whatever others wait for */
    const struct slice *slice; /* what was counted until now; NULL before a trial */
};

/* Why something failed. */
struct explanation {
    const char *sentence; /* NULL: nothing to add to the error's own name, … */
    char own[384];        /* … unless it is here: one with numbers of this machine */
    bool not_applicable;  /* it is no failure: the engine cannot do this here */
};

static inline const char *explanation_sentence(const struct explanation *explanation)
{
    if (explanation->sentence)
        return explanation->sentence;
    return explanation->own[0] ? explanation->own : NULL;
}

/* Writes `own`; and the whole number that a file of /proc holds, -1 where there is none. In explanation.c; not in a
 * signal handler. */
void explanation_write(struct explanation *explanation, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
long explanation_number(const char *path);

/* ------------------------------------------------------------------ what an engine gets of what it asks for */

/* What an engine asks the system for, and may get less of without an error of its own. Less fails the trial, whose
 * numbers would be those of something else. X(constant, name, remedy) */
#define ENGINE_RESOURCES(X)                                                                                         \
    X(THREADS, "threads", "raise the limits on processes and threads (ulimit -u, and the pids limit of the container " \
                          "or control group), or lower load.depth")

enum resource {
#define X(constant, name, remedy) RESOURCE_##constant,
    ENGINE_RESOURCES(X)
#undef X
    RESOURCE_COUNT
};

/* `obtained` is less than `asked` once something was refused, and 0 where nobody can say how much there is. Written by
 * any thread of the engine's, read by the loop's. */
struct engine_resource {
    uint64_t asked, obtained;
};

static inline bool engine_resource_lacks(const struct engine_resource *resource)
{
    return __atomic_load_n(&resource->obtained, __ATOMIC_RELAXED) < resource->asked;
}

/* ------------------------------------------------------------------ what the loop lends */

/* Where requests read to, by slot. (A write takes its bytes from the channel, mostly.) */
struct engine_buffers {
    char *base;
    size_t stride;
    uint32_t count;
};

struct engine_setup {
    uint32_t depth; /* at most this many in flight, those on idle descriptors included */
    const int64_t *options;   /* by place in the engine's table */
    const int *descriptors;   /* all that requests will name; while the engine is open */
    uint32_t descriptor_count;
    struct engine_buffers buffers;
    /* The loop does nothing between a submit and the next reap: it has nothing to compute, and no arrival to wait for.
     * An engine that starts and waits with one call may leave the start to reap; otherwise submit must not return before
     * the transfers are on their way. */
    bool reap_follows;
    struct calls *calls;
    uint64_t *counters;       /* by place in the engine's table */
    struct engine_resource *resources; /* by enum resource: what the engine asks for, and what it has got */
    /* Used only where caps.next_start is not the loop. Async-signal-safe unless that is on other threads. */
    void *loop;
    struct request *(*next)(void *loop, const struct completion *done);
};

/* One more than the highest of the descriptors that are lent: the length of a table that is found by their numbers. */
static inline size_t engine_descriptor_numbers(const struct engine_setup *setup)
{
    int highest = -1;

    for (uint32_t i = 0; i < setup->descriptor_count; i++)
        if (setup->descriptors[i] > highest)
            highest = setup->descriptors[i];
    return (size_t)highest + 1;
}

/* What cancel() answers: the three answers of aio_cancel, and why it was not called. */
enum cancel_outcome {
    CANCEL_DONE,             /* it will complete with -ECANCELED */
    CANCEL_TOO_LATE,         /* it is being transferred and will end by itself, or interrupted: -ECANCELED */
    CANCEL_ALREADY_COMPLETE, /* it has ended, and waits to be reaped */
    CANCEL_WITHHELD,         /* not asked: that would harm others. It will end by itself */
    CANCEL_OUTCOMES
};

struct engine {
    const char *name;
    /* In words: what the model is called, what it calls, what that means, who answers the application. */
    const char *title, *calls_in_words, *summary, *other_side;
    bool is_synchronous, is_blocking; /* its place in the article's Figure 1, … */
    bool in_matrix;                   /* … if it has one: the article's four, drawn in charts/flows/miniature.py */
    enum engine_news news;
    enum engine_worker worker;
    enum engine_complexity complexity;
    /* Which threads the process has for it, beside the application's own: the engine's, its library's, and those that the
     * kernel adds to the process. NULL: none, ever. */
    const char *threads_in_words;
    uint32_t figure;                  /* the article's, of its flow; 0: none */
    const char *instead;              /* the engine for what this one cannot do; NULL: none */

    struct engine_caps caps;
    const struct engine_option *options;   /* ended by a NULL name; NULL: none */
    const struct engine_call *calls;       /* ended by ENGINE_CALLS_END */
    const struct engine_counter *counters; /* ended by a NULL name; NULL: none */
    /* Changes what follows from the options: capabilities, its place among the models, calls, functions. NULL: nothing
     * does. */
    void (*vary)(struct engine *engine, const int64_t *options);

    /* Sentences, or NULL: why it cannot do this at all; why it does what blocking does, with this channel; why it
     * cannot work on this machine (kernel, limits, seccomp). Each function may be NULL. */
    const char *(*cannot)(const struct trial_question *question);
    const char *(*degenerate)(const struct trial_question *question);
    const char *(*probe)(const struct trial_question *question);
    struct explanation (*explain)(const struct trial_question *question, enum stage stage, int error);

    int (*open)(void **state, const struct engine_setup *setup);
    int (*submit)(void *state, struct request *const *requests, uint32_t n);
    int (*reap)(void *state, struct completion *completions, uint32_t min, uint32_t max,
                int64_t timeout_ns);
    /* A cancel_outcome, or -errno: -ENOTSUP where nothing in flight can be called back; -EAGAIN where
     * nothing was asked, and may be soon: the chain has not quite started it, or there is no room to ask. */
    int (*cancel)(void *state, struct request *request);
    /* The same for all that is in flight on a descriptor, with one call: CANCEL_TOO_LATE when any of it
     * was too late. NULL where there is no such call. */
    int (*cancel_descriptor)(void *state, int fd);
    /* Takes back a request's `data`. NULL where none ever has any. */
    void (*recycle)(void *state, const char *data);
    void (*close)(void *state);
};

/* All engines, ended by NULL; in registry.c. A plug-in (plugin.h) is not among them, but is found by its name. */
extern const struct engine *const engines[];
const struct engine *engine_find(const char *name);
void engine_plug(const struct engine *engine);

/* Puts defaults in the place of options that were left out (OPTION_DEFAULT). How many there are, or -EINVAL
 * where one has no such value. */
int engine_options(const struct engine *engine, const struct settings *settings,
                   int64_t options[ENGINE_OPTIONS]);
/* The engine as it is with these options: `vary` has been there. */
struct engine engine_with(const struct engine *engine, const int64_t *options);

#endif
