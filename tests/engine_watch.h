/* Stands between the loop and its engine and channel, and sees to it that every request ends exactly once and
 * that nobody writes into a buffer when its request has ended. A fault ends the program with one sentence.
 *
 * AddressSanitizer does not see the late write of a POSIX AIO thread: glibc calls its own pread there. So the
 * requests get buffers from here, several for each slot in turn: one whose request has ended is filled with
 * poison, and looked at before it is used again, and some ms after the loop was closed. */
#ifndef ENGINE_WATCH_H
#define ENGINE_WATCH_H

#include "channel.h"
#include "engine.h"

#define WATCH_SLOTS 32
#define WATCH_BLOCK 4096

/* One engine and one channel at a time, for at most WATCH_SLOTS requests of at most WATCH_BLOCK bytes. */
const struct engine *watch_engine(const struct engine *engine);
const struct channel *watch_channel(const struct channel *channel);

/* After loop_close. Returns how many transfers there were since the last time. */
uint64_t watch_end(void);

#endif
