/* A process for each rule (see forked.h). */
#include "forked.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

/* A rule has an alarm of its own, which is a signal that an engine may have blocked. */
#define PATIENCE_MS 40000
#define MAX_WORDS 8000 /* of a sanitizer's report */

static void print_escaped(const char *words)
{
    size_t length = strlen(words);

    while (length > 0 && words[length - 1] == '\n')
        length--;
    for (size_t i = 0; i < length; i++)
        if (words[i] == '\n')
            fputs("\\n", stdout);
        else if (words[i] == '\\')
            fputs("\\\\", stdout);
        else
            putchar(words[i]);
}

void forked_print(const char *name, const char *outcome, const char *words)
{
    printf("%s %s%s", name, outcome, *words ? " " : "");
    print_escaped(words);
    putchar('\n');
    fflush(stdout);
}

static void become_the_rule(int output, void (*run)(void *context), void *context)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* whoever ends the suite ends the rule */
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    close(output);
    run(context);
    exit(EXIT_SUCCESS); /* not _exit: a sanitizer looks for leaks at the end */
}

/* The wait status; a child that does not end is killed. */
static int await_end(pid_t child, bool *hung)
{
    int fd = (int)syscall(SYS_pidfd_open, child, 0), status = 0, ready;

    const int patience_ms = PATIENCE_MS + 3 * (int)stress_seconds() * 1000;

    EXPECT(fd >= 0, "The suite cannot watch its own child.");
    do
        ready = poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, patience_ms);
    while (ready < 0 && errno == EINTR);
    *hung = ready == 0;
    if (*hung)
        kill(child, SIGKILL);
    EXPECT(waitpid(child, &status, 0) == child, "The suite lost its own child.");
    close(fd);
    return status;
}

/* What the line says of a child that neither passed nor did not apply, or nothing: its words say it all. */
static const char *ending(int status, bool hung)
{
    static char text[80];

    *text = 0;
    if (hung)
        snprintf(text, sizeof text, "no end after %d s", PATIENCE_MS / 1000);
    else if (WIFSIGNALED(status))
        snprintf(text, sizeof text, "ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) != EXIT_FAILURE)
        snprintf(text, sizeof text, "exit status %d", WEXITSTATUS(status));
    return text;
}

static bool report(const char *name, int status, bool hung, char *words)
{
    const int code = !hung && WIFEXITED(status) ? WEXITSTATUS(status) : -1;

    if (code == EXIT_SUCCESS || code == EXIT_NOT_APPLICABLE) {
        forked_print(name, code ? "n/a" : "passed", code ? words : "");
        return true;
    }
    const char *last = ending(status, hung);
    if (*last && *words)
        strncat(words, "\n", MAX_WORDS - strlen(words));
    strncat(words, last, MAX_WORDS - strlen(words));
    forked_print(name, "failed", words);
    return false;
}

bool forked_run(const char *name, void (*run)(void *context), void *context)
{
    static char words[MAX_WORDS + 1];
    int output = memfd_create("rule", MFD_CLOEXEC);
    bool hung;

    EXPECT(output >= 0, "No memory for the suite itself.");
    fflush(NULL); /* or the child would print it again */
    pid_t child = fork();
    EXPECT(child >= 0, "The suite cannot start a process.");
    if (child == 0)
        become_the_rule(output, run, context);
    int status = await_end(child, &hung);
    ssize_t length = pread(output, words, MAX_WORDS, 0);
    close(output);
    words[length > 0 ? length : 0] = 0;
    return report(name, status, hung, words);
}
