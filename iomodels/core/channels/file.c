/* The file channel: a regular file that the tool itself has made, without a name.
 *
 * `warm` reads all of it first, so that every page is in the page cache; `direct` bypasses the cache and
 * refuses file systems that only pretend to; `cold` drops this file's pages before each slice,
 * reads every block once, and is then exhausted.
 *
 * With `append` the file is empty when a slice begins, and each write goes to its end (O_APPEND, which makes the
 * kernel ignore the offset that the engine gives). Requests come one at a time, so where each ought to land is
 * known, and the file's length says whether it did. It is full at the size asked for, and then exhausted.
 *
 * What is written differs from what was there (file_content.h). Where there are reads besides, they stay
 * in the lower half of the file and the writes in the upper one: what a read has to bring is then
 * certain however the engine orders them. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "file_state.h"
#include "random.h"

#define WORD_SIZE sizeof(uint64_t)
/* Direct I/O reads back into memory that starts on a page. */
#define BUFFER_ALIGNMENT 4096u
#define MILLION 1000000

/* ------------------------------------------------------------------ open and close */

static void file_close(void *state)
{
    struct file_state *file = state;

    for (uint32_t i = 0; i < file->fd_count; i++)
        close(file->fds[i]);
    if (file->read_back_fd >= 0)
        close(file->read_back_fd);
    file_content_close(&file->content);
    free(file->read_back);
    free(file->write_buffers);
    free(file->fds);
    free(file);
}

static int check_alignment(const struct file_state *file)
{
    uint32_t alignment = file_direct_alignment((int)file->settings->file_fd);

    if (alignment == 0)
        return -EOPNOTSUPP;
    return file->sizes.unit % alignment == 0 ? 0 : -EINVAL;
}

/* What file_make makes has no name. A file that has one belongs to somebody, and nothing is ever written
 * to it, whatever the settings say. */
static int check_may_write(const struct settings *settings)
{
    struct stat stat;

    if (fstat((int)settings->file_fd, &stat) < 0)
        return -errno;
    if (!S_ISREG(stat.st_mode) || stat.st_nlink > 0)
        return -EPERM;
    return stat.st_size >= settings->file_size || settings->append ? 0 : -EINVAL;
}

/* In which order several writes come to the end, and whether one that was cancelled has, nobody can know. */
static bool can_append(const struct settings *settings)
{
    return settings->workload == WORKLOAD_WRITE && settings->depth == 1 && settings->deadline_ns == 0;
}

/* Writes of several sizes agree where they overlap if all begin and end with a sector. */
static bool can_overlap(const struct sizes *sizes)
{
    return sizes->count == 1 || sizes->unit % FILE_CONTENT_SECTOR == 0;
}

static int check_settings(const struct file_state *file)
{
    const struct settings *settings = file->settings;
    const int64_t blocks = settings->file_size / settings->block;
    const size_t unit = file_writes(settings) ? file->sizes.unit : file->sizes.smallest;

    if (blocks < (settings->workload == WORKLOAD_MIXED ? 2 : 1) || settings->file_size / (int64_t)unit > UINT32_MAX ||
        (file_writes(settings) && !can_overlap(&file->sizes)))
        return -EINVAL;
    /* Each block is read once: there is no such thing for writes. Direct I/O has no read-ahead. */
    if ((settings->file_cache == CACHE_COLD && file_writes(settings)) ||
        (settings->file_cache == CACHE_DIRECT && settings->nowait) ||
        (settings->append && !can_append(settings)))
        return -EINVAL;
    int error = settings->file_cache == CACHE_DIRECT ? check_alignment(file) : 0;
    return !error && file_writes(settings) ? check_may_write(settings) : error;
}

/* Every descriptor is an open file of its own, so that engines which serialise by descriptor do not. */
static int open_again(const struct settings *settings, int flags)
{
    char path[64];

    flags |= O_CLOEXEC | (settings->file_cache == CACHE_DIRECT ? O_DIRECT : 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", (int)settings->file_fd);
    int fd = open(path, flags);
    if (fd < 0)
        return errno == EINVAL && (flags & O_DIRECT) ? -EOPNOTSUPP : -errno;
    return fd;
}

static int open_descriptors(struct file_state *file, bool nonblocking)
{
    const struct settings *settings = file->settings;
    const uint32_t count = settings->opens_per_request ? (uint32_t)settings->depth : 1;
    const int flags = (file_writes(settings) ? O_RDWR : O_RDONLY) | (nonblocking ? O_NONBLOCK : 0) |
                      (settings->append ? O_APPEND : 0);

    file->fds = calloc(count, sizeof *file->fds);
    if (!file->fds)
        return -ENOMEM;
    for (; file->fd_count < count; file->fd_count++) {
        int fd = open_again(settings, flags);

        if (fd < 0)
            return fd;
        file->fds[file->fd_count] = fd;
        if (settings->pattern == PATTERN_RANDOM)
            (void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM); /* advice: may be ignored */
    }
    return 0;
}

static int open_read_back(struct file_state *file)
{
    void *memory;

    if (!file_reads_back(file->settings))
        return 0;
    if (posix_memalign(&memory, BUFFER_ALIGNMENT, READ_BACK) != 0)
        return -ENOMEM;
    file->read_back = memory;
    file->read_back_fd = open_again(file->settings, O_RDONLY);
    return file->read_back_fd < 0 ? file->read_back_fd : 0;
}

/* Apart from the loop's own buffers, since a read would overwrite the pattern. */
static int allocate_write_buffers(struct file_state *file)
{
    const size_t depth = (size_t)file->settings->depth, period = (size_t)file->content.period;
    void *memory;

    if (!file_writes(file->settings))
        return 0;
    file->write_mask = file->sizes.count == 1 ? 0 : period - 1;
    const size_t room = file->write_mask + file->sizes.largest;

    file->write_stride = (room + BUFFER_ALIGNMENT - 1) / BUFFER_ALIGNMENT * BUFFER_ALIGNMENT;
    if (posix_memalign(&memory, BUFFER_ALIGNMENT, depth * file->write_stride) != 0)
        return -ENOMEM;
    file->write_buffers = memory;
    for (size_t slot = 0; slot < depth; slot++) {
        for (size_t at = 0; at < room; at += period)
            memcpy(file->write_buffers + slot * file->write_stride + at, file->content.pattern,
                   room - at < period ? room - at : period);
    }
    return 0;
}

static void lay_out(struct file_state *file)
{
    const uint64_t size = (uint64_t)file->settings->file_size, blocks = size / file->sizes.largest;
    const uint64_t lower = file->settings->workload == WORKLOAD_MIXED ? blocks / 2 * file->sizes.largest : 0;
    const bool random = file->settings->pattern == PATTERN_RANDOM;

    file->reads = (struct block_order){
        .bytes = lower ? lower : size,
        .random = random,
        .once = file->settings->file_cache == CACHE_COLD,
    };
    file->writes = (struct block_order){
        .first = lower,
        .bytes = size - lower,
        .random = random && !file->settings->append,
        .once = file->settings->append,
    };
    block_order_open(&file->reads, &file->sizes);
    block_order_open(&file->writes, &file->sizes);
}

/* Of what is written. A power of two, where a write's place in it is wanted for each. */
static uint64_t period(const struct file_state *file)
{
    uint64_t period = FILE_CONTENT_SECTOR;

    if (!file_writes(file->settings))
        return 0;
    if (file->sizes.count == 1)
        return file->sizes.largest;
    while (period < file->sizes.largest)
        period *= 2;
    return period;
}

static int open_all(struct file_state *file, bool nonblocking)
{
    const struct settings *settings = file->settings;
    int error = sizes_open(&file->sizes, settings);

    file->sequence = sizes_sequence(settings, 0);
    if (!error)
        error = check_settings(file);
    if (!error)
        error = file_content_open(&file->content, (uint64_t)settings->file_seed, file->sizes.unit,
                                  (uint64_t)settings->file_size / file->sizes.unit, period(file));
    if (error)
        return error;
    lay_out(file);
    error = allocate_write_buffers(file);
    if (!error)
        error = open_descriptors(file, nonblocking);
    return error ? error : open_read_back(file);
}

static int file_open(void **state, const struct channel_setup *setup)
{
    struct file_state *file = calloc(1, sizeof *file);

    if (!file)
        return -ENOMEM;
    file->settings = setup->settings;
    file->record = setup->record;
    file->links = setup->links && setup->settings->sync != SYNC_NONE;
    file->choices = (uint64_t)setup->settings->seed;
    file->samples = random_mix(file->choices + 1);
    file->read_back_fd = -1;
    int error = open_all(file, setup->nonblocking_descriptors);
    if (error) {
        file_close(file);
        return error;
    }
    *state = file;
    return 0;
}

static uint32_t file_descriptors(const void *state, int *fds, uint32_t room)
{
    const struct file_state *file = state;

    for (uint32_t i = 0; i < file->fd_count && i < room; i++)
        fds[i] = file->fds[i];
    return file->fd_count;
}

/* ------------------------------------------------------------------ operations */

static bool next_is_write(struct file_state *file)
{
    const struct settings *settings = file->settings;

    if (settings->workload == WORKLOAD_MIXED)
        return (int64_t)random_below(&file->choices, MILLION) >= settings->read_share_millionths;
    return settings->workload == WORKLOAD_WRITE;
}

static enum operation sync_of(const struct settings *settings)
{
    return settings->sync == SYNC_DATA ? OPERATION_DATA_SYNC : OPERATION_SYNC;
}

static int file_start(void *state, struct request *request)
{
    struct file_state *file = state;
    const struct settings *settings = file->settings;
    const bool write = next_is_write(file);
    const uint32_t size = sizes_draw(&file->sizes, &file->sequence);
    const int64_t offset =
        block_order_next(write ? &file->writes : &file->reads, &file->sizes, size, &file->choices);

    if (offset < 0)
        return (int)offset;
    request->operation = write ? OPERATION_WRITE : OPERATION_READ;
    request->fd = file->fds[file->fd_count == 1 ? 0 : request->slot];
    request->length = file->sizes.bytes[size];
    request->offset = offset;
    request->nowait = !write && settings->nowait;
    request->appends = write && settings->append;
    request->then_syncs = write && file->links;
    if (write) {
        request->then = sync_of(settings);
        request->buffer = file->write_buffers + request->slot * file->write_stride +
                          ((uint64_t)offset & file->write_mask);
        file_content_stamp(&file->content, (uint64_t)offset, request->length, request->buffer);
        file->unfinished_writes++;
    }
    return 0;
}

int file_verify(const struct file_state *file, const char *bytes, uint64_t position, uint64_t length,
                int64_t *wrong_at)
{
    const uint64_t different = file_content_difference(&file->content, bytes, position, length);

    if (different == FILE_CONTENT_SAME)
        return CHANNEL_DONE;
    *wrong_at = (int64_t)different;
    return -EBADMSG;
}

/* One word, at a random place of the block. */
static int verify_sample(struct file_state *file, const char *bytes, uint64_t position, uint64_t length,
                         int64_t *wrong_at)
{
    const uint64_t words = length / WORD_SIZE;
    uint64_t found;

    if (position % WORD_SIZE != 0 || words == 0)
        return file_verify(file, bytes, position, words ? WORD_SIZE : length, wrong_at);

    uint64_t word = random_below(&file->samples, words);
    memcpy(&found, bytes + word * WORD_SIZE, sizeof found);
    position += word * WORD_SIZE;
    if (found == file_content_word(file->content.seed, position / WORD_SIZE))
        return CHANNEL_DONE;
    return file_verify(file, bytes + word * WORD_SIZE, position, WORD_SIZE, wrong_at);
}

static int finish_read(struct file_state *file, struct request *request, const char *bytes)
{
    const uint64_t position = (uint64_t)request->offset - request->done;
    uint64_t *verified_words = &file->record->slice.verified_words;

    if (!file->settings->verify) {
        *verified_words += 1;
        return verify_sample(file, bytes, position, request->done, &request->offset);
    }
    *verified_words += (request->done + WORD_SIZE - 1) / WORD_SIZE;
    return file_verify(file, bytes, position, request->done, &request->offset);
}

/* The sync that makes a write last is part of the operation: the engine has made it with the write, or has to now. */
static int finish_write(struct file_state *file, struct request *request)
{
    request->offset -= (int64_t)request->done; /* where a failing sync is reported */
    file_content_mark(&file->content, (uint64_t)request->offset, request->done);
    file->unfinished_writes--;
    if (file->settings->sync == SYNC_NONE || request->then_syncs)
        return CHANNEL_DONE;
    request->operation = sync_of(file->settings);
    request->length = request->done;
    return CHANNEL_MORE;
}

static int file_finish(void *state, struct request *request, const char *bytes)
{
    struct file_state *file = state;

    switch (request->operation) {
    case OPERATION_READ:
        return finish_read(file, request, bytes);
    case OPERATION_WRITE:
        return finish_write(file, request);
    case OPERATION_DATA_SYNC:
    case OPERATION_SYNC:
    default:
        return CHANNEL_DONE;
    }
}

/* A cancelled write leaves its block as it was; if a part had been written before, what the block holds is
 * not known, and the file is never read back. */
static void file_abandon(void *state, struct request *request)
{
    struct file_state *file = state;

    if (request->operation == OPERATION_WRITE && request->done == 0)
        file->unfinished_writes--;
}

/* A transfer on a file ends by itself. */
static void file_release(void *state)
{
    (void)state;
}

extern const struct channel channel_file;
const struct channel channel_file = {
    .name = "file",
    .caps = {.files = true},
    .open = file_open,
    .descriptors = file_descriptors,
    .start = file_start,
    .finish = file_finish,
    .abandon = file_abandon,
    .explain = file_explain,
    .check = file_check,
    .release = file_release,
    .close = file_close,
};
