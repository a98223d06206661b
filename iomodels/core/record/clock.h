/* The clock of the measured loop.
 *
 * Reads the TSC where the kernel itself uses it as its clock source (then it is constant, does not
 * stop, and is the same on all CPUs; the kernel's watchdog sees to that), and CLOCK_MONOTONIC
 * elsewhere. A TSC read takes about half of a vDSO clock_gettime, and the loop reads it twice per
 * operation. */
#ifndef IOMODELS_CLOCK_H
#define IOMODELS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)

__extension__ typedef unsigned __int128 uint128;

struct clock {
    /* Nanoseconds per tick as a 32.32 fixed-point number; 0: use CLOCK_MONOTONIC. */
    uint64_t ns_per_tick_q32;
};

/* Whether the kernel's own clock source is the TSC. */
bool clock_tsc_is_trusted(void);

/* Measures the TSC against CLOCK_MONOTONIC over `window_ns` and fills `clock`; where the TSC is not
 * trusted, chooses CLOCK_MONOTONIC at once. The error is about 50 ns / window_ns. */
void clock_calibrate(struct clock *clock, uint64_t window_ns);

static inline uint64_t clock_monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static inline uint64_t clock_ticks(void)
{
#if defined(__x86_64__)
    /* rdtsc alone may be executed before earlier loads have finished; the fence makes it a stamp of
     * this place in the program. The kernel reads it the same way (rdtsc_ordered). */
    __builtin_ia32_lfence();
    return __builtin_ia32_rdtsc();
#else
    return 0;
#endif
}

/* Nanoseconds since an arbitrary start; never goes backwards on one machine. */
static inline uint64_t clock_now_ns(const struct clock *clock)
{
    if (__builtin_expect(clock->ns_per_tick_q32 != 0, 1))
        return (uint64_t)(((uint128)clock_ticks() * clock->ns_per_tick_q32) >> 32);
    return clock_monotonic_ns();
}

#endif
