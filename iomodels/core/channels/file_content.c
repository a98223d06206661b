/* The data file's content, and comparing with it (see file_content.h). */
#include "file_content.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORD_SIZE sizeof(uint64_t)
/* Compared at once. */
#define PIECE 4096u

static uint64_t minimum(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* `offset` is that of a sector; another one for each. */
static uint64_t stamp_word(const struct file_content *content, uint64_t offset)
{
    return ~file_content_word(content->seed, offset);
}

void file_content_initial(uint64_t seed, uint64_t offset, uint64_t length, char *bytes)
{
    while (length > 0) {
        const uint64_t word = file_content_word(seed, offset / WORD_SIZE);

        if (offset % WORD_SIZE == 0 && length >= WORD_SIZE) { /* nearly always */
            memcpy(bytes, &word, WORD_SIZE);
            bytes += WORD_SIZE;
            offset += WORD_SIZE;
            length -= WORD_SIZE;
            continue;
        }
        const uint64_t skip = offset % WORD_SIZE;
        const uint64_t n = minimum(WORD_SIZE - skip, length);

        memcpy(bytes, (const char *)&word + skip, n);
        bytes += n;
        offset += n;
        length -= n;
    }
}

static size_t written_words(const struct file_content *content)
{
    return (content->blocks + 63) / 64;
}

int file_content_open(struct file_content *content, uint64_t seed, uint64_t block, uint64_t blocks,
                      uint64_t period)
{
    *content = (struct file_content){
        .seed = seed,
        .block = block,
        .blocks = blocks,
        .period = period,
        .expected = malloc(PIECE),
    };
    if (!content->expected)
        return -ENOMEM;
    if (period == 0)
        return 0;
    content->pattern = malloc(period);
    content->written = calloc(written_words(content), sizeof *content->written);
    if (!content->pattern || !content->written)
        return -ENOMEM;
    file_content_initial(random_mix(seed), 0, period, content->pattern);
    return 0;
}

void file_content_close(struct file_content *content)
{
    free(content->pattern);
    free(content->written);
    free(content->expected);
}

void file_content_stamp(const struct file_content *content, uint64_t offset, uint64_t length, char *buffer)
{
    for (uint64_t at = 0; at < length; at += FILE_CONTENT_SECTOR) {
        const uint64_t word = stamp_word(content, offset + at);

        memcpy(buffer + at, &word, minimum(WORD_SIZE, length - at));
    }
}

void file_content_mark(struct file_content *content, uint64_t offset, uint64_t length)
{
    uint64_t block = offset / content->block;

    for (uint64_t at = 0; at < length; at += content->block, block++)
        content->written[block / 64] |= UINT64_C(1) << (block % 64);
}

void file_content_forget(struct file_content *content)
{
    memset(content->written, 0, written_words(content) * sizeof *content->written);
}

static bool is_written(const struct file_content *content, uint64_t block)
{
    return block < content->blocks &&
           (content->written[block / 64] >> (block % 64) & 1);
}

/* The written content of up to one sector, from `offset` on, to the sector's or the block's end. */
static uint64_t written_sector(const struct file_content *content, uint64_t offset, uint64_t length,
                               char *bytes)
{
    const uint64_t at = offset % content->block, in_sector = at % FILE_CONTENT_SECTOR;
    const uint64_t word = stamp_word(content, offset - in_sector);
    const uint64_t n = minimum(minimum(FILE_CONTENT_SECTOR - in_sector, content->block - at), length);

    memcpy(bytes, content->pattern + offset % content->period, n);
    if (in_sector < WORD_SIZE)
        memcpy(bytes, (const char *)&word + in_sector, minimum(WORD_SIZE - in_sector, n));
    return n;
}

/* What has to be at `offset`, to the block's end at most where blocks are written; how many bytes of it. */
static uint64_t expect(const struct file_content *content, uint64_t offset, uint64_t length,
                       char *bytes)
{
    if (!content->written) {
        file_content_initial(content->seed, offset, length, bytes);
        return length;
    }
    const uint64_t block = offset / content->block;
    const uint64_t in_block = minimum(content->block - offset % content->block, length);

    if (!is_written(content, block)) {
        file_content_initial(content->seed, offset, in_block, bytes);
        return in_block;
    }
    for (uint64_t n = 0; n < in_block;)
        n += written_sector(content, offset + n, in_block - n, bytes + n);
    return in_block;
}

uint64_t file_content_difference(const struct file_content *content, const char *bytes,
                                 uint64_t offset, uint64_t length)
{
    while (length > 0) {
        const uint64_t n = expect(content, offset, minimum(length, PIECE), content->expected);
        const char *expected = content->expected;

        if (memcmp(bytes, content->expected, n) != 0) {
            while (*bytes == *expected)
                bytes++, expected++;
            return offset + (uint64_t)(expected - content->expected);
        }
        bytes += n;
        offset += n;
        length -= n;
    }
    return FILE_CONTENT_SAME;
}
