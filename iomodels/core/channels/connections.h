/* Pairs of connected descriptors, the engine's ends numbered as low as the process allows: select
 * takes none beyond FD_SETSIZE, and looks at every number below the highest. */
#ifndef IOMODELS_CONNECTIONS_H
#define IOMODELS_CONNECTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* One side of a connection. A socket has one descriptor for both; -1: not in this direction. */
struct connection {
    int in, out;
};

struct connections {
    struct connection *engine, *peer; /* by index: the active ones, then the idle ones */
    uint32_t active, idle;
};

/* How a kind of connection is made. Everything that it opens is close-on-exec. */
struct connection_kind {
    bool two_way; /* one descriptor reads and writes */
    /* Opens what all of them are made with; NULL: nothing. */
    int (*prepare)(int *shared);
    /* 0, or -errno; then what is in `engine` and `peer` gets closed. `shared` is prepare's
     * descriptor. */
    int (*make)(int shared, struct connection *engine, struct connection *peer, bool reads,
                bool writes);
};

struct connections_setup {
    const struct connection_kind *kind;
    uint32_t active, idle;
    bool reads, writes; /* what the engine does on the active ones */
    bool idle_writes;   /* on the idle ones it reads; whether it could write as well */
    bool nonblocking;   /* the engine's ends */
};

/* 0, or -errno with nothing left open. */
int connections_open(struct connections *connections, const struct connections_setup *setup);
/* The engine's ends: the first `room` of them go into `fds`. How many there are. */
uint32_t connections_descriptors(const struct connections *connections, int *fds, uint32_t room);
void connections_close_peer(struct connections *connections);
void connections_close(struct connections *connections);

#endif
