/* Who waits for which descriptor: for the engines that wait for readiness and then make the transfer themselves.
 *
 * Each descriptor has a queue of reads and one of writes, oldest first, so that requests which share it are served in
 * turn. All of it is found by number (of the descriptor, of the slot), so that whatever happens on one descriptor costs
 * the same however many others are watched. */
#ifndef IOMODELS_WAITERS_H
#define IOMODELS_WAITERS_H

#include "engine.h"
#include "transfer.h"

enum wait_kind { WAIT_READ, WAIT_WRITE, WAIT_KINDS };

#define NOBODY UINT32_MAX

/* By slot. */
struct waiter {
    struct request *request;
    uint32_t next, previous; /* slots; NOBODY at the ends */
};

/* The slots at the ends; NOBODY: nobody waits. */
struct wait_queue {
    uint32_t first, last;
};

/* By descriptor. */
struct watched {
    struct wait_queue queues[WAIT_KINDS];
    uint32_t own[2]; /* the engine's; 0 at first */
};

struct waiters {
    struct waiter *by_slot;
    struct watched *by_descriptor;
    size_t numbers; /* so many of these */
    uint32_t count; /* requests that wait */
    struct ready ready;
    uint32_t depth;
};

/* Room for setup's slots and descriptors: 0 or -ENOMEM, with nothing allocated. */
int waiters_open(struct waiters *waiters, const struct engine_setup *setup);
void waiters_close(struct waiters *waiters);

/* As struct engine's: for those that can watch regular files. */
const char *waiters_degenerate(const struct trial_question *question);

static inline enum wait_kind wait_kind(const struct request *request)
{
    return request->operation == OPERATION_READ ? WAIT_READ : WAIT_WRITE;
}

static inline struct watched *watched_of(const struct waiters *waiters, const struct request *request)
{
    return &waiters->by_descriptor[request->fd];
}

static inline bool is_waited_for(const struct watched *watched, enum wait_kind kind)
{
    return watched->queues[kind].first != NOBODY;
}

static inline bool waiters_are_full(const struct waiters *waiters)
{
    return waiters->count + waiters->ready.count == waiters->depth;
}

static inline void waiters_push(struct waiters *waiters, struct request *request)
{
    struct wait_queue *queue = &watched_of(waiters, request)->queues[wait_kind(request)];

    waiters->by_slot[request->slot] =
        (struct waiter){.request = request, .next = NOBODY, .previous = queue->last};
    if (queue->last == NOBODY)
        queue->first = request->slot;
    else
        waiters->by_slot[queue->last].next = request->slot;
    queue->last = request->slot;
    waiters->count++;
}

/* Of one that waits. */
static inline void waiters_remove(struct waiters *waiters, const struct request *request)
{
    struct wait_queue *queue = &watched_of(waiters, request)->queues[wait_kind(request)];
    struct waiter *waiter = &waiters->by_slot[request->slot];

    if (waiter->previous == NOBODY)
        queue->first = waiter->next;
    else
        waiters->by_slot[waiter->previous].next = waiter->next;
    if (waiter->next == NOBODY)
        queue->last = waiter->previous;
    else
        waiters->by_slot[waiter->next].previous = waiter->previous;
    waiter->request = NULL;
    waiters->count--;
}

static inline bool waiters_have(const struct waiters *waiters, const struct request *request)
{
    return waiters->by_slot[request->slot].request == request;
}

/* Whether there may be any use in trying before waiting: nobody waits before it, and what it wants may be there. */
static inline bool may_be_ready(const struct waiters *waiters, const struct request *request)
{
    const enum wait_kind kind = wait_kind(request);

    return !(kind == WAIT_READ && request->poll_first && request->moved == 0) &&
           !is_waited_for(watched_of(waiters, request), kind);
}

/* False: it has to wait. */
static inline bool waiters_try(struct waiters *waiters, struct calls *calls, struct request *request)
{
    const ssize_t result = transfer(calls, request);

    if (result == -EAGAIN)
        return false;
    ready_push(&waiters->ready, request, result);
    return true;
}

/* The descriptor is ready: makes the transfers that wait for it, until one finds that it is not (then false). A queue
 * that is served to its end makes no call in vain. */
static inline bool waiters_serve(struct waiters *waiters, struct calls *calls, struct watched *watched,
                                 enum wait_kind kind)
{
    while (is_waited_for(watched, kind)) {
        struct request *request = waiters->by_slot[watched->queues[kind].first].request;
        const ssize_t result = transfer(calls, request);

        if (result == -EAGAIN)
            return false;
        waiters_remove(waiters, request);
        ready_push(&waiters->ready, request, result);
    }
    return true;
}

/* As struct engine's cancel: what waits ends, and what does not is complete. */
static inline int waiters_cancel(struct waiters *waiters, struct request *request)
{
    if (!waiters_have(waiters, request))
        return CANCEL_ALREADY_COMPLETE;
    waiters_remove(waiters, request);
    ready_push(&waiters->ready, request, -ECANCELED);
    return CANCEL_DONE;
}

/* As struct engine's reap. `once` waits one time, and makes the transfers that this allows: how many descriptors it found
 * ready, 0 when the time was over, or -errno. */
static inline __attribute__((always_inline)) int
waiters_reap(struct waiters *waiters, int (*once)(void *state, uint32_t max, int64_t timeout_ns), void *state,
             struct completion *completions, uint32_t min, uint32_t max, int64_t timeout_ns)
{
    if (min == 0 && waiters->ready.count == 0 && waiters->count > 0) {
        int n = once(state, max, 0);

        if (n < 0 && n != -EINTR)
            return n;
    }
    while (waiters->ready.count < min && waiters->count > 0) {
        int n = once(state, max, timeout_ns);

        if (n == 0 || n == -EINTR)
            break;
        if (n < 0)
            return n;
    }
    return (int)ready_pop(&waiters->ready, completions, max);
}

#endif
