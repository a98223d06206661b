/* What a process has besides memory: descriptors, threads, children, signal dispositions and its signal mask.
 * Taken before and after, and compared. */
#ifndef CONFORMANCE_SNAPSHOT_H
#define CONFORMANCE_SNAPSHOT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "check.h"

#define SNAPSHOT_DESCRIPTORS 2048
#define SNAPSHOT_SIGNALS 65

struct snapshot {
    bool descriptors[SNAPSHOT_DESCRIPTORS];
    uint32_t threads;
    uint32_t kernel_aio_contexts;
    bool has_children;
    struct {
        void (*handler)(int);
        int flags;
    } signals[SNAPSHOT_SIGNALS];
    sigset_t mask;
};

void snapshot_take(struct snapshot *snapshot);
/* Fails the rule with what is different now. The C library's idle AIO threads may stay for a second, and
 * are waited for, where the channel is in its first role: threads are the engine's, and the same in
 * all of them. */
void snapshot_expect(const struct snapshot *before, const struct subject *subject);

#endif
