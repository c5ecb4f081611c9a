/*
 * lines: in which order a pool takes what its reader has read, and whether that hands it over at
 * once. A pool that is always busy calls nobody, so nothing but the order of its jobs tells: where
 * each begins in the order of their reading, each was put into the queue as it was read, once and
 * whole. Work in halves, which stand in line again, or work of another kind between two answers
 * would show as a job that seems to begin before one that was read earlier:
 *
 *     reader     reads A ─ B ─ C
 *     worker 1   …another's answer ─┤ A ────────┤ C ──
 *     worker 2   …another's answer ────┤ B ───────────
 *
 * A reader might keep what it has read for a while, always as long, and the order would not tell.
 * It would have to wake up then, and not for any client's sake.
 */
#include "analysis/pools.h"
#include "base/sort.h"

/* So many wake-ups of a reader tell how it is. */
#define WAKES_MIN 20

uint64_t job_free_from(const struct pools *p, const struct job *job)
{
    uint64_t from = job->before_plus1 ? p->jobs.data[job->before_plus1 - 1].last : job->from;
    return from == NEVER || job->read == NEVER ? NEVER : most(from, job->read);
}

/* HotSpot's Thread.sleep() is a wait for a condition variable of the thread's own that nobody ever
 * signals (os_posix.cpp, PlatformEvent::park); where locks are waited for somebody wakes. */
bool wait_is_jvm_sleep(const struct analysis *a, const struct pools *p, uint32_t thread,
                       const struct interval *iv)
{
    const struct thread *t = &a->tl->threads.data[thread];
    return iv->state == STATE_LOCK && (iv->flags & INTERVAL_WAKER_IRQ) &&
           process_has(a, t->process, RUNTIME_JVM) && interval_object(a->tl, iv) &&
           wait_is_park(a, thread, iv) && !table_get(&p->called, place_key(a, t, iv), NULL);
}

uint64_t job_first_wait(const struct analysis *a, const struct pools *p, const struct job *job,
                        uint64_t from)
{
    const struct thread *t = &a->tl->threads.data[job->worker];
    for (size_t i = interval_of(t, from) + 1; i < t->intervals.len; i++) {
        const struct interval *iv = &t->intervals.data[i];
        if (iv->start_ns >= job->last)
            break;
        if (state_is_wait(iv->state) &&
            (iv->state != STATE_LOCK || wait_is_jvm_sleep(a, p, job->worker, iv)))
            return iv->start_ns;
    }
    return job->last;
}

struct start {
    struct taken taken;
    uint32_t pool;
};

static int by_pool_and_time(const void *x, const void *y)
{
    const struct start *p = x, *q = y;
    if (p->pool != q->pool)
        return p->pool < q->pool ? -1 : 1;
    if (p->taken.from != q->taken.from)
        return p->taken.from < q->taken.from ? -1 : 1;
    return p->taken.submitted < q->taken.submitted ? -1 : p->taken.submitted > q->taken.submitted;
}

static int orders_find(const struct analysis *a, struct pools *p)
{
    VEC(struct start) starts = VEC_INIT;
    struct pool_order order = {.count = 0};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < p->jobs.len; i++) {
        struct job *job = &p->jobs.data[i];
        uint64_t from = job_free_from(p, job);
        const struct job *before = job->before_plus1 ? &p->jobs.data[job->before_plus1 - 1] : NULL;
        if (from == NEVER || !job->plain || (before && job_rests_not(a, p, before)))
            continue;
        struct taken t = {job->read, from, job_first_wait(a, p, job, from), &job->early};
        rc = vec_push(&starts, ((struct start){t, job->pool}));
    }
    if (starts.len)
        sort_runs(starts.data, starts.len, sizeof(*starts.data), by_pool_and_time);
    for (size_t i = 0; i < starts.len; i++) {
        pool_order_note(&order, starts.data[i].taken);
        if (i + 1 < starts.len && starts.data[i + 1].pool == starts.data[i].pool)
            continue;
        p->all.data[starts.data[i].pool].in_order = pool_order_known(&order);
        p->all.data[starts.data[i].pool].disordered =
            order.against > 0 && !pool_order_known(&order);
        order = (struct pool_order){.count = 0};
    }
    vec_release(&starts);
    return rc;
}

/* ---- readers */

struct walk {
    const struct analysis *a;
    const struct bouts *b;
    uint32_t touch; /* the reader's next, in b->touches.index */
};

/* What the reader touched up to `to`: its clients' connections, or anything else, too. */
static bool turns_to_clients(struct walk *w, uint32_t reader, uint64_t to, bool *others)
{
    bool any = false;

    *others = false;
    for (; w->touch < w->b->touches.from[reader + 1]; w->touch++) {
        const struct touch *x = &w->a->touches.data[w->b->touches.index[w->touch]];
        if (x->time >= to)
            break;
        any = true;
        *others |= x->request_plus1 ? !x->own : x->unknown;
    }
    return any;
}

/* Does nothing but a client ever wake it? */
static bool is_straight(struct walk *w, uint32_t reader)
{
    const struct analysis *a = w->a;
    const struct life *l = &a->lives.data[reader];
    const struct thread *t = &a->tl->threads.data[reader];
    uint32_t clients = 0, others = 0;

    w->touch = w->b->touches.from[reader];
    for (uint32_t k = 0; k < l->yields; k++) {
        size_t sleep = a->yields.data[l->first_yield + k];
        uint64_t slept = t->intervals.data[sleep].start_ns;
        uint64_t until = k + 1 < l->yields
                             ? t->intervals.data[a->yields.data[l->first_yield + k + 1]].start_ns
                             : t->end_ns;
        bool foreign, any = turns_to_clients(w, reader, until, &foreign);
        any |= clients_came(a, slept > MOMENT_NS ? slept - MOMENT_NS : 0, until) > 0;
        clients += any && !foreign;
        others += foreign || !any;
    }
    return clients >= WAKES_MIN && (uint64_t)others * OTHERS_MAX <= clients;
}

int lines_find(const struct analysis *a, const struct bouts *b, struct pools *p)
{
    struct walk w = {.a = a, .b = b};
    int rc = orders_find(a, p);

    if (rc == 0)
        rc = rests_bound(a, p);
    for (uint32_t i = 0; rc == 0 && i < a->lives.len; i++)
        p->straight[i] = p->reads[i] && a->lives.data[i].yields && is_straight(&w, i);
    return rc;
}
