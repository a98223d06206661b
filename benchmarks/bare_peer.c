/* Gives a plain program what an engine has in a trial: a channel's descriptors, with the core's own peer at the other
 * end. The program then takes the place of this one.
 *
 *     bare-peer CHANNEL name=number … -- PROGRAM WORDS …
 *
 * CHANNEL is pipe or socket, the numbers are settings of the core (settings.h). To the program's words are added: a
 * descriptor of the bytes that the peer expects (pattern.h; PATTERN_PERIOD of them, and as many as the longest message),
 * and for each connection its descriptor and where in those bytes its stream begins, as `FD:ORIGIN`. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cache_line.h"
#include "channel.h"
#include "pattern.h"

extern const struct channel channel_pipe, channel_socket;

static _Noreturn void fail(const char *what, int error)
{
    fprintf(stderr, "bare-peer: %s: %s\n", what, strerror(error));
    exit(EXIT_FAILURE);
}

static const struct channel *channel_of(const char *name)
{
    if (strcmp(name, channel_pipe.name) == 0)
        return &channel_pipe;
    if (strcmp(name, channel_socket.name) == 0)
        return &channel_socket;
    fail(name, EINVAL);
}

static void set(struct settings *settings, const char *word)
{
    const char *equals = strchr(word, '=');

    for (const struct setting_name *name = setting_names; equals && name->name; name++)
        if (strlen(name->name) == (size_t)(equals - word) && strncmp(name->name, word, (size_t)(equals - word)) == 0) {
            *(int64_t *)((char *)settings + name->offset) = strtoll(equals + 1, NULL, 10);
            return;
        }
    fail(word, EINVAL);
}

/* The index of the program among the words. */
static int read_settings(struct settings *settings, int count, char **words)
{
    *settings = settings_default();
    for (int i = 2; i < count; i++) {
        if (strcmp(words[i], "--") == 0)
            return i + 1;
        set(settings, words[i]);
    }
    return count;
}

static void stay_on(int64_t cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) < 0)
        fail("pinning", errno);
}

/* Memory that the peer shares and keeps: this process's goes with its program. */
static struct record *make_record(void)
{
    struct record *record = mmap(NULL, sizeof *record, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (record == MAP_FAILED)
        fail("memory", errno);
    record->window_is_open = 1;
    return record;
}

static void *open_channel(const struct channel *channel, const struct settings *settings)
{
    void *state;
    const struct channel_setup setup = {.settings = settings, .starts_device = true, .record = make_record()};
    const int error = channel->open(&state, &setup);

    if (error)
        fail("opening the channel", -error);
    if (settings->server)
        channel->drive(state, true);
    return state;
}

static void keep(int fd)
{
    if (fcntl(fd, F_SETFD, 0) < 0)
        fail("keeping a descriptor", errno);
}

static char *number_word(int number)
{
    char *word;

    if (asprintf(&word, "%d", number) < 0)
        fail("memory", ENOMEM);
    return word;
}

static char *connection_word(const struct channel *channel, void *state, const struct settings *settings, uint32_t slot)
{
    struct request request = {.slot = slot, .buffer = malloc((size_t)settings->block)};
    char *word;
    const int error = channel->start(state, &request);

    if (error)
        fail("starting", -error);
    keep(request.fd);
    if (asprintf(&word, "%d:%llu", request.fd, (unsigned long long)pattern_origin(slot, TOWARDS_PEER)) < 0)
        fail("memory", ENOMEM);
    return word;
}

static int pattern_descriptor(size_t longest)
{
    const size_t size = PATTERN_PERIOD + longest;
    const int fd = memfd_create("pattern", 0);
    char *pattern = pattern_make(longest);

    if (fd < 0 || !pattern || write(fd, pattern, size) != (ssize_t)size)
        fail("the pattern", errno);
    return fd;
}

int main(int count, char **words)
{
    struct settings settings;
    const int program = read_settings(&settings, count, words);

    if (program >= count) {
        fputs("usage: bare-peer pipe|socket name=number … -- PROGRAM WORDS …\n", stderr);
        return 2;
    }
    if (settings.engine_cpu >= 0)
        stay_on(settings.engine_cpu);
    const struct channel *channel = channel_of(words[1]);
    void *state = open_channel(channel, &settings);
    const uint32_t connections = (uint32_t)settings.depth;
    char **command = calloc((size_t)(count - program) + connections + 2, sizeof *command);
    int n = 0;

    if (!command)
        fail("memory", ENOMEM);
    for (int i = program; i < count; i++)
        command[n++] = words[i];
    command[n++] = number_word(pattern_descriptor((size_t)settings.block));
    for (uint32_t slot = 0; slot < connections; slot++)
        command[n++] = connection_word(channel, state, &settings, slot);
    execvp(command[0], command);
    fail(command[0], errno);
}
