/* The first failure of a trial: where, with what error, and what engine or channel have to say of it. It can come in a
 * signal handler (loop_next): only what is safe there. */
#include <errno.h>
#include <string.h>

#include "loop_state.h"

static void keep_sentence(struct record *record, const char *sentence)
{
    const size_t room = sizeof record->reason - 1;
    const size_t length = strnlen(sentence, room);

    memcpy(record->reason, sentence, length);
    ((char *)record->reason)[length] = 0;
}

static struct explanation explain(struct loop *loop, enum stage stage, int error)
{
    const struct trial_question question = loop_question(loop);
    struct explanation explanation = {0};

    if (loop->engine->explain)
        explanation = loop->engine->explain(&question, stage, error);
    if (!explanation_sentence(&explanation) && error == -EAGAIN)
        explanation.sentence = loop_shortage(loop);
    if (!explanation_sentence(&explanation) && loop->channel->explain)
        explanation = loop->channel->explain(&loop->settings, stage, error);
    return explanation;
}

static void note(struct record *record, enum stage stage, int error)
{
    record->error = (uint64_t)-error;
    record->error_stage = stage;
}

static void note_explanation(struct record *record, const struct explanation *explanation)
{
    const char *sentence = explanation_sentence(explanation);

    if (sentence)
        keep_sentence(record, sentence);
    record->not_applicable = explanation->not_applicable;
}

int loop_fail(struct loop *loop, enum stage stage, int error)
{
    struct record *record = loop->record;

    if (record->error_stage != STAGE_NONE)
        return error;
    note(record, stage, error);
    if (stage == STAGE_TRANSFER && loop->channel->diagnose)
        loop->channel->diagnose(loop->channel_state);
    const struct explanation explanation = explain(loop, stage, error);
    note_explanation(record, &explanation);
    return error;
}

int loop_refuse(struct loop *loop, const char *reason)
{
    note(loop->record, STAGE_ENGINE_OPEN, -EOPNOTSUPP);
    note_explanation(loop->record, &(struct explanation){.sentence = reason, .not_applicable = true});
    return -EOPNOTSUPP;
}

int loop_fail_at(struct loop *loop, const struct request *request, enum stage stage, int error)
{
    if (loop->record->error_stage == STAGE_NONE)
        loop->record->error_offset = (uint64_t)request->offset;
    return loop_fail(loop, stage, error);
}
