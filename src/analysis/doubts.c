/*
 * doubts: when a worker of a process may have been at work for any request that was open then: it
 * worked for nobody known, or all workers were at work, so that what was handed over stood in a
 * queue. gaps.c asks for them.
 */
#include "analysis/internal.h"
#include "base/sort.h"

/* While a pool is full each of its workers parks for so long at times, until its loop has given it
 * the next piece of work. */
#define FLICKER_NS 3000000u
/* So soon at the latest a worker is called for what is put in line while all wait. */
#define CALLED_NS 1000000u

/* A thread comes or goes, or a worker parks or is back. */
struct change {
    uint64_t time;
    int alive, parked;
};

struct changes {
    VEC(struct change) all;
};

static int by_change(const void *x, const void *y)
{
    const struct change *p = x, *q = y;
    if (p->time != q->time)
        return p->time < q->time ? -1 : 1;
    return p->alive + p->parked - q->alive - q->parked;
}

static int change_pair(struct changes *c, uint64_t from, uint64_t to, int alive, int parked)
{
    if (from >= to)
        return 0;
    int rc = vec_push(&c->all, ((struct change){from, alive, parked}));
    return rc < 0 ? rc : vec_push(&c->all, ((struct change){to, -alive, -parked}));
}

static int changes_collect(const struct analysis *a, const struct bouts *b, uint32_t process,
                           bool helpers, struct changes *c)
{
    int rc = 0;

    for (uint32_t i = b->threads.from[process]; i < b->threads.from[process + 1]; i++) {
        uint32_t thread = b->threads.index[i];
        const struct thread *t = &a->tl->threads.data[thread];
        uint64_t until = work_told_since(a, thread);
        if (!b->worker[thread] && !(helpers && b->helper[thread]))
            continue;
        rc = change_pair(c, t->start_ns, least(t->end_ns, until), 1, 0);
        for (size_t k = b->first_park[thread]; rc == 0 && k < b->first_park[thread + 1]; k++)
            if (!b->parks.data[k].unsure)
                rc = change_pair(c, b->parks.data[k].start, least(b->parks.data[k].end, until), 0,
                                 1);
        if (rc < 0)
            return rc;
    }
    if (c->all.len)
        sort_runs(c->all.data, c->all.len, sizeof(*c->all.data), by_change);
    return 0;
}

/* The most that were at work at a time. */
static long busy_most(const struct changes *c)
{
    long busy = 0, most_busy = 0;
    for (size_t i = 0; i < c->all.len; i++) {
        busy += c->all.data[i].alive - c->all.data[i].parked;
        bool last = i + 1 == c->all.len || c->all.data[i + 1].time > c->all.data[i].time;
        if (last && busy > most_busy)
            most_busy = busy;
    }
    return most_busy;
}

/* NULL: there are none at all. */
static struct doubt *at_index(struct doubt *all, uint32_t first)
{
    return all ? all + first : NULL;
}

/* The first of `count` that ends behind `at`. */
static size_t first_behind(const struct doubt *d, size_t count, uint64_t at)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (d[mid].end <= at)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool first(const struct doubt *d, size_t count, uint64_t from, uint64_t to,
                  struct doubt *found)
{
    size_t i = first_behind(d, count, from);

    if (i >= count || d[i].start >= to)
        return false;
    *found = (struct doubt){most(d[i].start, from), least(d[i].end, to)};
    return true;
}

/* What lies in a burst that was for somebody known can be for nobody else. */
int doubt_add(struct analysis *a, uint32_t process, struct doubt d)
{
    const struct proc *p = &a->procs.data[process];
    const struct doubt *bursts = at_index(a->bursts.data, p->first_burst);
    size_t i = first_behind(bursts, p->bursts, d.start);
    bool within = i < p->bursts && bursts[i].start <= d.start && d.end <= bursts[i].end;

    return within ? vec_push(&a->mild, d) : vec_push(&a->doubts, d);
}

/* Adds when workers were alive and not one was parked; or, with `nearly`, when nearly as many were
 * at work as ever were, and so those of one pool among several perhaps all. */
static int full_add(struct analysis *a, const struct bouts *b, uint32_t process, bool nearly)
{
    struct changes c = {VEC_INIT};
    size_t first = a->doubts.len;
    long alive = 0, parked = 0;
    int rc = changes_collect(a, b, process, nearly, &c);
    long most_busy = nearly && rc == 0 ? busy_most(&c) : 0;
    uint64_t flicker = nearly ? FLICKER_NS : 0;

    for (size_t i = 0; rc == 0 && i < c.all.len; i++) {
        const struct change *x = &c.all.data[i];
        alive += x->alive;
        parked += x->parked;
        uint64_t next = i + 1 < c.all.len ? x[1].time : x->time;
        long busy = alive - parked;
        bool full = nearly ? busy > 1 && busy * 10 >= most_busy * 9 : busy > 0 && parked <= 0;
        if (!full || next <= x->time)
            continue;
        if (a->doubts.len > first && vec_last(&a->doubts)->end + flicker >= x->time)
            vec_last(&a->doubts)->end = next;
        else
            rc = vec_push(&a->doubts, ((struct doubt){x->time, next}));
    }
    vec_release(&c.all);
    return rc;
}

int doubts_full(struct analysis *a, const struct bouts *b, uint32_t process)
{
    struct proc *p = &a->procs.data[process];
    int rc = 0;

    p->first_full = (uint32_t)a->doubts.len;
    if (!p->hands_over)
        rc = full_add(a, b, process, false);
    p->fulls = (uint32_t)(a->doubts.len - p->first_full);
    return rc;
}

static int by_doubt(const void *x, const void *y)
{
    const struct doubt *p = x, *q = y;
    if (p->start != q->start)
        return p->start < q->start ? -1 : 1;
    return p->end < q->end ? -1 : p->end > q->end;
}

size_t doubts_join(struct doubt *all, size_t count)
{
    size_t n = 0;

    sort_runs(all, count, sizeof(*all), by_doubt);
    for (size_t i = 0; i < count; i++) {
        if (n && all[i].start <= all[n - 1].end)
            all[n - 1].end = most(all[n - 1].end, all[i].end);
        else
            all[n++] = all[i];
    }
    return n;
}

void doubts_begin(struct analysis *a, uint32_t process)
{
    a->procs.data[process].first_doubt = (uint32_t)a->doubts.len;
    a->procs.data[process].first_mild = (uint32_t)a->mild.len;
}

bool lull_span(const struct analysis *a, uint32_t thread, uint64_t from, uint64_t to,
               struct doubt *span)
{
    const struct proc *p = &a->procs.data[a->tl->threads.data[thread].process];
    const struct doubt *lulls = at_index(a->lulls.data, p->first_lull);
    size_t i = first_behind(lulls, p->lulls, from), k = first_behind(lulls, p->lulls, to);

    /* `k` is the first that ends behind `to`: it may have begun before. */
    if (k < p->lulls && lulls[k].start < to)
        k++;
    /* One that ends right behind `from` may end by the call for it. */
    if (i < k && lulls[i].start < from && lulls[i].end < from + CALLED_NS)
        i++;
    if (i >= k)
        return false;
    *span = (struct doubt){most(lulls[i].start, from), least(lulls[k - 1].end, to)};
    return span->start < span->end;
}

/* Adds what of the doubt is in no lull: there nothing stands in line. */
static int doubt_split(struct analysis *a, uint32_t process, struct doubt d)
{
    const struct proc *p = &a->procs.data[process];
    int rc = 0;

    for (size_t i = first_behind(at_index(a->lulls.data, p->first_lull), p->lulls, d.start);
         rc == 0 && i < p->lulls && d.start < d.end; i++) {
        const struct doubt *lull = &a->lulls.data[p->first_lull + i];
        if (lull->start >= d.end)
            break;
        if (d.start < lull->start)
            rc = doubt_add(a, process, (struct doubt){d.start, lull->start});
        d.start = most(d.start, lull->end);
    }
    return rc < 0 || d.start >= d.end ? rc : doubt_add(a, process, d);
}

/* Takes what is behind `first` off, and adds it anew. */
static int doubts_add(struct analysis *a, uint32_t process, size_t first_one, size_t count)
{
    struct doubt *copy = calloc(count + 1, sizeof(*copy));
    int rc = copy ? 0 : -ENOMEM;

    for (size_t i = 0; rc == 0 && i < count; i++)
        copy[i] = a->doubts.data[first_one + i];
    if (first_one >= a->procs.data[process].first_doubt)
        a->doubts.len -= count;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = doubt_split(a, process, copy[i]);
    free(copy);
    return rc;
}

int doubts_finish(struct analysis *a, const struct bouts *b, uint32_t process)
{
    struct proc *p = &a->procs.data[process];
    size_t fulls = a->doubts.len;
    int rc = p->hands_over ? 0 : full_add(a, b, process, true);

    if (rc == 0)
        rc = doubts_add(a, process, fulls, a->doubts.len - fulls);
    if (rc == 0)
        rc = doubts_add(a, process, p->first_full, p->fulls);
    if (rc < 0)
        return rc;
    p->doubts = (uint32_t)doubts_join(at_index(a->doubts.data, p->first_doubt),
                                      a->doubts.len - p->first_doubt);
    a->doubts.len = p->first_doubt + p->doubts;
    p->milds =
        (uint32_t)doubts_join(at_index(a->mild.data, p->first_mild), a->mild.len - p->first_mild);
    a->mild.len = p->first_mild + p->milds;
    return 0;
}

/* What a thread has done for known requests, by time: its tenures, and steps of those that are
 * answered, each up to its next touch. */
struct known {
    const struct analysis *a;
    const struct bouts *b;
    uint32_t thread, tenure, touch; /* the next of each */
};

static bool known_touch(const struct known *k, uint32_t i, struct doubt *span)
{
    uint32_t end = k->b->touches.from[k->thread + 1];
    const struct touch *t = &k->a->touches.data[k->b->touches.index[i]];
    uint64_t next = i + 1 < end ? k->a->touches.data[k->b->touches.index[i + 1]].time : NEVER;

    *span = (struct doubt){t->time, next};
    return t->others;
}

/* The next; false when there is none that starts before `to`. */
static bool known_next(struct known *k, uint64_t to, struct doubt *span)
{
    uint32_t touches = k->b->touches.from[k->thread + 1];
    struct doubt touch = {NEVER, 0};

    while (k->touch < touches && !known_touch(k, k->touch, &touch)) {
        k->touch++;
        touch.start = NEVER;
    }
    if (k->tenure < k->b->tenures.from[k->thread + 1]) {
        const struct tenure *x = &k->a->tenures.data[k->b->tenures.index[k->tenure]];
        if (x->start <= touch.start) {
            *span = (struct doubt){x->start, x->end};
            k->tenure += x->start < to;
            return x->start < to;
        }
    }
    *span = touch;
    k->touch += touch.start < to;
    return touch.start < to;
}

static int awake_add(struct analysis *a, uint64_t from, uint64_t to)
{
    return to > from + AWAKE_NS ? vec_push(&a->awake, ((struct doubt){from, to})) : 0;
}

int doubts_awake(struct analysis *a, const struct bouts *b, uint32_t thread)
{
    struct life *l = &a->lives.data[thread];
    uint32_t first = l->first_awake, end = l->first_awake + l->awakes;
    struct known known = {a, b, thread, b->tenures.from[thread], b->touches.from[thread]};
    struct doubt span;
    int rc = 0;

    l->first_awake = (uint32_t)a->awake.len;
    for (; rc == 0 && first < end; first++) {
        struct doubt d = a->awake.data[first];
        uint64_t woke = d.start;
        while (rc == 0 && known_next(&known, d.end, &span)) {
            if (span.start < woke)
                continue;
            rc = awake_add(a, d.start, least(span.start, d.end));
            d.start = most(d.start, span.end);
        }
        if (rc == 0)
            rc = awake_add(a, d.start, d.end);
    }
    l->awakes = (uint32_t)a->awake.len - l->first_awake;
    return rc;
}

/* The burst that `at` lies in, at its ends too; no length: none. */
static struct doubt burst_at(const struct analysis *a, const struct proc *p, uint64_t at)
{
    const struct doubt *bursts = at_index(a->bursts.data, p->first_burst);
    size_t i = first_behind(bursts, p->bursts, at ? at - 1 : 0);
    return i < p->bursts && bursts[i].start <= at ? bursts[i] : (struct doubt){NEVER, 0};
}

bool doubt_next(const struct analysis *a, uint32_t thread, const struct doubt *gap, uint64_t from,
                uint64_t to, struct doubt *found)
{
    const struct proc *p = &a->procs.data[a->tl->threads.data[thread].process];
    const struct doubt *mild = at_index(a->mild.data, p->first_mild);
    struct doubt own = burst_at(a, p, gap->start), one;
    bool any = first(at_index(a->doubts.data, p->first_doubt), p->doubts, from, to, found);

    if (from < least(to, own.end) && first(mild, p->milds, from, least(to, own.end), &one) &&
        (!any || one.start < found->start)) {
        *found = one;
        any = true;
    }
    own = burst_at(a, p, gap->end);
    if (most(from, own.start) < to && first(mild, p->milds, most(from, own.start), to, &one) &&
        (!any || one.start < found->start)) {
        *found = one;
        any = true;
    }
    return any;
}

bool awake_next(const struct analysis *a, uint32_t thread, uint64_t from, uint64_t to,
                struct doubt *found)
{
    const struct life *l = &a->lives.data[thread];
    return first(at_index(a->awake.data, l->first_awake), l->awakes, from, to, found);
}

bool loose_next(const struct analysis *a, uint32_t thread, uint64_t from, uint64_t to,
                struct doubt *found)
{
    const struct life *l = &a->lives.data[thread];
    return first(at_index(a->loose.data, l->first_loose), l->looses, from, to, found);
}

uint64_t full_since(const struct analysis *a, uint32_t thread, uint64_t at)
{
    const struct proc *p = &a->procs.data[a->tl->threads.data[thread].process];
    const struct doubt *d = at_index(a->doubts.data, p->first_full);
    size_t low = 0, high = p->fulls;

    while (low < high) { /* the last that starts before `at` */
        size_t mid = low + (high - low) / 2;
        if (d[mid].start < at)
            low = mid + 1;
        else
            high = mid;
    }
    return low && d[low - 1].end >= at ? d[low - 1].start : at;
}
