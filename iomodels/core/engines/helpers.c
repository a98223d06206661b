/* Starting helper threads (see helpers.h). */
#include "helpers.h"

#include <signal.h>
#include <unistd.h>

/* Enough for one call, so that hundreds of sleeping threads cost little. */
#define STACK_SIZE (64u << 10)

static int small_stacks(pthread_attr_t *attributes)
{
    const long least = sysconf(_SC_THREAD_STACK_MIN);

    return pthread_attr_setstacksize(attributes, least > (long)STACK_SIZE ? (size_t)least : STACK_SIZE);
}

int helpers_start(pthread_t *threads, uint32_t count, uint32_t *started, void *(*run)(void *),
                  void *first, size_t stride, struct engine_resource *resource)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);

    *started = 0;
    if (error)
        return -error;
    error = small_stacks(&attributes);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* they inherit the mask */
    while (!error && *started < count) {
        error = pthread_create(&threads[*started], &attributes, run, (char *)first + *started * stride);
        *started += !error;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    *resource = (struct engine_resource){.asked = count, .obtained = *started};
    return -error;
}
