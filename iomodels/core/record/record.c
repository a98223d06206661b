/* The tables that give the words of a record, of the settings, of calls and stages their names. */
#include "record.h"

#include "settings.h"

#define WORD(member) (uint32_t)(offsetof(struct record, member) / sizeof(uint64_t))

const struct record_name record_names[] = {
#define X(name) {#name, WORD(name), 1},
    RECORD_TRIAL_FIELDS(X)
#undef X
#define X(name) {#name, WORD(slice.name), 1},
    RECORD_SLICE_FIELDS(X)
#undef X
    {"calls", WORD(slice.calls), CALL_COUNT},
    {"eagain", WORD(slice.eagain), CALL_COUNT},
    {"timeline", WORD(slice.timeline), TIMELINE_PARTS},
    {"latency", WORD(slice.latency), HISTOGRAM_BUCKETS},
    {"service", WORD(slice.service), HISTOGRAM_BUCKETS},
    {"submit", WORD(slice.submit), HISTOGRAM_BUCKETS},
    {"added", WORD(slice.added), HISTOGRAM_BUCKETS},
    {"peer", WORD(slice.peer), HISTOGRAM_BUCKETS},
    {"cancel", WORD(slice.cancel), HISTOGRAM_BUCKETS},
    {"cancel_late", WORD(slice.cancel_late), HISTOGRAM_BUCKETS},
    {NULL, 0, 0},
};

const struct setting_name setting_names[] = {
#define X(name, value) {#name, offsetof(struct settings, name), (value)},
    SETTINGS(X)
#undef X
    {NULL, 0, 0},
};

const char *const call_names[CALL_COUNT] = {
#define X(name) [CALL_##name] = #name,
    CALL_NAMES(X)
#undef X
};

const char *const stage_names[STAGE_COUNT] = {
    [STAGE_NONE] = "none",
    [STAGE_ALLOCATE] = "allocate",
    [STAGE_CHANNEL_OPEN] = "channel_open",
    [STAGE_ENGINE_OPEN] = "engine_open",
    [STAGE_CHECK] = "check",
    [STAGE_START] = "start",
    [STAGE_SUBMIT] = "submit",
    [STAGE_REAP] = "reap",
    [STAGE_TRANSFER] = "transfer",
    [STAGE_VERIFY] = "verify",
    [STAGE_DRAIN] = "drain",
};
