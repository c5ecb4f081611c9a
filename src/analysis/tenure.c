/*
 * tenure: which request a thread has, from when to when.
 *
 * What the records prove is only that a thread touched a request's socket. From touch to touch of
 * the same request the time is the request's, unless others may have been served in between (see
 * is_disputed). What lies before the first touch and behind the
 * last is given to it where nothing else can have been at work, and to nobody else where not:
 *
 *     one request per thread      wake ──┬── recv A ─── file ─── send A ──┬── accept
 *                                        └────────────── A ──────────────┘
 *     event loop   epoll ──┬── recv A ── recv B ── ? ── send A ── send B ── epoll
 *                          └── A ───────┴── B ──┘ ambiguous: A's answer, or B's handler
 *
 * A thread with multiplexed waits (`yields`) may have other things to do between any two touches,
 * so there the stretch is charged only when no other request of the thread could have gone on
 * (thread_rivals). A thread without such waits serves one request at a time.
 */
#include "analysis/internal.h"

/* What follows a receive, or comes before an answer, for so short a time and without a wait, is
 * taken for its handling. */
#define BRIEF_NS 100000u
/* For so long what follows a touch on a loop that acts at once is the request's: a longer one may
 * be another callback, which touches nothing (a timer, setImmediate). The JVM's dispatchers have
 * few of their own, and of asyncio's most are told. */
#define TAIL_NS 300000u
#define TOLD_TAIL_NS 5000000u
/* A thread that was off and on more often than so was at work for long. */
#define RAN_STEPS 64
/* So long after it woke a loop does nothing that has become due since. */
#define FRESH_NS 500000u

static bool is_candidate(const struct draft *d)
{
    return !d->closed && !d->answered && !d->streams && !d->outstanding && d->last_thread != NONE;
}

void draft_leave(struct analysis *a, uint32_t request)
{
    const struct draft *d = &a->drafts.data[request];
    if (is_candidate(d)) {
        a->lives.data[d->last_thread].candidates--;
        a->lives.data[d->last_thread].candidate_sum -= request;
    }
}

void draft_enter(struct analysis *a, uint32_t request)
{
    const struct draft *d = &a->drafts.data[request];
    if (is_candidate(d)) {
        a->lives.data[d->last_thread].candidates++;
        a->lives.data[d->last_thread].candidate_sum += request;
    }
}

static struct tenure *current(const struct analysis *a, uint32_t thread)
{
    uint32_t plus1 = a->lives.data[thread].tenure_plus1;
    return plus1 ? &a->tenures.data[plus1 - 1] : NULL;
}

/* The thread may still be at work for the request of its tenure. */
static bool goes_on(const struct analysis *a, const struct tenure *x)
{
    return x && !x->replied && !x->moment && !a->drafts.data[x->request].closed;
}

uint64_t tenure_line(const struct analysis *a, const struct tenure *x)
{
    uint64_t from = 0;
    if (x->has_line)
        table_get(&a->lines, (uint64_t)(x - a->tenures.data), &from);
    return from;
}

int tenure_set_line(struct analysis *a, struct tenure *x, uint64_t from)
{
    x->has_line = true;
    return table_put(&a->lines, (uint64_t)(x - a->tenures.data), from);
}

uint32_t tenure_request(const struct analysis *a, uint32_t thread)
{
    const struct tenure *x = current(a, thread);
    return x && !a->drafts.data[x->request].closed ? x->request : NONE;
}

static uint64_t tail_ns(const struct life *l)
{
    return l->dispatches || l->tasks ? TOLD_TAIL_NS : TAIL_NS;
}

bool tenure_idle(const struct analysis *a, uint32_t thread, uint64_t at)
{
    const struct tenure *x = current(a, thread);
    const struct life *l = &a->lives.data[thread];
    return x && at > x->last_touch + tail_ns(l);
}

uint32_t thread_rivals(const struct analysis *a, uint32_t thread, uint32_t request)
{
    const struct tenure *x = current(a, thread);
    uint32_t n = a->lives.data[thread].candidates;

    if (request != NONE) {
        const struct draft *d = &a->drafts.data[request];
        n -= is_candidate(d) && d->last_thread == thread;
    }
    /* The current one awaits a reply, but its handler may still be running. */
    if (goes_on(a, x) && x->request != request && !is_candidate(&a->drafts.data[x->request]))
        n++;
    return n;
}

/* What follows at once is for the request: the thread's handlers are known to act so, or there is
 * nobody else. */
static bool acts_for(const struct analysis *a, uint32_t thread, const struct tenure *x)
{
    return a->lives.data[thread].direct || thread_rivals(a, thread, x->request) == 0;
}

/* Does the thread's runtime say whose each of its steps is, and does it work in nothing else? */
static bool tells_steps(const struct life *l)
{
    return l->steps_end || (!l->callbacks && (l->makes || (l->tasks && !l->flushes)));
}

/* From its last touch to `at` a callback that touches nothing may have run, of another request's or
 * of nobody's. */
static bool is_loose(const struct analysis *a, uint32_t thread, uint64_t at)
{
    const struct life *l = &a->lives.data[thread];
    const struct tenure *x = current(a, thread);
    return (l->direct || l->background) && !tells_steps(l) && tenure_idle(a, thread, at) &&
           (l->background || thread_rivals(a, thread, x->request) > 0);
}

/* Ends the thread's tenure; `at` is how far it goes if nothing else speaks against it. */
static void tenure_close(struct analysis *a, uint32_t thread, uint64_t at)
{
    struct life *l = &a->lives.data[thread];
    struct tenure *x = current(a, thread);

    x->end = x->last_touch;
    if (at > x->last_touch && goes_on(a, x)) {
        bool brief = x->received && x->wait_off == NEVER && at - x->last_touch <= BRIEF_NS;
        x->long_tail = is_loose(a, thread, at);
        if (brief || (acts_for(a, thread, x) && !x->long_tail))
            x->end = at;
        else
            x->unsure_until = at;
    }
    l->tenure_end = x->end;
    l->tenure_plus1 = 0;
}

/* Is the object of a wait another client's connection than the request's? One socket may have
 * two numbers if it was waited for before it had its cookie: its addresses tell. Clients of a unix
 * socket have none. */
static bool other_connection(struct analysis *a, const struct object *o, uint32_t request)
{
    const struct sock *conn = &a->socks.data[a->drafts.data[request].sock];
    if (o->id == conn->obj)
        return false;
    if (!conn->object_plus1)
        return true;
    const struct object *own = &a->tl->objects.data[conn->object_plus1 - 1];
    return own->local != o->local || own->remote != o->remote ||
           !*timeline_string(a->tl, own->remote);
}

/*
 * A loop that reads all and then answers all may block in between, for one of them or for all, as
 * Redis does for its log. That is nobody's own: they wait for their loop.
 */
static bool scan_batch(struct analysis *a, uint32_t thread, const struct interval *iv)
{
    struct life *l = &a->lives.data[thread];
    if (!l->batches || l->slice_open < 2)
        return false;
    if (l->tenure_plus1)
        tenure_close(a, thread, iv->start_ns);
    return true;
}

static void scan_blocked(struct analysis *a, uint32_t thread, const struct interval *iv,
                         uint64_t end)
{
    struct life *l = &a->lives.data[thread];
    struct tenure *x = current(a, thread);
    const struct object *o = interval_object(a->tl, iv);
    uint32_t call_plus1 = interval_wait(a->tl, iv)->call_plus1;
    bool accepts = call_plus1 &&
                   (call_plus1 == a->accept_call_plus1[0] || call_plus1 == a->accept_call_plus1[1]);

    accepts |= o && o->kind == OBJ_LISTENER;
    l->accepts += accepts;
    if (o && o->kind == OBJ_ACCEPTED) {
        l->conn_obj = o->id;
        l->conn_wake = end;
    } else {
        l->other_wake = end;
    }
    if (!x)
        return;
    if (accepts || (o && o->kind == OBJ_ACCEPTED && other_connection(a, o, x->request)))
        tenure_close(a, thread, iv->start_ns);
    else if (x->wait_off == NEVER)
        x->wait_off = iv->start_ns;
}

static void slice_end(struct analysis *a, uint32_t thread, const struct interval *iv, uint64_t end)
{
    struct life *l = &a->lives.data[thread];

    if (l->tenure_plus1)
        tenure_close(a, thread, iv->start_ns);
    l->touched = l->received = l->in_step = false;
    l->slice_open = 0;
    l->slice++;
    l->yield_start = iv->start_ns;
    l->yield_end = end;
}

static void scan_interval(struct analysis *a, uint32_t thread, const struct interval *iv,
                          uint64_t end)
{
    struct life *l = &a->lives.data[thread];
    struct tenure *x = current(a, thread);

    if (iv->state == STATE_RUNNING) {
        l->on_start = iv->start_ns;
        return;
    }
    if (!l->scan || iv[-1].state == STATE_RUNNING)
        l->off_start = iv->start_ns;
    if (iv->state == STATE_RUNNABLE)
        return;
    l->last_wake = end;
    /* Where its end is told it waits inside: for a process that it has started, or a condition. */
    bool begun = l->work_plus1 || l->stray_plus1, inside = begun && l->ends;
    if (begun && !inside && wait_ends_work(a, thread, iv)) {
        work_leave(a, thread, iv->start_ns);
        x = current(a, thread);
    }
    bool rests = l->carries || (l->suspends && !l->coroutines);
    if (rests && x && iv->state == STATE_LOCK) {
        tenure_close(a, thread, iv->start_ns);
        return;
    }
    if (iv->state == STATE_UNKNOWN) {
        /* A multiplexed wait may be among what was lost. */
        if (goes_on(a, x))
            a->drafts.data[x->request].flags |= REQUEST_LOSS;
        if (l->yields)
            slice_end(a, thread, iv, end);
    } else if (iv->state == STATE_YIELDED && !inside) {
        slice_end(a, thread, iv, end);
    } else if (scan_batch(a, thread, iv)) {
        l->other_wake = end;
    } else if (iv->state == STATE_BLOCKED) {
        scan_blocked(a, thread, iv, end);
    } else {
        l->other_wake = end;
        if (x && x->wait_off == NEVER)
            x->wait_off = iv->start_ns;
    }
}

void thread_scan(struct analysis *a, uint32_t thread, uint64_t until)
{
    struct life *l = &a->lives.data[thread];
    const struct thread *t = &a->tl->threads.data[thread];

    for (; l->scan < t->intervals.len; l->scan++) {
        const struct interval *iv = &t->intervals.data[l->scan];
        uint64_t end = interval_end(t, l->scan);
        /* A wait that lasts beyond a touch began behind it: the two times come from clocks that
         * may differ by a microsecond. */
        if (iv->start_ns >= until)
            break;
        if (state_is_wait(iv->state) && end > until) {
            l->last_wake = until; /* or ended before it, by as much */
            break;
        }
        scan_interval(a, thread, iv, end);
    }
}

struct pick {
    uint64_t start;
    bool exact, ambiguous;
};

/* Was it on a CPU for longer than `ns` since `from`, up to where it is scanned? */
static bool ran_longer(const struct analysis *a, uint32_t thread, uint64_t from, uint64_t to,
                       uint64_t ns)
{
    const struct thread *t = &a->tl->threads.data[thread];
    size_t i = a->lives.data[thread].scan, steps = 0;
    uint64_t ran = 0;

    for (i += i<t->intervals.len; i--> 0 && ran <= ns; steps++) {
        const struct interval *iv = &t->intervals.data[i];
        uint64_t end = interval_end(t, i) < to ? interval_end(t, i) : to;
        uint64_t start = most(iv->start_ns, from);
        if (end <= from && iv->start_ns < from)
            break;
        if (steps == RAN_STEPS)
            return true;
        if (iv->state == STATE_RUNNING && end > start)
            ran += end - start;
    }
    return ran > ns;
}

/* Where a thread that does not have the request took it up, seen from its first touch. */
static struct pick pick_up(const struct analysis *a, uint32_t request, const struct act *act,
                           bool going)
{
    const struct life *l = &a->lives.data[act->thread];
    uint64_t free_since = most(l->last_wake, l->prev_touch);
    bool at_once = !ran_longer(a, act->thread, l->last_wake, act->time, DISPATCH_NS);

    if (act->moment || act->shared)
        return (struct pick){act->time, false, true};
    if (act->at_once)
        return (struct pick){act->time, true, false};
    /* Made for it by the thread that had it. */
    if (l->born_for_plus1 == request + 1 && !l->prev_touch)
        return (struct pick){a->tl->threads.data[act->thread].start_ns, true, false};
    /* It stood at this very connection. */
    if (act->obj && l->conn_obj == act->obj && l->conn_wake >= l->prev_touch)
        return (struct pick){l->conn_wake, true, false};
    if (act->receives) {
        /* Nobody works for a message that nobody has read. */
        if (going || (l->yields && l->touched))
            return (struct pick){act->time, false, false};
        uint32_t last = a->drafts.data[request].last_thread;
        /* Behind another client's answer it may have had something else to do first. */
        const struct tenure *x = current(a, act->thread);
        bool same = x && a->drafts.data[x->request].sock == a->drafts.data[request].sock;
        if (!l->yields && !same && l->prev_touch > l->last_wake)
            return (struct pick){act->time, last == NONE || last == act->thread, false};
        if (!l->yields)
            return (struct pick){free_since, last == NONE || last == act->thread, false};
        bool woke_for_it = act->ready == NEVER || act->ready <= l->last_wake;
        return (struct pick){woke_for_it && at_once ? l->last_wake : act->time, false, false};
    }
    bool alone = thread_rivals(a, act->thread, request) == 0;
    if (l->yields && !l->touched) { /* a timer or a callback: all that the slice did, or its end */
        uint64_t end = at_once ? l->last_wake : act->time;
        bool all = alone && !l->background && l->yield_end != NEVER;
        return (struct pick){all ? l->yield_end : end, false, false};
    }
    /* Behind an answer, or a wait for several, a loop that acts at once turns to the next; or to a
     * callback that touches nothing, and then to it. */
    if (l->yields && l->direct) {
        bool late = ran_longer(a, act->thread, free_since, act->time, tail_ns(l));
        bool others = !tells_steps(l) && (l->background || !alone);
        return (struct pick){going || (late && others) ? act->time : free_since, false, false};
    }
    if (alone && !l->yields)
        return (struct pick){l->last_wake >= l->prev_touch ? l->last_wake : act->time, false,
                             false};
    if (alone)
        return (struct pick){l->prev_touch, false, false};
    bool brief = l->yields && l->touched && !going && l->last_wake <= l->prev_touch &&
                 act->time - l->prev_touch <= BRIEF_NS;
    return (struct pick){brief ? l->prev_touch : act->time, false, !brief};
}

/*
 * The loop turns to the request again, and no event says why. In the same slice it was busy with
 * others, or with all, if it is known that the request waited for nothing else: a loop that has
 * always something to do asks for more without sleeping, and no record tells. In a later slice it
 * has known why since it woke, if it has read nothing since.
 */
static void came_back(const struct analysis *a, struct tenure *n, const struct draft *d,
                      const struct act *act)
{
    const struct life *l = &a->lives.data[n->thread];
    const struct tenure *last =
        d->last_tenure_plus1 ? &a->tenures.data[d->last_tenure_plus1 - 1] : NULL;

    if (!last || last->thread != n->thread)
        return;
    /* A step of its task may have waited for anything, an answer that stands ready may not. */
    bool told = l->batches || l->makes || l->tasks;
    if (last->slice == l->slice && told && l->direct && l->touched && !n->handed && !act->resumes)
        n->cause = CAUSE_BUSY;
    if (last->slice != l->slice && !l->received && l->yield_end != NEVER &&
        act->time - l->yield_end <= FRESH_NS)
        n->busy_from = l->yield_end;
}

/* What is known of the gap that the new tenure ends. */
static void tenure_cause(const struct analysis *a, struct tenure *n, const struct act *act,
                         bool ambiguous)
{
    const struct life *l = &a->lives.data[act->thread];
    const struct draft *d = &a->drafts.data[n->request];

    bool known = act->cause == CAUSE_READY && act->ready != NEVER;
    n->cause = !d->first_tenure_plus1 ? CAUSE_FIRST
               : ambiguous && !known  ? CAUSE_AMBIGUOUS
                                      : act->cause;
    n->unsure_head = ambiguous && known;
    n->ready = act->ready;
    n->resumed = n->cause == CAUSE_NONE && act->resumes && !d->estranged &&
                 (l->makes || (l->makings && tells_steps(l)));
    n->step_plus1 = act->step_plus1;
    n->gap_inferred = act->inferred;
    n->busy_from = NEVER;
    n->handed = d->handed;
    n->untold = act->untold;
    if (n->cause == CAUSE_AMBIGUOUS) { /* in this slice; before it nothing is known */
        n->busy_from = l->yield_end != NEVER ? l->yield_end : 0;
    } else if (n->cause == CAUSE_NONE && l->yields && !act->moment) {
        came_back(a, n, d, act);
    } else if (l->yields && n->cause != CAUSE_HANDOFF) {
        /* If the loop slept in between it was not busy, it was not asked. */
        bool slept = l->yield_end != NEVER && act->ready != NEVER &&
                     act->ready + WAKE_DELAY_NS < l->yield_end;
        n->busy_from = slept ? l->yield_end : act->ready;
    }
}

/* Does the thread have several connections at a time? It came back to a request, or was called
 * away from a multiplexed wait by a connection that stood before that wait began. */
static bool interleaves(const struct analysis *a, uint32_t request, const struct act *act)
{
    const struct life *l = &a->lives.data[act->thread];
    const struct draft *d = &a->drafts.data[request];
    uint64_t established = a->socks.data[d->sock].established;

    if (d->first_tenure_plus1)
        return d->first_thread == act->thread;
    return !l->touched && l->yield_start != NEVER &&
           (established == NEVER || established < l->yield_start);
}

static int tenure_append(struct analysis *a, const struct tenure *n)
{
    struct draft *d = &a->drafts.data[n->request];
    if (a->tenures.len >= NONE - 1 || vec_push(&a->tenures, *n) < 0)
        return -ENOMEM;
    uint32_t plus1 = (uint32_t)a->tenures.len;
    if (d->last_tenure_plus1)
        a->tenures.data[d->last_tenure_plus1 - 1].next_plus1 = plus1;
    else
        d->first_tenure_plus1 = plus1;
    d->last_tenure_plus1 = plus1;
    return 0;
}

int tenure_asked(struct analysis *a, uint32_t request, uint32_t thread, const struct orphan *o)
{
    return tenure_append(a, &(struct tenure){
                                .request = request,
                                .thread = thread,
                                .start = o->asked,
                                .first_touch = o->asked,
                                .last_touch = o->asked,
                                .end = o->asked,
                                .wait_off = NEVER,
                                .ready = o->line_ready,
                                .busy_from = o->line_ready,
                                .slice = NONE,
                                .cause = CAUSE_LINE,
                                .gap_inferred = true,
                            });
}

int tenure_from_before(struct analysis *a, uint32_t request, uint32_t thread)
{
    struct draft *d = &a->drafts.data[request];
    struct life *l = &a->lives.data[thread];
    int rc = tenure_append(a, &(struct tenure){
                                  .request = request,
                                  .thread = thread,
                                  .wait_off = NEVER,
                                  .ready = NEVER,
                                  .busy_from = NEVER,
                                  .cause = CAUSE_FIRST,
                                  .shared = true, /* that it has it is inferred */
                                  .received = true,
                              });
    if (rc < 0)
        return rc;
    l->tenures++;
    l->has_old = true;
    l->tenure_plus1 = (uint32_t)a->tenures.len;
    d->old = false;
    d->last_thread = d->top_thread = thread;
    draft_enter(a, request);
    return 0;
}

static int tenure_open(struct analysis *a, uint32_t request, const struct act *act)
{
    struct life *l = &a->lives.data[act->thread];
    struct draft *d = &a->drafts.data[request];
    struct tenure *x = current(a, act->thread);
    bool going = goes_on(a, x);
    struct pick pick = pick_up(a, request, act, going);

    l->tenures++;
    if (act->receives && !d->first_tenure_plus1) {
        l->slice_open++;
        d->read_slice = l->slice;
    }
    l->interleaved += interleaves(a, request, act);
    l->returned += d->first_tenure_plus1 != 0;
    if (x && going && !act->receives &&
        !l->direct) { /* its work, or already that for the one that sends */
        x->unsure_until = act->time;
        x->end = l->tenure_end = x->last_touch;
        l->tenure_plus1 = 0;
    } else if (x) {
        tenure_close(a, act->thread, act->time);
    }

    uint64_t start = most(most(pick.start, l->tenure_end), d->start);
    if (!act->receives && act->ready != NEVER) /* what came before cannot have been for it */
        start = most(start, act->ready);
    struct tenure n = {
        .request = request,
        .thread = act->thread,
        .start = start < act->time ? start : act->time,
        .first_touch = act->time,
        .last_touch = act->time,
        .end = act->time,
        .wait_off = NEVER,
        .slice = l->slice,
        .exact_head = pick.exact,
        .exact_tail = !l->yields,
        .moment = act->moment,
    };
    tenure_cause(a, &n, act, pick.ambiguous);
    if (tenure_append(a, &n) < 0)
        return -ENOMEM;
    l->tenure_plus1 = (uint32_t)a->tenures.len;
    return 0;
}

static int touch_note(struct analysis *a, uint32_t request, const struct act *act)
{
    struct life *l = &a->lives.data[act->thread];
    const struct sock *s = request == NONE && act->obj ? socket_find(a, act->obj) : NULL;
    bool unknown = request == NONE && !(s && s->role == ROLE_ACCEPTED);
    l->prev_touch = act->time;
    l->prev_recv = act->receives ? act->time : l->prev_recv;
    l->touched = true;
    l->received |= act->receives;
    bool own = request != NONE && act->obj == a->socks.data[a->drafts.data[request].sock].obj;
    return vec_push(&a->touches, ((struct touch){.time = act->time,
                                                 .ready = act->receives ? act->ready : NEVER,
                                                 .thread = act->thread,
                                                 .request_plus1 = request == NONE ? 0 : request + 1,
                                                 .unknown = unknown,
                                                 .own = own,
                                                 .replied = own && act->replies,
                                                 .others = act->others,
                                                 .receives = act->receives,
                                                 .over = act->over}));
}

/*
 * A loop that reads requests first and serves them later, as asyncio does, may have served another
 * one between two touches of the same: whoever was read and waits for nothing that is known.
 *
 *     epoll ── recv A ── recv B ── sleep (A's!) ── compute (B's) ── send B ── send A
 *
 * A loop whose handlers are known to act at once has done with the others by then, unless this
 * touch is the begin of another callback.
 */
static bool is_disputed(const struct analysis *a, uint32_t request, const struct act *act)
{
    const struct life *l = &a->lives.data[act->thread];
    return act->shared || (l->yields && !l->direct && thread_rivals(a, act->thread, request) > 0) ||
           (act->receives && is_loose(a, act->thread, act->time));
}

/* What a request did by io_uring tells what was before the act, if nothing else does. */
static struct act act_told(const struct analysis *a, struct draft *d, const struct act *act)
{
    uint64_t stray = a->lives.data[act->thread].uring_stray;
    struct act told = *act;

    /* Unless the loop has submitted more since, perhaps for it. */
    if (d->uring_ready != NEVER && act->cause == CAUSE_NONE && stray <= d->uring_ready) {
        told.cause = CAUSE_READY;
        told.ready = d->uring_ready;
        told.inferred |= d->uring_inferred;
    }
    d->uring_ready = NEVER;
    return told;
}

int tenure_touch(struct analysis *a, uint32_t request, const struct act *plain)
{
    struct act told = act_told(a, &a->drafts.data[request], plain);
    const struct act *act = &told;

    if (a->drafts.data[request].posted_plus1)
        work_back(a, request, &told);
    thread_scan(a, act->thread, act->time);

    struct life *l = &a->lives.data[act->thread];
    struct tenure *x = current(a, act->thread);
    bool disputed = x && x->request == request && (is_disputed(a, request, act) || x->moment);
    if (disputed) {
        x->end = l->tenure_end = x->last_touch;
        x->unsure_until = act->time;
        l->tenure_plus1 = 0;
    }
    if (!x || x->request != request || disputed) {
        int rc = tenure_open(a, request, act);
        if (rc < 0)
            return rc;
        x = current(a, act->thread);
    }
    if (disputed) /* from the last touch to this one */
        x->start = act->time;
    if (disputed && !act->moment) {
        x->cause = CAUSE_AMBIGUOUS;
        x->busy_from = 0;
    }
    struct draft *d = &a->drafts.data[request];
    x->last_touch = most(act->time, x->last_touch);
    x->end = x->last_touch;
    x->wait_off = NEVER;
    x->received = act->receives;
    x->replied = act->replies || act->over;
    if (act->replies && !d->answered && l->slice_open && d->first_thread == act->thread &&
        d->read_slice == l->slice)
        l->slice_open--;
    x->shared |=
        act->moment || (l->yields && !l->steps_end && thread_rivals(a, act->thread, request) > 0);

    if (l->yields)
        d->handed = false;
    draft_leave(a, request);
    if (d->first_thread == NONE)
        d->first_thread = act->thread;
    d->last_thread = act->thread;
    draft_enter(a, request);
    if (act->time >= d->top_touch) {
        d->top_touch = act->time;
        d->top_thread = act->thread;
    }
    return touch_note(a, request, act);
}

int tenure_foreign(struct analysis *a, const struct act *act)
{
    thread_scan(a, act->thread, act->time);
    /* A thread that serves one request at a time does so in its name, whatever it is. */
    if (a->lives.data[act->thread].yields && current(a, act->thread))
        tenure_close(a, act->thread, act->time);
    return touch_note(a, NONE, act);
}

void tenure_leave(struct analysis *a, uint32_t thread, uint64_t at)
{
    struct life *l = &a->lives.data[thread];
    struct tenure *x = current(a, thread);

    if (!x)
        return;
    x->last_touch = x->end = l->tenure_end = at;
    x->replied = true;
    l->tenure_plus1 = 0;
}

void tenure_finish(struct analysis *a, uint32_t thread)
{
    thread_scan(a, thread, NEVER);
    if (current(a, thread))
        tenure_close(a, thread, a->tl->threads.data[thread].end_ns);
}
