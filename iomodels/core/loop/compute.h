/* Computation in known amounts: what an application does with the data, as the loop imitates it.
 *
 * A unit is one step of a chain in which each depends on the one before, so that it takes the same
 * time wherever it runs and cannot be vectorised away. Amounts are counted in units, never in
 * time: a slower CPU then computes longer, as a real application would. */
#ifndef IOMODELS_COMPUTE_H
#define IOMODELS_COMPUTE_H

#include <stdint.h>

void compute(uint64_t units);

/* Units per millisecond on this CPU at this moment: the best of several tries over `window_ns`. */
uint64_t compute_calibrate(uint64_t window_ns);

#endif
