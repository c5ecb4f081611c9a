/*
 * bouts: what worker threads did from one park to the next, cut into items where a worker told its
 * loop that one was done. A worker is a thread without multiplexed waits that wakes a loop of its
 * process, or touches connections of requests itself.
 *
 *     loop     sleeps ─────────────┐         ┌─ sleeps ───────────┐
 *     worker   parked ─┤ item      ^ item              ├─ parked  ^
 *                      start     wakes                end       (another's)
 *
 * An item ends by a wake-up of the loop, by a byte on the loop's own socket pair, or at the latest
 * when the worker parks. The last is weak: the loop may have heard of it earlier.
 */
#include "analysis/internal.h"
#include "base/bulk.h"
#include "base/sort.h"

/* From a wake-up to the record of the send that caused it, and back. */
#define BELL_NS 100000u
/* A worker that parks again so soon behind it is on a CPU, without a wait, was woken in vain. */
#define IN_VAIN_NS 100000u

/* A thread that never waits for work is a worker if it wakes a loop so often. */
#define BELLS_MIN 8

struct walk {
    struct analysis *a;
    struct bouts *b;
    struct table bell_sockets; /* object → loop */
};

static uint32_t thread_at(const struct analysis *a, uint32_t tid, uint64_t at)
{
    uint64_t i;
    if (!tid || !table_get(&a->tids, tid, &i))
        return NONE;
    const struct thread *t = &a->tl->threads.data[i];
    return t->start_ns <= at && at <= t->end_ns ? (uint32_t)i : NONE;
}

static int bell_order(const void *x, const void *y)
{
    const struct bell *p = x, *q = y;
    if (p->worker != q->worker)
        return p->worker < q->worker ? -1 : 1;
    return p->time < q->time ? -1 : p->time > q->time;
}

static void bells_sort(struct bouts *b)
{
    if (b->bells.len)
        sort_runs(b->bells.data, b->bells.len, sizeof(*b->bells.data), bell_order);
}

/* The first bell of `worker` at `time` or later. */
static size_t bell_find(const struct bouts *b, size_t count, uint32_t worker, uint64_t time)
{
    const struct bell want = {.time = time, .worker = worker};
    size_t low = 0, high = count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (bell_order(&b->bells.data[mid], &want) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

uint64_t woke_at(const struct analysis *a, uint32_t waker, uint64_t at)
{
    const struct thread *t = &a->tl->threads.data[waker];
    size_t i = t->intervals.len ? interval_of(t, at) : 0;

    if (!t->intervals.len || t->intervals.data[i].state == STATE_RUNNING ||
        t->intervals.data[i].state == STATE_UNKNOWN)
        return at;
    uint64_t start = t->intervals.data[i].start_ns, end = interval_end(t, i);
    if (start <= at && at - start <= MOMENT_NS && at - start <= end - at)
        return start;
    return at < end && end - at <= MOMENT_NS ? end : least(start, at);
}

uint64_t called_at(const struct analysis *a, uint32_t thread, uint64_t at)
{
    const struct thread *t = &a->tl->threads.data[thread];
    size_t i = t->intervals.len && at ? interval_of(t, at - 1) : t->intervals.len;

    if (i >= t->intervals.len || interval_end(t, i) != at ||
        !state_is_wait(t->intervals.data[i].state))
        return at;
    uint32_t waker = wait_waker(a, t, &t->intervals.data[i], at);
    return waker == NONE ? at : least(at, woke_at(a, waker, at));
}

/* Wake-ups of loops by threads of the same process. */
static int bells_wakes(struct walk *w)
{
    const struct analysis *a = w->a;
    for (uint32_t i = 0; i < a->lives.len; i++) {
        const struct life *l = &a->lives.data[i];
        const struct thread *t = &a->tl->threads.data[i];
        if (!l->yields || !l->touches)
            continue;
        for (uint32_t k = 0; k < l->yields; k++) {
            size_t index = a->yields.data[l->first_yield + k];
            const struct interval *iv = &t->intervals.data[index];
            uint64_t at = interval_end(t, index);
            uint32_t worker = iv->flags & INTERVAL_WAKER_IRQ ? NONE : thread_at(a, iv->waker, at);
            if (worker == NONE || worker == i || a->tl->threads.data[worker].process != t->process)
                continue;
            if (vec_push(&w->b->bells, ((struct bell){woke_at(a, worker, at), worker, i})) < 0)
                return -ENOMEM;
        }
    }
    bells_sort(w->b);
    return 0;
}

static const struct bell *bell_near(const struct bouts *b, size_t count, const struct signal *s)
{
    uint64_t from = s->time > BELL_NS ? s->time - BELL_NS : 0;
    size_t i = bell_find(b, count, s->thread, from);
    bool near = i < count && b->bells.data[i].worker == s->thread &&
                b->bells.data[i].time <= s->time + BELL_NS;
    return near ? &b->bells.data[i] : NULL;
}

/* Sends on a socket that is seen to wake a loop: they reach it also while it is awake. */
static int bells_sockets(struct walk *w)
{
    const struct analysis *a = w->a;
    struct bouts *b = w->b;
    size_t wakes = b->bells.len;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < a->signals.len; i++) {
        const struct bell *bell = bell_near(b, wakes, &a->signals.data[i]);
        if (bell)
            rc = table_put(&w->bell_sockets, a->signals.data[i].obj, bell->loop);
    }
    for (size_t i = 0; rc == 0 && i < a->signals.len; i++) {
        const struct signal *s = &a->signals.data[i];
        uint64_t loop;
        if (!table_get(&w->bell_sockets, s->obj, &loop) || loop == s->thread ||
            a->tl->threads.data[loop].process != a->tl->threads.data[s->thread].process ||
            bell_near(b, wakes, s))
            continue;
        rc = vec_push(&b->bells, ((struct bell){s->time, s->thread, (uint32_t)loop}));
    }
    bells_sort(b);
    return rc;
}

struct bout {
    uint64_t start;        /* of the item; NEVER: not known */
    uint64_t last_end;     /* of the item before; NEVER: none in this bout */
    uint64_t on;           /* since it was woken: the CPU it has had from here on; NEVER */
    uint64_t awake;        /* the end of its last wait */
    uint64_t first;        /* the begin of the item's first wait but for locks; NEVER: none */
    uint32_t loop;         /* that heard last */
    bool waited;           /* since then: another item, surely */
    uint32_t object_plus1; /* that it waited for last */
};

static int item_done(struct walk *w, uint32_t worker, struct bout *x, uint64_t at, bool weak)
{
    int rc = 0;
    if (x->start != NEVER && at > x->start && x->loop != NONE && w->b->worker[worker])
        rc = vec_push(&w->b->dones, ((struct done){.start = x->start,
                                                   .end = at,
                                                   .first = x->first < at ? x->first : at,
                                                   .least = weak ? x->awake : at,
                                                   .worker = worker,
                                                   .loop = x->loop,
                                                   .weak = weak}));
    x->start = x->last_end = at;
    x->first = NEVER;
    x->waited = false;
    return rc;
}

/* Woken, and there was nothing to do. */
static bool in_vain(const struct bout *x, uint64_t at)
{
    return x->first == NEVER && at < most(x->start, x->on == NEVER ? 0 : x->on) + IN_VAIN_NS;
}

static int bout_end(struct walk *w, uint32_t worker, struct bout *x, uint64_t at)
{
    int rc = 0;
    if (x->start != NEVER && in_vain(x, at) && x->last_end == NEVER)
        rc = vec_push(&w->b->vain,
                      ((struct vain){w->a->tl->threads.data[worker].process, {x->start, at}}));
    else if (x->start != NEVER && !in_vain(x, at) && (x->last_end == NEVER || x->waited))
        rc = item_done(w, worker, x, at, true);
    x->start = x->last_end = x->first = x->on = NEVER;
    x->waited = false;
    return rc;
}

uint32_t wait_waker(const struct analysis *a, const struct thread *t, const struct interval *iv,
                    uint64_t end)
{
    uint32_t waker = iv->flags & INTERVAL_WAKER_IRQ ? NONE : thread_at(a, iv->waker, end);
    bool own = waker != NONE && a->tl->threads.data[waker].process == t->process;
    return own ? waker : NONE;
}

static const struct touch *touch_of(const struct walk *w, uint32_t i)
{
    return &w->a->touches.data[w->b->touches.index[i]];
}

/* A task of nginx's thread pools reads from one file, or writes to one. */
static bool is_next(const struct analysis *a, const struct thread *t, const struct bout *x,
                    const struct interval *iv)
{
    return a->procs.data[t->process].submits && iv->state == STATE_BLOCKED && x->first != NEVER &&
           interval_wait(a->tl, iv)->object_plus1 != x->object_plus1;
}

static int worker_walk(struct walk *w, uint32_t worker)
{
    const struct analysis *a = w->a;
    const struct thread *t = &a->tl->threads.data[worker];
    size_t bell = bell_find(w->b, w->b->bells.len, worker, 0);
    uint32_t touch = w->b->touches.from[worker], touches = w->b->touches.from[worker + 1];
    struct bout x = {.start = NEVER,
                     .last_end = NEVER,
                     .on = NEVER,
                     .first = NEVER,
                     .loop = w->b->loops[t->process]};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < t->intervals.len; i++) {
        const struct interval *iv = &t->intervals.data[i];
        uint64_t end = interval_end(t, i);
        bool park = wait_is_park(a, worker, iv);

        for (; rc == 0 && bell < w->b->bells.len && w->b->bells.data[bell].worker == worker &&
               w->b->bells.data[bell].time < end;
             bell++) {
            x.loop = w->b->bells.data[bell].loop;
            rc = item_done(w, worker, &x, w->b->bells.data[bell].time, false);
        }
        for (; touch < touches && touch_of(w, touch)->time < end; touch++)
            if (x.start != NEVER && touch_of(w, touch)->request_plus1) {
                x.start = x.last_end = touch_of(w, touch)->time;
                x.first = NEVER;
                x.waited = false;
            }
        if (rc == 0 && (park || iv->state == STATE_UNKNOWN)) {
            rc = bout_end(w, worker, &x, iv->start_ns);
            if (park && rc == 0) {
                rc = vec_push(&w->b->parks, ((struct park){iv->start_ns, end, worker,
                                                           wait_waker(a, t, iv, end), false}));
                x.start = end;
            }
        } else if (state_is_wait(iv->state)) {
            if (rc == 0 && is_next(a, t, &x, iv))
                rc = item_done(w, worker, &x, iv->start_ns, true);
            x.object_plus1 = interval_wait(a->tl, iv)->object_plus1;
            x.waited = true;
            if (iv->state != STATE_LOCK && x.first == NEVER)
                x.first = iv->start_ns;
        }
        if (iv->state != STATE_RUNNING)
            x.awake = end;
        else if (x.on == NEVER)
            x.on = iv->start_ns;
    }
    return rc;
}

static int done_order(const void *x, const void *y)
{
    const struct done *p = x, *q = y;
    if (p->loop != q->loop)
        return p->loop < q->loop ? -1 : 1;
    if (p->end != q->end)
        return p->end < q->end ? -1 : 1;
    return p->worker < q->worker ? -1 : p->worker > q->worker;
}

static int vain_order(const void *x, const void *y)
{
    const struct vain *p = x, *q = y;
    if (p->process != q->process)
        return p->process < q->process ? -1 : 1;
    return p->span.start < q->span.start ? -1 : p->span.start > q->span.start;
}

/* Sorted, and apart. */
static void vain_join(struct bouts *b)
{
    size_t n = 0;

    sort_runs(b->vain.data, b->vain.len, sizeof(*b->vain.data), vain_order);
    for (size_t i = 0; i < b->vain.len; i++) {
        const struct vain *x = &b->vain.data[i];
        struct vain *last = n ? &b->vain.data[n - 1] : NULL;
        if (last && last->process == x->process && x->span.start <= last->span.end)
            last->span.end = most(last->span.end, x->span.end);
        else
            b->vain.data[n++] = *x;
    }
    b->vain.len = n;
}

bool called_in_vain(const struct bouts *b, uint32_t process, uint64_t from, uint64_t to)
{
    const struct vain want = {process, {to, to}};
    size_t low = 0, high = b->vain.len; /* how many begin before `to` */

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (vain_order(&b->vain.data[mid], &want) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low && b->vain.data[low - 1].process == process && b->vain.data[low - 1].span.end > from;
}

/* Where each loop's items and each worker's parks begin. */
static int firsts_find(const struct analysis *a, struct bouts *b)
{
    size_t done = 0, park = 0;

    if (b->dones.len)
        sort_runs(b->dones.data, b->dones.len, sizeof(*b->dones.data), done_order);
    b->first_done = calloc(a->lives.len + 1, sizeof(*b->first_done));
    b->first_park = calloc(a->lives.len + 1, sizeof(*b->first_park));
    if (!b->first_done || !b->first_park)
        return -ENOMEM;
    for (size_t i = 0; i <= a->lives.len; i++) {
        while (done < b->dones.len && b->dones.data[done].loop < i)
            done++;
        while (park < b->parks.len && b->parks.data[park].worker < i)
            park++;
        b->first_done[i] = done;
        b->first_park[i] = park;
    }
    return 0;
}

/* Which threads are workers, and the loop of each process: the one with the most touches. */
static int sides(struct walk *w)
{
    const struct analysis *a = w->a;
    struct bouts *b = w->b;

    b->worker = calloc(a->lives.len + 1, sizeof(*b->worker));
    b->helper = calloc(a->lives.len + 1, sizeof(*b->helper));
    b->beside = calloc(a->lives.len + 1, sizeof(*b->beside));
    b->loops = malloc((a->tl->processes.len + 1) * sizeof(*b->loops));
    b->split = calloc(a->lives.len + 1, sizeof(*b->split));
    if (!b->worker || !b->helper || !b->beside || !b->loops || !b->split)
        return -ENOMEM;
    for (size_t i = 0; i < a->tl->processes.len; i++)
        b->loops[i] = NONE;
    for (uint32_t i = 0; i < a->lives.len; i++) {
        uint32_t *loop = &b->loops[a->tl->threads.data[i].process];
        if (a->lives.data[i].yields && a->lives.data[i].touches &&
            (*loop == NONE || a->lives.data[i].touches > a->lives.data[*loop].touches))
            *loop = i;
    }
    return 0;
}

/* Has the loop of its process ever woken the thread? Then it may work for it, also if it has not
 * been seen to say that it was done. */
static bool woken_by_loop(const struct analysis *a, const struct bouts *b, uint32_t thread)
{
    const struct thread *t = &a->tl->threads.data[thread];
    uint32_t loop = b->loops[t->process];
    for (size_t i = 0; loop != NONE && i < t->intervals.len; i++)
        if (t->intervals.data[i].waker == a->tl->threads.data[loop].tid &&
            (t->intervals.data[i].state == STATE_LOCK ||
             t->intervals.data[i].state == STATE_YIELDED) &&
            wait_is_park(a, thread, &t->intervals.data[i]) &&
            !(t->intervals.data[i].flags & INTERVAL_WAKER_IRQ))
            return true;
    return false;
}

static bool ever_parks(const struct analysis *a, uint32_t thread)
{
    const struct thread *t = &a->tl->threads.data[thread];
    for (size_t i = 0; i < t->intervals.len; i++)
        if (wait_is_park(a, thread, &t->intervals.data[i]))
            return true;
    return false;
}

/* Does it tell a loop something? A timer that happens to run out while a thread of the process is
 * on the CPU makes that one the waker, now and then. */
static bool rings(const struct walk *w, uint32_t thread)
{
    size_t first = bell_find(w->b, w->b->bells.len, thread, 0), bell = first;
    while (bell < w->b->bells.len && w->b->bells.data[bell].worker == thread &&
           bell < first + BELLS_MIN)
        bell++;
    return bell == first + BELLS_MIN || (bell > first && ever_parks(w->a, thread));
}

/* A worker may hand work on to a pool that the loop knows nothing of. */
static bool woken_by_another(const struct analysis *a, uint32_t thread)
{
    const struct thread *t = &a->tl->threads.data[thread];
    for (size_t i = 0; i < t->intervals.len; i++) {
        const struct interval *iv = &t->intervals.data[i];
        bool parks = state_is_wait(iv->state) && wait_is_park(a, thread, iv);
        uint32_t waker = parks ? wait_waker(a, t, iv, interval_end(t, i)) : NONE;
        if (waker != NONE && !a->lives.data[waker].service)
            return true;
    }
    return false;
}

static void workers_find(struct walk *w)
{
    const struct analysis *a = w->a;
    for (uint32_t i = 0; i < a->lives.len; i++) {
        uint32_t process = a->tl->threads.data[i].process;
        if (w->b->loops[process] == NONE || a->lives.data[i].coroutines ||
            a->tl->threads.data[i].kernel ||
            (a->lives.data[i].service && !a->lives.data[i].touches) ||
            (a->lives.data[i].yields && a->lives.data[i].touches))
            continue;
        bool woken = woken_by_loop(a, w->b, i);
        bool pooled =
            rings(w, i) || a->lives.data[i].touches || (woken && a->procs.data[process].submits);
        /* One with a loop of its own, such as Node's worker_threads, is no pool's. */
        w->b->worker[i] = pooled && !a->lives.data[i].yields;
        w->b->any_worker |= w->b->worker[i];
        w->b->helper[i] = (woken || pooled) && !w->b->worker[i];
        w->b->beside[i] =
            !woken && !pooled && process_has(a, process, RUNTIME_JVM) && woken_by_another(a, i);
    }
}

int bouts_build(struct analysis *a, struct bouts *b)
{
    struct walk w = {a, b, TABLE_INIT};
    int rc = sides(&w);

    b->touches = a->touches_of;
    if (rc == 0)
        rc = threads_by_process(a, &b->threads);
    if (rc == 0)
        rc = drafts_by_process(a, &b->drafts);
    if (rc == 0)
        rc = bells_wakes(&w);
    if (rc == 0)
        rc = bells_sockets(&w);
    if (rc == 0)
        workers_find(&w);
    for (uint32_t i = 0; rc == 0 && i < a->lives.len; i++)
        if (b->worker[i] || b->helper[i] || b->beside[i])
            rc = worker_walk(&w, i);
    vain_join(b);
    if (rc == 0)
        rc = firsts_find(a, b);
    table_release(&w.bell_sockets);
    return rc;
}

void bouts_release(struct bouts *b)
{
    vec_release(&b->bells);
    vec_release(&b->dones);
    vec_release(&b->parks);
    vec_release(&b->vain);
    by_thread_release(&b->threads);
    by_thread_release(&b->drafts);
    by_thread_release(&b->tenures);
    free(b->first_done);
    free(b->first_park);
    bulk_free(b->before);
    free(b->split);
    free(b->worker);
    free(b->helper);
    free(b->beside);
    free(b->loops);
}
