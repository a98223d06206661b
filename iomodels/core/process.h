/* This process, as the kernel counts it. */
#ifndef IOMODELS_PROCESS_H
#define IOMODELS_PROCESS_H

#include <stdint.h>
#include <sys/stat.h>

/* How many threads it has now; 0 where /proc does not say. One system call, safe in a signal handler: a folder has a link
 * for itself, one from above, and one from each folder in it. */
static inline uint64_t process_threads(void)
{
    struct stat tasks;

    return stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink > 2 ? (uint64_t)tasks.st_nlink - 2 : 0;
}

#endif
