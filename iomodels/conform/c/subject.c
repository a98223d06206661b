/* What a pair is driven with, and what does not apply to it; asked of caps and variants, never of
 * names. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "channels/file.h"
#include "check.h"

#define FILE_BLOCK 4096
#define FILE_BLOCKS 32
#define FILE_SEED 7
/* Of a message, so that it goes through a pipe in one piece, and of a stream's block, so that it does
 * not; neither is a multiple of anything. */
#define MESSAGE 2500
#define BLOCK 6000
#define IDLE 3

/* ------------------------------------------------------------------ variants */

/* The roles of the channels that have several; the first is what CHANNEL alone would mean. A channel
 * that is not named here has one, with nothing but default settings. */
static const struct role {
    const char *channel, *name;
    uint32_t transfers, descriptors;
    int64_t block;
    enum exchange exchange;
    enum workload workload;
    enum family family;
    enum sync sync;
    bool server;
    uint32_t idle;
} roles[] = {
    {.channel = "file", .name = "file", .transfers = 1, .descriptors = 1, .block = FILE_BLOCK},
    {.channel = "file", .name = "file:synced", .transfers = 1, .descriptors = 1, .block = FILE_BLOCK,
     .workload = WORKLOAD_WRITE, .sync = SYNC_DATA},
    {.channel = "pipe", .name = "pipe:echo", .transfers = 2, .descriptors = 2, .block = MESSAGE},
    {.channel = "pipe", .name = "pipe:server", .transfers = 2, .descriptors = 2, .block = MESSAGE,
     .server = true},
    {.channel = "pipe", .name = "pipe:read", .transfers = 1, .descriptors = 1, .block = BLOCK,
     .exchange = EXCHANGE_STREAM},
    {.channel = "pipe", .name = "pipe:write", .transfers = 1, .descriptors = 1, .block = BLOCK,
     .exchange = EXCHANGE_STREAM, .workload = WORKLOAD_WRITE},
    {.channel = "socket", .name = "socket:echo", .transfers = 2, .descriptors = 1, .block = MESSAGE},
    {.channel = "socket", .name = "socket:idle", .transfers = 2, .block = MESSAGE, .idle = IDLE},
    {.channel = "socket", .name = "socket:server", .transfers = 2, .descriptors = 1, .block = MESSAGE,
     .server = true},
    {.channel = "socket", .name = "socket:read", .transfers = 1, .descriptors = 1, .block = BLOCK,
     .exchange = EXCHANGE_STREAM},
    {.channel = "socket", .name = "socket:write", .transfers = 1, .descriptors = 1, .block = BLOCK,
     .exchange = EXCHANGE_STREAM, .workload = WORKLOAD_WRITE},
    {.channel = "socket", .name = "socket:tcp-echo", .transfers = 2, .descriptors = 1,
     .block = MESSAGE, .family = FAMILY_TCP},
    {.channel = "socket", .name = "socket:tcp-server", .transfers = 2, .descriptors = 1,
     .block = MESSAGE, .family = FAMILY_TCP, .server = true},
    {.channel = "socket", .name = "socket:tcp-write", .transfers = 1, .descriptors = 1,
     .block = BLOCK, .family = FAMILY_TCP, .exchange = EXCHANGE_STREAM, .workload = WORKLOAD_WRITE},
};
#define ROLES (sizeof roles / sizeof *roles)

static struct variant plain_variant(const struct channel *channel)
{
    return (struct variant){
        .name = channel->name,
        .channel = channel,
        .is_first = true,
        .has_peer = channel->diagnose != NULL,
        .transfers = 1,
        .descriptors = 1,
        .settings = settings_default(),
    };
}

static struct variant role_variant(const struct channel *channel, const struct role *role)
{
    struct variant variant = plain_variant(channel);

    variant.name = role->name;
    variant.is_first = role == roles || strcmp(role->channel, role[-1].channel) != 0;
    variant.transfers = role->transfers;
    variant.descriptors = role->descriptors;
    variant.settings.block = role->block;
    variant.settings.exchange = role->exchange;
    variant.settings.workload = role->workload;
    variant.settings.family = role->family;
    variant.settings.server = role->server;
    variant.settings.idle = role->idle;
    variant.settings.sync = role->sync;
    /* A rule opens the channel several times, and what was written before is not what it wrote: no looking back. */
    variant.settings.verify = role->sync == SYNC_NONE;
    return variant;
}

void variant_each(void (*each)(const struct variant *variant, void *context), void *context)
{
    for (const struct channel *const *channel = channels; *channel; channel++) {
        struct variant variant = plain_variant(*channel);
        bool has_roles = false;

        for (size_t i = 0; i < ROLES; i++)
            if (strcmp(roles[i].channel, (*channel)->name) == 0) {
                variant = role_variant(*channel, &roles[i]);
                has_roles = true;
                each(&variant, context);
            }
        if (!has_roles)
            each(&variant, context);
    }
}

struct wanted {
    const char *name;
    struct variant variant;
};

static void keep_wanted(const struct variant *variant, void *context)
{
    struct wanted *wanted = context;

    if (strcmp(variant->name, wanted->name) == 0)
        wanted->variant = *variant;
}

struct variant variant_find(const char *name)
{
    struct wanted wanted = {.name = name};

    variant_each(keep_wanted, &wanted);
    return wanted.variant;
}

/* ------------------------------------------------------------------ what does not apply */

static struct trial_question question_about(const struct subject *subject)
{
    return (struct trial_question){
        .settings = &subject->variant->settings,
        .options = subject->values,
        .on_files = subject->channel->caps.files,
        .on_sockets = subject->channel->caps.sockets,
        .on_devices = subject->channel->caps.starts_device,
    };
}

const char *subject_cannot(const struct subject *subject)
{
    const struct trial_question question = question_about(subject);

    return subject->engine->cannot ? subject->engine->cannot(&question) : NULL;
}

bool subject_can(const struct subject *subject, enum workload workload, enum sync sync)
{
    struct variant variant = *subject->variant;
    struct subject other = *subject;

    variant.settings.workload = workload;
    variant.settings.sync = sync;
    other.variant = &variant;
    return subject_cannot(&other) == NULL;
}

const char *subject_probe(const struct subject *subject)
{
    const struct trial_question question = question_about(subject);

    return subject->engine->probe ? subject->engine->probe(&question) : NULL;
}

const char *always(const struct subject *subject)
{
    (void)subject;
    return NULL;
}

const char *unless_moves_data(const struct subject *subject)
{
    return subject->engine->caps.moves_data ? NULL : "the engine does no I/O";
}

const char *unless_can_be_pending(const struct subject *subject)
{
    if (subject->engine->caps.blocks_in_submit)
        return "every transfer is over when submit returns";
    return subject->channel->caps.starts_device || subject->variant->settings.server
               ? NULL
               : "this channel cannot keep a transfer waiting";
}

const char *unless_timed(const struct subject *subject)
{
    const char *reason = unless_can_be_pending(subject);

    if (reason)
        return reason;
    return subject->channel->caps.starts_device ? NULL
                                                : "the channel does not know its service times";
}

const char *unless_has_peer(const struct subject *subject)
{
    return subject->variant->has_peer ? unless_moves_data(subject) : "the channel has no peer";
}

/* ------------------------------------------------------------------ settings */

/* The file is made once per process, without a name: nothing is left of it. */
static int data_file(const struct subject *subject)
{
    static int fd = -1;
    const char *folder = getenv("TMPDIR");

    if (!folder)
        folder = "/tmp";
    /* In memory, where a sync takes no time. What it does on a disk, rules_sync.c asks. */
    if (subject->variant->settings.sync != SYNC_NONE && access("/dev/shm", W_OK) == 0)
        folder = "/dev/shm";
    if (fd < 0)
        fd = file_make(folder, FILE_BLOCK * FILE_BLOCKS, FILE_SEED, NULL);
    EXPECT(fd >= 0, "The data file could not be made: %s.", strerror(-fd));
    return fd;
}

struct settings subject_settings(const struct subject *subject, uint32_t depth)
{
    struct settings settings = subject->variant->settings;

    memcpy(settings.options, subject->options, sizeof settings.options);
    settings.depth = depth;
    settings.outstanding = depth; /* a message for each connection: no read waits in vain */
    settings.service_mean_ns = 50000;
    if (subject->channel->caps.files) {
        settings.block = FILE_BLOCK;
        settings.file_fd = data_file(subject);
        settings.file_size = FILE_BLOCK * FILE_BLOCKS;
        settings.file_seed = FILE_SEED;
    }
    return settings;
}

struct settings settings_held(const struct settings *settings)
{
    struct settings held = *settings;

    held.service_distribution = DISTRIBUTION_CONSTANT;
    held.service_mean_ns = FOREVER_NS;
    return held;
}

uint32_t subject_depth(const struct subject *subject, uint32_t depth)
{
    uint32_t max = subject->engine->caps.max_depth;

    return max && depth > max ? max : depth;
}

struct record *record_make(void)
{
    void *record = mmap(NULL, sizeof(struct record), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    EXPECT(record != MAP_FAILED, "No memory for the suite itself.");
    return record;
}

void record_free(struct record *record)
{
    munmap(record, sizeof *record);
}
