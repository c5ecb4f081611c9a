/*
 * bursts: whose the waits are that worker threads had inside their work, told by what set a process
 * going. Between two moments at which all its threads wait, all that is done follows from what
 * ended the first waits: bytes that came, a read that is done, a timer.
 *
 *     loop       waits ────────────┤ reads B ├──── waits ───────
 *     worker 1   blocked ─┤ wakes 2 ├───────── parked ──────────
 *     worker 2   parked ──────┤ answers A ├┤ blocked ───────────
 *                          └──────── a burst ───────┘
 *
 * Here worker 1's wait was A's: something made the answer possible, and nothing else happened. That
 * worker 2 waits now may be for A or for B; the burst in which that wait ends tells. It needs no
 * more of a pool than that it does not let work lie while all its threads wait; who wakes whom and
 * in which order it takes its work does not matter. Where a timer has fired, anybody's work may
 * have gone on. In the lulls between the bursts nothing of a request's that is handed over is
 * ready; and what is known to be a burst of others' was not for it.
 */
#include "analysis/bursts.h"

/* So many requests may a wait be for; so much may set a burst going, or come of it. */
#define CANDIDATES_MAX 12
#define BURST_MAX 128
/* So often is it tried again with what was found: a job tells of another. */
#define ROUNDS_MAX 4
/* Timers that call nobody whom something is done for, more than one in so many, call for work. */
#define STRAY_MIN 20
/* A worker that parks again so soon was woken in vain. */
#define IN_VAIN_NS 100000u
/* Workers that touch nothing in more than one in so many of their bouts pass work on. */
#define SILENT_MIN 10
/* Without a wait it is not much that a worker does in so short a time. */
#define BRIEF_NS 200000u

struct crowd { /* who may be at work */
    uint32_t who[CANDIDATES_MAX];
    size_t count;
    bool anybody;
};

static void crowd_add(struct crowd *c, uint32_t request)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->who[i] == request)
            return;
    if (c->count < CANDIDATES_MAX)
        c->who[c->count++] = request;
    else
        c->anybody = true;
}

/* Nobody works for what nobody has read. */
static bool job_may_be(const struct bursting *x, const struct job *job, uint32_t request)
{
    const struct draft *d = &x->a->drafts.data[request];
    uint32_t first_plus1 = d->first_tenure_plus1;

    if (job->owner_plus1)
        return job->owner_plus1 == request + 1;
    if (!first_plus1 || x->a->tenures.data[first_plus1 - 1].start >= job->start)
        return false;
    for (size_t i = 0; i < job->candidates; i++)
        if (x->candidates.data[job->first_candidate + i] == request)
            return true;
    return job->anybody;
}

static void crowd_join(const struct bursting *x, struct crowd *c, const struct job *job)
{
    if (job->owner_plus1) {
        crowd_add(c, job->owner_plus1 - 1);
        return;
    }
    c->anybody |= job->anybody;
    for (size_t i = 0; i < job->candidates; i++)
        crowd_add(c, x->candidates.data[job->first_candidate + i]);
}

static int job_begin(struct bursting *x, struct job *job, const struct crowd *c)
{
    job->burst = (uint32_t)x->bursts.len - 1;
    job->first_candidate = (uint32_t)x->candidates.len;
    job->candidates = (uint8_t)c->count;
    job->anybody = c->anybody;
    for (size_t i = 0; i < c->count; i++)
        if (vec_push(&x->candidates, c->who[i]) < 0)
            return -ENOMEM;
    return 0;
}

/* What those have in hand that only read. */
struct held_reads {
    struct {
        uint32_t request, loop;
    } reads[CANDIDATES_MAX];
    size_t count;
    bool many; /* more than these */
};

static int held_drop(const struct bursting *x, struct held_reads *held, const struct happening *h)
{
    size_t n = 0;
    int rc = 0;

    for (size_t i = 0; i < held->count; i++)
        if (held->reads[i].loop != h->thread)
            held->reads[n++] = held->reads[i];
        else if (rc == 0)
            rc = table_put(&x->a->handed_on, held->reads[i].request, h->time);
    held->count = n;
    return rc;
}

/* A loop has handed over what it has read when it waits again; and one whose handlers act at once,
 * when it reads the next. */
static int held_see(const struct bursting *x, struct held_reads *held, const struct happening *h)
{
    int rc = 0;

    if (h->what == LOOP_ASLEEP || (h->what == READ_HELD && x->a->lives.data[h->thread].direct))
        rc = held_drop(x, held, h);
    if (h->what == LOOP_ASLEEP)
        held->many &= held->count > 0;
    if (h->what == READ_HELD)
        table_remove(&x->a->handed_on, h->index);
    if (h->what == READ_HELD && held->count < CANDIDATES_MAX) {
        held->reads[held->count].request = h->index;
        held->reads[held->count++].loop = h->thread;
    } else if (h->what == READ_HELD) {
        held->many = true;
    }
    return rc;
}

static int part_add(struct bursting *x, struct crowd *c, struct part part)
{
    if (part.what == JOB_END)
        crowd_join(x, c, &x->jobs.data[part.index]);
    else if (part.what == READ || part.what == ACT)
        crowd_add(c, part.index);
    c->anybody |= part.what == TIMER;
    int rc = part.what == JOB_BEGIN ? job_begin(x, &x->jobs.data[part.index], c) : 0;
    return rc < 0 ? rc : vec_push(&x->parts, part);
}

static int burst_open(struct bursting *x, struct crowd *c, const struct held_reads *held,
                      uint64_t time)
{
    int rc = vec_push(&x->bursts, ((struct burst){time, NEVER, false, false}));

    *c = (struct crowd){.count = 0};
    if (rc == 0)
        rc = vec_push(&x->firsts, x->parts.len);
    if (rc == 0 && (held->many || x->bursts.len == 1))
        rc = part_add(x, c, (struct part){time, 0, NONE, TIMER});
    for (size_t i = 0; rc == 0 && i < held->count; i++)
        rc = part_add(x, c, (struct part){time, held->reads[i].request, held->reads[i].loop, READ});
    return rc;
}

/* The thread's touch at `at`; NULL: none. */
static struct touch *touch_at(const struct bursting *x, uint32_t thread, uint64_t at)
{
    const struct by_thread *touches = &x->b->touches;
    size_t low = touches->from[thread], high = touches->from[thread + 1];

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (x->a->touches.data[touches->index[mid]].time < at)
            low = mid + 1;
        else
            high = mid;
    }
    struct touch *t =
        low < touches->from[thread + 1] ? &x->a->touches.data[touches->index[low]] : NULL;
    return t && t->time == at ? t : NULL;
}

/* Cuts all that happened into bursts, and says for whom each job may have begun. */
static int bursts_cut(struct bursting *x)
{
    static const uint8_t parts[] = {
        [JOB_END] = JOB_END, [TIMER] = TIMER,         [READ] = READ,     [READ_HELD] = READ,
        [ACT] = ACT,         [JOB_BEGIN] = JOB_BEGIN, [LOOP_ASLEEP] = 0,
    };
    struct crowd crowd = {.count = 0};
    struct held_reads held = {.count = 0};
    size_t awake = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < x->all.len; i++) {
        const struct happening *h = &x->all.data[i];
        bool holds = h->what == READ_HELD || h->what == LOOP_ASLEEP;
        bool near = x->bursts.len && h->time <= vec_last(&x->bursts)->end + MOMENT_NS;
        if (!awake && !near && !holds)
            rc = burst_open(x, &crowd, &held, h->time);
        if (rc == 0)
            rc = held_see(x, &held, h);
        if (rc == 0 && parts[h->what] && (awake || near || !holds))
            rc = part_add(x, &crowd, (struct part){h->time, h->index, h->thread, parts[h->what]});
        awake += h->what == AWAKE;
        awake -= awake && (h->what == JOB_BEGIN || h->what == ASLEEP);
        if (!awake && x->bursts.len && !holds)
            vec_last(&x->bursts)->end = h->time;
    }
    return rc < 0 ? rc : vec_push(&x->firsts, x->parts.len);
}

/* ---- whose each job is */

/* The job whose begin or end it is; NULL: another part. */
static struct job *part_job(const struct bursting *x, const struct part *p)
{
    bool is = p->what == JOB_END || p->what == JOB_BEGIN;
    return is && x->jobs.data ? &x->jobs.data[p->index] : NULL;
}

/* What a part of a burst is for; NONE: not known. */
static uint32_t part_request(const struct bursting *x, const struct part *p)
{
    const struct job *job = part_job(x, p);

    if (p->what == READ || p->what == ACT)
        return p->index;
    return job ? job->owner_plus1 - 1 : NONE; /* which is what a job without an owner has */
}

static bool is_input(const struct part *p)
{
    return p->what == TIMER || p->what == JOB_END || p->what == READ;
}

/* One of the bursts, and its parts. */
struct view {
    uint32_t burst;
    const struct part *parts;
    size_t count;
};

/*
 * What made the burst's part `out` possible, of which it is known for whom it is: the one job that
 * may have been for that request, if nothing else can have. What began in the burst itself has made
 * nothing possible that was not. `*told`: it is known already.
 */
static struct job *explain(struct bursting *x, const struct view *v, size_t out, bool *told)
{
    uint32_t request = part_request(x, &v->parts[out]);
    struct job *only = NULL;
    size_t others = 0;

    *told = false;
    for (size_t i = 0; i < out; i++) {
        const struct part *p = &v->parts[i];
        struct job *job = part_job(x, p);
        if (p->what == TIMER) {
            others++;
        } else if (!is_input(p) ||
                   (job && (job->burst == v->burst || !job_may_be(x, job, request)))) {
            continue;
        } else if (part_request(x, p) == request) {
            *told = true;
            return NULL;
        } else if (job) {
            others += only != NULL;
            only = job;
        }
    }
    return others ? NULL : only;
}

/* Gives to requests what alone explains what was done for them, and for nobody else. */
static bool burst_explain(struct bursting *x, const struct view *v)
{
    struct job *by[BURST_MAX];
    bool any = false, told;

    for (size_t k = 0; k < v->count; k++) {
        const struct part *p = &v->parts[k];
        by[k] = is_input(p) || part_request(x, p) == NONE ? NULL : explain(x, v, k, &told);
    }
    for (size_t k = 0; k < v->count; k++) {
        uint32_t request = part_request(x, &v->parts[k]);
        bool disputed = !by[k] || by[k]->owner_plus1 || v->parts[k].what != ACT;
        for (size_t i = 0; i < v->count && !disputed; i++)
            disputed = by[i] == by[k] && part_request(x, &v->parts[i]) != request;
        if (disputed)
            continue;
        by[k]->owner_plus1 = request + 1;
        by[k]->found = any = true;
    }
    return any;
}

/* What is known of a burst: whether all jobs that were done are somebody's, how many timers fired,
 * and how many requests were called that nothing else has called. */
struct tale {
    bool jobs;
    size_t timers, fired, called; /* `fired`: nobody had woken their thread */
};

static struct tale burst_tale(struct bursting *x, const struct view *v)
{
    struct tale tale = {.jobs = v->count <= BURST_MAX};
    bool told;

    for (size_t k = 0; k < v->count && tale.jobs; k++) {
        const struct part *p = &v->parts[k];
        bool first_act = p->what == ACT;
        for (size_t i = 0; i < k && first_act; i++)
            first_act = part_request(x, &v->parts[i]) != p->index;
        tale.called += first_act && !explain(x, v, k, &told) && !told;
        tale.timers += p->what == TIMER;
        tale.fired += p->what == TIMER && p->index;
        tale.jobs = p->what != JOB_END || part_request(x, p) != NONE;
    }
    return tale;
}

/* What is done for a request when nobody else can be at work. */
static void burst_soles(const struct bursting *x, const struct view *v)
{
    bool others = false;

    for (size_t k = 0; k < v->count && !others; k++) {
        const struct part *p = &v->parts[k];
        uint32_t request = part_request(x, p);
        struct touch *t = p->what == ACT ? touch_at(x, p->thread, p->time) : NULL;
        if (p->what == JOB_BEGIN)
            continue;
        others = request == NONE || request != part_request(x, &v->parts[0]);
        if (t && !others)
            t->sole = true;
    }
}

static struct view view_of(const struct bursting *x, size_t burst)
{
    size_t from = x->firsts.data[burst], to = x->firsts.data[burst + 1];

    if (!x->parts.data)
        return (struct view){(uint32_t)burst, NULL, 0};
    return (struct view){(uint32_t)burst, x->parts.data + from, to - from};
}

/*
 * A burst without timers was for those whose bytes came and whose jobs were done. A timer may have
 * called anybody; but where timers are seen to call requests that something is done for at once,
 * it was for as many of those.
 */
static int bursts_tell(struct bursting *x, uint32_t process)
{
    struct analysis *a = x->a;
    struct proc *p = &a->procs.data[process];
    size_t timed = 0, stray = 0;
    int rc = 0;

    for (size_t i = 1; i < x->bursts.len; i++) {
        const struct view v = view_of(x, i);
        const struct tale tale = burst_tale(x, &v);
        x->bursts.data[i].told = tale.jobs && tale.fired <= tale.called;
        x->bursts.data[i].timed = tale.timers > 0;
        timed += tale.jobs && tale.fired;
        stray += tale.jobs && tale.fired > tale.called;
    }
    p->first_burst = (uint32_t)a->bursts.len;
    for (size_t i = 1; rc == 0 && i < x->bursts.len; i++) {
        const struct burst *b = &x->bursts.data[i];
        bool told = b->told && (!b->timed || stray <= timed / STRAY_MIN);
        if (b->end != NEVER && b->start < b->end && told)
            rc = vec_push(&a->bursts, ((struct doubt){b->start, b->end}));
    }
    p->bursts = (uint32_t)(a->bursts.len - p->first_burst);
    p->first_lull = (uint32_t)a->lulls.len;
    for (size_t i = 1; rc == 0 && !p->stands_in_line && i < x->bursts.len; i++) {
        const struct doubt lull = {x->bursts.data[i - 1].end, x->bursts.data[i].start};
        if (lull.start < lull.end)
            rc = vec_push(&a->lulls, lull);
    }
    p->lulls = (uint32_t)(a->lulls.len - p->first_lull);
    return rc;
}

/* The end of what the thread did last before its interval `i`, if that is near and nobody else's;
 * else the interval's begin. */
static uint64_t begins_since(const struct bursting *x, const struct job *job)
{
    const struct analysis *a = x->a;
    const struct thread *t = &a->tl->threads.data[job->thread];
    const struct by_thread *touches = &x->b->touches;
    uint64_t since = job->start;
    size_t i = job->interval;

    while (i > 0 && !state_is_wait(t->intervals.data[i - 1].state) &&
           t->intervals.data[i - 1].state != STATE_UNKNOWN)
        since = t->intervals.data[--i].start_ns;
    size_t low = touches->from[job->thread], high = touches->from[job->thread + 1];
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (a->touches.data[touches->index[mid]].time <= job->start)
            low = mid + 1;
        else
            high = mid;
    }
    if (low > touches->from[job->thread]) {
        uint64_t touch = a->touches.data[touches->index[low - 1]].time;
        since = touch > since ? touch : since;
    }
    return job->start - since <= BRIEF_NS ? since : job->start;
}

static int jobs_give(struct bursting *x)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < x->jobs.len; i++) {
        const struct job *job = &x->jobs.data[i];
        if (!job->found)
            continue;
        rc = item_add(x->a, &(struct item){job->owner_plus1 - 1, job->thread, begins_since(x, job),
                                           thread_on_again(&x->a->tl->threads.data[job->thread],
                                                           job->interval),
                                           NEVER, NEVER});
    }
    return rc;
}

/* ---- what it says of the workers */

/*
 * Do workers turn to another piece of work without a touch? Those of coroutines do: each piece
 * goes on to where it waits for something. Then what one did before an answer may have been for
 * anybody.
 */
static void silences_count(const struct bursting *x, uint32_t thread, size_t *bouts, size_t *silent)
{
    const struct bouts *b = x->b;
    uint32_t touch = b->touches.from[thread], touches = b->touches.from[thread + 1];

    for (size_t k = b->first_park[thread]; k + 1 < b->first_park[thread + 1]; k++) {
        uint64_t start = b->parks.data[k].end, end = b->parks.data[k + 1].start;
        while (touch < touches && x->a->touches.data[b->touches.index[touch]].time < start)
            touch++;
        bool any = touch < touches && x->a->touches.data[b->touches.index[touch]].time < end;
        *bouts += end > start + IN_VAIN_NS;
        *silent += end > start + IN_VAIN_NS && !any;
    }
}

/* What a worker did that passes work on before it answered what was handed to it is nobody's,
 * where others may have been at work, but for a brief time. */
static void heads_cut(struct bursting *x, uint32_t thread)
{
    struct analysis *a = x->a;
    const struct by_thread *tenures = &x->b->tenures;

    for (uint32_t i = tenures->from[thread]; i < tenures->from[thread + 1]; i++) {
        struct tenure *n = &a->tenures.data[tenures->index[i]];
        const struct touch *t = touch_at(x, thread, n->first_touch);
        bool handed = a->drafts.data[n->request].first_thread != thread;
        if (handed && t && !t->receives && !t->sole && n->first_touch - n->start > BRIEF_NS)
            n->start = n->first_touch - BRIEF_NS;
    }
}

static void workers_cut(struct bursting *x, uint32_t process)
{
    const struct bouts *b = x->b;
    size_t bouts = 0, silent = 0;

    for (uint32_t i = b->threads.from[process]; i < b->threads.from[process + 1]; i++)
        if (b->worker[b->threads.index[i]])
            silences_count(x, b->threads.index[i], &bouts, &silent);
    for (uint32_t i = b->threads.from[process]; i < b->threads.from[process + 1]; i++)
        if (b->worker[b->threads.index[i]] && silent > bouts / SILENT_MIN)
            heads_cut(x, b->threads.index[i]);
}

int bursts_follow(struct analysis *a, struct bouts *b, uint32_t process)
{
    struct bursting x = {.a = a, .b = b};
    int rc = happenings_collect(&x, process);

    if (rc == 0)
        rc = bursts_cut(&x);
    for (size_t i = x.bursts.len; rc == 0 && i-- > 0;) {
        const struct view v = view_of(&x, i);
        for (size_t k = 0; k < ROUNDS_MAX && v.count <= BURST_MAX && burst_explain(&x, &v); k++)
            ;
        burst_soles(&x, &v);
    }
    if (rc == 0)
        rc = bursts_tell(&x, process);
    if (rc == 0)
        rc = jobs_give(&x);
    if (rc == 0)
        workers_cut(&x, process);
    vec_release(&x.all);
    vec_release(&x.jobs);
    vec_release(&x.candidates);
    vec_release(&x.taken);
    vec_release(&x.parts);
    vec_release(&x.firsts);
    vec_release(&x.bursts);
    return rc;
}
