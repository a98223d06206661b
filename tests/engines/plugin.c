/* A plug-in for tests: blocking calls, one request at a time. What is to go wrong in it, and where, is said by macros:
 * -DIN_SUBMIT=crash. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "plugin.h"

#include "engines/transfer.h"

#ifndef NAME
#define NAME "mine"
#endif

static __attribute__((unused)) void nothing(void) {}

static __attribute__((unused)) void crash(void)
{
    raise(SIGSEGV);
}

static __attribute__((unused)) void hang(void)
{
    for (;;)
        pause();
}

static __attribute__((unused)) void leave(void)
{
    exit(3);
}

static __attribute__((unused)) void print(void)
{
    static const char text[] = "{\"name\": \"other\"}\n17\n";

    if (write(STDOUT_FILENO, text, sizeof text - 1) < 0)
        abort();
}

#ifndef IN_LOAD
#define IN_LOAD nothing
#endif
#ifndef IN_VARY
#define IN_VARY nothing
#endif
#ifndef IN_PROBE
#define IN_PROBE nothing
#endif
#ifndef IN_OPEN
#define IN_OPEN nothing
#endif
#ifndef IN_SUBMIT
#define IN_SUBMIT nothing
#endif
#ifndef IN_REAP
#define IN_REAP nothing
#endif

struct mine {
    struct calls *calls;
    struct completion complete;
};

static void __attribute__((constructor)) load(void)
{
    IN_LOAD();
}

static void mine_vary(struct engine *engine, const int64_t *options)
{
    IN_VARY();
    engine->caps.max_depth = options[0] ? 2 : 1;
}

static const char *mine_probe(const struct trial_question *question)
{
    (void)question;
    IN_PROBE();
    return NULL;
}

static int mine_open(void **state, const struct engine_setup *setup)
{
    struct mine *mine = calloc(1, sizeof *mine);

    IN_OPEN();
    if (!mine)
        return -ENOMEM;
    mine->calls = setup->calls;
    *state = mine;
    return 0;
}

static int mine_submit(void *state, struct request *const *requests, uint32_t n)
{
    struct mine *mine = state;

    IN_SUBMIT();
    if (n == 0 || mine->complete.request)
        return 0;
    (void)CALL(mine->calls, other, getppid() > 0 ? 0 : -1);
    mine->complete = (struct completion){requests[0], transfer(mine->calls, requests[0])};
    return 1;
}

static int mine_reap(void *state, struct completion *completions, uint32_t min, uint32_t max, int64_t timeout_ns)
{
    struct mine *mine = state;

    (void)min, (void)timeout_ns;
    IN_REAP();
    if (!mine->complete.request || max == 0)
        return 0;
    completions[0] = mine->complete;
#ifdef TWICE
    if (max > 1) {
        completions[1] = mine->complete;
        mine->complete.request = NULL;
        return 2;
    }
    return 1; /* and again the next time */
#else
    mine->complete.request = NULL;
    return 1;
#endif
}

static int mine_cancel(void *state, struct request *request)
{
    (void)state, (void)request;
    return -ENOTSUP;
}

static void mine_close(void *state)
{
    free(state);
}

static const struct engine engine_mine = {
    .name = NAME,
    .title = "Mine",
    .calls_in_words = "read / write",
    .summary = "the call returns when the data has been transferred",
    .other_side = "kernel",
    .news = NEWS_COMPLETION,
    .worker = WORKER_CALLER,
    .complexity = COMPLEXITY_ONE_CALL,
    .options = (const struct engine_option[]){
        {.name = "depth", .meaning = "how many it says it takes", .choices = (const char *const[]){"one", "two", NULL}},
        {.name = NULL},
    },
    .vary = mine_vary,
    .calls = (const struct engine_call[]){
        TRANSFER_CALLS(SLEEPS_ON_STREAMS),
        {CALL_other, CLASS_QUERY, 0},
        ENGINE_CALLS_END,
    },
    .caps = {.files = true, .streams = true, .blocks_in_submit = true, .moves_data = true, .max_depth = 1},
    .probe = mine_probe,
    .open = mine_open,
    .submit = mine_submit,
    .reap = mine_reap,
    .cancel = mine_cancel,
#ifndef NO_CLOSE
    .close = mine_close,
#endif
};

#ifdef NO_CLOSE
void (*unused_close)(void *) = mine_close;
#endif
#ifdef ITS_ABI
#undef IOMODELS_ABI
#define IOMODELS_ABI ITS_ABI
#endif
#ifdef BIGGER
#undef PLUGIN_SIZE
#define PLUGIN_SIZE(type) [PLUGIN_##type] = sizeof(struct type) + 8,
#endif
#ifndef NO_SYMBOL
IOMODELS_PLUGIN(engine_mine)
#else
const struct engine *its_engine = &engine_mine;
#endif
