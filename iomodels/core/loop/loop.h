/* The measured loop: drives one engine on one channel, and alone stamps and records. */
#ifndef IOMODELS_LOOP_H
#define IOMODELS_LOOP_H

#include "channel.h"
#include "engine.h"
#include "record.h"
#include "settings.h"

struct loop;

struct loop_setup {
    const struct engine *engine;
    const struct channel *channel;
    struct settings settings;
    struct record *record;          /* zeroed by the caller; outlives the loop */
    const struct call_hooks *hooks; /* NULL, or a test's faults */
};

/* All three return 0 or -errno; the record then says at which stage. */
int loop_open(struct loop **loop, const struct loop_setup *setup);

/* What a slice does of I/O and computation; overlap needs each by itself and both together. */
enum part { PART_BOTH, PART_IO, PART_COMPUTATION };

/* One slice: starts with nothing in flight, measures for `duration_ns` (or until `max_operations`
 * have completed, if not 0), then starts nothing more and waits for what is in flight. */
int loop_run(struct loop *loop, uint64_t duration_ns, uint64_t max_operations, enum part part);

/* Cancels and releases what is still in flight, reaps it, and closes engine and channel. With
 * -ETIMEDOUT something would not end: then nothing is freed, since a late write may come. */
int loop_close(struct loop *loop);

#endif
