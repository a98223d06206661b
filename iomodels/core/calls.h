/* Every library or system call of an engine goes through CALL(), which counts it by name.
 *
 * Tests hang a `call_hooks` on it to make calls fail or transfer less than asked; a trace hangs a recorder on
 * it, which stamps enter and leave. Without them a call costs one increment and predicted branches. */
#ifndef IOMODELS_CALLS_H
#define IOMODELS_CALLS_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "record/recorder.h"

/* X(name, what its result is) */
#define CALL_NAMES(X) \
    X(read, BYTES)               \
    X(write, BYTES)              \
    X(pread, BYTES)              \
    X(pwrite, BYTES)             \
    X(select, READY)             \
    X(aio_read, NUMBER)          \
    X(aio_write, NUMBER)         \
    X(aio_error, ERRNO)          \
    X(aio_return, BYTES)         \
    X(aio_suspend, NUMBER)       \
    X(aio_cancel, NUMBER)        \
    X(aio_fsync, NUMBER)         \
    X(lio_listio, NUMBER)        \
    X(sigprocmask, NUMBER)       \
    X(ppoll, READY)              \
    X(fdatasync, NUMBER)         \
    X(fsync, NUMBER)             \
    X(preadv2, BYTES)            \
    X(readahead, NUMBER)         \
    X(futex_wait, NUMBER)        \
    X(futex_wake, NUMBER)        \
    X(epoll_create, NUMBER)      \
    X(epoll_ctl, NUMBER)         \
    X(epoll_wait, READY)         \
    X(epoll_pwait2, READY)       \
    X(io_uring_setup, NUMBER)    \
    X(io_uring_register, NUMBER) \
    X(io_uring_enter, NUMBER)    \
    X(io_setup, NUMBER)          \
    X(io_destroy, NUMBER)        \
    X(io_submit, NUMBER)         \
    X(io_getevents, NUMBER)      \
    X(io_cancel, NUMBER)         \
    X(sigtimedwait, SIGNAL)      \
    X(fcntl, NUMBER)             \
    X(sched_yield, NUMBER)       \
    X(other, NUMBER) /* of a plug-in's that is not in this list */

enum call_id {
#define X(name, result) CALL_##name,
    CALL_NAMES(X)
#undef X
    CALL_COUNT
};

#define CALL_RESULTS(X)                                     \
    X(NUMBER, "number")                                     \
    X(BYTES, "bytes")   /* transferred */                   \
    X(READY, "ready")   /* how many are ready */            \
    X(ERRNO, "errno")   /* an error's number; 0: no error */ \
    X(SIGNAL, "signal") /* a signal's number */

enum call_result {
#define X(constant, name) RESULT_##constant,
    CALL_RESULTS(X)
#undef X
    CALL_RESULT_COUNT
};

extern const enum call_result call_results[CALL_COUNT];
extern const char *const call_result_names[CALL_RESULT_COUNT];
extern const char *const call_names[CALL_COUNT];

/* An engine's helper threads call them too, several at a time. */
struct call_hooks {
    void *context;
    /* Returns 0 to let the call happen, or an errno with which it fails instead. */
    int (*fault)(void *context, enum call_id id);
    /* Returns how much of a transfer of `length` bytes may be asked for. */
    size_t (*limit)(void *context, enum call_id id, size_t length);
    /* Returns 0, or an errno that takes the place of a transfer's result (see calls_outcome). */
    int (*outcome)(void *context, enum call_id id, ssize_t result);
};

/* Written by one thread only; the counters lie in the record, where others may watch them. An engine
 * with helper threads gives each of them a `struct calls` with counters of its own. */
struct calls {
    uint64_t *count, *eagain;
    const struct call_hooks *hooks;
    struct recorder *recorder; /* NULL: no trace */
};

/* A helper thread's counters, until it hands them over. */
struct call_counts {
    uint64_t count[CALL_COUNT], eagain[CALL_COUNT];
};

static inline void calls_add_several(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

static inline void calls_add(uint64_t *counter)
{
    calls_add_several(counter, 1);
}

/* Adds `from` to the counters and sets it to 0. */
static inline void calls_move(uint64_t *count, uint64_t *eagain, struct call_counts *from)
{
    for (int id = 0; id < CALL_COUNT; id++) {
        if (!from->count[id])
            continue;
        calls_add_several(&count[id], from->count[id]);
        calls_add_several(&eagain[id], from->eagain[id]);
        from->count[id] = from->eagain[id] = 0;
    }
}

static inline int calls_enter(struct calls *calls, enum call_id id)
{
    calls_add(&calls->count[id]);
    if (__builtin_expect(calls->hooks != NULL, 0) && calls->hooks->fault)
        return calls->hooks->fault(calls->hooks->context, id);
    return 0;
}

/* The same counters and the same trace for calls that no test lets fail. */
static inline struct calls calls_without_hooks(const struct calls *calls)
{
    return (struct calls){
        .count = calls->count,
        .eagain = calls->eagain,
        .recorder = calls->recorder,
    };
}

/* A helper thread's, which counts for itself. */
static inline struct calls calls_of_helper(const struct calls *calls, struct call_counts *counts)
{
    return (struct calls){
        .count = counts->count,
        .eagain = counts->eagain,
        .hooks = calls->hooks,
        .recorder = calls->recorder,
    };
}

static inline size_t calls_limit(const struct calls *calls, enum call_id id, size_t length)
{
    if (__builtin_expect(calls->hooks != NULL, 0) && calls->hooks->limit)
        return calls->hooks->limit(calls->hooks->context, id, length);
    return length;
}

/* What became of a transfer that the kernel made by itself, as it is read from memory (an entry of a ring, an event of a
 * list): bytes or -errno. `id` is the call that starts such transfers. There is no call that a test could let fail
 * here, so it says so where the result is taken. */
static inline ssize_t calls_outcome(const struct calls *calls, enum call_id id, ssize_t result)
{
    if (__builtin_expect(calls->hooks != NULL, 0) && calls->hooks->outcome) {
        const int error = calls->hooks->outcome(calls->hooks->context, id, result);

        return error ? -error : result;
    }
    return result;
}

/* Evaluates `expression`, which follows the convention "-1 and errno"; its value is the call's. */
#define CALL(calls, name, expression)                                       \
    (__extension__({                                                        \
        int call_fault_ = calls_enter((calls), CALL_##name);                \
        __typeof__(expression) call_result_;                                \
        uint64_t call_event_ = 0;                                           \
        if (RECORDER_THERE((calls)->recorder))                              \
            call_event_ = recorder_enter((calls)->recorder, EVENT_call, CALL_##name); \
        if (__builtin_expect(call_fault_ != 0, 0)) {                        \
            errno = call_fault_;                                            \
            call_result_ = -1;                                              \
        } else {                                                            \
            call_result_ = (expression);                                    \
        }                                                                   \
        if (__builtin_expect(call_event_ != 0, 0))                          \
            recorder_leave((calls)->recorder, call_event_,                  \
                           call_result_ == -1 ? -errno : call_result_);     \
        if (__builtin_expect(call_result_ == -1, 0) && errno == EAGAIN)     \
            calls_add(&(calls)->eagain[CALL_##name]);                       \
        call_result_;                                                       \
    }))

#endif
