/* What a pair is driven with, and what does not apply to it; asked of caps, never of names. */
#include <stdlib.h>
#include <string.h>

#include "channels/file.h"
#include "check.h"

#define FILE_BLOCK 4096
#define FILE_BLOCKS 32
#define FILE_SEED 7

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
    return subject->channel->caps.starts_device ? NULL
                                                : "this channel cannot keep a transfer waiting";
}

/* The file is made once per process, without a name: nothing is left of it. */
static int data_file(void)
{
    static int fd = -1;
    const char *folder = getenv("TMPDIR");

    if (fd < 0)
        fd = file_make(folder ? folder : "/tmp", FILE_BLOCK * FILE_BLOCKS, FILE_SEED);
    EXPECT(fd >= 0, "The data file could not be made: %s.", strerror(-fd));
    return fd;
}

struct settings subject_settings(const struct subject *subject, uint32_t depth)
{
    struct settings settings = settings_default();

    settings.depth = depth;
    settings.service_mean_ns = 50000;
    if (subject->channel->caps.files) {
        settings.block = FILE_BLOCK;
        settings.file_fd = data_file();
        settings.file_size = FILE_BLOCK * FILE_BLOCKS;
        settings.file_seed = FILE_SEED;
    }
    return settings;
}

uint32_t subject_depth(const struct subject *subject, uint32_t depth)
{
    uint32_t max = subject->engine->caps.max_depth;

    return max && depth > max ? max : depth;
}
