/* Drives one engine on one channel through the contract, without the loop, and checks at each step what
 * holds for every engine at any time: no negative results, never more than asked for, no
 * completion that is not owed. Rules add what they are about. */
#ifndef CONFORMANCE_DRIVER_H
#define CONFORMANCE_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "check.h"
#include "record.h"

enum slot_state { SLOT_IDLE, SLOT_STARTED, SLOT_IN_FLIGHT, SLOT_HELD /* by the rule */ };

struct driver {
    const struct engine *engine;
    const int64_t *options;
    const struct channel *channel;
    const struct variant *variant;
    struct settings settings;
    struct record *record;
    struct calls calls;
    struct engine_resource resources[RESOURCE_COUNT];
    struct call_hooks hooks; /* may be set at any time */
    void *engine_state, *channel_state;

    uint32_t depth;
    char *buffers;
    size_t stride;
    struct request *requests;     /* by slot */
    enum slot_state *slots;
    struct request **started;     /* not yet taken by the engine, oldest first */
    struct completion *completions;
    uint32_t started_count, in_flight;
    uint64_t submits, operations; /* calls of submit; operations that driver_take saw the end of */
    char *content;                /* file: what it has to hold */
    int *descriptors;             /* all that requests will name, for the engine; … */
    int *flags;                   /* … and their flags then */
};

void driver_open(struct driver *driver, const struct subject *subject,
                 const struct settings *settings);
/* The same, and no read ends before release, or before the rule lets the peer drive. */
void driver_open_held(struct driver *driver, const struct subject *subject,
                      const struct settings *settings);
void driver_let_drive(struct driver *driver);
/* Starts up to `n` idle requests on the channel; how many. */
uint32_t driver_start(struct driver *driver, uint32_t n);
/* Offers the engine the `n` oldest started ones (at most); how many it took. */
uint32_t driver_submit(struct driver *driver, uint32_t n);
/* Starts `n` more requests and submits until all of them are in flight. */
void driver_fill(struct driver *driver, uint32_t n);
/* The completions then lie in driver->completions, and their slots are idle again. */
uint32_t driver_reap(struct driver *driver, uint32_t min, uint32_t max, int64_t timeout_ns);
/* Takes the last reap's `n` completions as transfers that have to be right, as the loop would: goes
 * on with short ones and checks every byte. */
void driver_take(struct driver *driver, uint32_t n);
/* It is to be submitted once more, as it is. */
void driver_take_again(struct driver *driver, struct request *request);
/* Submits and reaps until nothing is left, and takes it all; then a peer must have nothing to
 * complain of. */
void driver_drain(struct driver *driver);
/* Cancels and releases what is in flight and reaps it, whatever its result. */
void driver_abandon(struct driver *driver);
/* What the engine answers, at last. */
int driver_cancel(struct driver *driver, struct request *request);
void driver_cancel_all(struct driver *driver);
/* Asks for one completion; fails when there has been none for too long although one is due. */
uint32_t driver_reap_due(struct driver *driver);
void driver_close(struct driver *driver);

#endif
