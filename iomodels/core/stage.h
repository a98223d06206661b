/* Where a trial was when it failed. */
#ifndef IOMODELS_STAGE_H
#define IOMODELS_STAGE_H

/* X(constant, name) */
#define STAGES(X)                   \
    X(NONE, "none")                 \
    X(ALLOCATE, "allocate")         \
    X(CHANNEL_OPEN, "channel_open") \
    X(ENGINE_OPEN, "engine_open")   \
    X(CHECK, "check")               \
    X(START, "start")               \
    X(SUBMIT, "submit")             \
    X(REAP, "reap")                 \
    X(TRANSFER, "transfer")         \
    X(VERIFY, "verify")             \
    X(DRAIN, "drain")               \
    X(RESOURCES, "resources")

enum stage {
#define X(constant, name) STAGE_##constant,
    STAGES(X)
#undef X
    STAGE_COUNT
};

extern const char *const stage_names[STAGE_COUNT];

#endif
