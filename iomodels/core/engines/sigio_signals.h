/* The descriptors that send signals, and the thread that gets them.
 *
 * The signals are directed at one thread, that of reap, where they are blocked: there is no handler, and no other
 * thread gets one. */
#ifndef IOMODELS_SIGIO_SIGNALS_H
#define IOMODELS_SIGIO_SIGNALS_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine.h"

struct sigio_signals {
    struct calls *calls;
    const int *descriptors;
    uint32_t count;
    int number;   /* of the real-time signal, … */
    sigset_t set; /* … which is in here with SIGIO, which the kernel sends when it cannot queue that one */
    sigset_t mask_before;
    pid_t receiver; /* the thread, as the kernel knows it */
};

/* Chooses a signal, blocks it, and makes all descriptors send it to this thread. 0 or -errno, and then nothing has
 * changed: -EOPNOTSUPP where a descriptor sends no signals, -EBUSY where no signal is free. */
int sigio_signals_begin(struct sigio_signals *signals, const struct engine_setup *setup);
/* No more signals: those that were sent are taken, and descriptors and mask are as before. */
void sigio_signals_end(struct sigio_signals *signals);

/* If another thread reaps than has opened, or than before, they go to that one from now on. (A thread that got them
 * before keeps them blocked.) It takes a system call to know, so ask when none has come. 0 or -errno. */
int sigio_signals_come_here(struct sigio_signals *signals);

#endif
