/* What the files of the engine io_uring share: its options, its state, and who does what.
 *   io_uring.c          the engine and its table; submit, reap, close
 *   io_uring_open.c     the ring and what is registered with it
 *   io_uring_cancel.c   calling a transfer back
 *   io_uring_able.c     what it can do here: probe, explain
 *   io_uring_ring.c     the two rings themselves */
#ifndef IOMODELS_IO_URING_H
#define IOMODELS_IO_URING_H

#include "engine.h"
#include "io_uring_ring.h"
#include "transfer.h"

enum { OPTION_SQPOLL, OPTION_FIXED, OPTION_TASKRUN, OPTION_WAIT, URING_OPTIONS };
enum { SQPOLL_OFF, SQPOLL_ON };
enum { FIXED_NONE, FIXED_FILES, FIXED_BUFFERS, FIXED_BOTH };
enum { TASKRUN_DEFAULT, TASKRUN_COOP, TASKRUN_DEFER };
enum { WAIT_ENTER, WAIT_SPIN };

enum { COUNTER_SUBMITS_WITHOUT_CALL, COUNTER_CQ_OVERFLOWS };

/* An entry's user_data: a request's slot, or something of our own. */
#define USER_CANCEL (UINT64_C(1) << 32)
#define USER_TIMEOUT (UINT64_C(2) << 32)

struct uring_slot {
    struct request *request; /* NULL: not in the rings */
    bool cancel_asked;
};

struct uring {
    struct calls *calls;
    uint64_t *counters;
    struct ring ring;
    uint32_t depth, in_flight; /* accepted, and not handed over by reap */
    struct uring_slot *slots;
    struct ready ready;        /* what has ended, but is no entry of the ring (any more) */
    bool starts_in_reap;       /* submit only fills entries: reap comes at once, and starts them as it waits */
    bool spins;
    bool is_polled;            /* a thread of the kernel's takes the entries (SQPOLL) */
    uint32_t wait_flags;       /* of each call that may wait */
    uint32_t empty_looks;          /* one after the other */
    bool saw_own;              /* an entry of our own has completed since the last wait began */
    bool overflows;            /* the completion ring was full, and the kernel keeps more */

    struct engine_buffers buffers; /* registered; count 0: none are */
    uint32_t slots_per_buffer;     /* one registered buffer has those of so many slots */
    int32_t *places;               /* in the registered files, by descriptor; NULL: none are */

    int cancel_result;
    bool cancel_ended;
    uint64_t timeouts; /* which one the wait goes by, where the kernel knows none but as an entry */
    struct ring_timespec timeout;
};

/* Flags of io_uring_setup that the options ask for. */
uint32_t uring_setup_flags(const int64_t *options);

int uring_open(void **state, const struct engine_setup *setup);
void uring_close(void *state);
int uring_cancel(void *state, struct request *request);
const char *uring_probe(const struct trial_question *question);
struct explanation uring_explain(const struct trial_question *question, enum stage stage, int error);

/* Gives the kernel all entries, and waits for nothing. 0, or -errno where that is no passing state. What could not be
 * given now is given with the next call. */
int uring_start(struct uring *uring);

/* Moves completions from the ring into `completions`; how many. */
uint32_t uring_take(struct uring *uring, struct completion *completions, uint32_t max);

/* Entries that no call has given to the kernel yet; a thread of its own takes them without one. */
static inline uint32_t uring_unsent(const struct uring *uring)
{
    return uring->is_polled ? 0 : ring_unsent(&uring->ring);
}

#endif
