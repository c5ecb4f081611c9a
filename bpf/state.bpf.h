/*
 * state: the maps, and what is kept for each thread and socket.
 */
#ifndef BPF_STATE_BPF_H
#define BPF_STATE_BPF_H

#include "bpf/kernel.h"

#include "bpf/calls.h"
#include "bpf/events.h"
#include "bpf/ring.bpf.h"
#include "bpf/shared.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/*
 * A traced thread. That the storage exists is the filter: it is made at the attach, and for
 * children at their fork, and looking for it in vain is the cheapest way to leave a probe.
 * What it holds of a wait is sent at the next switch-in; off_ns is 0 while on CPU.
 */
struct thread_state {
    /* What each switch and each wake-up, maybe on another CPU, touches: one cache line with the 8
     * bytes that the kernel has in front (struct bpf_local_storage_data). */
    __u64 frame; /* in_interrupt()'s way through memory */
    __u32 waker;
    __u8 waker_irq;
    __u8 woken; /* since the last switch-in */
    __u8 dead;
    __u8 lost;
    __u64 off_ns;
    __u64 obj;
    __u64 in_ns; /* at the last switch-in, in the scheduler's view; 0 before the first one */
    __s32 fd;
    __u32 arg;
    __u16 call;
    __u8 why;
    __u8 flags;
    __u32 pad;
    /* At the last switch-in. */
    __u64 exec_ns;     /* sum_exec_runtime */
    __u64 stolen_ns;   /* rq.clock - rq.clock_task */
    __u64 in_delay_ns; /* run_delay, with what it had just waited */
    /* At the last switch-out: sum_exec_runtime, run_delay. */
    __u64 out_exec_ns;
    __u64 out_delay_ns;
    __u64 known;   /* the last object that a descriptor stood for */
    __u64 seen_ns; /* when the snapshot found it off CPU; 0 otherwise */
    __u64 wake_ns; /* where the scheduler keeps no account of it */
    __u8 work;     /* enum work_state */
    /* Python's Context.run(): how deep it is in it; and was when the task's step began. */
    __u8 depth, step_depth;
    __u8 pad_work[5];
    __u64 item;   /* Python: what a worker has begun and not ended */
    __u64 result; /* where the task's step that it is in puts what it waits for */
    __u64 none;   /* and Python's None, which it was sent */
};

struct {
    __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct thread_state);
} threads SEC(".maps");

/*
 * A socket of the target. The arrivals remember when bytes came that nobody has read: the receive
 * that reads the first of them looks its time up. One writer at each end (the packet's side at
 * head, the reader's at tail), so no lock; when it is full the newest entry is stretched and takes
 * the later time, so that a time may be too late, never too early.
 *
 * The packet's side is often another CPU, so all that a request touches lies on one cache line with
 * the 8 bytes that the kernel has in front: each line that goes from CPU to CPU takes as long as
 * the rest of a probe. Times are cut to 48 bits for that: what lay unread for 39 hours is taken for
 * new. (TCP's own clock in tcp_sock does not say when bytes came: a receive reads it anew,
 * tcp_rcv_space_adjust() in net/ipv4/tcp_input.c.)
 */
#define ARRIVALS 4
#define ARRIVAL_SHIFT 16

struct socket_state {
    __u64 obj;
    __u64 arrival[ARRIVALS];     /* time, cut, above the upper half of the end's number */
    __u16 arrival_low[ARRIVALS]; /* the lower one: rcv_nxt after the bytes */
    __u8 head, tail;             /* counts, modulo 256 */
    __u8 role;
    __u8 direction; /* EVENT_RECV or EVENT_SEND, of the last one */
    __u8 lost;
    __u8 announced; /* in which round: see below; 0 in none */
    __u8 leftover;  /* like ready_ns: bytes were left unread, and when they came is not known */
    __u8 drained;   /* the last receive left nothing: the next one's bytes may begin a message */
    /* the next line */
    __u64 ready_ns; /* sockets without sequence numbers: first unread bytes */
    __u64 established_ns;
};

struct {
    __uint(type, BPF_MAP_TYPE_SK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct socket_state);
} sockets SEC(".maps");

/* Local ports on which the target listens: the way to know a new connection as the target's
 * when it is established by a packet, with anyone as current. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, __u16);
    __type(value, __u8);
} listeners SEC(".maps");

/* The same for unix sockets: addresses of the kernel's struct unix_address, which a listener and
 * all that it accepts share. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1024);
    __type(key, __u64);
    __type(value, __u8);
} unix_listeners SEC(".maps");

/* Thread groups that were asked for; their descendants are found through their parents. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, __u32);
    __type(value, __u8);
} targets SEC(".maps");

/* Objects that were described. One that falls out is described again. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 65536);
    __type(key, __u64);
    __type(value, __u8);
} described SEC(".maps");

/* Room to build a path in; one for the scheduler's probe and one for those of sockets, which may
 * come while an iterator builds in the other. */
struct path_room {
    struct event_file file;
    char path[FILE_PATH_MAX + 256]; /* one component more than may be sent */
};

enum { ROOM_SCHED = 0, ROOM_TASK = 1, ROOM_SOCKET = 2, ROOMS = 3 };

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, ROOMS);
    __type(key, __u32);
    __type(value, struct path_room);
} rooms SEC(".maps");

/*
 * The scheduler's clock against CLOCK_MONOTONIC, on each CPU. rq.clock is read some time before
 * a tracepoint sees it, a long time when the hypervisor takes the CPU in between, so the least
 * difference seen is the true one: of this window and the one before, as the clocks drift apart.
 * A window that saw only late reads must not carry the least away, so it may lie above the one
 * before by no more than clocks drift.
 */
#define CLOCK_WINDOW_NS 4000000
#define CLOCK_DRIFT_SHIFT 11   /* 1 / 2048: 488 ppm, as clocks are bent by at most 500 */
#define CLOCK_COMPARE_NS 20000 /* to read CLOCK_MONOTONIC is a fifth of a switch's cost */
#define CLOCK_ERROR_NS 1000    /* by so much two differences differ */
struct clock_offset {
    __s64 least, next_least; /* CLOCK_MONOTONIC - rq.clock: in use; of this window alone */
    __u64 window_ns;         /* when this window began; 0: none did */
    __u64 compared;          /* rq.clock when the clocks were last compared */
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct clock_offset);
} clock_offsets SEC(".maps");

/*
 * The kernel's own account puts a switch where __schedule() read the clock, some hundred
 * nanoseconds before the tracepoint, more when it looked for work on other CPUs in between; and
 * the begin of a wait for the CPU where the thread was queued, after the wake-up, which on
 * another CPU takes an interrupt. Over ten thousand switches that adds up to milliseconds. So
 * both times are taken from that account (sched_info in kernel/sched/stats.h, update_curr() in
 * kernel/sched/fair.c), and running and runnable equal what schedstat shows. Time that interrupts
 * or the hypervisor took counts as running here: the thread had the CPU and did not wait.
 */
static __always_inline bool has_account(struct task_struct *task)
{
    return bpf_core_field_exists(task->se.cfs_rq) && bpf_core_field_exists(task->se.cfs_rq->rq);
}

/* The run queue of its CPU. */
static __always_inline struct rq *rq_of(struct task_struct *task)
{
    return AT(struct task_struct, task)->se.cfs_rq->rq;
}

volatile __u32 alive;     /* traced threads that have not ended */
volatile __u8 unix_known; /* unix_listeners is not empty */
/* A socket is announced once in a round. The recorder begins one when it gave up what was said. */
volatile __u8 announce_round = 1;
volatile __u8 phase; /* enum thread_phase: which snapshot is taken */

static __always_inline __u64 mix(__u64 h, __u64 v)
{
    h ^= v;
    h *= 0x9e3779b97f4a7c15ull;
    return h ^ (h >> 29);
}

static __always_inline __u64 object_id(__u64 class, __u64 low)
{
    return class << 56 | (low & 0x00ffffffffffffffull);
}

#endif
