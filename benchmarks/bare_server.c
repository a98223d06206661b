/* A plain server, as in a textbook, and without an instrument: no clock, no histogram, no counter but one.
 *
 *     bare-server SECONDS Q32 CONNECTIONS BLOCK CPU PEER MODEL
 *
 * MODEL says how it serves:
 *     select   one select() over all connections, then a read and a write on each that is ready
 *     poll     the same with poll()
 *     epoll    each connection is registered once, level-triggered; epoll_wait(), then as above
 *     io_uring the reads of all connections are in flight; each call starts what follows and waits (bare_server_ring.c)
 *     threads  a thread for each connection, which reads and writes in turn
 *
 * The other end keeps one message under way, on a random connection. PEER says who that is:
 *     same     the core's own peer process, which iomodels's server has at its other end
 *     plain    a process that writes, blocks in a read, and goes on
 * Both processes run on CPU. Q32 as in bare.c. Prints `ROUND_TRIPS NANOSECONDS`. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bare_server.h"
#include "cache_line.h"
#include "pattern.h"
#include "random.h"
#include "record/clock.h"

#define WARMUP_NS (50 * UINT64_C(1000000))
/* Round trips between two looks at the clock: a stamp each would be an instrument. */
#define UNSTAMPED 64

_Noreturn void fail(const char *what)
{
    fprintf(stderr, "bare-server: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

/* ------------------------------------------------------------------ the loop */

static void serve(struct server *server, uint32_t i)
{
    const size_t block = (size_t)server->settings.block;
    const int fd = server->connections.engine[i].in;

    if (read(fd, server->buffer, block) != (ssize_t)block)
        fail("read");
    if (write(fd, pattern_at(server->pattern, server->written[i]), block) != (ssize_t)block)
        fail("write");
    server->written[i] += block;
}

static void watch_with_select(struct server *server)
{
    server->highest = -1;
    FD_ZERO(&server->watched);
    for (uint32_t i = 0; i < server->connections.active; i++) {
        const int fd = server->connections.engine[i].in;

        if (fd >= FD_SETSIZE) {
            errno = ERANGE;
            fail("too many connections for select");
        }
        FD_SET(fd, &server->watched);
        if (fd > server->highest)
            server->highest = fd;
    }
}

static uint64_t serve_with_select(struct server *server)
{
    fd_set found = server->watched;
    uint64_t served = 0;
    int n = select(server->highest + 1, &found, NULL, NULL, NULL);

    if (n < 0)
        fail("select");
    for (uint32_t i = 0; i < server->connections.active && n > 0; i++) {
        if (!FD_ISSET(server->connections.engine[i].in, &found))
            continue;
        serve(server, i);
        served++;
        n--;
    }
    return served;
}

static void watch_with_poll(struct server *server)
{
    server->polled = calloc(server->connections.active, sizeof *server->polled);
    if (!server->polled)
        fail("memory");
    for (uint32_t i = 0; i < server->connections.active; i++)
        server->polled[i] = (struct pollfd){.fd = server->connections.engine[i].in, .events = POLLIN};
}

static uint64_t serve_with_poll(struct server *server)
{
    uint64_t served = 0;
    int n = poll(server->polled, server->connections.active, -1);

    if (n < 0)
        fail("poll");
    for (uint32_t i = 0; n > 0; i++) {
        if (server->polled[i].revents == 0)
            continue;
        serve(server, i);
        served++;
        n--;
    }
    return served;
}

static void watch_with_epoll(struct server *server)
{
    const uint32_t count = server->connections.active;

    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    server->events = calloc(count, sizeof *server->events);
    if (server->epoll_fd < 0 || !server->events)
        fail("epoll_create1");
    for (uint32_t i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};

        if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, server->connections.engine[i].in, &event) < 0)
            fail("epoll_ctl");
    }
}

static uint64_t serve_with_epoll(struct server *server)
{
    int n = epoll_wait(server->epoll_fd, server->events, (int)server->connections.active, -1);

    if (n < 0)
        fail("epoll_wait");
    for (int i = 0; i < n; i++)
        serve(server, server->events[i].data.u32);
    return (uint64_t)n;
}

/* Those that serve all in one loop. */
static const struct model {
    const char *name;
    void (*watch)(struct server *server);
    uint64_t (*serve)(struct server *server);
} models[] = {
    {"select", watch_with_select, serve_with_select},
    {"poll", watch_with_poll, serve_with_poll},
    {"epoll", watch_with_epoll, serve_with_epoll},
    {"io_uring", watch_with_ring, serve_with_ring},
};

/* NULL: there is none of this name. */
static const struct model *model_find(const char *name)
{
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        if (strcmp(models[i].name, name) == 0)
            return &models[i];
    return NULL;
}

struct result {
    uint64_t round_trips, ns;
};

static struct result run(struct server *server, const struct model *model, const struct clock *clock,
                         uint64_t duration_ns)
{
    const uint64_t start_ns = clock_now_ns(clock);
    uint64_t now_ns, round_trips = 0;

    do {
        for (int i = 0; i < UNSTAMPED; i++)
            round_trips += model->serve(server);
        now_ns = clock_now_ns(clock);
    } while (now_ns < start_ns + duration_ns);
    return (struct result){round_trips, now_ns - start_ns};
}

/* ------------------------------------------------------------------ a thread for each */

struct connection_thread {
    _Alignas(CACHE_LINE) struct server *server;
    uint32_t index;
    char *buffer;
    uint64_t round_trips; /* others read it */
};

/* Until the process ends. */
static void *serve_one(void *argument)
{
    struct connection_thread *own = argument;
    struct server *server = own->server;
    const size_t block = (size_t)server->settings.block;
    const int fd = server->connections.engine[own->index].in;

    for (;;) {
        if (read(fd, own->buffer, block) != (ssize_t)block)
            return NULL;
        if (write(fd, pattern_at(server->pattern, server->written[own->index]), block) != (ssize_t)block)
            return NULL;
        server->written[own->index] += block;
        __atomic_store_n(&own->round_trips, own->round_trips + 1, __ATOMIC_RELAXED);
    }
}

static struct connection_thread *start_threads(struct server *server)
{
    const uint32_t count = server->connections.active;
    struct connection_thread *threads = cache_lines(count, sizeof *threads);
    pthread_attr_t attributes;

    if (!threads || pthread_attr_init(&attributes) != 0 || pthread_attr_setstacksize(&attributes, 1 << 16) != 0)
        fail("memory");
    for (uint32_t i = 0; i < count; i++) {
        pthread_t thread;

        threads[i] = (struct connection_thread){server, i, malloc((size_t)server->settings.block), 0};
        if (!threads[i].buffer || pthread_create(&thread, &attributes, serve_one, &threads[i]) != 0)
            fail("a thread");
    }
    return threads;
}

static uint64_t served_by(const struct server *server, const struct connection_thread *threads)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < server->connections.active; i++)
        sum += __atomic_load_n(&threads[i].round_trips, __ATOMIC_RELAXED);
    return sum;
}

static void sleep_ns(uint64_t ns)
{
    nanosleep(&(struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)}, NULL);
}

static struct result run_threads(struct server *server, const struct clock *clock, uint64_t duration_ns)
{
    const struct connection_thread *threads = start_threads(server);

    sleep_ns(WARMUP_NS);
    const uint64_t before = served_by(server, threads), start_ns = clock_now_ns(clock);
    sleep_ns(duration_ns);
    const uint64_t after = served_by(server, threads);
    return (struct result){after - before, clock_now_ns(clock) - start_ns};
}

/* ------------------------------------------------------------------ the other end */

/* It ends with its parent, at the latest. */
static _Noreturn void be_plain_peer(const struct server *server, pid_t parent)
{
    const size_t block = (size_t)server->settings.block;
    const struct connections *connections = &server->connections;
    uint64_t random = (uint64_t)server->settings.seed;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(EXIT_FAILURE);
    for (;;) {
        const int fd = connections->peer[random_below(&random, connections->active)].in;

        if (write(fd, server->pattern, block) != (ssize_t)block ||
            read(fd, server->buffer, block) != (ssize_t)block)
            _exit(EXIT_FAILURE);
    }
}

static void start_plain_peer(struct server *server)
{
    const pid_t parent = getpid();
    const pid_t pid = fork();

    if (pid < 0)
        fail("fork");
    if (pid == 0)
        be_plain_peer(server, parent);
}

/* It measures as it does for iomodels: its window is open all the time. */
static void start_same_peer(struct server *server)
{
    server->record = mmap(NULL, sizeof *server->record, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (server->record == MAP_FAILED)
        fail("memory");
    int error = peer_start(&server->peer, &server->settings, server->record, &server->connections,
                           server->pattern);

    if (error) {
        errno = -error;
        fail("starting the peer");
    }
    server->record->window_is_open = 1;
    peer_let_drive(&server->peer, true);
}

/* ------------------------------------------------------------------ setting up */

static int make_pair(int shared, struct connection *engine, struct connection *peer, bool reads,
                     bool writes)
{
    int fds[2];

    (void)shared, (void)reads, (void)writes;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    *engine = (struct connection){.in = fds[0], .out = fds[0]};
    *peer = (struct connection){.in = fds[1], .out = fds[1]};
    return 0;
}

static void open_connections(struct server *server)
{
    static const struct connection_kind kind = {.two_way = true, .make = make_pair};
    const struct connections_setup setup = {
        .kind = &kind,
        .active = (uint32_t)server->settings.depth,
        .reads = true,
        .writes = true,
    };
    int error = connections_open(&server->connections, &setup);

    if (error) {
        errno = -error;
        fail("opening the connections");
    }
    for (uint32_t i = 0; i < setup.active; i++)
        server->written[i] = pattern_origin(i, TOWARDS_PEER);
}

static void stay_on(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) < 0)
        fail("pinning");
}

static void open_server(struct server *server, char *const *words)
{
    server->settings = settings_default();
    server->settings.clock_ns_per_tick_q32 = (int64_t)strtoull(words[2], NULL, 10);
    server->settings.depth = strtol(words[3], NULL, 10);
    server->settings.block = strtol(words[4], NULL, 10);
    server->settings.server = 1;
    if (server->settings.depth < 1 || server->settings.block < 1) {
        errno = EINVAL;
        fail("CONNECTIONS and BLOCK");
    }
    const size_t chunk = peer_chunk(&server->settings), block = (size_t)server->settings.block;
    server->pattern = pattern_make(chunk > block ? chunk : block);
    server->buffer = malloc(block);
    server->written = calloc((size_t)server->settings.depth, sizeof *server->written);
    if (!server->pattern || !server->buffer || !server->written)
        fail("memory");
    stay_on((int)strtol(words[5], NULL, 10));
    open_connections(server);
}

static const struct model *model_of(int count, char **words)
{
    const struct model *model = count == 8 ? model_find(words[7]) : NULL;

    if (count == 8 && (strcmp(words[6], "same") == 0 || strcmp(words[6], "plain") == 0) &&
        (model || strcmp(words[7], "threads") == 0))
        return model;
    fputs("usage: bare-server SECONDS Q32 CONNECTIONS BLOCK CPU same|plain "
          "select|poll|epoll|io_uring|threads\n",
          stderr);
    exit(2);
}

int main(int count, char **words)
{
    static struct server server;
    const struct model *model = model_of(count, words); /* NULL: a thread for each */

    open_server(&server, words);
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        fail("SIGPIPE");
    if (strcmp(words[6], "same") == 0)
        start_same_peer(&server);
    else
        start_plain_peer(&server);
    connections_close_peer(&server.connections);

    const struct clock clock = {.ns_per_tick_q32 = strtoull(words[2], NULL, 10)};
    const uint64_t duration_ns = (uint64_t)(strtod(words[1], NULL) * 1e9);
    struct result result;

    if (model) {
        model->watch(&server);
        (void)run(&server, model, &clock, WARMUP_NS);
        result = run(&server, model, &clock, duration_ns);
    } else {
        result = run_threads(&server, &clock, duration_ns);
    }
    printf("%llu %llu\n", (unsigned long long)result.round_trips, (unsigned long long)result.ns);
    return 0;
}
