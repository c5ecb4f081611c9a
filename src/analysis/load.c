/*
 * load: how far a process's threads are taken, event loops apart from all others, on average and
 * at their busiest. Over a whole recording a pool that ran out for a second looks idle; people
 * queued in that second.
 */
#include "analysis/internal.h"

/* The window is a tenth of the time in which there were requests, at most a second, and of a long
 * one a two-hundredth: so many halves of a window there are at most. */
#define WINDOW_PARTS 10u
#define WINDOW_NS 1000000000u
#define HALVES_MAX 400u

enum kind { LOOPS, WORKERS, KINDS };

struct span { /* of a process, in which there were requests */
    uint64_t from, to, half_ns;
    uint64_t *taken; /* by half windows, of one kind after the other */
    uint32_t halves;
    uint64_t sum_ns[KINDS], running_ns;
    uint64_t requests[KINDS];
};

struct loads {
    struct analysis *a;
    struct span *spans;   /* beside tl->processes */
    unsigned char *kinds; /* bits by draft: which kinds of threads it had */
};

static void spans_find(struct loads *l)
{
    struct timeline *tl = l->a->tl;

    for (size_t i = 0; i < tl->requests.len; i++) {
        const struct request *r = &tl->requests.data[i];
        struct span *s = &l->spans[r->process];
        if (r->start_ns >= r->end_ns)
            continue;
        s->from = s->to ? least(s->from, r->start_ns) : r->start_ns;
        s->to = most(s->to, r->end_ns);
    }
    for (size_t i = 0; i < tl->processes.len; i++) {
        struct span *s = &l->spans[i];
        uint64_t ns = s->to - s->from;
        s->half_ns = most(least(ns / WINDOW_PARTS, WINDOW_NS) / 2, ns / HALVES_MAX + 1);
        s->halves = ns ? (uint32_t)(ns / s->half_ns) + 1 : 0;
        tl->processes.data[i].verdict.window_ns = s->halves > 2 ? 2 * s->half_ns : ns;
    }
}

static int spans_make(struct loads *l)
{
    for (size_t i = 0; i < l->a->tl->processes.len; i++) {
        struct span *s = &l->spans[i];
        s->taken = s->halves ? calloc((size_t)s->halves * KINDS, sizeof(*s->taken)) : NULL;
        if (s->halves && !s->taken)
            return -ENOMEM;
    }
    return 0;
}

/* A thread is taken in [from, to). */
static uint64_t take(struct span *s, enum kind kind, uint64_t from, uint64_t to)
{
    from = most(from, s->from);
    to = least(to, s->to);
    if (from >= to)
        return 0;
    s->sum_ns[kind] += to - from;
    uint64_t *taken = &s->taken[(size_t)kind * s->halves];
    uint64_t all = to - from;
    for (uint64_t i = (from - s->from) / s->half_ns; from < to; i++) {
        uint64_t end = least(to, s->from + (i + 1) * s->half_ns);
        taken[i] += end - from;
        from = end;
    }
    return all;
}

static enum kind kind_of(const struct analysis *a, uint32_t thread)
{
    return a->tl->threads.data[thread].role == THREAD_ROLE_LOOP ? LOOPS : WORKERS;
}

/* A loop is taken whenever it is not waiting for work: for whom, cannot always be said. */
static void take_loop(struct loads *l, uint32_t thread)
{
    const struct thread *t = &l->a->tl->threads.data[thread];
    struct span *s = &l->spans[t->process];

    for (size_t i = 0; i < t->intervals.len; i++) {
        const struct interval *iv = &t->intervals.data[i];
        if (iv->state == STATE_UNKNOWN || iv->state == STATE_YIELDED || (iv->flags & INTERVAL_IDLE))
            continue;
        uint64_t ns = take(s, LOOPS, iv->start_ns, interval_end(t, i));
        s->running_ns += iv->state == STATE_RUNNING ? ns : 0;
    }
}

static void take_tenure(struct loads *l, const struct tenure *x)
{
    const struct analysis *a = l->a;
    const struct draft *d = &a->drafts.data[x->request];
    struct span *s = &l->spans[a->tl->threads.data[x->thread].process];
    enum kind kind = kind_of(a, x->thread);

    if (!(l->kinds[x->request] & 1u << kind))
        s->requests[kind]++;
    l->kinds[x->request] |= (unsigned char)(1u << kind);
    if (kind == WORKERS)
        take(s, kind, most(x->start, d->start), least(x->end, d->end));
}

static void load_fill(const struct span *s, enum kind kind, uint32_t threads, uint64_t window_ns,
                      struct load *load)
{
    const uint64_t *taken = &s->taken[(size_t)kind * s->halves];
    double all = (double)threads * (double)(s->to - s->from);
    uint64_t best = 0;

    *load = (struct load){.threads = threads, .requests = s->requests[kind]};
    if (!threads || all <= 0)
        return;
    load->share = (double)s->sum_ns[kind] / all;
    load->busiest = load->share;
    load->busiest_ns = s->from;
    /* The last half is none, or in part: no window ends in it. */
    for (uint32_t i = 0; i + 2 < s->halves; i++) {
        if (taken[i] + taken[i + 1] <= best)
            continue;
        best = taken[i] + taken[i + 1];
        load->busiest = (double)best / ((double)threads * (double)window_ns);
        load->busiest_ns = s->from + i * s->half_ns;
    }
}

int loads_find(struct analysis *a, struct loop_time *loops)
{
    struct timeline *tl = a->tl;
    struct loads l = {.a = a,
                      .spans = calloc(tl->processes.len + 1, sizeof(*l.spans)),
                      .kinds = calloc(a->drafts.len + 1, 1)};
    int rc = l.spans && l.kinds ? 0 : -ENOMEM;

    if (rc == 0) {
        spans_find(&l);
        rc = spans_make(&l);
    }
    for (uint32_t i = 0; rc == 0 && i < a->lives.len; i++)
        if (kind_of(a, i) == LOOPS && a->lives.data[i].tenures)
            take_loop(&l, i);
    for (size_t i = 0; rc == 0 && i < a->tenures.len; i++)
        take_tenure(&l, &a->tenures.data[i]);
    for (size_t i = 0; rc == 0 && i < tl->processes.len; i++) {
        struct verdict *v = &tl->processes.data[i].verdict;
        const struct span *s = &l.spans[i];
        loops[i] = (struct loop_time){s->sum_ns[LOOPS], s->running_ns};
        if (!s->halves)
            continue;
        load_fill(s, LOOPS, v->loops.threads, v->window_ns, &v->loops);
        load_fill(s, WORKERS, v->workers.threads, v->window_ns, &v->workers);
    }
    for (size_t i = 0; l.spans && i < tl->processes.len; i++)
        free(l.spans[i].taken);
    free(l.spans);
    free(l.kinds);
    return rc;
}
