/* threads_rest: a slot may be submitted again from the moment when next() had nothing for it, before its thread has said
 * that it is done. Here next() itself submits, so that it is sure to be before. Exit 0, or one sentence on standard
 * error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"

#define TURNS 1000

static struct engine engine;
static void *state;
static struct request request;
static char buffer;
static int pipe_fds[2], done_fds[2];
static uint32_t turns;

static _Noreturn void fail(const char *what, long long number)
{
    fprintf(stderr, "%s: %lld\n", what, number);
    exit(EXIT_FAILURE);
}

static int submit_a_read(void)
{
    struct request *only = &request;

    if (write(pipe_fds[1], "x", 1) != 1)
        fail("the pipe took nothing", 0);
    request = (struct request){
        .operation = OPERATION_READ,
        .fd = pipe_fds[0],
        .offset = OFFSET_STREAM,
        .buffer = &buffer,
        .length = 1,
    };
    return engine.submit(state, &only, 1);
}

static struct request *rest(void *loop, const struct completion *done)
{
    (void)loop;
    if (done->result != 1)
        fail("a read ended with", done->result);
    if (++turns == TURNS) {
        if (write(done_fds[1], "x", 1) != 1)
            fail("the pipe took nothing", 0);
    } else if (submit_a_read() != 1) {
        fail("a slot at rest was not taken, in turn", turns);
    }
    return NULL;
}

int main(void)
{
    uint64_t count[CALL_COUNT] = {0}, eagain[CALL_COUNT] = {0};
    struct calls calls = {.count = count, .eagain = eagain};
    const int64_t options[] = {1}; /* handoff=none */
    const struct engine *threads = engine_find("threads");

    if (!threads || strcmp(threads->options[0].name, "handoff") != 0 || pipe(pipe_fds) < 0 || pipe(done_fds) < 0)
        return 2;
    engine = *threads;
    engine.vary(&engine, options);
    struct engine_resource resources[RESOURCE_COUNT];
    const struct engine_setup setup = {
        .resources = resources,
        .depth = 1,
        .options = options,
        .descriptors = pipe_fds,
        .descriptor_count = 1,
        .calls = &calls,
        .next = rest,
    };
    int error = engine.open(&state, &setup);
    if (error)
        fail("the engine did not open", error);
    if (submit_a_read() != 1)
        fail("the first read was not taken", 0);
    if (read(done_fds[0], &buffer, 1) != 1) /* the last turn */
        fail("nothing told that it is done", 0);
    engine.close(state);
    return 0;
}
