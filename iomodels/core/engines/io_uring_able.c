/* Whether io_uring works here, asked of the kernel with a ring of one entry; and what its errors mean. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "io_uring.h"

/* What administrators may switch off; since Linux 6.6. 0 where there is no such switch. */
static char disabled(void)
{
    const int fd = open("/proc/sys/kernel/io_uring_disabled", O_RDONLY | O_CLOEXEC);
    char value = '0';

    if (fd < 0)
        return value;
    if (read(fd, &value, 1) != 1)
        value = '0';
    close(fd);
    return value;
}

static const char *not_permitted(const int64_t *options)
{
    switch (disabled()) {
    case '2':
        return "io_uring is switched off on this machine (sysctl kernel.io_uring_disabled = 2)";
    case '1':
        return "io_uring is switched off for this user (sysctl kernel.io_uring_disabled = 1): only "
               "kernel.io_uring_group and privileged processes may use it";
    default:
        break;
    }
    return options[OPTION_SQPOLL] == SQPOLL_ON
               ? "io_uring with sqpoll=on is not permitted here: a seccomp filter refuses it, as those of containers do, "
                 "or the kernel is older than Linux 5.12 and wants privileges for it"
               : "io_uring is not permitted here: a seccomp filter refuses it, as those of containers do";
}

static const char *lacks_option(const int64_t *options)
{
    if (options[OPTION_TASKRUN] == TASKRUN_DEFER)
        return "this kernel's io_uring lacks taskrun=defer (IORING_SETUP_DEFER_TASKRUN, Linux 6.1)";
    if (options[OPTION_TASKRUN] == TASKRUN_COOP)
        return "this kernel's io_uring lacks taskrun=coop (IORING_SETUP_COOP_TASKRUN, Linux 5.19)";
    return "this kernel's io_uring is too old: it lacks IORING_SETUP_CLAMP (Linux 5.6)";
}

static const char *refusal(int error, const int64_t *options)
{
    switch (error) {
    case -ENOSYS:
        return "this kernel has no io_uring, or a seccomp filter hides it";
    case -EPERM:
    case -EACCES:
        return not_permitted(options);
    case -EINVAL:
        return lacks_option(options);
    case -ENOMEM:
        return "io_uring needs locked memory, and the limit on it is used up: raise it (ulimit -l)";
    default:
        return NULL; /* nothing is wrong with io_uring: the open will say what it is */
    }
}

static const char *lacks_operation(const struct ring_probe *probe, const int64_t *options)
{
    const bool buffers = options[OPTION_FIXED] == FIXED_BUFFERS || options[OPTION_FIXED] == FIXED_BOTH;
    const bool receives = options[OPTION_MULTISHOT] == MULTISHOT_ON;
    const struct {
        uint8_t opcode;
        bool is_needed;
        const char *sentence;
    } needs[] = {
        {RING_OP_READ, true, "this kernel's io_uring lacks IORING_OP_READ (Linux 5.6)"},
        {RING_OP_WRITE, true, "this kernel's io_uring lacks IORING_OP_WRITE (Linux 5.6)"},
        {RING_OP_FSYNC, true, "this kernel's io_uring lacks IORING_OP_FSYNC (Linux 5.1)"},
        {RING_OP_ASYNC_CANCEL, true, "this kernel's io_uring lacks IORING_OP_ASYNC_CANCEL (Linux 5.5)"},
        {RING_OP_READ_FIXED, buffers, "this kernel's io_uring lacks IORING_OP_READ_FIXED (Linux 5.1)"},
        {RING_OP_SEND_ZC, receives, "this kernel's io_uring lacks multishot receives (IORING_RECV_MULTISHOT, Linux 6.0)"},
        {RING_OP_WRITE_FIXED, buffers, "this kernel's io_uring lacks IORING_OP_WRITE_FIXED (Linux 5.1)"},
    };

    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
        if (needs[i].is_needed && (needs[i].opcode >= probe->count ||
                                   !(probe->operations[needs[i].opcode].flags & RING_PROBE_SUPPORTED)))
            return needs[i].sentence;
    return NULL;
}

static const char *lacks(int fd, const struct ring_params *params, const int64_t *options)
{
    struct ring_probe probe = {0};

    if (syscall(__NR_io_uring_register, fd, RING_REGISTER_PROBE, &probe, 256) < 0)
        return "this kernel's io_uring is older than Linux 5.6, and lacks IORING_OP_READ";
    if (options[OPTION_SQPOLL] == SQPOLL_ON && !(params->features & RING_FEATURE_SQPOLL_NONFIXED) &&
        options[OPTION_FIXED] != FIXED_FILES && options[OPTION_FIXED] != FIXED_BOTH)
        return "this kernel's io_uring needs fixed=files (or both) beside sqpoll=on: it is older than Linux 5.11";
    return lacks_operation(&probe, options);
}

const char *uring_probe(const struct trial_question *question)
{
    struct ring_params params = {.flags = uring_setup_flags(question->options) | RING_SETUP_CLAMP};
    const int fd = ring_try(&params);

    if (fd < 0)
        return refusal(fd, question->options);
    const char *reason = lacks(fd, &params, question->options);

    close(fd);
    return reason;
}

struct explanation uring_explain(const struct trial_question *question, enum stage stage, int error)
{
    if (stage != STAGE_ENGINE_OPEN)
        return (struct explanation){0};
    if (error == -ENOBUFS)
        return (struct explanation){
            .sentence = question->options[OPTION_FIXED] >= FIXED_BUFFERS
                            ? "io_uring may not lock as much memory as the registered buffers need: raise the limit "
                              "(ulimit -l, RLIMIT_MEMLOCK), or lower load.depth or load.block"
                            : "io_uring may not lock as much memory as its rings need: raise the limit (ulimit -l, "
                              "RLIMIT_MEMLOCK), or lower load.depth",
            .not_applicable = true,
        };
    const char *reason = error == -ENOMEM ? NULL : refusal(error, question->options);

    return (struct explanation){.sentence = reason, .not_applicable = reason != NULL};
}
