/* Looks at what an engine really does: the program is linked with --wrap for the functions below, so
 * that every call the objects of core make comes through here first. Calls that the C library makes
 * for itself do not.
 *
 * Only the engine is watched: the suite's own thread says where it leaves itself for the engine, and
 * all other threads are taken for the engine's. */
#ifndef CONFORMANCE_PROBE_H
#define CONFORMANCE_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "calls.h"

struct probe {
    uint64_t calls[CALL_COUNT]; /* real ones, by the name under which CALL counts them */
    uint64_t allocations, frees, clock_reads;
};

/* The thread that calls this is the suite's own. */
void probe_start(void);
/* Counting begins anew, or ends. */
void probe_watch(bool on);
/* Between these two the suite's thread is inside the engine. */
void probe_enter_engine(void);
void probe_leave_engine(void);
struct probe probe_read(void);
/* From now on the engine is one that was not linked with the program: its own calls do not come through here. */
void probe_sees_nothing(void);
bool probe_is_blind(void);
/* Whether calls of this name come through here at all. */
bool probe_sees(enum call_id id);

/* From now on the allocation number `countdown` (from 0) of the whole program fails, once. */
void probe_fail_allocation(uint64_t countdown);
/* Allows all allocations again; whether one had failed. */
bool probe_allocation_failed(void);
/* What the objects of core have allocated and not freed. */
int64_t probe_live_allocations(void);

/* Standard output and error go into memory; returns how many bytes were written there. */
void probe_capture_output(void);
uint64_t probe_captured_output(void);
void probe_restore_output(void);

#endif
