/* The timer channel: a timerfd as a device whose service time is known exactly.
 *
 * Starting a request arms its timer; reading the descriptor completes when it expires. Works with every
 * I/O model, needs no second process, and tells the truth: latency minus service time is what
 * the model itself adds. Timer slack does not apply to timerfds; the interrupt's own delay does. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "cache_line.h"
#include "channel.h"
#include "random.h"
#include "record/clock.h"

/* Service times are drawn beforehand: no logarithm in the loop, and since the table holds the
 * distribution's quantiles, every pass over it has the same distribution. */
#define DRAWS 4096

/* A slot's way through the table, apart from those of others: they may be on other threads. */
struct draws {
    _Alignas(CACHE_LINE) uint32_t place;
};

struct timer_state {
    uint32_t depth;
    int *fds; /* by slot; -1 where not open */
    struct draws *next; /* by slot */
    uint64_t *draws;
    uint32_t draw_count;
    bool armed;
    struct recorder *recorder; /* of a trace; NULL: there is none */
};

static double quantile(const struct settings *settings, double p, uint64_t *seed)
{
    const double mean = (double)settings->service_mean_ns;
    const double low = (double)settings->service_low_ns;
    const double high = (double)settings->service_high_ns;
    const double sigma = (double)settings->service_sigma_millionths / 1e6;

    switch ((enum distribution)settings->service_distribution) {
    case DISTRIBUTION_UNIFORM:
        return low + p * (high - low);
    case DISTRIBUTION_EXPONENTIAL:
        return -mean * log1p(-p);
    case DISTRIBUTION_LOGNORMAL: {
        /* Box-Muller; its radius takes the quantile, its angle a random number. */
        double normal = sqrt(-2.0 * log(p)) * cos(2.0 * M_PI * random_unit(seed));
        return mean * exp(sigma * normal - sigma * sigma / 2.0);
    }
    case DISTRIBUTION_CONSTANT:
    default:
        return mean;
    }
}

static int begin_at_different_places(struct timer_state *timer)
{
    timer->next = cache_lines(timer->depth, sizeof *timer->next);
    if (!timer->next)
        return -ENOMEM;
    for (uint32_t slot = 0; slot < timer->depth; slot++)
        timer->next[slot].place = (uint32_t)((uint64_t)slot * timer->draw_count / timer->depth);
    return 0;
}

static int draw_service_times(struct timer_state *timer, const struct settings *settings)
{
    uint64_t seed = (uint64_t)settings->seed;

    timer->draw_count = settings->service_distribution == DISTRIBUTION_CONSTANT ? 1 : DRAWS;
    timer->draws = calloc(timer->draw_count, sizeof *timer->draws);
    if (!timer->draws)
        return -ENOMEM;
    for (uint32_t i = 0; i < timer->draw_count; i++) {
        double ns = quantile(settings, (i + 0.5) / timer->draw_count, &seed);

        /* A timer set to 0 would be disarmed. */
        timer->draws[i] = ns < 1.0 ? 1 : (uint64_t)ns;
    }
    random_shuffle(timer->draws, timer->draw_count, &seed);
    return begin_at_different_places(timer);
}

static void timer_close(void *state)
{
    struct timer_state *timer = state;

    for (uint32_t i = 0; timer->fds && i < timer->depth; i++)
        if (timer->fds[i] >= 0)
            close(timer->fds[i]);
    free(timer->fds);
    free(timer->next);
    free(timer->draws);
    free(timer);
}

static int open_timers(struct timer_state *timer, bool nonblocking)
{
    int flags = TFD_CLOEXEC | (nonblocking ? TFD_NONBLOCK : 0);

    timer->fds = malloc(timer->depth * sizeof *timer->fds);
    if (!timer->fds)
        return -ENOMEM;
    memset(timer->fds, -1, timer->depth * sizeof *timer->fds);
    for (uint32_t i = 0; i < timer->depth; i++) {
        timer->fds[i] = timerfd_create(CLOCK_MONOTONIC, flags);
        if (timer->fds[i] < 0)
            return -errno;
    }
    return 0;
}

static int timer_open(void **state, const struct channel_setup *setup)
{
    const struct settings *settings = setup->settings;
    struct timer_state *timer = calloc(1, sizeof *timer);

    if (!timer)
        return -ENOMEM;
    timer->depth = (uint32_t)settings->depth;
    timer->armed = setup->starts_device;
    timer->recorder = setup->recorder;
    int error = settings->block == sizeof(uint64_t) && settings->block_shares[0] == 0 ? 0 : -EINVAL;
    if (!error)
        error = draw_service_times(timer, settings);
    if (!error)
        error = open_timers(timer, setup->nonblocking_descriptors);
    if (error) {
        timer_close(timer);
        return error;
    }
    *state = timer;
    return 0;
}

static uint32_t timer_descriptors(const void *state, int *fds, uint32_t room)
{
    const struct timer_state *timer = state;

    for (uint32_t i = 0; i < timer->depth && i < room; i++)
        fds[i] = timer->fds[i];
    return timer->depth;
}

static int arm(int fd, uint64_t after_ns)
{
    struct itimerspec when = {
        .it_value = {
            .tv_sec = (time_t)(after_ns / NS_PER_S),
            .tv_nsec = (long)(after_ns % NS_PER_S),
        },
    };

    return timerfd_settime(fd, 0, &when, NULL) < 0 ? -errno : 0;
}

/* When the kernel takes the timer to have been armed lies between the two stamps; so the moment of its expiry is
 * known up to a span of the same length. */
static int arm_recorded(struct recorder *recorder, const struct request *request)
{
    const uint64_t after_ns = request->service_ns;
    const uint64_t before_ns = recorder_now_ns(recorder);
    int error = arm(request->fd, after_ns);
    const uint64_t armed_ns = recorder_now_ns(recorder);

    recorder_add(recorder, EVENT_device_start, before_ns, armed_ns, error ? error : (int64_t)request->slot);
    if (!error)
        recorder_add(recorder, EVENT_device_ready, before_ns + after_ns, armed_ns + after_ns,
                     (int64_t)after_ns);
    return error;
}

static int timer_start(void *state, struct request *request)
{
    struct timer_state *timer = state;

    request->operation = OPERATION_READ;
    request->fd = timer->fds[request->slot];
    request->offset = OFFSET_STREAM;
    request->length = sizeof(uint64_t);
    uint32_t *place = &timer->next[request->slot].place;

    request->service_ns = timer->draws[*place];
    if (++*place == timer->draw_count)
        *place = 0;
    if (!timer->armed)
        return 0;
    if (__builtin_expect(timer->recorder != NULL, 0))
        return arm_recorded(timer->recorder, request);
    return arm(request->fd, request->service_ns);
}

static int timer_finish(void *state, struct request *request, const char *bytes)
{
    uint64_t expirations;

    (void)state;
    /* The kernel stores how often the timer has expired: a one-shot timer exactly once. */
    if (request->done != sizeof expirations)
        return -EBADMSG;
    memcpy(&expirations, bytes, sizeof expirations);
    return expirations == 1 ? CHANNEL_DONE : -EBADMSG;
}

static int timer_check(void *state, bool before)
{
    (void)state, (void)before;
    return 0;
}

static void timer_release(void *state)
{
    struct timer_state *timer = state;

    for (uint32_t i = 0; i < timer->depth; i++)
        (void)arm(timer->fds[i], 1);
}

static struct explanation timer_explain(const struct settings *settings, enum stage stage, int error)
{
    (void)settings;
    if (stage == STAGE_VERIFY && error == -EBADMSG)
        return (struct explanation){
            .sentence = "verification failed: the timer did not report exactly one expiration",
        };
    if (stage != STAGE_CHANNEL_OPEN || error != -ENOSYS)
        return (struct explanation){0};
    return (struct explanation){
        .sentence = "the kernel or the container does not allow timerfd_create, which this channel needs: allow it in "
                    "the seccomp profile, or use another channel",
    };
}

extern const struct channel channel_timer;
const struct channel channel_timer = {
    .name = "timer",
    .caps = {.streams = true, .starts_device = true, .slots_are_independent = true},
    .open = timer_open,
    .descriptors = timer_descriptors,
    .start = timer_start,
    .finish = timer_finish,
    .explain = timer_explain,
    .check = timer_check,
    .release = timer_release,
    .close = timer_close,
};
