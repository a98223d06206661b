/* The wrapped functions, and their counters (see probe.h). */
#include "probe.h"

#include <aio.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static struct probe counted;
static bool watching;
static _Thread_local bool in_suite; /* false in threads that an engine has started */

static bool fail_armed, failed;
static uint64_t fail_countdown;
static int64_t live_allocations;

static bool is_watched(void)
{
    return __atomic_load_n(&watching, __ATOMIC_RELAXED) && !in_suite;
}

static void count(uint64_t *counter)
{
    if (is_watched())
        __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* ------------------------------------------------------------------ calls that engines may make */

/* glibc's AIO starts its threads past ThreadSanitizer's pthread_create, and the first of them that
 * allocates crashes in the sanitizer (llvm-project issue 109742). */
static void needs_threads_of_libc(void)
{
#ifdef __SANITIZE_THREAD__
    not_applicable("ThreadSanitizer does not survive the threads that glibc's AIO starts");
#endif
}

/* `call` is the name under which CALL() counts what the function does. */
#define WRAP_AS(call, type, name, parameters, arguments) \
    type __real_##name parameters;                       \
    type __wrap_##name parameters;                       \
    type __wrap_##name parameters                        \
    {                                                    \
        count(&counted.calls[CALL_##call]);              \
        return __real_##name arguments;                  \
    }
#define WRAP_CALL(type, name, parameters, arguments) WRAP_AS(name, type, name, parameters, arguments)

WRAP_CALL(ssize_t, read, (int fd, void *buffer, size_t n), (fd, buffer, n))
WRAP_CALL(ssize_t, write, (int fd, const void *buffer, size_t n), (fd, buffer, n))
WRAP_CALL(ssize_t, pread, (int fd, void *buffer, size_t n, off_t offset), (fd, buffer, n, offset))
WRAP_CALL(ssize_t, pwrite, (int fd, const void *buffer, size_t n, off_t offset),
          (fd, buffer, n, offset))
WRAP_CALL(int, select, (int n, fd_set *in, fd_set *out, fd_set *other, struct timeval *timeout),
          (n, in, out, other, timeout))
WRAP_CALL(int, aio_error, (const struct aiocb *block), (block))
WRAP_CALL(ssize_t, aio_return, (struct aiocb * block), (block))
WRAP_CALL(int, aio_suspend,
          (const struct aiocb *const blocks[], int n, const struct timespec *timeout),
          (blocks, n, timeout))
WRAP_CALL(int, aio_cancel, (int fd, struct aiocb *block), (fd, block))

#define WRAP_AIO(name)                           \
    int __real_##name(struct aiocb *block);      \
    int __wrap_##name(struct aiocb *block);      \
    int __wrap_##name(struct aiocb *block)       \
    {                                            \
        needs_threads_of_libc();                 \
        count(&counted.calls[CALL_##name]);      \
        return __real_##name(block);             \
    }

WRAP_AIO(aio_read)
WRAP_AIO(aio_write)

int __real_aio_fsync(int operation, struct aiocb *block);
int __wrap_aio_fsync(int operation, struct aiocb *block);
int __wrap_aio_fsync(int operation, struct aiocb *block)
{
    needs_threads_of_libc();
    count(&counted.calls[CALL_aio_fsync]);
    return __real_aio_fsync(operation, block);
}

int __real_lio_listio(int mode, struct aiocb *const blocks[], int n, struct sigevent *event);
int __wrap_lio_listio(int mode, struct aiocb *const blocks[], int n, struct sigevent *event);
int __wrap_lio_listio(int mode, struct aiocb *const blocks[], int n, struct sigevent *event)
{
    needs_threads_of_libc();
    count(&counted.calls[CALL_lio_listio]);
    return __real_lio_listio(mode, blocks, n, event);
}

WRAP_CALL(int, ppoll,
          (struct pollfd * fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask),
          (fds, n, timeout, mask))

WRAP_CALL(int, fsync, (int fd), (fd))
WRAP_CALL(int, fdatasync, (int fd), (fd))
WRAP_CALL(ssize_t, preadv2, (int fd, const struct iovec *parts, int n, off_t offset, int flags),
          (fd, parts, n, offset, flags))
WRAP_AS(epoll_create, int, epoll_create1, (int flags), (flags))
WRAP_CALL(int, epoll_ctl, (int epoll, int what, int fd, struct epoll_event *event),
          (epoll, what, fd, event))
WRAP_CALL(int, epoll_wait, (int epoll, struct epoll_event *events, int n, int timeout_ms),
          (epoll, events, n, timeout_ms))
WRAP_CALL(int, sigtimedwait, (const sigset_t *set, siginfo_t *info, const struct timespec *timeout),
          (set, info, timeout))
/* Counted as the system calls that they are. */
WRAP_AS(sigprocmask, int, pthread_sigmask, (int how, const sigset_t *set, sigset_t *before),
        (how, set, before))
WRAP_AS(sigtimedwait, int, sigwaitinfo, (const sigset_t *set, siginfo_t *info), (set, info))

/* With three parameters at most, of which the third may be a pointer. */
int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
    va_list arguments;

    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    count(&counted.calls[CALL_fcntl]);
    return __real_fcntl(fd, command, argument);
}

#define IO_URING_SETUP 425

/* Calls that the C library has no function for, or not every one of them. */
static const struct {
    long number;
    enum call_id id;
} by_number[] = {
    {SYS_io_setup, CALL_io_setup},         {SYS_io_destroy, CALL_io_destroy},
    {SYS_io_submit, CALL_io_submit},       {SYS_io_getevents, CALL_io_getevents},
    {SYS_io_cancel, CALL_io_cancel},       {IO_URING_SETUP, CALL_io_uring_setup},
    {426, CALL_io_uring_enter},            {427, CALL_io_uring_register},
    {441, CALL_epoll_pwait2},              {SYS_sched_yield, CALL_sched_yield},
};
#define BY_NUMBER (sizeof by_number / sizeof *by_number)

/* A ring that is soon full, on either side. */
static void make_small(long *entries, uint32_t *ring_parameters)
{
    enum { CQ_ENTRIES = 1, SMALL = 2 };

    if (*entries > SMALL) { /* not that which only asks */
        *entries = SMALL;
        ring_parameters[CQ_ENTRIES] = SMALL;
    }
}

/* What a ring of Linux before 5.11 does not say that it can: waits that end after a time. */
static void make_older(uint32_t *ring_parameters)
{
    enum { FEATURES = 5, EXT_ARG = 1 << 8 };

    ring_parameters[FEATURES] &= ~(uint32_t)EXT_ARG;
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
/* It reads six arguments where fewer may have been given, as the C library's own does: of the caller's stack then. */
__attribute__((no_sanitize_address)) long __wrap_syscall(long number, ...)
{
    va_list arguments;
    long values[6];

    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        values[i] = va_arg(arguments, long);
    va_end(arguments);
    for (size_t i = 0; i < BY_NUMBER; i++)
        if (by_number[i].number == number)
            count(&counted.calls[by_number[i].id]);
    if (number == IO_URING_SETUP && getenv("CONFORMANCE_SMALL_RING"))
        make_small(&values[0], (uint32_t *)values[1]);
    long result = __real_syscall(number, values[0], values[1], values[2], values[3], values[4], values[5]);
    if (number == IO_URING_SETUP && result >= 0 && getenv("CONFORMANCE_OLDER_RING"))
        make_older((uint32_t *)values[1]);
    return result;
}

static bool is_blind;

void probe_sees_nothing(void)
{
    is_blind = true;
}

bool probe_is_blind(void)
{
    return is_blind;
}

bool probe_sees(enum call_id id)
{
    static const bool seen[CALL_COUNT] = {
        [CALL_read] = true,       [CALL_write] = true,      [CALL_pread] = true,
        [CALL_pwrite] = true,     [CALL_select] = true,     [CALL_aio_read] = true,
        [CALL_aio_write] = true,  [CALL_aio_error] = true,  [CALL_aio_return] = true,
        [CALL_aio_suspend] = true, [CALL_aio_cancel] = true, [CALL_lio_listio] = true,
        [CALL_ppoll] = true,      [CALL_sigprocmask] = true, [CALL_fsync] = true,
        [CALL_fdatasync] = true,  [CALL_preadv2] = true,    [CALL_epoll_create] = true,
        [CALL_epoll_ctl] = true,  [CALL_epoll_wait] = true, [CALL_sigtimedwait] = true,
        [CALL_fcntl] = true,      [CALL_aio_fsync] = true,
    };

    for (size_t i = 0; i < BY_NUMBER; i++)
        if (by_number[i].id == id)
            return true;
    return seen[id];
}

/* ------------------------------------------------------------------ clocks */

#define WRAP_CLOCK(type, name, parameters, arguments) \
    type __real_##name parameters;                    \
    type __wrap_##name parameters;                    \
    type __wrap_##name parameters                     \
    {                                                 \
        count(&counted.clock_reads);                  \
        return __real_##name arguments;               \
    }

WRAP_CLOCK(int, clock_gettime, (clockid_t id, struct timespec *now), (id, now))
WRAP_CLOCK(int, gettimeofday, (struct timeval * now, void *zone), (now, zone))
WRAP_CLOCK(time_t, time, (time_t * now), (now))

/* ------------------------------------------------------------------ memory */

static bool may_allocate(void)
{
    count(&counted.allocations);
    if (!fail_armed)
        return true;
    if (fail_countdown-- > 0)
        return true;
    fail_armed = false;
    failed = true;
    return false;
}

static void *allocated(void *memory)
{
    if (memory)
        __atomic_fetch_add(&live_allocations, 1, __ATOMIC_RELAXED);
    return memory;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return may_allocate() ? allocated(__real_malloc(size)) : NULL;
}

void *__real_calloc(size_t count_, size_t size);
void *__wrap_calloc(size_t count_, size_t size);
void *__wrap_calloc(size_t count_, size_t size)
{
    return may_allocate() ? allocated(__real_calloc(count_, size)) : NULL;
}

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    if (!may_allocate())
        return NULL;
    return memory ? __real_realloc(memory, size) : allocated(__real_realloc(memory, size));
}

int __real_posix_memalign(void **memory, size_t alignment, size_t size);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size)
{
    if (!may_allocate())
        return ENOMEM;
    int error = __real_posix_memalign(memory, alignment, size);
    if (!error)
        allocated(*memory);
    return error;
}

void __real_free(void *memory);
void __wrap_free(void *memory);
void __wrap_free(void *memory)
{
    if (memory) {
        count(&counted.frees);
        __atomic_fetch_sub(&live_allocations, 1, __ATOMIC_RELAXED);
    }
    __real_free(memory);
}

void probe_fail_allocation(uint64_t countdown)
{
    fail_countdown = countdown;
    fail_armed = true;
    failed = false;
}

bool probe_allocation_failed(void)
{
    fail_armed = false;
    return failed;
}

int64_t probe_live_allocations(void)
{
    return __atomic_load_n(&live_allocations, __ATOMIC_RELAXED);
}

/* ------------------------------------------------------------------ what is watched */

void probe_start(void)
{
    in_suite = true;
}

void probe_watch(bool on)
{
    if (on)
        counted = (struct probe){0};
    __atomic_store_n(&watching, on, __ATOMIC_RELAXED);
}

void probe_enter_engine(void)
{
    in_suite = false;
}

void probe_leave_engine(void)
{
    in_suite = true;
}

struct probe probe_read(void)
{
    return counted;
}

/* ------------------------------------------------------------------ output */

static int capture_fd = -1, kept_fds[2] = {-1, -1};

void probe_capture_output(void)
{
    fflush(NULL);
    capture_fd = memfd_create("output", MFD_CLOEXEC);
    for (int i = 0; i < 2; i++) {
        kept_fds[i] = fcntl(STDOUT_FILENO + i, F_DUPFD_CLOEXEC, 3);
        dup2(capture_fd, STDOUT_FILENO + i);
    }
}

uint64_t probe_captured_output(void)
{
    struct stat stat = {0};

    fflush(NULL);
    fstat(capture_fd, &stat);
    return (uint64_t)stat.st_size;
}

void probe_restore_output(void)
{
    if (capture_fd < 0)
        return;
    fflush(NULL);
    for (int i = 0; i < 2; i++) {
        dup2(kept_fds[i], STDOUT_FILENO + i);
        close(kept_fds[i]);
    }
    close(capture_fd);
    capture_fd = -1;
}
