/* The file channel before and after a slice: what is cached, what was appended, what was written; and its errors in
 * words (see file.c). */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "file_state.h"

/* An append's file is empty again. */
static int empty(struct file_state *file)
{
    file_content_forget(&file->content);
    block_order_begin(&file->writes, &file->choices);
    return ftruncate((int)file->settings->file_fd, 0) < 0 ? -errno : 0;
}

static int check_before(struct file_state *file)
{
    const struct settings *settings = file->settings;
    const int fd = (int)settings->file_fd;
    struct record *record = file->record;
    int error = settings->append ? empty(file) : 0;

    if (!error)
        error = file_residency(fd, &record->pages, &record->pages_before);
    if (settings->append)
        return error;
    if (settings->file_cache == CACHE_COLD)
        block_order_begin(&file->reads, &file->choices);
    if (!error && settings->file_cache == CACHE_WARM && record->pages_before < record->pages)
        error = file_warm(fd, (uint64_t)settings->file_size);
    else if (!error && settings->file_cache == CACHE_COLD && record->pages_before > 0)
        error = file_drop(fd);
    else if (!error && settings->file_cache == CACHE_DIRECT && record->pages_before > 0)
        error = -posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    else
        return error;
    return error ? error : file_residency(fd, &record->pages, &record->pages_before);
}

static uint64_t appended(const struct file_state *file)
{
    return file->writes.next;
}

/* A write that landed elsewhere than at the end leaves the file shorter, or its neighbour longer. */
static int check_length(struct file_state *file)
{
    struct stat stat;

    if (fstat((int)file->settings->file_fd, &stat) < 0)
        return -errno;
    if ((uint64_t)stat.st_size == appended(file))
        return 0;
    file->record->error_offset = (uint64_t)stat.st_size;
    return -EBADMSG;
}

/* Reads the whole file through a descriptor of its own and compares every byte. What was written directly
 * is read directly, and so comes from the device. */
static int read_back(struct file_state *file)
{
    const uint64_t size = file->settings->append ? appended(file) : (uint64_t)file->settings->file_size;
    int64_t wrong_at;
    int error = 0;

    if (file->settings->file_cache == CACHE_DIRECT && fdatasync(file->read_back_fd) < 0)
        return -errno;
    for (uint64_t offset = 0; !error && offset < size;) {
        ssize_t n = pread(file->read_back_fd, file->read_back, READ_BACK, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        uint64_t length = (uint64_t)n < size - offset ? (uint64_t)n : size - offset;
        error = file_verify(file, file->read_back, offset, length, &wrong_at);
        if (error)
            file->record->error_offset = (uint64_t)wrong_at;
        offset += length;
        file->record->slice.read_back_bytes += length;
    }
    return error;
}

/* How much is cached at the end. A folio that the kernel is moving to another place in memory is absent for
 * a moment, as mincore sees it; what was evicted stays away: nobody reads it now. */
static int residency_after(const struct file_state *file)
{
    const int fd = (int)file->settings->file_fd;
    struct record *record = file->record;
    int error = file_residency(fd, &record->pages, &record->pages_after);

    if (file->settings->file_cache != CACHE_WARM)
        return error;
    for (int try = 0; !error && try < 10 && record->pages_after < record->pages; try++) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        error = file_residency(fd, &record->pages, &record->pages_after);
    }
    return error;
}

int file_check(void *state, bool before)
{
    struct file_state *file = state;

    if (before)
        return check_before(file);
    int error = residency_after(file);
    /* A slice that was told to stop leaves writes behind, and nobody knows how far they have come. */
    if (error || file->unfinished_writes > 0)
        return error;
    if (file->settings->append)
        error = check_length(file);
    return !error && file_reads_back(file->settings) ? read_back(file) : error;
}

struct explanation file_explain(const struct settings *settings, enum stage stage, int error)
{
    if (stage == STAGE_CHANNEL_OPEN && error == -EOPNOTSUPP)
        return (struct explanation){
            .sentence = "this file system does not support direct I/O: use another channel.folder",
        };
    if (stage == STAGE_CHECK && error == -EBUSY)
        return (struct explanation){
            .sentence = "the file's pages cannot be dropped from the page cache, so its reads are not cold: measure "
                        "again when no other process writes, or use another channel.folder",
        };
    if (stage == STAGE_TRANSFER && error == -EOPNOTSUPP && settings->nowait)
        return (struct explanation){
            .sentence = "this file system does not support non-blocking reads (RWF_NOWAIT)",
            .not_applicable = true,
        };
    return (struct explanation){0};
}
