/*
 * waitscope.bpf: the probes, BTF-typed tracepoints and iterators only. fentry is refused on some
 * kernels that allow these, kprobes are missing on others, and a syscall tracepoint would slow
 * every call of the machine (see waits.bpf.h).
 */
#include "bpf/kernel.h"

#include <bpf/bpf_endian.h>

#include "bpf/snapshot.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/*
 * sched_waking's current is the waker only in a task's own context; in an interrupt it is a
 * bystander. arm64 keeps preempt_count in the task: softirq bits 8-15, hardirq 16-19, NMI 20-23
 * (include/linux/preempt.h). x86-64 keeps it in a per-CPU variable whose address not every kernel
 * gives out (CONFIG_KALLSYMS_ALL), but it runs interrupts and softirqs on a stack of their own
 * (arch/x86/include/asm/irq_stack.h): where this program's own frame lies tells.
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
    return t->frame - (__u64)task->stack >= THREAD_SIZE;
#else
    (void)t;
    return task->thread_info.preempt_count & (PREEMPT_IRQ_MASK | PREEMPT_SOFTIRQ_SERVED);
#endif
}

static __always_inline void switch_out(struct thread_state *t, struct task_struct *prev,
                                       bool preempt, __u32 state, __u64 now)
{
    t->seen_ns = 0;
    if (preempt || !state) {
        t->why = WHY_RUNNABLE;
        t->obj = 0;
        t->fd = WAIT_NO_FD;
        t->arg = 0;
        t->flags = 0;
        t->call = CALL_NONE;
    } else {
        t->why = why_of(state);
        describe_wait(t, prev, ROOM_SCHED, false);
    }
    t->off_ns = now;
}

static __always_inline void switch_in(struct thread_state *t, struct task_struct *next, __u64 now)
{
    struct event_wait *w;
    __u64 wake = t->wake_ns;

    if (t->dead)
        return;
    /* A wake-up can come between the thread's decision to sleep and its switch-out. */
    if (t->why == WHY_RUNNABLE || t->why == WHY_NEW || wake < t->off_ns)
        wake = t->off_ns;
    w = reserve(EVENT_WAIT, sizeof(*w), next->pid, now);
    if (!w) {
        t->lost = 1;
    } else {
        w->off_ns = t->off_ns;
        w->wake_ns = wake;
        w->obj = t->obj;
        w->waker = wake == t->wake_ns ? t->waker : 0;
        w->call = t->call;
        w->why = t->why;
        w->flags = t->flags | (t->lost ? WAIT_AFTER_LOSS : 0) | (t->waker_irq ? WAIT_WAKER_IRQ : 0);
        w->fd = t->fd;
        w->arg = t->arg;
        submit(w);
        t->lost = 0;
    }
    t->off_ns = 0;
    t->seen_ns = 0;
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
            now = bpf_ktime_get_ns();
            switch_out(t, prev, preempt, prev_state, now);
        }
    }
    if (next->pid) {
        t = bpf_task_storage_get(&threads, next, NULL, 0);
        if (t)
            switch_in(t, next, now ? now : bpf_ktime_get_ns());
    }
    return 0;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(on_waking, struct task_struct *p)
{
    struct thread_state *t = bpf_task_storage_get(&threads, p, NULL, 0);

    if (!t)
        return 0;
    t->wake_ns = bpf_ktime_get_ns();
    t->waker = (__u32)bpf_get_current_pid_tgid();
    t->waker_irq = in_interrupt(t);
    return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
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
    e->pad = 0;
    __builtin_memset(e->comm, 0, sizeof(e->comm));
    bpf_probe_read_kernel_str(e->comm, sizeof(e->comm), child->comm);
    submit(e);
    return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
    struct thread_state *t = bpf_task_storage_get(&threads, task, NULL, 0);
    struct event_exit *e;

    if (!t || t->dead)
        return 0;
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
