/*
 * work: what runtimes say themselves of the pieces of work they turn to.
 *
 *     libuv      SUBMIT by the loop, BEGIN and END by a worker, RESUME by the loop: all of a
 *                hand-off. Whose it is, is whose turn it was at the SUBMIT.
 *     nginx      SUBMIT by the loop, BEGIN by a worker. The loop leaves the request alone until
 *                it is back, so that its next touch of it is the resume.
 *     asyncio    SUBMIT when a task is made, RESUME at each of its steps: whose the maker is, is
 *                whose the task is. One that was made for nobody, for a connection before its
 *                first request, say, is told by what it touches: all its steps belong to the
 *                connection that it sends on next, so it is looked for from the end of the
 *                capture to its begin. A loop that collects answers and sends them together, as
 *                uvloop does, tells nothing so.
 *                With --precise END when a step ends, with the future that the task waits for now,
 *                and READY when somebody sets that future's result: the task could go on from then
 *                on, and waits for its loop.
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

static uint64_t work_key(const struct analysis *a, const struct event_work *e, uint32_t thread)
{
    const uint64_t what[3] = {e->item, e->kind, a->tl->threads.data[thread].process};
    return table_hash(what, sizeof(what));
}

static struct work *work_find(struct analysis *a, const struct event_work *e, uint32_t thread)
{
    uint64_t index;
    return table_get(&a->work_index, work_key(a, e, thread), &index) ? &a->works.data[index] : NULL;
}

static struct work *work_make(struct analysis *a, const struct event_work *e, uint32_t thread)
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

static struct draft *work_draft(struct analysis *a, const struct work *w)
{
    struct draft *d = w && w->request_plus1 ? &a->drafts.data[w->request_plus1 - 1] : NULL;
    return d && !d->closed ? d : NULL;
}

static void owes(struct analysis *a, struct work *w, bool owes)
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
    owes(a, w, false);
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
        owes(a, &a->works.data[d->posted_plus1 - 1], false);
    d->posted_plus1 = (uint32_t)(w - a->works.data) + 1;
    owes(a, w, true);
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
    owes(a, w, false);
    bool sure = request != NONE && (l->known || !thread_rivals(a, act->thread, request));

    /* Node's timers and immediates run between two polls, and they begin work of nobody's, too:
     * perhaps also soon behind a request that has asked and now waits. */
    if (e->kind == WORK_LIBUV) {
        bool waits = request != NONE && a->drafts.data[request].outstanding;
        l->strays |= request == NONE;
        if (sure && l->strays && (waits || tenure_idle(a, act->thread, act->time))) {
            a->tenures.data[l->tenure_plus1 - 1].perhaps = true;
            sure = false;
        }
    }
    if (sure && w->request_plus1 == request + 1 && w->tenure_plus1 && !w->ended) {
        owes(a, w, true); /* told again, and begun already */
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
    owes(a, w, true);
    return rc;
}

/* What the item's thread did from its begin to `at` was the item's, and what comes then is not. */
static void work_end(struct analysis *a, struct work *w, uint64_t at)
{
    struct life *l = &a->lives.data[w->worker];

    if (!w->tenure_plus1 || w->ended)
        return;
    struct tenure *x = &a->tenures.data[w->tenure_plus1 - 1];
    w->ended = at > x->start ? at : x->start;
    if (l->tenure_plus1 == w->tenure_plus1) { /* else it has turned to something else */
        x->last_touch = x->end = w->ended;
        x->replied = true;
        l->tenure_plus1 = 0;
        l->tenure_end = w->ended;
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
    owes(a, w, false);
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
}

static int begin(struct analysis *a, const struct event_work *e, struct act *act)
{
    thread_scan(a, act->thread, act->time);
    work_leave(a, act->thread, act->time);
    a->lives.data[act->thread].begins = true;
    a->lives.data[act->thread].pool_lock = e->about;

    struct work *w = work_find(a, e, act->thread);
    /* Nobody's; or libuv's synchronous call, in which the loop does the work itself. */
    if (!work_draft(a, w))
        return 0;
    act->cause = CAUSE_HANDOFF;
    act->ready = w->submitted;
    act->at_once = true;
    int rc = tenure_touch(a, w->request_plus1 - 1, act);
    w->worker = act->thread;
    w->tenure_plus1 = a->lives.data[act->thread].tenure_plus1;
    w->ended = 0;
    a->lives.data[act->thread].work_plus1 = (uint32_t)(w - a->works.data) + 1;
    return rc;
}

static int end(struct analysis *a, const struct event_work *e, struct act *act)
{
    struct work *w = work_find(a, e, act->thread);

    thread_scan(a, act->thread, act->time);
    if (w && a->lives.data[act->thread].work_plus1 == (uint32_t)(w - a->works.data) + 1)
        work_leave(a, act->thread, act->time);
    if (w && e->kind == WORK_FUTURE) {
        owes(a, w, false);
        w->request_plus1 = 0; /* the next to begin at this address may be told before it is made */
    }
    return 0;
}

/* The step that the loop was in is over, and what it does then is not its request's. */
static int stepped(struct analysis *a, struct act *act)
{
    struct life *l = &a->lives.data[act->thread];
    uint32_t request = tenure_request(a, act->thread);

    if (request == NONE)
        return tenure_foreign(a, act);
    int rc = tenure_touch(a, request, act);
    if (rc == 0) {
        struct tenure *x = &a->tenures.data[l->tenure_plus1 - 1];
        x->end = l->tenure_end = act->time;
        x->replied = true;
        l->tenure_plus1 = 0;
    }
    return rc;
}

/* A task's step, whose connection tasks_survey() has found. */
static uint32_t task_request(struct analysis *a, size_t record)
{
    uint64_t obj;
    const struct sock *s = table_get(&a->task_conns, record, &obj) ? socket_find(a, obj) : NULL;
    if (!s || !s->request_plus1 || a->drafts.data[s->request_plus1 - 1].closed)
        return NONE;
    return s->request_plus1 - 1;
}

static int turn_to(struct analysis *a, uint32_t request, struct act *act)
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

static int bind(struct analysis *a, const struct event_work *e, struct act *act)
{
    uint32_t request = tenure_request(a, act->thread);
    struct work *w = work_make(a, e, act->thread);
    if (!w)
        return -ENOMEM;
    *w = (struct work){.request_plus1 = request == NONE ? 0 : request + 1};
    return 0;
}

static int step(struct analysis *a, const struct event_work *e, struct act *act, size_t record)
{
    struct life *l = &a->lives.data[act->thread];

    thread_scan(a, act->thread, act->time);
    if (e->op == WORK_SUBMIT)
        return l->makes ? bind(a, e, act) : 0;
    if (e->op == WORK_END)
        return stepped(a, act);
    if (e->op != WORK_RESUME)
        return 0;
    const struct work *w = l->makes ? work_find(a, e, act->thread) : NULL;
    uint32_t request = l->flushes ? NONE : task_request(a, record);
    if (request == NONE && work_draft(a, w))
        request = w->request_plus1 - 1;
    if (request == NONE)
        return tenure_foreign(a, act);
    act->step_plus1 = step_plus1_at(a, record);
    struct draft *d = &a->drafts.data[request];
    /* What came then has not made it ready. */
    if (act->step_plus1 && d->woken < a->steps.data[act->step_plus1 - 1].waited_until)
        d->woken = NEVER;
    return turn_to(a, request, act);
}

static int resume(struct analysis *a, const struct event_work *e, struct act *act)
{
    struct work *w = work_find(a, e, act->thread);
    uint32_t request = w && work_draft(a, w) ? w->request_plus1 - 1 : NONE;

    thread_scan(a, act->thread, act->time);
    if (w) {
        owes(a, w, false);
        if (w->tenure_plus1) {
            thread_scan(a, w->worker, act->time);
            work_end(a, w, locked_since(a, w, parked_since(a, w->worker, act->time)));
        }
    }
    if (request == NONE)
        return tenure_foreign(a, act);
    int rc = turn_to(a, request, act);
    w->request_plus1 = 0;
    return rc;
}

int work_event(struct analysis *a, const struct record *r)
{
    const struct event_work *e = (const void *)r->ev;
    const struct thread *t = r->thread == NONE ? NULL : &a->tl->threads.data[r->thread];
    struct act act = {.thread = r->thread, .time = analysis_rel(a, r->time_ns), .ready = NEVER};

    if (!t || act.time < t->start_ns || act.time > t->end_ns)
        return 0;
    if (e->kind == WORK_TASK)
        return step(a, e, &act, (size_t)(r - a->records.data));
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

/* What the survey knows of a thread, coming from the end: the connection it sends on behind the
 * record it looks at, before it turns to anything else. */
struct seen {
    uint64_t sends_on;
    bool several;           /* more than one */
    bool makes;             /* the next that it does is to make a task */
    uint32_t reads, makers; /* receives that begin something, and those that make a task at once */
};

static int survey_work(struct analysis *a, struct table *tasks, const struct event_work *e,
                       uint32_t thread, size_t record, struct seen *seen)
{
    struct life *l = &a->lives.data[thread];
    uint64_t key = work_key(a, e, thread), obj;
    int rc = 0;

    if ((e->kind == WORK_LIBUV && e->op == WORK_SUBMIT) ||
        (e->kind == WORK_NGINX && e->op == WORK_BEGIN))
        a->procs.data[a->tl->threads.data[thread].process].hands_over = true;
    seen->makes = e->kind == WORK_TASK && e->op == WORK_SUBMIT;
    if (seen->makes) /* what has its address before is another */
        table_remove(tasks, key);
    l->steps_end |= e->kind == WORK_TASK && e->op == WORK_END;
    if (e->kind != WORK_TASK || e->op != WORK_RESUME)
        return 0;
    l->tasks = true;
    l->flushes |= seen->several;
    if (seen->sends_on)
        rc = table_put(tasks, key, seen->sends_on);
    seen->sends_on = 0;
    seen->several = false;
    if (rc == 0 && table_get(tasks, key, &obj))
        rc = table_put(&a->task_conns, record, obj);
    return rc;
}

static void survey_io(struct analysis *a, const struct record *r, struct seen *seen)
{
    const struct event_io *io = (const void *)r->ev;
    const struct sock *s = socket_find(a, io->obj);

    if (!s || s->role != ROLE_ACCEPTED || !s->tcp || !io->bytes)
        return;
    bool sends = r->ev->kind == EVENT_SEND;
    seen->several = sends && (seen->several || (seen->sends_on && seen->sends_on != io->obj));
    seen->sends_on = sends ? io->obj : 0;
    if (!sends && (io->flags & IO_TURN)) {
        seen->reads++;
        seen->makers += seen->makes;
    }
    seen->makes = false;
}

int tasks_survey(struct analysis *a)
{
    struct seen *seen = calloc(a->lives.len + 1, sizeof(*seen));
    struct table tasks = TABLE_INIT;
    int rc = seen ? 0 : -ENOMEM;

    for (size_t i = a->records.len; rc == 0 && i-- > 0;) {
        const struct record *r = &a->records.data[i];
        if (r->thread == NONE)
            continue;
        if (r->ev->kind == EVENT_WORK)
            rc = survey_work(a, &tasks, (const void *)r->ev, r->thread, i, &seen[r->thread]);
        else if (r->ev->kind == EVENT_SEND || r->ev->kind == EVENT_RECV)
            survey_io(a, r, &seen[r->thread]);
    }
    for (size_t i = 0; seen && i < a->lives.len; i++) {
        struct life *l = &a->lives.data[i];
        /* One that makes a task for each request; else tasks may be those of connections, made
         * when there is no request yet, and whose turn it is then is chance. */
        l->makes = seen[i].makers && seen[i].makers >= seen[i].reads - seen[i].reads / 10;
        l->known = l->makes || (l->tasks && !l->flushes);
    }
    table_release(&tasks);
    free(seen);
    return rc;
}
