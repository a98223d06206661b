/* The tables that give the words of a record, of the settings, of calls and stages their names. */
#include "record.h"

#include "settings.h"

#define WORD(member) (uint32_t)(offsetof(struct record, member) / sizeof(uint64_t))

/* Python reads the record as one array of uint64_t, and the tables as so many of them. */
_Static_assert(sizeof(uint64_t) == 8 && _Alignof(struct record) == 8, "words");
_Static_assert(sizeof(struct record) % sizeof(uint64_t) == 0, "nothing but words");
_Static_assert(sizeof(struct histogram) == HISTOGRAM_BUCKETS * sizeof(uint64_t), "one word for each bucket");
_Static_assert(sizeof((struct record){0}.reason) == REASON_WORDS * sizeof(uint64_t), "a text in words");
_Static_assert(offsetof(struct record, slice) % sizeof(uint64_t) == 0, "the slice begins with a word");
#define X(name) +1
_Static_assert(offsetof(struct record, reason) == (RECORD_TRIAL_FIELDS(X)) * sizeof(uint64_t), "one word for each field");
_Static_assert(offsetof(struct slice, counters) == (RECORD_SLICE_FIELDS(X)) * sizeof(uint64_t), "one word for each field");
#undef X

const struct record_name record_names[] = {
#define X(name) {#name, WORD(name), 1},
    RECORD_TRIAL_FIELDS(X)
#undef X
#define X(name) {#name, WORD(slice.name), 1},
    RECORD_SLICE_FIELDS(X)
#undef X
    {"reason", WORD(reason), REASON_WORDS},
    {"closing_calls", WORD(closing_calls), CALL_COUNT},
    {"counters", WORD(slice.counters), ENGINE_COUNTERS},
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

/* Each setting is one int64_t, whose place `setting_names` has. */
#define X(name, value) +1
_Static_assert(offsetof(struct settings, options) == (SETTINGS(X)) * sizeof(int64_t), "one number for each setting");
#undef X

const struct setting_name setting_names[] = {
#define X(name, value) {#name, offsetof(struct settings, name), (value)},
    SETTINGS(X)
#undef X
#define X(place) {"option" #place, offsetof(struct settings, options[place]), OPTION_DEFAULT},
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#undef X
#define X(place)                                                                    \
    {"block_size" #place, offsetof(struct settings, block_sizes[place]), 0}, \
    {"block_share" #place, offsetof(struct settings, block_shares[place]), 0},
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#undef X
    {NULL, 0, 0},
};

_Static_assert(ENGINE_OPTIONS == 8 && BLOCK_SIZES == 16, "each has a name");

#define NAME(constant, name) [constant] = (name),
const struct setting_choices setting_choices[] = {
#define X(name, values) {#name, (const char *const[]){values(NAME) NULL}},
    CHOICE_SETTINGS(X)
#undef X
    {NULL, NULL},
};
#undef NAME

const char *const call_names[CALL_COUNT] = {
#define X(name, result) [CALL_##name] = #name,
    CALL_NAMES(X)
#undef X
};

const enum call_result call_results[CALL_COUNT] = {
#define X(name, result) [CALL_##name] = RESULT_##result,
    CALL_NAMES(X)
#undef X
};

const char *const call_result_names[CALL_RESULT_COUNT] = {
#define X(constant, name) [RESULT_##constant] = (name),
    CALL_RESULTS(X)
#undef X
};

const char *const call_class_names[CALL_CLASS_COUNT] = {
#define X(constant, name) [CLASS_##constant] = (name),
    CALL_CLASSES(X)
#undef X
};

const char *const stage_names[STAGE_COUNT] = {
#define X(constant, name) [STAGE_##constant] = (name),
    STAGES(X)
#undef X
};
