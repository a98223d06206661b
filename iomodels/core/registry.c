/* The table of engines and the table of channels: one line each. */
#include <string.h>

#include "channel.h"
#include "engine.h"

extern const struct engine engine_null, engine_blocking, engine_nonblocking, engine_select;
extern const struct engine engine_threads, engine_aio, engine_aio_poll;
extern const struct engine engine_aio_list, engine_aio_list_nowait;
extern const struct engine engine_aio_signal, engine_aio_signal_handler;
extern const struct engine engine_aio_sigio, engine_aio_sigio_handler;
extern const struct engine engine_aio_callback, engine_aio_callback_handler;
extern const struct channel channel_timer, channel_file, channel_pipe, channel_socket;

const struct engine *const engines[] = {
    &engine_null,
    &engine_blocking,
    &engine_nonblocking,
    &engine_select,
    &engine_threads,
    &engine_aio,
    &engine_aio_poll,
    &engine_aio_list,
    &engine_aio_list_nowait,
    &engine_aio_signal,
    &engine_aio_signal_handler,
    &engine_aio_sigio,
    &engine_aio_sigio_handler,
    &engine_aio_callback,
    &engine_aio_callback_handler,
    NULL,
};

const struct channel *const channels[] = {
    &channel_timer, &channel_file, &channel_pipe, &channel_socket, NULL,
};

const struct engine *engine_find(const char *name)
{
    for (const struct engine *const *engine = engines; *engine; engine++)
        if (strcmp((*engine)->name, name) == 0)
            return *engine;
    return NULL;
}

const struct channel *channel_find(const char *name)
{
    for (const struct channel *const *channel = channels; *channel; channel++)
        if (strcmp((*channel)->name, name) == 0)
            return *channel;
    return NULL;
}
