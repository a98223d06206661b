/* Making and ending the rings (see io_uring_ring.h). */
#include "io_uring_ring.h"

#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#if __has_include(<linux/io_uring.h>)
#include <linux/io_uring.h>
#define SAME_PLACE(ours, our_member, theirs, their_member) \
    _Static_assert(offsetof(ours, our_member) == offsetof(theirs, their_member), "")
_Static_assert(sizeof(struct ring_sqe) == sizeof(struct io_uring_sqe), "");
_Static_assert(sizeof(struct ring_cqe) == sizeof(struct io_uring_cqe), "");
_Static_assert(sizeof(struct ring_params) == sizeof(struct io_uring_params), "");
SAME_PLACE(struct ring_params, features, struct io_uring_params, features);
SAME_PLACE(struct ring_params, sq, struct io_uring_params, sq_off);
SAME_PLACE(struct ring_params, cq, struct io_uring_params, cq_off);
SAME_PLACE(struct ring_sq_offsets, array, struct io_sqring_offsets, array);
SAME_PLACE(struct ring_cq_offsets, cqes, struct io_cqring_offsets, cqes);
SAME_PLACE(struct ring_sqe, offset, struct io_uring_sqe, off);
SAME_PLACE(struct ring_sqe, address, struct io_uring_sqe, addr);
SAME_PLACE(struct ring_sqe, operation_flags, struct io_uring_sqe, rw_flags);
SAME_PLACE(struct ring_sqe, user_data, struct io_uring_sqe, user_data);
_Static_assert(RING_OP_RECV == (int)IORING_OP_RECV && RING_OP_READ == (int)IORING_OP_READ, "");
SAME_PLACE(struct ring_sqe, buffer, struct io_uring_sqe, buf_index);
#endif

int ring_try(struct ring_params *params)
{
    const long fd = syscall(__NR_io_uring_setup, 1, params);

    return fd < 0 ? -errno : (int)fd;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void *map(const struct ring *ring, size_t size, int64_t offset)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd, (off_t)offset);

    return memory == MAP_FAILED ? NULL : memory;
}

static uint32_t *word(const struct ring *ring, uint32_t offset)
{
    return (uint32_t *)(void *)((char *)ring->rings + offset);
}

/* The kernel reads places of entries from a table beside the ring: each is at its own. */
static void fill_array(const struct ring *ring, const struct ring_params *params)
{
    uint32_t *array = word(ring, params->sq.array);

    for (uint32_t i = 0; i < ring->sq_entries; i++)
        array[i] = i;
}

static int map_rings(struct ring *ring, const struct ring_params *params)
{
    ring->rings_size = larger(params->sq.array + params->sq_entries * sizeof(uint32_t),
                              params->cq.cqes + params->cq_entries * sizeof(struct ring_cqe));
    ring->sqes_size = params->sq_entries * sizeof(struct ring_sqe);
    ring->rings = map(ring, ring->rings_size, RING_OFFSET_RINGS);
    if (!ring->rings)
        return -errno;
    ring->sqes = map(ring, ring->sqes_size, RING_OFFSET_SQES);
    if (!ring->sqes)
        return -errno;
    ring->sq_head = word(ring, params->sq.head);
    ring->sq_tail = word(ring, params->sq.tail);
    ring->sq_flags = word(ring, params->sq.flags);
    ring->sq_mask = *word(ring, params->sq.ring_mask);
    ring->sq_entries = params->sq_entries;
    ring->tail = *ring->sq_tail;
    ring->cq_head = word(ring, params->cq.head);
    ring->cq_tail = word(ring, params->cq.tail);
    ring->cq_overflow = word(ring, params->cq.overflow);
    ring->cq_mask = *word(ring, params->cq.ring_mask);
    ring->cq_entries = params->cq_entries;
    ring->cqes = (struct ring_cqe *)(void *)((char *)ring->rings + params->cq.cqes);
    fill_array(ring, params);
    return 0;
}

int ring_open(struct ring *ring, const struct ring_setup *setup)
{
    struct ring_params params = {
        .flags = setup->flags | RING_SETUP_CQSIZE | RING_SETUP_CLAMP,
        .cq_entries = setup->cq_entries,
        .sq_thread_idle = setup->sq_thread_idle_ms,
    };
    const long fd = CALL(setup->calls, io_uring_setup, syscall(__NR_io_uring_setup, setup->sq_entries, &params));

    *ring = (struct ring){.fd = -1};
    if (fd < 0)
        return -errno;
    ring->fd = (int)fd;
    ring->setup_flags = params.flags;
    ring->features = params.features;
    /* Linux 5.4; what the engine needs besides is younger. */
    int error = params.features & RING_FEATURE_SINGLE_MMAP ? map_rings(ring, &params) : -EINVAL;
    if (error)
        ring_close(ring);
    return error;
}

void ring_close(struct ring *ring)
{
    if (ring->sqes)
        munmap(ring->sqes, ring->sqes_size);
    if (ring->rings)
        munmap(ring->rings, ring->rings_size);
    if (ring->fd >= 0)
        close(ring->fd);
    *ring = (struct ring){.fd = -1};
}
