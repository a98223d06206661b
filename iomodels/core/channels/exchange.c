/* Operations over connections to a peer (see exchange.h).
 *
 * echo: write a request, then read the response. server: the other way round, and the peer sets
 * the pace. stream: reads, or writes, one after another. A write takes its bytes straight from the
 * pattern: filling a buffer for each would be the application's work, not the I/O model's. */
#include "exchange.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "cache_line.h"
#include "pattern.h"
#include "peer.h"
#include "record/clock.h"
#include "sizes.h"

/* How long a peer that has closed its ends may take to die. */
#define DEATH_TIMEOUT_NS (NS_PER_S / 5)

/* One for each active connection, and so for each slot. Nothing is shared between them: the operations of two
 * connections may run on two threads at once. */
struct conversation {
    _Alignas(CACHE_LINE) char *buffer; /* the loop's */
    uint64_t written, read;     /* positions in the two streams */
    size_t length;              /* of the message under way, or, between two, of the next one */
    uint64_t sequence;          /* of the lengths */
    uint64_t random;            /* chooses what is verified */
    uint64_t answered;          /* complete operations that ended with a write; others read it */
    uint64_t verified;          /* samples */
};

struct exchange_state {
    const struct settings *settings;
    struct record *record;
    struct connections connections;
    struct sizes sizes;
    struct conversation *conversations;
    struct peer peer;
    char *pattern;
    uint64_t verified;      /* of the samples, those in the record already … */
    uint64_t peer_verified; /* … and of the peer's */
    struct sigaction pipe_action; /* the process's own, to be put back */
    bool ignores_pipe;
};

/* ------------------------------------------------------------------ opening and closing */

/* A write to a dead peer has to fail, not to kill. Python ignores the signal anyway. */
static int ignore_pipe_signal(struct exchange_state *exchange)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};

    if (sigaction(SIGPIPE, NULL, &exchange->pipe_action) < 0)
        return -errno;
    if (exchange->pipe_action.sa_handler == SIG_IGN)
        return 0;
    if (sigaction(SIGPIPE, &ignore, NULL) < 0)
        return -errno;
    exchange->ignores_pipe = true;
    return 0;
}

static bool settings_make_sense(const struct settings *settings)
{
    const bool streams = settings->exchange == EXCHANGE_STREAM;

    return settings->opens_per_request && !(streams && settings->server) &&
           !(streams && settings->workload == WORKLOAD_MIXED) && settings->outstanding >= 1;
}

static int make_connections(struct exchange_state *exchange, const struct channel_setup *setup,
                            const struct connection_kind *kind)
{
    const struct settings *settings = setup->settings;
    const bool streams = settings->exchange == EXCHANGE_STREAM;
    const struct connections_setup connections_setup = {
        .kind = kind,
        .active = (uint32_t)settings->depth,
        .idle = (uint32_t)settings->idle,
        .reads = !streams || settings->workload == WORKLOAD_READ,
        .writes = !streams || settings->workload == WORKLOAD_WRITE,
        .idle_writes = !streams,
        .nonblocking = setup->nonblocking_descriptors,
    };

    return connections_open(&exchange->connections, &connections_setup);
}

/* Called when an operation is complete, and not when the next one starts: one that is cancelled starts again. */
static void draw_next(struct exchange_state *exchange, struct conversation *conversation)
{
    conversation->length = sizes_next(&exchange->sizes, &conversation->sequence);
}

static int make_content(struct exchange_state *exchange)
{
    const struct settings *settings = exchange->settings;
    const uint32_t depth = (uint32_t)settings->depth;
    const size_t chunk = peer_chunk(settings), block = (size_t)settings->block;

    exchange->pattern = pattern_make(chunk > block ? chunk : block);
    exchange->conversations = cache_lines(depth, sizeof *exchange->conversations);
    if (!exchange->pattern || !exchange->conversations)
        return -ENOMEM;
    for (uint32_t i = 0; i < depth; i++) {
        exchange->conversations[i] = (struct conversation){
            .written = pattern_origin(i, TOWARDS_PEER),
            .read = pattern_origin(i, TOWARDS_ENGINE),
            .sequence = sizes_sequence(settings, i),
            .random = (uint64_t)settings->seed + i,
        };
        draw_next(exchange, &exchange->conversations[i]);
    }
    return 0;
}

int exchange_open(void **state, const struct channel_setup *setup,
                  const struct connection_kind *kind)
{
    struct exchange_state *exchange = calloc(1, sizeof *exchange);

    if (!exchange)
        return -ENOMEM;
    exchange->settings = setup->settings;
    exchange->record = setup->record;
    exchange->peer.wake_fd = -1;
    int error = settings_make_sense(setup->settings) ? sizes_open(&exchange->sizes, setup->settings) : -EINVAL;
    if (!error)
        error = make_content(exchange);
    if (!error)
        error = make_connections(exchange, setup, kind);
    if (!error)
        error = ignore_pipe_signal(exchange);
    if (!error && setup->starts_device)
        error = peer_start(&exchange->peer, setup->settings, setup->record,
                           &exchange->connections, exchange->pattern);
    if (error) {
        exchange_close(exchange);
        return error;
    }
    connections_close_peer(&exchange->connections);
    *state = exchange;
    return 0;
}

void exchange_release(void *state)
{
    struct exchange_state *exchange = state;

    peer_end(&exchange->peer);
}

void exchange_close(void *state)
{
    struct exchange_state *exchange = state;

    peer_close(&exchange->peer);
    connections_close(&exchange->connections);
    if (exchange->ignores_pipe)
        (void)sigaction(SIGPIPE, &exchange->pipe_action, NULL); /* it came from sigaction: valid */
    free(exchange->conversations);
    free(exchange->pattern);
    free(exchange);
}

uint32_t exchange_descriptors(const void *state, int *fds, uint32_t room)
{
    const struct exchange_state *exchange = state;

    return connections_descriptors(&exchange->connections, fds, room);
}

/* ------------------------------------------------------------------ operations */

static void set_up_read(struct exchange_state *exchange, struct request *request)
{
    request->operation = OPERATION_READ;
    request->fd = exchange->connections.engine[request->slot].in;
    request->offset = OFFSET_STREAM;
    request->buffer = exchange->conversations[request->slot].buffer;
    request->length = exchange->conversations[request->slot].length;
    request->poll_first = exchange->settings->exchange == EXCHANGE_ECHO; /* a message at a time, there and back */
}

static void set_up_write(struct exchange_state *exchange, struct request *request)
{
    request->operation = OPERATION_WRITE;
    request->fd = exchange->connections.engine[request->slot].out;
    request->offset = OFFSET_STREAM;
    request->buffer =
        pattern_at(exchange->pattern, exchange->conversations[request->slot].written);
    request->length = exchange->conversations[request->slot].length;
}

static bool begins_with_read(const struct settings *settings)
{
    return settings->exchange == EXCHANGE_ECHO ? settings->server != 0
                                               : settings->workload == WORKLOAD_READ;
}

int exchange_start(void *state, struct request *request)
{
    struct exchange_state *exchange = state;

    exchange->conversations[request->slot].buffer = request->buffer;
    if (begins_with_read(exchange->settings))
        set_up_read(exchange, request);
    else
        set_up_write(exchange, request);
    return 0;
}

void exchange_start_idle(void *state, struct request *request, uint32_t index)
{
    struct exchange_state *exchange = state;

    request->operation = OPERATION_READ;
    request->fd = exchange->connections.engine[exchange->connections.active + index].in;
    request->offset = OFFSET_STREAM;
    request->length = (size_t)exchange->settings->block;
    request->poll_first = true;
}

static int verify(struct exchange_state *exchange, struct request *request, const char *bytes)
{
    struct conversation *conversation = &exchange->conversations[request->slot];
    uint64_t wrong;

    calls_add(&conversation->verified);
    if (!pattern_check(exchange->pattern, conversation->read, bytes, conversation->length,
                       exchange->settings->verify, &conversation->random, &wrong)) {
        request->offset = (int64_t)wrong;
        return -EBADMSG;
    }
    conversation->read += conversation->length;
    return CHANNEL_DONE;
}

static int finish_read(struct exchange_state *exchange, struct request *request, const char *bytes)
{
    int error = verify(exchange, request, bytes);

    if (error)
        return error;
    if (!exchange->settings->server) {
        draw_next(exchange, &exchange->conversations[request->slot]);
        return CHANNEL_DONE;
    }
    set_up_write(exchange, request);
    return CHANNEL_MORE;
}

static int finish_write(struct exchange_state *exchange, struct request *request)
{
    const struct settings *settings = exchange->settings;
    struct conversation *conversation = &exchange->conversations[request->slot];

    __atomic_store_n(&conversation->written, conversation->written + conversation->length, __ATOMIC_RELEASE);
    if (settings->exchange == EXCHANGE_ECHO && !settings->server) {
        set_up_read(exchange, request);
        return CHANNEL_MORE;
    }
    draw_next(exchange, conversation);
    /* Released: whoever sees the answer counted sees all that came before it. */
    __atomic_store_n(&conversation->answered, conversation->answered + 1, __ATOMIC_RELEASE);
    return CHANNEL_DONE;
}

int exchange_finish(void *state, struct request *request, const char *bytes)
{
    return request->operation == OPERATION_READ ? finish_read(state, request, bytes)
                                                : finish_write(state, request);
}

struct explanation exchange_explain(const struct settings *settings, enum stage stage, int error)
{
    (void)settings;
    if (stage != STAGE_VERIFY || error != -EBADMSG)
        return (struct explanation){0};
    return (struct explanation){
        .sentence = "verification failed: the bytes received differ from the bytes that the peer process sent",
    };
}

/* ------------------------------------------------------------------ the peer */

void exchange_drive(void *state, bool go)
{
    struct exchange_state *exchange = state;

    peer_let_drive(&exchange->peer, go);
}

static uint64_t answered(const struct exchange_state *exchange)
{
    uint64_t sum = 0;

    for (int64_t i = 0; i < exchange->settings->depth; i++)
        sum += __atomic_load_n(&exchange->conversations[i].answered, __ATOMIC_ACQUIRE);
    return sum;
}

bool exchange_quiet(void *state)
{
    struct exchange_state *exchange = state;

    exchange->peer.answered = answered(exchange);
    return peer_is_quiet(&exchange->peer);
}

void exchange_diagnose(void *state)
{
    struct exchange_state *exchange = state;

    (void)peer_is_alive(&exchange->peer, DEATH_TIMEOUT_NS); /* what it finds is in the record */
}

/* What a stream of writes has left in the pipe belongs to the slice, and has to be right. */
static int check_written(struct exchange_state *exchange)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < (uint32_t)exchange->settings->depth; i++)
        bytes += __atomic_load_n(&exchange->conversations[i].written, __ATOMIC_ACQUIRE) -
                 pattern_origin(i, TOWARDS_PEER);
    if (!peer_has_received(&exchange->peer, bytes))
        return -EPIPE;
    uint64_t verified = atomic_load(&exchange->peer.shared->verified);
    exchange->record->slice.verified_words += verified - exchange->peer_verified;
    exchange->peer_verified = verified;
    return 0;
}

/* The samples of this slice. */
static void count_verified(struct exchange_state *exchange)
{
    uint64_t sum = 0;

    for (int64_t i = 0; i < exchange->settings->depth; i++)
        sum += __atomic_load_n(&exchange->conversations[i].verified, __ATOMIC_RELAXED);
    exchange->record->slice.verified_words += sum - exchange->verified;
    exchange->verified = sum;
}

int exchange_check(void *state, bool before)
{
    struct exchange_state *exchange = state;

    if (!before)
        count_verified(exchange);
    if (!exchange->peer.shared) /* an engine that moves no data has no peer */
        return 0;
    if (!peer_is_alive(&exchange->peer, 0))
        return -EPIPE;
    if (before || exchange->settings->exchange != EXCHANGE_STREAM ||
        exchange->settings->workload != WORKLOAD_WRITE)
        return 0;
    return check_written(exchange);
}
