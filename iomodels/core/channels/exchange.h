/* What the pipe and the socket channel have in common: everything but the making of connections. */
#ifndef IOMODELS_EXCHANGE_H
#define IOMODELS_EXCHANGE_H

#include "channel.h"
#include "connections.h"

int exchange_open(void **state, const struct channel_setup *setup,
                  const struct connection_kind *kind);
void exchange_start_idle(void *state, struct request *request, uint32_t index);
uint32_t exchange_descriptors(const void *state, int *fds, uint32_t room);
int exchange_start(void *state, struct request *request);
int exchange_finish(void *state, struct request *request, const char *bytes);
struct explanation exchange_explain(const struct settings *settings, enum stage stage, int error);
void exchange_drive(void *state, bool go);
bool exchange_quiet(void *state);
void exchange_diagnose(void *state);
int exchange_check(void *state, bool before);
void exchange_release(void *state);
void exchange_close(void *state);

/* A channel over connections that `open_function` makes; they may be sockets. */
#define EXCHANGE_CHANNEL(channel_name, open_function, are_sockets) \
    {                                                      \
        .name = (channel_name),                            \
        .caps = {.streams = true, .sockets = (are_sockets), .slots_are_independent = true}, \
        .open = (open_function),                           \
        .start_idle = exchange_start_idle,                 \
        .descriptors = exchange_descriptors,               \
        .start = exchange_start,                           \
        .finish = exchange_finish,                         \
        .explain = exchange_explain,                       \
        .drive = exchange_drive,                           \
        .quiet = exchange_quiet,                           \
        .diagnose = exchange_diagnose,                     \
        .check = exchange_check,                           \
        .release = exchange_release,                       \
        .close = exchange_close,                           \
    }

#endif
