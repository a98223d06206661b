/* conformance ENGINE CHANNEL[:ROLE] RULE: one rule of the contract on one engine and one channel in one
 * of its roles (subject.c), in this process. Exit 0: kept; 1: broken, with one sentence on standard
 * error; 77: does not apply, with the reason on standard output.
 *
 * conformance --each ENGINE CHANNEL[:ROLE] [RULE …]: each of these rules, or all, in a process of its
 * own, and a line for each (forked.h). Exit 1 when one was broken.
 *
 * conformance --list [ENGINE …]: every "engine channel rule", and why where it does not apply, of these engines, or of
 * all in their plain form. conformance --list-planted: the planted engines, each with the rule that has to catch it.
 * What there is comes from the registry's tables, and from the shared object that CONFORMANCE_PLUGIN names. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "engine_names.h"
#include "forked.h"
#include "planting.h"
#include "plugin.h"
#include "probe.h"

#define WATCHDOG_S 10
/* A thread of the kernel's that polls keeps a CPU from whoever else needs it, for a while with every operation: on a busy
 * machine everything takes many times as long. */
#define POLLED 3
#define ANY "any"

/* Idle connections are the loop's doing; what drives an engine without the loop has none. */
static const struct table {
    const struct rule *rules;
    bool with_idle;
} rule_tables[] = {
    {completion_rules, false}, {wait_rules, false}, {failure_rules, false},
    {conduct_rules, false},    {residue_rules, false}, {loop_rules, true},
    {loop_end_rules, true},    {part_rules, true},  {peer_rules, true},
    {size_rules, true},        {sync_rules, true},        {trace_rules, true},  {stress_rules, false},
    {fault_rules, true},
};
#define TABLES (sizeof rule_tables / sizeof *rule_tables)

void fail_rule(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    probe_restore_output();
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    fflush(stderr);
    _exit(EXIT_FAILURE);
}

void not_applicable(const char *reason)
{
    probe_restore_output();
    puts(reason);
    fflush(stdout);
    _exit(EXIT_NOT_APPLICABLE);
}

static uint64_t read_clock_ns(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

uint64_t wall_ns(void)
{
    return read_clock_ns(CLOCK_MONOTONIC);
}

uint64_t process_cpu_ns(void)
{
    return read_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static struct subject subject_of(const struct named_engine *named, const struct variant *variant)
{
    return (struct subject){
        .engine = &named->engine,
        .options = named->options,
        .values = named->values,
        .channel = variant->channel,
        .variant = variant,
    };
}

/* Why the rule, of this table, does not apply to the subject, or NULL. */
static const char *reason_not_to(const struct table *table, const struct rule *rule,
                                 const struct subject *subject)
{
    const struct engine_caps *caps = &subject->engine->caps;
    const struct variant *variant = subject->variant;

    if (subject->channel->caps.files && !caps->files)
        return "the engine does not work on files";
    if (subject->channel->caps.streams && !caps->streams)
        return "the engine does not work on streams";
    if (!variant->is_first && !caps->moves_data)
        return "without I/O the channel's roles are all one";
    if (variant->settings.idle && !table->with_idle)
        return "only the loop has idle connections";
    if (variant->settings.idle && caps->max_depth)
        return "the engine has no depth for idle connections";
    if (caps->waits_for_all && (variant->settings.idle || variant->settings.server))
        return "the engine waits for all that it has started: nothing may stay pending";
    const char *cannot = subject_cannot(subject);
    return cannot ? cannot : rule->unless(subject);
}

struct listing {
    const struct table *table;
    const struct rule *rule;
    const struct named_engine *named;
};

/* The channel's first role with every rule; the others only with those that apply. */
static void list_one(const struct variant *variant, void *context)
{
    const struct listing *listing = context;
    const struct subject subject = subject_of(listing->named, variant);

    const char *reason = reason_not_to(listing->table, listing->rule, &subject);

    if (variant->is_first || !reason)
        printf("%s %s %s%s%s\n", listing->named->name, variant->name, listing->rule->name,
               reason ? " " : "", reason ? reason : "");
}

/* `named` NULL: the rules that know no engine. */
static void list_rules(const struct named_engine *named)
{
    for (const struct table *table = rule_tables; table < rule_tables + TABLES; table++)
        for (const struct rule *rule = table->rules; rule->name; rule++)
            if (!named && !rule->unless)
                printf("%s %s %s\n", ANY, ANY, rule->name);
            else if (named && rule->unless)
                variant_each(list_one, &(struct listing){table, rule, named});
}

static void list_engine(const char *name)
{
    struct named_engine named;

    EXPECT(named_engine_find(&named, name), "There is no engine \"%s\".", name);
    list_rules(&named);
}

static void list_engines(char *const *names)
{
    list_rules(NULL);
    for (char *const *name = names; *name; name++)
        list_engine(*name);
    for (const struct engine *const *engine = engines; !*names && *engine; engine++)
        list_engine((*engine)->name);
}

static const struct rule *find_rule(const char *name, const struct table **in)
{
    for (*in = rule_tables; *in < rule_tables + TABLES; ++*in)
        for (const struct rule *rule = (*in)->rules; rule->name; rule++)
            if (strcmp(rule->name, name) == 0)
                return rule;
    return NULL;
}

static bool find_engine(struct named_engine *named, const char *name)
{
    return named_engine_find(named, name) || (planted_find && planted_find(named, name));
}

#ifdef __SANITIZE_THREAD__
#include <pthread.h>
static void *nothing(void *a) { return a; }
#endif
/* ThreadSanitizer starts a thread of its own beside the first one that the program starts. */
static void start_sanitizer_thread(void)
{
#ifdef __SANITIZE_THREAD__
    pthread_t t;
    pthread_create(&t, NULL, nothing, NULL);
    pthread_join(t, NULL);
#endif
}

/* CONFORMANCE_WATCHDOG_S is for engines that are known to hang. */
static void start_watchdog(const struct engine *engine)
{
    const char *seconds = getenv("CONFORMANCE_WATCHDOG_S");
    const unsigned patience_s = seconds ? (unsigned)atoi(seconds) : WATCHDOG_S;

    alarm((patience_s + stress_seconds()) * (engine->caps.kernel_polls ? POLLED : 1));
}

struct asked {
    const char *engine, *channel, *rule;
};

static void run(void *context)
{
    const struct asked *asked = context;
    const struct table *table;
    const struct rule *rule = find_rule(asked->rule, &table);
    const struct variant variant = variant_find(asked->channel);
    struct named_engine named = {0};
    const bool is_known = find_engine(&named, asked->engine);
    const struct subject subject = subject_of(&named, &variant);

    EXPECT(rule, "There is no rule \"%s\".", asked->rule);
    start_watchdog(&named.engine);
    start_sanitizer_thread();
    probe_start();
    if (rule->unless) {
        EXPECT(is_known, "There is no engine \"%s\".", asked->engine);
        EXPECT(subject.channel, "There is no channel \"%s\".", asked->channel);
        const char *reason = reason_not_to(table, rule, &subject);
        if (!reason)
            reason = subject_probe(&subject);
        if (reason)
            not_applicable(reason);
    }
    rule->run(&subject);
}

static bool run_each(const char *engine, const char *channel, char *const *rules)
{
    bool kept = true;

    for (; *rules; rules++) {
        struct asked asked = {engine, channel, *rules};
        kept &= forked_run(asked.rule, run, &asked);
    }
    return kept;
}

static bool run_all(const char *engine, const char *channel)
{
    const bool of_any = strcmp(engine, ANY) == 0;
    bool kept = true;

    for (const struct table *table = rule_tables; table < rule_tables + TABLES; table++)
        for (const struct rule *rule = table->rules; rule->name; rule++) {
            struct asked asked = {engine, channel, rule->name};

            if (of_any == !rule->unless)
                kept &= forked_run(asked.rule, run, &asked);
        }
    return kept;
}

static bool is_option(const char *argument, const char *option)
{
    return argument && strcmp(argument, option) == 0;
}

/* Its engine is then one of those with a name. */
static void load_plugin(const char *path)
{
    char why[PLUGIN_WHY];

    if (!path)
        return;
    if (!plugin_load(path, why))
        fail_rule("%s cannot be used: %s.", path, why);
    probe_sees_nothing();
}

int main(int count, char **arguments)
{
    bool kept = true;

    /* A rule that dies is an answer; a core file of it would only be litter. */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    load_plugin(getenv("CONFORMANCE_PLUGIN"));
    if (count >= 2 && is_option(arguments[1], "--list"))
        list_engines(arguments + 2);
    else if (count == 2 && is_option(arguments[1], "--list-planted") && planted_list)
        planted_list();
    else if (count == 4 && is_option(arguments[1], "--each"))
        kept = run_all(arguments[2], arguments[3]);
    else if (count > 4 && is_option(arguments[1], "--each"))
        kept = run_each(arguments[2], arguments[3], arguments + 4);
    else if (count == 4)
        run(&(struct asked){arguments[1], arguments[2], arguments[3]});
    else
        fail_rule("Usage: conformance ENGINE CHANNEL RULE | --each ENGINE CHANNEL [RULE ...] | "
                  "--list [ENGINE ...] | --list-planted");
    return kept ? EXIT_SUCCESS : EXIT_FAILURE;
}
