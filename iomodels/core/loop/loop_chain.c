/* Chaining: completions are recorded, and the next requests handed out, while reap waits. */
#include "loop_turn.h"

/* Runs in a signal handler, while the loop's thread waits in reap, or on a thread of the C library. So it only
 * does what is safe in a handler: no allocation, no lock that the loop's thread may hold, nothing of stdio; and
 * the same is asked of the channel's start and finish. */
static struct request *take_and_start(struct loop *loop, const struct completion *done)
{
    if (loop->closing || loop->chain_error) {
        loop_set_aside(loop, done->request);
        return NULL;
    }
    loop->now_ns = clock_now_ns(&loop->clock);
    loop_account_in_flight(loop);
    int error = take_completion(loop, done);
    if (!error && loop->queued_count == 0 && loop->resting_count > 0 && loop->window_open &&
        !loop->arrivals.gaps_q10_ns && !window_is_over(loop))
        error = start_one(loop, loop->now_ns);
    loop->chain_error = error;
    if (error || loop->queued_count == 0)
        return NULL;
    struct request *request = loop->queued[--loop->queued_count];
    ++*loop_flight_of(loop, request);
    return request;
}

struct request *loop_next(void *context, const struct completion *done)
{
    struct loop *loop = context;

    loop_lock(loop);
    struct request *request = take_and_start(loop, done);
    loop_unlock(loop);
    return request;
}
