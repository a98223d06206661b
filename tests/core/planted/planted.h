/* Planted engines: real ones with one rule broken, to show that the suite would notice. Each is a real
 * engine with some functions replaced; those find the real one in `planted_base`. A process runs
 * one of them at most, so they keep what they need in static variables. */
#ifndef PLANTED_H
#define PLANTED_H

#include "engine.h"
#include "planting.h"

struct planted {
    const char *name;
    const struct engine *base;
    const char *channel, *rule; /* where it has to be caught, and by what */
    struct engine broken;       /* functions that are NULL are the base's */
    const char *options;        /* the base's; NULL: it is the plain one */
};

extern const struct engine *planted_base;

/* Ended by a NULL name. */
extern const struct planted planted_engines[];

#define SUBMIT(name) int name(void *state, struct request *const *requests, uint32_t n)
#define REAP(name)                                                                              \
    int name(void *state, struct completion *completions, uint32_t min, uint32_t max,           \
             int64_t timeout_ns)
#define OPEN(name) int name(void **state, const struct engine_setup *setup)
#define CANCEL(name) int name(void *state, struct request *request)
#define CLOSE(name) void name(void *state)
#define RECYCLE(name) void name(void *state, const char *data)

/* completions.c */
SUBMIT(submit_takes_too_many);
SUBMIT(submit_one_at_a_time);
SUBMIT(submit_completes_early);
SUBMIT(submit_negative);
SUBMIT(submit_at_most_64);
SUBMIT(submit_reads_twice);
SUBMIT(submit_only_counts);
REAP(reap_completes_twice);
REAP(reap_loses_one);
REAP(reap_ignores_max);
REAP(reap_one_at_a_time);
REAP(reap_negative);
REAP(reap_busy_as_completion);
REAP(reap_drops_cancelled);
REAP(reap_with_early);
REAP(reap_hides_failure);
REAP(reap_drops_ends);
SUBMIT(submit_keeps_lengths);
SUBMIT(submit_swallows_a_write);
REAP(reap_swallowed);
SUBMIT(submit_drops_syncs);
REAP(reap_dropped_sync);
SUBMIT(submit_unlinks);
REAP(reap_unlinked);
SUBMIT(submit_flips_a_bit);
REAP(reap_stretches_short);
REAP(reap_end_as_success);
REAP(reap_flips_a_bit);
REAP(reap_counts_out);
REAP(reap_breaks_interrupted);
OPEN(open_deeper);
OPEN(open_keeps_calls);

/* epoll.c */
OPEN(open_finds_epoll);
OPEN(open_does_not_drain);
REAP(reap_with_output_armed);
REAP(reap_with_output_armed_for_ever);
CLOSE(close_leaves_epoll);

/* waits.c */
REAP(reap_ignores_timeout);
REAP(reap_returns_early);
REAP(reap_waits_when_looking);
REAP(reap_blocks_signals);
REAP(reap_burns);
REAP(reap_burns_its_time);
REAP(reap_min_one);
REAP(reap_renames_errors);
REAP(reap_rounds_up);
CANCEL(cancel_forgets);
CANCEL(cancel_lies);
CANCEL(cancel_remembers);
REAP(reap_loses_what_was_cancelled);

/* rings.c */
#define PLANTED_SMALL_RING 2 /* completions, as in probe.c */
REAP(reap_recycles_early);
REAP(reap_receives_twice);
REAP(reap_loses_what_overflowed);
REAP(reap_starts_first);
RECYCLE(recycle_nothing);
OPEN(open_small_ring);
SUBMIT(submit_leaves_to_reap);

/* conduct.c */
SUBMIT(submit_allocates);
SUBMIT(submit_prints);
SUBMIT(submit_prints_error);
SUBMIT(submit_reads_clock);
SUBMIT(submit_uncounted);
SUBMIT(submit_leaves_a_poll_armed);
OPEN(open_leaks_descriptor);
OPEN(open_leaks_thread);
OPEN(open_leaves_child);
OPEN(open_leaves_handler);
OPEN(open_leaves_mask);
OPEN(open_leaks_without_memory);
OPEN(open_keeps_memory);
OPEN(open_notes_descriptors);
CLOSE(close_stays_armed);
OPEN(open_late_writer);
SUBMIT(submit_to_late_writer);
CLOSE(close_late_writer);

#endif
