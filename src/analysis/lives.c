/*
 * lives: which thread each record belongs to, and when each thread began and ended.
 *
 * A tid is no identity: it comes again within a capture. So the records are walked in the order
 * of their times; a fork of a tid that has ended makes another thread.
 *
 * A flight recorder's capture begins long after the attach. What was seen of a thread then tells
 * that it is there and what it is, not what it does at the capture's begin (`before`).
 */
#include "analysis/internal.h"
#include "base/text.h"

#define THREADS_MAX (UINT32_MAX - 1)

static uint32_t process_new(struct analysis *a, uint32_t pid, uint32_t parent)
{
    struct process p = {.pid = pid, .parent = parent};
    if (a->tl->processes.len >= THREADS_MAX || vec_push(&a->tl->processes, p) < 0 ||
        table_put(&a->pids, pid, a->tl->processes.len - 1) < 0)
        return NONE;
    return (uint32_t)(a->tl->processes.len - 1);
}

static uint32_t process_of(struct analysis *a, uint32_t pid)
{
    uint64_t index;
    return table_get(&a->pids, pid, &index) ? (uint32_t)index : process_new(a, pid, 0);
}

static uint32_t thread_lookup(const struct analysis *a, uint32_t tid)
{
    uint64_t index;
    return table_get(&a->tids, tid, &index) ? (uint32_t)index : NONE;
}

/* A new thread whose life begins at `start` (relative). NONE: out of memory. */
static uint32_t thread_new(struct analysis *a, uint32_t tid, uint64_t start)
{
    struct thread t = {.tid = tid, .start_ns = start, .end_ns = NEVER, .process = NONE};
    struct life l = {.yield_start = NEVER, .yield_end = NEVER};
    if (a->tl->threads.len >= THREADS_MAX || vec_push(&a->tl->threads, t) < 0)
        return NONE;
    if (vec_push(&a->lives, l) < 0) {
        a->tl->threads.len--;
        return NONE;
    }
    uint32_t index = (uint32_t)(a->tl->threads.len - 1);
    return table_put(&a->tids, tid, index) < 0 ? NONE : index;
}

static uint32_t thread_alive(struct analysis *a, uint32_t tid, uint64_t start)
{
    uint32_t i = thread_lookup(a, tid);
    return i != NONE && !a->lives.data[i].exited ? i : thread_new(a, tid, start);
}

static int thread_join(struct analysis *a, uint32_t i, uint32_t pid)
{
    struct thread *t = &a->tl->threads.data[i];
    if (t->process != NONE)
        return 0;
    t->pid = pid;
    t->process = process_of(a, pid);
    return t->process == NONE ? -ENOMEM : 0;
}

static int comm_set(struct analysis *a, uint32_t i, const char comm[16])
{
    struct buf clean = BUF_INIT;
    text_clean_field(&clean, comm, 16);
    if (!clean.failed && clean.len)
        a->tl->threads.data[i].comm = timeline_intern(a->tl, buf_str(&clean));
    int rc = clean.failed ? -ENOMEM : 0;
    buf_release(&clean);
    return rc;
}

static int see_wait(struct analysis *a, struct record *r)
{
    const struct event_wait *w = record_event(a, r);
    uint32_t i = thread_lookup(a, w->event.tid);

    /* A thread that has announced its end still waits a little while it is taken apart. */
    if (i != NONE && a->lives.data[i].exited && w->why != WHY_NEW)
        return 0;
    if (i == NONE || a->lives.data[i].exited)
        i = thread_new(a, w->event.tid, analysis_rel(a, w->off_ns ? w->off_ns : r->time_ns));
    if (i == NONE)
        return -ENOMEM;
    r->thread = i;
    a->lives.data[i].count++;
    return 0;
}

static int see_thread(struct analysis *a, struct record *r)
{
    const struct event_thread *s = record_event(a, r);
    uint64_t now = analysis_rel(a, r->time_ns);
    uint32_t i = thread_lookup(a, s->event.tid);

    /* A zombie still stands in the task list: not another life. */
    if (i != NONE && a->lives.data[i].exited &&
        analysis_rel(a, s->start_ns) < a->tl->threads.data[i].end_ns)
        return 0;
    i = thread_alive(a, s->event.tid, now);
    if (i == NONE)
        return -ENOMEM;

    struct life *l = &a->lives.data[i];
    struct thread *t = &a->tl->threads.data[i];
    if (s->phase == THREAD_AT_ATTACH && !l->attach && !l->final) {
        l->attach = s;
        l->before |= r->time_ns < a->t0;
        /* What was seen of it before is not the whole truth: not all probes knew it yet. */
        if (!l->forked)
            t->start_ns = now;
    } else if (s->phase == THREAD_AT_END) {
        l->final = s;
    }
    t->kernel = s->kernel_thread != 0;
    int rc = thread_join(a, i, s->pid);
    if (rc == 0 && !a->tl->processes.data[t->process].parent)
        a->tl->processes.data[t->process].parent = s->parent;
    return rc < 0 ? rc : comm_set(a, i, s->comm);
}

static int see_fork(struct analysis *a, struct record *r)
{
    const struct event_fork *f = record_event(a, r);
    uint64_t now = analysis_rel(a, r->time_ns);
    uint32_t maker = thread_lookup(a, f->maker), i = thread_lookup(a, f->event.tid);
    bool known = i != NONE && !a->lives.data[i].exited;

    if (known && a->lives.data[i].forked && !a->lives.data[i].count)
        return 0; /* said twice */
    if (known) {  /* its end was lost */
        a->lives.data[i].exited = true;
        a->tl->threads.data[i].end_ns = now;
    }
    uint64_t old;
    if (i != NONE && f->pid == f->event.tid && table_get(&a->pids, f->pid, &old) &&
        process_new(a, f->pid, f->parent) == NONE)
        return -ENOMEM; /* the PID came again as well */

    i = thread_new(a, f->event.tid, now);
    if (i == NONE)
        return -ENOMEM;
    r->thread = i;
    a->lives.data[i].forked = true;
    a->lives.data[i].before = r->time_ns < a->t0;
    a->tl->threads.data[i].kernel = f->kernel_thread != 0;
    a->lives.data[i].maker_plus1 = maker == NONE ? 0 : maker + 1;
    int rc = thread_join(a, i, f->pid);
    struct process *p = rc == 0 ? &a->tl->processes.data[a->tl->threads.data[i].process] : NULL;
    if (p && !p->parent && f->parent != f->pid)
        p->parent = f->parent;
    return rc < 0 ? rc : comm_set(a, i, f->comm);
}

static int see_exit(struct analysis *a, struct record *r)
{
    const struct event_exit *x = record_event(a, r);
    uint32_t i = thread_lookup(a, x->event.tid);

    if (i == NONE || a->lives.data[i].exited)
        return 0;
    a->lives.data[i].exited = true;
    a->tl->threads.data[i].end_ns = analysis_rel(a, r->time_ns);
    return thread_join(a, i, x->pid);
}

static int see_comm(struct analysis *a, struct record *r)
{
    const struct event_comm *c = record_event(a, r);
    uint32_t i = thread_alive(a, c->event.tid, analysis_rel(a, r->time_ns));
    if (i == NONE)
        return -ENOMEM;
    int rc = thread_join(a, i, c->pid);
    return rc < 0 ? rc : comm_set(a, i, c->comm);
}

static int see_io(struct analysis *a, struct record *r)
{
    const struct event *ev = record_event(a, r);
    r->thread = thread_alive(a, ev->tid, analysis_rel(a, r->time_ns));
    return r->thread == NONE ? -ENOMEM : 0;
}

/* `current` may be anybody here: only a thread that is known counts. */
static int see_conn(struct analysis *a, struct record *r)
{
    const struct event *ev = record_event(a, r);
    r->thread = thread_lookup(a, ev->tid);
    return 0;
}

static int (*const seers[EVENT_KINDS])(struct analysis *, struct record *) = {
    [EVENT_WAIT] = see_wait,  [EVENT_THREAD] = see_thread, [EVENT_FORK] = see_fork,
    [EVENT_EXIT] = see_exit,  [EVENT_COMM] = see_comm,     [EVENT_RECV] = see_io,
    [EVENT_SEND] = see_io,    [EVENT_CONN] = see_conn,     [EVENT_WORK] = see_io,
    [EVENT_URING] = see_conn,
};

/* The thread's end, and its process if no record named one. */
static int life_close(struct analysis *a, uint32_t i)
{
    struct thread *t = &a->tl->threads.data[i];
    struct life *l = &a->lives.data[i];

    if (!l->exited)
        t->end_ns = l->final ? analysis_rel(a, l->final->event.time_ns) : a->tl->duration_ns;
    if (t->end_ns < t->start_ns)
        t->end_ns = t->start_ns;
    if (t->process == NONE) {
        int rc = thread_join(a, i, t->tid);
        if (rc < 0)
            return rc;
    }
    struct process *p = &a->tl->processes.data[t->process];
    if (t->comm && (!p->comm || t->tid == t->pid))
        p->comm = t->comm;

    /* The kernel's own sums cover exactly this life, if both ends of it were looked at. */
    if (!l->final || l->exited || l->before || (!l->forked && !l->attach))
        return 0;
    uint64_t exec = l->forked ? 0 : l->attach->exec_ns;
    uint64_t delay = l->forked ? 0 : l->attach->delay_ns;
    t->audited = l->final->exec_ns >= exec && l->final->delay_ns >= delay;
    if (t->audited) {
        t->kernel_running_ns = l->final->exec_ns - exec;
        t->kernel_runnable_ns = l->final->delay_ns - delay;
    }
    return 0;
}

/* Each thread's waits side by side, in their order. */
static int waits_bucket(struct analysis *a)
{
    size_t total = 0;
    for (size_t i = 0; i < a->lives.len; i++) {
        a->lives.data[i].first = (uint32_t)total;
        total += a->lives.data[i].count;
        a->lives.data[i].count = 0;
    }
    if (a->records.len >= UINT32_MAX || vec_reserve(&a->waits, total) < 0)
        return -ENOMEM;
    a->waits.len = total;
    for (size_t i = 0; i < a->records.len; i++) {
        const struct record *r = &a->records.data[i];
        if (r->kind != EVENT_WAIT || r->thread == NONE)
            continue;
        struct life *l = &a->lives.data[r->thread];
        a->waits.data[l->first + l->count++] = (uint32_t)i;
    }
    return 0;
}

int lives_build(struct analysis *a)
{
    for (size_t i = 0; i < a->records.len; i++) {
        struct record *r = &a->records.data[i];
        int rc = r->kind < EVENT_KINDS && seers[r->kind] ? seers[r->kind](a, r) : 0;
        if (rc < 0)
            return rc;
    }
    for (uint32_t i = 0; i < a->lives.len; i++) {
        int rc = life_close(a, i);
        if (rc < 0)
            return rc;
    }
    return waits_bucket(a);
}
