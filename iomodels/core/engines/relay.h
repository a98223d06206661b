/* The relay: an engine whose transfers are made by code outside of the core, such as a program in Python. Each request is
 * handed over; whoever has taken it makes the transfer, hands the end to relay_next(), and gets the request's next
 * transfer, or nothing: then the slot is at rest until it is handed over again. So each slot goes on by itself, in a lane
 * (loop_lanes.h), and the loop's own thread only waits meanwhile. It is in no table: users cannot name it. */
#ifndef IOMODELS_RELAY_H
#define IOMODELS_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "engine.h"

/* Its options, by place. */
enum {
    RELAY_NONBLOCKING, /* 0 or 1: caps.nonblocking_descriptors */
    RELAY_MOVES_DATA,  /* 0 or 1: caps.moves_data */
};

struct relay;

extern const struct engine engine_relay;

/* What the engine's state is, once more: relay_release() gives it back. It outlives the engine. */
struct relay *relay_retain(void *state);
void relay_release(struct relay *relay);

/* The oldest request that was handed over and nobody has taken, or NULL. */
struct request *relay_take(struct relay *relay);
/* Readable while there is one, or the engine has been closed. */
int relay_fd(const struct relay *relay);
bool relay_is_closed(struct relay *relay);
/* Nobody outside uses the descriptors any more: the engine's close waits for that. */
void relay_leave(struct relay *relay);

/* The end of a transfer; the request's next transfer, or NULL. `done->request` was taken, or came from here. */
struct request *relay_next(struct relay *relay, const struct completion *done);

#endif
