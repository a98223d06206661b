/* The window of a slice: what is measured begins and ends here. */
#include "loop_state.h"
#include "process.h"

static void close_part(struct loop *loop)
{
    struct slice *slice = loop->slice;

    slice->timeline[loop->part++] = slice->window_operations - loop->parted;
    loop->parted = slice->window_operations;
}

void loop_next_part(struct loop *loop)
{
    do {
        close_part(loop);
        loop->part_end_ns = loop->part + 1 < TIMELINE_PARTS ? loop->part_end_ns + loop->part_ns : UINT64_MAX;
    } while (loop->now_ns >= loop->part_end_ns);
}

static uint64_t timeval_ns(struct timeval later, struct timeval earlier)
{
    return (uint64_t)(later.tv_sec - earlier.tv_sec) * NS_PER_S +
           (uint64_t)((later.tv_usec - earlier.tv_usec) * 1000);
}

void loop_open_window(struct loop *loop, uint64_t duration_ns)
{
    getrusage(RUSAGE_SELF, &loop->usage);
    loop->now_ns = clock_now_ns(&loop->clock);
    loop->window_start_ns = loop->accounted_ns = loop->now_ns;
    loop->until_ns = loop->now_ns + duration_ns;
    loop->part = 0;
    loop->parted = 0;
    loop->part_ns = duration_ns / TIMELINE_PARTS + 1;
    loop->part_end_ns = loop->now_ns + loop->part_ns;
    loop->next_deadline_ns = loop->now_ns + loop->deadline_ns;
    loop->uncomputed = 0;
    loop->exhausted = false;
    /* Released: whoever sees it open sees when it began. */
    __atomic_store_n(&loop->window_open, true, __ATOMIC_RELEASE);
    __atomic_store_n(&loop->record->window_is_open, 1, __ATOMIC_RELEASE);
    if (loop->arrivals.gaps_q10_ns)
        arrivals_begin(&loop->arrivals);
}

/* How many arrivals are due and not started. */
static uint64_t backlog(struct loop *loop)
{
    uint64_t gap_q10_ns = (uint64_t)loop->settings.arrival_gap_q10_ns;

    if (!loop->arrivals.gaps_q10_ns || loop_due_ns(loop) > loop->now_ns)
        return 0;
    return 1 + ((loop->now_ns - loop_due_ns(loop)) << 10) / gap_q10_ns;
}

void loop_close_window(struct loop *loop)
{
    struct slice *slice = loop->slice;
    struct rusage usage;

    if (loop->lanes) { /* they record until the window is closed: it ends here, and not when the last turn began */
        loop->now_ns = clock_now_ns(&loop->clock);
        loop_account_in_flight(loop);
        __atomic_store_n(&loop->window_open, false, __ATOMIC_RELEASE);
    }
    getrusage(RUSAGE_SELF, &usage);
    __atomic_store_n(&loop->record->window_is_open, 0, __ATOMIC_RELEASE);
    /* After the window, in which nothing but the model takes time. Threads that only wait for more work are still there: the
     * workers of POSIX AIO for 1 s, those of io_uring for 5 s. */
    slice->threads = process_threads();
    if (!loop->lanes) /* a server's lanes would go on serving meanwhile: theirs is looked at when they have settled */
        loop_memory_look(loop);
    slice->window_ns = loop->now_ns - loop->window_start_ns;
    slice->window_user_ns = timeval_ns(usage.ru_utime, loop->usage.ru_utime);
    slice->window_system_ns = timeval_ns(usage.ru_stime, loop->usage.ru_stime);
    slice->window_voluntary = (uint64_t)(usage.ru_nvcsw - loop->usage.ru_nvcsw);
    slice->window_involuntary = (uint64_t)(usage.ru_nivcsw - loop->usage.ru_nivcsw);
    slice->backlog = backlog(loop);
    close_part(loop);
    __atomic_store_n(&loop->window_open, false, __ATOMIC_RELEASE);
}
