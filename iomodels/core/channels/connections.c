/* Pairs of connected descriptors (see connections.h).
 *
 * The lowest free numbers are taken first, by placeholders; whatever is opened after that is
 * higher, and each engine's end then replaces a placeholder. So there is no guessing about what
 * else the process has open. */
#include "connections.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_side(struct connection *side, uint32_t count)
{
    for (uint32_t i = 0; side && i < count; i++) {
        if (side[i].out != side[i].in)
            close_end(&side[i].out);
        side[i].out = -1;
        close_end(&side[i].in);
    }
}

/* ------------------------------------------------------------------ low numbers */

struct places {
    int *fds;
    uint32_t count, used;
};

static void places_close(struct places *places)
{
    for (; places->used < places->count; places->used++)
        close(places->fds[places->used]);
    free(places->fds);
}

static int places_open(struct places *places, uint32_t wanted)
{
    places->fds = calloc(wanted, sizeof *places->fds);
    if (!places->fds)
        return -ENOMEM;
    for (; places->count < wanted; places->count++) {
        int fd = places->count == 0 ? eventfd(0, EFD_CLOEXEC)
                                    : fcntl(places->fds[0], F_DUPFD_CLOEXEC, 0);

        if (fd < 0)
            return -errno;
        places->fds[places->count] = fd;
    }
    return 0;
}

/* Moves `fd` to the next place. */
static int take_place(struct places *places, int *fd)
{
    int place = places->fds[places->used];

    if (dup3(*fd, place, O_CLOEXEC) < 0)
        return -errno;
    places->used++;
    close(*fd);
    *fd = place;
    return 0;
}

static int place_side(struct places *places, struct connection *side)
{
    const bool two_way = side->in == side->out;
    int error = side->in >= 0 ? take_place(places, &side->in) : 0;

    if (two_way)
        side->out = side->in; /* after a failure too: one descriptor, closed once */
    else if (!error && side->out >= 0)
        error = take_place(places, &side->out);
    return error;
}

/* ------------------------------------------------------------------ making them */

static int set_nonblocking(int fd)
{
    int flags = fd < 0 ? 0 : fcntl(fd, F_GETFL);

    if (flags < 0 || (fd >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0))
        return -errno;
    return 0;
}

static int make_one(struct connections *connections, const struct connections_setup *setup,
                    struct places *places, int shared, uint32_t i)
{
    struct connection *engine = &connections->engine[i];
    const bool idle = i >= setup->active;
    int error = setup->kind->make(shared, engine, &connections->peer[i], idle || setup->reads,
                                  idle ? setup->idle_writes : setup->writes);

    if (!error)
        error = place_side(places, engine);
    if (!error && setup->nonblocking)
        error = set_nonblocking(engine->in);
    if (!error && setup->nonblocking && engine->out != engine->in)
        error = set_nonblocking(engine->out);
    return error;
}

static int make_all(struct connections *connections, const struct connections_setup *setup,
                    struct places *places)
{
    int shared = -1;
    int error = setup->kind->prepare ? setup->kind->prepare(&shared) : 0;

    for (uint32_t i = 0; !error && i < setup->active + setup->idle; i++)
        error = make_one(connections, setup, places, shared, i);
    close_end(&shared);
    return error;
}

static uint32_t engine_ends(const struct connections_setup *setup)
{
    if (setup->kind->two_way)
        return setup->active + setup->idle;
    return setup->active * (uint32_t)(setup->reads + setup->writes) +
           setup->idle * (1u + setup->idle_writes);
}

/* NULL without memory; else nothing in it is open. */
static struct connection *make_side(uint32_t count)
{
    struct connection *side = malloc(count * sizeof *side);

    if (side)
        memset(side, -1, count * sizeof *side);
    return side;
}

int connections_open(struct connections *connections, const struct connections_setup *setup)
{
    const uint32_t count = setup->active + setup->idle;
    struct places places = {0};

    *connections = (struct connections){
        .engine = make_side(count),
        .peer = make_side(count),
        .active = setup->active,
        .idle = setup->idle,
    };
    int error = connections->engine && connections->peer ? 0 : -ENOMEM;
    if (!error)
        error = places_open(&places, engine_ends(setup));
    if (!error)
        error = make_all(connections, setup, &places);
    places_close(&places);
    if (error)
        connections_close(connections);
    return error;
}

uint32_t connections_descriptors(const struct connections *connections, int *fds, uint32_t room)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < connections->active + connections->idle; i++) {
        const struct connection *engine = &connections->engine[i];
        const int both[] = {engine->in, engine->out != engine->in ? engine->out : -1};

        for (int j = 0; j < 2; j++) {
            if (both[j] >= 0 && count < room)
                fds[count] = both[j];
            count += both[j] >= 0;
        }
    }
    return count;
}

void connections_close_peer(struct connections *connections)
{
    close_side(connections->peer, connections->active + connections->idle);
}

void connections_close(struct connections *connections)
{
    connections_close_peer(connections);
    close_side(connections->engine, connections->active + connections->idle);
    free(connections->engine);
    free(connections->peer);
    *connections = (struct connections){0};
}
