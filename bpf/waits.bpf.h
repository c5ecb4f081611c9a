/*
 * waits: which call a thread is in while it is off CPU, and what it waits for, read from its
 * saved registers. No probe sits on the way into or out of system calls: an attached syscall
 * tracepoint would put every call of the whole machine on the slow path, and a call that does not
 * block must cost nothing.
 */
#ifndef BPF_WAITS_BPF_H
#define BPF_WAITS_BPF_H

#include "bpf/objects.bpf.h"

#define NR_MAX 512
#define TS_COMPAT 0x2 /* arch/x86/include/asm/thread_info.h: in a 32-bit call */

#if defined(__TARGET_ARCH_x86)
#define CALL_ENTRY(number, name, x86, arm64, class_) \
    [(x86) < 0 ? NR_MAX - 1 : (x86)] = {(x86) < 0 ? 0 : (number), CALL_CLASS_##class_},
#else
#define CALL_ENTRY(number, name, x86, arm64, class_) \
    [(arm64) < 0 ? NR_MAX - 1 : (arm64)] = {(arm64) < 0 ? 0 : (number), CALL_CLASS_##class_},
#endif

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Winitializer-overrides"
const volatile struct call_entry call_table[NR_MAX] = {CALLS(CALL_ENTRY)};
#pragma clang diagnostic pop

struct call_args {
    __s64 nr; /* -1: not in a call */
    __u64 arg[4];
};

static __always_inline void read_args(struct task_struct *task, struct call_args *a)
{
    struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

#if defined(__TARGET_ARCH_x86)
    a->nr = (__s64)regs->orig_ax;
    a->arg[0] = regs->di;
    a->arg[1] = regs->si;
    a->arg[2] = regs->dx;
    a->arg[3] = regs->r10;
    if (task->thread_info.status & TS_COMPAT)
        a->nr = NR_MAX; /* other numbers: unlisted */
#else
    a->nr = regs->syscallno;
    a->arg[0] = regs->orig_x0;
    a->arg[1] = regs->regs[1];
    a->arg[2] = regs->regs[2];
    a->arg[3] = regs->regs[3];
#endif
}

/* How to read the memory of the thread that is described: its own, or another one's. */
static __always_inline long read_memory(void *to, __u32 size, __u64 from, struct task_struct *task,
                                        bool other)
{
    if (other)
        return bpf_copy_from_user_task(to, size, (void *)from, task, 0);
    return bpf_probe_read_user(to, size, (void *)from);
}

struct pollfd {
    __s32 fd;
    __s16 events, revents;
};

static __always_inline void poll_object(struct thread_state *t, struct call_args *a,
                                        struct task_struct *task, bool other)
{
    struct pollfd one = {};

    t->arg = (__u32)a->arg[1];
    if (!t->arg) {
        t->flags |= WAIT_TIMER_ONLY;
        return;
    }
    if (t->arg > 1) {
        t->flags |= WAIT_MULTIPLEXED;
        return;
    }
    if (read_memory(&one, sizeof(one), a->arg[0], task, other))
        return;
    if (one.fd < 0) /* poll(2): negative descriptors are ignored */
        t->flags |= WAIT_TIMER_ONLY;
    else
        t->fd = one.fd;
}

#define SELECT_WORDS 16 /* 1,024 descriptors: FD_SETSIZE */

static __always_inline __u64 bits_set(__u64 w)
{
    w -= w >> 1 & 0x5555555555555555ull;
    w = (w & 0x3333333333333333ull) + (w >> 2 & 0x3333333333333333ull);
    w = (w + (w >> 4)) & 0x0f0f0f0f0f0f0f0full;
    return w * 0x0101010101010101ull >> 56;
}

/* Reads `words` words of a set and lays them over `all`. Where a page is being moved at this moment
 * nobody can read it: then it may be several descriptors, so it counts as such. */
static __always_inline void select_add(__u64 *all, __u64 from, __u32 words,
                                       struct task_struct *task, bool other)
{
    __u64 set[SELECT_WORDS] = {};

    if (!from || !words || words > SELECT_WORDS)
        return;
    if (read_memory(set, words * 8, from, task, other))
        all[0] = ~0ull;
    for (int i = 0; i < SELECT_WORDS; i++)
        all[i] |= set[i];
}

/* Counts the descriptors of select's three sets; one alone is the object. Without branches in
 * the loops, which the verifier would follow each way. */
static __always_inline void select_object(struct thread_state *t, struct call_args *a,
                                          struct task_struct *task, bool other)
{
    __u32 words = ((__u32)a->arg[0] + 63) / 64;
    __u64 all[SELECT_WORDS] = {};
    __u64 count = 0, place = 0;

    if (words > SELECT_WORDS)
        words = SELECT_WORDS;
    for (int i = 1; i < 4; i++)
        select_add(all, a->arg[i], words, task, other);
    for (int i = 0; i < SELECT_WORDS; i++) {
        __u64 w = all[i], any = (w | -w) >> 63; /* 1 when a bit is set */

        count += bits_set(w);
        place += any * (i * 64 + bits_set((w & -w) - any)); /* right when it is the only bit */
    }
    t->arg = (__u32)count;
    if (!count)
        t->flags |= WAIT_TIMER_ONLY;
    else if (count > 1)
        t->flags |= WAIT_MULTIPLEXED;
    else
        t->fd = (__s32)place;
}

/* In frames of their own: the probes' stack is 512 bytes for all that is active at a time. */
static __noinline int select_own(struct thread_state *t, struct call_args *a,
                                 struct task_struct *task)
{
    select_object(t, a, task, false);
    return 0;
}

static __noinline int select_other(struct thread_state *t, struct call_args *a,
                                   struct task_struct *task)
{
    select_object(t, a, task, true);
    return 0;
}

static __always_inline bool is_nonblocking(struct task_struct *task, __s32 fd)
{
    __u64 file = fd_file(task, fd);

    return file && AT(struct file, file)->f_flags & O_NONBLOCK;
}

static __always_inline void clear_wait(struct thread_state *t)
{
    t->obj = 0;
    t->fd = WAIT_NO_FD;
    t->arg = 0;
    t->flags = 0;
    t->call = CALL_NONE;
}

/*
 * Fills call, fd, obj, arg and flags of a thread that sleeps. `other`: the thread is not current
 * (a snapshot, in a sleepable program). sendfile and splice name two descriptors: a disk wait is
 * for the input, another sleep of sendfile for the output, unless that is non-blocking: then it
 * never sleeps for it (splice_to_socket() in fs/splice.c, MSG_DONTWAIT), and what it reads from is
 * in user space, say.
 */
static __always_inline void describe_wait(struct thread_state *t, struct task_struct *task,
                                          __u32 which, bool other)
{
    struct call_args a;
    struct call_entry entry = {};

    clear_wait(t);
    if (task->flags & (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER))
        return;
    read_args(task, &a);
    if (a.nr < 0) {
        t->flags = WAIT_USER;
        return;
    }
    if (a.nr < NR_MAX - 1) {
        entry.call = call_table[a.nr].call;
        entry.class = call_table[a.nr].class;
    }
    /* These calls sleep interruptibly for what they wait for. Anything else in them is memory that
     * must come in, by when select may have its answer written over its sets. */
    if (t->why == WHY_DISK && entry.class >= CALL_CLASS_POLL && entry.class <= CALL_CLASS_SLEEP &&
        entry.call != CALL_io_uring_enter) {
        t->flags = WAIT_USER;
        return;
    }
    t->call = entry.call ? entry.call : (__u16)(CALL_UNLISTED | (a.nr & 0x7fff));
    switch (entry.class) {
    case CALL_CLASS_FD:
    case CALL_CLASS_SPLICE:
    case CALL_CLASS_EPOLL:
        t->fd = (__s32)a.arg[0];
        break;
    case CALL_CLASS_OUT_IN:
        t->fd = (__s32)(t->why == WHY_DISK || is_nonblocking(task, (__s32)a.arg[0]) ? a.arg[1]
                                                                                    : a.arg[0]);
        break;
    case CALL_CLASS_PATH:
        if (!other)
            t->obj = path_object(a.arg[0], which);
        return;
    case CALL_CLASS_PATHAT:
        if (!other)
            t->obj = path_object(a.arg[1], which);
        return;
    case CALL_CLASS_POLL:
        poll_object(t, &a, task, other);
        break;
    case CALL_CLASS_SELECT:
        if (other)
            select_other(t, &a, task);
        else
            select_own(t, &a, task);
        break;
    case CALL_CLASS_FUTEX:
        t->obj = a.arg[0] & 0x00ffffffffffffffull;
        t->arg = (__u32)a.arg[1];
        return;
    default:
        return;
    }
    if (t->fd >= 0)
        t->obj = t->known = fd_object(task, t->fd, t->known, which);
}

static __always_inline __u8 why_of(__u32 state)
{
    if (state & TASK_UNINTERRUPTIBLE)
        return WHY_DISK;
    if (state & TASK_INTERRUPTIBLE)
        return WHY_SLEEP;
    return WHY_STOPPED;
}

#endif
