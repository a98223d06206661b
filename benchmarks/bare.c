/* The bare loops that benchmarks/speed.py holds iomodels against: what is measured, without the
 * instrument.
 *
 *     bare stamps      SECONDS Q32                       two stamps and two histograms per turn
 *     bare counters    SECONDS Q32                       the same, with the loop's counters
 *     bare pread       SECONDS Q32 FD SIZE BLOCK SEED    random reads of a file, no clock at all
 *     bare pread-clock SECONDS Q32 FD SIZE BLOCK SEED    the same, one stamp and one histogram each
 *
 * Q32 is the clock's calibration (nanoseconds per TSC tick as 32.32 fixed point, 0: clock_gettime).
 * Clock, histogram and random numbers are the core's own headers, so that both sides pay the same
 * for them and the difference is the loop's. Prints `OPERATIONS NANOSECONDS`. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "random.h"
#include "record/clock.h"
#include "record/histogram.h"

#define WARMUP_NS (50 * UINT64_C(1000000))
/* Reads between two looks at the clock where reads are not stamped: 0.1 ns each. */
#define UNSTAMPED_READS 256

struct file {
    int fd;
    uint64_t blocks, block, seed;
    char *buffer;
};

struct result {
    uint64_t operations, ns;
};

/* Static and written to, so that the compiler must keep every count. */
static struct histogram latency, submit;
static struct {
    uint64_t live, operations, bytes, in_flight_ns, depth_max;
} counters;

static struct result run_stamps(const struct clock *clock, uint64_t duration_ns)
{
    const uint64_t start_ns = clock_now_ns(clock);
    uint64_t begun_ns = start_ns, operations = 0;

    do {
        const uint64_t submitted_ns = clock_now_ns(clock);
        histogram_add(&submit, submitted_ns - begun_ns);
        const uint64_t done_ns = clock_now_ns(clock);
        histogram_add(&latency, done_ns - begun_ns);
        begun_ns = done_ns;
        operations++;
    } while (begun_ns < start_ns + duration_ns);
    return (struct result){operations, begun_ns - start_ns};
}

static struct result run_counters(const struct clock *clock, uint64_t duration_ns)
{
    const uint64_t start_ns = clock_now_ns(clock);
    uint64_t begun_ns = start_ns, operations = 0, in_flight = 0;

    do {
        const uint64_t submitted_ns = clock_now_ns(clock);
        histogram_add(&submit, submitted_ns - begun_ns);
        in_flight++;
        if (in_flight > counters.depth_max)
            counters.depth_max = in_flight;
        const uint64_t done_ns = clock_now_ns(clock);
        counters.in_flight_ns += in_flight * (done_ns - begun_ns);
        in_flight--;
        histogram_add(&latency, done_ns - begun_ns);
        counters.operations++;
        counters.bytes += 4096;
        __atomic_store_n(&counters.live, counters.live + 1, __ATOMIC_RELAXED);
        begun_ns = done_ns;
        operations++;
    } while (begun_ns < start_ns + duration_ns);
    return (struct result){operations, begun_ns - start_ns};
}

static void read_block(struct file *file)
{
    const uint64_t offset = random_below(&file->seed, file->blocks) * file->block;

    if (pread(file->fd, file->buffer, file->block, (off_t)offset) != (ssize_t)file->block) {
        perror("bare: pread");
        exit(EXIT_FAILURE);
    }
}

static struct result run_pread(const struct clock *clock, struct file *file, uint64_t duration_ns)
{
    const uint64_t start_ns = clock_now_ns(clock);
    uint64_t now_ns, operations = 0;

    do {
        for (int i = 0; i < UNSTAMPED_READS; i++)
            read_block(file);
        operations += UNSTAMPED_READS;
        now_ns = clock_now_ns(clock);
    } while (now_ns < start_ns + duration_ns);
    return (struct result){operations, now_ns - start_ns};
}

static struct result run_pread_clock(const struct clock *clock, struct file *file,
                                     uint64_t duration_ns)
{
    const uint64_t start_ns = clock_now_ns(clock);
    uint64_t begun_ns = start_ns, operations = 0;

    do {
        read_block(file);
        const uint64_t done_ns = clock_now_ns(clock);
        histogram_add(&latency, done_ns - begun_ns);
        begun_ns = done_ns;
        operations++;
    } while (begun_ns < start_ns + duration_ns);
    return (struct result){operations, begun_ns - start_ns};
}

/* The data file has no name: it is opened again through the descriptor that was passed on, with the
 * same flags and advice as the file channel's. */
static void open_file(struct file *file, char *const *words)
{
    const uint64_t size = strtoull(words[1], NULL, 10);
    char path[64];
    void *buffer = NULL;

    snprintf(path, sizeof path, "/proc/self/fd/%s", words[0]);
    file->fd = open(path, O_RDONLY | O_CLOEXEC);
    file->block = strtoull(words[2], NULL, 10);
    file->seed = strtoull(words[3], NULL, 10);
    if (file->fd < 0 || file->block == 0 || size < file->block ||
        posix_memalign(&buffer, 4096, file->block) != 0) {
        perror("bare: open");
        exit(EXIT_FAILURE);
    }
    file->blocks = size / file->block;
    file->buffer = buffer;
    memset(buffer, 0, file->block);
    (void)posix_fadvise(file->fd, 0, 0, POSIX_FADV_RANDOM);
}

static struct result run(const char *mode, const struct clock *clock, struct file *file,
                         uint64_t duration_ns)
{
    if (strcmp(mode, "stamps") == 0)
        return run_stamps(clock, duration_ns);
    if (strcmp(mode, "counters") == 0)
        return run_counters(clock, duration_ns);
    if (strcmp(mode, "pread") == 0)
        return run_pread(clock, file, duration_ns);
    return run_pread_clock(clock, file, duration_ns);
}

int main(int count, char **words)
{
    struct file file = {0};

    if (count != 4 && count != 8) {
        fputs("usage: bare stamps|counters SECONDS Q32\n"
              "       bare pread|pread-clock SECONDS Q32 FD SIZE BLOCK SEED\n",
              stderr);
        return 2;
    }
    const uint64_t duration_ns = (uint64_t)(strtod(words[2], NULL) * 1e9);
    const struct clock clock = {.ns_per_tick_q32 = strtoull(words[3], NULL, 10)};

    if (count == 8)
        open_file(&file, words + 4);
    (void)run(words[1], &clock, &file, WARMUP_NS);
    struct result result = run(words[1], &clock, &file, duration_ns);
    printf("%llu %llu\n", (unsigned long long)result.operations, (unsigned long long)result.ns);
    return 0;
}
