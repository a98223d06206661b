/* What every rule of the conformance suite has in common: the pair it is run on, and its three ways to
 * end. A rule that returns has passed. */
#ifndef CONFORMANCE_CHECK_H
#define CONFORMANCE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel.h"
#include "engine.h"
#include "settings.h"

/* What a channel is used for: one of its roles. Named CHANNEL, or CHANNEL:ROLE. */
struct variant {
    const char *name;
    const struct channel *channel;
    bool is_first;        /* of its channel's */
    bool has_peer;        /* a process at the other end: it can die, and the channel ends with it */
    uint32_t transfers;   /* of an operation */
    uint32_t descriptors; /* of an active connection, on the engine's side; 0: does not matter */
    struct settings settings;
};

struct subject {
    const struct engine *engine; /* with its options: nothing is left to vary */
    const int64_t *options;      /* as settings have them, … */
    const int64_t *values;       /* … and with the defaults filled in */
    const struct channel *channel;
    const struct variant *variant;
};

struct rule {
    const char *name;
    /* Why the rule does not apply to this pair, or NULL. A rule without it knows no engine and no
     * channel, and is run once. */
    const char *(*unless)(const struct subject *subject);
    void (*run)(const struct subject *subject);
};

/* Each ended by a NULL name. */
extern const struct rule completion_rules[], wait_rules[], failure_rules[], conduct_rules[];
extern const struct rule residue_rules[], loop_rules[], loop_end_rules[], part_rules[], peer_rules[];
extern const struct rule size_rules[], sync_rules[], trace_rules[], stress_rules[], fault_rules[];

/* How much longer a rule may last, where the environment asks for more of it. */
unsigned stress_seconds(void);

/* One sentence on standard error, exit 1. */
_Noreturn void fail_rule(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The reason on standard output, exit 77. */
_Noreturn void not_applicable(const char *reason);

#define EXPECT(condition, ...)      \
    do {                            \
        if (!(condition))           \
            fail_rule(__VA_ARGS__); \
    } while (0)

/* Whether it can do its role's work with such requests instead. */
bool subject_can(const struct subject *subject, enum workload workload, enum sync sync);
/* Why the engine cannot do this at all, or cannot work on this machine; NULL. */
const char *subject_cannot(const struct subject *subject);
const char *subject_probe(const struct subject *subject);

/* Reasons that several rules share. */
const char *always(const struct subject *subject);              /* NULL */
const char *unless_moves_data(const struct subject *subject);   /* there is no I/O at all */
/* There is no I/O, or no call of it is known here: none can be made to fail, or to be short. */
const char *unless_transfers_by_call(const struct subject *subject);
const char *unless_can_be_pending(const struct subject *subject); /* nothing stays in flight */

const char *unless_has_peer(const struct subject *subject);     /* and the engine talks to it */
/* Nothing stays in flight, or the channel does not know when it ends. */
const char *unless_timed(const struct subject *subject);

/* Calls `each` with every variant of every channel of the core's table; and the one of this name,
 * whose `channel` is NULL where there is none. */
void variant_each(void (*each)(const struct variant *variant, void *context), void *context);
struct variant variant_find(const char *name);

/* What the pair is driven with unless a rule says otherwise: a short constant service time, or small
 * blocks of a small file. */
struct settings subject_settings(const struct subject *subject, uint32_t depth);
/* `depth`, or less where the engine cannot go as deep. */
uint32_t subject_depth(const struct subject *subject, uint32_t depth);

/* Settings with which nothing ends by itself: a service time without end. A server's peer is not told
 * to drive. */
struct settings settings_held(const struct settings *settings);

/* An empty record that a peer sees as well, as a trial's is. */
struct record *record_make(void);
void record_free(struct record *record);

/* Nanoseconds of CLOCK_MONOTONIC, and of CPU that all threads of the process have used. */
uint64_t wall_ns(void);
uint64_t process_cpu_ns(void);

#define MS UINT64_C(1000000)
/* A service time that no rule waits out: one that sees the end of it has failed. */
#define FOREVER_NS (4 * INT64_C(1000000000))

#endif
