/*
 * rests: what a pool's workers do behind their answers. Where nothing stands in line it shows: they
 * are idle at once, or they are not. A worker that always finds another job goes on to it, and what
 * lies between its answer and what that job first waits for is an upper bound, if the order of the
 * jobs (lines.c) says that the wait was the job's.
 */
#include "analysis/pools.h"
#include "base/sort.h"

/* From what so many jobs did all others are judged, */
#define RESTS_MIN 5
/* and of one kind of request so many. */
#define KIND_MIN 3
/* One in so many may be late for the machine's sake, or of a kind. */
#define LATE_MAX 100
#define KIND_LATE_MAX 20
/* Jobs of one kind that differ by less are alike. */
#define ODD_NS 200000u
/* So many alike, and one in so many not, tell of a pool that it does nothing but its jobs; or one
 * in so many, of jobs that themselves do not tell. */
#define CLEAN_MIN 20
#define ODD_MAX 20
#define ODD_MAX_ELSE 50

static uint64_t kind_of(const struct analysis *a, const struct job *job)
{
    return (uint64_t)a->drafts.data[job->request].group << 32 | (job->pool + 1);
}

/* NULL: no memory. Valid until the next call. */
static struct rests *rests_of(struct pools *p, uint64_t kind)
{
    uint64_t index;

    if (!table_get(&p->group_index, kind, &index)) {
        index = p->groups.len;
        if (vec_reserve(&p->groups, index + 1) < 0 || !p->groups.data ||
            table_put(&p->group_index, kind, index) < 0)
            return NULL;
        p->groups.data[p->groups.len++] = (struct rests){.ns = 0};
    }
    return &p->groups.data[index];
}

int rest_note(const struct analysis *a, struct pools *p, const struct job *job, uint64_t to,
              bool idle)
{
    uint64_t ns = worked_ns(a, job->worker, job->last, to);
    bool more = ns > LATE_NS;

    if (!job->replied || (!more && !idle))
        return 0;
    struct rests *both[] = {rests_of(p, kind_of(a, job)), &p->all.data[job->pool].rests};
    for (size_t i = 0; i < 2; i++) {
        if (!both[i])
            return -ENOMEM;
        both[i]->at_once += !more;
        both[i]->later += more;
        both[i]->ns += more ? 0 : ns;
    }
    return 0;
}

static bool refuted(const struct rests *r, uint64_t exceptions)
{
    return r->later * exceptions > (uint64_t)r->at_once + r->usual ||
           r->ns > (uint64_t)r->at_once * TRIFLE_NS;
}

static struct rests kind_rests(const struct analysis *a, const struct pools *p,
                               const struct job *job)
{
    uint64_t index;
    bool any = table_get(&p->group_index, kind_of(a, job), &index);
    return any ? p->groups.data[index] : (struct rests){.ns = 0};
}

bool job_rests_not(const struct analysis *a, const struct pools *p, const struct job *job)
{
    struct rests kind = kind_rests(a, p, job);
    return refuted(&kind, KIND_LATE_MAX);
}

/* Did the worker wait for a lock in [from, to)? */
static bool locked(const struct analysis *a, uint32_t thread, uint64_t from, uint64_t to)
{
    const struct thread *t = &a->tl->threads.data[thread];
    for (size_t i = interval_of(t, from);
         i < t->intervals.len && t->intervals.data[i].start_ns < to; i++)
        if (t->intervals.data[i].state == STATE_LOCK && interval_end(t, i) > from)
            return true;
    return false;
}

/* From an answer to what the next job first waits for. */
struct stretch {
    uint64_t kind, behind; /* of that job, and of the answer's */
    uint64_t ns;           /* worked; NEVER: not known */
    struct job *job;
};

struct stretches {
    VEC(struct stretch) all;
};

/* A wait for a lock in between may be for anything. */
static int stretches_find(const struct analysis *a, struct pools *p, struct stretches *s)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < p->jobs.len; i++) {
        struct job *job = &p->jobs.data[i];
        const struct job *before = job->before_plus1 ? &p->jobs.data[job->before_plus1 - 1] : NULL;
        if (!p->all.data[job->pool].in_order || !before || !before->replied ||
            job_rests_not(a, p, before))
            continue;
        uint64_t wait = job_first_wait(a, p, job, before->last);
        if (!job->early && (wait == job->last || locked(a, job->worker, before->last, wait)))
            continue;
        uint64_t ns = job->early ? NEVER : worked_ns(a, job->worker, before->last, wait);
        rc = vec_push(&s->all, ((struct stretch){kind_of(a, job), kind_of(a, before), ns, job}));
    }
    return rc;
}

static int by_kind_and_length(const void *x, const void *y)
{
    const struct stretch *p = x, *q = y;
    if (p->kind != q->kind)
        return p->kind < q->kind ? -1 : 1;
    return p->ns < q->ns ? -1 : p->ns > q->ns;
}

/* [first, end) are of one kind. */
static void odd_mark(struct stretch *all, size_t first, size_t end)
{
    size_t n = end - first;
    uint64_t low = all[first + n / 5].ns, high = all[first + n - 1 - n / 5].ns;
    bool alike = low <= LATE_NS && high <= low + ODD_NS;

    for (size_t i = first; i < end; i++) {
        bool over = all[i].ns > low + ODD_NS;
        all[i].job->odd = all[i].ns == NEVER || (alike && over);
        all[i].job->usual = alike && !over;
    }
}

/* Jobs of most kinds work for about as long before they wait. Where it took longer there was
 * something else in between. */
static void odd_find(struct stretches *s)
{
    size_t first = 0;

    if (s->all.len)
        sort_runs(s->all.data, s->all.len, sizeof(*s->all.data), by_kind_and_length);
    for (size_t i = 1; i <= s->all.len; i++)
        if (i == s->all.len || s->all.data[i].kind != s->all.data[first].kind) {
            odd_mark(s->all.data, first, i);
            first = i;
        }
}

static int kinds_count(struct pools *p, const struct stretches *s)
{
    for (size_t i = 0; i < s->all.len; i++) {
        const struct stretch *x = &s->all.data[i];
        struct rests *r = rests_of(p, x->behind);
        if (!r)
            return -ENOMEM;
        r->later += x->job->odd;
        r->usual += x->job->usual;
        r->brief += x->job->usual && x->ns <= TRIFLE_NS;
    }
    return 0;
}

int rests_bound(const struct analysis *a, struct pools *p)
{
    struct stretches s = {VEC_INIT};
    int rc = stretches_find(a, p, &s);

    odd_find(&s);
    if (rc == 0)
        rc = kinds_count(p, &s);
    for (size_t i = 0; rc == 0 && i < s.all.len; i++) {
        const struct rests *r = rests_of(p, s.all.data[i].behind);
        const struct job *job = s.all.data[i].job;
        struct pool *pool = &p->all.data[job->pool];
        if (!r || refuted(r, KIND_LATE_MAX)) /* it is known by that */
            continue;
        pool->odd += job->odd;
        pool->usual += job->usual;
        pool->brief += job->usual && s.all.data[i].ns <= TRIFLE_NS;
    }
    vec_release(&s.all);
    return rc;
}

bool pool_clean(const struct pool *pool, bool usual)
{
    uint64_t max = usual ? ODD_MAX : ODD_MAX_ELSE;
    return pool->usual >= CLEAN_MIN && pool->odd * max <= pool->usual;
}

bool job_rests(const struct analysis *a, const struct pools *p, const struct job *job)
{
    struct rests kind = kind_rests(a, p, job);
    const struct pool *pool = &p->all.data[job->pool];

    if (refuted(&kind, KIND_LATE_MAX))
        return false;
    return kind.at_once >= KIND_MIN || kind.brief >= RESTS_MIN ||
           (pool->brief >= CLEAN_MIN && pool_clean(pool, false)) ||
           (!refuted(&pool->rests, LATE_MAX) && pool->rests.at_once >= RESTS_MIN);
}
