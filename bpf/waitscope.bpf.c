/*
 * waitscope.bpf: the probes, BTF-typed tracepoints and iterators only. fentry is refused on some
 * kernels that allow these, kprobes are missing on others, and a syscall tracepoint would slow
 * every call of the machine (see waits.bpf.h).
 */
#include "bpf/kernel.h"

#include <bpf/bpf_endian.h>

#include "bpf/snapshot.bpf.h"
#include "bpf/work.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/*
 * sched_waking's current is the waker only in a task's own context; in an interrupt it is a
 * bystander. arm64 keeps preempt_count in the task: softirq bits 8-15, hardirq 16-19, NMI 20-23
 * (include/linux/preempt.h). x86-64 keeps it in a per-CPU variable whose address not every kernel
 * gives out (CONFIG_KALLSYMS_ALL), but it runs interrupts and softirqs on a stack of their own:
 * where this program's own frame lies tells. Not so when they hit user mode: the task's stack is
 * empty then and serves (arch/x86/include/asm/irq_stack.h), with no call in its saved registers
 * (orig_ax -1, arch/x86/entry/entry_64.S). A thread that wakes another does so in a call.
 */
#define PREEMPT_SOFTIRQ_SERVED 0x100
#define PREEMPT_IRQ_MASK 0xff0000
#define THREAD_SIZE 16384 /* arch/x86/include/asm/page_64_types.h, without KASAN */

static __always_inline bool in_interrupt(struct thread_state *t)
{
    struct task_struct *task = bpf_get_current_task_btf();

#if defined(__TARGET_ARCH_x86)
    volatile __u64 here = 0;

    /* Through memory: the verifier lets a typed pointer become a number no other way. */
    t->frame = (__u64)&here;
    if (t->frame - (__u64)task->stack >= THREAD_SIZE)
        return true;
    if (task->flags & (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER)) /* never in user mode */
        return false;
    return (__s64)((struct pt_regs *)bpf_task_pt_regs(task))->orig_ax < 0;
#else
    (void)t;
    return task->thread_info.preempt_count & (PREEMPT_IRQ_MASK | PREEMPT_SOFTIRQ_SERVED);
#endif
}

/* What interrupts and the hypervisor have taken of the task's CPU, since whenever. */
static __always_inline __u64 stolen_time(struct task_struct *task)
{
    struct rq *rq;

    if (!has_account(task))
        return 0;
    rq = rq_of(task);
    return rq->clock - rq->clock_task;
}

static __always_inline bool has_slept(const struct thread_state *t)
{
    return t->why != WHY_RUNNABLE && t->why != WHY_NEW;
}

/* Looks at both clocks: struct clock_offset. */
static __always_inline void clock_compare(struct clock_offset *c, __u64 clock)
{
    __u64 now = bpf_ktime_get_ns();
    __s64 sample = (__s64)(now - clock);

    c->compared = clock;
    if (!c->window_ns) {
        c->least = c->next_least = sample;
        c->window_ns = now;
    } else if (now - c->window_ns >= CLOCK_WINDOW_NS) {
        __s64 most = c->least + (__s64)((now - c->window_ns) >> CLOCK_DRIFT_SHIFT);

        c->least = c->next_least < most ? c->next_least : most;
        c->next_least = sample < most ? sample : most;
        c->window_ns = now;
    }
    if (sample < c->next_least)
        c->next_least = sample;
    if (sample < c->least)
        c->least = sample;
}

/* The moment in CLOCK_MONOTONIC at which the scheduler read rq.clock for this switch; `task` is
 * one of its two. */
static __always_inline __u64 switch_time(struct task_struct *task)
{
    struct clock_offset *c;
    __u32 zero = 0;
    __u64 clock;

    c = bpf_map_lookup_elem(&clock_offsets, &zero);
    if (!c || !has_account(task))
        return bpf_ktime_get_ns();
    clock = rq_of(task)->clock;
    if (clock - c->compared >= CLOCK_COMPARE_NS)
        clock_compare(c, clock);
    return clock + c->least;
}

/* When the task, which runs, was switched in, in CLOCK_MONOTONIC; `now` when it cannot be told. */
static __always_inline __u64 arrival_time(struct task_struct *task, __u64 now)
{
    __u32 zero = 0;
    struct clock_offset *c = bpf_map_lookup_elem(&clock_offsets, &zero);
    __u64 arrived = task->sched_info.last_arrival;

    return c && c->window_ns && arrived && has_account(task) ? arrived + c->least : now;
}

/* When the thread that is switched out stopped running; `now` when it cannot be told. */
static __always_inline __u64 off_time(struct thread_state *t, struct task_struct *prev, __u64 now)
{
    __u64 off;

    if (!t->in_ns || !has_account(prev))
        return now;
    off = t->in_ns + (prev->se.sum_exec_runtime - t->exec_ns) + (stolen_time(prev) - t->stolen_ns);
    return off >= t->in_ns && off <= now + CLOCK_ERROR_NS ? off : now;
}

/*
 * When the thread that is switched in began to want the CPU; `in` when it cannot be told. A
 * thread that changes the CPU while it is queued is queued anew, and run_delay has what it
 * waited before.
 */
static __always_inline __u64 queue_time(struct thread_state *t, struct task_struct *next, __u64 in)
{
    __u64 since, queued = next->sched_info.last_queued;

    if (!has_account(next))
        return t->wake_ns;
    if (!queued)
        return in;
    since = rq_of(next)->clock - queued;
    if (t->off_ns || t->seen_ns)
        since += next->sched_info.run_delay - t->out_delay_ns;
    return since < in ? in - since : in;
}

static __always_inline bool send_long(const struct thread_state *t, __u32 tid, __u64 wake,
                                      __u32 waker, __u8 flags, __u64 now)
{
    struct cpu_ring *r;
    struct event_wait *w = reserve_here(r, EVENT_WAIT, EVENT_WAIT, sizeof(*w), tid, now);

    if (!w)
        return false;
    w->off_ns = t->off_ns;
    w->wake_ns = wake;
    w->obj = t->obj;
    w->waker = waker;
    w->call = t->call;
    w->why = t->why;
    w->flags = flags;
    w->fd = t->fd;
    w->arg = t->arg;
    submit_here(r, w, sizeof(*w));
    return true;
}

/* off_ns ≤ wake ≤ now. */
static __always_inline bool send_short(const struct thread_state *t, __u32 tid, __u64 wake,
                                       __u32 waker, __u8 flags, __u64 now)
{
    struct cpu_ring *r;
    struct event_wait_short *w =
        reserve_here(r, EVENT_WAIT_SHORT, EVENT_WAIT, sizeof(*w), tid, now);
    bool arg = t->fd < 0;

    if (!w)
        return false;
    w->off_before = (__u32)(now - t->off_ns);
    w->wake_before = (__u32)(now - wake);
    w->obj = t->obj;
    w->packed = SHORT_PACKED(waker, t->why, flags, arg ? SHORT_ARG : SHORT_FD + t->arg);
    w->call = t->call;
    w->value = (__u16)(arg ? t->arg : (__u32)t->fd);
    submit_here(r, w, sizeof(*w));
    return true;
}

/* Does it fit into a struct event_wait_short? */
static __always_inline bool is_short(const struct thread_state *t, __u32 waker, __u64 now)
{
    __u32 value = t->fd < 0 ? t->arg : (__u32)t->fd;

    return now - t->off_ns <= 0xffffffff && value <= SHORT_VALUE_MAX &&
           (t->fd < 0 || t->arg <= 1) && waker <= SHORT_WAKER_MAX;
}

/* Not static: the verifier looks at it once, and not at each place where it is called. */
__noinline int send_wait(struct thread_state *t, __u32 tid, __u64 wake, __u32 woken, __u64 now)
{
    __u32 waker;
    __u8 flags;

    if (!t)
        return 0;
    waker = woken ? t->waker : 0;
    flags =
        t->flags | (t->lost ? WAIT_AFTER_LOSS : 0) | (woken && t->waker_irq ? WAIT_WAKER_IRQ : 0);

    t->lost = is_short(t, waker, now) ? !send_short(t, tid, wake, waker, flags, now)
                                      : !send_long(t, tid, wake, waker, flags, now);
    return 0;
}

#define HIDDEN_MIN_NS 1000

/*
 * A switch-in went by unseen: the kernel skips a probe that would run inside itself, and some
 * kernels do not trace some threads, whose switch to ours is missing then. The scheduler's
 * account has what happened: when the thread got the CPU, and how long it had wanted it before.
 */
static __always_inline void recover_switch_in(struct thread_state *t, struct task_struct *prev,
                                              __u64 in, __u64 now)
{
    bool slept = has_slept(t);
    __u64 wake = in - (prev->sched_info.run_delay - t->out_delay_ns);

    if (in < t->off_ns || in > now)
        in = t->off_ns ? t->off_ns : now;
    if (!slept || wake < t->off_ns)
        wake = t->off_ns;
    if (wake > in)
        wake = in;
    send_wait(t, prev->pid, wake, slept && t->woken, in);
    t->woken = 0;
    t->in_ns = in;
    t->in_delay_ns = prev->sched_info.run_delay;
    t->exec_ns = t->out_exec_ns;
    t->stolen_ns = stolen_time(prev);
}

static __always_inline void set_runnable(struct thread_state *t)
{
    clear_wait(t);
    t->why = WHY_RUNNABLE;
}

/*
 * Both went by unseen, that the thread lost the CPU and that it got it back: its account says how
 * long it wanted the CPU since it was switched in. When that was is not known; it is put behind
 * the running. Gives when the thread went off CPU now.
 */
static __always_inline __u64 recover_preemption(struct thread_state *t, struct task_struct *prev,
                                                __u64 off, __u64 now)
{
    __u64 hidden = prev->sched_info.run_delay - t->in_delay_ns;

    if (!t->in_ns || hidden < HIDDEN_MIN_NS || off + hidden > now)
        return off;
    set_runnable(t);
    t->off_ns = off;
    send_wait(t, prev->pid, off, false, off + hidden);
    return off + hidden;
}

static __always_inline void switch_out(struct thread_state *t, struct task_struct *prev,
                                       bool preempt, __u32 state, __u64 now)
{
    __u64 off;

    if (t->dead) /* its EVENT_EXIT was its last word */
        return;
    if (t->off_ns || t->seen_ns)
        recover_switch_in(t, prev, now - (prev->se.sum_exec_runtime - t->out_exec_ns), now);
    off = recover_preemption(t, prev, off_time(t, prev, now), now);
    t->seen_ns = 0;
    if (preempt || !state) {
        set_runnable(t);
    } else {
        t->why = why_of(state);
        describe_wait(t, prev, ROOM_SCHED, false);
    }
    t->off_ns = off;
    t->out_exec_ns = prev->se.sum_exec_runtime;
    t->out_delay_ns = prev->sched_info.run_delay;
}

static __always_inline void switch_in(struct thread_state *t, struct task_struct *next, __u64 in)
{
    bool slept = has_slept(t);
    __u64 wake;

    if (t->dead)
        return;
    if (in < t->off_ns)
        in = t->off_ns;
    /* A wake-up can come between the thread's decision to sleep and its switch-out. */
    wake = slept ? queue_time(t, next, in) : 0;
    if (wake < t->off_ns)
        wake = t->off_ns;
    if (wake > in)
        wake = in;
    send_wait(t, next->pid, wake, slept && t->woken, in);
    t->woken = 0;
    t->off_ns = 0;
    t->seen_ns = 0;
    t->in_ns = in;
    t->in_delay_ns = next->sched_info.run_delay;
    if (next->sched_info.last_queued && has_account(next))
        t->in_delay_ns += rq_of(next)->clock - next->sched_info.last_queued;
    t->exec_ns = next->se.sum_exec_runtime;
    t->stolen_ns = stolen_time(next);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next,
             unsigned int prev_state)
{
    struct thread_state *t;
    __u64 now = 0;

    if (prev->pid) {
        t = bpf_task_storage_get(&threads, prev, NULL, 0);
        if (t) {
            now = switch_time(prev);
            switch_out(t, prev, preempt, prev_state, now);
        }
    }
    if (next->pid) {
        t = bpf_task_storage_get(&threads, next, NULL, 0);
        if (t)
            switch_in(t, next, now ? now : switch_time(next));
    }
    return 0;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(on_waking, struct task_struct *p)
{
    struct thread_state *t = bpf_task_storage_get(&threads, p, NULL, 0);

    if (!t)
        return 0;
    if (!has_account(p))
        t->wake_ns = bpf_ktime_get_ns();
    t->waker = (__u32)bpf_get_current_pid_tgid();
    t->waker_irq = in_interrupt(t);
    t->woken = 1; /* or was about to sleep and does not: then the next one's overwrites this */
    return 0;
}

static __always_inline int record_fork(struct task_struct *parent, struct task_struct *child)
{
    __u64 now = bpf_ktime_get_ns();
    struct thread_state *t;
    struct event_fork *e;

    if (!bpf_task_storage_get(&threads, parent, NULL, 0))
        return 0;
    t = bpf_task_storage_get(&threads, child, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (!t) {
        count_loss(EVENT_FORK, now);
        return 0;
    }
    __sync_fetch_and_add(&alive, 1);
    t->why = WHY_NEW;
    t->fd = WAIT_NO_FD;
    t->off_ns = now;
    e = reserve(EVENT_FORK, sizeof(*e), child->pid, now);
    if (!e)
        return 0;
    e->pid = child->tgid;
    e->maker = parent->pid;
    e->parent = parent->tgid;
    e->kernel_thread = (child->flags & (PF_IO_WORKER | PF_USER_WORKER)) != 0;
    __builtin_memset(e->comm, 0, sizeof(e->comm));
    bpf_probe_read_kernel_str(e->comm, sizeof(e->comm), child->comm);
    submit(e);
    return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
    return record_fork(parent, child);
}

/* The kernel makes io_uring's threads without sched_process_fork: create_io_thread() in
 * kernel/fork.c. current is one of the group's threads then. */
SEC("tp_btf/task_newtask")
int BPF_PROG(on_newtask, struct task_struct *child)
{
    struct task_struct *task = bpf_get_current_task_btf();

    if (!(child->flags & PF_IO_WORKER) || task->tgid != child->tgid)
        return 0;
    return record_fork(task, child);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
    struct thread_state *t = bpf_task_storage_get(&threads, task, NULL, 0);
    struct event_exit *e;

    if (!t || t->dead)
        return 0;
    /* It runs, so it was switched in; what it ran since is not in its account yet. */
    if (t->off_ns || t->seen_ns) {
        __u64 now = bpf_ktime_get_ns();

        recover_switch_in(t, task, arrival_time(task, now), now);
        t->off_ns = 0;
    }
    t->dead = 1;
    __sync_fetch_and_sub(&alive, 1);
    e = reserve(EVENT_EXIT, sizeof(*e), task->pid, bpf_ktime_get_ns());
    if (!e)
        return 0;
    e->pid = task->tgid;
    e->code = task->exit_code;
    submit(e);
    return 0;
}

static __always_inline void record_comm(struct task_struct *task, const char *comm, __u32 exec)
{
    struct event_comm *e;

    if (!bpf_task_storage_get(&threads, task, NULL, 0))
        return;
    e = reserve(EVENT_COMM, sizeof(*e), task->pid, bpf_ktime_get_ns());
    if (!e)
        return;
    e->pid = task->tgid;
    e->exec = exec;
    __builtin_memset(e->comm, 0, sizeof(e->comm));
    bpf_probe_read_kernel_str(e->comm, sizeof(e->comm), comm);
    submit(e);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task)
{
    record_comm(task, task->comm, 1);
    return 0;
}

SEC("tp_btf/task_rename")
int BPF_PROG(on_rename, struct task_struct *task, const char *comm)
{
    record_comm(task, comm, 0);
    return 0;
}
