/* The rule of faults: each call that an engine says it makes fails, with each error that its manual page names and a
 * working program can meet; the first time that it is made, and later, in mid-run or while a loop is being closed.
 * Either the engine overcomes it, or the trial ends with that error; nothing hangs and nothing is left behind. */
#include <errno.h>
#include <string.h>

#include "faults.h"
#include "loop_case.h"
#include "probe.h"
#include "snapshot.h"

#define OPERATIONS 30
#define LATER 7

/* Ended by 0. What aio_error answers is no failure of its own; of sigprocmask and futex there is none. */
static const int errors_of[CALL_COUNT][8] = {
    [CALL_read] = {EIO, EINTR},
    [CALL_write] = {EIO, EINTR, ENOSPC, EPIPE},
    [CALL_pread] = {EIO, EINTR},
    [CALL_preadv2] = {EIO, EINTR},
    [CALL_pwrite] = {EIO, EINTR, ENOSPC},
    [CALL_fdatasync] = {EIO, ENOSPC},
    [CALL_fsync] = {EIO, ENOSPC},
    [CALL_select] = {EINTR, ENOMEM},
    [CALL_ppoll] = {EINTR, ENOMEM},
    [CALL_aio_read] = {EAGAIN},
    [CALL_aio_write] = {EAGAIN},
    [CALL_aio_fsync] = {EAGAIN},
    [CALL_lio_listio] = {EAGAIN, EINTR},
    [CALL_aio_return] = {EIO},
    [CALL_aio_suspend] = {EINTR, EAGAIN},
    [CALL_aio_cancel] = {EBADF},
    [CALL_epoll_create] = {EMFILE, ENFILE, ENOMEM},
    [CALL_epoll_ctl] = {ENOMEM, ENOSPC},
    [CALL_epoll_wait] = {EINTR},
    [CALL_epoll_pwait2] = {EINTR, ENOSYS},
    [CALL_io_uring_setup] = {ENOMEM, EMFILE, EPERM, ENOSYS, EINVAL},
    [CALL_io_uring_register] = {ENOMEM, EMFILE, EINVAL, EPERM},
    [CALL_io_uring_enter] = {EAGAIN, EBUSY, EINTR, ENOMEM},
    [CALL_io_setup] = {EAGAIN, ENOMEM, ENOSYS},
    [CALL_io_submit] = {EAGAIN, EINVAL, EBADF},
    [CALL_io_getevents] = {EINTR},
    [CALL_io_cancel] = {EINVAL, EAGAIN},
    [CALL_sigtimedwait] = {EINTR, EAGAIN},
    [CALL_fcntl] = {EINVAL, EPERM},
};

struct fault {
    enum call_id id;
    int error;   /* 0: none fails */
    uint64_t at; /* the call that fails, from 1 */
    uint64_t calls[CALL_COUNT];
    bool off;
};

static int fail_that_one(void *context, enum call_id id)
{
    struct fault *fault = context;
    const uint64_t number = __atomic_add_fetch(&fault->calls[id], 1, __ATOMIC_RELAXED);
    const bool is_it = id == fault->id && number == fault->at && !__atomic_load_n(&fault->off, __ATOMIC_RELAXED);

    return is_it ? fault->error : 0;
}

static void expect_it_is_told(const struct fault *fault, const struct loop_case *test, int error)
{
    if (error == 0)
        return;
    EXPECT(error == -fault->error || test->record->not_applicable,
           "%s failed with %s when it was made for the %llu. time, and the trial ended with %s.",
           call_names[fault->id], strerror(fault->error), (unsigned long long)fault->at, strerror(-error));
    EXPECT(test->record->error_stage != STAGE_NONE, "The record does not say at which stage %s failed.",
           call_names[fault->id]);
}

static void run_with(const struct subject *subject, enum workload workload, struct fault *fault, bool in_setup)
{
    struct loop_case test;

    loop_case_init(&test, subject, subject_depth(subject, 4));
    if (subject->channel->caps.files) {
        test.setup.settings.workload = workload;
        test.setup.settings.sync = workload == WORKLOAD_READ ? SYNC_NONE : fault->at == 1 ? SYNC_EVERY : SYNC_DATA;
        test.setup.settings.verify = 0; /* what was written by the trial before is there */
    }
    if (subject->channel->caps.starts_device)
        test.setup.settings.deadline_ns = 60000; /* some are cancelled */
    const int64_t memory = probe_live_allocations();
    test.hooks = (struct call_hooks){.context = fault, .fault = fail_that_one};
    int result = loop_case_open(&test);
    const bool opened = result == 0;
    if (opened)
        result = loop_run(test.loop, 2000 * MS, OPERATIONS, PART_BOTH);
    expect_it_is_told(fault, &test, result);
    __atomic_store_n(&fault->off, in_setup, __ATOMIC_RELAXED); /* what undoes a setup has to succeed */
    if (opened)
        result = loop_case_close(&test);
    EXPECT(!opened || result == 0, "After %s failed with %s loop_close returned %d (%s).",
           call_names[fault->id], strerror(fault->error), result, strerror(-result));
    EXPECT(probe_live_allocations() == memory, "After %s failed with %s, %lld allocations were never freed.",
           call_names[fault->id], strerror(fault->error), (long long)(probe_live_allocations() - memory));
    loop_case_free(&test);
}

static void survive(const struct subject *subject, enum workload workload)
{
    struct fault none = {0};
    struct snapshot before;

    run_with(subject, workload, &none, true);
    snapshot_take(&before);
    for (const struct engine_call *call = subject->engine->calls; call->id != CALL_COUNT; call++)
        for (const int *error = errors_of[call->id]; *error; error++)
            for (uint64_t at = 1; at <= LATER && at <= none.calls[call->id]; at += LATER - 1)
                run_with(subject, workload, &(struct fault){.id = call->id, .error = *error, .at = at},
                         call->class == CLASS_SETUP);
    snapshot_expect(&before, subject);
}

static void survives_failing_calls(const struct subject *subject)
{
    survive(subject, subject->variant->settings.workload);
    if (subject->channel->caps.files && subject->variant->settings.workload == WORKLOAD_READ &&
        subject_can(subject, WORKLOAD_WRITE, SYNC_EVERY))
        survive(subject, WORKLOAD_WRITE);
}

/* A new call is to get its errors here. */
static void every_call_can_fail(const struct subject *subject)
{
    (void)subject;
    for (const struct engine *const *engine = engines; *engine; engine++)
        for (const struct engine_call *call = (*engine)->calls; call->id != CALL_COUNT; call++)
            EXPECT(*errors_of[call->id] || call->id == CALL_aio_error || call->id == CALL_sigprocmask ||
                       call->id == CALL_readahead || call->id == CALL_io_destroy || call->class == CLASS_WAKE ||
                       call->id == CALL_futex_wait,
                   "rules_faults.c has no errors for %s.", call_names[call->id]);
}

const struct rule fault_rules[] = {
    {"survives-failing-calls", unless_moves_data, survives_failing_calls},
    {"every-call-can-fail", NULL, every_call_can_fail},
    {NULL, NULL, NULL},
};
