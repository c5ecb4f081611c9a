/*
 * events: the records of a recording. The probes write them into the ring, the recorder appends
 * them unchanged to the capture, the analysis reads them: one definition, the same bytes in all
 * three places.
 *
 * Every record starts with struct event and is `size` bytes long, a multiple of 8. All times are
 * nanoseconds of CLOCK_MONOTONIC, all fields little-endian as both supported machines have them.
 * Numbers are never reused or renumbered; a new need is a new kind or a new bit. A reader passes
 * over kinds it does not know by their size.
 *
 * Included by the probes (after kernel.h) and by user space (after <stdint.h>).
 */
#ifndef BPF_EVENTS_H
#define BPF_EVENTS_H

#ifndef __bpf__
#include <stdint.h>
#endif

enum event_kind {
    EVENT_WAIT = 1,        /* a thread was off CPU and is on again */
    EVENT_THREAD = 2,      /* a thread as it stands at the attach or at the end */
    EVENT_FORK = 3,        /* a thread or process was made */
    EVENT_EXIT = 4,        /* a thread ended */
    EVENT_COMM = 5,        /* a thread was renamed, or its process called exec */
    EVENT_RECV = 6,        /* a socket receive returned bytes, or the end of the stream */
    EVENT_SEND = 7,        /* a socket send took bytes */
    EVENT_CONN = 8,        /* a TCP connection changed its state */
    EVENT_SOCKET = 9,      /* what socket an object is; may come again, the last word holds */
    EVENT_FILE = 10,       /* what file an object is, or the path a call was given */
    EVENT_ANON = 11,       /* what pipe, eventfd, epoll, timer … an object is */
    EVENT_FD = 12,         /* a descriptor that a process had at the attach */
    EVENT_WORK = 13,       /* a runtime's own word on which piece of work a thread turns to */
    EVENT_URING = 14,      /* a request to io_uring was submitted, or has completed */
    EVENT_RUNTIME = 15,    /* what runs in a process, as its files say; the recorder writes it */
    EVENT_WAIT_SHORT = 16, /* the same as EVENT_WAIT, where it fits: nearly always */
    EVENT_ASKED = 17,      /* at the attach: the other end of a TCP connection has spoken last, or
                              connections wait to be accepted */
    EVENT_KINDS = 18,
};

struct event {
    uint16_t kind; /* enum event_kind */
    uint16_t size; /* of the whole record in bytes */
    uint32_t tid;  /* in the initial PID namespace */
    uint64_t time_ns;
};

/*
 * An object a thread can wait for, the same number for as long as it exists and never for two at
 * a time: its class in the top byte; below it a socket's cookie, or a hash of what makes a file
 * the file it is. 0: none or not known.
 */
#define OBJECT_CLASS(obj) ((unsigned)((obj) >> 56))
enum object_class {
    OBJECT_NONE = 0,
    OBJECT_SOCKET = 1, /* EVENT_SOCKET; the low bits are the kernel's socket cookie */
    OBJECT_FILE = 2,   /* EVENT_FILE: regular file, directory, device, named pipe */
    OBJECT_PATH = 3,   /* EVENT_FILE with FILE_ARGUMENT: a path that a call was given */
    OBJECT_ANON = 4,   /* EVENT_ANON */
};

/* Why a thread went off CPU. */
enum wait_why {
    WHY_RUNNABLE = 0, /* preempted, or gave up the CPU while able to run */
    WHY_SLEEP = 1,    /* interruptible sleep */
    WHY_DISK = 2,     /* uninterruptible sleep: disk, page locks, kernel locks */
    WHY_STOPPED = 3,  /* stopped, traced, frozen or parked */
    WHY_NEW = 4,      /* made, and not run before */
};

enum wait_flag {
    WAIT_AFTER_LOSS = 1,  /* at least one earlier EVENT_WAIT of this thread was lost */
    WAIT_WAKER_IRQ = 2,   /* woken from an interrupt: `waker` was a bystander */
    WAIT_MULTIPLEXED = 4, /* poll or select over two descriptors or more */
    WAIT_TIMER_ONLY = 8,  /* poll or select over no descriptor */
    WAIT_USER = 16,       /* not for what a call waits for: page fault or preemption */
};

/* No descriptor. */
#define WAIT_NO_FD (-1)
/* A call whose number bpf/calls.h does not list is its kernel number with this bit. */
#define CALL_UNLISTED 0x8000u

/*
 * off_ns ≤ wake_ns ≤ time_ns: off CPU from off_ns; woken and queued for a CPU at wake_ns; on CPU
 * at time_ns, which is event.time_ns. With WHY_RUNNABLE and WHY_NEW wake_ns is off_ns.
 * off_ns 0: the thread was off CPU since before the attach, and EVENT_THREAD says how.
 */
struct event_wait {
    struct event event;
    uint64_t off_ns;
    uint64_t wake_ns;
    uint64_t obj;   /* what it waited for */
    uint32_t waker; /* tid that was current at the wake-up; 0 when it is not known */
    uint16_t call;  /* enum call, or CALL_UNLISTED | number; 0 outside a call */
    uint8_t why;    /* enum wait_why */
    uint8_t flags;  /* enum wait_flag */
    int32_t fd;     /* WAIT_NO_FD */
    uint32_t arg;   /* futex: the operation; poll, select: number of descriptors */
};

/* A futex's address stands in obj's place: bit 63..56 are 0 then, as user addresses are. */

/*
 * The same in 40 bytes. A wait is told so unless it took 2^32 ns or longer, began before the
 * attach, or `fd` or `arg` do not fit; readers get it as a struct event_wait (capture/reader.h).
 */
struct event_wait_short {
    struct event event;
    uint32_t off_before;  /* event.time_ns - off_ns */
    uint32_t wake_before; /* event.time_ns - wake_ns */
    uint64_t obj;
    uint32_t packed; /* see SHORT_… */
    uint16_t call;
    uint16_t value; /* fd or arg: see enum short_value */
};

/* Threads are numbered below 2^22: PID_MAX_LIMIT in include/linux/threads.h. */
#define SHORT_WAKER(packed) ((packed)&0x3fffffu)
#define SHORT_WHY(packed) ((packed) >> 22 & 0x7u)
#define SHORT_FLAGS(packed) ((packed) >> 25 & 0x1fu)
#define SHORT_VALUE(packed) ((packed) >> 30)
#define SHORT_PACKED(waker, why, flags, value) \
    ((uint32_t)(waker) | (uint32_t)(why) << 22 | (uint32_t)(flags) << 25 | (uint32_t)(value) << 30)
#define SHORT_WAKER_MAX 0x3fffffu
#define SHORT_VALUE_MAX 0xffffu

enum short_value {
    SHORT_ARG = 0,    /* it is arg, and there is no fd */
    SHORT_FD = 1,     /* it is fd, and arg is 0 */
    SHORT_FD_ONE = 2, /* it is fd, and arg is 1: poll over one descriptor */
};

enum thread_phase {
    THREAD_AT_ATTACH = 0,
    THREAD_AT_END = 1,
    THREAD_BETWEEN = 2, /* a flight recorder looks what is waited for; in no capture */
};

/*
 * A thread at the attach and at the end; `wait` is the wait that is still open, or has off_ns 0
 * when the thread is on CPU or waiting for one. At the attach off_ns is unknown: then it is the
 * time of this record, and the wait is at least as old. wait.event is unused (0).
 */
struct event_thread {
    struct event event;
    uint32_t pid;      /* thread group */
    uint32_t parent;   /* thread group of the parent process */
    uint64_t start_ns; /* when the thread began, CLOCK_MONOTONIC */
    uint64_t exec_ns;  /* the kernel's sum_exec_runtime and run_delay: what schedstat shows */
    uint64_t delay_ns;
    char comm[16];
    uint8_t phase;         /* enum thread_phase */
    uint8_t kernel_thread; /* 1 for a kernel thread in the group, such as io_uring's workers */
    uint8_t on_cpu;
    uint8_t pad[5];
    struct event_wait wait;
};

struct event_fork {
    struct event event;     /* tid: the new thread's */
    uint32_t pid;           /* its thread group: another than the maker's for a new process */
    uint32_t maker;         /* tid of the thread that made it */
    uint32_t parent;        /* thread group of the maker */
    uint32_t kernel_thread; /* as in event_thread */
    char comm[16];
};

struct event_exit {
    struct event event;
    uint32_t pid;
    int32_t code; /* as wait(2) gives it */
};

struct event_comm {
    struct event event;
    uint32_t pid;
    uint32_t exec; /* 1: exec, 0: renamed */
    char comm[16];
};

enum io_flag {
    IO_PEEK = 1,         /* MSG_PEEK: nothing was consumed */
    IO_AFTER_LOSS = 2,   /* an earlier record of this socket was lost */
    IO_TURN = 4,         /* first in this direction since one in the other */
    IO_KERNEL = 8,       /* no user buffer at hand: sendfile, io_uring */
    IO_NONBLOCKING = 16, /* receive: it would not have waited (O_NONBLOCK, MSG_DONTWAIT) */
    IO_URING = 128,      /* by io_uring: not necessarily an act of the thread it ran in */
    IO_CUT = 64,         /* set by the recorder: the request's first line goes on behind data[] */
    IO_SEVERAL = 32,     /* set by the recorder: more than one message, as far as data[] tells */
    IO_LENGTH = 512,     /* set by the recorder: see below */
    IO_AT_LEAST = 256,   /* with IO_LENGTH: the message is so long or longer */
    IO_ANSWERED = 1024,  /* 2.2: receive, set by the recorder: see struct capture_flight */
};

/*
 * data[] holds the first bytes, taken at a turn, and at a receive when the one before had left
 * nothing unread and they look like a request's; data_len of them are there. With IO_LENGTH
 * the record's last 8 bytes are a uint64_t: how long the whole message is that begins with these
 * bytes, its header and body together, as its first bytes say (the recorder keeps the number, not
 * the header that it stood in).
 */
struct event_io {
    struct event event; /* when the call was done with the socket */
    uint64_t obj;
    uint64_t ready_ns; /* receive: when the first of these bytes arrived; 0 not known */
    uint32_t bytes;    /* 0 on a receive: the end of the stream */
    uint16_t flags;    /* enum io_flag */
    uint16_t data_len;
    uint8_t data[];
};

/* The sizes of data[] in the ring: a status line, a short command, a request line. What reaches
 * the capture is cut to what names a request. */
#define IO_DATA_SMALL 16
#define IO_DATA_MEDIUM 48
#define IO_DATA_LARGE 160

struct event_conn {
    struct event event; /* tid: current's, which is a bystander when established by a packet */
    uint64_t obj;
    uint8_t old_state; /* the kernel's TCP_*: 1 ESTABLISHED, 2 SYN_SENT, 3 SYN_RECV, 7 CLOSE … */
    uint8_t new_state;
    uint8_t role; /* enum socket_role */
    uint8_t pad[5];
};

enum socket_role {
    ROLE_UNKNOWN = 0,
    ROLE_ACCEPTED = 1,  /* the server's end of a connection */
    ROLE_CONNECTED = 2, /* the client's end: downstream */
    ROLE_LISTENER = 3,
};

struct event_socket {
    struct event event;
    uint64_t obj;
    uint64_t established_ns; /* 0: before the attach, or not a connection */
    uint16_t family;         /* AF_* */
    uint16_t type;           /* SOCK_* */
    uint8_t role;            /* enum socket_role */
    uint8_t state;           /* TCP_* */
    uint16_t local_port;     /* host byte order */
    uint16_t remote_port;
    uint16_t pad[3];
    uint8_t local[16]; /* IPv4 in the first 4 bytes */
    uint8_t remote[16];
};

enum file_flag {
    FILE_DELETED = 1,  /* unlinked; the path is its last */
    FILE_CUT = 2,      /* the path is longer than the record */
    FILE_ARGUMENT = 4, /* `path` is as the call was given it, in one piece, maybe relative */
};

/* For a unix socket (S_IFSOCK, FILE_ARGUMENT): the name that it or its peer is bound to, an
 * abstract one with '@' in front. */

/* `path`: the components from the last to the first, a NUL behind each ("log\0var\0" is
 * /var/log); with FILE_ARGUMENT plain text. path_len counts the bytes. */
#define FILE_PATH_MAX 512
struct event_file {
    struct event event;
    uint64_t obj;
    uint64_t ino;
    uint32_t dev;
    uint16_t mode;  /* S_IFMT bits */
    uint16_t flags; /* enum file_flag */
    uint32_t path_len;
    uint32_t pad;
    char path[];
};

/* `name` is the kernel's: "[eventfd]", "[eventpoll]", "[timerfd]", "[io_uring]", or "pipe". */
struct event_anon {
    struct event event;
    uint64_t obj;
    uint64_t ino;
    char name[32];
};

struct event_fd {
    struct event event; /* tid: the thread group */
    uint64_t obj;
    int32_t fd;
    uint32_t pad;
};

enum asked_flag {
    ASKED_UNSURE = 1, /* both ends spoke last within one jiffy: the order is not known */
    ASKED_GONE = 2,   /* the other end has closed its side since */
};

/* 2.2: an answer may be owed on it, if the process accepted it. Or it is a listener: then `waiting`
 * connections to it are not accepted yet, and the rest is 0. */
struct event_asked {
    struct event event; /* tid: the thread group that has it */
    uint64_t obj;
    uint64_t heard_ns; /* when the other end spoke, to a jiffy */
    uint32_t flags;    /* enum asked_flag */
    uint32_t waiting;
};

/*
 * A runtime's own word on its work, from a uprobe on one of its functions. `item` is the address
 * of what the runtime takes for a piece of work: in one process nothing else has it for as long as
 * the piece exists, and something else may have it afterwards. libuv's and nginx's have no
 * WORK_END: they last until the worker begins with the next or waits in futex. A submission may be
 * told twice; a Python one is told when a thread begins with it, at the time when it was handed
 * over.
 */
enum work_op {
    WORK_SUBMIT = 1, /* this thread hands it over */
    WORK_BEGIN = 2,  /* this thread, a worker, begins with it */
    WORK_END = 3,    /* and is done with it */
    WORK_RESUME = 4, /* this thread, a loop, turns to it; what it turned to before is over */
    WORK_READY = 5,  /* what a task waits for is there */
};

enum work_kind {
    WORK_LIBUV = 1, /* struct uv__work */
    /* asyncio: the coroutine of a task; SUBMIT: the task is made, RESUME: a step begins. END: it
     * ends; by default only on asyncio's own loop, and the item is 0. With --precise on uvloop as
     * well, and the item is the future that the task waits for now, if any; READY: a future, by
     * whoever sets its result. */
    WORK_TASK = 2,
    WORK_FUTURE = 3, /* Python: what goes through a queue to a thread; anyio: a context */
    WORK_NGINX = 4,  /* ngx_thread_task_t */
    /* uvloop, only with --precise: in a task's step a timer is set. SUBMIT: the item is when it is
     * due, ns like the time of the record. */
    WORK_TIMER = 5,
    /* libuv: uv_fs_t, which is the tag of its request to io_uring. SUBMIT: by the loop, before
     * that is submitted; it may turn to a worker instead, and be told as WORK_LIBUV too. RESUME:
     * Node's alone, and not for each. */
    WORK_URING = 6,
    /* Kotlin, by the agent (src/agent/agent.c), whose numbers for coroutines come once. SUBMIT: it
     * is made, and handed to a dispatcher; BEGIN: a thread turns to it; END: and leaves it, for it
     * waits, or a dispatcher has it again (WORK_GIVES_WAY); READY: what it waits for is there, and
     * this thread hands it to a dispatcher. UINT64_MAX: one that was there before the agent. */
    WORK_COROUTINE = 7,
};

enum work_flag {
    WORK_IN_LINE = 1,   /* SUBMIT: just before it got one of the pool's places (anyio) */
    WORK_GIVES_WAY = 2, /* END of a step: it waits for nothing but its turn */
    WORK_FREE = 4,      /* SUBMIT of a coroutine: it is no child of another */
};

struct event_work {
    struct event event;
    uint64_t item;
    uint8_t op;     /* enum work_op */
    uint8_t kind;   /* enum work_kind */
    uint16_t flags; /* enum work_flag */
    uint32_t about; /* WORK_NGINX, the low half of: SUBMIT: the socket that the task sends on, as an
                       object; BEGIN: the address of the lock that the worker takes when it is
                       done; else 0 */
};

/*
 * A request to io_uring. `request` is the address of the kernel's own struct: one submission and
 * its completion have the same. The submission's thread is the submitter, or the ring's SQPOLL
 * thread; the completion's is whoever happened to run it.
 */
enum uring_op {
    URING_SUBMIT = 1,
    URING_COMPLETE = 2,
    URING_WORKER = 3, /* handed to one of the ring's worker threads, for it would have blocked */
};

struct event_uring {
    struct event event;
    uint64_t request;
    uint64_t obj;   /* the file or socket it is for; 0 not known */
    uint64_t ring;  /* the ring's identity */
    uint64_t tag;   /* the program's own word for it: user_data */
    uint8_t op;     /* enum uring_op */
    uint8_t opcode; /* the kernel's IORING_OP_* */
    uint16_t flags; /* enum uring_flag */
    int32_t result; /* completion: bytes, or -errno; submission: how many one call submits */
};

enum uring_flag {
    URING_SQPOLL = 1,   /* submitted by the ring's own thread: the submitter is not known */
    URING_DEFERRED = 2, /* completed only when the submitter next enters: DEFER_TASKRUN */
};

/* What is known of a process by its program and libraries. A process may have several. */
enum runtime {
    RUNTIME_NODE = 1,
    RUNTIME_PYTHON = 2,
    RUNTIME_JVM = 3,
    RUNTIME_NGINX = 4,
    RUNTIME_REDIS = 5,
    RUNTIME_GO = 6,
    RUNTIME_MEMCACHED = 7,
};

struct event_runtime {
    struct event event; /* tid: the thread group */
    uint32_t runtime;   /* enum runtime */
    uint32_t pad;
    uint64_t gil_start; /* Python: a futex in [gil_start, gil_end) is the interpreter's lock */
    uint64_t gil_end;
};

_Static_assert(sizeof(struct event) == 16, "event");
_Static_assert(sizeof(struct event_uring) == 56, "event_uring");
_Static_assert(sizeof(struct event_work) == 32, "event_work");
_Static_assert(sizeof(struct event_runtime) == 40, "event_runtime");
_Static_assert(sizeof(struct event_wait) == 56, "event_wait");
_Static_assert(sizeof(struct event_wait_short) == 40, "event_wait_short");
_Static_assert(sizeof(struct event_thread) == 128, "event_thread");
_Static_assert(sizeof(struct event_fork) == 48, "event_fork");
_Static_assert(sizeof(struct event_exit) == 24, "event_exit");
_Static_assert(sizeof(struct event_comm) == 40, "event_comm");
_Static_assert(sizeof(struct event_io) == 40, "event_io");
_Static_assert(sizeof(struct event_conn) == 32, "event_conn");
_Static_assert(sizeof(struct event_socket) == 80, "event_socket");
_Static_assert(sizeof(struct event_file) == 48, "event_file");
_Static_assert(sizeof(struct event_anon) == 64, "event_anon");
_Static_assert(sizeof(struct event_fd) == 32, "event_fd");
_Static_assert(sizeof(struct event_asked) == 40, "event_asked");

#endif
