/* The two rings that io_uring shares with the kernel: entries put into the one, taken from the other, and the call that
 * does for both what memory alone cannot. Knows nothing of requests. */
#ifndef IOMODELS_IO_URING_RING_H
#define IOMODELS_IO_URING_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "calls.h"
#include "io_uring_abi.h"

struct ring {
    int fd;
    uint32_t setup_flags, features;
    /* Submission: the kernel reads what lies between head and tail. `tail` is ours until it is published. */
    uint32_t *sq_head, *sq_tail, *sq_flags;
    uint32_t sq_mask, sq_entries, tail;
    struct ring_sqe *sqes;
    /* Completion: we read between head and tail. */
    uint32_t *cq_head, *cq_tail, *cq_overflow;
    uint32_t cq_mask, cq_entries;
    struct ring_cqe *cqes;
    void *rings;
    size_t rings_size, sqes_size;
};

struct ring_setup {
    struct calls *calls;
    uint32_t sq_entries, cq_entries; /* at least; the kernel makes powers of two of them, and has limits */
    uint32_t flags;
    uint32_t sq_thread_idle_ms;
};

/* 0 or -errno; then nothing is left. */
int ring_open(struct ring *ring, const struct ring_setup *setup);
/* Also where ring_open has failed, or was never called on a ring of zeros. */
void ring_close(struct ring *ring);

/* A new ring of one entry, to ask the kernel: its descriptor, or -errno. */
int ring_try(struct ring_params *params);

/* ------------------------------------------------------------------ submission */

/* How many the kernel has not taken, published or not. */
static inline uint32_t ring_unsent(const struct ring *ring)
{
    return ring->tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE);
}

/* An empty entry at the ring's tail, or NULL: it is full. */
static inline struct ring_sqe *ring_entry(struct ring *ring)
{
    if (__builtin_expect(ring_unsent(ring) == ring->sq_entries, 0))
        return NULL;
    struct ring_sqe *sqe = &ring->sqes[ring->tail++ & ring->sq_mask];

    *sqe = (struct ring_sqe){0};
    return sqe;
}

/* The kernel may read all entries now. */
static inline void ring_publish(struct ring *ring)
{
    __atomic_store_n(ring->sq_tail, ring->tail, __ATOMIC_RELEASE);
}

/* What was published before is seen before the flags are read. (A fence by itself ThreadSanitizer does not know.) */
static inline void ring_fence(struct ring *ring)
{
    (void)__atomic_fetch_add(ring->sq_tail, 0, __ATOMIC_SEQ_CST);
}

static inline uint32_t ring_flags(const struct ring *ring)
{
    return __atomic_load_n(ring->sq_flags, __ATOMIC_RELAXED);
}

/* ------------------------------------------------------------------ completion */

static inline uint32_t ring_ready(const struct ring *ring)
{
    return __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE) - *ring->cq_head;
}

/* The entry at this place behind the head: less than ring_ready says. */
static inline const struct ring_cqe *ring_completion(const struct ring *ring, uint32_t place)
{
    return &ring->cqes[(*ring->cq_head + place) & ring->cq_mask];
}

/* The kernel may write over the first `n`. */
static inline void ring_advance(struct ring *ring, uint32_t n)
{
    __atomic_store_n(ring->cq_head, *ring->cq_head + n, __ATOMIC_RELEASE);
}

/* ------------------------------------------------------------------ entering the kernel */

/* Submits up to `to_submit` entries, then waits for `min_complete` completions (with RING_ENTER_GETEVENTS) for at most
 * `timeout_ns`, or without end where that is negative. How many entries were taken, or -errno, also where the time was over
 * (-ETIME) or a signal came (-EINTR), unless some were taken. Needs RING_FEATURE_EXT_ARG for a timeout. */
static inline int ring_enter(const struct ring *ring, struct calls *calls, uint32_t to_submit,
                             uint32_t min_complete, uint32_t flags, int64_t timeout_ns)
{
    const struct ring_timespec timeout = {timeout_ns / 1000000000, timeout_ns % 1000000000};
    const struct ring_wait wait = {.timeout = (uintptr_t)&timeout};
    const bool timed = min_complete > 0 && timeout_ns >= 0;
    long result;

    if (timed)
        result = CALL(calls, io_uring_enter,
                      syscall(__NR_io_uring_enter, ring->fd, to_submit, min_complete,
                              flags | RING_ENTER_EXT_ARG, &wait, sizeof wait));
    else
        result = CALL(calls, io_uring_enter,
                      syscall(__NR_io_uring_enter, ring->fd, to_submit, min_complete, flags, NULL, 0));
    return result < 0 ? -errno : (int)result;
}

static inline int ring_register(const struct ring *ring, struct calls *calls, uint32_t what, const void *argument,
                                uint32_t count)
{
    const long result = CALL(calls, io_uring_register,
                             syscall(__NR_io_uring_register, ring->fd, what, argument, count));

    return result < 0 ? -errno : (int)result;
}

#endif
