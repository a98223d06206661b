/* Engines by name, with their options (see engine_names.h). */
#include "engine_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool applies(const struct engine_option *option, const int64_t *values)
{
    return !option->needs_values || (option->needs_values >> values[option->needs_option] & 1);
}

static void append_value(char *name, const struct engine_option *option, int64_t value)
{
    const size_t length = strlen(name);
    char *end = name + length;
    const size_t room = ENGINE_NAME_SIZE - length;
    const char before = strchr(name, ':') ? ',' : ':';

    if (option->choices)
        snprintf(end, room, "%c%s=%s", before, option->name, option->choices[value]);
    else
        snprintf(end, room, "%c%s=%lld", before, option->name, (long long)value);
}

struct named_engine named_engine_of(const struct engine *engine, const int64_t *options)
{
    struct named_engine named = {0};
    struct settings settings = settings_default();

    memcpy(named.options, options, sizeof named.options);
    memcpy(settings.options, options, sizeof settings.options);
    if (engine_options(engine, &settings, named.values) < 0)
        abort();
    named.engine = engine_with(engine, named.values);
    named.engine.vary = NULL;
    snprintf(named.name, sizeof named.name, "%s", engine->name);
    for (int i = 0; engine->options && engine->options[i].name; i++)
        if (named.values[i] != engine->options[i].fallback)
            append_value(named.name, &engine->options[i], named.values[i]);
    return named;
}

/* ------------------------------------------------------------------ all of them */

struct listing {
    const struct engine *engine;
    void (*each)(const struct named_engine *named, void *context);
    void *context;
};

/* Chooses the options from `place` on, and then calls `each`. */
static void choose(const struct listing *listing, int64_t *values, int place)
{
    const struct engine_option *table = listing->engine->options;
    const struct engine_option *option = table ? &table[place] : NULL;

    if (!option || !option->name) {
        const struct named_engine named = named_engine_of(listing->engine, values);

        listing->each(&named, listing->context);
        return;
    }
    values[place] = option->fallback;
    choose(listing, values, place + 1);
    if (!option->choices || !applies(option, values))
        return;
    for (int64_t value = 0; option->choices[value]; value++)
        if (value != option->fallback) {
            values[place] = value;
            choose(listing, values, place + 1);
        }
    values[place] = option->fallback;
}

void named_engine_each(void (*each)(const struct named_engine *named, void *context), void *context)
{
    for (const struct engine *const *engine = engines; *engine; engine++) {
        const struct settings settings = settings_default();
        int64_t values[ENGINE_OPTIONS];

        memcpy(values, settings.options, sizeof values);
        choose(&(struct listing){*engine, each, context}, values, 0);
    }
}

/* ------------------------------------------------------------------ one of them */

/* Reads `name=value` into `options`. */
static bool take_option(const struct engine *engine, const char *text, int64_t *options)
{
    const char *equals = strchr(text, '=');

    for (int i = 0; equals && engine->options && engine->options[i].name; i++) {
        const struct engine_option *option = &engine->options[i];
        const size_t length = (size_t)(equals - text);

        if (strncmp(option->name, text, length) != 0 || option->name[length])
            continue;
        if (!option->choices) {
            options[i] = strtoll(equals + 1, NULL, 10);
            return true;
        }
        for (int64_t value = 0; option->choices[value]; value++)
            if (strcmp(option->choices[value], equals + 1) == 0) {
                options[i] = value;
                return true;
            }
    }
    return false;
}

bool named_engine_find(struct named_engine *named, const char *name)
{
    struct settings settings = settings_default();
    char text[ENGINE_NAME_SIZE], *rest = text;

    snprintf(text, sizeof text, "%s", name);
    const struct engine *engine = engine_find(strsep(&rest, ":"));
    while (engine && rest)
        if (!take_option(engine, strsep(&rest, ","), settings.options))
            return false;
    if (!engine)
        return false;
    *named = named_engine_of(engine, settings.options);
    return true;
}
