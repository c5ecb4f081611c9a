/*
 * work: what runtimes say themselves of the pieces of work they turn to.
 *
 *     libuv      SUBMIT by the loop, BEGIN and END by a worker, RESUME by the loop: all of a
 *                hand-off. Whose it is, is whose turn it was at the SUBMIT.
 *                Where io_uring takes the pool's place, uring.c tells when it is done; the loop's
 *                next touch is the resume where none is told.
 *     nginx      SUBMIT by the loop, BEGIN by a worker. The loop leaves the request alone until
 *                it is back, so that its next touch of it is the resume.
 *     asyncio    SUBMIT when a task is made, RESUME at each of its steps: see tasks.c.
 *     coroutines see coroutines.c.
 *     executors  SUBMIT in a task's step, BEGIN and END by a worker; the task's next step follows.
 *
 * An address comes again once its piece is gone: a SUBMIT begins another piece, and a task's steps
 * behind an answer lead to the next touch, not to the last.
 */
#include "analysis/internal.h"

/* So soon behind its place in the pool anyio hands it over. */
#define PLACE_NS 1000000u
/* So soon it parks, or begins with the next piece, when it has the pool's lock. */
#define LOOK_NS 100000u

uint64_t work_key(const struct analysis *a, const struct event_work *e, uint32_t thread)
{
    const uint64_t what[3] = {e->item, e->kind, a->tl->threads.data[thread].process};
    return table_hash(what, sizeof(what));
}

struct work *work_find(struct analysis *a, const struct event_work *e, uint32_t thread)
{
    uint64_t index;
    return table_get(&a->work_index, work_key(a, e, thread), &index) ? &a->works.data[index] : NULL;
}

struct work *work_make(struct analysis *a, const struct event_work *e, uint32_t thread)
{
    struct work *w = work_find(a, e, thread);
    if (w)
        return w;
    size_t index = a->works.len;
    if (index >= NONE || vec_reserve(&a->works, index + 1) < 0 || !a->works.data ||
        table_put(&a->work_index, work_key(a, e, thread), index) < 0)
        return NULL;
    a->works.data[index] = (struct work){0};
    a->works.len++;
    return &a->works.data[index];
}

struct draft *work_draft(struct analysis *a, const struct work *w)
{
    struct draft *d = w && w->request_plus1 ? &a->drafts.data[w->request_plus1 - 1] : NULL;
    return d && !d->closed ? d : NULL;
}

void work_owes(struct analysis *a, struct work *w, bool owes)
{
    if (!w->request_plus1 || w->owed == owes)
        return;
    draft_leave(a, w->request_plus1 - 1);
    a->drafts.data[w->request_plus1 - 1].outstanding += owes ? 1 : -1u;
    draft_enter(a, w->request_plus1 - 1);
    w->owed = owes;
}

/* The low half of the number of a request's connection. */
static uint32_t connection_of(const struct analysis *a, uint32_t request)
{
    return (uint32_t)a->socks.data[a->drafts.data[request].sock].obj;
}

/*
 * For whom nginx posts a task. Its memory is its request's: posted again before the loop has come
 * back to that one it is for the same, whatever the loop touched last. Where a task sends by
 * itself, as it does with sendfile, that one may be answered and its memory be another's: the
 * socket tells.
 */
static uint32_t posted_for(struct analysis *a, const struct event_work *e, const struct work *w,
                           uint32_t thread)
{
    uint32_t now = tenure_request(a, thread), before = w->request_plus1 - 1;
    const struct draft *d = w->owed ? work_draft(a, w) : NULL;

    if (d && e->about)
        return connection_of(a, before) == e->about ? before : now;
    return d && !a->socks.data[d->sock].ended ? before : now;
}

/* Of these tasks the end is not told, and where the compiler has hidden the place, the begin is not
 * either. */
static int post(struct analysis *a, const struct event_work *e, struct act *act)
{
    const struct life *l = &a->lives.data[act->thread];
    struct proc *p = &a->procs.data[a->tl->threads.data[act->thread].process];
    struct work *w = work_make(a, e, act->thread);

    if (!w)
        return -ENOMEM;
    thread_scan(a, act->thread, act->time);
    uint32_t request = posted_for(a, e, w, act->thread);
    bool sure = request != NONE && (l->known || !thread_rivals(a, act->thread, request));
    int rc = sure ? tenure_touch(a, request, act) : 0;
    work_owes(a, w, false);
    *w = (struct work){
        .kind = e->kind, .request_plus1 = sure ? request + 1 : 0, .submitted = act->time};
    if (!sure)
        return 0;
    struct draft *d = &a->drafts.data[request];
    p->submits = true;
    d->handed = !p->hands_over;
    if (!p->hands_over)
        return rc;
    if (d->posted_plus1) /* as subrequests do; what is told of it is told all the same */
        work_owes(a, &a->works.data[d->posted_plus1 - 1], false);
    d->posted_plus1 = (uint32_t)(w - a->works.data) + 1;
    work_owes(a, w, true);
    return rc;
}

static int submit(struct analysis *a, const struct event_work *e, struct act *act)
{
    struct life *l = &a->lives.data[act->thread];
    thread_scan(a, act->thread, act->time);
    uint32_t request = tenure_request(a, act->thread);
    struct work *w = work_make(a, e, act->thread);

    if (!w)
        return -ENOMEM;
    work_owes(a, w, false);
    bool sure = request != NONE && (l->known || !thread_rivals(a, act->thread, request));

    /* Node's timers and immediates run between two polls, and they begin work of nobody's, too:
     * perhaps also soon behind a request that has asked and now waits. */
    if (e->kind == WORK_LIBUV || e->kind == WORK_URING) {
        bool waits = request != NONE && a->drafts.data[request].outstanding;
        l->strays |= request == NONE;
        if (sure && l->strays && (waits || tenure_idle(a, act->thread, act->time))) {
            a->tenures.data[l->tenure_plus1 - 1].perhaps = true;
            sure = false;
        }
    }
    if (sure && w->request_plus1 == request + 1 && w->tenure_plus1 && !w->ended) {
        work_owes(a, w, true); /* told again, and begun already */
        return tenure_touch(a, request, act);
    }
    *w = (struct work){
        .kind = e->kind, .request_plus1 = sure ? request + 1 : 0, .submitted = act->time};
    if (!sure)
        return 0;
    int rc = tenure_touch(a, request, act);
    if (e->kind == WORK_FUTURE && l->tenure_plus1) {
        struct tenure *x = &a->tenures.data[l->tenure_plus1 - 1];
        x->submits = true;
        x->in_line |= (e->flags & WORK_IN_LINE) && act->time - x->start <= PLACE_NS;
    }
    work_owes(a, w, true);
    return rc;
}

/* What the item's thread did from its begin to `at` was the item's, and what comes then is not. */
static void work_end(struct analysis *a, struct work *w, uint64_t at)
{
    const struct life *l = &a->lives.data[w->worker];

    if (!w->tenure_plus1 || w->ended)
        return;
    const struct tenure *x = &a->tenures.data[w->tenure_plus1 - 1];
    w->ended = at > x->start ? at : x->start;
    if (l->tenure_plus1 == w->tenure_plus1) { /* else it has turned to something else */
        tenure_leave(a, w->worker, w->ended);
        if (work_draft(a, w))
            work_draft(a, w)->woken = w->ended;
    }
}

/* The wait that the thread is in at `at`, up to where it is scanned; NULL: none. */
static const struct interval *wait_at(const struct analysis *a, uint32_t thread, uint64_t at)
{
    const struct thread *t = &a->tl->threads.data[thread];
    size_t next = a->lives.data[thread].scan;
    const struct interval *iv = next < t->intervals.len ? &t->intervals.data[next] : NULL;
    return iv && iv->start_ns < at && state_is_wait(iv->state) ? iv : NULL;
}

/* When the thread, if it is parked at `at` or stands at the pool's lock, began to; else `at`. */
static uint64_t parked_since(const struct analysis *a, uint32_t thread, uint64_t at)
{
    const struct interval *iv = wait_at(a, thread, at);
    bool parked = iv && (iv->state == STATE_LOCK || wait_ends_work(a, thread, iv));
    return parked ? iv->start_ns : at;
}

void work_back(struct analysis *a, uint32_t request, struct act *act)
{
    struct draft *d = &a->drafts.data[request];
    struct work *w = &a->works.data[d->posted_plus1 - 1];

    /* It comes for another reason, or it is the task itself that sends. */
    if (act->receives || act->cause != CAUSE_NONE || (w->tenure_plus1 && w->worker == act->thread))
        return;
    if (w->tenure_plus1 && !w->ended) {
        thread_scan(a, w->worker, act->time);
        const struct interval *iv = wait_at(a, w->worker, act->time);
        bool inside = iv && iv->start_ns + MOMENT_NS < act->time;
        if (!w->ended && inside && !wait_ends_work(a, w->worker, iv))
            return;
        work_end(a, w, parked_since(a, w->worker, act->time));
    }
    work_owes(a, w, false);
    d->posted_plus1 = 0;
    d->woken = NEVER;
    act->untold = !w->tenure_plus1;
    thread_scan(a, act->thread, act->time);
    /* If it went to sleep since it has been back before, and this is for something else: there is
     * room in the socket again, or it is time to send more. */
    uint64_t slept = a->lives.data[act->thread].yield_start;
    if (act->untold || (slept != NEVER && slept > w->ended + MOMENT_NS))
        return;
    act->cause = CAUSE_READY;
    act->ready = w->ended;
}

/*
 * libuv 1.x, src/threadpool.c, worker(): when the work is done the loop is told, and then the
 * thread takes the pool's lock to look for more. A lock that it waits for just before it parks, or
 * begins with the next piece, is that one. Gives when the wait for it began, or `at`.
 */
static uint64_t locked_since(const struct analysis *a, const struct work *w, uint64_t at)
{
    const struct thread *t = &a->tl->threads.data[w->worker];
    uint64_t begun = w->tenure_plus1 ? a->tenures.data[w->tenure_plus1 - 1].start : at;

    if (w->kind != WORK_LIBUV)
        return at;
    for (size_t i = a->lives.data[w->worker].scan; i-- > 0 && i < t->intervals.len;) {
        const struct interval *iv = &t->intervals.data[i];
        if (iv->start_ns >= at)
            continue;
        if (iv->start_ns <= begun || (i + 1 < t->intervals.len && iv[1].start_ns + LOOK_NS < at))
            break;
        if (iv->state == STATE_LOCK)
            return iv->start_ns;
        if (state_is_wait(iv->state))
            break;
    }
    return at;
}

void work_leave(struct analysis *a, uint32_t thread, uint64_t at)
{
    struct life *l = &a->lives.data[thread];
    struct work *w = l->work_plus1 ? &a->works.data[l->work_plus1 - 1] : NULL;

    l->work_plus1 = 0;
    if (w && w->worker == thread)
        work_end(a, w, locked_since(a, w, at));
    if (l->stray_plus1)
        a->strays.data[l->stray_plus1 - 1].end = at;
    l->stray_plus1 = 0;
}

int work_begin_stray(struct analysis *a, uint32_t thread, uint64_t at)
{
    struct life *l = &a->lives.data[thread];

    if (a->strays.len >= NONE - 1 ||
        vec_push(&a->strays, ((struct stray){at, NEVER, l->last_stray_plus1})) < 0)
        return -ENOMEM;
    l->stray_plus1 = l->last_stray_plus1 = (uint32_t)a->strays.len;
    return 0;
}

uint64_t work_told_since(const struct analysis *a, uint32_t thread)
{
    const struct life *l = &a->lives.data[thread];
    uint32_t process = a->tl->threads.data[thread].process;
    bool all = a->procs.data[process].hands_over || a->procs.data[process].executors ||
               a->lives.data[thread].coroutines;
    return all && l->begins ? l->first_begin : NEVER;
}

static int begin(struct analysis *a, const struct event_work *e, struct act *act)
{
    thread_scan(a, act->thread, act->time);
    work_leave(a, act->thread, act->time);
    struct life *l = &a->lives.data[act->thread];
    if (!l->begins)
        l->first_begin = act->time;
    l->begins = true;
    l->pool_lock = e->about;

    struct work *w = work_find(a, e, act->thread);
    /* Nobody's; or libuv's synchronous call, in which the loop does the work itself. */
    if (!work_draft(a, w))
        return e->kind == WORK_FUTURE && !(w && w->request_plus1)
                   ? work_begin_stray(a, act->thread, act->time)
                   : 0;
    act->cause = CAUSE_HANDOFF;
    act->ready = w->submitted;
    act->at_once = true;
    int rc = tenure_touch(a, w->request_plus1 - 1, act);
    w->worker = act->thread;
    w->tenure_plus1 = l->tenure_plus1;
    if (rc == 0)
        a->tenures.data[w->tenure_plus1 - 1].told_whole = l->ends;
    w->ended = 0;
    l->work_plus1 = (uint32_t)(w - a->works.data) + 1;
    return rc;
}

static int end(struct analysis *a, const struct event_work *e, struct act *act)
{
    struct work *w = work_find(a, e, act->thread);

    thread_scan(a, act->thread, act->time);
    const struct life *l = &a->lives.data[act->thread];
    if (l->stray_plus1 || (w && l->work_plus1 == (uint32_t)(w - a->works.data) + 1))
        work_leave(a, act->thread, act->time);
    if (w && e->kind == WORK_FUTURE) {
        work_owes(a, w, false);
        w->request_plus1 = 0; /* the next to begin at this address may be told before it is made */
    }
    return 0;
}

int work_turn_to(struct analysis *a, uint32_t request, struct act *act)
{
    struct draft *d = &a->drafts.data[request];

    act->receives = act->resumes = true;
    if (d->woken != NEVER) {
        act->cause = CAUSE_READY;
        act->ready = d->woken;
    }
    d->woken = NEVER;
    return tenure_touch(a, request, act);
}

int work_bind(struct analysis *a, const struct event_work *e, const struct act *act,
              uint32_t request)
{
    struct work *w = work_make(a, e, act->thread);
    if (!w)
        return -ENOMEM;
    *w = (struct work){.request_plus1 = request == NONE ? 0 : request + 1};
    return 0;
}

struct work *work_tagged(struct analysis *a, uint32_t thread, uint64_t tag)
{
    const struct event_work e = {.item = tag, .kind = WORK_URING};
    return thread == NONE ? NULL : work_find(a, &e, thread);
}

void work_ready(struct analysis *a, struct work *w, uint64_t at)
{
    struct draft *d = w->owed ? work_draft(a, w) : NULL;

    if (d) {
        d->woken = d->uring_ready = at;
        d->uring_inferred = false;
    }
    work_owes(a, w, false);
}

static int resume(struct analysis *a, const struct event_work *e, struct act *act)
{
    struct work *w = work_find(a, e, act->thread);
    uint32_t request = w && work_draft(a, w) ? w->request_plus1 - 1 : NONE;

    thread_scan(a, act->thread, act->time);
    if (w) {
        work_owes(a, w, false);
        if (w->tenure_plus1) {
            thread_scan(a, w->worker, act->time);
            work_end(a, w, locked_since(a, w, parked_since(a, w->worker, act->time)));
        }
    }
    if (request == NONE)
        return tenure_foreign(a, act);
    int rc = work_turn_to(a, request, act);
    w->request_plus1 = 0;
    return rc;
}

int work_event(struct analysis *a, const struct record *r)
{
    const struct event_work *e = record_event(a, r);
    const struct thread *t = r->thread == NONE ? NULL : &a->tl->threads.data[r->thread];
    struct act act = {.thread = r->thread, .time = analysis_rel(a, r->time_ns), .ready = NEVER};

    if (!t || act.time < t->start_ns || act.time > t->end_ns)
        return 0;
    if (e->kind == WORK_TIMER) /* nobody works at that: see steps.c */
        return 0;
    if (e->kind == WORK_COROUTINE)
        return coroutine_event(a, e, &act);
    if (e->kind == WORK_TASK)
        return task_event(a, e, &act, (size_t)(r - a->records.data));
    switch (e->op) {
    case WORK_SUBMIT:
        return e->kind == WORK_NGINX ? post(a, e, &act) : submit(a, e, &act);
    case WORK_BEGIN:
        return begin(a, e, &act);
    case WORK_END:
        return end(a, e, &act);
    case WORK_RESUME:
        return resume(a, e, &act);
    default:
        return 0;
    }
}
