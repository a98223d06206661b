/* Setting up the measured loop (see loop_case.h). */
#include "loop_case.h"

#include <string.h>

#include "faults.h"

void loop_case_init(struct loop_case *test, const struct subject *subject, uint32_t depth)
{
    *test = (struct loop_case){
        .setup = {
            .engine = subject->engine,
            .channel = subject->channel,
            .settings = subject_settings(subject, depth),
        },
        .record = record_make(),
    };
}

static int hook_fault(void *context, enum call_id id)
{
    const struct call_hooks *hooks = &((struct loop_case *)context)->hooks;

    return hooks->fault ? hooks->fault(hooks->context, id) : 0;
}

static size_t hook_limit(void *context, enum call_id id, size_t length)
{
    const struct call_hooks *hooks = &((struct loop_case *)context)->hooks;

    return hooks->limit ? hooks->limit(hooks->context, id, length) : length;
}

static int hook_outcome(void *context, enum call_id id, ssize_t result)
{
    struct loop_case *test = context;
    const struct call_hooks *hooks = &test->hooks;

    if (result != -EAGAIN && result != 0) /* 0: a sync */
        __atomic_fetch_add(&test->outcomes, 1, __ATOMIC_RELAXED);
    return hooks->outcome ? hooks->outcome(hooks->context, id, result) : 0;
}

int loop_case_open(struct loop_case *test)
{
    memset(test->record, 0, sizeof *test->record);
    test->installed = (struct call_hooks){
        .context = test,
        .fault = hook_fault,
        .limit = hook_limit,
        .outcome = hook_outcome,
    };
    test->setup.record = test->record;
    test->setup.hooks = &test->installed;
    return loop_open(&test->loop, &test->setup);
}

void loop_case_run(struct loop_case *test, uint64_t duration_ns, uint64_t max_operations)
{
    const struct record *record = test->record;

    test->outcomes = 0;
    int error = loop_run(test->loop, duration_ns, max_operations, PART_BOTH);

    EXPECT(error == 0, "The slice failed in stage %s with %s.", stage_names[record->error_stage],
           strerror(-error));
}

int loop_case_close(struct loop_case *test)
{
    return loop_close(test->loop);
}

void loop_case_free(struct loop_case *test)
{
    record_free(test->record);
}

uint64_t loop_case_transfers(const struct loop_case *test)
{
    const struct slice *slice = &test->record->slice;
    uint64_t transfers = 0;

    if (test->outcomes > 0)
        return test->outcomes;
    if (slice->calls[CALL_lio_listio] > 0)
        return slice->calls[CALL_aio_return] - slice->calls[CALL_aio_fsync];
    for (int id = 0; id < CALL_COUNT; id++)
        if (transfer_calls[id] && id != CALL_io_submit)
            transfers += slice->calls[id] - slice->eagain[id];
    return transfers;
}
