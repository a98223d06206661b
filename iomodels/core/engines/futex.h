/* Sleeping on a word, and waking whoever does, as the counted system calls that they are.
 *
 * Rather than condition variables: a wait here has a relative timeout and so needs no clock, ends on a signal, and takes
 * one wake for several. Tests never let them fail: a wake that fails is nothing the kernel ever does. */
#ifndef IOMODELS_FUTEX_H
#define IOMODELS_FUTEX_H

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calls.h"
#include "timespec.h"

/* Sleeps while the word has this value, at most `timeout_ns` (negative: for ever). 0 or -errno; -EAGAIN: it had another. */
static inline int futex_wait(const struct calls *calls, uint32_t *word, uint32_t value, int64_t timeout_ns)
{
    struct calls here = calls_without_hooks(calls);
    const struct timespec timeout = timespec_of(timeout_ns);
    const long result = CALL(&here, futex_wait,
                             syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value,
                                     timeout_ns < 0 ? NULL : &timeout, NULL, 0));

    return result < 0 ? -errno : 0;
}

static inline void futex_wake(const struct calls *calls, uint32_t *word, uint32_t count)
{
    struct calls here = calls_without_hooks(calls);

    (void)CALL(&here, futex_wake, syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0));
}

#endif
