/* The plain server on io_uring's raw interface: no library, no option.
 *
 * A read is in flight on each connection. When it has ended, its answer is written, and then the next read follows. One
 * call starts what there is to start and waits for at least one completion: two calls for a round trip. */
#include <errno.h>
#include <linux/io_uring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bare_server.h"
#include "pattern.h"

struct ring_server {
    int fd;
    unsigned *sq_tail, *cq_head, *cq_tail;
    unsigned sq_mask, cq_mask;
    struct io_uring_sqe *sqes;
    struct io_uring_cqe *cqes;
    unsigned queued; /* entries that the kernel has not been told of */
    char *buffers;   /* by connection */
};

/* The connection, and whether it is the write that has ended. */
enum { IS_WRITE = 1 };

static void queue(struct server *server, uint32_t i, bool writes)
{
    struct ring_server *ring = server->ring;
    const size_t block = (size_t)server->settings.block;
    const unsigned tail = *ring->sq_tail;
    const char *bytes = writes ? pattern_at(server->pattern, server->written[i]) : ring->buffers + i * block;

    ring->sqes[tail & ring->sq_mask] = (struct io_uring_sqe){
        .opcode = writes ? IORING_OP_WRITE : IORING_OP_READ,
        .fd = server->connections.engine[i].in,
        .off = UINT64_MAX, /* a stream has no position */
        .addr = (uintptr_t)bytes,
        .len = (unsigned)block,
        .user_data = (uint64_t)i << 1 | (writes ? IS_WRITE : 0),
    };
    __atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);
    ring->queued++;
}

uint64_t serve_with_ring(struct server *server)
{
    struct ring_server *ring = server->ring;
    const int block = (int)server->settings.block;
    uint64_t served = 0;

    if (syscall(__NR_io_uring_enter, ring->fd, ring->queued, 1, IORING_ENTER_GETEVENTS, NULL, 0) !=
        (long)ring->queued)
        fail("io_uring_enter");
    ring->queued = 0;
    unsigned head = *ring->cq_head;
    const unsigned tail = __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE);
    for (; head != tail; head++) {
        const struct io_uring_cqe *cqe = &ring->cqes[head & ring->cq_mask];
        const uint32_t i = (uint32_t)(cqe->user_data >> 1);

        if (cqe->res != block)
            fail("a transfer");
        if (cqe->user_data & IS_WRITE) {
            server->written[i] += (uint64_t)block;
            served++;
        }
        queue(server, i, !(cqe->user_data & IS_WRITE));
    }
    __atomic_store_n(ring->cq_head, head, __ATOMIC_RELEASE);
    return served;
}

static void map(struct ring_server *ring, const struct io_uring_params *params)
{
    const size_t completions = params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe);
    const size_t entries = params->sq_off.array + params->sq_entries * sizeof(unsigned);
    char *rings = mmap(NULL, completions > entries ? completions : entries, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQ_RING);

    ring->sqes = mmap(NULL, params->sq_entries * sizeof *ring->sqes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQES);
    if (rings == MAP_FAILED || ring->sqes == MAP_FAILED)
        fail("mapping the rings");
    ring->sq_tail = (unsigned *)(void *)(rings + params->sq_off.tail);
    ring->sq_mask = params->sq_entries - 1;
    ring->cq_head = (unsigned *)(void *)(rings + params->cq_off.head);
    ring->cq_tail = (unsigned *)(void *)(rings + params->cq_off.tail);
    ring->cq_mask = params->cq_entries - 1;
    ring->cqes = (struct io_uring_cqe *)(void *)(rings + params->cq_off.cqes);
    for (unsigned i = 0; i < params->sq_entries; i++)
        ((unsigned *)(void *)(rings + params->sq_off.array))[i] = i;
}

void watch_with_ring(struct server *server)
{
    const uint32_t count = server->connections.active;
    struct io_uring_params params = {0};
    struct ring_server *ring = calloc(1, sizeof *ring);

    server->ring = ring;
    if (!ring || !(ring->buffers = calloc(count, (size_t)server->settings.block)))
        fail("memory");
    ring->fd = (int)syscall(__NR_io_uring_setup, count, &params);
    if (ring->fd < 0)
        fail("io_uring_setup");
    if (!(params.features & IORING_FEAT_SINGLE_MMAP)) {
        errno = ENOSYS;
        fail("one mapping for both rings");
    }
    map(ring, &params);
    for (uint32_t i = 0; i < count; i++)
        queue(server, i, false);
}
