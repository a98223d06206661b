/* The socket channel: stream sockets to a peer process, unix or TCP on the loopback interface. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "exchange.h"

/* Connecting over loopback takes microseconds; a firewall might drop the packets without a word. */
#define CONNECT_TIMEOUT_S 2
#define STRANGERS 100

static void give(struct connection *engine, struct connection *peer, int engine_fd, int peer_fd)
{
    *engine = (struct connection){.in = engine_fd, .out = engine_fd};
    *peer = (struct connection){.in = peer_fd, .out = peer_fd};
}

static int unix_make(int shared, struct connection *engine, struct connection *peer, bool reads,
                     bool writes)
{
    int fds[2];

    (void)shared, (void)reads, (void)writes;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    give(engine, peer, fds[0], fds[1]);
    return 0;
}

/* ------------------------------------------------------------------ TCP */

static int set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

/* For connect (SO_SNDTIMEO) and accept (SO_RCVTIMEO); 0 s: none. */
static int set_timeout(int fd, int name, int seconds)
{
    const struct timeval timeout = {.tv_sec = seconds};

    return setsockopt(fd, SOL_SOCKET, name, &timeout, sizeof timeout) < 0 ? -errno : 0;
}

static int close_after(int fd, int error)
{
    close(fd);
    return error;
}

static int tcp_listen(int *listener)
{
    const struct sockaddr_in loopback = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (bind(fd, (const struct sockaddr *)&loopback, sizeof loopback) < 0 || listen(fd, 16) < 0)
        return close_after(fd, -errno);
    int error = set_timeout(fd, SO_RCVTIMEO, CONNECT_TIMEOUT_S);
    if (error)
        return close_after(fd, error);
    *listener = fd;
    return 0;
}

/* Calls with a timeout are not repeated by the kernel when it had something to do in between: a ring of io_uring that was
 * closed before ends some time later, by work that it gives this thread. */
static int connect_undisturbed(int fd, const struct sockaddr_in *address)
{
    int result;

    do
        result = connect(fd, (const struct sockaddr *)address, sizeof *address);
    while (result < 0 && errno == EINTR);
    return result < 0 && errno != EISCONN ? -1 : 0;
}

static int accept_undisturbed(int listener, struct sockaddr_in *found)
{
    socklen_t length = sizeof *found;
    int fd;

    do
        fd = accept4(listener, (struct sockaddr *)found, &length, SOCK_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    return fd;
}

static int tcp_connect(int listener)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    int error = set_timeout(fd, SO_SNDTIMEO, CONNECT_TIMEOUT_S);
    if (!error && (getsockname(listener, (struct sockaddr *)&address, &length) < 0 ||
                   connect_undisturbed(fd, &address) < 0))
        error = errno == EINPROGRESS ? -ETIMEDOUT : -errno;
    if (!error)
        error = set_timeout(fd, SO_SNDTIMEO, 0);
    return error ? close_after(fd, error) : fd;
}

/* The port is open to every process of this machine: takes the connection from `own` only. */
static int tcp_accept(int listener, int own)
{
    struct sockaddr_in expected = {0}, found = {0};
    socklen_t length = sizeof expected;

    if (getsockname(own, (struct sockaddr *)&expected, &length) < 0)
        return -errno;
    for (int i = 0; i < STRANGERS; i++) {
        int fd = accept_undisturbed(listener, &found);

        if (fd < 0)
            return errno == EAGAIN ? -ETIMEDOUT : -errno;
        if (found.sin_port == expected.sin_port &&
            found.sin_addr.s_addr == expected.sin_addr.s_addr)
            return fd;
        close(fd);
    }
    return -ECONNREFUSED;
}

/* Without delay on both sides. A dead peer's end resets the connection, whatever it had not read
 * yet: the same fault is always the same error, and no port stays in TIME_WAIT. */
static int tcp_set_options(int engine_fd, int peer_fd)
{
    const struct linger reset = {.l_onoff = 1};
    int error = set_option(engine_fd, IPPROTO_TCP, TCP_NODELAY, 1);

    if (!error)
        error = set_option(peer_fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (!error && setsockopt(peer_fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) < 0)
        error = -errno;
    return error;
}

static int tcp_make(int listener, struct connection *engine, struct connection *peer, bool reads,
                    bool writes)
{
    int engine_fd = tcp_connect(listener);

    (void)reads, (void)writes;
    if (engine_fd < 0)
        return engine_fd;
    int peer_fd = tcp_accept(listener, engine_fd);
    if (peer_fd < 0)
        return close_after(engine_fd, peer_fd);
    int error = tcp_set_options(engine_fd, peer_fd);
    if (error)
        return close_after(engine_fd, close_after(peer_fd, error));
    give(engine, peer, engine_fd, peer_fd);
    return 0;
}

static int socket_open(void **state, const struct channel_setup *setup)
{
    static const struct connection_kind kinds[] = {
        [FAMILY_UNIX] = {.two_way = true, .make = unix_make},
        [FAMILY_TCP] = {.two_way = true, .prepare = tcp_listen, .make = tcp_make},
    };

    return exchange_open(state, setup, &kinds[setup->settings->family == FAMILY_TCP]);
}

extern const struct channel channel_socket;
const struct channel channel_socket = EXCHANGE_CHANNEL("socket", socket_open, true);
