/* whole_cost polling|workers: whose CPU getrusage counts when the kernel works for a process on a ring of io_uring.
 *
 * polling: a ring that the kernel's thread polls (IORING_SETUP_SQPOLL), for a while in which nothing more is asked of it.
 * workers: reads that the kernel gives to its workers (io-wq), as it does with those that would block.
 *
 * It prints nanoseconds of CPU that passed meanwhile: "self" (RUSAGE_SELF), "thread" (RUSAGE_THREAD), "others" (the other
 * threads in /proc/self/task), and how many those are at the end, there and by the links of the folder. Exit 77: there is no
 * io_uring here, with the reason. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/io_uring.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "process.h"

#define EXPECT(condition)                                                                       \
    do {                                                                                        \
        if (!(condition)) {                                                                     \
            fprintf(stderr, "line %d: not %s (%s)\n", __LINE__, #condition, strerror(errno)); \
            exit(EXIT_FAILURE);                                                                 \
        }                                                                                       \
    } while (0)

enum { NOT_HERE = 77, ENTRIES = 8, BLOCK = 1 << 20, READS = 4000, POLLED_MS = 400 };

struct ring {
    int fd;
    struct io_uring_params params;
    char *queues; /* both, with IORING_FEAT_SINGLE_MMAP (Linux 5.4) */
    struct io_uring_sqe *entries;
};

static uint32_t *field(const struct ring *ring, uint32_t offset)
{
    return (uint32_t *)(void *)(ring->queues + offset);
}

static struct ring ring_with(uint32_t flags)
{
    struct ring ring = {.params = {.flags = flags, .sq_thread_idle = 10 * POLLED_MS}};

    ring.fd = (int)syscall(__NR_io_uring_setup, ENTRIES, &ring.params);
    if (ring.fd < 0 && (errno == ENOSYS || errno == EPERM || errno == ENOMEM)) {
        printf("io_uring_setup: %s\n", strerror(errno));
        exit(NOT_HERE);
    }
    EXPECT(ring.fd >= 0);
    EXPECT(ring.params.features & IORING_FEAT_SINGLE_MMAP);
    const size_t sq = ring.params.sq_off.array + ring.params.sq_entries * sizeof(uint32_t);
    const size_t cq = ring.params.cq_off.cqes + ring.params.cq_entries * sizeof(struct io_uring_cqe);
    const size_t entries = ring.params.sq_entries * sizeof *ring.entries;

    ring.queues = mmap(NULL, sq > cq ? sq : cq, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd,
                       IORING_OFF_SQ_RING);
    ring.entries = mmap(NULL, entries, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd, IORING_OFF_SQES);
    EXPECT(ring.queues != MAP_FAILED && ring.entries != MAP_FAILED);
    return ring;
}

/* One entry, from its submission to its end; its result. */
static int32_t run_entry(const struct ring *ring, struct io_uring_sqe entry, uint32_t flags)
{
    uint32_t *const tail = field(ring, ring->params.sq_off.tail);
    const uint32_t place = *tail & *field(ring, ring->params.sq_off.ring_mask);

    ring->entries[place] = entry;
    field(ring, ring->params.sq_off.array)[place] = place;
    __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
    EXPECT(syscall(__NR_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS | flags, NULL, 0) == 1);

    uint32_t *const head = field(ring, ring->params.cq_off.head);
    EXPECT(*head != __atomic_load_n(field(ring, ring->params.cq_off.tail), __ATOMIC_ACQUIRE));
    const struct io_uring_cqe *cqes = (const void *)(ring->queues + ring->params.cq_off.cqes);
    const int32_t result = cqes[*head & *field(ring, ring->params.cq_off.ring_mask)].res;
    __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
    return result;
}

/* ------------------------------------------------------------------ who has used how much */

static uint64_t used_ns(int who)
{
    struct rusage usage;

    EXPECT(getrusage(who, &usage) == 0);
    return ((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) * 1000000000 +
           ((uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec) * 1000;
}

/* User and system time in ticks are the 14th and 15th entries; the second is a name in parentheses (proc(5)). */
static uint64_t task_ns(const char *task)
{
    char path[64], text[1024] = "";
    uint64_t user = 0, system = 0;

    snprintf(path, sizeof path, "/proc/self/task/%.20s/stat", task);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0; /* it has ended since */
    EXPECT(fgets(text, sizeof text, file));
    fclose(file);
    EXPECT(sscanf(strrchr(text, ')') + 2, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64 "%" SCNu64, &user,
                  &system) == 2);
    return (user + system) * (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK));
}

static uint64_t others_ns(unsigned *count)
{
    DIR *tasks = opendir("/proc/self/task");
    uint64_t sum = 0;

    EXPECT(tasks);
    *count = 0;
    for (const struct dirent *task; (task = readdir(tasks));) {
        if (task->d_name[0] == '.' || atoi(task->d_name) == getpid())
            continue;
        sum += task_ns(task->d_name);
        ++*count;
    }
    closedir(tasks);
    return sum;
}

/* ------------------------------------------------------------------ what is measured */

static void be_polled(const struct ring *ring)
{
    /* The first entry wakes the thread: until then it sleeps. */
    EXPECT(run_entry(ring, (struct io_uring_sqe){.opcode = IORING_OP_NOP}, IORING_ENTER_SQ_WAKEUP) == 0);
    nanosleep(&(struct timespec){.tv_nsec = POLLED_MS * 1000000}, NULL);
}

static void be_served(const struct ring *ring)
{
    char *buffer = calloc(1, BLOCK);
    FILE *file = tmpfile();

    EXPECT(buffer && file);
    EXPECT(fwrite(buffer, 1, BLOCK, file) == BLOCK && fflush(file) == 0);
    for (int n = 0; n < READS; n++)
        EXPECT(run_entry(ring,
                         (struct io_uring_sqe){
                             .opcode = IORING_OP_READ,
                             .flags = IOSQE_ASYNC,
                             .fd = fileno(file),
                             .addr = (uintptr_t)buffer,
                             .len = BLOCK,
                         },
                         0) == BLOCK);
    fclose(file);
    free(buffer);
}

int main(int count, char **arguments)
{
    const bool polling = count == 2 && strcmp(arguments[1], "polling") == 0;
    const struct ring ring = ring_with(polling ? IORING_SETUP_SQPOLL : 0);
    unsigned tasks;
    const uint64_t others = others_ns(&tasks), self = used_ns(RUSAGE_SELF), thread = used_ns(RUSAGE_THREAD);

    (polling ? be_polled : be_served)(&ring);
    printf("self %" PRIu64 "\n", used_ns(RUSAGE_SELF) - self);
    printf("thread %" PRIu64 "\n", used_ns(RUSAGE_THREAD) - thread);
    printf("others %" PRIu64 "\n", others_ns(&tasks) - others);
    printf("tasks %u\nlinks %" PRIu64 "\n", tasks, process_threads() - 1);
}
