/*
 * match: which request each item of a worker was for, by what the loop turned to afterwards.
 *
 * Between two sleeps of a loop as many items were heard of as requests were turned to again for no
 * other reason. If each can only be one's, each is. An item whose end nobody was told of, since
 * the loop was awake, is that of the worker that ran meanwhile, if only so many did:
 *
 *     loop      sleeps ──┐ answers A ── answers B ┌── sleeps
 *     worker 1  blocked ─┘^ wakes the loop
 *     worker 2  blocked ────┤ runs ├─ blocked, for the next
 */
#include "analysis/internal.h"
#include "base/sort.h"

/* So many items and requests between two sleeps of a loop are told apart at the most. */
#define MATCH_MAX 24
/* So many items that are done behind a sleep may tell of what was before it. */
#define WINDOW_MAX (8 * MATCH_MAX)
/* So long may a worker be on its way from its word to the loop to its park. */
#define PARK_NS 2000000u
/* So long may it take from its wake-up to its queue. */
#define LATE_NS 2000000u
/* One in so many items may be done without a request that goes on. */
#define HOPS_MIN 10

/* A loop turns to a request again for a reason that no record names. */
struct resume {
    uint64_t submitted, time;
    uint32_t request, tenure, before;
};

/* Items of one slice, and as many resumes, each of which fits several. */
struct set {
    size_t first, count; /* in left_items, which begin where they did then, and left_resumes */
    uint64_t unmatched;
};

struct matcher {
    struct analysis *a;
    struct bouts *b;
    uint32_t loop;
    VEC(struct resume) resumes;
    bool in_order;      /* what is done first is turned to first: nginx's thread pools */
    uint64_t unmatched; /* the latest resume that no item was found for */
    struct pool_order order;
    VEC(struct done) left_items;
    VEC(struct resume) left_resumes;
    VEC(struct set) sets;
    /* between two sleeps */
    struct done items[MATCH_MAX];
    size_t count;
    size_t first_done, done; /* dones from the sleep before on, and behind the sleep */
    size_t dones;            /* where those of the loop end */
};

static int by_time(const void *x, const void *y)
{
    const struct resume *p = x, *q = y;
    if (p->time != q->time)
        return p->time < q->time ? -1 : 1;
    return p->tenure < q->tenure ? -1 : p->tenure > q->tenure;
}

/* Where the loop turned to a request again, without a word of what for. */
static int resumes_collect(struct matcher *m)
{
    const struct analysis *a = m->a;
    const struct by_thread *tenures = &m->b->tenures;
    bool told = a->procs.data[a->tl->threads.data[m->loop].process].submits;

    for (uint32_t i = tenures->from[m->loop]; i < tenures->from[m->loop + 1]; i++) {
        uint32_t x = tenures->index[i], before = m->b->before[x];
        const struct tenure *n = &a->tenures.data[x];
        if (before == NONE || (n->cause != CAUSE_NONE && n->cause != CAUSE_AMBIGUOUS) ||
            (told && !n->handed))
            continue;
        struct resume r = {a->tenures.data[before].last_touch, n->first_touch, n->request, x,
                           before};
        if (vec_push(&m->resumes, r) < 0)
            return -ENOMEM;
    }
    if (m->resumes.len)
        sort_runs(m->resumes.data, m->resumes.len, sizeof(*m->resumes.data), by_time);
    return 0;
}

static uint64_t sleep_start(const struct matcher *m, uint32_t k)
{
    const struct life *l = &m->a->lives.data[m->loop];
    const struct thread *t = &m->a->tl->threads.data[m->loop];
    return k < l->yields ? t->intervals.data[m->a->yields.data[l->first_yield + k]].start_ns
                         : t->end_ns;
}

/*
 * Does the loop turn to a request for each item that is done? Where work goes in hops, and the loop
 * hands the next one over without a touch of any connection, one item says nothing.
 */
static bool answers_each(const struct matcher *m)
{
    size_t done = m->done, resume = 0, slices = 0, hops = 0;

    for (uint32_t k = 0; k <= m->a->lives.data[m->loop].yields; k++) {
        uint64_t sleep = sleep_start(m, k);
        size_t heard = 0, begin = resume;
        for (; done < m->dones && m->b->dones.data[done].end <= sleep; done++)
            heard += !m->b->dones.data[done].weak;
        for (; resume < m->resumes.len && m->resumes.data[resume].time <= sleep; resume++)
            ;
        slices += heard > 0;
        hops += heard > 0 && resume == begin;
    }
    return hops <= slices / HOPS_MIN;
}

static uint64_t item_start(const struct matcher *m, const struct done *d)
{
    return most(d->start, m->b->split[d->worker]);
}

static bool fits_from(const struct done *d, uint64_t start, const struct resume *r)
{
    /* Woken for one, a worker may take another that is handed over before it gets there. */
    bool late = d->first >= r->submitted || d->first < start;
    return late && start + LATE_NS >= r->submitted && d->least <= r->time + MOMENT_NS;
}

static bool fits(const struct matcher *m, const struct done *d, const struct resume *r)
{
    return fits_from(d, item_start(m, d), r);
}

static void item_take(struct matcher *m, const struct done *d, size_t begin, size_t end)
{
    for (size_t k = begin; k < end; k++)
        if (fits(m, d, &m->resumes.data[k])) {
            if (m->count < MATCH_MAX)
                m->items[m->count] = *d;
            m->count++;
            return;
        }
}

/* Items that the loop was told of, or whose worker parked so that it may have been. */
static void items_told(struct matcher *m, size_t begin, size_t end, uint64_t sleep, bool weak)
{
    uint64_t last = weak ? sleep + PARK_NS : sleep;

    for (size_t i = m->first_done; i < m->dones && i < m->done + WINDOW_MAX; i++) {
        const struct done *d = &m->b->dones.data[i];
        if (d->end > last)
            break;
        if (d->weak == weak && !d->used && (d->end <= sleep || (weak && d->least < sleep)))
            item_take(m, d, begin, end);
    }
}

/* How far the thread ran when it first did in [from, to); 0: it did not. */
static uint64_t ran_until(const struct thread *t, uint64_t from, uint64_t to)
{
    for (size_t i = interval_of(t, from);
         i < t->intervals.len && t->intervals.data[i].start_ns < to; i++)
        if (t->intervals.data[i].state == STATE_RUNNING && interval_end(t, i) > from)
            return least(interval_end(t, i), to);
    return 0;
}

/* Items of workers that ran while the loop was awake, from `from` to the last resume, and went on
 * to the next item without a word; or right before, as it is woken once. The next item's begin
 * tells when this one began. */
static void items_untold(struct matcher *m, size_t begin, size_t end, uint64_t from)
{
    const struct analysis *a = m->a;
    uint64_t to = m->resumes.data[end - 1].time;
    size_t told = m->count;

    for (size_t i = m->done; i < m->dones && i < m->done + WINDOW_MAX; i++) {
        struct done d = m->b->dones.data[i];
        bool seen = d.used || d.start >= from || d.least <= to;
        for (size_t k = 0; k < m->count && k < MATCH_MAX && !seen; k++)
            seen = m->items[k].worker == d.worker && k >= told;
        uint64_t until = seen ? 0 : ran_until(&a->tl->threads.data[d.worker], from, to);
        if (until <= item_start(m, &d))
            continue;
        d.end = d.least = until;
        d.first = least(d.first, until);
        item_take(m, &d, begin, end);
    }
}

/* Did the loop wake the worker for this item, before it slept again? Then it was handed over at
 * once, and nobody had it in between. */
static bool handed_over(const struct analysis *a, const struct done *item, const struct resume *r)
{
    const struct tenure *before = &a->tenures.data[r->before];
    const struct thread *loop = &a->tl->threads.data[item->loop];
    const struct thread *t = &a->tl->threads.data[item->worker];
    /* what it was woken from at the start of the item */
    size_t i = item->start ? interval_of(t, item->start - 1) : t->intervals.len;

    return i < t->intervals.len && interval_end(t, i) == item->start &&
           t->intervals.data[i].waker == loop->tid &&
           !loop_slept(a, item->loop, before->last_touch, woke_at(a, item->loop, item->start));
}

/* When the worker took the item up, if it was the resume's. */
static struct taken taken_by(const struct done *d, uint64_t start, const struct resume *r)
{
    uint64_t from = most(start, r->submitted);
    return (struct taken){r->submitted, from, most(d->first, from), NULL};
}

/* The item, which began at `start` at the earliest, was the resume's. Before `unmatched` it may
 * have been another's, whose end nobody saw. */
static int match_from(struct matcher *m, const struct done *d, uint64_t start,
                      const struct resume *r)
{
    struct analysis *a = m->a;
    struct tenure *after = &a->tenures.data[r->tenure];
    uint64_t end = least(d->end, r->time);

    start = most(start, r->submitted);
    uint64_t handed = a->tenures.data[r->before].end;
    bool told = m->in_order && start >= m->unmatched; /* that it was handed over at once */
    /* It may have stood in line all the while: not all workers were at work, but the one that was
     * called for it got no CPU. */
    bool called = called_in_vain(m->b, a->tl->threads.data[d->worker].process, handed, start);
    struct item item = {
        .request = r->request,
        .thread = d->worker,
        .start = least(start < m->unmatched ? most(start, m->unmatched) : start, end),
        .end = end,
        .queued_from = told || handed_over(a, d, r) ? handed
                       : m->in_order || called      ? NEVER
                                                    : full_since(a, d->worker, start),
        .queued_to = start,
    };

    after->cause = CAUSE_READY;
    after->ready = after->busy_from = end;
    after->gap_inferred = after->matched = true;
    m->b->split[d->worker] = most(m->b->split[d->worker], end);
    return end > start ? item_add(a, &item) : 0;
}

static int match(struct matcher *m, const struct done *d, const struct resume *r)
{
    uint64_t start = item_start(m, d);
    if (start >= m->unmatched) /* else its begin may be another's */
        pool_order_note(&m->order, taken_by(d, start, r));
    return match_from(m, d, start, r);
}

static int by_end(const void *x, const void *y)
{
    const struct done *p = x, *q = y;
    return p->end < q->end ? -1 : p->end > q->end;
}

/* Sorts the items by their ends; false when two are too close to tell which was first. */
static bool in_time_order(struct matcher *m)
{
    sort_runs(m->items, m->count, sizeof(m->items[0]), by_end);
    for (size_t k = 1; k < m->count; k++)
        if (m->items[k].end - m->items[k - 1].end < MOMENT_NS || m->items[k].weak)
            return false;
    return true;
}

/* Each of these items is for one of these resumes; for which, the pool's order may tell. */
static int leave(struct matcher *m, const size_t *items, const size_t *resumes, size_t n)
{
    struct set set = {m->left_items.len, n, m->unmatched};

    if (n && vec_push(&m->sets, set) < 0)
        return -ENOMEM;
    for (size_t k = 0; k < n; k++) {
        struct done item = m->items[items[k]];
        item.start = item_start(m, &item);
        if (vec_push(&m->left_items, item) < 0 ||
            vec_push(&m->left_resumes, m->resumes.data[resumes[k]]) < 0)
            return -ENOMEM;
    }
    for (size_t k = 0; k < n; k++) {
        const struct done *d = &m->items[items[k]];
        m->b->split[d->worker] =
            most(m->b->split[d->worker], least(d->end, vec_last(&m->resumes)->time));
    }
    return 0;
}

/* Items and the resumes [begin, begin + count) are as many. */
static int slice_match(struct matcher *m, size_t begin)
{
    size_t items[MATCH_MAX], resumes[MATCH_MAX], n = m->count;
    int rc = 0;

    for (size_t k = 0; k < n; k++) {
        items[k] = k;
        resumes[k] = begin + k;
    }
    if (m->in_order && in_time_order(m)) {
        for (size_t k = 0; rc == 0 && k < n; k++)
            rc = match(m, &m->items[k], &m->resumes.data[begin + k]);
        return rc;
    }
    for (size_t i = 0; rc == 0 && i < n;) { /* one that can be nobody else's, and again */
        size_t fit = 0, only = 0;
        for (size_t k = 0; k < n; k++)
            if (fits(m, &m->items[items[k]], &m->resumes.data[resumes[i]])) {
                fit++;
                only = k;
            }
        if (fit != 1) {
            i++;
            continue;
        }
        rc = match(m, &m->items[items[only]], &m->resumes.data[resumes[i]]);
        n--;
        items[only] = items[n];
        resumes[i] = resumes[n];
        i = 0;
    }
    return rc < 0 ? rc : leave(m, items, resumes, n);
}

static void mark_used(struct matcher *m)
{
    for (size_t k = 0; k < m->count; k++)
        for (size_t i = m->first_done; i < m->dones && m->b->dones.data[i].end <= m->items[k].end;
             i++)
            m->b->dones.data[i].used |= m->b->dones.data[i].worker == m->items[k].worker &&
                                        m->b->dones.data[i].end == m->items[k].end;
}

static int slice(struct matcher *m, size_t begin, size_t end, uint64_t woke, uint64_t sleep)
{
    size_t want = end - begin;

    m->count = 0;
    if (want > MATCH_MAX) {
        m->unmatched = m->resumes.data[end - 1].time;
        return 0;
    }
    items_told(m, begin, end, sleep, false);
    if (m->count < want)
        items_told(m, begin, end, sleep, true);
    if (m->count < want)
        items_untold(m, begin, end, woke > MOMENT_NS ? woke - MOMENT_NS : 0);
    if (m->count != want) {
        m->unmatched = m->resumes.data[end - 1].time;
        return 0;
    }
    mark_used(m);
    return slice_match(m, begin);
}

static int slices(struct matcher *m)
{
    const struct analysis *a = m->a;
    const struct life *l = &a->lives.data[m->loop];
    const struct thread *t = &a->tl->threads.data[m->loop];
    size_t resume = 0;
    uint64_t woke = t->start_ns;
    int rc = 0;

    for (uint32_t k = 0; rc == 0 && k <= l->yields; k++) {
        uint64_t sleep = sleep_start(m, k);
        size_t begin = resume;
        m->first_done = m->done;
        while (m->done < m->dones && m->b->dones.data[m->done].end <= sleep)
            m->done++;
        while (resume < m->resumes.len && m->resumes.data[resume].time <= sleep)
            resume++;
        if (resume > begin)
            rc = slice(m, begin, resume, woke, sleep);
        if (k < l->yields)
            woke = interval_end(t, a->yields.data[l->first_yield + k]);
    }
    return rc;
}

static int by_submission(const void *x, const void *y)
{
    const struct resume *p = x, *q = y;
    return p->submitted < q->submitted ? -1 : p->submitted > q->submitted;
}

static int by_begin(const void *x, const void *y)
{
    const struct done *p = x, *q = y;
    return p->start < q->start ? -1 : p->start > q->start;
}

/* The pool takes first what came first: so the items of a set are those of its resumes in their
 * order, if it is certain in which order they were taken up. */
static int set_match(struct matcher *m, const struct set *set)
{
    struct done *items = &m->left_items.data[set->first];
    struct resume *resumes = &m->left_resumes.data[set->first];
    int rc = 0;

    sort_runs(items, set->count, sizeof(*items), by_begin);
    sort_runs(resumes, set->count, sizeof(*resumes), by_submission);
    for (size_t k = 0; k < set->count; k++) {
        struct taken t = taken_by(&items[k], items[k].start, &resumes[k]);
        if (!fits_from(&items[k], items[k].start, &resumes[k]))
            return 0;
        if (k + 1 < set->count) {
            struct taken next = taken_by(&items[k + 1], items[k + 1].start, &resumes[k + 1]);
            if (!pool_order_tells(&t, &next))
                return 0;
        }
    }
    m->unmatched = set->unmatched;
    for (size_t k = 0; rc == 0 && k < set->count; k++)
        rc = match_from(m, &items[k], items[k].start, &resumes[k]);
    return rc;
}

static int sets_match(struct matcher *m)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < m->sets.len && pool_order_known(&m->order); i++)
        rc = set_match(m, &m->sets.data[i]);
    return rc;
}

int items_match(struct analysis *a, struct bouts *b, uint32_t loop)
{
    struct matcher m = {.a = a, .b = b, .loop = loop};
    int rc;

    m.done = b->first_done[loop];
    m.dones = b->first_done[loop + 1];
    rc = resumes_collect(&m);
    m.in_order = a->procs.data[a->tl->threads.data[loop].process].submits;
    /* Python's threads wake each other for the interpreter's lock at any time. */
    bool python = process_has(a, a->tl->threads.data[loop].process, RUNTIME_PYTHON);
    if (rc == 0 && !python && (m.in_order || answers_each(&m)))
        rc = slices(&m);
    if (rc == 0 && !m.in_order)
        rc = sets_match(&m);
    vec_release(&m.left_items);
    vec_release(&m.left_resumes);
    vec_release(&m.sets);
    vec_release(&m.resumes);
    return rc;
}
