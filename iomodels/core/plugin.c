/* Loading an engine from a shared object (see plugin.h). What it is made of is looked at before anything of it is used:
 * whatever is wrong is a sentence here, and would be a crash later. */
#include "plugin.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>

#define LONGEST_NAME 40

static bool complain(char why[PLUGIN_WHY], const char *format, ...) __attribute__((format(printf, 2, 3)));

/* False, as what it is found by. */
static bool complain(char why[PLUGIN_WHY], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, PLUGIN_WHY, format, arguments);
    va_end(arguments);
    return false;
}

/* ------------------------------------------------------------------ whether it is a whole engine */

static bool is_slug(const char *name)
{
    const size_t length = strnlen(name, LONGEST_NAME + 1);

    if (length == 0 || length > LONGEST_NAME)
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == length;
}

static bool has_words(const struct engine *engine, char why[PLUGIN_WHY])
{
    if (!engine->name || !is_slug(engine->name))
        return complain(why, "its engine's name is no slug of small letters, digits and . _ -");
    if (!engine->title || !engine->calls_in_words || !engine->summary || !engine->other_side)
        return complain(why, "its engine lacks words: title, calls_in_words, summary or other_side is NULL");
    if (engine->in_matrix || engine->figure)
        return complain(why, "its engine has in_matrix or figure, which are those of the article's models");
    return true;
}

static bool has_functions(const struct engine *engine, char why[PLUGIN_WHY])
{
    if (!engine->open || !engine->submit || !engine->reap || !engine->cancel || !engine->close)
        return complain(why, "its engine lacks a function: open, submit, reap, cancel or close is NULL");
    return true;
}

static bool has_place(const struct engine *engine, char why[PLUGIN_WHY])
{
#define X(constant, ...) +1
    const unsigned news = 0 ENGINE_NEWS(X), workers = 0 ENGINE_WORKERS(X);
    const unsigned complexities = 0 ENGINE_COMPLEXITIES(X), starts = 0 NEXT_STARTS(X);
#undef X

    if (engine->news >= news || engine->worker >= workers || engine->complexity >= complexities ||
        engine->caps.next_start >= starts)
        return complain(why, "its engine has a number that nothing stands for: news, worker, complexity or next_start");
    return true;
}

static bool has_calls(const struct engine *engine, char why[PLUGIN_WHY])
{
    int count = 0;

    for (const struct engine_call *call = engine->calls; call && call->id != CALL_COUNT; call++)
        if (call->id > CALL_COUNT || call->class >= CALL_CLASS_COUNT || ++count > CALL_COUNT)
            return complain(why, "its engine's calls have one that is none, or do not end with ENGINE_CALLS_END");
    return engine->calls || complain(why, "its engine lists no calls");
}

static bool is_whole_option(const struct engine_option *option, int count)
{
    int64_t choices = 0;

    while (option->choices && option->choices[choices])
        choices++;
    const int64_t low = option->choices ? 0 : option->low, high = option->choices ? choices - 1 : option->high;
    return option->meaning && option->fallback >= low && option->fallback <= high &&
           (option->needs_values == 0 || option->needs_option < (uint32_t)count);
}

static bool has_options(const struct engine *engine, char why[PLUGIN_WHY])
{
    int count = 0;

    while (engine->options && engine->options[count].name)
        if (++count > ENGINE_OPTIONS)
            return complain(why, "its engine has more than %d options", ENGINE_OPTIONS);
    for (int place = 0; place < count; place++)
        if (!is_whole_option(&engine->options[place], count))
            return complain(why, "its engine's option %d lacks a meaning, or has no such default or other option",
                            place + 1);
    return true;
}

static bool has_counters(const struct engine *engine, char why[PLUGIN_WHY])
{
    int count = 0;

    while (engine->counters && engine->counters[count].name)
        if (++count > ENGINE_COUNTERS)
            return complain(why, "its engine has more than %d counters", ENGINE_COUNTERS);
    return true;
}

static bool is_whole(const struct engine *engine, char why[PLUGIN_WHY])
{
    if (!engine)
        return complain(why, "it exports no engine");
    return has_words(engine, why) && has_functions(engine, why) && has_place(engine, why) && has_calls(engine, why) &&
           has_options(engine, why) && has_counters(engine, why);
}

/* ------------------------------------------------------------------ whether both sides have one contract */

static bool has_contract(const struct iomodels_plugin *plugin, char why[PLUGIN_WHY])
{
    static const uint32_t sizes[PLUGIN_STRUCT_COUNT] = {PLUGIN_STRUCTS(PLUGIN_SIZE)};
    static const char *const names[PLUGIN_STRUCT_COUNT] = {
#define X(type) [PLUGIN_##type] = #type,
        PLUGIN_STRUCTS(X)
#undef X
    };

    if (plugin->abi != IOMODELS_ABI)
        return complain(why, "it was built for ABI %u, and this iomodels has ABI %u: build it again with the headers of "
                        "this one (python -m iomodels.headers)", plugin->abi, IOMODELS_ABI);
    if (plugin->struct_count != PLUGIN_STRUCT_COUNT)
        return complain(why, "it was built with other headers of the same ABI: build it again");
    for (int i = 0; i < PLUGIN_STRUCT_COUNT; i++)
        if (plugin->sizes[i] != sizes[i])
            return complain(why, "struct %s has %u bytes there and %u here: build it again, for this machine and with "
                            "the headers of this iomodels", names[i], plugin->sizes[i], sizes[i]);
    return true;
}

/* ------------------------------------------------------------------ loading */

/* What an engine calls of the core has to be found by its name, and Python loads its modules so that nobody sees
 * theirs. In a program that is linked with the core, there is nothing to do. */
static void show_own_symbols(void)
{
    Dl_info own;

    if (dladdr(engines, &own) && own.dli_fname)
        (void)dlopen(own.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
}

const struct engine *plugin_load(const char *path, char why[PLUGIN_WHY])
{
    show_own_symbols();
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (!object) {
        const char *error = dlerror();

        complain(why, "it cannot be loaded: %s", error ? error : "the loader gives no reason");
        return NULL;
    }
    const struct iomodels_plugin *plugin = dlsym(object, PLUGIN_SYMBOL);

    if (!plugin) {
        complain(why, "it has no symbol " PLUGIN_SYMBOL ": a plug-in ends with IOMODELS_PLUGIN(its engine)");
        return NULL;
    }
    if (!has_contract(plugin, why) || !is_whole(plugin->engine, why))
        return NULL;
    if (engine_find(plugin->engine->name)) {
        complain(why, "there is an engine '%s' already", plugin->engine->name);
        return NULL;
    }
    engine_plug(plugin->engine);
    return plugin->engine;
}
