/* The table of planted engines, each with the rule that has to catch it. */
#include <stdio.h>
#include <string.h>

#include "planted.h"

extern const struct engine engine_blocking, engine_nonblocking, engine_select, engine_aio;
extern const struct engine engine_null, engine_threads, engine_kaio, engine_sigio;
extern const struct engine engine_io_uring, engine_epoll;

const struct engine *planted_base;

#define BREAK_WITH(with, ...) {__VA_ARGS__}, with
#define BREAK(...) BREAK_WITH(NULL, __VA_ARGS__)

const struct planted planted_engines[] = {
    {"completes-twice", &engine_nonblocking, "timer", "completes-once",
     BREAK(.reap = reap_completes_twice)},
    {"completes-twice-null", &engine_null, "file", "completes-once",
     BREAK(.reap = reap_completes_twice)},
    {"loses-one", &engine_select, "timer", "completes-once", BREAK(.reap = reap_loses_one)},
    {"wrong-bytes", &engine_aio, "file", "completes-once", BREAK(.reap = reap_flips_a_bit)},
    {"keeps-lengths", &engine_epoll, "pipe:read", "several-sizes", BREAK(.submit = submit_keeps_lengths)},
    {"takes-too-many", &engine_aio, "file", "submit-takes-what-fits",
     BREAK(.submit = submit_takes_too_many)},
    {"ignores-depth", &engine_select, "timer", "submit-takes-what-fits",
     BREAK(.open = open_deeper)},
    {"ignores-max", &engine_nonblocking, "file", "reap-respects-max",
     BREAK(.reap = reap_ignores_max)},
    {"takes-one-at-a-time", &engine_nonblocking, "timer", "depth-is-kept",
     BREAK(.submit = submit_one_at_a_time, .reap = reap_one_at_a_time)},
    {"fixed-table", &engine_nonblocking, "timer", "fills-its-depth",
     BREAK(.submit = submit_at_most_64, .reap = reap_counts_out)},
    {"waits-when-looking", &engine_select, "timer", "reap-min-zero-looks",
     BREAK(.reap = reap_waits_when_looking)},
    {"ignores-timeout", &engine_aio, "timer", "reap-times-out",
     BREAK(.reap = reap_ignores_timeout)},
    {"returns-too-soon", &engine_select, "timer", "reap-times-out",
     BREAK(.reap = reap_returns_early)},
    {"ignores-min", &engine_select, "timer", "reap-waits-for-min", BREAK(.reap = reap_min_one)},
    {"swallows-eintr", &engine_select, "timer", "reap-interrupted",
     BREAK(.reap = reap_blocks_signals)},
    {"burns-cpu", &engine_select, "timer", "wait-burns-no-cpu", BREAK(.reap = reap_burns)},
    {"burns-cpu-in-turn", &engine_aio, "timer", "waits-in-turn-burn-no-cpu", BREAK(.reap = reap_burns)},
    {"burns-cpu-for-others", &engine_select, "timer", "waits-only-for-its-own",
     BREAK(.reap = reap_burns)},
    {"leaves-output-armed", &engine_epoll, "socket:server", "wait-burns-no-cpu",
     BREAK(.open = open_finds_epoll, .reap = reap_with_output_armed)},
    {"leaves-output-armed-after-a-write", &engine_epoll, "socket:server", "read-after-full-burns-no-cpu",
     BREAK(.open = open_finds_epoll, .reap = reap_with_output_armed_for_ever)},
    {"loses-an-edge", &engine_epoll, "socket:read", "completes-once",
     BREAK_WITH("trigger=edge", .open = open_does_not_drain)},
    {"leaves-epoll", &engine_epoll, "socket:server", "leaves-nothing",
     BREAK(.open = open_finds_epoll, .close = close_leaves_epoll)},
    {"submit-fails", &engine_blocking, "file", "failure-is-completion",
     BREAK(.submit = submit_negative)},
    {"reap-fails", &engine_nonblocking, "timer", "failure-is-completion",
     BREAK(.reap = reap_negative)},
    {"hides-failure", &engine_aio, "timer", "failure-is-completion",
     BREAK(.reap = reap_hides_failure)},
    {"busy-as-completion", &engine_select, "timer", "busy-is-not-failure",
     BREAK(.reap = reap_busy_as_completion)},
    {"drops-cancelled", &engine_nonblocking, "timer", "cancel-completes",
     BREAK(.reap = reap_drops_cancelled)},
    {"refuses-to-cancel", &engine_select, "timer", "cancel-completes",
     BREAK(.cancel = cancel_forgets)},
    {"allocates", &engine_select, "timer", "nothing-allocated", BREAK(.submit = submit_allocates)},
    {"prints", &engine_blocking, "timer", "nothing-printed", BREAK(.submit = submit_prints)},
    {"prints-error", &engine_null, "file", "nothing-printed", BREAK(.submit = submit_prints_error)},
    {"reads-clock", &engine_nonblocking, "file", "no-clock-read",
     BREAK(.submit = submit_reads_clock)},
    {"uncounted-call", &engine_select, "file", "calls-are-counted",
     BREAK(.submit = submit_uncounted)},
    {"undeclared-call", &engine_select, "timer", "calls-are-declared",
     BREAK(.calls = (const struct engine_call[]){ENGINE_CALLS_END})},
    {"leaks-descriptor", &engine_blocking, "file", "leaves-nothing",
     BREAK(.open = open_leaks_descriptor)},
    {"leaks-thread", &engine_null, "timer", "leaves-nothing", BREAK(.open = open_leaks_thread)},
    {"leaves-handler", &engine_select, "timer", "leaves-nothing",
     BREAK(.open = open_leaves_handler)},
    {"leaves-mask", &engine_select, "timer", "leaves-nothing", BREAK(.open = open_leaves_mask)},
    {"keeps-memory", &engine_select, "timer", "leaves-nothing", BREAK(.open = open_keeps_memory)},
    {"stays-armed", &engine_sigio, "socket:server", "leaves-nothing",
     BREAK(.open = open_notes_descriptors, .close = close_stays_armed)},
    {"late-write", &engine_nonblocking, "file", "no-late-write",
     BREAK(.open = open_late_writer, .submit = submit_to_late_writer, .close = close_late_writer)},
    {"leaks-without-memory", &engine_select, "timer", "no-memory",
     BREAK(.open = open_leaks_without_memory)},
    {"leaks-when-refused", &engine_sigio, "socket:server", "no-call-to-open",
     BREAK(.open = open_leaks_without_memory)},
    {"completes-early", &engine_select, "timer", "never-early",
     BREAK(.submit = submit_completes_early, .reap = reap_with_early)},
    {"stretches-short", &engine_blocking, "file", "short-transfers",
     BREAK(.reap = reap_stretches_short)},
    {"hides-the-end", &engine_blocking, "file", "end-of-data-is-an-error",
     BREAK(.reap = reap_end_as_success)},
    {"unrecorded-call", &engine_blocking, "timer", "trace-holds-every-call",
     BREAK(.open = open_keeps_calls, .submit = submit_only_counts)},
    {"reads-twice", &engine_blocking, "file", "drain-leaves-nothing-in-flight",
     BREAK(.open = open_keeps_calls, .submit = submit_reads_twice)},
    {"breaks-interrupted", &engine_aio, "file", "interrupted-transfers-go-on",
     BREAK(.reap = reap_breaks_interrupted)},
    {"reap-fails-late", &engine_select, "file", "closes-after-a-failure",
     BREAK(.reap = reap_negative)},
    {"never-stops", &engine_aio, "timer", "closes-with-requests-in-flight",
     BREAK(.reap = reap_ignores_timeout)},
    {"leaves-child", &engine_blocking, "pipe:echo", "leaves-nothing",
     BREAK(.open = open_leaves_child)},
    {"reads-wrong-bytes", &engine_aio, "socket:server", "completes-once",
     BREAK(.reap = reap_flips_a_bit)},
    {"writes-wrong-bytes", &engine_select, "pipe:write", "completes-once",
     BREAK(.submit = submit_flips_a_bit)},
    {"writes-wrong-requests", &engine_nonblocking, "socket:tcp-echo", "completes-once",
     BREAK(.submit = submit_flips_a_bit)},
    {"stretches-short-reads", &engine_nonblocking, "socket:read", "short-transfers",
     BREAK(.reap = reap_stretches_short)},
    {"burns-cpu-serving", &engine_select, "pipe:server", "wait-burns-no-cpu",
     BREAK(.reap = reap_burns)},
    {"burns-cpu-writing", &engine_threads, "socket:write", "full-stream-waits",
     BREAK(.reap = reap_burns_its_time)},
    {"hides-the-dead", &engine_select, "socket:write", "dead-peer-ends-the-run",
     BREAK(.reap = reap_hides_failure)},
    {"waits-for-the-dead", &engine_nonblocking, "pipe:server", "dead-peer-ends-the-run",
     BREAK(.reap = reap_drops_ends)},
    {"waits-for-the-idle-dead", &engine_select, "socket:idle", "dead-peer-ends-the-run",
     BREAK(.reap = reap_drops_ends)},
    {"leaves-one-unanswered", &engine_select, "socket:server", "server-is-drained",
     BREAK(.submit = submit_swallows_a_write, .reap = reap_swallowed)},
    {"cancels-in-words", &engine_select, "timer", "survives-random-use", BREAK(.cancel = cancel_lies)},
    {"loses-cancelled-bytes", &engine_select, "socket:server", "survives-random-use",
     BREAK(.cancel = cancel_remembers, .reap = reap_loses_what_was_cancelled)},
    {"completes-cancelled-twice", &engine_nonblocking, "file", "survives-random-use",
     BREAK(.reap = reap_completes_twice)},
    {"drops-syncs", &engine_blocking, "file:synced", "writes-are-synced",
     BREAK(.submit = submit_drops_syncs, .reap = reap_dropped_sync)},
    {"drops-linked-syncs", &engine_io_uring, "file:synced", "writes-are-synced",
     BREAK_WITH("link=on", .submit = submit_unlinks, .reap = reap_unlinked)},
    {"hides-failed-syncs", &engine_threads, "file:synced", "failed-sync-is-failure",
     BREAK(.reap = reap_hides_failure)},
    {"breaks-interrupted-syncs", &engine_kaio, "file:synced", "interrupted-sync-is-made-again",
     BREAK(.reap = reap_breaks_interrupted)},
    {"leaves-poll-armed", &engine_kaio, "timer", "leaves-nothing",
     BREAK(.submit = submit_leaves_a_poll_armed)},
    {"recycles-early", &engine_io_uring, "socket:server", "brought-bytes-stay",
     BREAK_WITH("multishot=on", .reap = reap_recycles_early, .recycle = recycle_nothing)},
    {"receives-twice", &engine_io_uring, "socket:server", "completes-once",
     BREAK_WITH("multishot=on", .reap = reap_receives_twice)},
    {"completes-receives-twice", &engine_io_uring, "socket:echo", "completes-once",
     BREAK_WITH("multishot=on", .reap = reap_completes_twice)},
    {"drops-short-writes", &engine_io_uring, "pipe:write", "short-transfers",
     BREAK(.reap = reap_stretches_short)},
    {"loses-overflow", &engine_io_uring, "timer", "completes-once",
     BREAK(.open = open_small_ring, .reap = reap_loses_what_overflowed)},
    {"starts-late", &engine_io_uring, "socket:echo", "submit-starts",
     BREAK(.submit = submit_leaves_to_reap, .reap = reap_starts_first)},
    {"waits-for-milliseconds", &engine_select, "timer", "timeouts-are-not-rounded",
     BREAK(.reap = reap_rounds_up)},
    {"renames-errors", &engine_select, "timer", "survives-failing-calls",
     BREAK(.reap = reap_renames_errors)},
    {NULL, NULL, NULL, NULL, BREAK(.name = NULL)},
};

void planted_list(void)
{
    for (const struct planted *planted = planted_engines; planted->name; planted++)
        printf("%s %s %s\n", planted->name, planted->channel, planted->rule);
}

bool planted_find(struct named_engine *named, const char *name)
{
    static struct named_engine base;
    char with_options[ENGINE_NAME_SIZE];

    for (const struct planted *planted = planted_engines; planted->name; planted++) {
        const struct engine *broken = &planted->broken;
        struct engine *engine = &named->engine;

        if (strcmp(planted->name, name) != 0)
            continue;
        snprintf(with_options, sizeof with_options, "%s%s%s", planted->base->name, planted->options ? ":" : "",
                 planted->options ? planted->options : "");
        if (!named_engine_find(&base, with_options))
            return false;
        planted_base = &base.engine;
        *named = base;
        engine->name = planted->name;
        if (broken->calls)
            engine->calls = broken->calls;
        if (broken->open)
            engine->open = broken->open;
        if (broken->submit)
            engine->submit = broken->submit;
        if (broken->reap)
            engine->reap = broken->reap;
        if (broken->cancel)
            engine->cancel = broken->cancel;
        if (broken->recycle)
            engine->recycle = broken->recycle;
        if (broken->close)
            engine->close = broken->close;
        return true;
    }
    return false;
}
