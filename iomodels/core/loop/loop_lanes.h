/* Lanes: what each slot counts for itself where the thread that has ended its last transfer starts the next one. Such
 * threads never meet at the loop's lock while they go on; they take it when a slot comes to rest. */
#ifndef IOMODELS_LOOP_LANES_H
#define IOMODELS_LOOP_LANES_H

#include "loop_state.h"

/* Read by the loop's thread while the slot's thread writes: counters are stored and loaded as atomics, which costs
 * nothing with one writer. */
struct lane {
    /* How often the slot's thread has come into lanes_next(), and has left it: where both are the same, all that it
     * has written is to be seen, and is whole. */
    _Alignas(CACHE_LINE) uint64_t entered, left;
    uint64_t slice_operations, window_operations, window_bytes;
    uint64_t short_transfers, interrupted_transfers, early_completions, cancelled_operations;
    uint64_t at_rest_ns; /* in the window, between the end of a transfer and the start of the next */
    uint64_t timeline[TIMELINE_PARTS];
    struct histogram latency, added;
};

/* -ENOMEM or 0. */
int lanes_open(struct loop *loop);
void lanes_close(struct loop *loop);
/* A slice begins: all lanes are empty. No slot may be between two transfers. */
void lanes_begin(struct loop *loop);
/* Operations that have ended since then go into the record's live count. */
void lanes_watch(struct loop *loop);
/* Waits until no slot's thread is in the middle of its turn: one may have answered, so that the slice is over, and not
 * have counted it yet. With the loop's lock, which such a thread may want. */
void lanes_settle(struct loop *loop);
/* The slice is over, and they have settled: what the lanes hold goes into the record. */
void lanes_merge(struct loop *loop);

/* As setup.next. */
struct request *lanes_next(void *loop, const struct completion *done);

#endif
