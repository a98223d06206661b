/* What a trial is asked to do: whole numbers by name, filled in from Python or a C test. */
#ifndef IOMODELS_SETTINGS_H
#define IOMODELS_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

enum pattern { PATTERN_SEQUENTIAL, PATTERN_RANDOM };
enum cache { CACHE_WARM, CACHE_DIRECT, CACHE_COLD };
enum workload { WORKLOAD_READ, WORKLOAD_WRITE, WORKLOAD_MIXED };
enum sync { SYNC_NONE, SYNC_DATA, SYNC_EVERY };
enum arrival_process { ARRIVALS_CONSTANT, ARRIVALS_POISSON };
enum exchange { EXCHANGE_ECHO, EXCHANGE_STREAM };
enum family { FAMILY_UNIX, FAMILY_TCP };
enum distribution {
    DISTRIBUTION_CONSTANT,
    DISTRIBUTION_UNIFORM,
    DISTRIBUTION_EXPONENTIAL,
    DISTRIBUTION_LOGNORMAL
};

/* X(name, default) */
#define SETTINGS(X)                    \
    X(clock_ns_per_tick_q32, 0)        \
    X(seed, 1)                         \
    X(depth, 1)                        \
    X(block, 8)                        \
    X(workload, WORKLOAD_READ)         \
    X(read_share_millionths, 500000)   \
    X(sync, SYNC_NONE)                 \
    X(verify, 0)                       \
    X(nowait, 0)                       \
    X(append, 0)                       \
    X(idle, 0)                         \
    X(batch, 0) /* 0: what is due */   \
    X(compute_units, 0)                \
    X(arrival_gap_q10_ns, 0)           \
    X(arrivals, ARRIVALS_CONSTANT)     \
    X(engine_cpu, -1)                  \
    X(peer_cpu, -1)                    \
    X(exchange, EXCHANGE_ECHO)         \
    X(server, 0)                       \
    X(outstanding, 1)                  \
    X(family, FAMILY_UNIX)             \
    X(pattern, PATTERN_RANDOM)         \
    X(opens_per_request, 1)            \
    X(engine_threads, 0)               \
    X(deadline_ns, 0)                  \
    X(events_fd, -1)                   \
    X(service_distribution, 0)         \
    X(service_mean_ns, 100000)         \
    X(service_low_ns, 0)               \
    X(service_high_ns, 0)              \
    X(service_sigma_millionths, 0)     \
    X(file_fd, -1)                     \
    X(file_size, 1 << 20)              \
    X(file_seed, 1)                    \
    X(file_cache, CACHE_WARM)

struct settings {
#define X(name, value) int64_t name;
    SETTINGS(X)
#undef X
};

struct setting_name {
    const char *name;
    size_t offset;
    int64_t fallback;
};

/* Ended by a NULL name; in record/record.c, beside the record's own table. */
extern const struct setting_name setting_names[];

static inline struct settings settings_default(void)
{
    return (struct settings){
#define X(name, value) .name = (value),
        SETTINGS(X)
#undef X
    };
}

#endif
