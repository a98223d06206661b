/* The peer: the process at the other end of a channel's pipes or sockets.
 *
 * peer.c is the worker's side (start it, drive it, end it, say how it died). What the process does
 * is in peer_process.c (answer or stream) and peer_driver.c (drive a server); both move messages with
 * peer_lines.c. It runs C only, never returns from peer_process, allocates nothing, and dies with the
 * worker. */
#ifndef IOMODELS_PEER_H
#define IOMODELS_PEER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "connections.h"
#include "loop/arrivals.h"
#include "record.h"
#include "record/clock.h"
#include "settings.h"
#include "sizes.h"

/* With what the process ends by itself; anything else is a signal's doing. */
enum peer_exit {
    PEER_EXIT_HUNG_UP = 0,      /* the engine's side was closed */
    PEER_EXIT_WRONG_BYTES = 65, /* what the engine wrote is not what it should have written */
    PEER_EXIT_SYSTEM = 71,      /* a system call failed */
};

enum peer_role {
    PEER_ECHOES,
    PEER_SENDS,    /* one way, as fast as it is taken */
    PEER_RECEIVES, /* one way */
    PEER_DRIVES,   /* the engine serves */
};

/* What both processes see beside the record. */
struct peer_shared {
    _Atomic uint64_t received; /* PEER_RECEIVES: bytes taken and checked on a sample */
    _Atomic uint64_t verified; /* samples checked */
    _Atomic uint64_t sent;     /* PEER_DRIVES: messages begun */
    _Atomic uint64_t wrong_at; /* PEER_EXIT_WRONG_BYTES: where in the connection's stream */
};

/* For a counter with one writer: no locked instruction is needed. */
static inline void peer_count(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_release);
}

/* The peer's side of a connection. */
struct line {
    int in, out;
    bool sending;          /* or receiving, or neither */
    bool watching_output;  /* a write said EAGAIN or was short */
    size_t length;         /* of the message under way, or, between two, of the next one: as the engine draws it */
    uint64_t sequence;     /* of the lengths */
    size_t left;           /* bytes of the message still to go */
    uint64_t sent, received; /* positions in the two streams */
    uint64_t start_ns;     /* when the message was meant to start */
};

/* Everything that the process works with. Made before the fork: after it nothing may fail for want
 * of memory, and the child of a process with threads must not allocate. */
struct peer_work {
    const struct settings *settings;
    struct record *record;
    struct peer_shared *shared;
    struct connections *connections;
    struct arrivals arrivals; /* a server's open loop */
    struct clock clock;
    struct sizes sizes;
    enum peer_role role;
    pid_t parent;
    bool spins;      /* before an arrival; not where the engine needs this CPU */
    int wake_fd;     /* written to when peer_go has changed; -1 unless PEER_DRIVES */
    int epoll_fd;
    char *pattern;
    char *scratch;   /* `chunk` bytes: what was read last */
    size_t chunk;    /* at most this much in one transfer */
    uint64_t random;
    struct line *lines; /* `count` of them, the active connections */
    uint32_t count;
    uint32_t *free_lines; /* PEER_DRIVES: those without a message under way */
    uint32_t free_count;
    int *keep; /* room for all descriptors that it keeps */
    struct epoll_event *events;
};

/* The two processes' parts. They never return. */
_Noreturn void peer_process(struct peer_work *work);
_Noreturn void peer_drive(struct peer_work *work);

#define PEER_EVENTS 64
#define PEER_WAKE_INDEX UINT32_MAX

/* What both work with, in peer_lines.c. */
_Noreturn void peer_exit_system(void);
void peer_open_lines(struct peer_work *work);
void peer_watch_lines(struct peer_work *work); /* opens epoll_fd */
void peer_next_message(struct peer_work *work, struct line *line);
bool peer_receive(struct peer_work *work, struct line *line);
bool peer_send(struct peer_work *work, struct line *line);
void peer_watch(struct peer_work *work, int operation, int fd, uint32_t events, uint32_t index);
void peer_watch_output(struct peer_work *work, struct line *line, bool wanted);

/* ------------------------------------------------------------------ the worker's side */

struct peer {
    pid_t pid; /* 0: none, or dead and waited for */
    int wake_fd;
    struct record *record;
    struct peer_shared *shared;
    uint64_t answered; /* a server's messages that the engine has answered */
};

/* Forks the peer with its ends of `connections`, which the caller then closes. `pattern` has room
 * for peer_chunk() bytes at a time. 0, or -errno with nothing left behind. */
int peer_start(struct peer *peer, const struct settings *settings, struct record *record,
               struct connections *connections, char *pattern);
size_t peer_chunk(const struct settings *settings);

/* See channel.h. */
void peer_let_drive(struct peer *peer, bool go);
bool peer_is_quiet(struct peer *peer);

/* False when it has died; the record then says how. Waits up to `timeout_ns` for that. */
bool peer_is_alive(struct peer *peer, uint64_t timeout_ns);
/* PEER_RECEIVES: waits, for a bounded time, until it has taken `bytes`. */
bool peer_has_received(struct peer *peer, uint64_t bytes);
/* Ends it, dead or alive. The channel's pending transfers then end too. */
void peer_end(struct peer *peer);
void peer_close(struct peer *peer);

#endif
