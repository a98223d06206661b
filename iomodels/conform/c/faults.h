/* Which calls move data, or start one transfer each: those into which faults are injected. A call that starts several
 * and fails as a whole (io_uring_enter) is not one of them: that is no transfer's failure. A new engine's are added here. */
#ifndef CONFORMANCE_FAULTS_H
#define CONFORMANCE_FAULTS_H

#include <stdbool.h>

#include "check.h"

extern const bool transfer_calls[CALL_COUNT];

/* Whether the engine says of this call that it is of that class. */
bool call_is(const struct engine *engine, enum call_id id, enum call_class class);
/* Whether it is one that waits, and may be interrupted: one that submits to a ring may do both. */
bool call_waits(const struct engine *engine, enum call_id id);

#endif
