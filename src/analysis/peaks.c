/*
 * peaks: how many at once: requests in flight, threads that serve, and both together, which tells
 * when threads ran out.
 */
#include "analysis/internal.h"
#include "base/sort.h"

/* Threads that ran out for a moment did not run out: at least this long, all together. */
#define SATURATED_MIN_NS 10000000u

enum change_kind { LINE_END, QUEUE_END, HOLD_END, HOLD_START, QUEUE_START, LINE_START };

struct change {
    uint64_t time;
    uint32_t process;
    uint8_t kind; /* at the same time in the order of enum change_kind */
};

struct changes {
    VEC(struct change) all;
};

static int by_time(const void *x, const void *y)
{
    const struct change *p = x, *q = y;
    if (p->time != q->time)
        return p->time < q->time ? -1 : 1;
    return p->kind - q->kind;
}

static int change_pair(struct changes *c, uint32_t process, uint64_t start, uint64_t end,
                       enum change_kind first, enum change_kind last)
{
    if (start >= end)
        return 0;
    int rc = vec_push(&c->all, ((struct change){start, process, (uint8_t)first}));
    return rc < 0 ? rc : vec_push(&c->all, ((struct change){end, process, (uint8_t)last}));
}

static void changes_sort(struct changes *c)
{
    if (c->all.len)
        sort_runs(c->all.data, c->all.len, sizeof(*c->all.data), by_time);
}

int peaks_find(struct analysis *a)
{
    struct changes c = {VEC_INIT};
    uint32_t *now = calloc(a->tl->processes.len + 1, sizeof(*now));
    int rc = now ? 0 : -ENOMEM;

    for (size_t i = 0; rc == 0 && i < a->tl->requests.len; i++) {
        const struct request *r = &a->tl->requests.data[i];
        rc = change_pair(&c, r->process, r->start_ns, r->end_ns, QUEUE_START, QUEUE_END);
    }
    changes_sort(&c);
    for (size_t i = 0; rc == 0 && i < c.all.len; i++) {
        struct change ch = c.all.data[i];
        struct verdict *v = &a->tl->processes.data[ch.process].verdict;
        now[ch.process] += ch.kind == QUEUE_START ? 1 : -1u;
        if (now[ch.process] > v->peak_in_flight)
            v->peak_in_flight = now[ch.process];
    }
    free(now);
    vec_release(&c.all);
    return rc;
}

static bool is_standby(const struct thread *t, const struct life *l)
{
    return l->shares && t->role == THREAD_ROLE_WORKER;
}

enum kind { LOOPS, WORKERS, ALL };

/* Did it serve, as one of that kind? Who stands by for the same as those that serve is one of
 * them. */
static bool serves(const struct analysis *a, size_t thread, enum kind kind)
{
    const struct thread *t = &a->tl->threads.data[thread];
    const struct life *l = &a->lives.data[thread];
    if (t->role == THREAD_ROLE_LOOP)
        return kind != WORKERS && l->tenures > 0;
    return kind != LOOPS && (l->held_ns > 0 || is_standby(t, l));
}

/* The most threads that served, each at some time, and were alive at once. */
static int serving_of(struct analysis *a, enum kind kind)
{
    struct changes c = {VEC_INIT};
    uint32_t *now = calloc(a->tl->processes.len + 1, sizeof(*now));
    int rc = now ? 0 : -ENOMEM;

    for (size_t i = 0; rc == 0 && i < a->lives.len; i++) {
        const struct thread *t = &a->tl->threads.data[i];
        if (serves(a, i, kind))
            rc = change_pair(&c, t->process, t->start_ns, t->end_ns, HOLD_START, HOLD_END);
    }
    changes_sort(&c);
    for (size_t i = 0; rc == 0 && i < c.all.len; i++) {
        uint32_t process = c.all.data[i].process;
        struct verdict *v = &a->tl->processes.data[process].verdict;
        uint32_t *peak = kind == LOOPS     ? &v->loops.threads
                         : kind == WORKERS ? &v->workers.threads
                                           : &v->serving_threads;
        now[process] += c.all.data[i].kind == HOLD_START ? 1 : -1u;
        if (now[process] > *peak)
            *peak = now[process];
    }
    free(now);
    vec_release(&c.all);
    return rc;
}

int serving_find(struct analysis *a)
{
    int rc = 0;
    for (enum kind kind = LOOPS; rc == 0 && kind <= ALL; kind++)
        rc = serving_of(a, kind);
    return rc;
}

/* Is it the loop that hands over to the threads that may run out? Who waits for that one waits for
 * none of these. */
static bool is_their_loop(const struct timeline *tl, uint32_t thread)
{
    const struct thread *t = &tl->threads.data[thread];
    return t->role == THREAD_ROLE_LOOP &&
           tl->processes.data[t->process].verdict.model == MODEL_NONBLOCKING_WORKERS;
}

/* Long stretches in a queue, and when threads were held. */
static int saturation_collect(struct analysis *a, struct changes *c)
{
    const struct timeline *tl = a->tl;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < tl->requests.len; i++) {
        const struct request *r = &tl->requests.data[i];
        if (!r->segment_count || request_ns(tl, r, LEDGER_QUEUED) <= QUEUED_MIN_NS)
            continue;
        for (size_t k = r->first_segment;
             rc == 0 && k < (size_t)r->first_segment + r->segment_count; k++) {
            const struct segment *s = &tl->segments.data[k];
            if (s->key != LEDGER_QUEUED ||
                (s->thread_plus1 && is_their_loop(tl, s->thread_plus1 - 1)))
                continue;
            bool line = !s->thread_plus1;
            rc = change_pair(c, r->process, s->start_ns, segment_end(tl, r, k),
                             line ? LINE_START : QUEUE_START, line ? LINE_END : QUEUE_END);
        }
    }
    if (!c->all.len)
        return rc;
    for (size_t i = 0; rc == 0 && i < a->helds.len; i++) {
        const struct held *x = &a->helds.data[i];
        const struct request *r = &tl->requests.data[x->request];
        if (is_their_loop(tl, x->thread))
            continue;
        rc = change_pair(c, tl->threads.data[x->thread].process, most(x->start, r->start_ns),
                         least(x->end, r->end_ns), HOLD_START, HOLD_END);
    }
    return rc;
}

struct crowd { /* of a process, as time goes by */
    uint32_t held, queued;
    uint32_t line;                      /* who stands in line for a place in the pool */
    uint64_t since[2], ns[2], first[2]; /* of what is full: the threads, the pool's places */
    bool full[2];
};

static void crowd_change(struct crowd *l, const struct verdict *v, const struct change *ch)
{
    l->held += ch->kind == HOLD_START ? 1 : ch->kind == HOLD_END ? -1u : 0;
    l->queued += ch->kind == QUEUE_START ? 1 : ch->kind == QUEUE_END ? -1u : 0;
    l->line += ch->kind == LINE_START ? 1 : ch->kind == LINE_END ? -1u : 0;
    bool full[2] = {v->serving_threads && l->queued && l->held >= v->serving_threads, l->line};
    for (int i = 0; i < 2; i++) {
        if (!l->full[i] && full[i]) {
            l->since[i] = ch->time;
            if (!l->ns[i])
                l->first[i] = ch->time;
        } else if (l->full[i] && !full[i]) {
            l->ns[i] += ch->time - l->since[i];
        }
        l->full[i] = full[i];
    }
}

int saturation_find(struct analysis *a)
{
    struct changes c = {VEC_INIT};
    struct crowd *crowds = calloc(a->tl->processes.len + 1, sizeof(*crowds));
    int rc = crowds ? saturation_collect(a, &c) : -ENOMEM;

    changes_sort(&c);
    for (size_t i = 0; rc == 0 && i < c.all.len; i++)
        crowd_change(&crowds[c.all.data[i].process],
                     &a->tl->processes.data[c.all.data[i].process].verdict, &c.all.data[i]);
    for (size_t i = 0; rc == 0 && i < a->tl->processes.len; i++) {
        struct verdict *v = &a->tl->processes.data[i].verdict;
        bool threads = crowds[i].ns[0] >= SATURATED_MIN_NS;
        v->in_line = !threads && crowds[i].ns[1] >= SATURATED_MIN_NS;
        v->saturated = threads || v->in_line;
        v->saturated_ns = v->saturated ? crowds[i].first[v->in_line] : 0;
    }
    free(crowds);
    vec_release(&c.all);
    return rc;
}
