#include "record/runtime.h"

#include "base/table.h"
#include "bpf/events.h"
#include "bpf/shared.h"
#include "record/agent.h"
#include "record/binary.h"
#include "record/maps.h"
#include "record/probes.h"
#include "record/sink.h"
#include "record/uprobes.h"

#include <errno.h>
#include <poll.h>
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

/* A JVM that starts listens to nobody yet: it is asked again so often, and so long. */
#define AGENT_AGAIN_NS 200000000u
#define AGENT_PATIENCE_NS 30000000000ull
/* At the end each JVM has so long to make its classes what they were; and who talks to one that has
 * ended, to remove what it has put there. */
#define AGENT_LEAVE_MS 2000
#define AGENT_CLEAR_MS 100
#define AGENT_LOOK_MS 5

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
    struct agent agent;
    bool agent_hooked;
    bool copy; /* of its parent, until it calls exec: no JVM, whatever it has mapped */
    enum agent_state {
        AGENT_NONE,
        AGENT_WAITS,   /* for the JVM to listen */
        AGENT_LOADING, /* without uprobes it does nothing */
        AGENT_STARTING,
        AGENT_AT_WORK,
        AGENT_FAILED,
    } agent_state;
    uint64_t agent_ns, agent_next_ns; /* the JVM was found, and is asked again */
};

struct named {
    const char *name;
};

struct runtimes {
    struct probes *probes;
    const struct sink *sink;
    struct binaries binaries;
    VEC(struct process) processes;
    VEC(struct named) named; /* hooks that the capture knows of */
    int refused;
    bool agents_wanted;
    uint32_t agents;
    int agent_refused;
};

struct runtimes *runtimes_new(struct probes *p, const struct sink *s, bool precise, bool agents)
{
    struct runtimes *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->probes = p;
    r->sink = s;
    r->binaries.precise = precise;
    r->agents_wanted = agents;
    return r;
}

static struct process *process_of(struct runtimes *r, uint32_t pid)
{
    for (size_t i = 0; i < r->processes.len; i++)
        if (r->processes.data[i].pid == pid)
            return &r->processes.data[i];
    return NULL;
}

static void process_unhook(struct process *p)
{
    for (size_t i = 0; i < p->hooks.len; i++)
        uprobes_detach(p->hooks.data[i].uprobes);
    vec_release(&p->hooks);
}

static void process_clear(struct process *p)
{
    agent_end(&p->agent, AGENT_CLEAR_MS);
    p->agent_state = AGENT_NONE;
    p->agent_hooked = false;
    process_unhook(p);
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
    p->copy = false;
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
    return n ? sink_probes(r->sink, names, n) : 0;
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
        ret = sink_append(r->sink, &e.event);
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

    bool ring = has_ring(p->pid), agent = false;
    for (size_t i = 0; i < b->point_count; i++) {
        if (WORK_COOKIE_KIND(b->points[i].cookie) == WORK_URING && !ring)
            continue; /* each costs a trap, and the pool tells the same */
        offsets[n] = b->points[i].offset;
        cookies[n++] = b->points[i].cookie;
        agent |= WORK_COOKIE_KIND(b->points[i].cookie) == WORK_COROUTINE;
    }
    if (!n)
        return 0;
    ret = probes_hook(r->probes, &hooked.uprobes, p->pid, fd, offsets, cookies, n, b->counter);
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
    p->agent_hooked |= agent;
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

static void agent_ends(struct runtimes *r, struct process *p, int why)
{
    agent_end(&p->agent, AGENT_CLEAR_MS);
    p->agent_state = why ? AGENT_FAILED : AGENT_AT_WORK;
    r->agents += !why;
    if (why && why != -ESRCH) /* one that ended meanwhile is no refusal */
        r->agent_refused = why;
}

static void agent_begins(struct runtimes *r, struct process *p)
{
    int ret = agent_load(&p->agent, p->pid);

    p->agent_state = AGENT_LOADING;
    if (ret)
        agent_ends(r, p, ret);
}

/* It is loaded: uprobes are put on it, if it is not that of an earlier recording, which has them
 * by now; and then it is to see them. */
static int agent_starts(struct runtimes *r, struct process *p, uint64_t now_ns)
{
    size_t hooks = p->hooks.len;
    int ret = look(r, p, now_ns);

    if (ret)
        return ret;
    p->agent_state = AGENT_STARTING;
    if (!p->agent_hooked)
        agent_ends(r, p, r->refused ? r->refused : -ENOENT);
    else if (p->hooks.len == hooks)
        agent_ends(r, p, 0);
    else if (agent_load_again(&p->agent))
        agent_ends(r, p, -ECHILD);
    return 0;
}

static int agent_step(struct runtimes *r, struct process *p, uint64_t now_ns)
{
    bool jvm = p->told & 1u << RUNTIME_JVM && !p->copy;
    if (p->agent_state == AGENT_NONE && r->agents_wanted && jvm) {
        p->agent_ns = now_ns;
        agent_begins(r, p);
    } else if (p->agent_state == AGENT_WAITS && now_ns >= p->agent_next_ns) {
        agent_begins(r, p);
    }
    if (p->agent_state != AGENT_LOADING && p->agent_state != AGENT_STARTING)
        return 0;
    int ret = agent_loaded(&p->agent);
    if (ret == -EAGAIN && now_ns - p->agent_ns < AGENT_PATIENCE_NS) {
        agent_end(&p->agent, AGENT_CLEAR_MS);
        p->agent_state = AGENT_WAITS;
        p->agent_next_ns = now_ns + AGENT_AGAIN_NS;
    } else if (ret < 0) {
        agent_ends(r, p, ret);
    } else if (ret && p->agent_state == AGENT_STARTING) {
        agent_ends(r, p, 0);
    } else if (ret) {
        return agent_starts(r, p, now_ns);
    }
    return 0;
}

bool runtimes_busy(const struct runtimes *r)
{
    for (size_t i = 0; i < r->processes.len; i++) {
        enum agent_state state = r->processes.data[i].agent_state;
        if (state == AGENT_LOADING || state == AGENT_STARTING)
            return true;
    }
    return false;
}

uint32_t runtimes_agents(const struct runtimes *r)
{
    return r->agents;
}

int runtimes_agent_refused(const struct runtimes *r)
{
    for (size_t i = 0; i < r->processes.len && !r->agent_refused; i++) {
        enum agent_state state = r->processes.data[i].agent_state;
        if (state == AGENT_WAITS)
            return -EAGAIN;
        if (state == AGENT_LOADING || state == AGENT_STARTING)
            return -ETIMEDOUT;
    }
    return r->agent_refused;
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
        if (made)
            made->copy = true;
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
        if (!ret)
            ret = agent_step(r, p, now_ns);
    }
    return ret;
}

int runtimes_refused(const struct runtimes *r)
{
    return r->refused;
}

/* Agents see that no uprobe is there any more. */
static void agents_leave(struct runtimes *r)
{
    bool any = true;

    for (size_t i = 0; i < r->processes.len; i++) {
        struct process *p = &r->processes.data[i];

        agent_end(&p->agent, AGENT_CLEAR_MS);
        process_unhook(p);
        bool there = p->agent_hooked && r->agents_wanted;
        p->agent_state = there && !agent_load(&p->agent, p->pid) ? AGENT_LOADING : AGENT_NONE;
    }
    for (unsigned ms = 0; any && ms < AGENT_LEAVE_MS; ms += AGENT_LOOK_MS) {
        any = false;
        for (size_t i = 0; i < r->processes.len; i++) {
            struct process *p = &r->processes.data[i];
            if (p->agent_state == AGENT_LOADING && agent_loaded(&p->agent))
                p->agent_state = AGENT_NONE;
            any |= p->agent_state == AGENT_LOADING;
        }
        if (any)
            poll(NULL, 0, AGENT_LOOK_MS);
    }
}

void runtimes_free(struct runtimes *r)
{
    if (!r)
        return;
    agents_leave(r);
    for (size_t i = 0; i < r->processes.len; i++)
        process_clear(&r->processes.data[i]);
    vec_release(&r->processes);
    vec_release(&r->named);
    binaries_release(&r->binaries);
    free(r);
}
