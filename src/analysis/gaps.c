/*
 * gaps: what a request waited for while no thread had it, told by what ended the gap, and by one
 * more thing: a loop that sleeps in its multiplexed wait has nothing left to do.
 *
 *     loop      …A ──┐ B ──┤ sleeps ├── C ──┤ sleeps ├── B ── A…
 *     A's gap        │  ?  │          awaiting       │   ?   │
 *
 * From its first sleep in the gap to its last, nothing of A's was ready: had it been, the loop
 * would have served it before it slept again. That holds unless another thread may have had A
 * meanwhile: such times are the process's doubts (handoffs.c).
 */
#include "analysis/internal.h"

/* So many stretches of a gap are told apart, the rest is one. */
#define DOUBTS_MAX (GAP_PARTS - 8)

struct cutter {
    const struct analysis *a;
    const struct gap *gap;
    struct gap_part *parts;
    size_t count;
    uint64_t at;
};

static void cut(struct cutter *c, uint64_t to, enum ledger_key key, enum grade grade)
{
    to = least(to, c->gap->to);
    if (to <= c->at)
        return;
    const struct tenure *after = c->gap->after;
    bool waits = key == LEDGER_QUEUED || key == LEDGER_LOOP_BUSY;
    c->parts[c->count++] = (struct gap_part){.from = c->at,
                                             .to = to,
                                             .thread_plus1 = after && waits ? after->thread + 1 : 0,
                                             .key = key,
                                             .grade = grade};
    c->at = to;
}

static void cut_unknown(struct cutter *c, uint64_t to)
{
    cut(c, to, LEDGER_UNATTRIBUTED, GRADE_UNATTRIBUTED);
}

static void cut_ambiguous(struct cutter *c, uint64_t to)
{
    cut(c, to, LEDGER_UNATTRIBUTED, GRADE_AMBIGUOUS);
}

/* The thread's multiplexed waits that begin before `at`: how many. */
static size_t yields_before(const struct analysis *a, uint32_t thread, uint64_t at)
{
    const struct life *l = &a->lives.data[thread];
    const struct thread *t = &a->tl->threads.data[thread];
    size_t low = 0, high = l->yields;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (t->intervals.data[a->yields.data[l->first_yield + mid]].start_ns < at)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* From the loop's first sleep in [from, to) to the end of its last; false when it did not sleep. */
static bool sleeps(const struct analysis *a, uint32_t thread, uint64_t from, uint64_t to,
                   uint64_t *begin, uint64_t *end)
{
    const struct life *l = &a->lives.data[thread];
    const struct thread *t = &a->tl->threads.data[thread];
    size_t first = yields_before(a, thread, from), last = yields_before(a, thread, to);

    if (first && interval_end(t, a->yields.data[l->first_yield + first - 1]) > from)
        first--; /* it sleeps already */
    if (first >= last)
        return false;
    *begin = most(from, t->intervals.data[a->yields.data[l->first_yield + first]].start_ns);
    *end = least(to, interval_end(t, a->yields.data[l->first_yield + last - 1]));
    return *begin < *end;
}

bool loop_slept(const struct analysis *a, uint32_t thread, uint64_t from, uint64_t to)
{
    uint64_t begin, end;
    return sleeps(a, thread, from, to, &begin, &end);
}

/* When the loop that only reads had handed the request over behind which the gap is; 0: that is no
 * such loop's, or not known. */
static uint64_t handed_on(const struct cutter *c)
{
    const struct gap *g = c->gap;
    bool own = g->before && g->before->thread == g->loop && c->a->lives.data[g->loop].hands_on;
    uint64_t at = 0;
    if (own)
        table_get(&c->a->handed_on, g->before->request, &at);
    return at;
}

/* The next time in [at, to) that is not `key` for certain. */
static bool next_doubt(const struct cutter *c, uint64_t to, enum ledger_key key,
                       struct doubt *found)
{
    bool (*const own)(const struct analysis *, uint32_t, uint64_t, uint64_t, struct doubt *) =
        key == LEDGER_AWAITING ? awake_next : loose_next;
    struct doubt loop;
    const struct doubt gap = {most(c->gap->from, handed_on(c)), c->gap->to};
    bool any = doubt_next(c->a, c->gap->loop, &gap, c->at, to, found);

    /* What it has handed over does not wait for it. */
    if (c->a->lives.data[c->gap->loop].hands_on || !own(c->a, c->gap->loop, c->at, to, &loop))
        return any;
    if (!any || loop.start < found->start)
        *found = loop;
    return true;
}

/* [at, to) was `key`, if no worker had the request meanwhile. */
static void cut_but_doubts(struct cutter *c, uint64_t to, enum ledger_key key)
{
    struct doubt next;

    while (c->at < to && c->count < DOUBTS_MAX && next_doubt(c, to, key, &next)) {
        cut(c, next.start, key, GRADE_INFERRED);
        cut_unknown(c, next.end);
    }
    if (c->at < to && next_doubt(c, to, key, &next))
        cut_unknown(c, to);
    cut(c, to, key, GRADE_INFERRED);
}

/* By a runtime's word it was handed to a worker: it stood in the queue or was in work, and waited
 * for nothing else. */
static bool in_pool(const struct cutter *c)
{
    const struct tenure *after = c->gap->after;
    if (!after || after->cause != CAUSE_HANDOFF)
        return after && after->handed;
    return after->gap_inferred &&
           c->a->procs.data[c->a->tl->threads.data[after->thread].process].submits;
}

/*
 * From when on nothing of the request's was ready up to when: while its loop slept; or, behind one
 * that only reads and hands over, while all others did.
 */
static bool rests(const struct cutter *c, uint64_t to, uint64_t *begin, uint64_t *end)
{
    const struct gap *g = c->gap;
    bool back = g->before->thread == g->loop; /* the loop had it, and not another thread */
    uint64_t handed = handed_on(c);
    struct doubt span;

    if (!c->a->lives.data[g->loop].hands_on || (back && !handed))
        return sleeps(c->a, g->loop, c->at, to, begin, end);
    /* That the loop sleeps says nothing of what stands in line for a worker. */
    if (!lull_span(c->a, g->loop, most(c->at, handed), to, &span))
        return false;
    *begin = span.start;
    *end = span.end;
    return true;
}

/* [at, to) by a loop that slept meanwhile. */
static void cut_slept(struct cutter *c, uint64_t to)
{
    const struct gap *g = c->gap;
    uint64_t begin, end;

    if (!g->before || in_pool(c) || !rests(c, least(to, g->to), &begin, &end) ||
        losses_within(c->a, c->at, end) ||
        c->a->procs.data[c->a->tl->threads.data[g->loop].process].sqpoll)
        return;
    /* What had been ready since it left the request would have been served before it slept; but it
     * may have had a callback first that nothing tells of. */
    if (!c->a->lives.data[g->loop].visible)
        cut_unknown(c, begin);
    cut_but_doubts(c, end, LEDGER_AWAITING); /* it slept, or turned to others */
}

/*
 * A step of its task ended it, or a callback in its context. Between two of those it waits for one
 * thing: until the loop slept last, or looked last but so many times, that was not there; and when
 * the step came into the loop's queue, it was (steps.c).
 */
static void cut_resumed(struct cutter *c)
{
    static const struct step unknown = {.due_by = NEVER, .timer = NEVER};
    const struct gap *g = c->gap;
    uint32_t plus1 = g->after->step_plus1;
    const struct step *step = plus1 ? &c->a->steps.data[plus1 - 1] : &unknown;
    uint64_t begin, until = least(step->waited_until, g->to), slept = 0;
    uint64_t due_by = least(least(step->due_by, g->after->busy_from), g->to);

    if (step->timer < g->to) /* whatever workers and the loop did, it waited for that */
        cut(c, step->timer, LEDGER_AWAITING, GRADE_INFERRED);
    if (losses_within(c->a, c->at, g->to) ||
        c->a->procs.data[c->a->tl->threads.data[g->loop].process].sqpoll)
        return;
    if (sleeps(c->a, g->loop, c->at, g->to, &begin, &slept))
        until = most(until, slept);
    bool waited = until > c->at;
    cut_but_doubts(c, until, LEDGER_AWAITING);
    if (waited && due_by <= c->at + AWAKE_NS)
        cut_but_doubts(c, due_by, LEDGER_AWAITING);
    cut_unknown(c, due_by);
    if (step->due_by <= due_by) /* in the loop's queue nobody else has it */
        cut(c, g->to, LEDGER_LOOP_BUSY, GRADE_INFERRED);
    cut_but_doubts(c, g->to, LEDGER_LOOP_BUSY);
}

/* It stood in line for a place in the pool that its loop hands it over to. To go on takes a turn of
 * the loop's; up to where the loop last had nothing to do it was the place that was not there, and
 * it stood before no thread: any that comes free will do. */
static void cut_line(struct cutter *c)
{
    uint64_t begin, end;
    size_t first = c->count;
    bool slept = sleeps(c->a, c->gap->loop, c->at, c->gap->to, &begin, &end);

    if (slept)
        cut(c, end, LEDGER_QUEUED, GRADE_INFERRED);
    if (c->count > first)
        c->parts[first].thread_plus1 = 0;
    cut(c, c->gap->to, LEDGER_QUEUED, GRADE_INFERRED);
}

/* Another thread took it up at the end. Until it stood in the queue it waited for something else,
 * or the other way round. */
static void cut_handoff(struct cutter *c)
{
    const struct tenure *after = c->gap->after;
    enum grade grade = after->gap_inferred ? GRADE_INFERRED : GRADE_EXACT;

    if (after->ready == NEVER) {
        uint64_t called = most(c->at, called_at(c->a, after->thread, after->start));
        if (called >= c->gap->to) {
            cut_slept(c, c->gap->to);
        } else { /* it was ready then, and its worker on the way to a CPU */
            cut_slept(c, called);
            cut_unknown(c, called);
            cut(c, c->gap->to, LEDGER_QUEUED, GRADE_INFERRED);
        }
    } else {
        cut(c, after->ready, LEDGER_AWAITING, GRADE_INFERRED);
        cut_unknown(c, tenure_line(c->a, after));
        cut(c, after->busy_from, LEDGER_QUEUED, grade);
        if (after->unsure_head)
            cut_ambiguous(c, c->gap->to);
    }
    cut_unknown(c, c->gap->to);
}

/* When the loop, which waits in its multiplexed wait at `at` or was woken from it, runs; `at` when
 * it does something else. */
static uint64_t runs_from(const struct analysis *a, uint32_t thread, uint64_t at)
{
    const struct thread *t = &a->tl->threads.data[thread];
    size_t i = interval_of(t, at);

    if (!t->intervals.len)
        return at;
    const struct interval *iv = &t->intervals.data[i];
    if (i && iv->state == STATE_RUNNABLE)
        iv--;
    for (; iv->state == STATE_YIELDED && i < t->intervals.len; i++)
        if (t->intervals.data[i].state == STATE_RUNNING)
            return most(at, t->intervals.data[i].start_ns);
    return at;
}

/* An event ended it whose time is known. */
static void cut_awaited(struct cutter *c)
{
    const struct gap *g = c->gap;
    const struct tenure *after = g->after;
    bool same = g->before && g->before->thread == after->thread;
    bool loop = c->a->lives.data[after->thread].yields > 0;
    bool sure = !g->several && same && !after->gap_inferred;
    enum grade grade = sure ? GRADE_EXACT : GRADE_INFERRED;

    cut(c, after->ready, LEDGER_AWAITING, grade);
    if (after->unsure_head) {
        /* It was ready, and nobody serves it before its loop runs; unless that was not asked. */
        uint64_t asked = loop ? after->busy_from : g->to;
        cut_unknown(c, asked);
        cut(c, runs_from(c->a, after->thread, most(after->ready, asked)), LEDGER_LOOP_BUSY,
            GRADE_INFERRED);
        cut_ambiguous(c, g->to);
    }
    cut_unknown(c, same || loop ? after->busy_from : g->to);
    cut(c, g->to, LEDGER_LOOP_BUSY, grade);
}

size_t gap_parts(const struct analysis *a, const struct gap *gap, struct gap_part *parts)
{
    struct cutter c = {.a = a, .gap = gap, .parts = parts, .at = gap->from};
    const struct tenure *before = gap->before, *after = gap->after;
    uint8_t cause = after ? after->cause : CAUSE_NONE;

    if (!before && (cause == CAUSE_FIRST || cause == CAUSE_HANDOFF)) {
        cut(&c, gap->to, LEDGER_QUEUED, cause == CAUSE_FIRST ? GRADE_EXACT : GRADE_INFERRED);
        return c.count;
    }
    if (before && before->perhaps)
        cut_ambiguous(&c, gap->to);
    /* Perhaps it was still being worked at. */
    if (before && (cause != CAUSE_BUSY || before->long_tail) &&
        (cause != CAUSE_HANDOFF || after->gap_inferred))
        cut_ambiguous(&c, before->unsure_until);
    if ((cause == CAUSE_READY || cause == CAUSE_CONNECTED) && after->ready != NEVER) {
        cut_awaited(&c);
    } else if (cause == CAUSE_LINE && after->ready != NEVER) {
        cut(&c, after->ready, LEDGER_AWAITING, GRADE_INFERRED);
        cut(&c, gap->to, LEDGER_LOOP_BUSY, GRADE_INFERRED);
    } else if (cause == CAUSE_BUSY) {
        cut_but_doubts(&c, gap->to, LEDGER_LOOP_BUSY);
    } else if (cause == CAUSE_HANDOFF) {
        cut_handoff(&c);
    } else if (after && after->untold) {
        cut_unknown(&c, gap->to);
    } else if (cause == CAUSE_NONE && after && after->in_line && after->thread == gap->loop) {
        cut_line(&c);
    } else if (before && after && after->resumed && !after->submits && after->thread == gap->loop) {
        cut_resumed(&c);
        cut_unknown(&c, gap->to);
    } else {
        /* Another loop's may have been ready before; workers are in the doubts. */
        bool other = after && after->thread != gap->loop && a->lives.data[after->thread].yields;
        if (!other && !(after && after->submits))
            cut_slept(&c, gap->to);
        if (cause == CAUSE_AMBIGUOUS) {
            cut_unknown(&c, after->busy_from);
            cut_ambiguous(&c, gap->to);
        } else if (after && after->thread == gap->loop) {
            cut_unknown(&c, after->busy_from);
            cut(&c, gap->to, LEDGER_LOOP_BUSY, GRADE_INFERRED);
        }
        cut_unknown(&c, gap->to);
    }
    return c.count;
}
