/*
 * peaks: how many at once: requests in flight, threads that serve, and both together, which tells
 * when threads ran out.
 */
#include "analysis/internal.h"
#include "base/sort.h"

/* Threads that ran out for a moment did not run out: at least this long, all together. */
#define SATURATED_MIN_NS 10000000u

/* Each fits into CHANGE_BITS. */
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

/* Times of one process after the other. */
struct times {
    VEC(uint64_t) all;
};

static void times_sort(struct times *t)
{
    if (t->all.len)
        sort_near(t->all.data, t->all.len, sizeof(*t->all.data), sort_order_uint64);
}

/* Requests come by their starts: only their ends are to be put in order. At the same time one ends
 * before another begins. */
int peaks_find(struct analysis *a)
{
    const struct timeline *tl = a->tl;
    size_t *over = calloc(tl->processes.len + 1, sizeof(*over));
    uint32_t *now = calloc(tl->processes.len + 1, sizeof(*now));
    struct times *ends = calloc(tl->processes.len + 1, sizeof(*ends));
    int rc = now && ends && over ? 0 : -ENOMEM;

    for (size_t i = 0; rc == 0 && i < tl->requests.len; i++)
        if (tl->requests.data[i].start_ns < tl->requests.data[i].end_ns)
            rc = vec_push(&ends[tl->requests.data[i].process].all, tl->requests.data[i].end_ns);
    for (size_t i = 0; rc == 0 && i < tl->processes.len; i++)
        times_sort(&ends[i]);
    for (size_t i = 0; rc == 0 && i < tl->requests.len; i++) {
        const struct request *r = &tl->requests.data[i];
        struct verdict *v = &tl->processes.data[r->process].verdict;
        if (r->start_ns >= r->end_ns)
            continue;
        for (; ends[r->process].all.data[over[r->process]] <= r->start_ns; over[r->process]++)
            now[r->process]--;
        if (++now[r->process] > v->peak_in_flight)
            v->peak_in_flight = now[r->process];
    }
    for (size_t i = 0; ends && i < tl->processes.len; i++)
        vec_release(&ends[i].all);
    free(ends);
    free(now);
    free(over);
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

/* What begins or ends: its time, and what it is in the low bits. At the same time they come in the
 * order of enum change_kind. */
#define CHANGE_BITS 3u
#define CHANGE_MASK 7u

static int crowd_pair(struct times *t, uint64_t start, uint64_t end, enum change_kind first,
                      enum change_kind last)
{
    if (start >= end)
        return 0;
    int rc = vec_push(&t->all, start << CHANGE_BITS | first);
    return rc < 0 ? rc : vec_push(&t->all, end << CHANGE_BITS | last);
}

/* Long stretches in a queue, and when threads were held, by process. */
static int saturation_collect(struct analysis *a, const bool *may, struct times *times)
{
    const struct timeline *tl = a->tl;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < tl->requests.len; i++) {
        const struct request *r = &tl->requests.data[i];
        if (!may[r->process] || !r->segment_count ||
            request_ns(tl, r, LEDGER_QUEUED) <= QUEUED_MIN_NS)
            continue;
        for (size_t k = r->first_segment;
             rc == 0 && k < (size_t)r->first_segment + r->segment_count; k++) {
            const struct segment *s = &tl->segments.data[k];
            if (s->key != LEDGER_QUEUED ||
                (s->thread_plus1 && is_their_loop(tl, s->thread_plus1 - 1)))
                continue;
            bool line = !s->thread_plus1;
            rc = crowd_pair(&times[r->process], s->start_ns, segment_end(tl, r, k),
                            line ? LINE_START : QUEUE_START, line ? LINE_END : QUEUE_END);
        }
    }
    for (size_t i = 0; rc == 0 && i < a->helds.len; i++) {
        const struct held *x = &a->helds.data[i];
        const struct request *r = &tl->requests.data[x->request];
        uint32_t process = tl->threads.data[x->thread].process;
        if (times[process].all.len && !is_their_loop(tl, x->thread))
            rc = crowd_pair(&times[process], most(x->start, r->start_ns), least(x->end, r->end_ns),
                            HOLD_START, HOLD_END);
    }
    return rc;
}

struct crowd { /* of a process, as time goes by */
    uint32_t held, queued;
    uint32_t line;                      /* who stands in line for a place in the pool */
    uint64_t since[2], ns[2], first[2]; /* of what is full: the threads, the pool's places */
    bool full[2];
};

static void crowd_change(struct crowd *l, const struct verdict *v, uint64_t time,
                         enum change_kind kind)
{
    l->held += kind == HOLD_START ? 1 : kind == HOLD_END ? -1u : 0;
    l->queued += kind == QUEUE_START ? 1 : kind == QUEUE_END ? -1u : 0;
    l->line += kind == LINE_START ? 1 : kind == LINE_END ? -1u : 0;
    bool full[2] = {v->serving_threads && l->queued && l->held >= v->serving_threads, l->line};
    for (int i = 0; i < 2; i++) {
        if (!l->full[i] && full[i]) {
            l->since[i] = time;
            if (!l->ns[i])
                l->first[i] = time;
        } else if (l->full[i] && !full[i]) {
            l->ns[i] += time - l->since[i];
        }
        l->full[i] = full[i];
    }
}

static void saturation_fill(struct verdict *v, struct times *times)
{
    struct crowd c = {.held = 0};

    times_sort(times);
    for (size_t i = 0; i < times->all.len; i++)
        crowd_change(&c, v, times->all.data[i] >> CHANGE_BITS,
                     (enum change_kind)(times->all.data[i] & CHANGE_MASK));
    bool threads = c.ns[0] >= SATURATED_MIN_NS;
    v->in_line = !threads && c.ns[1] >= SATURATED_MIN_NS;
    v->saturated = threads || v->in_line;
    v->saturated_ns = v->saturated ? c.first[v->in_line] : 0;
}

int saturation_find(struct analysis *a, const bool *may)
{
    size_t count = a->tl->processes.len;
    struct times *times = calloc(count + 1, sizeof(*times));
    int rc = times ? saturation_collect(a, may, times) : -ENOMEM;

    for (size_t i = 0; times && i < count; i++) {
        if (rc == 0 && may[i])
            saturation_fill(&a->tl->processes.data[i].verdict, &times[i]);
        vec_release(&times[i].all);
    }
    free(times);
    return rc;
}
