/* What the files of the engine io_uring share: its options, its state, and who does what.
 *   io_uring.c          the engine's table: what it says of itself
 *   io_uring_submit.c   filling entries, and giving them to the kernel
 *   io_uring_reap.c     waiting for completions, and taking them
 *   io_uring_open.c     the ring and what is registered with it
 *   io_uring_cancel.c   calling a transfer back
 *   io_uring_receive.c  multishot receives into provided buffers
 *   io_uring_link.c     a write and the sync that follows it, started together
 *   io_uring_able.c     what it can do here: probe, explain
 *   io_uring_ring.c     the two rings themselves */
#ifndef IOMODELS_IO_URING_H
#define IOMODELS_IO_URING_H

#include <errno.h>

#include "engine.h"
#include "io_uring_ring.h"
#include "transfer.h"

enum { OPTION_SQPOLL, OPTION_FIXED, OPTION_TASKRUN, OPTION_MULTISHOT, OPTION_LINK, OPTION_WAIT };
enum { SQPOLL_OFF, SQPOLL_ON };
enum { FIXED_NONE, FIXED_FILES, FIXED_BUFFERS, FIXED_BOTH };
enum { TASKRUN_DEFAULT, TASKRUN_COOP, TASKRUN_DEFER };
enum { MULTISHOT_OFF, MULTISHOT_ON };
enum { LINK_OFF, LINK_ON };
enum { WAIT_ENTER, WAIT_SPIN };

enum { COUNTER_SUBMITS_WITHOUT_CALL, COUNTER_CQ_OVERFLOWS, COUNTER_BUFFERS_EXHAUSTED };

/* An entry's user_data: a request's slot, or something of our own. */
#define USER_CANCEL (UINT64_C(1) << 32)
#define USER_TIMEOUT (UINT64_C(2) << 32)
#define USER_RECEIVE (UINT64_C(3) << 32) /* and the place of a descriptor */
#define USER_LINKED (UINT64_C(4) << 32)  /* and the slot: a write that a sync follows, … */
#define USER_SYNC (UINT64_C(5) << 32)    /* … and the sync */

struct uring_slot {
    struct request *request; /* NULL: not in the rings */
    bool cancel_asked, is_cancelled; /* the second: the kernel has agreed */
};

/* What has been received on a descriptor, and who waits for more. */
struct receiver {
    int32_t head, last; /* buffers with bytes that nobody has had yet, the oldest first; -1: none */
    struct request *waiting;
    uint32_t wanted; /* bytes, at most */
    bool is_armed;   /* the kernel receives */
};

/* A buffer that the kernel has filled. */
struct provided {
    uint32_t length, position; /* bytes, and how many of them have been handed out */
    uint32_t lent;             /* to the loop, which gives them back */
    int32_t next;              /* of the same descriptor's; -1: none */
};

struct receive {
    struct ring_buffer *ring; /* of those that the kernel may take */
    uint16_t tail;
    bool is_registered;
    uint32_t count, armed;
    char *memory;
    size_t size; /* of one buffer */
    struct provided *buffers;
    struct receiver *receivers; /* by place of their descriptor */
    uint32_t receiver_count;
};

/* Of a slot whose write and sync are in the rings together. */
struct link {
    uint32_t pending; /* of the two: how many have not completed; 0: nothing is linked */
    int32_t length;   /* what the write was asked for */
    int32_t written, synced; /* as they completed: bytes, 0, or -errno */
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
    int32_t *places;               /* among those lent, by descriptor; NULL: nobody asks */
    bool has_files;                /* they are registered */
    bool receives;                 /* multishot */
    struct receive receive;
    struct link *links;            /* by slot; NULL: nothing is linked, ever */
    uint32_t whole_links;          /* of which neither part has completed */
    bool has_put;                  /* an entry while completions were taken: it is still to be started */

    int cancel_result;
    bool cancel_ended;
    bool time_is_over;
    uint32_t timeouts; /* which one the wait goes by, where the kernel knows none but as an entry */
    struct ring_timespec timeout;
};

/* Flags of io_uring_setup that the options ask for. */
uint32_t uring_setup_flags(const int64_t *options);

int uring_open(void **state, const struct engine_setup *setup);
void uring_close(void *state);
int uring_submit(void *state, struct request *const *requests, uint32_t n);
int uring_reap(void *state, struct completion *completions, uint32_t min, uint32_t max, int64_t timeout_ns);
int uring_cancel(void *state, struct request *request);
const char *uring_probe(const struct trial_question *question);
struct explanation uring_explain(const struct trial_question *question, enum stage stage, int error);

/* Gives the kernel all entries, and waits for nothing. 0, or -errno where that is no passing state. What could not be
 * given now is given with the next call. */
int uring_start(struct uring *uring);

/* An empty entry; NULL: the ring is full, and the kernel takes nothing now. */
struct ring_sqe *uring_entry(struct uring *uring);
/* Fills in the entry of the request's own operation. */
void uring_fill(const struct uring *uring, struct ring_sqe *sqe, const struct request *request);
/* Puts the request's transfer into the ring, as what it is. False: there is no room. */
bool uring_put_plain(struct uring *uring, struct request *request);

/* The same with a read from a socket whose receives are multishot ones. */
bool uring_receive_put(struct uring *uring, struct request *request);
/* Whether the completion of a receive ends a request, which is then in `completion`. */
bool uring_receive_take(struct uring *uring, const struct ring_cqe *cqe, struct completion *completion);
/* Whether a request waits for it. */
bool uring_receive_is_awaited(const struct uring *uring, const struct ring_cqe *cqe);
/* Whether it was waiting; then it has ended. */
bool uring_receive_cancel(struct uring *uring, const struct request *request);
void uring_recycle(void *state, const char *data);
int uring_receive_open(struct uring *uring, const struct engine_setup *setup);
void uring_receive_close(struct uring *uring);
/* How many completions may be in the ring at once, with so many requests. */
uint32_t uring_receive_completions(uint32_t depth);

/* The same with a write and the sync that follows it. */
bool uring_link_put(struct uring *uring, struct request *request);
/* Whether the completion is of one of the two; whether it ends the request; and takes it: whether it has. */
bool uring_link_is_of(const struct ring_cqe *cqe);
bool uring_link_ends(const struct uring *uring, const struct ring_cqe *cqe);
bool uring_link_take(struct uring *uring, const struct ring_cqe *cqe, struct completion *completion);

/* Moves completions from the ring into `completions`; how many. */
uint32_t uring_take(struct uring *uring, struct completion *completions, uint32_t max);

static inline void uring_name_file(const struct uring *uring, struct ring_sqe *sqe, int fd)
{
    sqe->fd = fd;
    if (uring->has_files) {
        sqe->fd = uring->places[fd];
        sqe->flags |= RING_SQE_FIXED_FILE;
    }
}

/* The thread sleeps after a while without entries, and then says so. It looks for entries once more after that, so
 * whoever publishes one must do it before looking at the flag. */
static inline bool uring_needs_wakeup(struct uring *uring)
{
    ring_fence(&uring->ring);
    return ring_flags(&uring->ring) & RING_SQ_NEED_WAKEUP;
}

/* States that pass: entries stay in the ring, and go with the next call. */
static inline bool uring_passes(int error)
{
    return error == -EINTR || error == -EAGAIN || error == -EBUSY || error == -ETIME;
}

/* Entries that no call has given to the kernel yet; a thread of its own takes them without one. */
static inline uint32_t uring_unsent(const struct uring *uring)
{
    return uring->is_polled ? 0 : ring_unsent(&uring->ring);
}

#endif
