/* What an engine got of what it asked for (engine.h, ENGINE_RESOURCES). A failure can be noted in a signal handler, so the
 * sentence is put together with what is safe there. */
#include <errno.h>
#include <string.h>

#include "loop_state.h"

static const char *const names[] = {
#define X(constant, name, remedy) [RESOURCE_##constant] = (name),
    ENGINE_RESOURCES(X)
#undef X
};

static const char *const remedies[] = {
#define X(constant, name, remedy) [RESOURCE_##constant] = (remedy),
    ENGINE_RESOURCES(X)
#undef X
};

static char *put(char *at, const char *end, const char *text)
{
    while (*text && at < end)
        *at++ = *text++;
    return at;
}

static char *put_number(char *at, const char *end, uint64_t number)
{
    char digits[21], *digit = digits + sizeof digits - 1;

    *digit = 0;
    do {
        *--digit = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    return put(at, end, digit);
}

/* "6 of 32 threads could be started: …" */
static void describe(struct loop *loop, enum resource which, uint64_t obtained)
{
    char *at = loop->shortage;
    const char *end = at + sizeof loop->shortage - 1;

    if (obtained) {
        at = put_number(at, end, obtained);
        at = put(at, end, " of ");
    } else {
        at = put(at, end, "fewer than ");
    }
    at = put_number(at, end, loop->resources[which].asked);
    at = put(at, end, " ");
    at = put(at, end, names[which]);
    at = put(at, end, " could be started: ");
    at = put(at, end, remedies[which]);
    *at = 0;
}

const char *loop_shortage(struct loop *loop)
{
    for (enum resource which = 0; which < RESOURCE_COUNT; which++)
        if (engine_resource_lacks(&loop->resources[which])) {
            describe(loop, which, __atomic_load_n(&loop->resources[which].obtained, __ATOMIC_RELAXED));
            return loop->shortage;
        }
    return NULL;
}

int loop_check_resources(struct loop *loop)
{
    return loop_shortage(loop) ? loop_fail(loop, STAGE_RESOURCES, -EAGAIN) : 0;
}
