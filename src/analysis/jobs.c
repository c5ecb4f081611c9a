/*
 * jobs: whose the time of a pool's workers is, and how long requests stood in its queue. Where a
 * worker was idle before its job, the job began as it was called. Where it went on from one answer
 * to the next, nothing tells where the one job ended and the other began, but what it does where
 * nothing stands in line: if it is idle at once then, it has nothing to do behind its answers.
 */
#include "analysis/pools.h"

#define TENURES_MAX 64
/* So many bouts for one answer, and none for something else, tell that there is nothing else. */
#define SINGLES_MIN 20
/* Where the order of the jobs is not known, so many do for what comes behind another answer. */
#define SINGLES_FEW 5
/* From a call's end to a wait for the GIL. */
#define RETURN_NS 15000u

struct judge {
    struct analysis *a;
    const struct bouts *b;
    const struct pools *p;
};

/* It does jobs whole. Where something stands in line all the time it is not seen to. */
static bool is_single(const struct pool *pool)
{
    return pool->singles >= SINGLES_FEW && (uint64_t)pool->strays * OTHERS_MAX <= pool->singles;
}

/* It does nothing but answer. Where it does more behind most answers it may be halves of jobs. */
static bool is_pure(const struct pool *pool)
{
    bool whole = pool->in_order || pool->rests.later <= pool->rests.at_once;
    return !pool->strays && whole && (pool->lone || pool->singles >= SINGLES_MIN);
}

/* Its jobs are put into the queue as they are read: their reader calls a worker at once, or it
 * waits for one thing at a time, and so never comes back to a request that it has read, or for
 * nothing but its clients, and their order is the same. */
static bool is_plain(const struct judge *j, const struct job *job)
{
    const struct pool *pool = &j->p->all.data[job->pool];
    uint32_t reader = j->a->drafts.data[job->request].first_thread;
    if (pool->lone && !pool->disordered && !j->a->lives.data[reader].yields)
        return true;
    if (pool->lone && pool->in_order && j->p->straight[reader])
        return true;
    /* What stands in line twice, in halves, begins out of order, and shows where it is idle, or
     * behind answers. */
    if (pool->disordered && (pool->strays || pool->singles < SINGLES_FEW))
        return false;
    bool busy = (uint64_t)pool->rests.later * OTHERS_MAX > pool->rests.at_once;
    if (!pool->in_order && busy && !is_single(pool))
        return false;
    return pool->handed >= HANDED_MIN && (uint64_t)pool->others * OTHERS_MAX <= pool->handed;
}

/* Nor does it where it is always busy, and it answers in one go. */
static bool is_whole(const struct pool *pool, const struct job *job)
{
    bool few = pool->lone && !pool->disordered;
    return is_pure(pool) && !(pool->in_order && (job->early || job->odd)) &&
           ((pool->lone && pool_clean(pool, job->usual)) ||
            pool->singles >= (few ? SINGLES_FEW : SINGLES_MIN));
}

/* What is known of a job's begin. */
struct begin {
    uint64_t at;     /* from here on the worker did the job; NEVER: it is not known */
    uint64_t queued; /* up to here it had not begun */
    bool in_line;    /* and stood in the queue since it was read */
};

/*
 * Behind an answer Python's interpreter waits for its lock before it goes on. Up to the end of the
 * first such wait the next job has not begun; at others, soon afterwards, it may have.
 */
static void behind_gil(const struct judge *j, const struct job *job, struct begin *begin)
{
    const struct analysis *a = j->a;
    const struct thread *t = &a->tl->threads.data[job->worker];
    uint64_t ran = 0;

    for (size_t i = interval_of(t, begin->at); i < t->intervals.len; i++) {
        const struct interval *iv = &t->intervals.data[i];
        uint64_t start = most(iv->start_ns, begin->queued), end = interval_end(t, i);
        if (iv->start_ns >= job->last)
            return;
        if (iv->state == STATE_RUNNING) {
            ran += end > start ? end - start : 0;
        } else if (wait_is_gil(a, t, iv)) {
            begin->queued = begin->at == begin->queued && ran < RETURN_NS ? end : begin->queued;
            begin->at = end;
        } else if (iv->state != STATE_RUNNABLE) {
            return;
        }
        if (ran > TRIFLE_NS)
            return;
    }
}

/*
 * It was idle, so nothing stood in line; it was called for the job, and did it: so it had not taken
 * what another put there just then, or the one called for that would have taken this. Unless what
 * it takes may be half a job, and the other half comes later.
 */
static bool is_called(const struct pool *pool, const struct job *job)
{
    return job->handed && !pool->disordered && pool->rests.later <= pool->rests.at_once &&
           (uint64_t)pool->strays * OTHERS_MAX <= pool->singles;
}

/* The worker was idle before. */
static struct begin first_begin(const struct judge *j, const struct job *job)
{
    const struct pool *pool = &j->p->all.data[job->pool];
    uint32_t reader = j->a->drafts.data[job->request].first_thread;
    struct begin begin = {NEVER, NEVER, false};
    bool peer = job->waker != NONE && j->p->of[job->waker] == job->pool + 1;

    if (job->from == NEVER)
        return begin;
    if (!is_pure(pool) && !is_called(pool, job) &&
        (job->waker != reader || !loop_had(j->a, j->b, reader, job->request, job->from,
                                           job_first_wait(j->a, j->p, job, job->from))))
        return begin;
    if (job->read > job->from && worked_ns(j->a, job->worker, job->from, job->read) > TRIFLE_NS)
        return begin;
    begin.at = begin.queued = most(job->from, job->read);
    begin.in_line = job->handed || ((peer || job->swapped) && is_plain(j, job));
    return begin;
}

/* It came from another request's answer. */
static struct begin next_begin(const struct judge *j, const struct job *job)
{
    const struct pool *pool = &j->p->all.data[job->pool];
    const struct job *before = &j->p->jobs.data[job->before_plus1 - 1];
    uint64_t at = most(before->last, job->read);
    struct begin begin = {at, at, is_plain(j, job)};

    if (!is_whole(pool, job) || !before->replied || !job_rests(j->a, j->p, before))
        begin.at = NEVER;
    else if (at == before->last)
        behind_gil(j, job, &begin);
    return begin;
}

/* The worker's tenures of the request in the job become one. NULL: there is none. */
static struct tenure *tenures_join(struct analysis *a, const struct job *job, uint64_t from)
{
    struct tenure *first = NULL;
    size_t looked = 0;

    for (uint32_t i = a->drafts.data[job->request].first_tenure_plus1; i && looked++ < TENURES_MAX;
         i = a->tenures.data[i - 1].next_plus1) {
        struct tenure *x = &a->tenures.data[i - 1];
        if (x->thread != job->worker || x->first_touch < from || x->first_touch > job->last)
            continue;
        if (!first) {
            first = x;
            continue;
        }
        first->last_touch = most(first->last_touch, x->last_touch);
        first->end = most(first->end, x->end);
        first->wait_off = x->wait_off;
        first->replied = x->replied;
        first->unsure_until = x->unsure_until;
        x->start = x->first_touch = x->last_touch = x->end = first->last_touch;
        x->unsure_until = 0;
    }
    return first;
}

/* The JVM says lock where it sleeps. */
static void sleeps_name(const struct judge *j, uint32_t thread, uint64_t from, uint64_t to)
{
    struct thread *t = &j->a->tl->threads.data[thread];

    for (size_t i = interval_of(t, from);
         i < t->intervals.len && t->intervals.data[i].start_ns < to; i++) {
        struct interval *iv = &t->intervals.data[i];
        if (iv->start_ns < from || !wait_is_jvm_sleep(j->a, j->p, thread, iv))
            continue;
        iv->state = STATE_SLEEP;
        t->state_ns[STATE_LOCK] -= interval_end(t, i) - iv->start_ns;
        t->state_ns[STATE_SLEEP] += interval_end(t, i) - iv->start_ns;
    }
}

/* Whosever it works for: a worker that is known to be idle elsewhere does not wait for work. Which
 * it is, is named when all charges are made: for those it is a wait in a futex like any other. */
static void sleeps_mark(const struct judge *j, uint32_t thread)
{
    struct thread *t = &j->a->tl->threads.data[thread];

    for (size_t i = 0; i < t->intervals.len; i++)
        if (wait_is_jvm_sleep(j->a, j->p, thread, &t->intervals.data[i]))
            t->intervals.data[i].flags |= INTERVAL_SLEEPS;
}

static void job_charge(const struct judge *j, const struct job *job)
{
    struct analysis *a = j->a;
    const struct pool *pool = &j->p->all.data[job->pool];
    uint64_t from = job->before_plus1 ? j->p->jobs.data[job->before_plus1 - 1].last : job->from;

    if (job->read == NEVER || pool->turns ||
        losses_within(a, from == NEVER ? job->read : from, job->last))
        return;
    struct begin begin = job->before_plus1 ? next_begin(j, job) : first_begin(j, job);
    struct tenure *x = tenures_join(a, job, from == NEVER ? job->read : from);
    if (!x || x->exact_head)
        return;
    if (begin.at != NEVER) {
        x->start = begin.at < x->first_touch ? begin.at : x->first_touch;
        sleeps_name(j, job->worker, x->start, x->last_touch);
    } else if (x->first_touch > x->start + TRIFLE_NS &&
               (begin.queued != NEVER || !is_pure(pool) || pool->rests.later)) {
        x->start = x->first_touch; /* it may have been at work for somebody else */
    }
    if (begin.queued == NEVER || !begin.in_line || !job->plain || x->cause != CAUSE_NONE)
        return;
    x->cause = CAUSE_HANDOFF;
    x->ready = job->read;
    x->busy_from = begin.queued;
    x->gap_inferred = true;
    x->unsure_head = begin.at == NEVER || begin.at > begin.queued;
}

int jobs_charge(struct analysis *a, struct bouts *b)
{
    struct pools p = {.all = VEC_INIT};
    const struct judge j = {a, b, &p};
    int rc = pools_find(a, b, &p);

    for (size_t i = 0; rc == 0 && i < p.jobs.len; i++)
        job_charge(&j, &p.jobs.data[i]);
    for (uint32_t i = 0; rc == 0 && i < a->lives.len; i++)
        if (p.of[i] && p.knows[i])
            sleeps_mark(&j, i);
    pools_release(&p);
    return rc;
}
