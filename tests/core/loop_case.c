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

int loop_case_open(struct loop_case *test)
{
    memset(test->record, 0, sizeof *test->record);
    test->setup.record = test->record;
    test->setup.hooks = test->hooks.fault || test->hooks.limit ? &test->hooks : NULL;
    return loop_open(&test->loop, &test->setup);
}

void loop_case_run(struct loop_case *test, uint64_t duration_ns, uint64_t max_operations)
{
    const struct record *record = test->record;
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

uint64_t slice_transfers(const struct slice *slice)
{
    uint64_t transfers = 0;

    if (slice->calls[CALL_lio_listio] > 0)
        return slice->calls[CALL_aio_return];
    for (int id = 0; id < CALL_COUNT; id++)
        if (transfer_calls[id])
            transfers += slice->calls[id] - slice->eagain[id];
    return transfers;
}
