/* io_uring: requests are entries in a ring that the kernel reads, completions entries in one that it writes; one call
 * (io_uring_enter) starts any number and waits for any number. This file has what the engine says of itself; io_uring.h
 * says where the rest is.
 *
 * The descriptors are blocking ones: with O_NONBLOCK the kernel would answer EAGAIN, where it else watches the descriptor
 * and makes the transfer when it is ready. */
#include "io_uring.h"

static const char *uring_cannot(const struct trial_question *question)
{
    const struct settings *settings = question->settings;

    if (question->options[OPTION_MULTISHOT] == MULTISHOT_OFF)
        return NULL;
    if (!question->on_sockets)
        return "io_uring:multishot=on receives from sockets; it does not support files, pipes and timers";
    return settings->exchange == EXCHANGE_STREAM && settings->workload == WORKLOAD_WRITE
               ? "io_uring:multishot=on is about receiving, and here nothing is received"
               : NULL;
}

static const char *uring_degenerate(const struct trial_question *question)
{
    const struct settings *settings = question->settings;

    /* A thread of the kernel's copies while the application does something else; and buffered writes go to a worker. */
    if (question->options[OPTION_SQPOLL] == SQPOLL_ON || settings->workload != WORKLOAD_READ)
        return NULL;
    return question->on_files && settings->file_cache == CACHE_WARM
               ? "a read from the page cache is copied before io_uring_enter returns"
               : NULL;
}

static const struct engine_call calls_that_sleep[] = {
    {CALL_io_uring_enter, CLASS_SUBMIT, SLEEPS_ANYWHERE},
    {CALL_io_uring_setup, CLASS_SETUP, 0},
    {CALL_io_uring_register, CLASS_SETUP, 0},
    ENGINE_CALLS_END,
};

static const struct engine_call calls_that_start[] = {
    {CALL_io_uring_enter, CLASS_SUBMIT, 0},
    {CALL_sched_yield, CLASS_WAKE, 0},
    {CALL_io_uring_setup, CLASS_SETUP, 0},
    {CALL_io_uring_register, CLASS_SETUP, 0},
    ENGINE_CALLS_END,
};

static void uring_vary(struct engine *engine, const int64_t *options)
{
    if (options[OPTION_WAIT] == WAIT_SPIN) {
        engine->caps.spins = true;
        engine->caps.waits = false;
        engine->calls = calls_that_start;
    }
    engine->caps.starts_in_reap = options[OPTION_WAIT] == WAIT_ENTER && options[OPTION_SQPOLL] == SQPOLL_OFF;
    if (options[OPTION_MULTISHOT] == MULTISHOT_ON)
        engine->recycle = uring_recycle;
    engine->caps.links = options[OPTION_LINK] == LINK_ON;
    engine->caps.kernel_polls = options[OPTION_SQPOLL] == SQPOLL_ON;
    if (engine->caps.kernel_polls)
        engine->threads_in_words = "the kernel's polling thread, and its workers for what that one cannot do without blocking";
}

static const struct engine_option options[] = {
    [OPTION_SQPOLL] = {
        .name = "sqpoll",
        .meaning = "a thread of the kernel's polls for requests, and takes a CPU for it",
        .choices = (const char *const[]){"off", "on", NULL},
    },
    [OPTION_FIXED] = {
        .name = "fixed",
        .meaning = "what is registered with the kernel beforehand",
        .choices = (const char *const[]){"none", "files", "buffers", "both", NULL},
        .untried_values = 1u << FIXED_FILES | 1u << FIXED_BUFFERS, /* half of both */
    },
    [OPTION_TASKRUN] = {
        .name = "taskrun",
        .meaning = "when the kernel finishes a request: by interrupting the application, at its next call, or as it waits",
        .choices = (const char *const[]){"default", "coop", "defer", NULL},
        .needs_option = OPTION_SQPOLL,
        .needs_values = 1u << SQPOLL_OFF,
    },
    [OPTION_MULTISHOT] = {
        .name = "multishot",
        .meaning = "one receive goes on for all that arrives, into buffers provided beforehand (sockets)",
        .choices = (const char *const[]){"off", "on", NULL},
    },
    [OPTION_LINK] = {
        .name = "link",
        .meaning = "start a write and the sync that follows it together (IOSQE_IO_LINK), where writes are synced",
        .choices = (const char *const[]){"off", "on", NULL},
        .needs_option = OPTION_MULTISHOT,
        .needs_values = 1u << MULTISHOT_OFF,
    },
    [OPTION_WAIT] = {
        .name = "wait",
        .meaning = "sleep in io_uring_enter, or poll the completion ring",
        .choices = (const char *const[]){"enter", "spin", NULL},
    },
    {.name = NULL},
};

extern const struct engine engine_io_uring;
const struct engine engine_io_uring = {
    .name = "io_uring",
    .title = "io_uring",
    .calls_in_words = "io_uring_enter",
    .summary = "requests and completions lie in two rings shared with the kernel; one call starts and awaits any number",
    .other_side = "kernel",
    .news = NEWS_COMPLETION,
    .worker = WORKER_KERNEL,
    .complexity = COMPLEXITY_RINGS,
    .threads_in_words = "the kernel's workers, for what it cannot do without blocking: syncs, buffered writes, and cold "
                        "reads on some file systems",
    .options = options,
    .calls = calls_that_sleep,
    .counters = (const struct engine_counter[]){
        [COUNTER_SUBMITS_WITHOUT_CALL] = {"submits_without_call", NULL},
        [COUNTER_CQ_OVERFLOWS] = {
            "cq_overflows",
            "times the completion ring was full, and the kernel kept completions in a list of its own, which is slower",
        },
        [COUNTER_BUFFERS_EXHAUSTED] = {
            "receive_buffers_exhausted",
            "times no provided buffer was free, and a receive had to be started again",
        },
        {NULL, NULL},
    },
    .caps = {
        .files = true,
        .streams = true,
        .waits = true,
        .batches = true,
        .moves_data = true,
        .cancels = true,
    },
    .vary = uring_vary,
    .cannot = uring_cannot,
    .degenerate = uring_degenerate,
    .probe = uring_probe,
    .explain = uring_explain,
    .open = uring_open,
    .submit = uring_submit,
    .reap = uring_reap,
    .cancel = uring_cancel,
    .close = uring_close,
};
