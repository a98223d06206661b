/* The peer as a client: it drives messages to random connections, the engine serves them, and the
 * round trip is measured here (see peer.h).
 *
 * Closed loop: `outstanding` messages, each answer starts the next. Open loop: messages start on
 * a schedule, and their latency counts from then, however late a connection was free for them. */
#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "peer.h"
#include "random.h"

/* As in the loop: a sleep may end this late, so the last stretch is spun. */
#define SPIN_NS 80000

struct driver {
    struct peer_work *work;
    bool going;
    uint32_t outstanding, most; /* messages; in a closed loop, how many there should be */
    uint64_t begin_ns;          /* the schedule's */
    uint64_t now_ns;
};

static uint64_t now(const struct driver *driver)
{
    return clock_now_ns(&driver->work->clock);
}

static bool is_open_loop(const struct driver *driver)
{
    return driver->work->arrivals.gaps_q10_ns != NULL;
}

static uint64_t due_ns(const struct driver *driver)
{
    return driver->begin_ns + arrivals_due_ns(&driver->work->arrivals);
}

static void set_outstanding(struct driver *driver, uint32_t outstanding)
{
    driver->outstanding = outstanding;
    __atomic_store_n(&driver->work->record->peer_outstanding, outstanding, __ATOMIC_RELEASE);
}

static bool window_is_open(const struct driver *driver)
{
    return __atomic_load_n(&driver->work->record->window_is_open, __ATOMIC_ACQUIRE) != 0;
}

/* ------------------------------------------------------------------ messages */

static void send_more(struct driver *driver, struct line *line)
{
    (void)peer_send(driver->work, line);
    if (line->left == 0) {
        line->sending = false;
        line->left = line->length;
    }
    peer_watch_output(driver->work, line, line->sending);
}

/* To a random one of the free connections. */
static void start_message(struct driver *driver, uint64_t start_ns)
{
    struct peer_work *work = driver->work;
    const uint64_t choice = random_below(&work->random, work->free_count);
    struct line *line = &work->lines[work->free_lines[choice]];

    work->free_lines[choice] = work->free_lines[--work->free_count];
    line->start_ns = start_ns;
    line->sending = true;
    line->left = line->length;
    peer_count(&work->shared->sent, 1);
    set_outstanding(driver, driver->outstanding + 1);
    send_more(driver, line);
}

static void start_due(struct driver *driver)
{
    struct slice *slice = &driver->work->record->slice;

    while (driver->work->free_count > 0 && due_ns(driver) <= driver->now_ns) {
        uint64_t lateness_ns = driver->now_ns - due_ns(driver);

        if (window_is_open(driver) && lateness_ns > slice->lateness_max_ns)
            slice->lateness_max_ns = lateness_ns;
        start_message(driver, due_ns(driver));
        arrivals_advance(&driver->work->arrivals);
        driver->now_ns = now(driver);
    }
}

static void start_messages(struct driver *driver)
{
    if (!driver->going)
        return;
    if (is_open_loop(driver)) {
        start_due(driver);
        return;
    }
    while (driver->outstanding < driver->most) {
        start_message(driver, driver->now_ns);
        if (driver->outstanding < driver->most)
            driver->now_ns = now(driver);
    }
}

static void take_answer(struct driver *driver, struct line *line)
{
    struct peer_work *work = driver->work;
    struct slice *slice = &work->record->slice;

    driver->now_ns = now(driver);
    if (window_is_open(driver)) {
        histogram_add(&slice->peer, driver->now_ns - line->start_ns);
        slice->peer_operations++;
        slice->peer_bytes += 2 * (uint64_t)line->length;
    }
    peer_next_message(work, line);
    work->free_lines[work->free_count++] = (uint32_t)(line - work->lines);
    set_outstanding(driver, driver->outstanding - 1);
}

static void go_on(struct driver *driver, struct line *line)
{
    struct peer_work *work = driver->work;

    if (line->sending) {
        send_more(driver, line);
        return;
    }
    if (line->left == 0) /* no message is under way: an answer to nothing, or the end */
        _exit(read(line->in, work->scratch, 1) > 0 ? PEER_EXIT_WRONG_BYTES : PEER_EXIT_HUNG_UP);
    if (peer_receive(work, line) && line->left == 0) {
        take_answer(driver, line);
        start_messages(driver);
    }
}

/* ------------------------------------------------------------------ going and pausing */

/* Due and never sent: what the server could not keep up with. */
static uint64_t backlog(const struct driver *driver)
{
    const uint64_t gap_q10_ns = (uint64_t)driver->work->settings->arrival_gap_q10_ns;

    if (!is_open_loop(driver) || due_ns(driver) > driver->now_ns)
        return 0;
    return 1 + ((driver->now_ns - due_ns(driver)) << 10) / gap_q10_ns;
}

static void look_at_go(struct driver *driver)
{
    struct record *record = driver->work->record;
    const bool go = __atomic_load_n(&record->peer_go, __ATOMIC_ACQUIRE) != 0;

    if (go == driver->going)
        return;
    driver->going = go;
    driver->now_ns = now(driver);
    if (go) {
        driver->begin_ns = driver->now_ns;
        if (is_open_loop(driver))
            arrivals_begin(&driver->work->arrivals);
    } else {
        record->slice.backlog = backlog(driver);
    }
    __atomic_store_n(&record->peer_paused, !go, __ATOMIC_RELEASE);
}

/* As epoll_wait, to the nanosecond where the kernel can (5.11). */
static int wait_ns(struct peer_work *work, uint64_t timeout_ns)
{
#ifdef SYS_epoll_pwait2
    const struct timespec timeout = {
        .tv_sec = (time_t)(timeout_ns / NS_PER_S),
        .tv_nsec = (long)(timeout_ns % NS_PER_S),
    };
    int n = (int)syscall(SYS_epoll_pwait2, work->epoll_fd, work->events, PEER_EVENTS, &timeout,
                         NULL, (size_t)0);

    if (n >= 0 || errno == EINTR)
        return n;
#endif
    return epoll_wait(work->epoll_fd, work->events, PEER_EVENTS, (int)(timeout_ns / 1000000));
}

static int wait_for_events(struct driver *driver)
{
    struct peer_work *work = driver->work;

    if (!driver->going || !is_open_loop(driver) || work->free_count == 0)
        return epoll_wait(work->epoll_fd, work->events, PEER_EVENTS, -1);
    const uint64_t spin_ns = work->spins ? SPIN_NS : 0;
    const uint64_t gap_ns = due_ns(driver) > driver->now_ns ? due_ns(driver) - driver->now_ns : 0;

    return wait_ns(work, gap_ns > spin_ns ? gap_ns - spin_ns : 0);
}

static void take_event(struct driver *driver, const struct epoll_event *event)
{
    eventfd_t woken;

    if (event->data.u32 == PEER_WAKE_INDEX)
        (void)eventfd_read(driver->work->wake_fd, &woken); /* only its being there matters */
    else
        go_on(driver, &driver->work->lines[event->data.u32]);
}

_Noreturn void peer_drive(struct peer_work *work)
{
    struct driver driver = {
        .work = work,
        .most = work->settings->outstanding < (int64_t)work->count
                    ? (uint32_t)work->settings->outstanding
                    : work->count,
    };

    if (prctl(PR_SET_TIMERSLACK, 1UL) < 0)
        peer_exit_system();
    for (uint32_t i = 0; i < work->count; i++)
        work->free_lines[work->free_count++] = i;
    peer_watch(work, EPOLL_CTL_ADD, work->wake_fd, EPOLLIN, PEER_WAKE_INDEX);
    for (;;) {
        look_at_go(&driver);
        driver.now_ns = now(&driver);
        start_messages(&driver);
        int n = wait_for_events(&driver);

        if (n < 0 && errno != EINTR)
            peer_exit_system();
        for (int i = 0; i < n; i++)
            take_event(&driver, &work->events[i]);
    }
}
