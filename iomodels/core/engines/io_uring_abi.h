/* What io_uring's system calls agree on with the kernel: the structures that both see, and the numbers used here. They are
 * those of <linux/io_uring.h>, under names of their own: a header older than the kernel lacks the newest of them, and
 * one of Linux 4.18 the whole file. io_uring_ring.c compares them with the header where there is one. */
#ifndef IOMODELS_IO_URING_ABI_H
#define IOMODELS_IO_URING_ABI_H

#include <stdint.h>
#include <sys/syscall.h>

/* The same number on every architecture but alpha. */
#ifndef __NR_io_uring_setup
#define __NR_io_uring_setup 425
#endif
#ifndef __NR_io_uring_enter
#define __NR_io_uring_enter 426
#endif
#ifndef __NR_io_uring_register
#define __NR_io_uring_register 427
#endif

struct ring_sq_offsets {
    uint32_t head, tail, ring_mask, ring_entries, flags, dropped, array, reserved;
    uint64_t user_address;
};

struct ring_cq_offsets {
    uint32_t head, tail, ring_mask, ring_entries, overflow, cqes, flags, reserved;
    uint64_t user_address;
};

struct ring_params {
    uint32_t sq_entries, cq_entries, flags, sq_thread_cpu, sq_thread_idle, features, wq_fd, reserved[3];
    struct ring_sq_offsets sq;
    struct ring_cq_offsets cq;
};

/* A submission queue entry. */
struct ring_sqe {
    uint8_t opcode, flags;
    uint16_t ioprio;
    int32_t fd; /* or, with SQE_FIXED_FILE, a place in the registered files */
    uint64_t offset, address;
    uint32_t length, operation_flags;
    uint64_t user_data;
    uint16_t buffer; /* a registered buffer, or a group of provided ones */
    uint16_t personality;
    uint32_t file_index;
    uint64_t more[2];
};

/* A completion queue entry. */
struct ring_cqe {
    uint64_t user_data;
    int32_t result;
    uint32_t flags;
};

/* What io_uring_enter gets with ENTER_EXT_ARG. */
struct ring_wait {
    uint64_t signal_mask;
    uint32_t signal_mask_size, reserved;
    uint64_t timeout; /* the address of a ring_timespec */
};

struct ring_timespec {
    int64_t seconds;
    int64_t nanoseconds;
};

/* What RING_REGISTER_PROBE fills in. */
struct ring_probe_operation {
    uint8_t opcode, reserved;
    uint16_t flags;
    uint32_t reserved_too;
};

struct ring_probe {
    uint8_t last_opcode, count;
    uint16_t reserved;
    uint32_t reserved_too[3];
    struct ring_probe_operation operations[256];
};

enum {
    RING_SETUP_SQPOLL = 1u << 1,
    RING_SETUP_CQSIZE = 1u << 3, /* Linux 5.5 */
    RING_SETUP_CLAMP = 1u << 4,  /* 5.6 */
    RING_SETUP_COOP_TASKRUN = 1u << 8,  /* 5.19 */
    RING_SETUP_TASKRUN_FLAG = 1u << 9,  /* 5.19 */
    RING_SETUP_SINGLE_ISSUER = 1u << 12, /* 6.0 */
    RING_SETUP_DEFER_TASKRUN = 1u << 13, /* 6.1 */
};

enum {
    RING_FEATURE_SINGLE_MMAP = 1u << 0,     /* Linux 5.4 */
    RING_FEATURE_NODROP = 1u << 1,          /* 5.5 */
    RING_FEATURE_SQPOLL_NONFIXED = 1u << 7, /* 5.11 */
    RING_FEATURE_EXT_ARG = 1u << 8,         /* 5.11 */
};

enum {
    RING_ENTER_GETEVENTS = 1u << 0,
    RING_ENTER_SQ_WAKEUP = 1u << 1,
    RING_ENTER_SQ_WAIT = 1u << 2,
    RING_ENTER_EXT_ARG = 1u << 3,
};

/* In the submission ring's flags. */
enum {
    RING_SQ_NEED_WAKEUP = 1u << 0,
    RING_SQ_CQ_OVERFLOW = 1u << 1,
    RING_SQ_TASKRUN = 1u << 2,
};

enum {
    RING_OP_FSYNC = 3,
    RING_OP_READ_FIXED = 4,
    RING_OP_WRITE_FIXED = 5,
    RING_OP_TIMEOUT = 11,
    RING_OP_ASYNC_CANCEL = 14,
    RING_OP_READ = 22,
    RING_OP_WRITE = 23,
    RING_OP_RECV = 27,
    RING_OP_SEND_ZC = 47, /* came with multishot receives (Linux 6.0), of which the kernel does not tell */
};

enum {
    RING_SQE_FIXED_FILE = 1u << 0,
    RING_SQE_LINK = 1u << 2, /* Linux 5.3 */
    RING_SQE_BUFFER_SELECT = 1u << 5,
};

/* One place of a ring of provided buffers. The tail, up to which the kernel may take them, lies in the first place. */
struct ring_buffer {
    uint64_t address;
    uint32_t length;
    uint16_t id, tail;
};

struct ring_buffers_registration {
    uint64_t address;
    uint32_t entries;
    uint16_t group, flags;
    uint64_t reserved[3];
};

enum { RING_FSYNC_DATASYNC = 1u << 0 };
/* Of a cancel; Linux 5.19. */
enum {
    RING_CANCEL_ALL = 1u << 0,
    RING_CANCEL_ANY = 1u << 2,
};
enum { RING_RECV_MULTISHOT = 1u << 1 }; /* in ioprio; Linux 6.0 */

enum {
    RING_CQE_BUFFER = 1u << 0,
    RING_CQE_MORE = 1u << 1,
    RING_CQE_BUFFER_SHIFT = 16,
};

enum {
    RING_REGISTER_BUFFERS = 0,
    RING_UNREGISTER_BUFFERS = 1,
    RING_REGISTER_FILES = 2,
    RING_UNREGISTER_FILES = 3,
    RING_REGISTER_PROBE = 8,      /* Linux 5.6 */
    RING_REGISTER_PBUF_RING = 22, /* 5.19 */
    RING_UNREGISTER_PBUF_RING = 23,
};

enum { RING_PROBE_SUPPORTED = 1u << 0 };

/* Where in the ring's descriptor its two parts are mapped. */
#define RING_OFFSET_RINGS 0
#define RING_OFFSET_SQES INT64_C(0x10000000)

#endif
