/* The peer's side of the connections: opening, watching, and moving what is left of a message. */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "pattern.h"
#include "peer.h"

_Noreturn void peer_exit_system(void)
{
    _exit(PEER_EXIT_SYSTEM);
}

/* ------------------------------------------------------------------ opening and watching */

/* The last one is complete, with its answer. */
void peer_next_message(struct peer_work *work, struct line *line)
{
    line->length = sizes_next(&work->sizes, &line->sequence);
}

void peer_open_lines(struct peer_work *work)
{
    for (uint32_t i = 0; i < work->count; i++) {
        work->lines[i] = (struct line){
            .in = work->connections->peer[i].in,
            .out = work->connections->peer[i].out,
            .sending = work->role == PEER_SENDS,
            .sequence = sizes_sequence(work->settings, i),
            .sent = pattern_origin(i, TOWARDS_ENGINE),
            .received = pattern_origin(i, TOWARDS_PEER),
        };
        peer_next_message(work, &work->lines[i]);
        work->lines[i].left = work->role == PEER_DRIVES ? 0 : work->lines[i].length;
    }
}

static void set_nonblocking(int fd)
{
    if (fd < 0)
        return;
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        peer_exit_system();
}

void peer_watch(struct peer_work *work, int operation, int fd, uint32_t events, uint32_t index)
{
    struct epoll_event event = {.events = events, .data.u32 = index};

    if (epoll_ctl(work->epoll_fd, operation, fd, &event) < 0)
        peer_exit_system();
}

void peer_watch_lines(struct peer_work *work)
{
    work->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (work->epoll_fd < 0)
        peer_exit_system();
    for (uint32_t i = 0; i < work->count; i++) {
        const struct line *line = &work->lines[i];

        set_nonblocking(line->in);
        set_nonblocking(line->out);
        if (work->role == PEER_SENDS) {
            peer_watch(work, EPOLL_CTL_ADD, line->out, EPOLLOUT, i);
            continue;
        }
        peer_watch(work, EPOLL_CTL_ADD, line->in, EPOLLIN, i);
        if (line->out >= 0 && line->out != line->in)
            peer_watch(work, EPOLL_CTL_ADD, line->out, 0, i);
    }
}

void peer_watch_output(struct peer_work *work, struct line *line, bool wanted)
{
    if (line->watching_output == wanted)
        return;
    line->watching_output = wanted;
    peer_watch(work, EPOLL_CTL_MOD, line->out,
               (line->in == line->out ? EPOLLIN : 0) | (wanted ? EPOLLOUT : 0),
               (uint32_t)(line - work->lines));
}

/* ------------------------------------------------------------------ transferring */

static size_t piece(const struct peer_work *work, const struct line *line)
{
    return line->left < work->chunk ? line->left : work->chunk;
}

/* False when there is nothing to transfer now; whoever cannot go on for good has ended. */
static bool transferred(ssize_t n)
{
    if (n > 0)
        return true;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n == 0 || errno == EPIPE || errno == ECONNRESET)
        _exit(PEER_EXIT_HUNG_UP);
    peer_exit_system();
}

/* One read of what is left of the message, checked. */
bool peer_receive(struct peer_work *work, struct line *line)
{
    uint64_t wrong;
    ssize_t n = read(line->in, work->scratch, piece(work, line));

    if (!transferred(n))
        return false;
    if (!pattern_check(work->pattern, line->received, work->scratch, (size_t)n,
                       work->settings->verify, &work->random, &wrong)) {
        atomic_store(&work->shared->wrong_at, wrong);
        _exit(PEER_EXIT_WRONG_BYTES);
    }
    line->received += (uint64_t)n;
    line->left -= (size_t)n;
    peer_count(&work->shared->verified, 1);
    return true;
}

/* One write of what is left of the message. */
bool peer_send(struct peer_work *work, struct line *line)
{
    ssize_t n = write(line->out, pattern_at(work->pattern, line->sent), piece(work, line));

    if (!transferred(n))
        return false;
    line->sent += (uint64_t)n;
    line->left -= (size_t)n;
    return true;
}
