/* The table of engines and the table of channels: one line each. */
#include <errno.h>
#include <string.h>

#include "channel.h"
#include "engine.h"

#define ENGINES(X)                                                                                 \
    X(blocking)                                                                                    \
    X(nonblocking)                                                                                 \
    X(select)                                                                                      \
    X(poll)                                                                                        \
    X(epoll)                                                                                       \
    X(sigio)                                                                                       \
    X(aio)                                                                                         \
    X(threads)                                                                                     \
    X(kaio)                                                                                        \
    X(io_uring)                                                                                    \
    X(null)

#define CHANNELS(X) X(timer) X(file) X(pipe) X(socket)

#define X(name) extern const struct engine engine_##name;
ENGINES(X)
#undef X
#define X(name) extern const struct channel channel_##name;
CHANNELS(X)
#undef X

const struct engine *const engines[] = {
#define X(name) &engine_##name,
    ENGINES(X)
#undef X
    NULL,
};

const struct channel *const channels[] = {
#define X(name) &channel_##name,
    CHANNELS(X)
#undef X
    NULL,
};

/* The one that a process may load. It stays loaded, and is written once, before anybody asks for it. */
static const struct engine *plugged;

void engine_plug(const struct engine *engine)
{
    plugged = engine;
}

const struct engine *engine_find(const char *name)
{
    for (const struct engine *const *engine = engines; *engine; engine++)
        if (strcmp((*engine)->name, name) == 0)
            return *engine;
    return plugged && strcmp(plugged->name, name) == 0 ? plugged : NULL;
}

const struct channel *channel_find(const char *name)
{
    for (const struct channel *const *channel = channels; *channel; channel++)
        if (strcmp((*channel)->name, name) == 0)
            return *channel;
    return NULL;
}

/* Whether the option can have this value. */
static bool has_value(const struct engine_option *option, int64_t value)
{
    int64_t count = 0;

    if (!option->choices)
        return value >= option->low && value <= option->high;
    while (option->choices[count])
        count++;
    return value >= 0 && value < count;
}

int engine_options(const struct engine *engine, const struct settings *settings,
                   int64_t options[ENGINE_OPTIONS])
{
    const struct engine_option *option = engine->options;
    int count = 0;

    for (; option && option->name; option++, count++) {
        const int64_t given = settings->options[count];

        options[count] = given == OPTION_DEFAULT ? option->fallback : given;
        if (!has_value(option, options[count]))
            return -EINVAL;
    }
    for (int place = count; place < ENGINE_OPTIONS; place++)
        if (settings->options[place] != OPTION_DEFAULT)
            return -EINVAL;
    return count;
}

struct engine engine_with(const struct engine *engine, const int64_t *options)
{
    struct engine varied = *engine;

    if (engine->vary)
        engine->vary(&varied, options);
    return varied;
}
