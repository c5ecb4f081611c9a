#include "record/runtime.h"

#include "base/table.h"
#include "bpf/events.h"
#include "bpf/shared.h"
#include "capture/writer.h"
#include "record/binary.h"
#include "record/maps.h"
#include "record/probes.h"
#include "record/uprobes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Enough for any server; a machine that forks without end does not fill memory with it. */
#define PROCESSES_MAX 1024

/* So many descriptors are looked at. */
#define RING_FDS 64

/* When a process is looked at, after it was made or called exec. */
static const uint64_t looks_ns[] = {50000000, 200000000, 1000000000, 3000000000};

#define LOOKS (sizeof(looks_ns) / sizeof(*looks_ns))

/* The uprobes in one file. */
struct hooked {
    struct uprobes *uprobes;
};

struct process {
    uint32_t pid;
    uint32_t told; /* a bit for each enum runtime that the capture knows */
    size_t looks;
    uint64_t since_ns, next_ns; /* next_ns 0: no look is due */
    VEC(uint64_t) seen;         /* files that were looked at */
    VEC(struct hooked) hooks;
};

struct named {
    const char *name;
};

struct runtimes {
    struct probes *probes;
    struct writer *writer;
    struct binaries binaries;
    VEC(struct process) processes;
    VEC(struct named) named; /* hooks that the capture knows of */
    int refused;
};

struct runtimes *runtimes_new(struct probes *p, struct writer *w, bool precise)
{
    struct runtimes *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->probes = p;
    r->writer = w;
    r->binaries.precise = precise;
    return r;
}

static struct process *process_of(struct runtimes *r, uint32_t pid)
{
    for (size_t i = 0; i < r->processes.len; i++)
        if (r->processes.data[i].pid == pid)
            return &r->processes.data[i];
    return NULL;
}

static void process_clear(struct process *p)
{
    for (size_t i = 0; i < p->hooks.len; i++)
        uprobes_detach(p->hooks.data[i].uprobes);
    vec_release(&p->hooks);
    vec_release(&p->seen);
    p->told = 0;
}

static struct process *process_start(struct runtimes *r, uint32_t pid, uint64_t now_ns)
{
    struct process *p = process_of(r, pid);

    if (!p) {
        if (r->processes.len >= PROCESSES_MAX ||
            vec_push(&r->processes, ((struct process){.pid = pid})) < 0)
            return NULL;
        p = vec_last(&r->processes);
    }
    process_clear(p);
    p->looks = 0;
    p->since_ns = now_ns;
    p->next_ns = now_ns + looks_ns[0];
    return p;
}

static void process_end(struct runtimes *r, uint32_t pid)
{
    struct process *p = process_of(r, pid);

    if (!p)
        return;
    process_clear(p);
    *p = *vec_last(&r->processes);
    r->processes.len--;
}

static bool is_named(const struct runtimes *r, const char *name)
{
    for (size_t i = 0; i < r->named.len; i++)
        if (!strcmp(r->named.data[i].name, name))
            return true;
    return false;
}

/* The names of hooks that the capture does not know yet. */
static int tell_names(struct runtimes *r, const struct binary *b)
{
    char text[BINARY_POINTS][80];
    const char *names[BINARY_POINTS];
    size_t n = 0;

    for (size_t i = 0; i < b->point_count; i++) {
        struct named named = {b->points[i].name};

        if (is_named(r, named.name))
            continue;
        if (vec_push(&r->named, named) < 0)
            return -ENOMEM;
        snprintf(text[n], sizeof(text[n]), "uprobe:%s", named.name);
        names[n] = text[n];
        n++;
    }
    return n ? writer_probes(r->writer, names, n) : 0;
}

static int tell_runtimes(struct runtimes *r, struct process *p, const struct binary *b,
                         const struct map *m, int fd, uint64_t now_ns)
{
    int ret = 0;

    for (uint32_t kind = 1; !ret && kind < 32; kind++) {
        struct event_runtime e = {
            .event = {.kind = EVENT_RUNTIME, .size = sizeof(e), .tid = p->pid, .time_ns = now_ns},
            .runtime = kind};
        uint64_t bias;

        if (!(b->runtimes & ~p->told & 1u << kind))
            continue;
        if (kind == RUNTIME_PYTHON && b->gil_size && binary_bias(fd, m->start, m->offset, &bias)) {
            e.gil_start = bias + b->gil_address;
            e.gil_end = e.gil_start + b->gil_size;
        }
        p->told |= 1u << kind;
        ret = writer_append(r->writer, &e.event);
    }
    return ret;
}

/*
 * Has the process a ring of io_uring? libuv makes its loop's first when it makes the loop, before
 * any connection, so that a few descriptors tell; and only if it is to use rings at all.
 */
static bool has_ring(uint32_t pid)
{
    char path[64], link[64];

    for (int fd = 3; fd < RING_FDS; fd++) {
        snprintf(path, sizeof(path), "/proc/%u/fd/%d", pid, fd);
        ssize_t len = readlink(path, link, sizeof(link) - 1);
        if (len < 0)
            continue;
        link[len] = '\0';
        if (!strcmp(link, "anon_inode:[io_uring]"))
            return true;
    }
    return false;
}

static int hook(struct runtimes *r, struct process *p, const struct binary *b, int fd)
{
    uint64_t offsets[BINARY_POINTS], cookies[BINARY_POINTS];
    struct hooked hooked;
    size_t n = 0;
    int ret;

    bool ring = has_ring(p->pid);
    for (size_t i = 0; i < b->point_count; i++) {
        if (WORK_COOKIE_KIND(b->points[i].cookie) == WORK_URING && !ring)
            continue; /* each costs a trap, and the pool tells the same */
        offsets[n] = b->points[i].offset;
        cookies[n++] = b->points[i].cookie;
    }
    if (!n)
        return 0;
    ret = probes_hook(r->probes, &hooked.uprobes, p->pid, fd, offsets, cookies, n);
    if (ret) {
        /* One that ended meanwhile is no refusal. */
        if (ret != -ESRCH)
            r->refused = ret;
        return 0;
    }
    if (vec_push(&p->hooks, hooked) < 0) {
        uprobes_detach(hooked.uprobes);
        return -ENOMEM;
    }
    return tell_names(r, b);
}

/* A file is mapped as code in several parts. */
static bool is_new(struct process *p, const struct map *m)
{
    uint64_t file = table_hash(m->path, strlen(m->path)) ^ m->inode;

    for (size_t i = 0; i < p->seen.len; i++)
        if (p->seen.data[i] == file)
            return false;
    return vec_push(&p->seen, file) == 0;
}

struct look {
    struct runtimes *runtimes;
    struct process *process;
    uint64_t now_ns;
};

static int look_at_file(void *ctx, const struct map *m)
{
    struct look *l = ctx;
    const struct binary *b;
    int fd, ret = 0;

    if ((!m->is_program && !binary_is_known(m->name)) || !is_new(l->process, m))
        return 0;
    fd = map_open(l->process->pid, m);
    if (fd < 0) {
        if (fd == -EACCES || fd == -EPERM)
            l->runtimes->refused = fd;
        return 0;
    }
    b = binary_look(&l->runtimes->binaries, fd, m->name, m->is_program);
    if (b) {
        ret = tell_runtimes(l->runtimes, l->process, b, m, fd, l->now_ns);
        if (!ret)
            ret = hook(l->runtimes, l->process, b, fd);
    }
    close(fd);
    return ret;
}

static int look(struct runtimes *r, struct process *p, uint64_t now_ns)
{
    struct look l = {r, p, now_ns};
    int ret = maps_walk(p->pid, look_at_file, &l);

    if (ret == -EACCES) {
        r->refused = ret;
        ret = 0;
    }
    while (p->looks < LOOKS && p->since_ns + looks_ns[p->looks] <= now_ns)
        p->looks++;
    p->next_ns = p->looks < LOOKS ? p->since_ns + looks_ns[p->looks] : 0;
    return ret;
}

void runtimes_see(struct runtimes *r, const struct event *ev)
{
    if (ev->kind == EVENT_THREAD) {
        const struct event_thread *t = (const struct event_thread *)ev;
        struct process *p;

        if (t->phase != THREAD_AT_ATTACH || t->pid != ev->tid || process_of(r, t->pid))
            return;
        p = process_start(r, t->pid, ev->time_ns);
        if (p)
            p->next_ns = ev->time_ns;
    } else if (ev->kind == EVENT_FORK) {
        const struct event_fork *f = (const struct event_fork *)ev;
        const struct process *maker;
        struct process *made;

        if (f->pid != ev->tid)
            return;
        made = process_start(r, f->pid, ev->time_ns);
        maker = process_of(r, f->parent);
        /* It has its parent's program, whose functions are worth a look at once. */
        if (made && maker && maker->hooks.len)
            made->next_ns = ev->time_ns;
    } else if (ev->kind == EVENT_COMM) {
        const struct event_comm *c = (const struct event_comm *)ev;

        if (c->exec)
            process_start(r, c->pid, ev->time_ns);
    } else if (ev->kind == EVENT_EXIT) {
        const struct event_exit *x = (const struct event_exit *)ev;

        if (x->pid == ev->tid)
            process_end(r, x->pid);
    }
}

int runtimes_tick(struct runtimes *r, uint64_t now_ns)
{
    int ret = 0;

    for (size_t i = 0; !ret && i < r->processes.len; i++) {
        struct process *p = &r->processes.data[i];

        if (p->next_ns && p->next_ns <= now_ns)
            ret = look(r, p, now_ns);
    }
    return ret;
}

int runtimes_refused(const struct runtimes *r)
{
    return r->refused;
}

void runtimes_free(struct runtimes *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->processes.len; i++)
        process_clear(&r->processes.data[i]);
    vec_release(&r->processes);
    vec_release(&r->named);
    binaries_release(&r->binaries);
    free(r);
}
