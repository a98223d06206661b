/* relay_threads: transfers that threads outside of the core make, over the relay.
 *
 *     relay_threads CHANNEL MODE SLICES [setting=number …]
 *
 * MODE has letters: `o` each thread keeps a slot until it is at rest; `p` after each transfer another thread may go on
 * with it, as with a pool; `b` what was read is brought in memory of its own; `e` in the middle a transfer ends with an
 * error; `s` in the middle the trial is to stop; `c` transfers end with -ECANCELED, now and then. Slices are short, since
 * most of what may go wrong is at their ends. Exit 0, or one sentence on standard error. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "channel.h"
#include "engines/relay.h"
#include "loop/loop.h"
#include "loop/loop_state.h"

#define SLICE_NS 2000000
#define SLICE_OPERATIONS 30
#define TROUBLE_AFTER 300 /* transfers */

struct crew {
    struct relay *relay;
    struct record *record;
    const char *mode;
    uint64_t transfers;
    uint32_t threads;
    pthread_mutex_t mutex; /* for what waits for a thread: */
    pthread_cond_t came;
    struct request **waiting;
    uint32_t count;
    bool is_over;
};

static _Noreturn void fail(const char *what, long long number)
{
    fprintf(stderr, "%s: %lld\n", what, number);
    _exit(EXIT_FAILURE);
}

static bool has(const struct crew *crew, char letter)
{
    return strchr(crew->mode, letter) != NULL;
}

/* ------------------------------------------------------------------ a transfer */

static ssize_t move(const struct request *request, char *buffer)
{
    ssize_t n = -1;

    if (operation_is_sync(request->operation))
        n = request->operation == OPERATION_DATA_SYNC ? fdatasync(request->fd) : fsync(request->fd);
    else if (request->operation == OPERATION_READ)
        n = request->offset == OFFSET_STREAM ? read(request->fd, buffer, request->length)
                                             : pread(request->fd, buffer, request->length, request->offset);
    else
        n = request->offset == OFFSET_STREAM ? write(request->fd, buffer, request->length)
                                             : pwrite(request->fd, buffer, request->length, request->offset);
    return n < 0 ? -errno : n;
}

/* What the request is to do next, or NULL. */
static struct request *make(struct crew *crew, struct request *request)
{
    const uint64_t number = __atomic_add_fetch(&crew->transfers, 1, __ATOMIC_RELAXED);
    struct completion done = {.request = request};
    char *own = NULL;

    if (number == TROUBLE_AFTER && has(crew, 's'))
        __atomic_store_n(&crew->record->stop, 1, __ATOMIC_RELAXED);
    if (number == TROUBLE_AFTER && has(crew, 'e'))
        done.result = -EIO;
    else if (number % 5 == 0 && has(crew, 'c'))
        done.result = -ECANCELED;
    else if (has(crew, 'b') && request->operation == OPERATION_READ) {
        own = malloc(request->length);
        if (!own)
            fail("no memory", 0);
        done.result = move(request, own);
        request->data = done.result > 0 ? own : NULL;
    } else {
        done.result = move(request, request->buffer);
    }
    struct request *next = relay_next(crew->relay, &done);
    free(own);
    return next;
}

/* ------------------------------------------------------------------ the threads */

/* False: nothing will come any more. */
static bool await(const struct crew *crew)
{
    struct pollfd wanted = {.fd = relay_fd(crew->relay), .events = POLLIN};

    while (poll(&wanted, 1, -1) < 0)
        if (errno != EINTR)
            fail("poll failed", errno);
    return !relay_is_closed(crew->relay);
}

/* The last thread has nothing more to do with the descriptors. */
static void *leave(struct crew *crew)
{
    if (__atomic_sub_fetch(&crew->threads, 1, __ATOMIC_ACQ_REL) == 0)
        relay_leave(crew->relay);
    return NULL;
}

static void *keep(void *context)
{
    struct crew *crew = context;

    while (await(crew))
        for (struct request *request = relay_take(crew->relay); request;)
            request = make(crew, request);
    return leave(crew);
}

static void put(struct crew *crew, struct request *request)
{
    pthread_mutex_lock(&crew->mutex);
    crew->waiting[crew->count++] = request;
    pthread_cond_signal(&crew->came);
    pthread_mutex_unlock(&crew->mutex);
}

static void *pass(void *context)
{
    struct crew *crew = context;

    for (;;) {
        pthread_mutex_lock(&crew->mutex);
        while (crew->count == 0 && !crew->is_over)
            pthread_cond_wait(&crew->came, &crew->mutex);
        struct request *request = crew->count > 0 ? crew->waiting[--crew->count] : NULL;
        pthread_mutex_unlock(&crew->mutex);
        if (!request)
            return leave(crew);
        request = make(crew, request);
        if (request)
            put(crew, request);
    }
}

static void *hand_in(void *context)
{
    struct crew *crew = context;

    while (await(crew)) {
        struct request *request = relay_take(crew->relay);

        if (request)
            put(crew, request);
    }
    pthread_mutex_lock(&crew->mutex);
    crew->is_over = true;
    pthread_cond_broadcast(&crew->came);
    pthread_mutex_unlock(&crew->mutex);
    return leave(crew);
}

/* ------------------------------------------------------------------ the trial */

static uint64_t sum(const uint64_t *numbers, size_t count)
{
    uint64_t all = 0;

    for (size_t i = 0; i < count; i++)
        all += numbers[i];
    return all;
}

/* What was counted in one slice fits together. */
static void check(const struct slice *slice, bool by_number)
{
    const uint64_t latencies = sum(slice->latency.count, HISTOGRAM_BUCKETS);

    if (latencies != slice->window_operations)
        fail("latencies are missing, or too many", (long long)latencies - (long long)slice->window_operations);
    if (sum(slice->timeline, TIMELINE_PARTS) != slice->window_operations)
        fail("the timeline has not all operations", (long long)slice->window_operations);
    if (by_number && slice->slice_operations < SLICE_OPERATIONS)
        fail("a slice ended before its number", (long long)slice->slice_operations);
}

static void run(struct loop *loop, const struct crew *crew, int slices)
{
    const bool has_trouble = has(crew, 'e') || has(crew, 's');
    int error = 0;

    for (int i = 0; !error && (has_trouble ? !loop_stop_asked(loop) : i < slices); i++) {
        error = loop_run(loop, i % 2 ? 10 * NS_PER_S : SLICE_NS, i % 2 ? SLICE_OPERATIONS : 0, PART_BOTH);
        if (!error && !loop_stop_asked(loop))
            check(&crew->record->slice, i % 2);
    }
    if (error != (has(crew, 'e') ? -EIO : 0))
        fail("a slice ended with", error);
}

static void set(struct settings *settings, char *word)
{
    char *number = strchr(word, '=');
    const struct setting_name *name = setting_names;

    if (!number)
        fail("no number", 0);
    *number++ = 0;
    while (name->name && strcmp(name->name, word) != 0)
        name++;
    if (!name->name)
        fail(word, 0);
    *(int64_t *)((char *)settings + name->offset) = atoll(number);
}

int main(int argc, char **argv)
{
    struct loop_setup setup = {.engine = &engine_relay, .settings = settings_default()};
    struct crew crew = {.mutex = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER};
    struct loop *loop;

    if (argc < 4)
        return 2;
    setup.channel = channel_find(argv[1]);
    crew.mode = argv[2];
    for (int i = 4; i < argc; i++)
        set(&setup.settings, argv[i]);
    setup.record = mmap(NULL, sizeof *setup.record, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    crew.record = setup.record; /* a peer writes to it, too */
    const uint32_t slots = (uint32_t)(setup.settings.depth + setup.settings.idle), threads = slots + 1;
    pthread_t *ids = calloc(threads, sizeof *ids);
    crew.waiting = calloc(slots, sizeof *crew.waiting);
    if (crew.record == MAP_FAILED || !ids || !crew.waiting || !setup.channel)
        return 2;
    int error = loop_open(&loop, &setup);
    if (error)
        fail("the loop did not open", error);
    crew.relay = relay_retain(loop->engine_state);
    crew.threads = threads;
    for (uint32_t i = 0; i < threads; i++)
        if (pthread_create(&ids[i], NULL, has(&crew, 'o') ? keep : i == 0 ? hand_in : pass, &crew) != 0)
            return 2;
    run(loop, &crew, atoi(argv[3]));
    error = loop_close(loop);
    if (error)
        fail("the loop did not close", error);
    for (uint32_t i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    relay_release(crew.relay);
    free(crew.waiting);
    free(ids);
    munmap(crew.record, sizeof *crew.record);
    return 0;
}
