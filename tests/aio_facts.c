/* aio_facts FACT: one thing that POSIX says of asynchronous I/O, asked of this C library. Exit 0: so it is;
 * 1: it is not, with the line that found out on standard error. Without a FACT, their names. */
#include <aio.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define EXPECT(condition)                                              \
    do {                                                               \
        if (!(condition)) {                                            \
            fprintf(stderr, "line %d: not %s\n", __LINE__, #condition); \
            exit(EXIT_FAILURE);                                        \
        }                                                              \
    } while (0)

static char text[] = "0123456789";
static char buffer[16], other[16];

static int new_file(int flags)
{
    char path[] = "/tmp/aio-facts-XXXXXX";
    int made = mkstemp(path);

    EXPECT(made >= 0);
    EXPECT(write(made, text, 10) == 10);
    int fd = open(path, O_RDWR | flags);
    unlink(path);
    close(made);
    EXPECT(fd >= 0);
    return fd;
}

static struct aiocb block(int fd, void *bytes, size_t length, off_t offset, int opcode)
{
    return (struct aiocb){
        .aio_fildes = fd,
        .aio_buf = bytes,
        .aio_nbytes = length,
        .aio_offset = offset,
        .aio_lio_opcode = opcode,
        .aio_sigevent = {.sigev_notify = SIGEV_NONE},
    };
}

static ssize_t finish(struct aiocb *control)
{
    const struct aiocb *const list[] = {control};

    while (aio_error(control) == EINPROGRESS)
        aio_suspend(list, 1, NULL);
    errno = aio_error(control);
    return aio_return(control);
}

/* A read that stays pending until something is written into the other end. */
static struct aiocb pending(int ends[2])
{
    EXPECT(pipe(ends) == 0);
    return block(ends[0], other, 1, 0, LIO_READ);
}

static void suspend_ignores_null(void)
{
    struct aiocb control = block(new_file(0), buffer, 4, 2, LIO_READ);
    const struct aiocb *const list[] = {NULL, &control, NULL};

    EXPECT(aio_read(&control) == 0);
    EXPECT(aio_suspend(list, 3, NULL) == 0);
    EXPECT(aio_error(&control) == 0);
    EXPECT(aio_return(&control) == 4 && memcmp(buffer, "2345", 4) == 0);
}

static void suspend_times_out_with_eagain(void)
{
    int ends[2];
    struct aiocb control = pending(ends);
    const struct aiocb *const list[] = {&control};
    const struct timespec timeout = {.tv_nsec = 20000000};

    EXPECT(aio_read(&control) == 0);
    EXPECT(aio_suspend(list, 1, &timeout) == -1 && errno == EAGAIN);
    EXPECT(aio_error(&control) == EINPROGRESS);
    EXPECT(write(ends[1], "x", 1) == 1);
    EXPECT(finish(&control) == 1 && other[0] == 'x');
}

static void list_waits_for_all_and_ignores_null_and_nop(void)
{
    const int fd = new_file(0);
    struct aiocb first = block(fd, buffer, 3, 0, LIO_READ), last = block(fd, other, 3, 7, LIO_READ);
    struct aiocb nothing = block(-1, NULL, 1, 0, LIO_NOP);
    struct aiocb *const list[] = {NULL, &first, &nothing, NULL, &last};

    EXPECT(lio_listio(LIO_WAIT, list, 5, NULL) == 0);
    EXPECT(aio_error(&first) == 0 && aio_error(&last) == 0);
    EXPECT(aio_return(&first) == 3 && memcmp(buffer, "012", 3) == 0);
    EXPECT(aio_return(&last) == 3 && memcmp(other, "789", 3) == 0);
}

static void list_without_waiting(void)
{
    int ends[2];
    struct aiocb slow = pending(ends), quick = block(new_file(0), buffer, 3, 0, LIO_READ);
    struct aiocb *const list[] = {&slow, NULL, &quick};

    EXPECT(lio_listio(LIO_NOWAIT, list, 3, NULL) == 0);
    EXPECT(finish(&quick) == 3);
    EXPECT(aio_error(&slow) == EINPROGRESS);
    EXPECT(write(ends[1], "x", 1) == 1);
    EXPECT(finish(&slow) == 1);
}

static void list_says_eio_and_each_says_why(void)
{
    struct aiocb good = block(new_file(0), buffer, 3, 0, LIO_READ);
    struct aiocb bad = block(1000000, other, 3, 0, LIO_READ);
    struct aiocb *const list[] = {&bad, &good};

    EXPECT(lio_listio(LIO_WAIT, list, 2, NULL) == -1 && errno == EIO);
    EXPECT(aio_error(&bad) == EBADF && aio_return(&bad) == -1);
    EXPECT(aio_error(&good) == 0 && aio_return(&good) == 3);
}

static void append_ignores_the_offset(void)
{
    const int fd = new_file(O_APPEND);
    struct aiocb control = block(fd, text, 2, 4, LIO_WRITE);

    EXPECT(aio_write(&control) == 0);
    EXPECT(finish(&control) == 2);
    EXPECT(pread(fd, buffer, 16, 0) == 12 && memcmp(buffer, "012345678901", 12) == 0);
}

static void fsync_comes_after_the_writes(void)
{
    const int fd = new_file(0);
    struct aiocb write = block(fd, text, 4, 0, LIO_WRITE), sync = block(fd, NULL, 0, 0, LIO_NOP);
    const int how[] = {O_SYNC, O_DSYNC};

    for (int i = 0; i < 2; i++) {
        EXPECT(aio_write(&write) == 0);
        EXPECT(aio_fsync(how[i], &sync) == 0);
        EXPECT(finish(&sync) == 0);
        EXPECT(aio_error(&write) == 0 && aio_return(&write) == 4);
    }
    EXPECT(aio_fsync(O_RDONLY, &sync) == -1 && errno == EINVAL);
}

static void error_then_return(void)
{
    struct aiocb control = block(new_file(0), buffer, 20, 8, LIO_READ);

    EXPECT(aio_read(&control) == 0);
    while (aio_error(&control) == EINPROGRESS)
        ;
    EXPECT(aio_error(&control) == 0);
    EXPECT(aio_return(&control) == 2);
    /* The block may be used again. */
    control.aio_offset = 100;
    EXPECT(aio_read(&control) == 0);
    EXPECT(finish(&control) == 0);
}

/* Whether this task is in a read of `fd`: its system call's number and first argument say so. */
static bool is_reading(const char *task, int fd)
{
    char path[64], line[256] = "", wanted[32];

    snprintf(path, sizeof path, "/proc/self/task/%.20s/syscall", task);
    snprintf(wanted, sizeof wanted, "%d 0x%x ", SYS_read, (unsigned)fd);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    const bool read = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    return read && strncmp(line, wanted, strlen(wanted)) == 0;
}

/* Until one of the library's threads has come for a request, and waits in a read of `fd`. */
static void wait_for_reader(int fd)
{
    if (access("/proc/self/syscall", R_OK) < 0) { /* some containers hide it: then it is long enough to tell */
        nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
        return;
    }
    for (bool found = false; !found;) {
        DIR *tasks = opendir("/proc/self/task");
        struct dirent *task;

        EXPECT(tasks != NULL);
        while (!found && (task = readdir(tasks)))
            found = is_reading(task->d_name, fd);
        closedir(tasks);
    }
}

static void cancel_has_three_answers(void)
{
    int ends[2];
    struct aiocb begun = pending(ends), queued = begun;
    char queued_byte = 0;

    queued.aio_buf = &queued_byte;
    EXPECT(aio_read(&begun) == 0);
    EXPECT(aio_read(&queued) == 0);
    wait_for_reader(ends[0]);
    EXPECT(aio_cancel(ends[0], &begun) == AIO_NOTCANCELED);
    EXPECT(aio_cancel(ends[0], &queued) == AIO_CANCELED);
    EXPECT(aio_error(&queued) == ECANCELED && aio_return(&queued) == -1);
    EXPECT(write(ends[1], "x", 1) == 1);
    EXPECT(finish(&begun) == 1);
    EXPECT(aio_cancel(ends[0], &begun) == AIO_ALLDONE);
    EXPECT(aio_cancel(ends[0], NULL) == AIO_ALLDONE);
}

static void cancel_takes_a_whole_descriptor(void)
{
    int ends[2];
    struct aiocb controls[4];

    controls[0] = pending(ends);
    for (int i = 0; i < 4; i++) {
        controls[i] = controls[0];
        EXPECT(aio_read(&controls[i]) == 0);
    }
    wait_for_reader(ends[0]);
    EXPECT(aio_cancel(ends[0], NULL) == AIO_NOTCANCELED);
    for (int i = 1; i < 4; i++)
        EXPECT(aio_error(&controls[i]) == ECANCELED);
    EXPECT(aio_error(&controls[0]) == EINPROGRESS);
    EXPECT(write(ends[1], "x", 1) == 1);
    EXPECT(finish(&controls[0]) == 1);
    close(ends[0]);
    EXPECT(aio_cancel(ends[0], NULL) == -1 && errno == EBADF);
}

#define FACT(name) {#name, name}
static const struct {
    const char *name;
    void (*check)(void);
} facts[] = {
    FACT(suspend_ignores_null),
    FACT(suspend_times_out_with_eagain),
    FACT(list_waits_for_all_and_ignores_null_and_nop),
    FACT(list_without_waiting),
    FACT(list_says_eio_and_each_says_why),
    FACT(append_ignores_the_offset),
    FACT(fsync_comes_after_the_writes),
    FACT(error_then_return),
    FACT(cancel_has_three_answers),
    FACT(cancel_takes_a_whole_descriptor),
};

int main(int count, char **arguments)
{
    alarm(10);
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        if (count < 2)
            puts(facts[i].name);
        else if (strcmp(arguments[1], facts[i].name) == 0)
            return facts[i].check(), EXIT_SUCCESS;
    }
    return count < 2 ? EXIT_SUCCESS : 2;
}
