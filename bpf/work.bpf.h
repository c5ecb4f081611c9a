/*
 * work: uprobes on runtimes' own functions, which say for which piece of work a thread turns to
 * what it does next. One program serves them all: the cookie of each attachment says what a hit
 * means. The recorder attaches them to each traced process by itself, so that another process
 * with the same binary pays nothing.
 */
#ifndef BPF_WORK_BPF_H
#define BPF_WORK_BPF_H

#include "bpf/objects.bpf.h"

/* thread_state.work */
enum work_state {
    WORK_IS_LOOP = 1, /* takes steps of asyncio's tasks */
    WORK_IN_STEP = 2, /* in one, or behind it where its end is not told */
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
#define third(ctx) ((ctx)->dx)
#define ARGUMENTS(ctx)                  \
    {                                   \
        (ctx)->di, (ctx)->si, (ctx)->ax \
    }
#else
#define third(ctx) ((ctx)->regs[2])
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
    if (n == WORK_THIRD)
        return third(ctx);
    barrier_var(all[0]);
    barrier_var(all[1]);
    barrier_var(all[WORK_RESULT]);
    return n == WORK_RESULT ? all[WORK_RESULT] : n ? all[1] : all[0];
}

static __always_inline void send_whole(__u64 item, __u8 op, __u8 kind, __u16 flags, __u32 about,
                                       __u32 tid, __u64 now)
{
    struct event_work *e = reserve(EVENT_WORK, sizeof(*e), tid, now);

    if (!e)
        return;
    e->item = item;
    e->op = op;
    e->kind = kind;
    e->flags = flags;
    e->about = about;
    submit(e);
}

static __always_inline void send_flagged(__u64 item, __u8 op, __u8 kind, __u16 flags, __u32 tid,
                                         __u64 now)
{
    send_whole(item, op, kind, flags, 0, tid, now);
}

static __always_inline void send_work(__u64 item, __u8 op, __u8 kind, __u32 tid, __u64 now)
{
    send_whole(item, op, kind, 0, 0, tid, now);
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
 * anyio, as FastAPI and Starlette use it for handlers and dependencies that are no coroutines: in a
 * task's step the loop enters a copy of its context by Context.run(), to say in it which loop this
 * is, and hands the copy to a thread that enters it by the same (anyio/_backends/_asyncio.py,
 * run_sync_in_worker_thread). asyncio's own loop runs all its callbacks so, steps too: those
 * contexts live on, or are gone before something else has their address, and are handed to nobody.
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

static __always_inline void on_enter(struct thread_state *t, __u64 context, __u32 tid)
{
    if (is_loop(t))
        on_run(t, context, tid);
    else if (!t->item)
        take_over(t, context, WORK_IN_LINE, tid);
}

/* asyncio's own loop runs each callback by Context.run(): a step ends there at the latest. */
static __always_inline void on_leave(struct thread_state *t, __u64 context, __u32 tid)
{
    if (context == t->item) {
        on_end(t, tid);
    } else if (t->depth && --t->depth < t->step_depth && t->work & WORK_IN_STEP) {
        t->work &= ~WORK_IN_STEP;
        send_work(0, WORK_END, WORK_TASK, tid, bpf_ktime_get_ns());
    }
}

/* PyIter_Send(coroutine, None, &result) */
static __always_inline void on_step(struct thread_state *t, __u64 none, __u64 result)
{
    t->work |= WORK_IS_LOOP | WORK_IN_STEP;
    t->step_depth = t->depth;
    t->none = none;
    t->result = result;
}

/* The result is the future for which the coroutine waits, None when it only gives way, or what it
 * gave back in the end. */
static __always_inline void on_stepped(struct thread_state *t, __u32 tid)
{
    __u64 future = 0;

    if (!t->result)
        return;
    bpf_probe_read_user(&future, sizeof(future), (void *)t->result);
    t->result = 0;
    t->work &= ~WORK_IN_STEP;
    send_flagged(future, WORK_END, WORK_TASK, future == t->none ? WORK_GIVES_WAY : 0, tid,
                 bpf_ktime_get_ns());
}

/*
 * nginx's thread pools, src/core/ngx_thread_pool.c since 1.7.11. A pool begins with its lock;
 * behind it stands its queue, the first task and the address of the last one's pointer to the next,
 * which is its first member: of an empty queue that is the queue's own. What is not so is no pool.
 * The queue is changed under the lock alone, and whoever changed it gives the lock back by
 * ngx_thread_mutex_unlock(): the loop, which is the process's first thread, has appended a task by
 * then, a worker has taken the first. So the first one of the time before is what it took, and the
 * task itself still says which one follows.
 */
#if defined(__TARGET_ARCH_x86)
#define POOL_QUEUE 40 /* sizeof(pthread_mutex_t), by the libraries' ABI */
#else
#define POOL_QUEUE 48
#endif

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1024);
    __type(key, struct handed_key);
    __type(value, __u64);
} pools SEC(".maps");

static __always_inline void on_pool(__u64 pool, __u32 tid)
{
    struct handed_key key = {.address = pool, .pid = bpf_get_current_pid_tgid() >> 32};
    __u64 queue[2], next, *first;

    if (bpf_probe_read_user(queue, sizeof(queue), (void *)(pool + POOL_QUEUE)) ||
        !queue[0] != (queue[1] == pool + POOL_QUEUE))
        return;
    first = bpf_map_lookup_elem(&pools, &key);
    if (first && *first && tid != key.pid &&
        !bpf_probe_read_user(&next, sizeof(next), (void *)*first) && next == queue[0])
        send_whole(*first, WORK_BEGIN, WORK_NGINX, 0, (__u32)pool, tid, bpf_ktime_get_ns());
    bpf_map_update_elem(&pools, &key, &queue[0], BPF_ANY);
}

/*
 * What a task of nginx works on: ngx_thread_task_t has the address of that behind two members, and
 * there stands a file's descriptor (ngx_thread_file_ctx_t, src/os/unix/ngx_files.c), or the address
 * of a buffer and behind it a socket's (ngx_linux_sendfile_ctx_t, ngx_linux_sendfile_chain.c).
 */
#define TASK_CONTEXT 16

static __always_inline __u32 task_socket(__u64 item)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct socket *socket;
    struct inode *inode;
    struct file *file;
    __u64 at, context[2];

    if (bpf_probe_read_user(&at, sizeof(at), (void *)(item + TASK_CONTEXT)) ||
        bpf_probe_read_user(context, sizeof(context), (void *)at))
        return 0;
    if (context[0] <= 0x7fffffff && fd_file(task, (__s32)context[0]))
        return 0;
    file = (struct file *)fd_file(task, (__s32)context[1]);
    inode = file ? BPF_CORE_READ(file, f_inode) : NULL;
    if (!inode || (BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFSOCK)
        return 0;
    socket = BPF_CORE_READ(file, private_data);
    return (__u32)socket_object(BPF_CORE_READ(socket, sk));
}

/* uv_timer_start(timer, callback, timeout, …): a loop's clock has whole milliseconds of
 * CLOCK_MONOTONIC, and uvloop sets it before (uv_update_time()). */
#define TIMER_MS_MAX (1ull << 32)

static __always_inline void on_timer(struct thread_state *t, __u64 ms, __u32 tid)
{
    __u64 now = bpf_ktime_get_ns();

    if (t->work & WORK_IN_STEP && ms < TIMER_MS_MAX)
        send_work((now / 1000000 + ms) * 1000000, WORK_SUBMIT, WORK_TIMER, tid, now);
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
    op = WORK_COOKIE_OP(cookie);
    if (op == HOOK_STEPPED) {
        on_stepped(t, tid);
        return 0;
    }
    item = argument(ctx, WORK_COOKIE_ARGUMENT(cookie)) + WORK_COOKIE_BEFORE(cookie);
    if (!item)
        return 0;
    if (op == HOOK_STEP) {
        on_step(t, argument(ctx, 1), third(ctx));
        op = WORK_RESUME;
    }
    if (op == HOOK_TIMER) {
        on_timer(t, third(ctx), tid);
    } else if (op == HOOK_PUT) {
        on_put(item, tid);
    } else if (op == HOOK_GET) {
        on_end(t, tid);
    } else if (op == HOOK_TAKEN) {
        if (!is_loop(t))
            take_over(t, item, 0, tid);
    } else if (op == HOOK_ENTER) {
        on_enter(t, item, tid);
    } else if (op == HOOK_LEAVE) {
        on_leave(t, item, tid);
    } else if (op == HOOK_LAUNCHED) {
        send_flagged(item, WORK_SUBMIT, WORK_COROUTINE, WORK_FREE, tid, bpf_ktime_get_ns());
    } else if (op == HOOK_PASSED) {
        send_flagged(item, WORK_END, WORK_COROUTINE, WORK_GIVES_WAY, tid, bpf_ktime_get_ns());
    } else if (op == HOOK_POOL) {
        on_pool(item, tid);
    } else {
        send_whole(item, op, WORK_COOKIE_KIND(cookie), 0,
                   WORK_COOKIE_KIND(cookie) == WORK_NGINX ? task_socket(item) : 0, tid,
                   bpf_ktime_get_ns());
    }
    return 0;
}

#endif
