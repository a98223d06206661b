/* Planted engines with mistakes that are epoll's own. */
#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "check.h"
#include "planted.h"

static int epoll_fd;
static const int *descriptors;
static uint32_t descriptor_count;
static const struct calls *counted;

/* The lowest number that is free is what epoll_create1 will return. */
OPEN(open_finds_epoll)
{
    epoll_fd = dup(STDERR_FILENO);
    close(epoll_fd);
    descriptors = setup->descriptors;
    descriptor_count = setup->descriptor_count;
    counted = setup->calls;
    return planted_base->open(state, setup);
}

CLOSE(close_leaves_epoll)
{
    (void)!dup(epoll_fd);
    planted_base->close(state);
}

/* As if nobody disarmed it after a write. Every byte still arrives. */
REAP(reap_with_output_armed)
{
    for (uint32_t i = 0; i < descriptor_count; i++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.fd = descriptors[i]};

        (void)epoll_ctl(epoll_fd, EPOLL_CTL_MOD, descriptors[i], &event);
    }
    return planted_base->reap(state, completions, min, max, timeout_ns);
}

/* As if what was armed for a write that had to wait stayed so: a socket is writable nearly all the time, and each wait
 * returns at once. */
REAP(reap_with_output_armed_for_ever)
{
    const uint64_t end_ns = wall_ns() + (uint64_t)timeout_ns;
    int n = 0;

    if (counted->eagain[CALL_write] == 0 || timeout_ns < 0)
        return planted_base->reap(state, completions, min, max, timeout_ns);
    do
        n = planted_base->reap(state, completions, min, max, 0);
    while (n == 0 && wall_ns() < end_ns);
    return n;
}

/* After each read that finds something the next one is not made: the engine waits for news instead. */
static int every_second_read_waits(void *context, enum call_id id)
{
    static bool waits;

    (void)context;
    if (id != CALL_read)
        return 0;
    waits = !waits;
    return waits ? 0 : EAGAIN;
}

OPEN(open_does_not_drain)
{
    static const struct call_hooks hooks = {.fault = every_second_read_waits};
    static struct calls calls;
    struct engine_setup changed = *setup;

    calls = *setup->calls;
    calls.hooks = &hooks;
    changed.calls = &calls;
    return planted_base->open(state, &changed);
}
