/* An engine from outside: a shared object that exports one `struct engine`, under a numbered contract.
 *
 * A plug-in is one C file or several, and at the end of one of them
 *
 *     IOMODELS_PLUGIN(engine_mine)
 *
 * where engine_mine is its `const struct engine` (engine.h states the contract; engines/transfer.h makes a plain
 * transfer). It is built with -fvisibility=hidden: what is visible and has the name of something in the core would be
 * taken for it. docs/plugin/ is a whole one.
 *
 * The contract is what this header and those that it includes say. IOMODELS_ABI is raised with every change of them that a
 * shared object built before would notice; tests/core/test_abi.py notices the change. */
#ifndef IOMODELS_PLUGIN_H
#define IOMODELS_PLUGIN_H

#include "engine.h"

#define IOMODELS_ABI 1

/* What both sides see: another size is another contract, whatever its number says. X(type) */
#define PLUGIN_STRUCTS(X)    \
    X(engine)                \
    X(engine_caps)           \
    X(engine_option)         \
    X(engine_call)           \
    X(engine_counter)        \
    X(engine_resource)       \
    X(engine_setup)          \
    X(request)               \
    X(completion)            \
    X(trial_question)        \
    X(settings)              \
    X(explanation)           \
    X(calls)                 \
    X(call_counts)

enum plugin_struct {
#define X(type) PLUGIN_##type,
    PLUGIN_STRUCTS(X)
#undef X
    PLUGIN_STRUCT_COUNT
};

/* The number stays first, whatever else changes. */
struct iomodels_plugin {
    uint32_t abi;
    uint32_t struct_count;
    uint32_t sizes[PLUGIN_STRUCT_COUNT];
    const struct engine *engine;
};

#define PLUGIN_SIZE(type) [PLUGIN_##type] = sizeof(struct type),

#define PLUGIN_SYMBOL "iomodels_plugin"
#define IOMODELS_PLUGIN(its_engine)                                                                       \
    extern const struct iomodels_plugin iomodels_plugin;                                                  \
    __attribute__((visibility("default"))) const struct iomodels_plugin iomodels_plugin = {               \
        .abi = IOMODELS_ABI,                                                                              \
        .struct_count = PLUGIN_STRUCT_COUNT,                                                              \
        .sizes = {PLUGIN_STRUCTS(PLUGIN_SIZE)},                                                           \
        .engine = &(its_engine),                                                                          \
    };

/* Loads the shared object into this process, for as long as it runs; engine_find() then knows the engine. One process
 * loads one. NULL: `why`, a sentence (what it is, and not which one). In plugin.c. */
#define PLUGIN_WHY 512
const struct engine *plugin_load(const char *path, char why[PLUGIN_WHY]);

#endif
