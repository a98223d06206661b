/* What the two ways of handing requests to threads have in common: threads.c has the engine and the way through the
 * loop, threads_alone.c the one in which each thread goes on by itself. */
#ifndef IOMODELS_THREADS_H
#define IOMODELS_THREADS_H

#include "engine.h"

int threads_cancel(void *state, struct request *request);

int alone_open(void **state, const struct engine_setup *setup);
int alone_submit(void *state, struct request *const *requests, uint32_t n);
int alone_reap(void *state, struct completion *completions, uint32_t min, uint32_t max, int64_t timeout_ns);
void alone_close(void *state);

#endif
