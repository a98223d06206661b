/* kaio_facts FACT: one thing that the engine kaio takes for granted of kernel AIO, asked of this kernel. Exit 0: so it is;
 * 1: it is not, with the line that found out on standard error; 77: it cannot be asked here. Without a FACT, their names. */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NOT_HERE 77
#define COMMAND_POLL 5
#define DEPTH 4

#define EXPECT(condition)                                               \
    do {                                                                \
        if (!(condition)) {                                             \
            fprintf(stderr, "line %d: not %s\n", __LINE__, #condition); \
            exit(EXIT_FAILURE);                                         \
        }                                                               \
    } while (0)

static aio_context_t context;
static struct io_event events[DEPTH];

static long submit(struct iocb *const *controls, long n)
{
    return syscall(SYS_io_submit, context, n, controls) < 0 ? -errno : n;
}

static long submit_one(struct iocb *control)
{
    return submit(&control, 1);
}

/* How many events came within a second. */
static long events_within(long least)
{
    struct timespec second = {.tv_sec = 1};

    return syscall(SYS_io_getevents, context, least, (long)DEPTH, events, &second);
}

static long cancel(struct iocb *control)
{
    struct io_event unused;

    return syscall(SYS_io_cancel, context, control, &unused) < 0 ? -errno : 0;
}

static struct iocb poll_of(int fd, uint32_t what)
{
    return (struct iocb){.aio_lio_opcode = COMMAND_POLL, .aio_fildes = (uint32_t)fd, .aio_buf = what};
}

static void new_pipe(int ends[2])
{
    EXPECT(pipe2(ends, O_NONBLOCK) == 0);
}

static int new_file(int flags)
{
    char path[] = "/var/tmp/kaio-facts-XXXXXX";
    static char bytes[1 << 16];
    const int made = mkstemp(path);

    EXPECT(made >= 0);
    EXPECT(write(made, bytes, sizeof bytes) == sizeof bytes);
    EXPECT(fsync(made) == 0);
    const int fd = open(path, O_RDWR | flags);
    const int error = errno;
    unlink(path);
    close(made);
    if (fd < 0 && error == EINVAL && (flags & O_DIRECT))
        exit(NOT_HERE);
    EXPECT(fd >= 0);
    return fd;
}

static struct iocb read_of(int fd)
{
    static char *buffer;

    if (!buffer)
        EXPECT(posix_memalign((void **)&buffer, 4096, 4096) == 0);
    return (struct iocb){
        .aio_lio_opcode = IOCB_CMD_PREAD,
        .aio_fildes = (uint32_t)fd,
        .aio_buf = (uintptr_t)buffer,
        .aio_nbytes = 4096,
    };
}

/* ------------------------------------------------------------------ the facts */

static void a_poll_is_news_once(void)
{
    int ends[2];
    char byte;

    new_pipe(ends);
    struct iocb control = poll_of(ends[0], POLLIN);
    EXPECT(submit_one(&control) == 1);
    EXPECT(write(ends[1], "x", 1) == 1);
    EXPECT(events_within(1) == 1 && (events[0].res & POLLIN));
    EXPECT(read(ends[0], &byte, 1) == 1 && write(ends[1], "x", 1) == 1);
    EXPECT(cancel(&control) == -EINVAL); /* nothing is armed any more */
}

static void a_cancelled_poll_still_has_an_event(void)
{
    int ends[2];

    new_pipe(ends);
    struct iocb control = poll_of(ends[0], POLLIN);
    EXPECT(submit_one(&control) == 1);
    EXPECT(cancel(&control) == -EINPROGRESS);
    EXPECT(events_within(1) == 1 && events[0].obj == (uintptr_t)&control);
    EXPECT(cancel(&control) == -EINVAL);
}

static void an_armed_poll_keeps_its_file_open(void)
{
    int ends[2];

    new_pipe(ends);
    struct iocb control = poll_of(ends[0], POLLIN);
    EXPECT(submit_one(&control) == 1);
    close(ends[0]);
    EXPECT(write(ends[1], "x", 1) == 1); /* no EPIPE: somebody might still read it */
    EXPECT(events_within(1) == 1);
}

static void a_stream_read_does_not_wait(void)
{
    int ends[2];

    new_pipe(ends);
    struct iocb control = read_of(ends[0]);
    EXPECT(submit_one(&control) == 1);
    EXPECT(events_within(1) == 1 && events[0].res == -EAGAIN);
}

static void a_read_of_a_file_is_not_cancelled(void)
{
    struct iocb control = read_of(new_file(O_DIRECT));

    EXPECT(submit_one(&control) == 1);
    EXPECT(cancel(&control) == -EINVAL);
    EXPECT(events_within(1) == 1 && events[0].res == 4096);
}

static void a_buffered_read_is_over_when_submit_returns(void)
{
    struct iocb control = read_of(new_file(0));
    struct timespec at_once = {0};

    EXPECT(submit_one(&control) == 1);
    EXPECT(syscall(SYS_io_getevents, context, 1L, (long)DEPTH, events, &at_once) == 1 && events[0].res == 4096);
}

static void a_batch_stops_at_the_first_refused(void)
{
    struct iocb good = read_of(new_file(0)), bad = read_of(-1);
    struct iocb *controls[] = {&good, &bad, &good};

    EXPECT(syscall(SYS_io_submit, context, 3L, controls) == 1);
    EXPECT(syscall(SYS_io_submit, context, 2L, controls + 1) == -1 && errno == EBADF);
    EXPECT(events_within(1) == 1);
}

static void a_sync_is_made_by_the_kernel(void)
{
    struct iocb control = {.aio_lio_opcode = IOCB_CMD_FDSYNC, .aio_fildes = (uint32_t)new_file(0)};

    EXPECT(submit_one(&control) == 1);
    EXPECT(events_within(1) == 1 && events[0].res == 0);
}

/* ------------------------------------------------------------------ by name */

#define FACTS(X)                                        \
    X(a_poll_is_news_once)                              \
    X(a_cancelled_poll_still_has_an_event)              \
    X(an_armed_poll_keeps_its_file_open)                \
    X(a_stream_read_does_not_wait)                      \
    X(a_read_of_a_file_is_not_cancelled)                \
    X(a_buffered_read_is_over_when_submit_returns)      \
    X(a_batch_stops_at_the_first_refused)               \
    X(a_sync_is_made_by_the_kernel)

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*ask)(void);
    } facts[] = {
#define X(name) {#name, name},
        FACTS(X)
#undef X
    };

    if (count > 1 && syscall(SYS_io_setup, DEPTH, &context) < 0)
        return NOT_HERE;
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        if (count < 2)
            puts(facts[i].name);
        else if (strcmp(arguments[1], facts[i].name) == 0)
            facts[i].ask();
    }
    return EXIT_SUCCESS;
}
