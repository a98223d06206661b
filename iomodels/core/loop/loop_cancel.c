/* Deadlines: asking the engine to cancel what takes too long, and counting what comes of it. */
#include "loop_state.h"

void loop_count_cancel(struct loop *loop, int outcome)
{
    struct slice *slice = loop->slice;
    uint64_t *const counts[CANCEL_OUTCOMES] = {
        [CANCEL_DONE] = &slice->cancels_done,
        [CANCEL_TOO_LATE] = &slice->cancels_too_late,
        [CANCEL_ALREADY_COMPLETE] = &slice->cancels_already_complete,
        [CANCEL_WITHHELD] = &slice->cancels_withheld,
    };

    if (outcome >= 0 && outcome < CANCEL_OUTCOMES)
        ++*counts[outcome];
}

bool loop_is_in_flight(const struct loop *loop, const struct request *request)
{
    for (uint32_t i = 0; i < loop->resting_count; i++)
        if (loop->resting[i] == request)
            return false;
    for (uint32_t i = 0; i < loop->queued_count; i++)
        if (loop->queued[i] == request)
            return false;
    return request->slot < loop->depth || request->idle_pending;
}

void loop_cancel_overdue(struct loop *loop)
{
    if (loop->now_ns < loop->next_deadline_ns)
        return;
    loop->next_deadline_ns = loop->now_ns + loop->deadline_ns;
    for (uint32_t slot = 0; slot < loop->depth; slot++) {
        struct request *request = &loop->requests[slot];
        const uint64_t due_ns = request->issued_ns + loop->deadline_ns;

        if (request->cancel_asked || !loop_is_in_flight(loop, request))
            continue;
        if (due_ns > loop->now_ns) {
            loop->next_deadline_ns = due_ns < loop->next_deadline_ns ? due_ns : loop->next_deadline_ns;
            continue;
        }
        request->cancel_ns = clock_now_ns(&loop->clock);
        int outcome = loop->engine->cancel(loop->engine_state, request);
        request->cancel_asked = outcome >= 0;
        if (outcome < 0 || outcome == CANCEL_WITHHELD)
            request->cancel_ns = 0;
        if (outcome < 0)
            loop->next_deadline_ns = loop->now_ns; /* soon again */
        loop_count_cancel(loop, outcome);
    }
}

void loop_record_cancel(struct loop *loop, struct request *request, ssize_t result)
{
    struct slice *slice = loop->slice;

    histogram_add(result == -ECANCELED ? &slice->cancel : &slice->cancel_late,
                  loop->now_ns - request->cancel_ns);
    request->cancel_ns = 0;
}
