/* What two threads write at once lies this far apart, or each write would take the line from the other's CPU. */
#ifndef IOMODELS_CACHE_LINE_H
#define IOMODELS_CACHE_LINE_H

#include <stdlib.h>
#include <string.h>

#define CACHE_LINE 64

/* Memory that begins on a line, all 0; to be freed. NULL: there is none. */
static inline void *cache_lines(size_t count, size_t size)
{
    void *memory = NULL;

    if (posix_memalign(&memory, CACHE_LINE, count * size) != 0)
        return NULL;
    memset(memory, 0, count * size);
    return memory;
}

#endif
