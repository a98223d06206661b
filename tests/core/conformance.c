/* conformance ENGINE CHANNEL RULE: one rule of the contract on one engine and one channel, in a process
 * of its own. Exit 0: kept; 1: broken, with one sentence on standard error; 77: does not apply, with
 * the reason on standard output.
 *
 * conformance --list prints every "engine channel rule"; with --planted the planted engines instead,
 * each with the rule that has to catch it. What there is comes from the registry's tables. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "planted/planted.h"
#include "probe.h"

#define WATCHDOG_S 10
#define ANY "any"
enum { EXIT_NOT_APPLICABLE = 77 };

static const struct rule *const rule_tables[] = {
    completion_rules, wait_rules, failure_rules,  conduct_rules,
    residue_rules,    loop_rules, loop_end_rules, part_rules,
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

static void list_all(void)
{
    for (size_t table = 0; table < TABLES; table++)
        for (const struct rule *rule = rule_tables[table]; rule->name; rule++) {
            if (!rule->unless) {
                printf("%s %s %s\n", ANY, ANY, rule->name);
                continue;
            }
            for (const struct engine *const *engine = engines; *engine; engine++)
                for (const struct channel *const *channel = channels; *channel; channel++)
                    printf("%s %s %s\n", (*engine)->name, (*channel)->name, rule->name);
        }
}

static void list_planted(void)
{
    for (const struct planted *planted = planted_engines; planted->name; planted++)
        printf("%s %s %s\n", planted->name, planted->channel, planted->rule);
}

static const struct rule *find_rule(const char *name)
{
    for (size_t table = 0; table < TABLES; table++)
        for (const struct rule *rule = rule_tables[table]; rule->name; rule++)
            if (strcmp(rule->name, name) == 0)
                return rule;
    return NULL;
}

static const struct engine *find_engine(const char *name)
{
    const struct engine *engine = engine_find(name);

    return engine ? engine : planted_find(name);
}

static void run(const char *engine, const char *channel, const char *name)
{
    const struct rule *rule = find_rule(name);
    const struct subject subject = {find_engine(engine), channel_find(channel)};

    EXPECT(rule, "There is no rule \"%s\".", name);
    alarm(WATCHDOG_S);
    probe_start();
    if (rule->unless) {
        EXPECT(subject.engine, "There is no engine \"%s\".", engine);
        EXPECT(subject.channel, "There is no channel \"%s\".", channel);
        const struct engine_caps *caps = &subject.engine->caps;

        if (subject.channel->caps.files && !caps->files)
            not_applicable("the engine does not work on files");
        if (subject.channel->caps.streams && !caps->streams)
            not_applicable("the engine does not work on streams");
        const char *reason = rule->unless(&subject);
        if (reason)
            not_applicable(reason);
    }
    rule->run(&subject);
}

int main(int count, char **arguments)
{
    /* A rule that dies is an answer; a core file of it would only be litter. */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    if (count == 2 && strcmp(arguments[1], "--list") == 0)
        list_all();
    else if (count == 3 && strcmp(arguments[1], "--list") == 0 &&
             strcmp(arguments[2], "--planted") == 0)
        list_planted();
    else if (count == 4)
        run(arguments[1], arguments[2], arguments[3]);
    else
        fail_rule("Usage: conformance --list [--planted] | ENGINE CHANNEL RULE");
    return EXIT_SUCCESS;
}
