/* Room for those who wait (see waiters.h). */
#include "waiters.h"

#include <stdlib.h>

int waiters_open(struct waiters *waiters, const struct engine_setup *setup)
{
    const size_t numbers = engine_descriptor_numbers(setup);

    *waiters = (struct waiters){
        .by_slot = calloc(setup->depth, sizeof *waiters->by_slot),
        .by_descriptor = calloc(numbers, sizeof *waiters->by_descriptor),
        .ready.items = calloc(setup->depth, sizeof *waiters->ready.items),
        .depth = setup->depth,
        .numbers = numbers,
    };
    if (!waiters->by_slot || !waiters->by_descriptor || !waiters->ready.items) {
        waiters_close(waiters);
        return -ENOMEM;
    }
    for (size_t number = 0; number < numbers; number++)
        for (int kind = 0; kind < WAIT_KINDS; kind++)
            waiters->by_descriptor[number].queues[kind] = (struct wait_queue){NOBODY, NOBODY};
    return 0;
}

void waiters_close(struct waiters *waiters)
{
    free(waiters->by_slot);
    free(waiters->by_descriptor);
    free(waiters->ready.items);
    *waiters = (struct waiters){0};
}

const char *waiters_degenerate(const struct trial_question *question)
{
    return question->on_files ? "a regular file is always ready" : NULL;
}
