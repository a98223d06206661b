/* The worker's side of the peer process (see peer.h). */
#include "peer.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How long to wait for what a peer that is alive and not stopped does at once. */
#define ANSWER_TIMEOUT_NS (5 * NS_PER_S)
#define STEP_NS 50000
#define SMALLEST_CHUNK ((size_t)1 << 16)
#define LARGEST_CHUNK ((size_t)1 << 20)

size_t peer_chunk(const struct settings *settings)
{
    size_t chunk = (size_t)settings->block;

    if (settings->exchange == EXCHANGE_STREAM && chunk < SMALLEST_CHUNK)
        return SMALLEST_CHUNK;
    return chunk > LARGEST_CHUNK ? LARGEST_CHUNK : chunk;
}

/* ------------------------------------------------------------------ starting */

static enum peer_role role_of(const struct settings *settings)
{
    if (settings->server)
        return PEER_DRIVES;
    if (settings->exchange == EXCHANGE_ECHO)
        return PEER_ECHOES;
    return settings->workload == WORKLOAD_READ ? PEER_SENDS : PEER_RECEIVES;
}

static void free_work(struct peer_work *work)
{
    arrivals_close(&work->arrivals);
    free(work->scratch);
    free(work->lines);
    free(work->free_lines);
    free(work->keep);
    free(work->events);
}

static int allocate_work(struct peer_work *work)
{
    const struct connections *connections = work->connections;
    const uint32_t all = connections->active + connections->idle;

    work->scratch = malloc(work->chunk);
    work->lines = calloc(work->count, sizeof *work->lines);
    work->free_lines = calloc(work->count, sizeof *work->free_lines);
    work->keep = calloc(2 * (size_t)all + 1, sizeof *work->keep);
    work->events = calloc(PEER_EVENTS, sizeof *work->events);
    if (!work->scratch || !work->lines || !work->free_lines || !work->keep || !work->events)
        return -ENOMEM;
    return work->role == PEER_DRIVES ? arrivals_open(&work->arrivals, work->settings) : 0;
}

/* Whether engine and peer can run at the same time. */
static bool has_cpu_of_its_own(const struct settings *settings)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return false;
    if (settings->peer_cpu >= 0)
        CPU_SET((size_t)settings->peer_cpu, &set);
    return CPU_COUNT(&set) > 1;
}

static int place(pid_t pid, int64_t cpu)
{
    cpu_set_t set;

    if (cpu < 0)
        return 0;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return sched_setaffinity(pid, sizeof set, &set) < 0 ? -errno : 0;
}

static int fork_peer(struct peer *peer, struct peer_work *work)
{
    int error = allocate_work(work);

    if (!error && work->role == PEER_DRIVES) {
        work->wake_fd = peer->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        error = peer->wake_fd < 0 ? -errno : 0;
    }
    if (error)
        return error;
    peer->pid = fork();
    if (peer->pid == 0)
        peer_process(work);
    if (peer->pid < 0) {
        peer->pid = 0;
        return -errno;
    }
    return place(peer->pid, work->settings->peer_cpu);
}

int peer_start(struct peer *peer, const struct settings *settings, struct record *record,
               struct connections *connections, char *pattern)
{
    struct peer_work work = {
        .settings = settings,
        .record = record,
        .connections = connections,
        .clock.ns_per_tick_q32 = (uint64_t)settings->clock_ns_per_tick_q32,
        .role = role_of(settings),
        .parent = getpid(),
        .spins = has_cpu_of_its_own(settings),
        .wake_fd = -1,
        .pattern = pattern,
        .chunk = peer_chunk(settings),
        .random = (uint64_t)settings->seed,
        .count = connections->active,
    };

    *peer = (struct peer){.wake_fd = -1, .record = record};
    peer->shared = mmap(NULL, sizeof *peer->shared, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (peer->shared == MAP_FAILED) {
        peer->shared = NULL;
        return -errno;
    }
    work.shared = peer->shared;
    record->peer_go = record->peer_outstanding = 0;
    record->peer_paused = work.role == PEER_DRIVES;
    int error = sizes_open(&work.sizes, settings);
    if (!error)
        error = fork_peer(peer, &work);
    free_work(&work);
    if (error) {
        peer_close(peer);
        return error;
    }
    record->peer_id = (uint64_t)peer->pid;
    return 0;
}

/* ------------------------------------------------------------------ ending */

static void sleep_a_step(void)
{
    nanosleep(&(struct timespec){.tv_nsec = STEP_NS}, NULL);
}

/* Whether it is dead, and waited for. */
static bool wait_for_death(struct peer *peer, int *status, uint64_t timeout_ns)
{
    const uint64_t deadline_ns = clock_monotonic_ns() + timeout_ns;

    *status = 0;
    for (;;) {
        pid_t pid = waitpid(peer->pid, status, WNOHANG);

        /* ECHILD: somebody ignores SIGCHLD, or has waited for it. */
        if (pid == peer->pid || (pid < 0 && errno == ECHILD)) {
            peer->pid = 0;
            peer->record->peer_id = 0;
            return true;
        }
        if (clock_monotonic_ns() >= deadline_ns)
            return false;
        sleep_a_step();
    }
}

bool peer_is_alive(struct peer *peer, uint64_t timeout_ns)
{
    int status;

    if (peer->pid == 0)
        return false;
    if (!wait_for_death(peer, &status, timeout_ns))
        return true;
    if (peer->record->peer_status == 0)
        peer->record->peer_status = (uint64_t)status + 1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == PEER_EXIT_WRONG_BYTES)
        peer->record->error_offset = atomic_load(&peer->shared->wrong_at);
    return false;
}

void peer_end(struct peer *peer)
{
    int status;

    if (!peer_is_alive(peer, 0))
        return;
    (void)kill(peer->pid, SIGKILL); /* it is our own and not waited for: it exists */
    (void)wait_for_death(peer, &status, ANSWER_TIMEOUT_NS);
}

void peer_close(struct peer *peer)
{
    peer_end(peer);
    if (peer->shared)
        munmap(peer->shared, sizeof *peer->shared);
    if (peer->wake_fd >= 0)
        close(peer->wake_fd);
    *peer = (struct peer){.wake_fd = -1};
}

/* ------------------------------------------------------------------ driving */

static uint64_t load(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

void peer_let_drive(struct peer *peer, bool go)
{
    struct record *record = peer->record;
    const uint64_t deadline_ns = clock_monotonic_ns() + ANSWER_TIMEOUT_NS;

    if (peer->pid == 0)
        return;
    __atomic_store_n(&record->peer_go, go, __ATOMIC_RELEASE);
    (void)eventfd_write(peer->wake_fd, 1); /* full means that it has not looked yet: good as well */
    while (load(&record->peer_paused) == go && peer_is_alive(peer, 0) &&
           clock_monotonic_ns() < deadline_ns)
        sleep_a_step();
}

/* When the engine has answered all, the peer gets the last answers without its help: one that
 * blocks must not start a read for which no message would come. */
bool peer_is_quiet(struct peer *peer)
{
    struct record *record = peer->record;
    const uint64_t deadline_ns = clock_monotonic_ns() + ANSWER_TIMEOUT_NS;

    if (!peer_is_alive(peer, 0))
        return true;
    if (!load(&record->peer_paused) || atomic_load(&peer->shared->sent) != peer->answered)
        return false;
    while (load(&record->peer_outstanding) > 0 && peer_is_alive(peer, 0) &&
           clock_monotonic_ns() < deadline_ns)
        sleep_a_step();
    return true;
}

bool peer_has_received(struct peer *peer, uint64_t bytes)
{
    const uint64_t deadline_ns = clock_monotonic_ns() + ANSWER_TIMEOUT_NS;

    while (atomic_load(&peer->shared->received) < bytes) {
        if (!peer_is_alive(peer, 0) || clock_monotonic_ns() >= deadline_ns)
            return false;
        sleep_a_step();
    }
    return true;
}
