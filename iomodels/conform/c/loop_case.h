/* A pair in the measured loop itself, with a record of its own. */
#ifndef CONFORMANCE_LOOP_CASE_H
#define CONFORMANCE_LOOP_CASE_H

#include "check.h"
#include "loop/loop.h"

struct loop_case {
    struct loop_setup setup; /* may be changed until the loop is opened */
    struct call_hooks hooks;
    struct call_hooks installed; /* which go on to `hooks` */
    uint64_t outcomes;           /* of transfers that the kernel made by itself, in the last slice */
    struct record *record;
    struct loop *loop;
};

void loop_case_init(struct loop_case *test, const struct subject *subject, uint32_t depth);
/* Begins with an empty record. loop_open's result. */
int loop_case_open(struct loop_case *test);
/* Runs a slice that has to succeed. */
void loop_case_run(struct loop_case *test, uint64_t duration_ns, uint64_t max_operations);
int loop_case_close(struct loop_case *test);
void loop_case_free(struct loop_case *test);

/* Transfers of the last slice that were made and did not end with EAGAIN; where several are started with one call, those
 * whose results were fetched. */
uint64_t loop_case_transfers(const struct loop_case *test);

#endif
