/* Starting an engine's helper threads. */
#ifndef IOMODELS_HELPERS_H
#define IOMODELS_HELPERS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "engine.h"

/* Starts `count` threads with small stacks and all signals blocked: those are for the application's own thread. The
 * n-th runs `run` with `first` + n × `stride`. 0 or -errno; `started` counts those that must be joined, in either
 * case, and `resource` has both numbers. */
int helpers_start(pthread_t *threads, uint32_t count, uint32_t *started, void *(*run)(void *),
                  void *first, size_t stride, struct engine_resource *resource);

#endif
