/* Rules about requests of several sizes: each transfer has the length that was drawn for it, and no other. */
#include <string.h>

#include "channels/sizes.h"
#include "loop_case.h"

#define OPERATIONS 80
/* Of an engine that spins, or for which the kernel does: on a busy machine, each of its operations takes the time of
 * everybody else's turns. */
#define FEW_OPERATIONS 15
#define PART 1000

/* ------------------------------------------------------------------ several-sizes */

static const char *unless_has_sizes(const struct subject *subject)
{
    return subject->channel->caps.starts_device ? "the channel's requests have one size" : unless_moves_data(subject);
}

/* Of a file so that direct I/O could have them, of a stream so that nothing is a multiple of anything. */
static void set_sizes(const struct subject *subject, struct settings *settings)
{
    const bool is_file = subject->channel->caps.files;
    const int64_t block = settings->block;

    settings->block_sizes[0] = is_file ? 512 : 1;
    settings->block_sizes[1] = is_file ? block : block / 3;
    settings->block_sizes[2] = is_file ? 3 * block : block;
    settings->block = settings->block_sizes[2];
    settings->block_shares[0] = 50;
    settings->block_shares[1] = 30;
    settings->block_shares[2] = 20;
}

/* What the first so many operations of a lone connection, or of a file, transfer. */
static uint64_t drawn_bytes(const struct settings *settings, uint64_t operations)
{
    uint64_t sequence = sizes_sequence(settings, 0), bytes = 0;
    struct sizes sizes;

    EXPECT(sizes_open(&sizes, settings) == 0, "The sizes make no sense.");
    for (; operations > 0; operations--)
        bytes += sizes_next(&sizes, &sequence);
    return bytes;
}

static size_t limit_to_part(void *context, enum call_id id, size_t length)
{
    (void)context, (void)id;
    return length < PART ? length : PART;
}

static void run_with_sizes(const struct subject *subject, uint32_t depth, enum pattern pattern,
                           size_t (*limit)(void *, enum call_id, size_t))
{
    struct loop_case test;
    struct settings *settings = &test.setup.settings;
    const struct engine_caps *caps = &subject->engine->caps;
    const uint64_t operations = caps->spins || caps->kernel_polls ? FEW_OPERATIONS : OPERATIONS;

    loop_case_init(&test, subject, subject_depth(subject, depth));
    set_sizes(subject, settings);
    settings->pattern = pattern;
    test.hooks.limit = limit;
    EXPECT(loop_case_open(&test) == 0, "The loop did not open.");
    loop_case_run(&test, UINT64_MAX / 4, operations);
    const struct slice *slice = &test.record->slice;
    const uint64_t drawn = subject->variant->transfers * drawn_bytes(settings, slice->window_operations);

    EXPECT(slice->window_operations >= operations, "Only %llu operations ended.",
           (unsigned long long)slice->window_operations);
    EXPECT(depth > 1 || slice->window_bytes == drawn, "%llu bytes were transferred, and %llu were drawn.",
           (unsigned long long)slice->window_bytes, (unsigned long long)drawn);
    EXPECT(slice->verified_words > 0 || settings->workload == WORKLOAD_WRITE, "Nothing was verified.");
    loop_case_run(&test, UINT64_MAX / 4, operations); /* where the last slice has stopped, the next one goes on */
    EXPECT(loop_case_close(&test) == 0, "loop_close failed.");
    loop_case_free(&test);
}

static void several_sizes(const struct subject *subject)
{
    /* The deepest first: glibc's AIO keeps the number of threads that its first user wants. */
    run_with_sizes(subject, 5, PATTERN_RANDOM, limit_to_part);
    run_with_sizes(subject, 1, PATTERN_SEQUENTIAL, NULL);
}

/* ------------------------------------------------------------------ sizes-have-their-shares */

/* From the table itself: how often each size is drawn, out of 2^32 draws. Rounding may take less than one from a
 * column. */
static void expect_shares(const int64_t *shares, uint32_t count)
{
    struct settings settings = settings_default();
    double drawn[BLOCK_SIZES] = {0}, total = 0;
    struct sizes sizes;

    settings.block = BLOCK_SIZES;
    for (uint32_t i = 0; i < count; i++) {
        settings.block_sizes[i] = (int64_t)i + 1;
        settings.block_shares[i] = shares[i];
        total += (double)shares[i];
    }
    EXPECT(sizes_open(&sizes, &settings) == 0, "The sizes make no sense.");
    for (uint32_t column = 0; column < BLOCK_SIZES; column++) {
        const struct size_column *place = &sizes.columns[column];

        EXPECT(place->own <= UINT64_C(1) << 32, "A column is fuller than full.");
        drawn[column] += (double)place->own / BLOCK_SIZES;
        drawn[place->other] += (double)((UINT64_C(1) << 32) - place->own) / BLOCK_SIZES;
    }
    for (uint32_t i = 0; i < BLOCK_SIZES; i++) {
        const double wanted = i < count ? (double)shares[i] / total * 4294967296.0 : 0;

        EXPECT(drawn[i] > wanted - 2 && drawn[i] < wanted + 2, "Size %u is drawn %.0f times, and should be %.0f times.", i,
               drawn[i], wanted);
    }
}

static void sizes_have_their_shares(const struct subject *subject)
{
    int64_t shares[BLOCK_SIZES];
    uint64_t random = 1;

    (void)subject;
    expect_shares((const int64_t[]){10000}, 1);
    expect_shares((const int64_t[]){1, 9999}, 2);
    for (int try = 0; try < 1000; try++) {
        const uint32_t count = 1 + (uint32_t)random_below(&random, BLOCK_SIZES);

        for (uint32_t i = 0; i < count; i++)
            shares[i] = 1 + (int64_t)random_below(&random, try % 2 ? 3 : 10000);
        expect_shares(shares, count);
    }
}

const struct rule size_rules[] = {
    {"several-sizes", unless_has_sizes, several_sizes},
    {"sizes-have-their-shares", NULL, sizes_have_their_shares},
    {NULL, NULL, NULL},
};
