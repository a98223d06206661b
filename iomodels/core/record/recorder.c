/* The recorder of a trace (see recorder.h). */
#include "recorder.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "clock.h"

/* Python reads the ring as words, too. */
#define X(name) +1
_Static_assert(sizeof(struct event) == (EVENT_FIELDS(X)) * sizeof(uint64_t), "an event is so many words");
_Static_assert(offsetof(struct event_ring, events) == (RING_FIELDS(X)) * sizeof(uint64_t), "and so is the ring's head");
#undef X

struct recorder {
    struct clock clock;
    struct event_ring *ring;
    size_t size;
};

const char *const event_kind_names[EVENT_KIND_COUNT] = {
#define X(name) [EVENT_##name] = #name,
    EVENT_KINDS(X)
#undef X
};

static int map_ring(struct recorder *recorder, int fd)
{
    struct stat stat;

    if (fstat(fd, &stat) < 0)
        return -errno;
    recorder->size = (size_t)stat.st_size;
    if (recorder->size < sizeof(struct event_ring) + sizeof(struct event))
        return -EINVAL;
    void *memory = mmap(NULL, recorder->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return -errno;
    recorder->ring = memory;
    return 0;
}

int recorder_open(struct recorder **out, int fd, uint64_t clock_ns_per_tick_q32)
{
    struct recorder *recorder = calloc(1, sizeof *recorder);

    if (!recorder)
        return -ENOMEM;
    recorder->clock.ns_per_tick_q32 = clock_ns_per_tick_q32;
    int error = map_ring(recorder, fd);
    if (error) {
        free(recorder);
        return error;
    }
    /* No page fault while it records. */
    memset(recorder->ring, 0, recorder->size);
    recorder->ring->capacity = (recorder->size - sizeof(struct event_ring)) / sizeof(struct event);
    recorder->ring->loop_thread = (uint64_t)pthread_self();
    *out = recorder;
    return 0;
}

void recorder_close(struct recorder *recorder)
{
    if (!recorder)
        return;
    munmap(recorder->ring, recorder->size);
    free(recorder);
}

uint64_t recorder_now_ns(const struct recorder *recorder)
{
    return clock_now_ns(&recorder->clock);
}

static struct event *place_of(const struct recorder *recorder, uint64_t number)
{
    return &recorder->ring->events[(number - 1) % recorder->ring->capacity];
}

static uint64_t write_event(struct recorder *recorder, const struct event *event)
{
    if (!__atomic_load_n(&recorder->ring->on, __ATOMIC_RELAXED))
        return 0;
    const uint64_t number = __atomic_add_fetch(&recorder->ring->reserved, 1, __ATOMIC_RELAXED);
    struct event *place = place_of(recorder, number);

    /* An exchange, so that nothing of the new event is written before. */
    (void)__atomic_exchange_n(&place->number, 0, __ATOMIC_ACQ_REL);
    place->kind = event->kind;
    place->name = event->name;
    place->thread = (uint64_t)pthread_self();
    place->start_ns = event->start_ns;
    place->end_ns = event->end_ns;
    place->result = event->result;
    __atomic_store_n(&place->number, number, __ATOMIC_RELEASE);
    return number;
}

uint64_t recorder_enter(struct recorder *recorder, enum event_kind kind, uint64_t name)
{
    const uint64_t number = write_event(recorder, &(struct event){.kind = kind, .name = name});

    /* Last, so that recording is not part of what is recorded. */
    if (number)
        place_of(recorder, number)->start_ns = recorder_now_ns(recorder);
    return number;
}

/* Where the ring went round meanwhile, the place belongs to another event: then the end is lost with its begin. */
void recorder_leave(struct recorder *recorder, uint64_t number, int64_t result)
{
    const uint64_t now_ns = recorder_now_ns(recorder);
    struct event *place = place_of(recorder, number);

    if (__atomic_load_n(&place->number, __ATOMIC_ACQUIRE) != number)
        return;
    place->result = (uint64_t)result;
    place->end_ns = now_ns;
}

void recorder_add(struct recorder *recorder, enum event_kind kind, uint64_t start_ns, uint64_t end_ns,
                  int64_t result)
{
    (void)write_event(recorder, &(struct event){
                                    .kind = kind,
                                    .start_ns = start_ns,
                                    .end_ns = end_ns,
                                    .result = (uint64_t)result,
                                });
}
