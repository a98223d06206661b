/* Computation in known amounts (see compute.h). */
#include "compute.h"

#include "random.h"
#include "record/clock.h"

void compute(uint64_t units)
{
    uint64_t value = units;

    for (uint64_t i = 0; i < units; i++)
        value = random_mix(value + 1);
    /* The compiler must believe that somebody wants the result. */
    __asm__ volatile("" : : "r"(value));
}

uint64_t compute_calibrate(uint64_t window_ns)
{
    enum { TRIES = 8, UNITS = 20000 };
    const uint64_t deadline_ns = clock_monotonic_ns() + window_ns;
    uint64_t best_ns = UINT64_MAX;

    for (int try = 0; try < TRIES || clock_monotonic_ns() < deadline_ns; try++) {
        uint64_t start_ns = clock_monotonic_ns();
        compute(UNITS);
        uint64_t took_ns = clock_monotonic_ns() - start_ns;

        if (took_ns < best_ns)
            best_ns = took_ns;
    }
    return UNITS * UINT64_C(1000000) / (best_ns ? best_ns : 1);
}
