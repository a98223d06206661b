/* The peer process: what it is, and the three simple things that it can do (see peer.h). */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "peer.h"

/* ------------------------------------------------------------------ a process of its own */

static void set_signals(void)
{
    sigset_t none;

    sigemptyset(&none);
    /* Ctrl-C goes to the whole group; the worker decides what becomes of it. */
    if (signal(SIGINT, SIG_IGN) == SIG_ERR || signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
        signal(SIGTERM, SIG_DFL) == SIG_ERR || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
        peer_exit_system();
}

static void die_with_parent(const struct peer_work *work)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        peer_exit_system();
    if (getppid() != work->parent) /* it ended before prctl took effect */
        _exit(PEER_EXIT_HUNG_UP);
}

static int compare_numbers(const void *left, const void *right)
{
    return (*(const int *)left > *(const int *)right) - (*(const int *)left < *(const int *)right);
}

static void close_between(unsigned int first, unsigned int last)
{
    struct rlimit limit;

    if (first > last)
        return;
#ifdef SYS_close_range
    if (syscall(SYS_close_range, first, last, 0) == 0)
        return;
#endif
    /* A kernel before 5.9. */
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        peer_exit_system();
    for (unsigned int fd = first; fd <= last && fd < limit.rlim_cur; fd++)
        close((int)fd);
}

/* An end that it inherited from the worker would keep connections open that the worker closes. */
static void close_others(struct peer_work *work)
{
    const struct connections *connections = work->connections;
    unsigned int next = 0;
    size_t kept = 0;

    for (uint32_t i = 0; i < connections->active + connections->idle; i++) {
        work->keep[kept++] = connections->peer[i].in;
        if (connections->peer[i].out != connections->peer[i].in)
            work->keep[kept++] = connections->peer[i].out;
    }
    work->keep[kept++] = work->wake_fd;
    qsort(work->keep, kept, sizeof *work->keep, compare_numbers);
    for (size_t i = 0; i < kept; i++) {
        if (work->keep[i] < 0)
            continue;
        if (work->keep[i] > 0)
            close_between(next, (unsigned int)work->keep[i] - 1);
        next = (unsigned int)work->keep[i] + 1;
    }
    close_between(next, ~0u);
}

/* ------------------------------------------------------------------ answering and streaming */

static void turn_around(struct peer_work *work, struct line *line)
{
    line->sending = !line->sending;
    if (!line->sending)
        peer_next_message(work, line);
    line->left = line->length;
}

static void echo(struct peer_work *work, struct line *line)
{
    if (!line->sending) {
        if (!peer_receive(work, line) || line->left > 0)
            return;
        turn_around(work, line);
    }
    (void)peer_send(work, line);
    if (line->left == 0)
        turn_around(work, line);
    peer_watch_output(work, line, line->sending);
}

static void stream(struct peer_work *work, struct line *line)
{
    line->left = work->chunk;
    if (work->role == PEER_SENDS)
        (void)peer_send(work, line);
    else if (peer_receive(work, line))
        peer_count(&work->shared->received, work->chunk - line->left);
}

/* With one connection there is nothing to choose from: blocking calls are the cheapest. */
static _Noreturn void serve_one(struct peer_work *work)
{
    struct line *line = &work->lines[0];

    for (;;) {
        if (work->role != PEER_ECHOES) {
            stream(work, line);
            continue;
        }
        while (line->left > 0)
            (void)peer_receive(work, line);
        turn_around(work, line);
        while (line->left > 0)
            (void)peer_send(work, line);
        turn_around(work, line);
    }
}

static _Noreturn void serve_many(struct peer_work *work)
{
    for (;;) {
        int n = epoll_wait(work->epoll_fd, work->events, PEER_EVENTS, -1);

        if (n < 0 && errno != EINTR)
            peer_exit_system();
        for (int i = 0; i < n; i++) {
            struct line *line = &work->lines[work->events[i].data.u32];

            if (work->role == PEER_ECHOES)
                echo(work, line);
            else
                stream(work, line);
        }
    }
}

_Noreturn void peer_process(struct peer_work *work)
{
    set_signals();
    die_with_parent(work);
    close_others(work);
    peer_open_lines(work);
    (void)prctl(PR_SET_NAME, "iomodels-peer"); /* for ps; nothing depends on it */
    if (work->role != PEER_DRIVES && work->count == 1)
        serve_one(work);
    peer_watch_lines(work);
    if (work->role == PEER_DRIVES)
        peer_drive(work);
    serve_many(work);
}
