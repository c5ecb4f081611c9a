/*
 * states: each thread's life as a chain of intervals without a gap.
 *
 * One EVENT_WAIT gives up to three: running up to off_ns, the wait up to wake_ns, runnable up to
 * time_ns. Whatever the numbers in the records are, each end is clamped to what the chain has
 * reached already and to the thread's end, so that the chain holds for any input:
 *
 *     record   off 10, wake 30, time 34      chain so far ends at 12
 *     chain    … 12 [wait] 30 [runnable] 34
 *
 * These times are by the scheduler's clock, those of what the thread did itself by another, and on
 * a virtual machine they have been seen 26 µs apart. A thread does nothing while it is off CPU:
 * what it did just inside of a wait was before it, or behind it.
 */
#include "analysis/internal.h"

struct chain {
    struct analysis *a;
    struct thread *t;
    uint32_t process;
    uint64_t cursor;                /* where the chain ends */
    const uint32_t *act, *acts_end; /* in records: what it did from there on */
};

struct off {
    uint64_t start, end;
};

static uint64_t between(uint64_t low, uint64_t value, uint64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* Prolongs the chain to `until`; nothing when it is there already. */
static int chain_plain(struct chain *c, uint64_t until, enum state state)
{
    until = between(c->cursor, until, c->t->end_ns);
    if (until == c->cursor)
        return 0;
    c->t->state_ns[state] += until - c->cursor;
    uint64_t start = c->cursor;
    c->cursor = until;
    if (c->t->intervals.len && vec_last(&c->t->intervals)->state == state && !state_is_wait(state))
        return 0;
    return vec_push(&c->t->intervals, ((struct interval){.start_ns = start, .state = state}));
}

/* The same with a wait that `w` describes; `waker` tells whether its wake-up is known. */
static int chain_wait(struct chain *c, uint64_t until, const struct event_wait *w, bool woken,
                      uint8_t flags)
{
    enum state state = wait_state(w);
    size_t before = c->t->intervals.len;
    int rc = chain_plain(c, until, state);
    if (rc < 0 || c->t->intervals.len == before || !state_is_wait(state))
        return rc;

    struct interval *iv = vec_last(&c->t->intervals);
    bool futex = call_is_futex(w->call);
    struct wait wait = {.call_plus1 = call_string_plus1(c->a, w->call), .fd = w->fd, .arg = w->arg};
    iv->flags = flags;
    if (woken) {
        iv->waker = w->waker;
        iv->flags |= w->flags & WAIT_WAKER_IRQ ? INTERVAL_WAKER_IRQ : 0;
    }
    /* Outside a call there is no object, and a class of 0 is none but for a futex. */
    if (w->call != CALL_NONE && (futex || OBJECT_CLASS(w->obj) != OBJECT_NONE))
        rc = object_plus1(c->a, w->obj, futex, c->process, &wait.object_plus1);
    return rc < 0 ? rc : timeline_wait(c->a->tl, wait, &iv->wait);
}

/* What the thread did between two waits, or before its first. */
static int chain_gap(struct chain *c, const struct life *l, const struct event_wait *w, bool first,
                     uint64_t off)
{
    bool lost = w->flags & WAIT_AFTER_LOSS;
    if (first && l->forked && !l->before && w->why != WHY_NEW)
        lost = true; /* how it came onto the CPU is missing */
    return chain_plain(c, off, lost ? STATE_UNKNOWN : STATE_RUNNING);
}

/* The thread was off CPU since before its life in the capture began. */
static int chain_first(struct chain *c, const struct life *l, const struct event_wait *w,
                       uint64_t wake)
{
    if (l->attach && w->call == CALL_NONE && w->obj == 0) {
        /* The snapshot saw the wait, the record saw how it ended. */
        struct event_wait wait = l->attach->wait;
        if (wait.off_ns == 0)
            return chain_plain(c, wake, l->attach->on_cpu ? STATE_UNKNOWN : STATE_RUNNABLE);
        wait.waker = w->waker;
        wait.flags = (uint8_t)((wait.flags & ~WAIT_WAKER_IRQ) | (w->flags & WAIT_WAKER_IRQ));
        return chain_wait(c, wake, &wait, true, INTERVAL_OPEN);
    }
    return chain_wait(c, wake, w, true, INTERVAL_OPEN);
}

static void chain_acts(struct chain *c, struct off *o)
{
    for (; c->act < c->acts_end; c->act++) {
        uint64_t at = analysis_rel(c->a, c->a->records.data[*c->act].time_ns);
        if (at >= o->end)
            return;
        if (at <= o->start)
            continue;
        if (at - o->start <= MOMENT_NS && at - o->start <= o->end - at) {
            o->start = at;
        } else if (o->end - at <= MOMENT_NS) {
            o->end = at;
            return;
        }
    }
}

static int chain_record(struct chain *c, const struct life *l, const struct event_wait *w,
                        bool first)
{
    const struct analysis *a = c->a;
    uint64_t end = c->t->end_ns, start = c->t->start_ns;
    uint64_t on = between(c->cursor, analysis_rel(a, w->event.time_ns), end);
    struct off o = {.start = between(c->cursor, analysis_rel(a, w->off_ns), on), .end = on};
    int rc;

    if (w->off_ns)
        chain_acts(c, &o);
    on = o.end;
    uint64_t off = o.start, wake = between(off, analysis_rel(a, w->wake_ns), on);

    if (w->why == WHY_RUNNABLE || w->why == WHY_NEW)
        wake = on;
    if (w->off_ns == 0 && !first) { /* cannot be: some record is missing */
        rc = chain_plain(c, wake, STATE_UNKNOWN);
    } else if (w->off_ns == 0) {
        rc = chain_first(c, l, w, wake);
    } else {
        rc = chain_gap(c, l, w, first, off);
        bool before = first && w->off_ns < a->t0 + start;
        if (rc == 0)
            rc = chain_wait(c, wake, w, true, before ? INTERVAL_OPEN : 0);
    }
    return rc < 0 ? rc : chain_plain(c, on, STATE_RUNNABLE);
}

/* From the last record to the end of a thread that is seen at the end. */
static int chain_final(struct chain *c, const struct life *l, const struct event_wait *last)
{
    const struct event_wait *w = &l->final->wait;
    uint64_t end = c->t->end_ns;

    if (l->final->on_cpu || (last && w->off_ns && w->off_ns == last->off_ns))
        return chain_plain(c, end, w->flags & WAIT_AFTER_LOSS ? STATE_UNKNOWN : STATE_RUNNING);
    if (w->off_ns == 0) { /* as it was at its last switch-in, or at the attach */
        bool since = !l->before && (l->forked || (l->attach && !l->attach->on_cpu));
        enum state first = since ? STATE_RUNNABLE : STATE_UNKNOWN;
        return chain_plain(c, end, last ? STATE_RUNNING : first);
    }

    bool since_attach = !last && !l->before && l->attach && l->attach->wait.off_ns;
    uint64_t off =
        since_attach ? c->cursor : between(c->cursor, analysis_rel(c->a, w->off_ns), end);
    bool lost = w->flags & WAIT_AFTER_LOSS || w->off_ns >= l->final->event.time_ns;
    /* A wake-up older than the wait was that of the wait before. */
    bool woken = w->wake_ns && w->wake_ns >= w->off_ns;
    uint64_t wake = woken ? between(off, analysis_rel(c->a, w->wake_ns), end) : end;

    int rc = chain_plain(c, off, lost ? STATE_UNKNOWN : STATE_RUNNING);
    if (rc == 0)
        rc = chain_wait(c, wake, w, woken, INTERVAL_OPEN);
    return rc < 0 ? rc : chain_plain(c, end, STATE_RUNNABLE);
}

/* The same where nobody looked at the end: a thread that ended, or a capture that was cut. */
static int chain_rest(struct chain *c, const struct life *l, const struct event_wait *last)
{
    uint64_t end = c->t->end_ns;

    if (last)
        return chain_plain(c, end, l->exited ? STATE_RUNNING : STATE_UNKNOWN);
    /* Since before the capture's begin, and not once off CPU. */
    if (l->before)
        return chain_plain(c, end, l->exited ? STATE_RUNNING : STATE_UNKNOWN);
    /* No record at all: it still is what it was, or else a record would say so. */
    if (l->forked)
        return chain_plain(c, end, l->exited ? STATE_UNKNOWN : STATE_RUNNABLE);
    if (!l->attach)
        return chain_plain(c, end, STATE_UNKNOWN);
    if (l->exited || l->attach->on_cpu)
        return chain_plain(c, end, l->attach->on_cpu ? STATE_RUNNING : STATE_UNKNOWN);
    if (l->attach->wait.off_ns == 0)
        return chain_plain(c, end, STATE_RUNNABLE);
    return chain_wait(c, end, &l->attach->wait, false, INTERVAL_OPEN);
}

static int chain_build(struct analysis *a, uint32_t index, const struct by_thread *acts)
{
    struct thread *t = &a->tl->threads.data[index];
    const struct life *l = &a->lives.data[index];
    struct chain c = {.a = a,
                      .t = t,
                      .process = t->process,
                      .cursor = t->start_ns,
                      .act = acts->index + acts->from[index],
                      .acts_end = acts->index + acts->from[index + 1]};
    const struct event_wait *last = NULL;

    if (vec_reserve(&t->intervals, 3 * (size_t)l->count + 1) < 0)
        return -ENOMEM;
    for (uint32_t i = 0; i < l->count; i++) {
        const struct event_wait *w = record_event(a, &a->records.data[a->waits.data[l->first + i]]);
        uint64_t on = analysis_rel(a, w->event.time_ns);
        uint64_t off = w->off_ns ? analysis_rel(a, w->off_ns) : 0;
        if (on <= t->start_ns || off >= t->end_ns) /* not of this life */
            continue;
        int rc = chain_record(&c, l, w, !last);
        if (rc < 0)
            return rc;
        last = w;
    }
    return l->final && !l->exited ? chain_final(&c, l, last) : chain_rest(&c, l, last);
}

int states_build(struct analysis *a)
{
    struct by_thread acts = {NULL, NULL};
    int rc = acts_by_thread(a, &acts);

    for (uint32_t i = 0; rc == 0 && i < a->lives.len; i++)
        rc = chain_build(a, i, &acts);
    by_thread_release(&acts);
    vec_release(&a->waits);
    return rc;
}
