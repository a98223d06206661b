/* Engines by name, with their options (see engine_names.h). */
#include "engine_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
