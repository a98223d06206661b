/* Random reads of a file through io_uring's raw interface, as short as they can be: no clock but between batches, no
 * histogram, no counter but one. One call starts what there is to start and waits for at least one completion.
 *
 *     bare-ring SECONDS Q32 FD SIZE BLOCK SEED DEPTH DIRECT FIXED TASKRUN
 *
 * Q32 as in bare.c; DIRECT 0 or 1; FIXED and TASKRUN as the engine io_uring has them. Prints `OPERATIONS NANOSECONDS`. */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "random.h"
#include "record/clock.h"

#define WARMUP_NS (50 * UINT64_C(1000000))
/* Reads between two looks at the clock, at least. */
#define UNSTAMPED_READS 256
#define PAGE 4096

struct ring {
    int fd;
    unsigned *sq_tail, *cq_head, *cq_tail;
    unsigned sq_mask, cq_mask;
    struct io_uring_sqe *sqes;
    struct io_uring_cqe *cqes;
};

struct reads {
    struct ring ring;
    int fd;
    bool has_files, has_buffers;
    uint64_t blocks, block, seed;
    char *buffers;
    unsigned depth, *idle, idle_count; /* slots that are to be started */
};

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "bare-ring: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

/* ------------------------------------------------------------------ the loop */

static void start(struct reads *reads, unsigned slot)
{
    struct ring *ring = &reads->ring;
    const unsigned tail = *ring->sq_tail;
    struct io_uring_sqe *sqe = &ring->sqes[tail & ring->sq_mask];

    memset(sqe, 0, sizeof *sqe);
    sqe->opcode = reads->has_buffers ? IORING_OP_READ_FIXED : IORING_OP_READ;
    sqe->flags = reads->has_files ? IOSQE_FIXED_FILE : 0;
    sqe->fd = reads->has_files ? 0 : reads->fd;
    sqe->off = random_below(&reads->seed, reads->blocks) * reads->block;
    sqe->addr = (uintptr_t)(reads->buffers + slot * reads->block);
    sqe->len = (unsigned)reads->block;
    sqe->user_data = slot;
    __atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);
}

/* How many have ended. */
static unsigned turn(struct reads *reads)
{
    struct ring *ring = &reads->ring;
    const unsigned started = reads->idle_count;
    unsigned head = *ring->cq_head;

    while (reads->idle_count > 0)
        start(reads, reads->idle[--reads->idle_count]);
    if (syscall(__NR_io_uring_enter, ring->fd, started, 1, IORING_ENTER_GETEVENTS, NULL, 0) != (long)started)
        fail("io_uring_enter");
    const unsigned tail = __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE), ended = tail - head;

    for (; head != tail; head++) {
        const struct io_uring_cqe *cqe = &ring->cqes[head & ring->cq_mask];

        if (cqe->res != (int)reads->block)
            fail("a read");
        reads->idle[reads->idle_count++] = (unsigned)cqe->user_data;
    }
    __atomic_store_n(ring->cq_head, head, __ATOMIC_RELEASE);
    return ended;
}

static void run(struct reads *reads, const struct clock *clock, uint64_t duration_ns, bool says)
{
    const uint64_t start_ns = clock_now_ns(clock);
    uint64_t now_ns, operations = 0;

    do {
        for (unsigned ended = 0; ended < UNSTAMPED_READS;) {
            const unsigned n = turn(reads);

            ended += n;
            operations += n;
        }
        now_ns = clock_now_ns(clock);
    } while (now_ns < start_ns + duration_ns);
    if (says)
        printf("%llu %llu\n", (unsigned long long)operations, (unsigned long long)(now_ns - start_ns));
}

/* ------------------------------------------------------------------ setting up */

static unsigned taskrun_flags(const char *taskrun)
{
    if (strcmp(taskrun, "coop") == 0)
        return IORING_SETUP_COOP_TASKRUN;
    return strcmp(taskrun, "defer") == 0 ? IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN : 0;
}

static void open_ring(struct ring *ring, unsigned depth, unsigned flags)
{
    struct io_uring_params params = {.flags = flags};

    ring->fd = (int)syscall(__NR_io_uring_setup, depth, &params);
    if (ring->fd < 0)
        fail("io_uring_setup");
    const size_t size = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe) +
                        params.sq_off.array + params.sq_entries * sizeof(unsigned);
    char *rings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQ_RING);

    ring->sqes = mmap(NULL, params.sq_entries * sizeof *ring->sqes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQES);
    if (rings == MAP_FAILED || ring->sqes == MAP_FAILED || !(params.features & IORING_FEAT_SINGLE_MMAP))
        fail("mmap");
    ring->sq_tail = (unsigned *)(void *)(rings + params.sq_off.tail);
    ring->sq_mask = params.sq_entries - 1;
    ring->cq_head = (unsigned *)(void *)(rings + params.cq_off.head);
    ring->cq_tail = (unsigned *)(void *)(rings + params.cq_off.tail);
    ring->cq_mask = params.cq_entries - 1;
    ring->cqes = (struct io_uring_cqe *)(void *)(rings + params.cq_off.cqes);
    for (unsigned i = 0; i < params.sq_entries; i++)
        ((unsigned *)(void *)(rings + params.sq_off.array))[i] = i;
}

/* As the file channel opens it. */
static void open_file(struct reads *reads, const char *fd, uint64_t size, bool direct)
{
    char path[64];
    void *buffers = NULL;

    snprintf(path, sizeof path, "/proc/self/fd/%s", fd);
    reads->fd = open(path, O_RDONLY | O_CLOEXEC | (direct ? O_DIRECT : 0));
    reads->blocks = size / reads->block;
    reads->idle = calloc(reads->depth, sizeof *reads->idle);
    if (reads->fd < 0 || reads->blocks == 0 || !reads->idle ||
        posix_memalign(&buffers, PAGE, reads->depth * reads->block) != 0)
        fail("open");
    reads->buffers = memset(buffers, 0, reads->depth * reads->block);
    for (unsigned slot = 0; slot < reads->depth; slot++)
        reads->idle[reads->idle_count++] = slot;
    if (!direct)
        (void)posix_fadvise(reads->fd, 0, 0, POSIX_FADV_RANDOM);
}

static void do_register(const struct reads *reads)
{
    const struct iovec buffers = {reads->buffers, reads->depth * reads->block};

    if (reads->has_files &&
        syscall(__NR_io_uring_register, reads->ring.fd, IORING_REGISTER_FILES, &reads->fd, 1) < 0)
        fail("registering the file");
    if (reads->has_buffers &&
        syscall(__NR_io_uring_register, reads->ring.fd, IORING_REGISTER_BUFFERS, &buffers, 1) < 0)
        fail("registering the buffers");
}

int main(int count, char **words)
{
    if (count != 11) {
        fputs("usage: bare-ring SECONDS Q32 FD SIZE BLOCK SEED DEPTH DIRECT FIXED TASKRUN\n", stderr);
        return 2;
    }
    const uint64_t duration_ns = (uint64_t)(strtod(words[1], NULL) * 1e9);
    const struct clock clock = {.ns_per_tick_q32 = strtoull(words[2], NULL, 10)};
    struct reads reads = {
        .block = strtoull(words[5], NULL, 10),
        .seed = strtoull(words[6], NULL, 10),
        .depth = (unsigned)strtoul(words[7], NULL, 10),
        .has_files = strcmp(words[9], "files") == 0 || strcmp(words[9], "both") == 0,
        .has_buffers = strcmp(words[9], "buffers") == 0 || strcmp(words[9], "both") == 0,
    };

    open_file(&reads, words[3], strtoull(words[4], NULL, 10), words[8][0] == '1');
    open_ring(&reads.ring, reads.depth, taskrun_flags(words[10]));
    do_register(&reads);
    run(&reads, &clock, WARMUP_NS, false);
    run(&reads, &clock, duration_ns, true);
    return EXIT_SUCCESS;
}
