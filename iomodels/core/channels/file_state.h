/* What file.c (opening, operations) and file_check.c (before and after a slice) share; nobody else includes it. */
#ifndef IOMODELS_FILE_STATE_H
#define IOMODELS_FILE_STATE_H

#include "block_order.h"
#include "channel.h"
#include "file_content.h"

/* How much is read back at a time. */
#define READ_BACK (1u << 20)

struct file_state {
    const struct settings *settings;
    struct record *record;
    bool links; /* the engine may be given a write and its sync together */
    int *fds;
    uint32_t fd_count;
    int read_back_fd;
    struct file_content content;
    struct sizes sizes;
    uint64_t sequence; /* of the sizes */
    struct block_order reads, writes;
    char *write_buffers; /* by slot; each holds the pattern */
    size_t write_stride;
    uint64_t write_mask; /* a write's place in its buffer: what its offset has beyond whole periods */
    char *read_back;
    uint64_t unfinished_writes;
    uint64_t choices, samples; /* random: kept apart, so that every engine gets the same choices */
};

static inline bool file_writes(const struct settings *settings)
{
    return settings->workload != WORKLOAD_READ;
}

static inline bool file_reads_back(const struct settings *settings)
{
    return file_writes(settings) && settings->verify;
}

/* Whether these bytes are what lies at `position`; -EBADMSG, with the place in `wrong_at`, where not. */
int file_verify(const struct file_state *file, const char *bytes, uint64_t position, uint64_t length,
                int64_t *wrong_at);

/* As channel.check and channel.explain. */
int file_check(void *state, bool before);
struct explanation file_explain(const struct settings *settings, enum stage stage, int error);

#endif
