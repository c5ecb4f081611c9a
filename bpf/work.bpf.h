/*
 * work: uprobes on runtimes' own functions, which say for which piece of work a thread turns to
 * what it does next. One program serves them all: the cookie of each attachment says what a hit
 * means. The recorder attaches them to each traced process by itself, so that another process
 * with the same binary pays nothing.
 */
#ifndef BPF_WORK_BPF_H
#define BPF_WORK_BPF_H

#include "bpf/state.bpf.h"

/* thread_state.work */
enum work_state {
    WORK_IS_LOOP = 1,     /* takes steps of asyncio's tasks */
    WORK_IN_STEP = 2,     /* in one, or behind it where its end is not told */
    WORK_IN_CONTEXTS = 4, /* its contexts are told: they say more than the steps of tasks */
};

/*
 * What may have been handed over: by whom and when. An address that comes again is something else
 * then, and handed over again first.
 */
struct handed_key {
    __u64 address;
    __u32 pid;
    __u32 pad;
};

struct handed {
    __u64 time_ns;
    __u32 tid;
    __u32 pad;
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 8192);
    __type(key, struct handed_key);
    __type(value, struct handed);
} handed_over SEC(".maps");

#if defined(__TARGET_ARCH_x86)
#define ARGUMENTS(ctx)                  \
    {                                   \
        (ctx)->di, (ctx)->si, (ctx)->ax \
    }
#else
#define ARGUMENTS(ctx)                                 \
    {                                                  \
        (ctx)->regs[0], (ctx)->regs[1], (ctx)->regs[0] \
    }
#endif

/* A register by the processor's number, but rax and rsp. All are read first: the verifier wants
 * each load from the context at an offset that stands in the code. */
static __always_inline __u64 general(struct pt_regs *ctx, __u32 n)
{
#if defined(__TARGET_ARCH_x86)
    __u64 bx = ctx->bx, bp = ctx->bp, r12 = ctx->r12, r13 = ctx->r13, r14 = ctx->r14,
          r15 = ctx->r15, si = ctx->si, di = ctx->di;

    barrier_var(bx);
    barrier_var(bp);
    barrier_var(r12);
    barrier_var(r13);
    barrier_var(r14);
    barrier_var(r15);
    barrier_var(si);
    barrier_var(di);
    return n == 3    ? bx
           : n == 5  ? bp
           : n == 6  ? si
           : n == 7  ? di
           : n == 12 ? r12
           : n == 13 ? r13
           : n == 14 ? r14
           : n == 15 ? r15
                     : 0;
#else
    return 0;
#endif
}

/* The n-th argument of the function whose first instruction is about to run, or WORK_RESULT. */
static __always_inline __u64 argument(struct pt_regs *ctx, __u32 n)
{
    __u64 all[] = ARGUMENTS(ctx);

    if (n >= WORK_REGISTER)
        return general(ctx, n - WORK_REGISTER);
    barrier_var(all[0]);
    barrier_var(all[1]);
    barrier_var(all[WORK_RESULT]);
    return n == WORK_RESULT ? all[WORK_RESULT] : n ? all[1] : all[0];
}

static __always_inline void send_flagged(__u64 item, __u8 op, __u8 kind, __u16 flags, __u32 tid,
                                         __u64 now)
{
    struct event_work *e = reserve(EVENT_WORK, sizeof(*e), tid, now);

    if (!e)
        return;
    e->item = item;
    e->op = op;
    e->kind = kind;
    e->flags = flags;
    e->pad = 0;
    submit(e);
}

static __always_inline void send_work(__u64 item, __u8 op, __u8 kind, __u32 tid, __u64 now)
{
    send_flagged(item, op, kind, 0, tid, now);
}

static __always_inline void hand_over(__u64 address, __u32 tid)
{
    struct handed_key key = {.address = address, .pid = bpf_get_current_pid_tgid() >> 32};
    struct handed entry = {.time_ns = bpf_ktime_get_ns(), .tid = tid};

    bpf_map_update_elem(&handed_over, &key, &entry, BPF_ANY);
}

/* What the thread has in its hands was handed over by another: told now that it is known. */
static __always_inline void take_over(struct thread_state *t, __u64 address, __u16 flags, __u32 tid)
{
    struct handed_key key = {.address = address, .pid = bpf_get_current_pid_tgid() >> 32};
    struct handed *seen = bpf_map_lookup_elem(&handed_over, &key);

    if (!seen)
        return;
    if (seen->tid != tid) {
        send_flagged(address, WORK_SUBMIT, WORK_FUTURE, flags, seen->tid, seen->time_ns);
        send_work(address, WORK_BEGIN, WORK_FUTURE, tid, bpf_ktime_get_ns());
        t->item = address;
    }
    bpf_map_delete_elem(&handed_over, &key);
}

/*
 * concurrent.futures.ThreadPoolExecutor, Lib/concurrent/futures/thread.py, since Python 3.7: what
 * is submitted becomes a _WorkItem that goes through the executor's SimpleQueue. A worker takes it
 * out and asks for nothing else before it is done, so the item's address, which is one from put()
 * to the end, says which thread has it, and from when to when. Whatever else a program hands from
 * thread to thread by a SimpleQueue is told the same way.
 */
static __always_inline void on_put(__u64 arguments, __u32 tid)
{
    __u64 item;

    if (!bpf_probe_read_user(&item, sizeof(item), (void *)arguments) && item)
        hand_over(item, tid);
}

static __always_inline void on_end(struct thread_state *t, __u32 tid)
{
    if (t->item)
        send_work(t->item, WORK_END, WORK_FUTURE, tid, bpf_ktime_get_ns());
    t->item = 0;
}

/* Threads of executors wait for their work in a futex; a loop waits in epoll_wait. */
static __always_inline bool is_loop(struct thread_state *t)
{
    if (t->call >= CALL_epoll_wait && t->call <= CALL_epoll_pwait2)
        t->work |= WORK_IS_LOOP;
    return t->work & WORK_IS_LOOP;
}

/*
 * anyio, as FastAPI and Starlette use it for handlers and dependencies that are no coroutines: the
 * loop copies its context and hands the copy to a thread that enters it by run()
 * (anyio/_backends/_asyncio.py, run_sync_in_worker_thread). The loop copies many more, so that the
 * submission is told when it turned out to be one.
 */
static __always_inline void on_copy(struct thread_state *t, __u64 context, __u32 tid)
{
    struct handed_key key = {.address = context, .pid = bpf_get_current_pid_tgid() >> 32};
    struct handed entry = {.time_ns = bpf_ktime_get_ns(), .tid = tid};

    /* A worker's is that of the callback by which it tells the loop that it is done. */
    if (!context || !(is_loop(t) || t->item))
        return;
    send_work(context, WORK_SUBMIT, WORK_CONTEXT, tid, entry.time_ns);
    if (!t->item)
        bpf_map_update_elem(&handed_over, &key, &entry, BPF_ANY);
}

/*
 * Without contexts Context.run() alone is told. Within a task's step anyio enters the copy by it,
 * to say in it which loop this is, and hands it over then. asyncio's own loop runs all its
 * callbacks by it, steps too: those contexts live on, or are gone before something else has their
 * address, and are handed to nobody.
 */
static __always_inline void on_run(struct thread_state *t, __u64 context, __u32 tid)
{
    struct handed_key key = {.address = context, .pid = bpf_get_current_pid_tgid() >> 32};

    if (t->work & WORK_IN_STEP)
        hand_over(context, tid);
    else
        bpf_map_delete_elem(&handed_over, &key);
    t->depth++;
}

static __always_inline void on_enter(struct thread_state *t, __u64 context, __u8 kind, __u32 tid)
{
    if (!is_loop(t)) {
        if (!t->item)
            take_over(t, context, WORK_IN_LINE, tid);
    } else if (kind == WORK_CONTEXT) {
        t->work |= WORK_IN_CONTEXTS;
        send_work(context, WORK_RESUME, WORK_CONTEXT, tid, bpf_ktime_get_ns());
    } else {
        on_run(t, context, tid);
    }
}

static __always_inline void on_leave(struct thread_state *t, __u64 context, __u8 kind, __u32 tid)
{
    if (context == t->item) {
        on_end(t, tid);
    } else if (kind == WORK_CONTEXT) {
        if (is_loop(t))
            send_work(context, WORK_END, WORK_CONTEXT, tid, bpf_ktime_get_ns());
    } else if (t->depth && --t->depth < t->step_depth) {
        t->work &= ~WORK_IN_STEP;
    }
}

static __always_inline void on_step(struct thread_state *t)
{
    t->work |= WORK_IS_LOOP | WORK_IN_STEP;
    t->step_depth = t->depth;
}

SEC("uprobe")
int on_work(struct pt_regs *ctx)
{
    struct thread_state *t = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL, 0);
    __u32 tid = (__u32)bpf_get_current_pid_tgid();
    __u64 cookie, item;
    __u8 op;

    if (!t)
        return 0;
    cookie = bpf_get_attach_cookie(ctx);
    item = argument(ctx, WORK_COOKIE_ARGUMENT(cookie)) + WORK_COOKIE_BEFORE(cookie);
    if (!item)
        return 0;
    op = WORK_COOKIE_OP(cookie);
    if (op == HOOK_STEP) {
        if (t->work & WORK_IN_CONTEXTS)
            return 0;
        on_step(t);
        op = WORK_RESUME;
    }
    if (op == HOOK_PUT) {
        on_put(item, tid);
    } else if (op == HOOK_GET) {
        on_end(t, tid);
    } else if (op == HOOK_TAKEN) {
        if (!is_loop(t))
            take_over(t, item, 0, tid);
    } else if (op == HOOK_ENTER) {
        on_enter(t, item, WORK_COOKIE_KIND(cookie), tid);
    } else if (op == HOOK_LEAVE) {
        on_leave(t, item, WORK_COOKIE_KIND(cookie), tid);
    } else if (op == HOOK_COPY) {
        on_copy(t, item, tid);
    } else {
        send_work(item, op, WORK_COOKIE_KIND(cookie), tid, bpf_ktime_get_ns());
    }
    return 0;
}

#endif
