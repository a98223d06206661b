/* Descriptors that send signals (see sigio_signals.h). */
#include "sigio_signals.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* pthread_self() is no name for it: when a thread has ended, another one may get the same. */
static pid_t this_thread(void)
{
    return (pid_t)syscall(SYS_gettid);
}

/* ------------------------------------------------------------------ descriptors */

static int arm(const struct sigio_signals *signals, int fd)
{
    const struct f_owner_ex owner = {.type = F_OWNER_TID, .pid = signals->receiver};
    struct calls *calls = signals->calls;
    int flags;

    if (CALL(calls, fcntl, fcntl(fd, F_SETOWN_EX, &owner)) < 0 ||
        CALL(calls, fcntl, fcntl(fd, F_SETSIG, signals->number)) < 0 ||
        (flags = CALL(calls, fcntl, fcntl(fd, F_GETFL))) < 0 ||
        CALL(calls, fcntl, fcntl(fd, F_SETFL, flags | O_ASYNC)) < 0 ||
        (flags = CALL(calls, fcntl, fcntl(fd, F_GETFL))) < 0)
        return -errno;
    /* Where it sends none (files, timers), the kernel accepts the flag and drops it. */
    return flags & O_ASYNC ? 0 : -EOPNOTSUPP;
}

static int arm_all(const struct sigio_signals *signals)
{
    int error = 0;

    for (uint32_t i = 0; i < signals->count && !error; i++)
        error = arm(signals, signals->descriptors[i]);
    return error;
}

/* What arm has done, or some of it. When it returns, the kernel sends no more. */
static void disarm(struct calls *calls, int fd)
{
    const struct f_owner_ex nobody = {.type = F_OWNER_PID, .pid = 0};
    const int flags = CALL(calls, fcntl, fcntl(fd, F_GETFL));

    if (flags >= 0)
        (void)CALL(calls, fcntl, fcntl(fd, F_SETFL, flags & ~O_ASYNC));
    (void)CALL(calls, fcntl, fcntl(fd, F_SETSIG, 0));
    (void)CALL(calls, fcntl, fcntl(fd, F_SETOWN_EX, &nobody));
}

/* ------------------------------------------------------------------ the thread */

/* The first real-time signal that nobody handles, and that nobody waits for as we do. */
static int free_number(const sigset_t *blocked)
{
    struct sigaction action;

    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_DFL &&
            !sigismember(blocked, number))
            return number;
    return -EBUSY;
}

static int block(struct sigio_signals *signals)
{
    return CALL(signals->calls, sigprocmask, pthread_sigmask(SIG_BLOCK, &signals->set, NULL)) ? -errno : 0;
}

int sigio_signals_begin(struct sigio_signals *signals, const struct engine_setup *setup)
{
    *signals = (struct sigio_signals){
        .calls = setup->calls,
        .descriptors = setup->descriptors,
        .count = setup->descriptor_count,
        .receiver = this_thread(),
    };
    if (CALL(setup->calls, sigprocmask, pthread_sigmask(SIG_BLOCK, NULL, &signals->mask_before)))
        return -errno;
    signals->number = free_number(&signals->mask_before);
    if (signals->number < 0)
        return signals->number;
    sigemptyset(&signals->set);
    sigaddset(&signals->set, signals->number);
    sigaddset(&signals->set, SIGIO);
    int error = block(signals);
    if (error)
        return error;
    error = arm_all(signals);
    if (error)
        sigio_signals_end(signals);
    return error;
}

/* To ignore a signal drops those that are pending. A wait for them could be refused (seccomp), and the first one of them
 * would end the process when it is no longer blocked. */
static void discard(int number)
{
    struct sigaction before;

    if (sigaction(number, &(struct sigaction){.sa_handler = SIG_IGN}, &before) == 0)
        sigaction(number, &before, NULL);
}

void sigio_signals_end(struct sigio_signals *signals)
{
    struct calls calls = calls_without_hooks(signals->calls);
    sigset_t unblocked = signals->set;

    for (uint32_t i = 0; i < signals->count; i++)
        disarm(&calls, signals->descriptors[i]);
    discard(signals->number);
    discard(SIGIO);
    if (sigismember(&signals->mask_before, SIGIO))
        sigdelset(&unblocked, SIGIO);
    (void)CALL(&calls, sigprocmask, pthread_sigmask(SIG_UNBLOCK, &unblocked, NULL));
}

int sigio_signals_come_here(struct sigio_signals *signals)
{
    const pid_t receiver = this_thread();

    if (receiver == signals->receiver)
        return 0;
    int error = block(signals); /* before the first may come */
    signals->receiver = receiver;
    return error ? error : arm_all(signals);
}
