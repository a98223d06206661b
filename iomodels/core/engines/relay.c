/* Hands transfers over to code outside of the core (see relay.h). Nothing of it is in the way of a transfer but
 * relay_next(), which goes straight to the loop's. What else there is happens when a slot begins or comes to rest. It
 * counts no calls: those that the code outside makes are not known here, and its own are not the model's. */
#include "relay.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>


struct relay {
    uint32_t references;
    void *loop;
    struct request *(*next)(void *loop, const struct completion *done);
    int wake_fd; /* an eventfd */
    pthread_mutex_t mutex; /* for all that follows */
    pthread_cond_t came_to_rest; /* a slot; or all is left */
    struct request **handed; /* a ring of `depth`, oldest at `first` */
    uint32_t depth, first, count;
    uint32_t ended; /* slots that have come to rest, and that reap has not seen */
    bool closed;
    bool is_left; /* by the code outside, for good */
};

/* How long close waits for the code outside to have done with the descriptors. */
#define LEAVE_TIMEOUT_S 2

/* ------------------------------------------------------------------ for the code outside */

struct relay *relay_retain(void *state)
{
    struct relay *relay = state;

    __atomic_add_fetch(&relay->references, 1, __ATOMIC_RELAXED);
    return relay;
}

void relay_release(struct relay *relay)
{
    if (__atomic_sub_fetch(&relay->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (relay->wake_fd >= 0)
        close(relay->wake_fd);
    pthread_cond_destroy(&relay->came_to_rest);
    pthread_mutex_destroy(&relay->mutex);
    free(relay->handed);
    free(relay);
}

static void wake(struct relay *relay)
{
    (void)!write(relay->wake_fd, &(uint64_t){1}, sizeof(uint64_t)); /* full: it is readable anyway */
}

struct request *relay_take(struct relay *relay)
{
    struct request *request = NULL;

    pthread_mutex_lock(&relay->mutex);
    if (relay->count > 0) {
        request = relay->handed[relay->first];
        relay->first = (relay->first + 1) % relay->depth;
        relay->count--;
    }
    if (relay->count == 0 && !relay->closed)
        (void)!read(relay->wake_fd, &(uint64_t){0}, sizeof(uint64_t)); /* empty: it is not readable */
    pthread_mutex_unlock(&relay->mutex);
    return request;
}

int relay_fd(const struct relay *relay)
{
    return relay->wake_fd;
}

bool relay_is_closed(struct relay *relay)
{
    pthread_mutex_lock(&relay->mutex);
    const bool closed = relay->closed;
    pthread_mutex_unlock(&relay->mutex);
    return closed;
}

void relay_leave(struct relay *relay)
{
    pthread_mutex_lock(&relay->mutex);
    relay->is_left = true;
    pthread_cond_signal(&relay->came_to_rest);
    pthread_mutex_unlock(&relay->mutex);
}

static void rest(struct relay *relay)
{
    pthread_mutex_lock(&relay->mutex);
    relay->ended++;
    pthread_cond_signal(&relay->came_to_rest);
    pthread_mutex_unlock(&relay->mutex);
}

struct request *relay_next(struct relay *relay, const struct completion *done)
{
    struct request *request = relay->next(relay->loop, done);

    if (!request)
        rest(relay); /* the loop may be closed by now */
    return request;
}

/* ------------------------------------------------------------------ the engine's functions */

static int relay_open(void **state, const struct engine_setup *setup)
{
    struct relay *relay = calloc(1, sizeof *relay);
    pthread_condattr_t monotonic;

    if (!relay)
        return -ENOMEM;
    *relay = (struct relay){
        .references = 1,
        .loop = setup->loop,
        .next = setup->next,
        .depth = setup->depth,
        .handed = calloc(setup->depth, sizeof *relay->handed),
        .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
    };
    const int error = !relay->handed ? -ENOMEM : relay->wake_fd < 0 ? -errno : 0;
    pthread_mutex_init(&relay->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&relay->came_to_rest, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (error) {
        relay_release(relay);
        return error;
    }
    *state = relay;
    return 0;
}

static int relay_submit(void *state, struct request *const *requests, uint32_t n)
{
    struct relay *relay = state;
    uint32_t taken = 0;

    pthread_mutex_lock(&relay->mutex);
    for (; taken < n && relay->count < relay->depth; taken++, relay->count++)
        relay->handed[(relay->first + relay->count) % relay->depth] = requests[taken];
    pthread_mutex_unlock(&relay->mutex);
    if (taken > 0)
        wake(relay);
    return (int)taken;
}

/* Returns no completions: those went to next(). One slot at rest is enough to look at what there is to do. */
static int relay_reap(void *state, struct completion *completions, uint32_t min, uint32_t max, int64_t timeout_ns)
{
    struct relay *relay = state;
    struct timespec until;

    (void)completions, (void)max;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ns / 1000000000;
    until.tv_nsec += timeout_ns % 1000000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&relay->mutex);
    while (min > 0 && relay->ended == 0)
        if (pthread_cond_timedwait(&relay->came_to_rest, &relay->mutex, &until) != 0)
            break;
    relay->ended = 0;
    pthread_mutex_unlock(&relay->mutex);
    return 0;
}

static int relay_cancel(void *state, struct request *request)
{
    (void)state, (void)request;
    return -ENOTSUP;
}

/* Every slot is at rest. The thread that brought the last one there may still be in relay_next(), where it uses nothing
 * but the relay. The descriptors are closed next, and whoever waits for them has to be gone by then: select() fails
 * with one that is closed, and an event loop may end the process. */
static void relay_close(void *state)
{
    struct relay *relay = state;
    struct timespec until;

    pthread_mutex_lock(&relay->mutex);
    relay->closed = true;
    wake(relay);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += LEAVE_TIMEOUT_S;
    const bool is_held = __atomic_load_n(&relay->references, __ATOMIC_ACQUIRE) > 1;
    while (is_held && !relay->is_left)
        if (pthread_cond_timedwait(&relay->came_to_rest, &relay->mutex, &until) != 0)
            break; /* it hangs: others will say so */
    pthread_mutex_unlock(&relay->mutex);
    relay_release(relay);
}

/* The bytes that it brings belong to whoever called relay_next(). */
static void relay_recycle(void *state, const char *data)
{
    (void)state, (void)data;
}

static void relay_vary(struct engine *engine, const int64_t *options)
{
    engine->caps.nonblocking_descriptors = options[RELAY_NONBLOCKING] != 0;
    engine->caps.moves_data = options[RELAY_MOVES_DATA] != 0;
}

const struct engine engine_relay = {
    .name = "relay",
    .title = "Relay",
    .calls_in_words = "none of its own",
    .summary = "hands each transfer to code outside of the core",
    .other_side = "process",
    .complexity = COMPLEXITY_THREADS,
    .caps = {.files = true, .streams = true, .waits = true, .moves_data = true, .next_start = NEXT_IN_LANE},
    .options = (const struct engine_option[]){
        [RELAY_NONBLOCKING] = {.name = "nonblocking", .meaning = "whether descriptors are", .high = 1},
        [RELAY_MOVES_DATA] = {.name = "data", .meaning = "whether data is moved", .high = 1, .fallback = 1},
        {0},
    },
    .calls = (const struct engine_call[]){ENGINE_CALLS_END},
    .vary = relay_vary,
    .open = relay_open,
    .submit = relay_submit,
    .reap = relay_reap,
    .cancel = relay_cancel,
    .recycle = relay_recycle,
    .close = relay_close,
};
