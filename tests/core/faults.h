/* Which calls move data: those into which faults are injected. A new engine's are added here. */
#ifndef CONFORMANCE_FAULTS_H
#define CONFORMANCE_FAULTS_H

#include <stdbool.h>

#include "calls.h"

extern const bool transfer_calls[CALL_COUNT];

#endif
