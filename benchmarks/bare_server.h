/* What the plain servers share (see bare_server.c). */
#ifndef BENCHMARKS_BARE_SERVER_H
#define BENCHMARKS_BARE_SERVER_H

#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "peer.h"

struct ring_server;

struct server {
    struct settings settings;
    struct connections connections;
    char *pattern, *buffer;
    uint64_t *written; /* by connection: the position in the stream towards the peer */
    struct peer peer;
    struct record *record; /* shared with the peer, which writes its numbers there */
    fd_set watched; /* select's */
    int highest;
    struct pollfd *polled; /* poll's */
    int epoll_fd;          /* epoll's */
    struct epoll_event *events;
    struct ring_server *ring; /* io_uring's */
};

/* Prints `what`, and what errno says, and ends. */
_Noreturn void fail(const char *what);

void watch_with_ring(struct server *server);
/* How many round trips. */
uint64_t serve_with_ring(struct server *server);

#endif
