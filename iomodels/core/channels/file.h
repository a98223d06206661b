/* The file channel's data file, which the parent makes once and every trial opens again. */
#ifndef IOMODELS_FILE_H
#define IOMODELS_FILE_H

#include <stdint.h>

/* Makes a file without a name in `folder`, `size` bytes whose content is a function of offset and
 * `seed`, on the disk and out of the page cache. Returns its descriptor (close-on-exec) or -errno.
 * Where the file system knows no O_TMPFILE it gets a random name that is removed at once.
 * `stop`, if not NULL, is asked after every few MiB, and what it returns other than 0 ends it. */
int file_make(const char *folder, uint64_t size, uint64_t seed, int (*stop)(void));

/* Pages of the file, and how many of them are in the page cache. 0 or -errno. */
int file_residency(int fd, uint64_t *pages, uint64_t *resident);

/* Reads the file once, so that all of it is in the page cache. 0 or -errno. */
int file_warm(int fd, uint64_t size);

/* Drops the file's clean pages from the page cache. 0, or -EBUSY where some would not go. */
int file_drop(int fd);

/* What direct I/O on this file has to be aligned to, in bytes; 0 where there is no direct I/O. */
uint32_t file_direct_alignment(int fd);

#endif
