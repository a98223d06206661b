/* Engines with a planted bug, where tests have linked them in (tests/core/planted); NULL in what is installed. */
#ifndef CONFORMANCE_PLANTING_H
#define CONFORMANCE_PLANTING_H

#include "engine_names.h"

/* Whether there is a planted engine of this name; then it is ready to run. */
__attribute__((weak)) bool planted_find(struct named_engine *named, const char *name);
/* Prints each, where it has to be caught, and the rule. */
__attribute__((weak)) void planted_list(void);

#endif
