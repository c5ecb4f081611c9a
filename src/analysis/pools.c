/*
 * pools: workers that are handed what another thread has read, and answer it themselves: the
 * classic C server, Java's selector with an executor, Python's main thread with one. An answer
 * tells that its worker had the request; what the worker did before, since it was idle or since
 * its answer before, was for that request, too, if such a worker does one job at a time:
 *
 *     reader    reads A ─ wakes      reads B
 *     worker    idle ──────────┤ blocks ─ answers A │ ? │ blocks ─ answers B ├─ idle
 *                              └──────── A ────────┘ ▲   └────── B ────────┘
 *                                                 queued: B stood in line
 *
 * Here the jobs are found, and what their pool is like: jobs.c says whose the time is.
 *
 * Idle is to wait where a reader has called a worker from. A lock, a sleep or another's condition
 * variable is inside a job.
 */
#include "analysis/pools.h"

#include "base/bulk.h"

/* So many tenures of a request are looked at. */
#define TENURES_MAX 64

struct walk {
    struct analysis *a;
    const struct bouts *b;
    struct pools *p;
    uint32_t worker;
    struct bout {
        uint64_t start; /* NEVER: not known */
        uint32_t waker;
        size_t first_job;
    } bout;
};

/* Two words of one condition variable are waited for in turn (glibc's __g_signals). */
uint64_t place_key(const struct analysis *a, const struct thread *t, const struct interval *iv)
{
    const struct object *o = interval_object(a->tl, iv);
    uint64_t id = o ? o->id : 0;
    if (iv->state == STATE_LOCK)
        id &= ~(uint64_t)7;
    return id ? id ^ (uint64_t)(t->process + 1) << 40 : 0;
}

/* ---- who is of a pool */

/* Threads of one pool have one name, but for a number behind it. */
static uint64_t pool_key(const struct analysis *a, const struct thread *t)
{
    const char *comm = timeline_string(a->tl, t->comm);
    size_t len = strlen(comm);
    while (len && comm[len - 1] >= '0' && comm[len - 1] <= '9')
        len--;
    return table_hash(comm, len) ^ t->process;
}

static int pool_join(struct pools *p, const struct analysis *a, uint32_t thread)
{
    uint64_t key = pool_key(a, &a->tl->threads.data[thread]), index;
    int rc = 0;

    if (!table_get(&p->index, key, &index)) {
        index = p->all.len;
        rc = vec_push(&p->all, ((struct pool){.turns = false}));
        if (rc == 0)
            rc = table_put(&p->index, key, index);
    }
    p->of[thread] = (uint32_t)index + 1;
    return rc;
}

/* It answers what others have read, reads nothing itself, and waits for one thing at a time. */
static bool is_worker(const struct analysis *a, const struct pools *p, const struct bouts *b,
                      uint32_t thread)
{
    const struct life *l = &a->lives.data[thread];
    bool answers = false;

    if (l->yields || l->carries || l->coroutines || p->reads[thread] ||
        a->tl->threads.data[thread].kernel)
        return false;
    for (uint32_t i = b->touches.from[thread]; i < b->touches.from[thread + 1] && !answers; i++) {
        const struct touch *x = &a->touches.data[b->touches.index[i]];
        answers = x->own && x->replied;
    }
    return answers;
}

static int workers_find(const struct analysis *a, const struct bouts *b, struct pools *p)
{
    int rc = 0;

    for (size_t i = 0; i < a->drafts.len; i++)
        if (a->drafts.data[i].first_thread != NONE)
            p->reads[a->drafts.data[i].first_thread] = true;
    for (uint32_t i = 0; rc == 0 && i < a->lives.len; i++)
        if (is_worker(a, p, b, i))
            rc = pool_join(p, a, i);
    return rc;
}

/* Where nobody else is at work, nobody else hands a pool work of another kind. */
static void lone_find(const struct analysis *a, const struct bouts *b, struct pools *p,
                      uint32_t process)
{
    uint32_t from = b->threads.from[process], to = b->threads.from[process + 1], of = 0;
    bool lone = true;

    for (uint32_t i = from; i < to; i++) {
        uint32_t thread = b->threads.index[i];
        if (p->of[thread]) {
            lone &= !of || of == p->of[thread];
            of = p->of[thread];
        } else if (!p->reads[thread] && !is_jvm_service(a, &a->tl->threads.data[thread])) {
            lone &= a->tl->threads.data[thread].state_ns[STATE_RUNNING] < STRAY_NS;
        }
    }
    if (of)
        p->all.data[of - 1].lone = lone;
}

/* ---- where they are idle */

/* The places that a reader has called a worker from. */
static int places_find(struct walk *w, uint32_t thread)
{
    const struct analysis *a = w->a;
    const struct thread *t = &a->tl->threads.data[thread];
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < t->intervals.len; i++) {
        const struct interval *iv = &t->intervals.data[i];
        uint64_t key =
            state_is_wait(iv->state) && wait_is_park(a, thread, iv) ? place_key(a, t, iv) : 0;
        uint32_t waker = key ? wait_waker(a, t, iv, interval_end(t, i)) : NONE;
        if (waker != NONE && w->p->reads[waker])
            rc = table_put(&w->p->places, key, 0);
        if (rc == 0 && waker != NONE)
            rc = table_put(&w->p->called, key, 0);
    }
    return rc;
}

static bool is_idle(const struct walk *w, const struct thread *t, const struct interval *iv)
{
    uint64_t key = place_key(w->a, t, iv);
    return key && table_get(&w->p->places, key, NULL);
}

/* Does the thread know such a place, or has its pool one that several share? Else it may be idle
 * in any park. */
static int places_note(struct walk *w, uint32_t thread)
{
    const struct thread *t = &w->a->tl->threads.data[thread];
    struct pool *pool = &w->p->all.data[w->p->of[thread] - 1];
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < t->intervals.len; i++) {
        const struct interval *iv = &t->intervals.data[i];
        uint64_t first, key;
        if (!state_is_wait(iv->state) || !wait_is_park(w->a, thread, iv) || !is_idle(w, t, iv))
            continue;
        key = place_key(w->a, t, iv);
        w->p->knows[thread] = true;
        if (table_get(&w->p->places, key, &first) && first && first != thread + 1)
            pool->shared = true;
        else
            rc = table_put(&w->p->places, key, thread + 1);
    }
    return rc;
}

/* A worker that waits elsewhere may stand at a lock inside its work, or sleep there as Java's do.
 * Where something stands in line all the time that is the rule. */
static void parks_judge(const struct walk *w, struct bouts *b, uint32_t thread)
{
    const struct thread *t = &w->a->tl->threads.data[thread];

    for (size_t i = b->first_park[thread]; i < b->first_park[thread + 1]; i++) {
        struct park *park = &b->parks.data[i];
        park->unsure = !is_idle(w, t, &t->intervals.data[interval_of(t, park->start)]);
    }
}

/* ---- jobs */

/* When other threads touched the request last before `until`. */
static void read_find(const struct analysis *a, struct job *job, uint64_t until)
{
    const struct draft *d = &a->drafts.data[job->request];
    size_t looked = 0;

    job->read = NEVER;
    for (uint32_t i = d->first_tenure_plus1; i; i = a->tenures.data[i - 1].next_plus1) {
        const struct tenure *x = &a->tenures.data[i - 1];
        if (looked++ >= TENURES_MAX) {
            job->read = NEVER;
            return;
        }
        if (x->thread == job->worker || x->first_touch > until)
            continue;
        uint64_t at = x->last_touch > until ? x->first_touch : x->last_touch;
        job->plain = job->read == NEVER && x->thread == d->first_thread;
        if (job->read == NEVER || at > job->read)
            job->read = at;
    }
}

uint64_t worked_ns(const struct analysis *a, uint32_t thread, uint64_t from, uint64_t to)
{
    const struct thread *t = &a->tl->threads.data[thread];
    uint64_t ns = 0;

    for (size_t i = interval_of(t, from);
         i < t->intervals.len && t->intervals.data[i].start_ns < to; i++) {
        const struct interval *iv = &t->intervals.data[i];
        uint64_t start = iv->start_ns > from ? iv->start_ns : from;
        uint64_t end = interval_end(t, i) < to ? interval_end(t, i) : to;
        if (iv->state != STATE_RUNNABLE && !wait_is_gil(a, t, iv) && start < end)
            ns += end - start;
    }
    return ns;
}

static struct pool *pool_of(const struct walk *w)
{
    return &w->p->all.data[w->p->of[w->worker] - 1];
}

/* The worker is idle from `at` on. */
static int bout_end(struct walk *w, uint64_t at)
{
    if (w->p->jobs.len > w->bout.first_job) {
        pool_of(w)->singles += w->bout.start != NEVER && w->p->jobs.len == w->bout.first_job + 1;
        return rest_note(w->a, w->p, vec_last(&w->p->jobs), at, true);
    }
    if (w->bout.start != NEVER && at > w->bout.start &&
        worked_ns(w->a, w->worker, w->bout.start, at) > STRAY_NS)
        pool_of(w)->strays++;
    return 0;
}

/* The reader called the worker before it turned to anything else. A pool may give a worker that it
 * called for one request another that stands in line. */
static void handed_find(const struct walk *w, uint32_t reader, struct job *job)
{
    if (job->waker != reader)
        return;
    uint64_t at = woke_at(w->a, reader, job->from);
    const struct touch *x = touch_before(w->a, w->b, reader, at);
    if (!x || !x->own || x->replied || loop_slept(w->a, reader, x->time, at))
        return;
    job->handed = x->request_plus1 == job->request + 1;
    job->swapped = !job->handed;
}

static void first_note(struct walk *w, struct job *job)
{
    const struct draft *d = &w->a->drafts.data[job->request];
    struct pool *pool = pool_of(w);

    if (job->read == NEVER || job->from == NEVER)
        return;
    if (job->read > job->from && worked_ns(w->a, w->worker, job->from, job->read) > STRAY_NS)
        pool->strays++;
    handed_find(w, d->first_thread, job);
    if (job->handed || job->swapped)
        pool->handed++;
    else if (job->waker == NONE || w->p->of[job->waker] != w->p->of[w->worker])
        pool->others++;
}

static int job_touch(struct walk *w, const struct touch *x)
{
    struct pools *p = w->p;
    struct job *last = p->jobs.len > w->bout.first_job ? vec_last(&p->jobs) : NULL;
    uint32_t request = x->request_plus1 - 1;
    int rc = 0;

    if (last && last->request == request) {
        last->last = x->time;
        last->replied |= x->replied;
        return 0;
    }
    struct job job = {.request = request,
                      .worker = w->worker,
                      .pool = p->of[w->worker] - 1,
                      .before_plus1 = last ? (uint32_t)p->jobs.len : 0,
                      .from = w->bout.start,
                      .waker = w->bout.waker,
                      .last = x->time,
                      .replied = x->replied};
    read_find(w->a, &job, x->time);
    if (!last)
        first_note(w, &job);
    else if (job.read != NEVER && job.read > last->last)
        rc = rest_note(w->a, w->p, last, job.read, false);
    uint64_t *seen = &p->last_job[request];
    pool_of(w)->turns |= *seen > w->bout.first_job;
    if (rc == 0 && p->jobs.len < NONE - 1)
        rc = vec_push(&p->jobs, job);
    *seen = p->jobs.len;
    return rc;
}

static int worker_walk(struct walk *w)
{
    const struct analysis *a = w->a;
    const struct by_thread *touches = &w->b->touches;
    const struct life *l = &a->lives.data[w->worker];
    const struct thread *t = &a->tl->threads.data[w->worker];
    uint32_t next = touches->from[w->worker];
    bool sure = w->p->knows[w->worker] || pool_of(w)->shared;
    int rc = 0;

    w->bout = (struct bout){NEVER, NONE, w->p->jobs.len};
    if (l->forked && l->maker_plus1)
        w->bout = (struct bout){t->start_ns, l->maker_plus1 - 1, w->p->jobs.len};
    for (size_t i = 0; rc == 0 && i < t->intervals.len; i++) {
        const struct interval *iv = &t->intervals.data[i];
        uint64_t end = interval_end(t, i);
        for (; rc == 0 && next < touches->from[w->worker + 1]; next++) {
            const struct touch *x = &a->touches.data[touches->index[next]];
            if (x->time >= end)
                break;
            if (x->own && x->request_plus1)
                rc = job_touch(w, x);
        }
        bool park = state_is_wait(iv->state) && wait_is_park(a, w->worker, iv);
        bool idle = park && is_idle(w, t, iv);
        if (rc == 0 && idle)
            rc = bout_end(w, iv->start_ns);
        if (idle || (park && !sure) || iv->state == STATE_UNKNOWN)
            w->bout = (struct bout){idle ? end : NEVER, wait_waker(a, t, iv, end), w->p->jobs.len};
    }
    return rc;
}

int pools_find(struct analysis *a, struct bouts *b, struct pools *p)
{
    struct walk w = {.a = a, .b = b, .p = p};
    int rc;

    p->of = calloc(a->lives.len + 1, sizeof(*p->of));
    p->reads = calloc(a->lives.len + 1, sizeof(*p->reads));
    p->knows = calloc(a->lives.len + 1, sizeof(*p->knows));
    p->straight = calloc(a->lives.len + 1, sizeof(*p->straight));
    p->last_job = bulk_new((a->drafts.len + 1) * sizeof(*p->last_job));
    if (!p->of || !p->reads || !p->knows || !p->straight || !p->last_job)
        return -ENOMEM;
    rc = workers_find(a, b, p);
    for (uint32_t i = 0; rc == 0 && i < a->tl->processes.len; i++)
        lone_find(a, b, p, i);
    for (uint32_t i = 0; rc == 0 && i < a->lives.len; i++)
        if (p->of[i])
            rc = places_find(&w, i);
    for (uint32_t i = 0; rc == 0 && i < a->lives.len; i++)
        if (p->of[i])
            rc = places_note(&w, i);
    for (w.worker = 0; rc == 0 && w.worker < a->lives.len; w.worker++)
        if (p->of[w.worker])
            rc = worker_walk(&w);
    if (rc == 0)
        rc = lines_find(a, b, p);
    for (uint32_t i = 0; rc == 0 && i < a->lives.len; i++)
        if (p->of[i] && p->all.data[p->of[i] - 1].in_order) {
            parks_judge(&w, b, i);
            a->procs.data[a->tl->threads.data[i].process].stands_in_line = true;
        }
    return rc;
}

void pools_release(struct pools *p)
{
    vec_release(&p->all);
    vec_release(&p->jobs);
    vec_release(&p->groups);
    table_release(&p->index);
    table_release(&p->places);
    table_release(&p->called);
    table_release(&p->group_index);
    free(p->of);
    free(p->reads);
    free(p->knows);
    free(p->straight);
    bulk_free(p->last_job);
}
