/*
 * snapshot: the iterators that run at the attach and at the end. A thread that sits in a wait
 * since before the attach makes no switch-out, and one that never comes back makes no switch-in:
 * both are seen here or nowhere. User space runs them by reading from their link.
 */
#ifndef BPF_SNAPSHOT_BPF_H
#define BPF_SNAPSHOT_BPF_H

#include "bpf/sockets.bpf.h"

#define ANCESTORS 16

/* Is the task's process one of the targets or a descendant of one? */
static __always_inline bool is_target(struct task_struct *task)
{
    struct task_struct *t = task->group_leader;

    for (int i = 0; i < ANCESTORS && t; i++) {
        __u32 tgid = BPF_CORE_READ(t, tgid);

        if (bpf_map_lookup_elem(&targets, &tgid))
            return true;
        if (tgid <= 1)
            return false;
        t = BPF_CORE_READ(t, real_parent, group_leader);
    }
    return false;
}

/* When the thread was queued for a CPU, for which it still waits; 0: it sleeps, or runs. Its CPU
 * may have read its clock last some time ago. */
static __always_inline __u64 queued_since(struct thread_state *t, struct task_struct *task,
                                          __u64 now)
{
    __u64 queued = task->sched_info.last_queued, clock, since;

    if (!has_account(task))
        return t->wake_ns;
    if (!queued || task->__state || task->on_cpu)
        return 0;
    clock = rq_of(task)->clock;
    since = clock > queued && now > clock - queued ? now - (clock - queued) : now;
    return since > t->off_ns ? since : t->off_ns;
}

static __always_inline void snapshot_send(struct thread_state *t, struct task_struct *task,
                                          __u64 now)
{
    struct event_thread *e = reserve(EVENT_THREAD, sizeof(*e), task->pid, now);

    if (!e)
        return;
    e->pid = task->tgid;
    e->parent = BPF_CORE_READ(task, group_leader, real_parent, tgid);
    e->start_ns = task->start_time;
    e->exec_ns = task->se.sum_exec_runtime;
    e->delay_ns = task->sched_info.run_delay;
    __builtin_memset(e->comm, 0, sizeof(e->comm));
    bpf_probe_read_kernel_str(e->comm, sizeof(e->comm), task->comm);
    e->phase = phase;
    e->kernel_thread = (task->flags & (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER)) != 0;
    e->on_cpu = task->on_cpu != 0;
    __builtin_memset(e->pad, 0, sizeof(e->pad));
    __builtin_memset(&e->wait, 0, sizeof(e->wait));
    e->wait.off_ns = t->off_ns ? t->off_ns : t->seen_ns;
    e->wait.wake_ns = queued_since(t, task, now);
    e->wait.obj = t->obj;
    e->wait.waker = t->waker;
    e->wait.call = t->call;
    e->wait.why = t->why;
    e->wait.flags = t->flags;
    e->wait.fd = t->fd;
    e->wait.arg = t->arg;
    submit(e);
}

static __always_inline void snapshot_attach(struct task_struct *task, __u64 now)
{
    struct thread_state *t;
    __u32 state;

    if (bpf_task_storage_get(&threads, task, NULL, 0) || !is_target(task))
        return;
    t = bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (!t) {
        count_loss(EVENT_THREAD, now);
        return;
    }
    __sync_fetch_and_add(&alive, 1);
    /* From here on the scheduler's probe writes here too, and what it says is better. */
    state = task->__state;
    if (state && !task->on_cpu && !t->off_ns) {
        t->why = why_of(state);
        describe_wait(t, task, ROOM_TASK, true);
        t->out_exec_ns = task->se.sum_exec_runtime;
        t->out_delay_ns = task->sched_info.run_delay;
        t->seen_ns = now;
    }
    snapshot_send(t, task, now);
}

SEC("iter.s/task")
int on_task(struct bpf_iter__task *ctx)
{
    struct task_struct *task = ctx->task;
    struct thread_state *t;
    __u64 now = bpf_ktime_get_ns();

    if (!task)
        return 0;
    if (phase == THREAD_AT_ATTACH) {
        snapshot_attach(task, now);
        return 0;
    }
    t = bpf_task_storage_get(&threads, task, NULL, 0);
    if (t && !t->dead)
        snapshot_send(t, task, now);
    return 0;
}

/*
 * How long a jiffy is: no helper says so. They are counted from five minutes before their number
 * overflows 32 bits (INITIAL_JIFFIES in include/linux/jiffies.h), and keep up with CLOCK_MONOTONIC.
 */
static __always_inline __u64 jiffy_ns(__u64 jiffies, __u64 now)
{
    __u64 nearest = ~0ull, found = 0;

#pragma unroll
    for (int i = 0; i < 4; i++) {
        __u64 hz = i == 0 ? 100 : i == 1 ? 250 : i == 2 ? 300 : 1000;
        __u64 at = (jiffies - ((1ull << 32) - 300 * hz)) * (1000000000 / hz);
        __u64 off = at > now ? at - now : now - at;

        if (off < nearest) {
            nearest = off;
            found = 1000000000 / hz;
        }
    }
    return found;
}

static __always_inline void send_asked(struct task_struct *task, __u64 now,
                                       const struct event_asked *asked)
{
    struct event_asked *e = reserve(EVENT_ASKED, sizeof(*e), task->tgid, now);

    if (!e)
        return;
    e->obj = asked->obj;
    e->heard_ns = asked->heard_ns;
    e->flags = asked->flags;
    e->waiting = asked->waiting;
    submit(e);
}

/*
 * Whose turn it is on a connection that was there before: the process's, where bytes came last.
 * Both times are set by tcp_create_openreq_child() in net/ipv4/tcp_minisocks.c, then by
 * tcp_event_data_recv() in tcp_input.c and tcp_event_data_sent() in tcp_output.c.
 */
static __always_inline void snapshot_turn(struct task_struct *task, struct sock *sk, __u64 obj,
                                          __u64 now)
{
    struct tcp_sock *tcp = AT(struct tcp_sock, sk);
    __u32 heard = AT(struct inet_connection_sock, sk)->icsk_ack.lrcvtime, said = tcp->lsndtime;
    bool gone = sk->__sk_common.skc_state == TCP_CLOSE_WAIT;
    /* The end of the stream counts for a byte. */
    bool unread = tcp->rcv_nxt - tcp->copied_seq > (gone ? 1 : 0);
    bool told = unread || !tcp->bytes_sent; /* whatever the times are */
    struct event_asked asked = {.obj = obj};
    __u64 jiffies = bpf_jiffies64();

    if (!gone && sk->__sk_common.skc_state != TCP_ESTABLISHED)
        return;
    if (!tcp->bytes_received || (!told && (__s32)(heard - said) < 0))
        return;
    asked.heard_ns = now - (__u64)((__u32)jiffies - heard) * jiffy_ns(jiffies, now);
    asked.flags = (gone ? ASKED_GONE : 0) | (!told && heard == said ? ASKED_UNSURE : 0);
    send_asked(task, now, &asked);
}

static __always_inline void snapshot_backlog(struct task_struct *task, struct sock *sk, __u64 obj,
                                             __u64 now)
{
    struct event_asked asked = {.obj = obj, .waiting = sk->sk_ack_backlog};

    if (asked.waiting)
        send_asked(task, now, &asked);
}

static __always_inline void snapshot_socket(struct task_struct *task, struct file *file, __u64 now)
{
    struct socket *socket = bpf_sock_from_file(file);
    struct sock *sk;
    struct socket_state *s;
    bool listens;

    if (!socket)
        return;
    sk = socket->sk;
    if (!sk)
        return;
    listens = is_tcp(sk) && sk->__sk_common.skc_state == TCP_LISTEN;
    if (listens) {
        listener_add(sk);
        s = socket_get(sk, ROLE_LISTENER);
    } else {
        s = socket_get(sk, ROLE_UNKNOWN);
    }
    if (!s)
        return;
    socket_announce(s, sk);
    if (listens)
        snapshot_backlog(task, sk, s->obj, now);
    else if (is_tcp(sk))
        snapshot_turn(task, sk, s->obj, now);
}

SEC("iter/task_file")
int on_task_file(struct bpf_iter__task_file *ctx)
{
    struct task_struct *task = ctx->task;
    struct file *file = ctx->file;
    __u64 now = bpf_ktime_get_ns();
    struct event_fd *e;
    __u64 obj;

    if (!task || !file || !bpf_task_storage_get(&threads, task, NULL, 0))
        return 0;
    snapshot_socket(task, file, now);
    /* Not ctx->file: its address goes into a hash, which a typed pointer may not. */
    obj = fd_object(task, (__s32)ctx->fd, 0, ROOM_TASK);
    e = reserve(EVENT_FD, sizeof(*e), task->tgid, now);
    if (!e)
        return 0;
    e->obj = obj;
    e->fd = (__s32)ctx->fd;
    e->pad = 0;
    submit(e);
    return 0;
}

#endif
