/* Opening and closing: the ring, and what is registered with it. */
#include <errno.h>
#include <stdlib.h>

#include "io_uring.h"

/* Beyond this a submit takes its requests in parts. */
#define MAX_SQ_ENTRIES 4096
/* A transfer, a cancel of it and another, and a timeout. Should that be too few, the kernel keeps the others. */
#define CQ_ENTRIES_PER_REQUEST 2
/* How long the kernel's thread looks for entries before it sleeps. Longer than the devices and peers take that are worth
 * polling for; short enough that between two slices, where nothing is in flight, it leaves the CPU to whoever is measured
 * next. (The kernel's default is a second.) */
#define SQ_THREAD_IDLE_MS 10
/* The most that one registered buffer may have. */
#define MAX_REGISTERED_BYTES (UINT64_C(1) << 30)

uint32_t uring_setup_flags(const int64_t *options)
{
    static const uint32_t taskrun[] = {
        [TASKRUN_DEFAULT] = 0,
        [TASKRUN_COOP] = RING_SETUP_COOP_TASKRUN | RING_SETUP_TASKRUN_FLAG,
        [TASKRUN_DEFER] = RING_SETUP_SINGLE_ISSUER | RING_SETUP_DEFER_TASKRUN | RING_SETUP_TASKRUN_FLAG,
    };

    return taskrun[options[OPTION_TASKRUN]] | (options[OPTION_SQPOLL] == SQPOLL_ON ? RING_SETUP_SQPOLL : 0);
}

/* The kernel says ENOMEM for locked memory that it does not allow, too: that is another matter than having none. */
static int locked(int error)
{
    return error == -ENOMEM ? -ENOBUFS : error;
}

/* A cancel, and, where timeouts are entries, that of this wait and of some before: the kernel's thread may take them late. */
#define OWN_ENTRIES 4

static int open_ring(struct uring *uring, const struct engine_setup *setup)
{
    const bool in_pairs = uring->receives || uring->links;
    const uint32_t depth = setup->depth, entries = (in_pairs ? 2 * depth : depth) + OWN_ENTRIES;
    const uint32_t more = uring->receives ? uring_receive_completions(depth) : 0;

    return locked(ring_open(&uring->ring, &(struct ring_setup){
        .calls = setup->calls,
        .sq_entries = entries < MAX_SQ_ENTRIES ? entries : MAX_SQ_ENTRIES,
        .cq_entries = CQ_ENTRIES_PER_REQUEST * (depth + OWN_ENTRIES) + more,
        .flags = uring_setup_flags(setup->options),
        .sq_thread_idle_ms = SQ_THREAD_IDLE_MS,
    }));
}

/* ------------------------------------------------------------------ what is registered */

static int find_places(struct uring *uring, const struct engine_setup *setup)
{
    uring->places = calloc(engine_descriptor_numbers(setup), sizeof *uring->places);
    if (!uring->places)
        return -ENOMEM;
    for (uint32_t i = 0; i < setup->descriptor_count; i++)
        uring->places[setup->descriptors[i]] = (int32_t)i;
    return 0;
}

static int register_files(struct uring *uring, const struct engine_setup *setup)
{
    const int error = locked(ring_register(&uring->ring, setup->calls, RING_REGISTER_FILES, setup->descriptors,
                                           setup->descriptor_count));

    uring->has_files = error == 0;
    return error;
}

struct extent {
    void *base;
    size_t size;
};

static int register_buffers(struct uring *uring, const struct engine_setup *setup)
{
    const struct engine_buffers *lent = &setup->buffers;
    const uint32_t most = (uint32_t)(MAX_REGISTERED_BYTES / lent->stride), per_buffer = most ? most : 1;
    const uint32_t count = (lent->count + per_buffer - 1) / per_buffer;
    struct extent *extents = calloc(count, sizeof *extents);

    if (!extents)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t first = i * per_buffer, left = lent->count - first;

        extents[i] = (struct extent){
            .base = lent->base + first * lent->stride,
            .size = (left < per_buffer ? left : per_buffer) * lent->stride,
        };
    }
    const int error = locked(ring_register(&uring->ring, setup->calls, RING_REGISTER_BUFFERS, extents, count));
    free(extents);
    if (error)
        return error;
    uring->buffers = *lent;
    uring->slots_per_buffer = per_buffer;
    return 0;
}

static int register_all(struct uring *uring, const struct engine_setup *setup)
{
    const int64_t fixed = setup->options[OPTION_FIXED];
    const bool files = fixed == FIXED_FILES || fixed == FIXED_BOTH;
    int error = files || uring->receives ? find_places(uring, setup) : 0;

    if (!error && files)
        error = register_files(uring, setup);
    if (!error && uring->receives)
        error = uring_receive_open(uring, setup);
    if (!error && (fixed == FIXED_BUFFERS || fixed == FIXED_BOTH))
        error = register_buffers(uring, setup);
    return error;
}

/* What a ring holds on to, the kernel lets go of some time after it was closed; this does it at once. */
static void unregister_all(struct uring *uring)
{
    if (uring->has_files)
        (void)ring_register(&uring->ring, uring->calls, RING_UNREGISTER_FILES, NULL, 0);
    if (uring->buffers.count)
        (void)ring_register(&uring->ring, uring->calls, RING_UNREGISTER_BUFFERS, NULL, 0);
}

/* ------------------------------------------------------------------ open and close */

void uring_close(void *state)
{
    struct uring *uring = state;

    uring_receive_close(uring);
    if (uring->ring.fd >= 0)
        unregister_all(uring);
    ring_close(&uring->ring);
    free(uring->places);
    free(uring->slots);
    free(uring->links);
    free(uring->ready.items);
    free(uring);
}

static int open_all(struct uring *uring, const struct engine_setup *setup)
{
    uring->slots = calloc(setup->depth, sizeof *uring->slots);
    uring->ready.items = calloc(setup->depth, sizeof *uring->ready.items);
    if (setup->options[OPTION_LINK] == LINK_ON)
        uring->links = calloc(setup->depth, sizeof *uring->links);
    if (!uring->slots || !uring->ready.items || (setup->options[OPTION_LINK] == LINK_ON && !uring->links))
        return -ENOMEM;
    const int error = open_ring(uring, setup);

    return error ? error : register_all(uring, setup);
}

int uring_open(void **state, const struct engine_setup *setup)
{
    const int64_t *options = setup->options;
    struct uring *uring = calloc(1, sizeof *uring);

    if (!uring)
        return -ENOMEM;
    *uring = (struct uring){
        .calls = setup->calls,
        .counters = setup->counters,
        .depth = setup->depth,
        .ring.fd = -1,
        .spins = options[OPTION_WAIT] == WAIT_SPIN,
        .receives = options[OPTION_MULTISHOT] == MULTISHOT_ON,
        .is_polled = options[OPTION_SQPOLL] == SQPOLL_ON,
        /* What is deferred to a wait is only done in one. */
        .wait_flags = options[OPTION_TASKRUN] == TASKRUN_DEFER ? RING_ENTER_GETEVENTS : 0,
    };
    uring->starts_in_reap = setup->reap_follows && !uring->spins && !uring->is_polled;
    const int error = open_all(uring, setup);

    if (error) {
        uring_close(uring);
        return error;
    }
    *state = uring;
    return 0;
}
