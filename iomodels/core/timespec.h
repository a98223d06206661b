/* A span of time as system calls take it. */
#ifndef IOMODELS_TIMESPEC_H
#define IOMODELS_TIMESPEC_H

#include <stdint.h>
#include <time.h>

static inline struct timespec timespec_of(int64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
}

#endif
