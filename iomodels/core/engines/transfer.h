/* One read, write or sync, as the engines do it that make the call themselves; and the short lists in
 * which they keep what is pending, and what is complete until reap fetches it. */
#ifndef IOMODELS_TRANSFER_H
#define IOMODELS_TRANSFER_H

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"

/* What transfer() calls. `on_streams`: SLEEPS_ON_STREAMS where the engine's descriptors are blocking ones. On a
 * regular file O_NONBLOCK changes nothing. */
#define TRANSFER_CALLS(on_streams)                          \
    {CALL_read, CLASS_TRANSFER, (on_streams)},              \
    {CALL_write, CLASS_TRANSFER, (on_streams)},             \
    {CALL_pread, CLASS_TRANSFER, SLEEPS_ON_STORAGE},        \
    {CALL_pwrite, CLASS_TRANSFER, SLEEPS_ON_STORAGE},       \
    {CALL_fdatasync, CLASS_SYNC, SLEEPS_ANYWHERE},          \
    {CALL_fsync, CLASS_SYNC, SLEEPS_ANYWHERE}

/* 0 or -errno. */
static inline ssize_t transfer_sync(struct calls *calls, const struct request *request)
{
    const int fd = request->fd;
    int result = request->operation == OPERATION_DATA_SYNC ? CALL(calls, fdatasync, fdatasync(fd))
                                                           : CALL(calls, fsync, fsync(fd));

    return result < 0 ? -errno : 0;
}

/* Bytes transferred (a sync: 0), or -errno. */
static inline ssize_t transfer(struct calls *calls, const struct request *request)
{
    const int fd = request->fd;
    char *const buffer = request->buffer;
    const size_t length = request->length;
    const off_t offset = request->offset;
    ssize_t result;

    if (__builtin_expect(operation_is_sync(request->operation), 0))
        return transfer_sync(calls, request);
    if (request->operation == OPERATION_READ && offset == OFFSET_STREAM)
        result = CALL(calls, read, read(fd, buffer, calls_limit(calls, CALL_read, length)));
    else if (request->operation == OPERATION_READ)
        result = CALL(calls, pread, pread(fd, buffer, calls_limit(calls, CALL_pread, length), offset));
    else if (offset == OFFSET_STREAM)
        result = CALL(calls, write, write(fd, buffer, calls_limit(calls, CALL_write, length)));
    else
        result = CALL(calls, pwrite, pwrite(fd, buffer, calls_limit(calls, CALL_pwrite, length), offset));
    return result < 0 ? -errno : result;
}

/* Which call transfer() makes of it. */
static inline enum call_id transfer_call(const struct request *request)
{
    const bool stream = request->offset == OFFSET_STREAM;

    switch (request->operation) {
    case OPERATION_READ:
        return stream ? CALL_read : CALL_pread;
    case OPERATION_WRITE:
        return stream ? CALL_write : CALL_pwrite;
    case OPERATION_DATA_SYNC:
        return CALL_fdatasync;
    case OPERATION_SYNC:
    default:
        return CALL_fsync;
    }
}

/* Completions that reap has not fetched yet, oldest first; room for `depth` of them. */
struct ready {
    struct completion *items;
    uint32_t count;
};

static inline void ready_push(struct ready *ready, struct request *request, ssize_t result)
{
    ready->items[ready->count++] = (struct completion){.request = request, .result = result};
}

/* Moves up to `max` into `completions` and returns how many. */
static inline uint32_t ready_pop(struct ready *ready, struct completion *completions, uint32_t max)
{
    uint32_t n = ready->count < max ? ready->count : max;

    for (uint32_t i = 0; i < n; i++)
        completions[i] = ready->items[i];
    ready->count -= n;
    if (ready->count)
        memmove(ready->items, ready->items + n, ready->count * sizeof *ready->items);
    return n;
}

/* Transfers that wait for their descriptor, oldest first, so that requests which share one are
 * served in turn; room for `depth` of them. */
struct pending {
    struct request **items;
    uint32_t count;
};

static inline void pending_push(struct pending *pending, struct request *request)
{
    pending->items[pending->count++] = request;
}

static inline bool pending_remove(struct pending *pending, const struct request *request)
{
    for (uint32_t i = 0; i < pending->count; i++) {
        if (pending->items[i] != request)
            continue;
        pending->count--;
        memmove(pending->items + i, pending->items + i + 1,
                (pending->count - i) * sizeof(struct request *));
        return true;
    }
    return false;
}

#endif
