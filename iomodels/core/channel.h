/* The channel contract: what is read or written.
 *
 * A channel opens the descriptors, says what each operation transfers, and checks what came back.
 * It never waits and knows no engine. */
#ifndef IOMODELS_CHANNEL_H
#define IOMODELS_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "engine.h"
#include "record.h"
#include "settings.h"

struct channel_caps {
    bool files;         /* regular files */
    bool streams;       /* descriptors without a position */
    bool sockets;       /* of these, those that recv() reads from */
    bool starts_device; /* start() itself takes noticeable time: the loop stamps around it */
    bool slots_are_independent; /* start() and finish() of two slots may run on two threads at once */
};

struct channel_setup {
    const struct settings *settings;
    bool nonblocking_descriptors;
    bool links;         /* the engine makes a sync after a write, if asked (request.then_syncs) */
    bool starts_device; /* false: no engine will wait for the device (null), so start() leaves it be */
    struct record *record;
    struct recorder *recorder; /* of a trace; NULL: there is none */
};

enum { CHANNEL_DONE = 0, CHANNEL_MORE = 1 };

struct channel {
    const char *name;
    struct channel_caps caps;
    int (*open)(void **state, const struct channel_setup *setup);
    /* Sets up a read that stays pending until release: on one of the `count` idle descriptors. NULL
     * where the channel has none. */
    void (*start_idle)(void *state, struct request *request, uint32_t index);
    /* The descriptors that requests will name, each once, in no order: the first `room` of them go into `fds`. How
     * many there are. */
    uint32_t (*descriptors)(const void *state, int *fds, uint32_t room);
    /* Fills in the request's first transfer, and starts the device where there is one. `buffer`
     * and `slot` are set; the buffer has settings.block bytes. 0, -errno, or -ENODATA when there is
     * nothing more to do: then the window ends. */
    int (*start)(void *state, struct request *request);
    /* The request's transfer is complete; what it has read lies at `bytes`. CHANNEL_DONE, CHANNEL_MORE after
     * it has set up the operation's next transfer, or -errno: -EBADMSG when the bytes are not the right ones, and
     * `offset` is then where. */
    int (*finish)(void *state, struct request *request, const char *bytes);
    /* The request was cancelled before its current transfer moved a byte: there will be no finish. NULL
     * where that makes no difference. */
    void (*abandon)(void *state, struct request *request);
    /* Where a peer drives the requests (a server): lets it begin, or makes it stop sending; and
     * whether it has stopped and had all its answers. NULL where there is none. */
    void (*drive)(void *state, bool go);
    bool (*quiet)(void *state);
    /* A transfer has failed: the channel notes in the record what it knows (the peer is dead).
     * NULL where it knows nothing. */
    void (*diagnose)(void *state);
    /* Why something failed, where the channel knows more than the error's name says. NULL where it does not. */
    struct explanation (*explain)(const struct settings *settings, enum stage stage, int error);
    /* Before and after each slice, outside the measured window: conditions that must hold, such as
     * the page cache. 0 or -errno: -EBADMSG when what was written is not there. */
    int (*check)(void *state, bool before);
    /* Makes every pending transfer end: the timer expires, the peer hangs up. */
    void (*release)(void *state);
    void (*close)(void *state);
};

/* All channels, ended by NULL; in registry.c. */
extern const struct channel *const channels[];
const struct channel *channel_find(const char *name);

#endif
