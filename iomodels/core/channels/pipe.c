/* The pipe channel: pipes to a peer process, two for each connection that goes both ways. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "exchange.h"

static int make_pipe(int *read_end, int *write_end)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    *read_end = fds[0];
    *write_end = fds[1];
    return 0;
}

static int pipe_make(int shared, struct connection *engine, struct connection *peer, bool reads,
                     bool writes)
{
    int error = reads ? make_pipe(&engine->in, &peer->out) : 0;

    (void)shared;
    return !error && writes ? make_pipe(&peer->in, &engine->out) : error;
}

static int pipe_open(void **state, const struct channel_setup *setup)
{
    static const struct connection_kind kind = {.make = pipe_make};

    return exchange_open(state, setup, &kind);
}

extern const struct channel channel_pipe;
const struct channel channel_pipe = EXCHANGE_CHANNEL("pipe", pipe_open, false);
