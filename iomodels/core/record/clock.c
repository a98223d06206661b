/* Choosing and calibrating the clock (see clock.h). */
#include "clock.h"

#include <stdio.h>
#include <string.h>

bool clock_tsc_is_trusted(void)
{
#if defined(__x86_64__)
    char name[32] = "";
    FILE *file = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");

    if (!file)
        return false;
    if (!fgets(name, sizeof name, file))
        name[0] = '\0';
    fclose(file);
    name[strcspn(name, "\n")] = '\0';
    return strcmp(name, "tsc") == 0;
#else
    return false;
#endif
}

struct clock_pair {
    uint64_t ticks, monotonic_ns;
};

/* Both clocks at one moment: of several tries, the one in which reading took least, since then
 * nothing came in between. */
static struct clock_pair read_both(void)
{
    struct clock_pair best = {0};
    uint64_t best_width = UINT64_MAX;

    for (int try = 0; try < 32; try++) {
        uint64_t before = clock_ticks();
        uint64_t monotonic_ns = clock_monotonic_ns();
        uint64_t after = clock_ticks();

        if (after - before < best_width) {
            best_width = after - before;
            best = (struct clock_pair){
                .ticks = before + (after - before) / 2,
                .monotonic_ns = monotonic_ns,
            };
        }
    }
    return best;
}

void clock_calibrate(struct clock *clock, uint64_t window_ns)
{
    struct timespec window = {
        .tv_sec = (time_t)(window_ns / NS_PER_S),
        .tv_nsec = (long)(window_ns % NS_PER_S),
    };

    clock->ns_per_tick_q32 = 0;
    if (!clock_tsc_is_trusted())
        return;
    struct clock_pair first = read_both();
    nanosleep(&window, NULL);
    struct clock_pair last = read_both();

    if (last.ticks <= first.ticks || last.monotonic_ns <= first.monotonic_ns)
        return;
    uint128 elapsed_ns_q32 = (uint128)(last.monotonic_ns - first.monotonic_ns) << 32;
    clock->ns_per_tick_q32 = (uint64_t)(elapsed_ns_q32 / (last.ticks - first.ticks));
}
