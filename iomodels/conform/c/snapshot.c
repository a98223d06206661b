/* Looking at the process from inside (see snapshot.h). */
#include "snapshot.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define THREADS_STAY_NS (2500 * MS)
#define RESTORER 0x04000000 /* SA_RESTORER, which only the kernel's own header names */

static uint32_t count_threads(void)
{
    DIR *folder = opendir("/proc/self/task");
    uint32_t n = 0;

    EXPECT(folder, "There is no /proc/self/task.");
    for (const struct dirent *entry; (entry = readdir(folder));)
        n += entry->d_name[0] != '.';
    closedir(folder);
    return n;
}

/* Each has a mapping of its own, its ring, and no descriptor. What is still polled in one keeps its file open. */
static uint32_t count_kernel_aio_contexts(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    uint32_t n = 0;

    EXPECT(maps, "There is no /proc/self/maps.");
    while (fgets(line, sizeof line, maps))
        n += strstr(line, "/[aio]") != NULL;
    fclose(maps);
    return n;
}

/* Dead or alive; leaves it as it is. */
static bool has_children(void)
{
    siginfo_t info;

    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

void snapshot_take(struct snapshot *snapshot)
{
    memset(snapshot, 0, sizeof *snapshot);
    snapshot->threads = count_threads();
    snapshot->kernel_aio_contexts = count_kernel_aio_contexts();
    snapshot->has_children = has_children();
    for (int fd = 0; fd < SNAPSHOT_DESCRIPTORS; fd++)
        snapshot->descriptors[fd] = fcntl(fd, F_GETFD) >= 0;
    for (int signal = 1; signal < SNAPSHOT_SIGNALS; signal++) {
        struct sigaction action;

        if (sigaction(signal, NULL, &action) < 0)
            continue; /* those the C library keeps for itself */
        snapshot->signals[signal].handler = action.sa_handler;
        /* The C library adds one when it sets a disposition, be it the one that it had given out. */
        snapshot->signals[signal].flags = action.sa_flags & ~RESTORER;
    }
    sigprocmask(SIG_SETMASK, NULL, &snapshot->mask);
}

static void expect_threads(uint32_t threads)
{
    const uint64_t deadline_ns = wall_ns() + THREADS_STAY_NS;

    while (count_threads() > threads) {
        EXPECT(wall_ns() < deadline_ns, "%u threads were left behind.", count_threads() - threads);
        nanosleep(&(struct timespec){.tv_nsec = 5 * (long)MS}, NULL);
    }
}

void snapshot_expect(const struct snapshot *before, const struct subject *subject)
{
    struct snapshot now;

    if (subject->variant->is_first)
        expect_threads(before->threads);
    snapshot_take(&now);
    EXPECT(before->kernel_aio_contexts == now.kernel_aio_contexts, "A context of kernel AIO was left behind.");
    EXPECT(before->has_children || !now.has_children, "A child process was left behind.");
    for (int fd = 0; fd < SNAPSHOT_DESCRIPTORS; fd++)
        EXPECT(before->descriptors[fd] == now.descriptors[fd], "Descriptor %d was %s.", fd,
               now.descriptors[fd] ? "left open" : "closed");
    for (int signal = 1; signal < SNAPSHOT_SIGNALS; signal++) {
        EXPECT(before->signals[signal].handler == now.signals[signal].handler &&
                   before->signals[signal].flags == now.signals[signal].flags,
               "The disposition of signal %d was changed.", signal);
        EXPECT(sigismember(&before->mask, signal) == sigismember(&now.mask, signal),
               "Signal %d was left %s.", signal,
               sigismember(&now.mask, signal) ? "blocked" : "unblocked");
    }
}
