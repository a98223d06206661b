/* Planted engines that do what they must not between open and close, or leave something behind. */
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "planted.h"

/* ------------------------------------------------------------------ between open and close */

SUBMIT(submit_allocates)
{
    void *volatile memory = malloc(16); /* volatile: else the compiler sees that it is for nothing */

    free(memory);
    return planted_base->submit(state, requests, n);
}

SUBMIT(submit_prints)
{
    printf("submitting %u\n", n);
    return planted_base->submit(state, requests, n);
}

SUBMIT(submit_prints_error)
{
    fprintf(stderr, "submitting %u\n", n);
    return planted_base->submit(state, requests, n);
}

SUBMIT(submit_reads_clock)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return planted_base->submit(state, requests, n);
}

SUBMIT(submit_uncounted)
{
    char nothing;

    (void)!read(STDIN_FILENO, &nothing, 0);
    return planted_base->submit(state, requests, n);
}

/* ------------------------------------------------------------------ left behind */

OPEN(open_leaks_descriptor)
{
    (void)!dup(STDERR_FILENO);
    return planted_base->open(state, setup);
}

static void *sleep_for_good(void *nothing)
{
    pause();
    return nothing;
}

OPEN(open_leaks_thread)
{
    pthread_t thread;

    pthread_create(&thread, NULL, sleep_for_good, NULL);
    pthread_detach(thread);
    return planted_base->open(state, setup);
}

OPEN(open_leaves_child)
{
    if (fork() == 0)
        _exit(0);
    return planted_base->open(state, setup);
}

static void do_nothing(int signal)
{
    (void)signal;
}

OPEN(open_leaves_handler)
{
    sigaction(SIGRTMIN + 3, &(struct sigaction){.sa_handler = do_nothing}, NULL);
    return planted_base->open(state, setup);
}

OPEN(open_leaves_mask)
{
    sigset_t one;

    sigemptyset(&one);
    sigaddset(&one, SIGIO);
    sigprocmask(SIG_BLOCK, &one, NULL);
    return planted_base->open(state, setup);
}

static void *volatile kept;

OPEN(open_keeps_memory)
{
    kept = malloc(16);
    return planted_base->open(state, setup);
}

OPEN(open_leaks_without_memory)
{
    void *memory = malloc(16);
    int error = memory ? planted_base->open(state, setup) : -12;

    if (error)
        kept = memory;
    else
        free(memory);
    return error;
}

/* Polls the first descriptor for what never comes, in a context that nobody destroys. */
SUBMIT(submit_leaves_a_poll_armed)
{
    static aio_context_t context;

    if (!context && n > 0 && syscall(SYS_io_setup, 1, &context) == 0) {
        struct iocb control = {
            .aio_lio_opcode = 5, /* IOCB_CMD_POLL */
            .aio_fildes = (uint32_t)requests[0]->fd,
            .aio_buf = POLLPRI,
        };
        struct iocb *controls[] = {&control};

        (void)!syscall(SYS_io_submit, context, 1, controls);
    }
    return planted_base->submit(state, requests, n);
}

/* ------------------------------------------------------------------ a descriptor that stays armed */

static int noted;

OPEN(open_notes_descriptors)
{
    noted = setup->descriptors[0];
    return planted_base->open(state, setup);
}

CLOSE(close_stays_armed)
{
    planted_base->close(state);
    fcntl(noted, F_SETFL, fcntl(noted, F_GETFL) | O_ASYNC);
}

/* ------------------------------------------------------------------ a late write */

static sem_t closing;
static pthread_t writer;
static char *volatile target;

static void *write_late(void *nothing)
{
    while (sem_wait(&closing) != 0)
        ;
    if (target)
        *target = 0;
    return nothing;
}

OPEN(open_late_writer)
{
    sem_init(&closing, 0, 0);
    pthread_create(&writer, NULL, write_late, NULL);
    return planted_base->open(state, setup);
}

SUBMIT(submit_to_late_writer)
{
    if (n > 0)
        target = requests[0]->buffer;
    return planted_base->submit(state, requests, n);
}

CLOSE(close_late_writer)
{
    sem_post(&closing);
    pthread_join(writer, NULL);
    planted_base->close(state);
}
