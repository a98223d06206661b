/* What the data file has to hold, at each offset: the initial content, or what a trial has written.
 *
 * Both are functions of the offset, so a block in the wrong place, an old one, or a torn one is seen. The
 * initial content is random words, for no compression and no zero-detection to shorten. Writing must
 * cost next to nothing beside the write, so a block is not filled for each operation: its buffer
 * holds random words by position in the block, and only the first word of each 512-byte sector is
 * new each time, a stamp that no other sector has. With writes of several sizes, the random words go by position
 * in a period that is as long as the longest write at least, so that overlapping writes agree. */
#ifndef IOMODELS_FILE_CONTENT_H
#define IOMODELS_FILE_CONTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "random.h"

/* Each begins with a stamp. */
#define FILE_CONTENT_SECTOR 512u

struct file_content {
    uint64_t seed;
    uint64_t block;    /* every write is of whole ones */
    uint64_t blocks;
    uint64_t period;   /* of the pattern, which begins anew at each multiple of it: a multiple of `block` */
    char *pattern;     /* a period as it is written, before it is stamped; NULL: nothing is written */
    uint64_t *written; /* a bit for each block */
    char *expected;    /* room for a comparison */
};

/* `period` 0: nothing will be written. 0 or -errno; file_content_close in either case. */
int file_content_open(struct file_content *content, uint64_t seed, uint64_t block, uint64_t blocks,
                      uint64_t period);
void file_content_close(struct file_content *content);

/* The initial content's word number `word`. */
static inline uint64_t file_content_word(uint64_t seed, uint64_t word)
{
    return random_mix((word + 1) * UINT64_C(0x9e3779b97f4a7c15) + seed);
}

/* The initial content from `offset` on. */
void file_content_initial(uint64_t seed, uint64_t offset, uint64_t length, char *bytes);

/* Makes `buffer`, which holds the pattern as it is at `offset`, what is written there: `length` bytes, whole blocks. */
void file_content_stamp(const struct file_content *content, uint64_t offset, uint64_t length, char *buffer);

/* So many bytes from there on, whole blocks, now hold what is written. */
void file_content_mark(struct file_content *content, uint64_t offset, uint64_t length);

/* Nothing has been written. */
void file_content_forget(struct file_content *content);

#define FILE_CONTENT_SAME UINT64_MAX

/* The offset of the first byte that is not what has to be there, or FILE_CONTENT_SAME. */
uint64_t file_content_difference(const struct file_content *content, const char *bytes,
                                 uint64_t offset, uint64_t length);

#endif
