/* The file channel's data file: making it, and its place in the page cache (see file.h). */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <linux/magic.h>

#include "file_content.h"

#define CHUNK (1u << 20)
#define CHUNKS_BEHIND 8
#define RESIDENCY_AT_ONCE 4096 /* pages */
#define DROP_ATTEMPTS 100
#define DROP_PAUSE_NS 5000000

/* ------------------------------------------------------------------ making it */

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

/* Begins to write out what is dirty, and waits for what was begun before: the disk keeps up, so that
 * not much is left to the fsync at the end, which nothing can interrupt. */
static int keep_up(int fd)
{
    const unsigned how = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE;

    return sync_file_range(fd, 0, 0, how) < 0 && errno != ENOSYS ? -errno : 0;
}

static int write_content(int fd, uint64_t size, uint64_t seed, int (*stop)(void))
{
    char *chunk = malloc(CHUNK);
    int error = chunk ? 0 : -ENOMEM;

    for (uint64_t offset = 0; !error && offset < size; offset += CHUNK) {
        uint64_t length = size - offset < CHUNK ? size - offset : CHUNK;

        file_content_initial(seed, offset, length, chunk);
        error = write_all(fd, chunk, length);
        if (!error && offset / CHUNK % CHUNKS_BEHIND == CHUNKS_BEHIND - 1)
            error = keep_up(fd);
        if (!error && stop)
            error = stop();
    }
    free(chunk);
    return error;
}

int file_make(const char *folder, uint64_t size, uint64_t seed, int (*stop)(void))
{
    int fd = open_nameless(folder);

    if (fd < 0)
        return fd;
    int error = write_content(fd, size, seed, stop);
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

/* ------------------------------------------------------------------ the page cache */

/* Of a mapping, so many at a time: the memory that this takes does not depend on the file's size, and none stays
 * behind (loop_memory.c). */
static int count_resident(char *memory, size_t size, size_t page, uint64_t *resident)
{
    unsigned char map[RESIDENCY_AT_ONCE];
    const size_t step = RESIDENCY_AT_ONCE * page;

    for (size_t offset = 0; offset < size; offset += step) {
        const size_t length = size - offset < step ? size - offset : step;

        if (mincore(memory + offset, length, map) < 0)
            return -errno;
        for (size_t i = 0; i < (length + page - 1) / page; i++)
            *resident += map[i] & 1u;
    }
    return 0;
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
    if (size == 0) /* there is no mapping of nothing */
        return 0;
    char *memory = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return -errno;
    int error = count_resident(memory, size, page, resident);
    munmap(memory, size);
    return error;
}

int file_warm(int fd, uint64_t size)
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

int file_drop(int fd)
{
    uint64_t pages, resident = 0;

    for (int attempt = 0; attempt < DROP_ATTEMPTS; attempt++) {
        int error = -posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);

        if (!error)
            error = file_residency(fd, &pages, &resident);
        if (error || resident == 0)
            return error;
        /* Pages that a read-ahead is still bringing in cannot go before they have come. */
        nanosleep(&(struct timespec){.tv_nsec = DROP_PAUSE_NS}, NULL);
    }
    return -EBUSY;
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
