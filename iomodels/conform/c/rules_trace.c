/* The rule of traces: whatever was counted was recorded, with both its times. */
#include <sys/mman.h>
#include <unistd.h>

#include "loop_case.h"

#define CAPACITY 262144
#define OPERATIONS 20

static const char *unless_alone(const struct subject *subject)
{
    if (subject->variant->has_peer)
        return "a peer's pace decides which calls fall into the slice";
    return unless_moves_data(subject);
}

static struct event_ring *ring_make(int *fd)
{
    const size_t size = sizeof(struct event_ring) + CAPACITY * sizeof(struct event);

    *fd = memfd_create("events", MFD_CLOEXEC);
    EXPECT(*fd >= 0 && ftruncate(*fd, (off_t)size) == 0, "There is no memory for the ring.");
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    EXPECT(memory != MAP_FAILED, "The ring cannot be mapped.");
    return memory;
}

static void count(const struct event_ring *ring, uint64_t recorded[CALL_COUNT], uint64_t *requests)
{
    for (uint64_t i = 0; i < ring->reserved; i++) {
        const struct event *event = &ring->events[i];

        EXPECT(event->number == i + 1, "Event %llu was not written.", (unsigned long long)i + 1);
        EXPECT(event->kind > EVENT_none && event->kind < EVENT_KIND_COUNT && event->start_ns > 0,
               "Event %llu is none.", (unsigned long long)i + 1);
        EXPECT(event->end_ns >= event->start_ns || event->thread != ring->loop_thread,
               "Event %llu, a %s, has not ended.", (unsigned long long)i + 1,
               event_kind_names[event->kind]);
        if (event->kind == EVENT_call)
            recorded[event->name]++;
        *requests += event->kind == EVENT_request;
    }
}

/* False where the ring had too little room: an engine that spins makes any number of calls while it waits for
 * somebody who does not get a CPU. */
static bool compare_once(const struct subject *subject)
{
    uint64_t recorded[CALL_COUNT] = {0}, requests = 0;
    struct loop_case test;
    int fd;
    struct event_ring *ring = ring_make(&fd);

    loop_case_init(&test, subject, subject_depth(subject, 4));
    test.setup.settings.events_fd = fd;
    EXPECT(loop_case_open(&test) == 0, "The loop did not open.");
    EXPECT(ring->capacity == CAPACITY, "The ring has room for %llu.",
           (unsigned long long)ring->capacity);
    loop_case_run(&test, UINT64_MAX / 4, OPERATIONS);
    EXPECT(ring->reserved == 0, "Something was recorded before it was to be.");
    __atomic_store_n(&ring->on, 1, __ATOMIC_RELAXED);
    loop_case_run(&test, UINT64_MAX / 4, OPERATIONS);
    __atomic_store_n(&ring->on, 0, __ATOMIC_RELAXED);
    const struct slice slice = test.record->slice;
    EXPECT(loop_case_close(&test) == 0, "The loop did not close.");
    loop_case_free(&test);
    if (ring->reserved > CAPACITY)
        return false;
    count(ring, recorded, &requests);
    EXPECT(requests == slice.slice_operations, "%llu requests were recorded, and %llu ended.",
           (unsigned long long)requests, (unsigned long long)slice.slice_operations);
    for (int id = 0; id < CALL_COUNT; id++)
        /* A helper thread's calls of these may have begun before, and be counted when they have ended. */
        EXPECT(recorded[id] == slice.calls[id] || id == CALL_futex_wait || id == CALL_futex_wake,
               "%llu calls of %s were recorded, and %llu counted.", (unsigned long long)recorded[id],
               call_names[id], (unsigned long long)slice.calls[id]);
    return true;
}

static void trace_holds_every_call(const struct subject *subject)
{
    int attempts = 20;

    while (attempts > 0 && !compare_once(subject))
        attempts--;
    EXPECT(attempts > 0, "There were too many events each time.");
}

const struct rule trace_rules[] = {
    {"trace-holds-every-call", unless_alone, trace_holds_every_call},
    {NULL, NULL, NULL},
};
