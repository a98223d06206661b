/* What a trial reports, in memory shared with the parent: progress needs no polling thread, and the
 * numbers of a killed child survive. All words are uint64_t, so that Python reads it as one array;
 * record_layout (record/record.c) names the places. */
#ifndef IOMODELS_RECORD_H
#define IOMODELS_RECORD_H

#include <stdint.h>

#include "calls.h"
#include "engine.h"
#include "record/histogram.h"
#include "stage.h"

/* Kept over all slices of a trial. */
#define RECORD_TRIAL_FIELDS(X) \
    X(stop)            /* set by the parent: end now */                                  \
    X(live_operations) /* completed since the trial began */                             \
    X(error)           /* errno of the first failure, with its stage and file offset */  \
    X(error_stage)     \
    X(error_offset)    \
    X(not_applicable)  /* it is no failure: the engine cannot do this here */             \
    X(pages)           /* file channel: pages of the file, and how many are cached */    \
    X(pages_before)    \
    X(pages_after)     \
    X(highest_descriptor) \
    X(memory_known)    /* whether /proc says how much memory there is */                  \
    X(memory_peak_bytes) /* the most that there was beyond what there was before the engine */ \
    X(window_is_open)  /* for a peer that measures */                                    \
    X(peer_id)         /* the peer's process id; 0: none */                              \
    X(peer_status)     /* how the peer ended early: its wait status plus 1 */            \
    X(peer_go)         /* server: the peer may send */                                   \
    X(peer_paused)     /* server: the peer has seen that it may not */                   \
    X(peer_outstanding) /* server: messages sent and not yet answered */

/* Begun anew with each slice. The window is what is measured; the slice goes on until all that was
 * started in it has ended. Calls are counted over the slice, so that calls per operation is exact. */
#define RECORD_SLICE_FIELDS(X) \
    X(window_ns)                 \
    X(window_operations)         \
    X(window_bytes)              \
    X(window_user_ns)            \
    X(window_system_ns)          \
    X(window_voluntary)          \
    X(window_involuntary)        \
    X(window_in_flight_ns)       /* integral of requests in flight over the window */    \
    X(threads)                   /* of the trial's process at the window's end, those of the kernel for it included; \
                                  * 0: not known */                                      \
    X(slice_operations)          \
    X(depth_max)                 \
    X(early_completions)         /* completed before the device's time was over: never */ \
    X(short_transfers)           \
    X(interrupted_transfers)     \
    X(cancels_done)              \
    X(cancels_too_late)          \
    X(cancels_already_complete)  \
    X(cancels_withheld)          /* that were not asked, for the sake of others */       \
    X(cancelled_operations)      /* ended by their deadline: neither operations nor errors */ \
    X(verified_words)            \
    X(read_back_bytes)           /* verify: compared again after a slice that wrote */     \
    X(spun_ns)                   /* the open loop's last stretch before an arrival */    \
    X(lateness_max_ns)           /* open loop: started this much after it was due */     \
    X(backlog)                   /* open loop: due but not started at the window's end */ \
    X(peer_operations)           /* server: round trips in the window, as the peer saw */ \
    X(peer_bytes)

/* For what an engine says of its error, a text that ends with a 0. */
#define REASON_WORDS 64

/* The window's equal parts, for throughput over time. */
#define TIMELINE_PARTS 50

struct record {
#define X(name) uint64_t name;
    RECORD_TRIAL_FIELDS(X)
    uint64_t reason[REASON_WORDS];
    uint64_t closing_calls[CALL_COUNT]; /* by loop_close: of no slice */
    uint64_t closing_eagain[CALL_COUNT];
    struct slice {
        RECORD_SLICE_FIELDS(X)
#undef X
        uint64_t counters[ENGINE_COUNTERS]; /* the engine's own, by place in its table */
        uint64_t calls[CALL_COUNT];
        uint64_t eagain[CALL_COUNT];
        uint64_t timeline[TIMELINE_PARTS]; /* completions; what comes after the last part belongs to it */
        struct histogram latency, service, submit, added, peer;
        /* From asking to cancel to the end of the transfer: of those that it ended, and of the others. */
        struct histogram cancel, cancel_late;
    } slice;
};

struct record_name {
    const char *name;
    uint32_t word, words;
};

/* Ended by a NULL name. Fields have one word, the reason REASON_WORDS, the engine's counters ENGINE_COUNTERS, the call
 * tables CALL_COUNT, the timeline TIMELINE_PARTS, histograms HISTOGRAM_BUCKETS. */
extern const struct record_name record_names[];

#endif
