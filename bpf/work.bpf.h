/*
 * work: uprobes on runtimes' own functions, which say for which piece of work a thread turns to
 * what it does next. One program serves them all: the cookie of each attachment says what a hit
 * means. The recorder attaches them to each traced process by itself, so that another process
 * with the same binary pays nothing.
 */
#ifndef BPF_WORK_BPF_H
#define BPF_WORK_BPF_H

#include "bpf/state.bpf.h"

/* The n-th argument of the function whose first instruction is about to run. Both are read first:
 * the verifier wants each load from the context at an offset that stands in the code. */
static __always_inline __u64 argument(struct pt_regs *ctx, __u32 n)
{
#if defined(__TARGET_ARCH_x86)
    __u64 first = ctx->di, second = ctx->si;
#else
    __u64 first = ctx->regs[0], second = ctx->regs[1];
#endif
    barrier_var(first);
    barrier_var(second);
    return n ? second : first;
}

SEC("uprobe")
int on_work(struct pt_regs *ctx)
{
    struct thread_state *t = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL, 0);
    struct event_work *e;
    __u64 cookie;

    if (!t)
        return 0;
    cookie = bpf_get_attach_cookie(ctx);
    e = reserve(EVENT_WORK, sizeof(*e), (__u32)bpf_get_current_pid_tgid(), bpf_ktime_get_ns());
    if (!e)
        return 0;
    e->item = argument(ctx, WORK_COOKIE_ARGUMENT(cookie)) + WORK_COOKIE_BEFORE(cookie);
    e->op = WORK_COOKIE_OP(cookie);
    e->kind = WORK_COOKIE_KIND(cookie);
    e->flags = 0;
    e->pad = 0;
    submit(e);
    return 0;
}

#endif
