/* What a trial is asked to do: whole numbers by name, filled in from Python or a C test. */
#ifndef IOMODELS_SETTINGS_H
#define IOMODELS_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

/* Settings that are choices: their values by number, and their names as a scenario writes them. Python reads the
 * names, so that no number is typed twice. X(constant, name) */
#define WORKLOADS(X) X(WORKLOAD_READ, "read") X(WORKLOAD_WRITE, "write") X(WORKLOAD_MIXED, "mixed")
#define SYNCS(X) X(SYNC_NONE, "none") X(SYNC_DATA, "data") X(SYNC_EVERY, "every")
#define ARRIVAL_PROCESSES(X) X(ARRIVALS_CONSTANT, "constant") X(ARRIVALS_POISSON, "poisson")
#define EXCHANGES(X) X(EXCHANGE_ECHO, "echo") X(EXCHANGE_STREAM, "stream")
#define FAMILIES(X) X(FAMILY_UNIX, "unix") X(FAMILY_TCP, "tcp")
#define PATTERNS(X) X(PATTERN_SEQUENTIAL, "sequential") X(PATTERN_RANDOM, "random")
#define CACHES(X) X(CACHE_WARM, "warm") X(CACHE_DIRECT, "direct") X(CACHE_COLD, "cold")
#define DISTRIBUTIONS(X)                           \
    X(DISTRIBUTION_CONSTANT, "constant")           \
    X(DISTRIBUTION_UNIFORM, "uniform")             \
    X(DISTRIBUTION_EXPONENTIAL, "exponential")     \
    X(DISTRIBUTION_LOGNORMAL, "lognormal")

/* X(setting, its values) */
#define CHOICE_SETTINGS(X)                  \
    X(workload, WORKLOADS)                  \
    X(sync, SYNCS)                          \
    X(arrivals, ARRIVAL_PROCESSES)          \
    X(exchange, EXCHANGES)                  \
    X(family, FAMILIES)                     \
    X(pattern, PATTERNS)                    \
    X(file_cache, CACHES)                   \
    X(service_distribution, DISTRIBUTIONS)

#define VALUE(constant, name) constant,
enum workload { WORKLOADS(VALUE) };
enum sync { SYNCS(VALUE) };
enum arrival_process { ARRIVAL_PROCESSES(VALUE) };
enum exchange { EXCHANGES(VALUE) };
enum family { FAMILIES(VALUE) };
enum pattern { PATTERNS(VALUE) };
enum cache { CACHES(VALUE) };
enum distribution { DISTRIBUTIONS(VALUE) };
#undef VALUE

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

/* An engine's options are settings, too, but which ones there are only the engine knows: option0, option1, …, by
 * place in its own table. */
#define ENGINE_OPTIONS 8
#define OPTION_DEFAULT INT64_MIN

/* Requests of several sizes, `block` being the largest: block_size0, block_size1, … in bytes, and block_share0,
 * block_share1, … of any sum, up to the first share of 0. Without any, all requests have `block` bytes. */
#define BLOCK_SIZES 16

struct settings {
#define X(name, value) int64_t name;
    SETTINGS(X)
#undef X
    int64_t options[ENGINE_OPTIONS];
    int64_t block_sizes[BLOCK_SIZES], block_shares[BLOCK_SIZES];
};

struct setting_name {
    const char *name;
    size_t offset;
    int64_t fallback;
};

/* Ended by a NULL name; in record/record.c, beside the record's own table. */
extern const struct setting_name setting_names[];

struct setting_choices {
    const char *name;
    const char *const *choices; /* ended by NULL */
};

extern const struct setting_choices setting_choices[]; /* ended by a NULL name */

static inline struct settings settings_default(void)
{
    struct settings settings = {
#define X(name, value) .name = (value),
        SETTINGS(X)
#undef X
    };

    for (int i = 0; i < ENGINE_OPTIONS; i++)
        settings.options[i] = OPTION_DEFAULT;
    return settings;
}

#endif
