/*
 * rest: whose the work is of which nothing tells whose it is. Where just one request is open in the
 * whole process, its workers and its loop work for nobody else. Everything else that workers do is
 * a doubt (doubts.c).
 */
#include "analysis/internal.h"
#include "base/sort.h"

struct span {
    uint64_t start, end;
    uint32_t what;
};

struct rest {
    struct analysis *a;
    const struct bouts *b;
    VEC(struct span) solo; /* of one process: when just one was open; which */
    VEC(struct span)
    taken;                                 /* of one thread: when it had a request; `what`: a
                                              runtime said when it began */
    uint32_t cursor_request, cursor_plus1; /* see told_from() */
    bool told;                             /* each hand-over of the loop's is a record */
    uint64_t until;                        /* from then on those to the thread are, anyhow */
};

static int by_start(const void *x, const void *y)
{
    const struct span *p = x, *q = y;
    if (p->start != q->start)
        return p->start < q->start ? -1 : 1;
    return p->end < q->end ? -1 : p->end > q->end;
}

/* ---- when one request is alone */

struct order {
    uint64_t start;
    uint32_t draft;
};

static int by_order(const void *x, const void *y)
{
    const struct order *p = x, *q = y;
    return p->start < q->start ? -1 : p->start > q->start;
}

/* The ends of those that are open, the first one first: a binary heap. */
struct ends {
    VEC(struct span) all; /* `what`: whose */
};

static int ends_push(struct ends *h, struct span s)
{
    size_t i = h->all.len, up;
    if (vec_push(&h->all, s) < 0)
        return -ENOMEM;
    for (; i && h->all.data[up = (i - 1) / 2].end > s.end; i = up)
        h->all.data[i] = h->all.data[up];
    h->all.data[i] = s;
    return 0;
}

static struct span ends_pop(struct ends *h)
{
    struct span first = h->all.data[0], last = h->all.data[--h->all.len];
    size_t i = 0, down;
    for (; (down = 2 * i + 1) < h->all.len; i = down) {
        down += down + 1 < h->all.len && h->all.data[down + 1].end < h->all.data[down].end;
        if (h->all.data[down].end >= last.end)
            break;
        h->all.data[i] = h->all.data[down];
    }
    h->all.data[i] = last;
    return first;
}

struct starts {
    VEC(struct order) all;
};

/* From `*at` to `to` those in the heap are open. */
static int solo_until(struct rest *h, const struct ends *open, uint64_t *at, uint64_t to)
{
    int rc = 0;
    if (open->all.len == 1 && to > *at)
        rc = vec_push(&h->solo, ((struct span){*at, to, open->all.data[0].what}));
    *at = to;
    return rc;
}

/* When just one request of the process is open, between two moments at which one begins or ends. */
static int solo_walk(struct rest *h, const struct starts *starts)
{
    const struct analysis *a = h->a;
    struct ends open = {VEC_INIT};
    uint64_t at = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && (i < starts->all.len || open.all.len);) {
        const struct order *next = i < starts->all.len ? &starts->all.data[i] : NULL;
        if (open.all.len && (!next || open.all.data[0].end <= next->start)) {
            rc = solo_until(h, &open, &at, open.all.data[0].end);
            ends_pop(&open);
            continue;
        }
        rc = solo_until(h, &open, &at, next->start);
        uint64_t end = a->drafts.data[next->draft].end;
        if (rc == 0)
            rc = ends_push(&open, (struct span){next->start, end, next->draft});
        i++;
    }
    vec_release(&open.all);
    return rc;
}

static int solo_build(struct rest *h, uint32_t process)
{
    const struct analysis *a = h->a;
    struct starts starts = {VEC_INIT};
    int rc = 0;

    h->solo.len = 0;
    for (uint32_t i = h->b->drafts.from[process]; rc == 0 && i < h->b->drafts.from[process + 1];
         i++) {
        uint32_t draft = h->b->drafts.index[i];
        const struct draft *d = &a->drafts.data[draft];
        if (d->start < d->end)
            rc = vec_push(&starts.all, ((struct order){d->start, draft}));
    }
    if (starts.all.len)
        sort_near(starts.all.data, starts.all.len, sizeof(*starts.all.data), by_order);
    if (rc == 0)
        rc = solo_walk(h, &starts);
    vec_release(&starts.all);
    return rc;
}

/* ---- what is left */

/* When the thread has a request, by its tenures so far. */
static int taken_build(struct rest *h, uint32_t thread)
{
    const struct analysis *a = h->a;
    const struct by_thread *tenures = &h->b->tenures;
    size_t n = 0;

    h->taken.len = 0;
    for (uint32_t i = tenures->from[thread]; i < tenures->from[thread + 1]; i++) {
        const struct tenure *x = &a->tenures.data[tenures->index[i]];
        uint64_t start = x->start < x->first_touch ? x->start : x->first_touch;
        uint64_t end = tenure_reach(&a->drafts.data[x->request], x);
        bool told = x->cause == CAUSE_HANDOFF && x->ready != NEVER && !x->gap_inferred;
        if (start < end && vec_push(&h->taken, ((struct span){start, end, told})) < 0)
            return -ENOMEM;
    }
    if (h->taken.len)
        sort_runs(h->taken.data, h->taken.len, sizeof(*h->taken.data), by_start);
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
static uint64_t told_from(struct rest *h, uint32_t request, uint32_t loop, uint64_t at)
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

/* The first solo that ends behind `at`. */
static size_t solo_behind(const struct rest *h, uint64_t at)
{
    size_t low = 0, high = h->solo.len;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (h->solo.data[mid].end <= at)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* What the thread did in `s` is perhaps for any request: what it waits for in its work for any that
 * is open, what it does on CPU for those that were called meanwhile. */
static int doubt_work(struct rest *h, struct span s)
{
    struct analysis *a = h->a;
    const struct thread *t = &a->tl->threads.data[s.what];
    int rc = 0;

    for (size_t i = interval_of(t, s.start); rc == 0 && s.start < s.end; i++) {
        uint64_t end = i < t->intervals.len ? least(interval_end(t, i), s.end) : s.end;
        bool waits = i < t->intervals.len && state_is_wait(t->intervals.data[i].state);
        struct doubt d = {s.start, end};
        if (s.start < end)
            rc = waits ? vec_push(&a->doubts, d) : doubt_add(a, t->process, d);
        s.start = most(s.start, end);
    }
    return rc;
}

/*
 * `s` of the thread is for nobody known: the parts of it in which a request is alone are that
 * one's, the rest is a doubt, where it is a worker's. What a worker began (at `begun`) before that
 * request was read may go back to one that was open then; so may all behind it.
 */
static int free_stretch(struct rest *h, struct span s, bool worker, uint64_t begun)
{
    struct analysis *a = h->a;
    int rc = 0;

    for (size_t i = solo_behind(h, s.start); rc == 0 && s.start < s.end; i++) {
        bool any = i < h->solo.len && h->solo.data[i].start < s.end &&
                   !(worker && (h->told || begun < read_at(a, &h->solo.data[i])));
        uint64_t from = any ? most(s.start, read_at(a, &h->solo.data[i])) : s.end;
        uint64_t to = any ? least(s.end, h->solo.data[i].end) : s.end;
        if (worker && s.start < from)
            rc = doubt_work(h, (struct span){s.start, from, s.what});
        uint64_t stop =
            worker || from >= to ? to : least(to, told_from(h, h->solo.data[i].what, s.what, from));
        if (rc == 0 && from < stop)
            rc =
                item_add(a, &(struct item){h->solo.data[i].what, s.what, from, stop, NEVER, NEVER});
        s.start = to;
    }
    return rc;
}

/* The thread is at work, or waits inside its work, in `s`. Asked for in the order of time;
 * `*taken`: how far `taken` is looked at. `own`: for work of its own, so that no request may claim
 * it. */
static int active_stretch(struct rest *h, struct span s, bool worker, bool own, size_t *taken)
{
    uint64_t begun = own ? 0 : s.start;
    int rc = 0;

    s.end = least(s.end, h->until);
    while (*taken < h->taken.len && h->taken.data[*taken].end <= s.start)
        (*taken)++;
    for (size_t i = *taken; rc == 0 && s.start < s.end; i++) {
        bool any = i < h->taken.len && h->taken.data[i].start < s.end;
        uint64_t free_to = any ? h->taken.data[i].start : s.end;
        /* Woken for what a runtime says it has begun: until then that stood in its queue. */
        bool fetches = any && worker && h->taken.data[i].what && s.start == begun &&
                       free_to <= s.start + DISPATCH_NS;
        if (s.start < free_to && !fetches)
            rc = free_stretch(h, (struct span){s.start, free_to, s.what}, worker, begun);
        s.start = any ? most(s.start, h->taken.data[i].end) : s.end;
    }
    return rc;
}

static int rest_of_loop(struct rest *h, uint32_t thread)
{
    const struct thread *t = &h->a->tl->threads.data[thread];
    size_t taken = 0;
    int rc = taken_build(h, thread);

    h->cursor_request = NONE;
    for (size_t i = 0; rc == 0 && i < t->intervals.len; i++) {
        const struct interval *iv = &t->intervals.data[i];
        if (iv->state == STATE_YIELDED || iv->state == STATE_UNKNOWN)
            continue;
        struct span s = {iv->start_ns, interval_end(t, i), thread};
        rc = active_stretch(h, s, false, false, &taken);
    }
    return rc;
}

static int rest_of_worker(struct rest *h, uint32_t thread)
{
    const struct thread *t = &h->a->tl->threads.data[thread];
    size_t taken = 0, last = h->b->first_park[thread + 1];
    uint64_t at = t->start_ns;
    bool beside = h->b->beside[thread];
    bool own = true, jvm = process_has(h->a, t->process, RUNTIME_JVM);
    int rc = taken_build(h, thread);

    for (size_t k = h->b->first_park[thread]; rc == 0 && k < last; k++) {
        const struct park *park = &h->b->parks.data[k];
        rc = active_stretch(h, (struct span){at, park->start, thread}, true, own, &taken);
        /* woken by a timer, say, and not by another thread; or by whom, is not known */
        own = park->waker == NONE || beside;
        /* The JVM sleeps as it parks: for whom, is told by nothing. */
        if (rc == 0 && park->waker == NONE && jvm && h->a->lives.data[thread].touches)
            rc = vec_push(&h->a->doubts, ((struct doubt){park->start, park->end}));
        at = park->end;
    }
    return rc < 0 ? rc : active_stretch(h, (struct span){at, t->end_ns, thread}, true, own, &taken);
}

/* Of the pieces that its runtime tells of, those for nobody known. */
static int strays_doubted(struct analysis *a, uint32_t thread)
{
    uint64_t end = a->tl->threads.data[thread].end_ns;
    int rc = 0;

    for (uint32_t i = a->lives.data[thread].last_stray_plus1; rc == 0 && i;) {
        const struct stray *s = &a->strays.data[i - 1];
        if (s->start < s->end && s->start < end)
            rc = vec_push(&a->doubts, ((struct doubt){s->start, least(s->end, end)}));
        i = s->before_plus1;
    }
    return rc;
}

int rest_share(struct analysis *a, const struct bouts *b, uint32_t process)
{
    struct rest h = {.a = a, .b = b, .until = NEVER, .told = a->procs.data[process].hands_over};
    /* The only request that is open may be that of a coroutine that is suspended. */
    bool told = a->procs.data[process].coroutines;
    int rc = told ? 0 : solo_build(&h, process);

    /* A loop may have timers and jobs of its own; the JVM's dispatchers have none. */
    if (rc == 0 && process_has(a, process, RUNTIME_JVM) && !told)
        rc = rest_of_loop(&h, b->loops[process]);
    for (uint32_t i = b->threads.from[process]; rc == 0 && i < b->threads.from[process + 1]; i++) {
        uint32_t thread = b->threads.index[i];
        h.until = h.told && a->lives.data[thread].begins ? 0 : work_told_since(a, thread);
        if ((b->worker[thread] || b->helper[thread] || b->beside[thread]) && h.until)
            rc = rest_of_worker(&h, thread);
        if (rc == 0)
            rc = strays_doubted(a, thread);
    }
    vec_release(&h.solo);
    vec_release(&h.taken);
    return rc;
}
