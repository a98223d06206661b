/* What memory the engine takes (record.h: memory_peak_bytes): how much more the process has with it than it had before it
 * was opened, when channel and buffers were there. It is looked at when the engine is open, and at the end of each window
 * with requests in flight (of lanes: when they have come to rest, for their threads stay). What is given back before is not
 * seen: the kernel's own high-water mark (VmHWM) would have it, but it is taken from counters that are off by up to 32
 * pages for each CPU. Engines free nothing in between. Threads do that end, since the C library keeps 40 MiB of stacks,
 * which are five: those of callbacks of POSIX AIO.
 * The same with the null engine is a page, which Python takes between the slices.
 *
 * Counted are pages that the process alone has (stacks of threads as far as they were touched, what was allocated), its
 * page tables, and what it shares with the kernel: the rings of io_uring and of kernel AIO. Those are found by the names
 * of their mappings, because /proc counts the pages of some of them and of others not. Not counted are code, which every
 * process with the same libraries shares, and the kernel's own memory: there is no file that has it for one process. */
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop_state.h"

/* A line of /proc/self/maps is longer only if a path is; its end is of no interest then. */
#define LINE_SIZE 256
/* Of the loop's thread; more than what any of this takes. */
#define STACK_SIZE 65536

struct reader {
    int fd;
    size_t have, at;
    char bytes[4096];
};

/* The next line, cut off where it is too long. False at the end, or where it cannot be read. */
static bool next_line(struct reader *reader, char line[LINE_SIZE])
{
    size_t length = 0;

    for (;;) {
        if (reader->at == reader->have) {
            const ssize_t n = read(reader->fd, reader->bytes, sizeof reader->bytes);

            if (n <= 0)
                return false;
            reader->have = (size_t)n;
            reader->at = 0;
        }
        const char byte = reader->bytes[reader->at++];
        if (byte == '\n') {
            line[length] = 0;
            return true;
        }
        if (length < LINE_SIZE - 1)
            line[length++] = byte;
    }
}

/* "Anonymous:    116 kB" has the field "Anonymous:". */
static int64_t bytes_in(const char *line, const char *field)
{
    return strncmp(line, field, strlen(field)) == 0 ? strtoll(line + strlen(field), NULL, 10) * 1024 : 0;
}

static int64_t own_pages(const char *line)
{
    return bytes_in(line, "Anonymous:") + bytes_in(line, "Swap:");
}

static int64_t page_tables(const char *line)
{
    return bytes_in(line, "VmPTE:");
}

/* "7f08…-7f09… rw-s 10000000 00:10 406 anon_inode:[io_uring]": its length, if the kernel has made what is mapped. */
static int64_t shared_with_kernel(const char *line)
{
    unsigned long long begin, end;
    int name = 0;

    if (sscanf(line, "%llx-%llx %*s %*s %*s %*s %n", &begin, &end, &name) < 2 || name == 0)
        return 0;
    if (strncmp(line + name, "anon_inode:", 11) != 0 && strncmp(line + name, "/[aio]", 6) != 0)
        return 0;
    return (int64_t)(end - begin);
}

/* Of all lines of the file; -1 where it cannot be read. */
static int64_t sum(const char *path, int64_t (*of_line)(const char *line))
{
    struct reader reader = {.fd = open(path, O_RDONLY | O_CLOEXEC)};
    char line[LINE_SIZE];
    int64_t bytes = 0, lines = 0;

    if (reader.fd < 0)
        return -1;
    for (; next_line(&reader, line); lines++)
        bytes += of_line(line);
    close(reader.fd);
    return lines ? bytes : -1;
}

/* What the process has now; -1 where /proc does not say. */
static int64_t memory_now(void)
{
    const int64_t pages = sum("/proc/self/smaps_rollup", own_pages), tables = sum("/proc/self/status", page_tables),
                  rings = sum("/proc/self/maps", shared_with_kernel);

    return pages < 0 || tables < 0 || rings < 0 ? -1 : pages + tables + rings;
}

/* How deep the stack gets differs by a page from process to process, for it does not begin on one. */
static __attribute__((noinline)) void touch_stack(void)
{
    volatile char below[STACK_SIZE];

    for (size_t i = 0; i < sizeof below; i += 1024)
        below[i] = 0;
}

void loop_memory_begin(struct loop *loop)
{
    touch_stack();
#ifdef __GLIBC__
    (void)malloc_trim(0); /* or the engine would be given pages that others have had and given back */
#endif
    loop->memory_before = memory_now();
}

void loop_memory_look(struct loop *loop)
{
    const int64_t now = loop->memory_before < 0 ? -1 : memory_now();
    const int64_t more = now - loop->memory_before;

    if (now < 0)
        return;
    loop->record->memory_known = 1;
    if (more > (int64_t)loop->record->memory_peak_bytes)
        loop->record->memory_peak_bytes = (uint64_t)more;
}
