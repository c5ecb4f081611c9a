/*
 * handoffs: what worker threads did for whom, as far as wake-ups and answers tell.
 *
 * A worker that is done wakes its loop, and the loop then turns to the request that the work was
 * for (match.c). Where just one request is open in the whole
 * process, the workers and the loop work for nobody else. Everything else that workers do is a
 * doubt: it may have been for any request that was open then (see gaps.c).
 */
#include "analysis/internal.h"

/* While a pool is full each of its workers parks for so long at times, until its loop has given it
 * the next piece of work. */
#define FLICKER_NS 3000000u

struct span {
    uint64_t start, end;
    uint32_t what;
};

struct handoffs {
    struct analysis *a;
    struct bouts b;
    VEC(struct span) full;  /* of one process: when none of its workers was parked */
    VEC(struct span) solo;  /* of one process: when just one request was open; which */
    VEC(struct span) taken; /* of one thread: when it had a request */
    uint32_t cursor_request, cursor_plus1; /* see told_from() */
    uint64_t unmatched; /* the latest resume of the loop that no item was found for */
};

static uint64_t least(uint64_t x, uint64_t y)
{
    return x < y ? x : y;
}

static uint64_t most(uint64_t x, uint64_t y)
{
    return x > y ? x : y;
}

static int by_start(const void *x, const void *y)
{
    const struct span *p = x, *q = y;
    if (p->start != q->start)
        return p->start < q->start ? -1 : 1;
    return p->end < q->end ? -1 : p->end > q->end;
}

int item_add(struct analysis *a, const struct item *item)
{
    struct draft *d = &a->drafts.data[item->request];
    struct tenure n = {
        .request = item->request,
        .thread = item->thread,
        .start = item->start,
        .first_touch = item->end,
        .last_touch = item->end,
        .end = item->end,
        .wait_off = NEVER,
        .ready = item->queued_from,
        .busy_from = item->queued_to,
        .cause = CAUSE_HANDOFF,
        .gap_inferred = true,
    };
    if (a->tenures.len >= NONE - 1 || vec_push(&a->tenures, n) < 0)
        return -ENOMEM;
    uint32_t plus1 = (uint32_t)a->tenures.len;
    if (d->last_tenure_plus1)
        a->tenures.data[d->last_tenure_plus1 - 1].next_plus1 = plus1;
    else
        d->first_tenure_plus1 = plus1;
    d->last_tenure_plus1 = plus1;
    return 0;
}

/* ---- when all workers of a process are busy, and when one request is alone */

struct edge {
    uint64_t time;
    int step;
    uint32_t what;
};

static int by_edge(const void *x, const void *y)
{
    const struct edge *p = x, *q = y;
    if (p->time != q->time)
        return p->time < q->time ? -1 : 1;
    return p->step - q->step;
}

struct edges {
    VEC(struct edge) all;
};

static int edge_pair(struct edges *e, uint64_t from, uint64_t to, uint32_t what)
{
    if (from >= to)
        return 0;
    int rc = vec_push(&e->all, ((struct edge){from, 1, what}));
    return rc < 0 ? rc : vec_push(&e->all, ((struct edge){to, -1, what}));
}

static long busy_most(const struct edge *edges, size_t count)
{
    long busy = 0, most_busy = 0;
    for (size_t i = 0; i < count; i++) {
        busy += edges[i].what ? edges[i].step : -edges[i].step;
        bool last = i + 1 == count || edges[i + 1].time > edges[i].time;
        if (last && busy > most_busy)
            most_busy = busy;
    }
    return most_busy;
}

/* When workers are alive and not one is parked; or, with `nearly`, when nearly as many are at work
 * as ever were, and so those of one pool among several perhaps all. */
static int full_build(struct handoffs *h, uint32_t process, bool nearly)
{
    const struct analysis *a = h->a;
    struct edges e = {VEC_INIT}; /* `what` 1: its life, 0: parked */
    long alive = 0, parked = 0;
    int rc = 0;

    h->full.len = 0;
    for (uint32_t i = 0; rc == 0 && i < a->lives.len; i++)
        if ((h->b.worker[i] || (nearly && h->b.helper[i])) &&
            a->tl->threads.data[i].process == process)
            rc = edge_pair(&e, a->tl->threads.data[i].start_ns, a->tl->threads.data[i].end_ns, 1);
    for (size_t i = 0; rc == 0 && i < h->b.parks.len; i++)
        if ((nearly || h->b.worker[h->b.parks.data[i].worker]) &&
            a->tl->threads.data[h->b.parks.data[i].worker].process == process)
            rc = edge_pair(&e, h->b.parks.data[i].start, h->b.parks.data[i].end, 0);
    if (e.all.len)
        qsort(e.all.data, e.all.len, sizeof(*e.all.data), by_edge);
    long most_busy = nearly ? busy_most(e.all.data, e.all.len) : 0;
    for (size_t i = 0; rc == 0 && i < e.all.len; i++) {
        const struct edge *x = &e.all.data[i];
        alive += x->what ? x->step : 0;
        parked += x->what ? 0 : x->step;
        uint64_t next = i + 1 < e.all.len ? e.all.data[i + 1].time : x->time;
        long busy = alive - parked;
        bool full = nearly ? busy > 1 && busy * 10 >= most_busy * 9 : busy > 0 && parked <= 0;
        if (!full || next <= x->time)
            continue;
        if (h->full.len && vec_last(&h->full)->end + (nearly ? FLICKER_NS : 0) >= x->time)
            vec_last(&h->full)->end = next;
        else
            rc = vec_push(&h->full, ((struct span){x->time, next, 0}));
    }
    vec_release(&e.all);
    return rc;
}

static uint32_t draft_process(const struct analysis *a, const struct draft *d)
{
    return d->first_thread == NONE ? NONE : a->tl->threads.data[d->first_thread].process;
}

/* When just one request of the process is open. Sums of the open ones tell which. */
static int solo_build(struct handoffs *h, uint32_t process)
{
    const struct analysis *a = h->a;
    struct edges e = {VEC_INIT};
    uint64_t sum = 0;
    long open = 0;
    int rc = 0;

    h->solo.len = 0;
    for (uint32_t i = 0; rc == 0 && i < a->drafts.len; i++)
        if (draft_process(a, &a->drafts.data[i]) == process)
            rc = edge_pair(&e, a->drafts.data[i].start, a->drafts.data[i].end, i);
    if (e.all.len)
        qsort(e.all.data, e.all.len, sizeof(*e.all.data), by_edge);
    for (size_t i = 0; rc == 0 && i < e.all.len; i++) {
        const struct edge *x = &e.all.data[i];
        open += x->step;
        sum += (uint64_t)((int64_t)x->step * x->what);
        uint64_t next = i + 1 < e.all.len ? e.all.data[i + 1].time : x->time;
        if (open == 1 && next > x->time)
            rc = vec_push(&h->solo, ((struct span){x->time, next, (uint32_t)sum}));
    }
    vec_release(&e.all);
    return rc;
}

/* ---- what is left */

/* When the thread has a request, by its tenures so far. */
static int taken_build(struct handoffs *h, const struct by_thread *tenures, uint32_t thread)
{
    const struct analysis *a = h->a;
    size_t n = 0;

    h->taken.len = 0;
    for (uint32_t i = tenures->from[thread]; i < tenures->from[thread + 1]; i++) {
        const struct tenure *x = &a->tenures.data[tenures->index[i]];
        uint64_t start = x->start < x->first_touch ? x->start : x->first_touch;
        if (start < x->end && vec_push(&h->taken, ((struct span){start, x->end, 0})) < 0)
            return -ENOMEM;
    }
    if (h->taken.len)
        qsort(h->taken.data, h->taken.len, sizeof(*h->taken.data), by_start);
    for (size_t i = 0; i < h->taken.len; i++) { /* apart */
        struct span *s = &h->taken.data[i];
        if (n && s->start <= h->taken.data[n - 1].end)
            h->taken.data[n - 1].end = most(h->taken.data[n - 1].end, s->end);
        else
            h->taken.data[n++] = *s;
    }
    h->taken.len = n;
    return 0;
}

/* From where on the request's next touch by the loop tells what came before it, as it does when
 * bytes were ready for it; NEVER: it does not. Asked for in the order of time. */
static uint64_t told_from(struct handoffs *h, uint32_t request, uint32_t loop, uint64_t at)
{
    const struct analysis *a = h->a;
    if (h->cursor_request != request) {
        h->cursor_request = request;
        h->cursor_plus1 = a->drafts.data[request].first_tenure_plus1;
    }
    for (; h->cursor_plus1; h->cursor_plus1 = a->tenures.data[h->cursor_plus1 - 1].next_plus1) {
        const struct tenure *x = &a->tenures.data[h->cursor_plus1 - 1];
        if (x->thread != loop || x->cause == CAUSE_HANDOFF || x->first_touch < at)
            continue;
        if (x->cause == CAUSE_NONE || x->cause == CAUSE_AMBIGUOUS)
            return NEVER;
        return x->matched ? x->ready : 0;
    }
    return NEVER;
}

/* Nobody works for what nobody has read. */
static uint64_t read_at(const struct analysis *a, const struct span *solo)
{
    uint32_t plus1 = a->drafts.data[solo->what].first_tenure_plus1;
    uint64_t read = plus1 ? a->tenures.data[plus1 - 1].start : 0;
    return least(most(solo->start, read), solo->end);
}

/* [from, to) of the thread is for nobody known: the parts of it in which a request is alone are
 * that one's, the rest is a doubt, where it is a worker's. */
static int free_stretch(struct handoffs *h, struct span s, bool worker, uint64_t begun,
                        size_t *solo)
{
    struct analysis *a = h->a;
    int rc = 0;

    while (*solo < h->solo.len && h->solo.data[*solo].end <= s.start)
        (*solo)++;
    for (size_t i = *solo; rc == 0 && s.start < s.end; i++) {
        bool any = i < h->solo.len && h->solo.data[i].start < s.end;
        if (any && worker && begun < read_at(a, &h->solo.data[i]))
            continue; /* it may go back to one that was open then */
        uint64_t from = any ? most(s.start, read_at(a, &h->solo.data[i])) : s.end;
        uint64_t to = any ? least(s.end, h->solo.data[i].end) : s.end;
        if (worker && s.start < from)
            rc = vec_push(&a->doubts, ((struct doubt){s.start, from}));
        uint64_t stop =
            worker || from >= to ? to : least(to, told_from(h, h->solo.data[i].what, s.what, from));
        if (rc == 0 && from < stop)
            rc =
                item_add(a, &(struct item){h->solo.data[i].what, s.what, from, stop, NEVER, NEVER});
        s.start = to;
    }
    return rc;
}

/* The thread is at work, or waits inside its work, in [from, to). */
static int active_stretch(struct handoffs *h, struct span s, bool worker, uint64_t own,
                          size_t *taken, size_t *solo)
{
    uint64_t begun = own ? 0 : s.start; /* for work of its own: no request may claim it */
    int rc = 0;
    while (*taken < h->taken.len && h->taken.data[*taken].end <= s.start)
        (*taken)++;
    for (size_t i = *taken; rc == 0 && s.start < s.end; i++) {
        bool any = i < h->taken.len && h->taken.data[i].start < s.end;
        uint64_t free_to = any ? h->taken.data[i].start : s.end;
        if (s.start < free_to)
            rc = free_stretch(h, (struct span){s.start, free_to, s.what}, worker, begun, solo);
        s.start = any ? most(s.start, h->taken.data[i].end) : s.end;
    }
    return rc;
}

static int rest_of_loop(struct handoffs *h, const struct by_thread *tenures, uint32_t thread)
{
    const struct thread *t = &h->a->tl->threads.data[thread];
    size_t taken = 0, solo = 0;
    int rc = taken_build(h, tenures, thread);

    h->cursor_request = NONE;
    for (size_t i = 0; rc == 0 && i < t->intervals.len; i++) {
        const struct interval *iv = &t->intervals.data[i];
        if (iv->state == STATE_YIELDED || iv->state == STATE_UNKNOWN)
            continue;
        struct span s = {iv->start_ns, interval_end(t, i), thread};
        rc = active_stretch(h, s, false, 0, &taken, &solo);
    }
    return rc;
}

static int rest_of_worker(struct handoffs *h, const struct by_thread *tenures, uint32_t thread,
                          size_t *park)
{
    const struct thread *t = &h->a->tl->threads.data[thread];
    size_t taken = 0, solo = 0;
    uint64_t at = t->start_ns;
    bool woken = false;
    int rc = taken_build(h, tenures, thread);

    while (*park < h->b.parks.len && h->b.parks.data[*park].worker < thread)
        (*park)++;
    for (; rc == 0 && at < t->end_ns; (*park)++) {
        bool any = *park < h->b.parks.len && h->b.parks.data[*park].worker == thread;
        struct span s = {at, any ? h->b.parks.data[*park].start : t->end_ns, thread};
        rc = active_stretch(h, s, true, woken ? 0 : NEVER, &taken, &solo);
        /* By another thread, and not by a timer, say, for work of its own. */
        woken = any && h->b.parks.data[*park].waker != NONE;
        at = any ? h->b.parks.data[*park].end : t->end_ns;
        if (!any)
            break;
    }
    return rc;
}

static int by_doubt(const void *x, const void *y)
{
    const struct doubt *p = x, *q = y;
    if (p->start != q->start)
        return p->start < q->start ? -1 : 1;
    return p->end < q->end ? -1 : p->end > q->end;
}

/* Sorts the doubts behind `first` and lays together what overlaps. */
static void doubts_join(struct analysis *a, size_t first)
{
    size_t n = first;

    if (a->doubts.len > n)
        qsort(a->doubts.data + n, a->doubts.len - n, sizeof(*a->doubts.data), by_doubt);
    for (size_t i = n; i < a->doubts.len; i++) {
        const struct doubt *d = &a->doubts.data[i];
        if (n > first && d->start <= a->doubts.data[n - 1].end)
            a->doubts.data[n - 1].end = most(a->doubts.data[n - 1].end, d->end);
        else
            a->doubts.data[n++] = *d;
    }
    a->doubts.len = n;
}

/* Where a runtime tells of each hand-off there is nothing to doubt. */
static void doubts_finish(struct handoffs *h, uint32_t process)
{
    struct analysis *a = h->a;
    struct proc *p = &a->procs.data[process];

    if (p->hands_over)
        a->doubts.len = p->first_doubt;
    doubts_join(a, p->first_doubt);
    p->doubts = (uint32_t)(a->doubts.len - p->first_doubt);
}

static int full_keep(struct handoffs *h, uint32_t process)
{
    struct analysis *a = h->a;
    struct proc *p = &a->procs.data[process];

    p->first_full = (uint32_t)a->doubts.len;
    for (size_t i = 0; i < h->full.len && !p->hands_over; i++)
        if (vec_push(&a->doubts, ((struct doubt){h->full.data[i].start, h->full.data[i].end})) < 0)
            return -ENOMEM;
    p->fulls = (uint32_t)(a->doubts.len - p->first_full);
    return 0;
}

static int process_build(struct handoffs *h, uint32_t process)
{
    struct analysis *a = h->a;
    struct by_thread tenures = {NULL, NULL};
    uint32_t loop = h->b.loops[process];
    size_t park = 0;

    if (loop == NONE)
        return 0;
    int rc = full_build(h, process, false);
    if (rc == 0)
        rc = solo_build(h, process);
    if (rc == 0)
        rc = full_keep(h, process);
    if (rc == 0)
        rc = items_match(a, &h->b, loop);
    a->procs.data[process].first_doubt = (uint32_t)a->doubts.len;
    if (rc == 0)
        rc = tenures_by_thread(a, &tenures);
    /* A loop that tells whom it works for works for nobody else. The JVM's tell nothing. */
    if (rc == 0 && (!a->lives.data[loop].known || process_has(a, process, RUNTIME_JVM)))
        rc = rest_of_loop(h, &tenures, loop);
    for (uint32_t i = 0; rc == 0 && i < a->lives.len; i++)
        if ((h->b.worker[i] || h->b.helper[i]) && a->tl->threads.data[i].process == process)
            rc = rest_of_worker(h, &tenures, i, &park);
    by_thread_release(&tenures);
    if (rc == 0)
        rc = full_build(h, process, true);
    for (size_t i = 0; rc == 0 && i < h->full.len; i++)
        rc = vec_push(&a->doubts, ((struct doubt){h->full.data[i].start, h->full.data[i].end}));
    doubts_finish(h, process);
    return rc;
}

int handoffs_build(struct analysis *a)
{
    struct handoffs h = {.a = a};
    int rc = bouts_build(a, &h.b);

    if (rc == 0)
        rc = chains_follow(a, &h.b);
    for (uint32_t i = 0; rc == 0 && i < a->tl->processes.len; i++)
        rc = process_build(&h, i);
    bouts_release(&h.b);
    vec_release(&h.full);
    vec_release(&h.solo);
    vec_release(&h.taken);
    return rc;
}

static bool within(const struct doubt *d, size_t count, uint64_t from, uint64_t to,
                   struct doubt *found)
{
    size_t low = 0, high = count, begin;

    while (low < high) { /* the first that ends behind `from` */
        size_t mid = low + (high - low) / 2;
        if (d[mid].end <= from)
            low = mid + 1;
        else
            high = mid;
    }
    begin = low;
    if (begin >= count || d[begin].start >= to)
        return false;
    for (high = count; low < high;) { /* the first that starts at `to` or behind */
        size_t mid = low + (high - low) / 2;
        if (d[mid].start < to)
            low = mid + 1;
        else
            high = mid;
    }
    found->start = most(d[begin].start, from);
    found->end = least(d[low - 1].end, to);
    return true;
}

bool doubts_within(const struct analysis *a, uint32_t thread, uint64_t from, uint64_t to,
                   struct doubt *found)
{
    const struct proc *p = &a->procs.data[a->tl->threads.data[thread].process];
    struct doubt full = {NEVER, 0};
    bool free = within(a->doubts.data + p->first_doubt, p->doubts, from, to, found);
    bool busy = within(a->doubts.data + p->first_full, p->fulls, from, to, &full);

    if (!free)
        *found = full;
    if (free && busy)
        *found = (struct doubt){least(found->start, full.start), most(found->end, full.end)};
    return free || busy;
}

static bool first(const struct doubt *d, size_t count, uint64_t from, uint64_t to,
                  struct doubt *found)
{
    size_t low = 0, high = count;

    while (low < high) { /* the first that ends behind `from` */
        size_t mid = low + (high - low) / 2;
        if (d[mid].end <= from)
            low = mid + 1;
        else
            high = mid;
    }
    if (low >= count || d[low].start >= to)
        return false;
    *found = (struct doubt){most(d[low].start, from), least(d[low].end, to)};
    return true;
}

bool doubt_next(const struct analysis *a, uint32_t thread, uint64_t from, uint64_t to,
                struct doubt *found)
{
    const struct proc *p = &a->procs.data[a->tl->threads.data[thread].process];
    struct doubt full = {NEVER, 0};
    bool free = first(a->doubts.data + p->first_doubt, p->doubts, from, to, found);
    bool busy = first(a->doubts.data + p->first_full, p->fulls, from, to, &full);

    if (busy && (!free || full.start < found->start))
        *found = full;
    return free || busy;
}

uint64_t full_since(const struct analysis *a, uint32_t thread, uint64_t at)
{
    const struct proc *p = &a->procs.data[a->tl->threads.data[thread].process];
    const struct doubt *d = a->doubts.data + p->first_full;
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
