/*
 * coroutines: whose each of Kotlin's coroutines is, which thread has it from when to when, and what
 * it waits for in between, by the agent's word (src/agent/agent.c).
 *
 *     launch     SUBMIT by whoever has the request, BEGIN by a thread of the dispatcher's
 *     suspends   END: it waits, and its thread is free
 *     resumes    READY by whoever has what it waits for; BEGIN, on any thread of the dispatcher's
 *     moves      withContext(Dispatchers.IO): END that gives way; BEGIN and, at the end of the
 *                block, another such END on another thread; BEGIN
 *     nested     runBlocking, or one that is resumed without a dispatcher: BEGIN and END of another
 *                one in between, on the same thread
 *
 * A coroutine is the request's that its maker had; but one that is no child of the coroutine that
 * its maker is in (WORK_FREE, as by GlobalScope.launch) is left behind by that one, and nobody's.
 * One that was made for nobody, as servers make them for connections, is the request's that its
 * thread has when it leaves the thread.
 *
 * From SUBMIT, READY or an END that gives way to its BEGIN it stands in a dispatcher's queue, and
 * before that it awaits something. Where READY is not told, nothing is known of the time between;
 * nor from when on what it waited for was there, if the thread that says so, which has the timers
 * or the sockets, woke for it and got no CPU.
 *
 * A thread that carries virtual ones is left by a coroutine without a word, whenever that one's
 * virtual thread parks: what it has there is nobody's, and the time until it is seen elsewhere
 * unknown.
 */
#include "analysis/internal.h"

/* A thread with timers or sockets that waits for a CPU for so long is late. */
#define LATE_NS 1000000u
/* Of its intervals, so many are looked at. */
#define LATE_STEPS 64

void coroutines_found(struct analysis *a, uint32_t thread)
{
    a->lives.data[thread].coroutines = a->lives.data[thread].ends = true;
    a->procs.data[a->tl->threads.data[thread].process].coroutines = true;
}

static struct work *work_at(const struct analysis *a, uint32_t plus1)
{
    return plus1 ? &a->works.data[plus1 - 1] : NULL;
}

static uint32_t plus1_of(const struct analysis *a, const struct work *w)
{
    return (uint32_t)(w - a->works.data) + 1;
}

static bool has(const struct work *w, uint32_t thread)
{
    return w && w->held && w->worker == thread;
}

/* The thread goes on with the coroutine that the one that it leaves had come into. */
static int go_on(struct analysis *a, struct work *left, const struct act *act)
{
    struct work *w = left;
    uint64_t since = left->begun;

    do {
        uint32_t under = w->under_plus1;
        w->under_plus1 = 0;
        w = work_at(a, under);
    } while (w && !has(w, act->thread));
    if (!w)
        return 0;
    a->lives.data[act->thread].work_plus1 = plus1_of(a, w);
    uint32_t request = w->request_plus1 - 1;
    if (!work_draft(a, w) || tenure_request(a, act->thread) == request)
        return 0;
    struct act again = {.thread = act->thread,
                        .time = act->time,
                        .cause = CAUSE_HANDOFF,
                        .ready = since,
                        .at_once = true};
    int rc = tenure_touch(a, request, &again);
    w->tenure_plus1 = a->lives.data[act->thread].tenure_plus1;
    w->ended = 0;
    return rc;
}

/* The coroutine that the thread is in is over for now. What the thread had of the request before it
 * turned to it, it keeps. */
static int leave(struct analysis *a, struct work *w, const struct act *act)
{
    if (w->within)
        a->lives.data[act->thread].work_plus1 = 0;
    else
        work_leave(a, act->thread, act->time);
    if (work_draft(a, w))
        work_draft(a, w)->woken = NEVER;
    w->held = false;
    w->ended = act->time;
    return go_on(a, w, act);
}

/* Whatever the thread came into from that coroutine is over, too; false: it does not have it. */
static bool back_to(struct analysis *a, struct work *w, const struct act *act, int *rc)
{
    struct life *l = &a->lives.data[act->thread];

    *rc = 0;
    if (!has(w, act->thread))
        return false;
    while (*rc == 0 && l->work_plus1 && l->work_plus1 != plus1_of(a, w))
        *rc = leave(a, work_at(a, l->work_plus1), act);
    return *rc == 0 && l->work_plus1;
}

/* The thread leaves it: it is the request's that the thread has, if it was nobody's. */
static void adopt(struct analysis *a, struct work *w, uint32_t thread)
{
    uint32_t request = tenure_request(a, thread);

    if (work_draft(a, w) || request == NONE)
        return;
    work_owes(a, w, false);
    w->request_plus1 = request + 1;
    if (!w->within)
        w->tenure_plus1 = a->lives.data[thread].tenure_plus1;
}

static int handed(struct analysis *a, const struct event_work *e, const struct act *act)
{
    const struct life *l = &a->lives.data[act->thread];
    uint32_t request = tenure_request(a, act->thread);
    struct work *w = work_make(a, e, act->thread);

    if (!w)
        return -ENOMEM;
    w->submitted = act->time;
    w->waits = false;
    w->kind = e->kind;
    bool left_behind = e->flags & WORK_FREE && has(work_at(a, l->work_plus1), act->thread);
    if (request == NONE || work_draft(a, w) || left_behind)
        return 0;
    const struct tenure *x = &a->tenures.data[l->tenure_plus1 - 1];
    bool at_once = x->received && x->wait_off == NEVER; /* it has read, and does nothing else */
    if (!l->work_plus1 && !at_once && thread_rivals(a, act->thread, request))
        return 0;
    work_owes(a, w, false);
    w->request_plus1 = request + 1;
    work_owes(a, w, true);
    return tenure_touch(a, request, act);
}

static int take_up(struct analysis *a, struct work *w, struct act *act)
{
    struct life *l = &a->lives.data[act->thread];
    uint32_t request = w->request_plus1 - 1;

    act->cause = CAUSE_HANDOFF;
    act->ready = w->carried ? w->carried : w->late ? w->late : w->submitted;
    act->at_once = true;
    w->within = tenure_request(a, act->thread) == request;
    int rc = tenure_touch(a, request, act);
    w->tenure_plus1 = l->tenure_plus1;
    if (rc < 0 || w->within)
        return rc;
    struct tenure *x = &a->tenures.data[w->tenure_plus1 - 1];
    x->told_whole = true;
    if (w->waits)
        x->busy_from = act->ready;
    return w->late || w->carried ? tenure_set_line(a, x, w->submitted) : 0;
}

static int begins(struct analysis *a, const struct event_work *e, struct act *act)
{
    struct life *l = &a->lives.data[act->thread];
    struct work *w = work_make(a, e, act->thread);
    int rc;

    if (!w)
        return -ENOMEM;
    if (back_to(a, w, act, &rc) || rc < 0) /* a block of its own that was handed to nobody */
        return rc;
    if (w->held) { /* who has not left it yet */
        struct act other = {.thread = w->worker, .time = act->time};
        thread_scan(a, w->worker, act->time);
        if (back_to(a, w, &other, &rc)) {
            adopt(a, w, w->worker);
            rc = leave(a, w, &other);
        }
        if (rc < 0)
            return rc;
        w->waits = w->held = false;
        w->submitted = act->time;
    }
    struct work *under = work_at(a, l->work_plus1);
    if (!has(under, act->thread)) {
        work_leave(a, act->thread, act->time);
        under = NULL;
    }
    w->under_plus1 = under ? l->work_plus1 : 0;
    /* Up to here the time is that one's. */
    if (under && work_draft(a, under) && tenure_request(a, act->thread) == under->request_plus1 - 1)
        rc = tenure_touch(a, under->request_plus1 - 1,
                          &(struct act){.thread = act->thread, .time = act->time, .ready = NEVER});
    if (rc < 0)
        return rc;
    if (!l->begins)
        l->first_begin = act->time;
    l->begins = true;
    work_owes(a, w, false);
    w->tenure_plus1 = 0;
    w->within = under != NULL; /* if it is nobody's: as runBlocking's is */
    if (work_draft(a, w))
        rc = take_up(a, w, act);
    else if (!under && !w->request_plus1)
        rc = work_begin_stray(a, act->thread, act->time);
    w->worker = act->thread;
    w->held = true;
    w->late = w->carried = 0;
    w->begun = act->time;
    w->ended = 0;
    l->work_plus1 = plus1_of(a, w);
    return rc;
}

static int ends(struct analysis *a, const struct event_work *e, const struct act *act)
{
    struct work *w = work_find(a, e, act->thread);
    int rc;

    if (!back_to(a, w, act, &rc))
        return rc;
    adopt(a, w, act->thread);
    w->waits = !(e->flags & WORK_GIVES_WAY) && w->submitted < w->begun;
    if (!w->waits)
        w->submitted = act->time;
    rc = leave(a, w, act);
    work_owes(a, w, true);
    return rc;
}

/* Since when the thread is awake, if it has waited for a CPU for long since; else 0. */
static uint64_t late_since(const struct analysis *a, const struct act *act)
{
    const struct life *l = &a->lives.data[act->thread];
    const struct thread *t = &a->tl->threads.data[act->thread];
    uint64_t waited = 0;

    if (l->coroutines || act->time <= l->last_wake + LATE_NS)
        return 0;
    for (size_t i = l->scan, n = 0; i-- > 0 && n < LATE_STEPS && i < t->intervals.len; n++) {
        if (state_is_wait(t->intervals.data[i].state))
            break;
        if (t->intervals.data[i].state == STATE_RUNNABLE)
            waited += least(interval_end(t, i), act->time) - t->intervals.data[i].start_ns;
    }
    return waited > LATE_NS ? called_at(a, act->thread, l->last_wake) : 0;
}

/* It may be so before it has left the thread that found that it must wait. */
static void ready(struct analysis *a, const struct event_work *e, const struct act *act)
{
    struct work *w = work_find(a, e, act->thread);

    if (!w)
        return;
    w->waits = false;
    w->submitted = act->time;
    w->late = late_since(a, act);
}

/* One of before the agent's time: they are not told apart. */
static int unknown(struct analysis *a, const struct event_work *e, const struct act *act)
{
    struct life *l = &a->lives.data[act->thread];
    int rc = 0;

    if (e->op != WORK_BEGIN && e->op != WORK_END)
        return 0;
    while (rc == 0 && has(work_at(a, l->work_plus1), act->thread)) {
        work_at(a, l->work_plus1)->waits = true;
        rc = leave(a, work_at(a, l->work_plus1), act);
    }
    work_leave(a, act->thread, act->time);
    tenure_leave(a, act->thread, act->time);
    return rc < 0 || e->op == WORK_END ? rc : work_begin_stray(a, act->thread, act->time);
}

static int carried(struct analysis *a, const struct event_work *e, const struct act *act)
{
    struct work *w = work_make(a, e, act->thread);

    if (!w)
        return -ENOMEM;
    if (!w->carried)
        w->carried = most(w->ended, 1);
    w->waits = !(e->flags & WORK_GIVES_WAY);
    w->submitted = act->time;
    return unknown(a, e, act);
}

int coroutine_event(struct analysis *a, const struct event_work *e, struct act *act)
{
    thread_scan(a, act->thread, act->time);
    if (e->item == UINT64_MAX)
        return unknown(a, e, act);
    if (a->lives.data[act->thread].carries && (e->op == WORK_BEGIN || e->op == WORK_END))
        return carried(a, e, act);
    switch (e->op) {
    case WORK_SUBMIT:
        return handed(a, e, act);
    case WORK_BEGIN:
        return begins(a, e, act);
    case WORK_END:
        return ends(a, e, act);
    case WORK_READY:
        ready(a, e, act);
        return 0;
    default:
        return 0;
    }
}
