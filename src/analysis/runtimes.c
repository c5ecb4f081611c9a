/*
 * runtimes: what each process is made of, as the recorder found it. It tells what no record of the
 * kernel can: how a loop goes about its events, and which futex is the interpreter's lock.
 */
#include "analysis/internal.h"

#define RUNTIMES_MAX 32

static uint32_t process_by_pid(const struct analysis *a, uint32_t pid)
{
    uint64_t index;
    return table_get(&a->pids, pid, &index) ? (uint32_t)index : NONE;
}

/* A forked process is what its parent is, unless it has a word of its own. */
static void inherit(struct analysis *a, uint32_t process)
{
    uint32_t from = process;
    for (int depth = 0; depth < 8 && from != NONE && !a->procs.data[from].runtimes; depth++)
        from = process_by_pid(a, a->tl->processes.data[from].parent);
    if (from != NONE)
        a->procs.data[process] = a->procs.data[from];
}

int runtimes_build(struct analysis *a)
{
    for (size_t i = 0; i < a->tl->processes.len; i++)
        if (vec_push(&a->procs, ((struct proc){0})) < 0)
            return -ENOMEM;
    for (size_t i = 0; records_have(a, EVENT_RUNTIME) && i < a->records.len; i++) {
        const struct record *r = &a->records.data[i];
        const struct event_runtime *e = record_event(a, r);
        if (r->kind != EVENT_RUNTIME || e->runtime >= RUNTIMES_MAX)
            continue;
        uint32_t process = process_by_pid(a, e->event.tid);
        if (process == NONE)
            continue;
        struct proc *p = &a->procs.data[process];
        p->runtimes |= 1u << e->runtime;
        if (e->gil_end > e->gil_start) {
            p->gil_start = e->gil_start;
            p->gil_end = e->gil_end;
        }
    }
    bool executors = false; /* without, only what anyio hands over is told */
    for (size_t i = 0; i < a->probes.len; i++)
        executors |= strcmp(a->probes.data[i], "uprobe:SimpleQueue.get result") == 0;
    for (uint32_t i = 0; i < a->procs.len; i++) {
        inherit(a, i);
        a->procs.data[i].executors = executors && process_has(a, i, RUNTIME_PYTHON);
    }
    return 0;
}

bool process_has(const struct analysis *a, uint32_t process, enum runtime runtime)
{
    return a->procs.data[process].runtimes & 1u << runtime;
}
