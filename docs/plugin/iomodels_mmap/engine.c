/* Reading a file through a mapping of it: no call at all for each read, but page faults.
 *
 * The file is mapped when the engine is opened. A read is a memcpy out of the mapping. If the page is in the page cache,
 * that costs a minor fault at its first access, and nothing but the copy after that. If it is not, the fault sleeps until
 * the device has read it, and the caller with it, so that nothing else is in flight meanwhile. If somebody has cut the
 * file off, there is no error to return: the access is a signal, SIGBUS.
 *
 * The contract that is kept here is stated in engine.h (`python -m iomodels.headers` prints where that is). */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "plugin.h"

#include "engines/transfer.h"

enum { ADVICE, OPTIONS };
enum { ADVICE_NORMAL, ADVICE_RANDOM, ADVICE_SEQUENTIAL, ADVICE_POPULATE };

static const int madvice[] = {
    [ADVICE_NORMAL] = MADV_NORMAL,
    [ADVICE_RANDOM] = MADV_RANDOM,
    [ADVICE_SEQUENTIAL] = MADV_SEQUENTIAL,
    [ADVICE_POPULATE] = MADV_WILLNEED,
};

struct mapping {
    char *start; /* NULL: none */
    size_t size;
};

struct mapped {
    struct calls *calls;
    struct mapping *by_descriptor;
    size_t numbers;     /* so many of them */
    struct ready ready; /* what submit has copied, until reap fetches it */
    uint32_t depth;
    struct sigaction before;
};

/* Where to go on when the copy of this thread meets the end of a file; NULL: it copies nothing. */
static _Thread_local sigjmp_buf *volatile at_the_end;

static void on_bus_error(int number)
{
    if (at_the_end)
        siglongjmp(*at_the_end, 1);
    (void)signal(number, SIG_DFL); /* somebody else's: the access is made again, and ends the process */
}

/* ------------------------------------------------------------------ opening and closing */

static void mapped_close(void *state)
{
    struct mapped *mapped = state;

    for (size_t fd = 0; mapped->by_descriptor && fd < mapped->numbers; fd++)
        if (mapped->by_descriptor[fd].start)
            (void)CALL(mapped->calls, other,
                       munmap(mapped->by_descriptor[fd].start, mapped->by_descriptor[fd].size));
    (void)CALL(mapped->calls, other, sigaction(SIGBUS, &mapped->before, NULL));
    free(mapped->by_descriptor);
    free(mapped->ready.items);
    free(mapped);
}

/* 0 or -errno. Calls that the core has no name for are counted as `other`. */
static int map(struct mapped *mapped, int fd, int64_t advice)
{
    const int populate = advice == ADVICE_POPULATE ? MAP_POPULATE : 0;
    struct mapping *mapping = &mapped->by_descriptor[fd];
    struct stat file;

    if (mapping->start)
        return 0; /* it was lent twice */
    if (CALL(mapped->calls, other, fstat(fd, &file)) < 0)
        return -errno;
    const size_t size = (size_t)file.st_size;
    const intptr_t start =
        CALL(mapped->calls, other, (intptr_t)mmap(NULL, size, PROT_READ, MAP_SHARED | populate, fd, 0));
    if (start == -1)
        return -errno;
    *mapping = (struct mapping){(char *)start, size};
    return CALL(mapped->calls, other, madvise(mapping->start, size, madvice[advice])) < 0 ? -errno : 0;
}

static int mapped_open(void **state, const struct engine_setup *setup)
{
    const struct sigaction action = {.sa_handler = on_bus_error, .sa_flags = SA_NODEFER};
    struct mapped *mapped = calloc(1, sizeof *mapped);
    int error = 0;

    if (!mapped)
        return -ENOMEM;
    mapped->calls = setup->calls;
    (void)CALL(mapped->calls, other, sigaction(SIGBUS, &action, &mapped->before));
    mapped->depth = setup->depth;
    mapped->numbers = engine_descriptor_numbers(setup);
    mapped->by_descriptor = calloc(mapped->numbers, sizeof *mapped->by_descriptor);
    mapped->ready.items = calloc(setup->depth, sizeof *mapped->ready.items);
    if (!mapped->by_descriptor || !mapped->ready.items)
        error = -ENOMEM;
    for (uint32_t i = 0; !error && i < setup->descriptor_count; i++)
        error = map(mapped, setup->descriptors[i], setup->options[ADVICE]);
    if (error) {
        mapped_close(mapped);
        return error;
    }
    *state = mapped;
    return 0;
}

/* ------------------------------------------------------------------ submit and reap */

/* How many bytes there are to read; 0 at the end of the file, also where that is not where it was. */
static ssize_t copy(const struct mapped *mapped, const struct request *request)
{
    const struct mapping *mapping = &mapped->by_descriptor[request->fd];
    sigjmp_buf here;
    const size_t offset = (size_t)request->offset;

    if (offset >= mapping->size)
        return 0;
    const size_t left = mapping->size - offset;
    const size_t length = request->length < left ? request->length : left;
    if (sigsetjmp(here, 0)) {
        at_the_end = NULL;
        return 0;
    }
    at_the_end = &here;
    memcpy(request->buffer, mapping->start + offset, length);
    at_the_end = NULL;
    return (ssize_t)length;
}

static int mapped_submit(void *state, struct request *const *requests, uint32_t n)
{
    struct mapped *mapped = state;
    uint32_t taken = 0;

    for (; taken < n && mapped->ready.count < mapped->depth; taken++)
        ready_push(&mapped->ready, requests[taken], copy(mapped, requests[taken]));
    return (int)taken;
}

static int mapped_reap(void *state, struct completion *completions, uint32_t min, uint32_t max, int64_t timeout_ns)
{
    struct mapped *mapped = state;

    (void)min, (void)timeout_ns; /* all that was submitted is complete */
    return (int)ready_pop(&mapped->ready, completions, max);
}

static int mapped_cancel(void *state, struct request *request)
{
    (void)state, (void)request;
    return -ENOTSUP; /* nothing is ever in flight */
}

/* ------------------------------------------------------------------ what it says of itself */

static const char *mapped_cannot(const struct trial_question *question)
{
    if (question->settings->workload != WORKLOAD_READ)
        return "mmap reads only: what a write through a mapping costs is paid later, by others";
    if (question->settings->file_cache == CACHE_DIRECT)
        return "mmap reads through the page cache, which direct I/O is there to avoid";
    return NULL;
}

static const char *const advices[] = {"normal", "random", "sequential", "populate", NULL};

static const struct engine engine_mmap = {
    .name = "mmap",
    .title = "Memory mapping",
    .calls_in_words = "mmap once, then memcpy",
    .summary = "the file is mapped once; reading is copying, and a fault brings what is not there",
    .other_side = "kernel",
    .news = NEWS_COMPLETION,
    .worker = WORKER_CALLER,
    .complexity = COMPLEXITY_ONE_CALL,
    .is_synchronous = true,
    .is_blocking = true,
    .options = (const struct engine_option[]){
        [ADVICE] = {.name = "advice", .meaning = "what madvise says of the accesses to come", .choices = advices},
        [OPTIONS] = {.name = NULL},
    },
    .calls = (const struct engine_call[]){{CALL_other, CLASS_SETUP, 0}, ENGINE_CALLS_END},
    .caps = {.files = true, .batches = true, .blocks_in_submit = true, .moves_data = true},
    .cannot = mapped_cannot,
    .open = mapped_open,
    .submit = mapped_submit,
    .reap = mapped_reap,
    .cancel = mapped_cancel,
    .close = mapped_close,
};

IOMODELS_PLUGIN(engine_mmap)
