/* The core's own peer as clients of any echo server, which gets its connections as open descriptors.
 *
 *     bare-clients SECONDS Q32 CONNECTIONS BLOCK CPU OUTSTANDING COMMAND…
 *
 * Starts COMMAND with the numbers of the descriptors (unix sockets) appended, and measures the round trips as the peer
 * counts them. All bytes of all messages are the same: whatever echoes them sends what the peer expects. Both
 * processes run on CPU. Q32 as in bare.c. Prints `ROUND_TRIPS NANOSECONDS CPU`, the last one the server's in ns. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pattern.h"
#include "peer.h"

#define FIRST_WORD 7 /* of COMMAND */
/* An interpreter starts meanwhile, and the server has answered often. */
#define WARMUP_NS (50 * UINT64_C(1000000))
#define START_TIMEOUT_NS (20 * NS_PER_S)
#define DIGITS 12

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "bare-clients: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static int make_pair(int shared, struct connection *engine, struct connection *peer, bool reads, bool writes)
{
    int fds[2];

    (void)shared, (void)reads, (void)writes;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    *engine = (struct connection){.in = fds[0], .out = fds[0]};
    *peer = (struct connection){.in = fds[1], .out = fds[1]};
    return 0;
}

static void open_connections(struct connections *connections, const struct settings *settings)
{
    static const struct connection_kind kind = {.two_way = true, .make = make_pair};
    const struct connections_setup setup = {
        .kind = &kind,
        .active = (uint32_t)settings->depth,
        .reads = true,
        .writes = true,
    };
    const int error = connections_open(connections, &setup);

    if (error) {
        errno = -error;
        fail("opening the connections");
    }
}

static char *same_bytes(const struct settings *settings)
{
    const size_t chunk = peer_chunk(settings), block = (size_t)settings->block;
    const size_t longest = chunk > block ? chunk : block;
    char *pattern = pattern_make(longest);

    if (!pattern)
        fail("memory");
    memset(pattern, 'x', PATTERN_PERIOD + longest);
    return pattern;
}

/* COMMAND with the descriptors' numbers. */
static _Noreturn void become_server(const struct connections *connections, char **words, int count, pid_t parent)
{
    const int own = count - FIRST_WORD;
    char **all = calloc((size_t)own + connections->active + 1, sizeof *all);
    char *digits = calloc(connections->active, DIGITS);

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(EXIT_FAILURE);
    if (!all || !digits)
        fail("memory");
    memcpy(all, words + FIRST_WORD, (size_t)own * sizeof *all);
    for (uint32_t i = 0; i < connections->active; i++) {
        const int fd = connections->engine[i].in;

        snprintf(digits + i * DIGITS, DIGITS, "%d", fd);
        all[(uint32_t)own + i] = digits + i * DIGITS;
        if (fcntl(fd, F_SETFD, 0) < 0)
            fail("fcntl");
    }
    execvp(all[0], all);
    fail(all[0]);
}

static void sleep_ns(uint64_t ns)
{
    nanosleep(&(struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)}, NULL);
}

static uint64_t round_trips(const struct record *record)
{
    return __atomic_load_n(&record->slice.peer_operations, __ATOMIC_RELAXED);
}

/* Of all threads of the process, in ns. */
static uint64_t cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec used;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) < 0)
        fail("the server's CPU time");
    return (uint64_t)used.tv_sec * NS_PER_S + (uint64_t)used.tv_nsec;
}

/* The first answer may take as long as an interpreter to start. */
static void wait_for_answers(const struct record *record, struct peer *peer)
{
    for (uint64_t waited_ns = 0; round_trips(record) == 0; waited_ns += WARMUP_NS) {
        if (waited_ns > START_TIMEOUT_NS || !peer_is_alive(peer, 0)) {
            errno = ETIMEDOUT;
            fail("the server answers nothing");
        }
        sleep_ns(WARMUP_NS);
    }
}

static struct settings settings_of(char **words)
{
    struct settings settings = settings_default();

    settings.clock_ns_per_tick_q32 = (int64_t)strtoull(words[2], NULL, 10);
    settings.depth = strtol(words[3], NULL, 10);
    settings.block = strtol(words[4], NULL, 10);
    settings.outstanding = strtol(words[6], NULL, 10);
    settings.server = 1;
    return settings;
}

static void stay_on(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) < 0)
        fail("pinning");
}

int main(int count, char **words)
{
    if (count <= FIRST_WORD) {
        fputs("usage: bare-clients SECONDS Q32 CONNECTIONS BLOCK CPU OUTSTANDING COMMAND...\n", stderr);
        return 2;
    }
    const struct settings settings = settings_of(words);
    const struct clock clock = {.ns_per_tick_q32 = strtoull(words[2], NULL, 10)};
    struct connections connections;
    struct peer peer;
    struct record *record =
        mmap(NULL, sizeof *record, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (record == MAP_FAILED)
        fail("memory");
    stay_on((int)strtol(words[5], NULL, 10));
    open_connections(&connections, &settings);
    const int error = peer_start(&peer, &settings, record, &connections, same_bytes(&settings));
    if (error) {
        errno = -error;
        fail("starting the peer");
    }
    connections_close_peer(&connections);
    const pid_t parent = getpid(), server = fork();
    if (server < 0)
        fail("fork");
    if (server == 0)
        become_server(&connections, words, count, parent);
    record->window_is_open = 1;
    peer_let_drive(&peer, true);
    wait_for_answers(record, &peer);
    sleep_ns(WARMUP_NS);

    const uint64_t before = round_trips(record), start_cpu_ns = cpu_ns(server), start_ns = clock_now_ns(&clock);
    sleep_ns((uint64_t)(strtod(words[1], NULL) * 1e9));
    const uint64_t after = round_trips(record), end_cpu_ns = cpu_ns(server), end_ns = clock_now_ns(&clock);

    if (!peer_is_alive(&peer, 0)) {
        errno = EPROTO;
        fail("the server hung up, or sent something else than it got");
    }
    kill(server, SIGKILL);
    (void)waitpid(server, NULL, 0);
    peer_close(&peer);
    printf("%llu %llu %llu\n", (unsigned long long)(after - before), (unsigned long long)(end_ns - start_ns),
           (unsigned long long)(end_cpu_ns - start_cpu_ns));
    return 0;
}
