/* Engines with their options, as a user writes them: `aio:notify=list,mode=nowait`. The core itself parses nothing. */
#ifndef CONFORMANCE_ENGINE_NAMES_H
#define CONFORMANCE_ENGINE_NAMES_H

#include "engine.h"

#define ENGINE_NAME_SIZE 128

struct named_engine {
    char name[ENGINE_NAME_SIZE];
    struct engine engine;            /* with these options; nothing is left to vary */
    int64_t options[ENGINE_OPTIONS]; /* as settings have them */
    int64_t values[ENGINE_OPTIONS];  /* with the defaults filled in */
};

/* Whether there is an engine of that name, with such options. Numbers may be among them. */
bool named_engine_find(struct named_engine *named, const char *name);

/* An engine with these options. */
struct named_engine named_engine_of(const struct engine *engine, const int64_t *options);

#endif
