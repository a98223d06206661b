/* The file channel: a regular file that the tool itself has made, without a name.
 *
 * Nothing can be left behind or overwritten. `warm` proves before and after that every page is in
 * the page cache; `direct` bypasses it and refuses file systems that only pretend to. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <linux/magic.h>

#include "channel.h"
#include "random.h"

#define CHUNK (1u << 20)
#define WORD_SIZE sizeof(uint64_t)

struct file_state {
    const struct settings *settings;
    struct record *record;
    int *fds;
    uint32_t fd_count;
    uint64_t blocks;     /* in the file */
    uint64_t next_block; /* sequential */
    uint64_t random;
};

static uint64_t content_word(uint64_t seed, uint64_t word)
{
    return random_mix((word + 1) * UINT64_C(0x9e3779b97f4a7c15) + seed);
}

/* ------------------------------------------------------------------ making the data file */

static int open_nameless(const char *folder)
{
    char path[4096];
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0)
        return fd;
    /* EOPNOTSUPP: this file system cannot; EISDIR: a kernel or file system that takes no notice. */
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
        return -errno;
    if (snprintf(path, sizeof path, "%s/iomodels-XXXXXX", folder) >= (int)sizeof path)
        return -ENAMETOOLONG;
    fd = mkostemp(path, O_CLOEXEC); /* O_EXCL: never a file that exists */
    if (fd < 0)
        return -errno;
    if (unlink(path) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

static int write_all(int fd, const char *buffer, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, buffer, length);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            buffer += n;
            length -= (size_t)n;
        }
    }
    return 0;
}

static int write_content(int fd, uint64_t size, uint64_t seed)
{
    uint64_t *chunk = malloc(CHUNK);
    int error = chunk ? 0 : -ENOMEM;

    for (uint64_t offset = 0; !error && offset < size; offset += CHUNK) {
        uint64_t length = size - offset < CHUNK ? size - offset : CHUNK;

        for (uint64_t word = 0; word < (length + WORD_SIZE - 1) / WORD_SIZE; word++)
            chunk[word] = content_word(seed, offset / WORD_SIZE + word);
        error = write_all(fd, (const char *)chunk, length);
    }
    free(chunk);
    return error;
}

int file_make(const char *folder, uint64_t size, uint64_t seed)
{
    int fd = open_nameless(folder);

    if (fd < 0)
        return fd;
    int error = write_content(fd, size, seed);
    if (!error && fsync(fd) < 0)
        error = -errno;
    if (!error)
        error = -posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    if (error) {
        close(fd);
        return error;
    }
    return fd;
}

int file_residency(int fd, uint64_t *pages, uint64_t *resident)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct stat stat;

    if (fstat(fd, &stat) < 0)
        return -errno;
    const size_t size = (size_t)stat.st_size;
    *pages = (size + page - 1) / page;
    *resident = 0;
    unsigned char *map = malloc(*pages ? *pages : 1);
    void *memory = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    int error = !map ? -ENOMEM : memory == MAP_FAILED ? -errno : 0;

    if (!error && mincore(memory, size, map) < 0)
        error = -errno;
    for (uint64_t i = 0; !error && i < *pages; i++)
        *resident += map[i] & 1u;
    if (memory != MAP_FAILED)
        munmap(memory, size);
    free(map);
    return error;
}

uint32_t file_direct_alignment(int fd)
{
    struct statfs statfs;

    /* These take O_DIRECT and answer from memory: not what anyone means by direct I/O. */
    if (fstatfs(fd, &statfs) < 0 || statfs.f_type == TMPFS_MAGIC || statfs.f_type == RAMFS_MAGIC)
        return 0;
#ifdef STATX_DIOALIGN
    struct statx statx_;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &statx_) == 0 &&
        (statx_.stx_mask & STATX_DIOALIGN)) {
        uint32_t offset = statx_.stx_dio_offset_align, memory = statx_.stx_dio_mem_align;
        return offset > memory ? offset : memory;
    }
#endif
    /* A kernel before 6.1, or a file system that does not say: a page satisfies all of them. */
    return (uint32_t)sysconf(_SC_PAGESIZE);
}

/* ------------------------------------------------------------------ the channel */

static void file_close(void *state)
{
    struct file_state *file = state;

    for (uint32_t i = 0; i < file->fd_count; i++)
        close(file->fds[i]);
    free(file->fds);
    free(file);
}

static int check_alignment(const struct settings *settings)
{
    uint32_t alignment = file_direct_alignment((int)settings->file_fd);

    if (alignment == 0)
        return -EOPNOTSUPP;
    return settings->block % alignment == 0 ? 0 : -EINVAL;
}

/* Every descriptor is an open file of its own, so that engines which serialise by descriptor do not. */
static int open_again(struct file_state *file, bool nonblocking)
{
    const struct settings *settings = file->settings;
    uint32_t count = settings->opens_per_request ? (uint32_t)settings->depth : 1;
    int flags = O_RDONLY | O_CLOEXEC | (nonblocking ? O_NONBLOCK : 0);
    char path[64];

    if (settings->file_cache == CACHE_DIRECT)
        flags |= O_DIRECT;
    snprintf(path, sizeof path, "/proc/self/fd/%d", (int)settings->file_fd);
    file->fds = calloc(count, sizeof *file->fds);
    if (!file->fds)
        return -ENOMEM;
    for (; file->fd_count < count; file->fd_count++) {
        int fd = open(path, flags);

        if (fd < 0)
            return errno == EINVAL && (flags & O_DIRECT) ? -EOPNOTSUPP : -errno;
        file->fds[file->fd_count] = fd;
        if (settings->pattern == PATTERN_RANDOM)
            (void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM); /* advice: may be ignored */
    }
    return 0;
}

static int file_open(void **state, const struct channel_setup *setup)
{
    const struct settings *settings = setup->settings;
    struct file_state *file = calloc(1, sizeof *file);

    if (!file)
        return -ENOMEM;
    file->settings = settings;
    file->record = setup->record;
    file->blocks = (uint64_t)(settings->file_size / settings->block);
    file->random = (uint64_t)settings->seed;
    int error = file->blocks == 0 || file->blocks > UINT32_MAX ? -EINVAL : 0;
    if (!error && settings->file_cache == CACHE_DIRECT)
        error = check_alignment(settings);
    if (!error)
        error = open_again(file, setup->nonblocking_descriptors);
    if (error) {
        file_close(file);
        return error;
    }
    *state = file;
    return 0;
}

static int file_highest_descriptor(const void *state)
{
    const struct file_state *file = state;

    int highest = -1;

    for (uint32_t i = 0; i < file->fd_count; i++)
        if (file->fds[i] > highest)
            highest = file->fds[i];
    return highest;
}

static int file_start(void *state, struct request *request)
{
    struct file_state *file = state;
    const uint64_t length = (uint64_t)file->settings->block;
    uint64_t block;

    if (file->settings->pattern == PATTERN_RANDOM) {
        block = random_below(&file->random, file->blocks);
    } else {
        block = file->next_block++;
        if (file->next_block == file->blocks)
            file->next_block = 0;
    }
    request->operation = OPERATION_READ;
    request->fd = file->fds[file->fd_count == 1 ? 0 : request->slot];
    request->offset = (int64_t)(block * length);
    request->length = length;
    return 0;
}

/* Compares up to one word at `position`, which need not be aligned, byte by byte. */
static int verify_bytes(struct file_state *file, const char *bytes, uint64_t position, uint64_t length)
{
    for (uint64_t at = position; at < position + length; at++) {
        uint64_t word = content_word((uint64_t)file->settings->file_seed, at / WORD_SIZE);

        if ((char)(word >> (8 * (at % WORD_SIZE))) != bytes[at - position]) {
            file->record->error_offset = at;
            return -EBADMSG;
        }
    }
    return CHANNEL_DONE;
}

/* Checks a sample: one word, at a random place of the block. */
static int file_finish(void *state, struct request *request)
{
    struct file_state *file = state;
    const char *bytes = request->buffer - request->done;
    uint64_t position = (uint64_t)request->offset - request->done;
    uint64_t words = request->done / WORD_SIZE;
    uint64_t found;

    file->record->slice.verified_words++;
    if (position % WORD_SIZE != 0 || words == 0)
        return verify_bytes(file, bytes, position, words ? WORD_SIZE : request->done);

    uint64_t word = random_below(&file->random, words);
    memcpy(&found, bytes + word * WORD_SIZE, sizeof found);
    position += word * WORD_SIZE;
    if (found != content_word((uint64_t)file->settings->file_seed, position / WORD_SIZE)) {
        file->record->error_offset = position;
        return -EBADMSG;
    }
    return CHANNEL_DONE;
}

static int read_through(int fd, uint64_t size)
{
    char *chunk = malloc(CHUNK);
    int error = chunk ? 0 : -ENOMEM;

    for (uint64_t offset = 0; !error && offset < size;) {
        ssize_t n = pread(fd, chunk, CHUNK, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            error = n < 0 ? -errno : -EIO;
        else
            offset += (uint64_t)n;
    }
    free(chunk);
    return error;
}

/* A folio that the kernel is moving to another place in memory is absent for a moment, as mincore
 * sees it. What was evicted stays away: nobody reads it now. */
static int check_still_resident(const struct file_state *file)
{
    struct record *record = file->record;
    int error = 0;

    for (int try = 0; !error && try < 10 && record->pages_after < record->pages; try++) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        error = file_residency((int)file->settings->file_fd, &record->pages, &record->pages_after);
    }
    return error;
}

static int file_check(void *state, bool before)
{
    struct file_state *file = state;
    const int fd = (int)file->settings->file_fd;
    struct record *record = file->record;
    uint64_t *resident = before ? &record->pages_before : &record->pages_after;
    int error = file_residency(fd, &record->pages, resident);

    if (!error && !before && file->settings->file_cache == CACHE_WARM)
        return check_still_resident(file);
    if (error || !before)
        return error;
    if (file->settings->file_cache == CACHE_WARM && *resident < record->pages) {
        error = read_through(fd, (uint64_t)file->settings->file_size);
        if (!error)
            error = file_residency(fd, &record->pages, resident);
    }
    if (file->settings->file_cache == CACHE_DIRECT && *resident > 0) {
        error = -posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        if (!error)
            error = file_residency(fd, &record->pages, resident);
    }
    return error;
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
    .highest_descriptor = file_highest_descriptor,
    .start = file_start,
    .finish = file_finish,
    .check = file_check,
    .release = file_release,
    .close = file_close,
};
