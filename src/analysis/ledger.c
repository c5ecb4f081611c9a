/*
 * ledger: the segments of each request, without a gap from its start to its end, and its ledger
 * as their sum. Nothing else writes a ledger, so that it adds up to the latency by construction.
 *
 *     tenures    the states of the threads that had it, cut where intervals begin
 *     between    what gaps.c makes of it
 */
#include "analysis/internal.h"
#include "base/sort.h"

/* What is told goes back in such steps. */
#define LEAVE_STEP 16384

/* A stretch of one thread's interval inside a tenure; without length where the tenure is but a
 * moment: it tells what was before it all the same. */
struct piece {
    uint64_t start, end;
    uint32_t thread, interval, tenure;
    uint8_t key, grade;
};

struct span {
    uint64_t start, end;
};

struct ledger {
    struct analysis *a;
    VEC(struct piece) pieces, painted;
    VEC(struct span) free; /* not painted yet */
    const struct draft *d;
    struct request r;
    uint32_t threads_seen; /* the request's first thread so far, NONE before */
    bool several;          /* more than one thread had it so far */
    struct outstanding outstanding;
    size_t drafts_left; /* so many have been told, from the first on */
};

static const uint8_t state_keys[STATE_COUNT] = {
    [STATE_RUNNING] = LEDGER_RUNNING,
    [STATE_RUNNABLE] = LEDGER_RUNNABLE,
    [STATE_BLOCKED] = LEDGER_BLOCKED,
    [STATE_YIELDED] = LEDGER_UNATTRIBUTED,
    [STATE_LOCK] = LEDGER_LOCK,
    [STATE_SLEEP] = LEDGER_SLEEP,
    [STATE_FAULT] = LEDGER_FAULT,
    [STATE_OTHER] = LEDGER_OTHER,
    [STATE_UNKNOWN] = LEDGER_UNATTRIBUTED,
};

/* Where several threads work at once, each instant goes to the first of these. */
static const uint8_t ranks[] = {
    LEDGER_RUNNING, LEDGER_RUNNABLE, LEDGER_BLOCKED, LEDGER_FAULT,
    LEDGER_LOCK,    LEDGER_SLEEP,    LEDGER_OTHER,   LEDGER_UNATTRIBUTED,
};

uint64_t tenure_reach(const struct draft *d, const struct tenure *x)
{
    bool handed_over = d->top_touch > x->last_touch && d->top_thread != x->thread;
    return handed_over ? least(x->end, most(x->wait_off, x->last_touch)) : x->end;
}

static uint8_t piece_grade(const struct tenure *x, uint64_t at, bool handed_over)
{
    if (at < x->first_touch)
        return x->exact_head ? GRADE_EXACT : GRADE_INFERRED;
    if (at < x->last_touch)
        return x->shared ? GRADE_INFERRED : GRADE_EXACT;
    return x->exact_tail && !handed_over ? GRADE_EXACT : GRADE_INFERRED;
}

/* The next place behind `at` where the grade may change. */
static uint64_t piece_end(const struct tenure *x, uint64_t at, uint64_t end)
{
    if (x->first_touch > at)
        end = least(end, x->first_touch);
    if (x->last_touch > at)
        end = least(end, x->last_touch);
    return end;
}

/* It waits for many things at once, but inside one piece of work: it serves nobody else. */
static void yield_is_block(struct thread *t, size_t interval)
{
    struct interval *iv = &t->intervals.data[interval];
    uint64_t took = interval_end(t, interval) - iv->start_ns;

    iv->state = STATE_BLOCKED;
    t->state_ns[STATE_YIELDED] -= took;
    t->state_ns[STATE_BLOCKED] += took;
}

static int pieces_add(struct ledger *l, uint32_t tenure)
{
    const struct tenure *x = &l->a->tenures.data[tenure];
    struct thread *t = &l->a->tl->threads.data[x->thread];
    uint64_t at = most(x->start, l->d->start), end = least(tenure_reach(l->d, x), l->d->end);
    bool handed_over = l->d->top_thread != x->thread;

    at = most(at, t->start_ns);
    end = least(end, t->end_ns);
    if (at > end)
        return 0;
    if (at == end)
        return vec_push(&l->pieces, ((struct piece){at, at, x->thread, 0, tenure,
                                                    LEDGER_UNATTRIBUTED, GRADE_UNATTRIBUTED}));
    size_t *hint = &l->a->lives.data[x->thread].hint;
    *hint = interval_near(t, at, *hint);
    for (size_t i = *hint; at < end; i++) {
        struct interval *iv = &t->intervals.data[i];
        uint64_t stop = least(interval_end(t, i), end);
        if (iv->state == STATE_YIELDED && x->told_whole)
            yield_is_block(t, i);
        uint8_t key = state_keys[iv->state];
        while (at < stop) {
            struct piece p = {at, piece_end(x, at, stop), x->thread, (uint32_t)i, tenure, key, 0};
            p.grade =
                key == LEDGER_UNATTRIBUTED ? GRADE_UNATTRIBUTED : piece_grade(x, at, handed_over);
            if (vec_push(&l->pieces, p) < 0)
                return -ENOMEM;
            at = p.end;
        }
        if (iv->state == STATE_UNKNOWN)
            l->r.flags |= REQUEST_LOSS;
    }
    return 0;
}

static int by_start(const void *x, const void *y)
{
    const struct piece *p = x, *q = y;
    if (p->start != q->start)
        return p->start < q->start ? -1 : 1;
    if (p->end != q->end)
        return p->end < q->end ? -1 : 1;
    return p->tenure < q->tenure ? -1 : p->tenure > q->tenure;
}

static void pieces_sort(struct piece *pieces, size_t count)
{
    if (count > 1)
        sort_runs(pieces, count, sizeof(*pieces), by_start);
}

/* Lays the pieces of one rank on what is free, and keeps what is still free behind it. Both are
 * sorted; a piece that overlaps its forerunner counts from that one's end. */
static int paint(struct ledger *l, uint8_t key)
{
    size_t spans = l->free.len, next = 0, i = 0;
    uint64_t cursor = 0;

    while (next < spans && i < l->pieces.len) {
        struct piece p = l->pieces.data[i];
        const struct span *span = &l->free.data[next];
        uint64_t from = most(cursor, span->start);
        if (p.key != key || p.end <= from) {
            i++;
            continue;
        }
        p.start = most(p.start, from);
        p.end = least(p.end, span->end);
        if (p.start >= span->end) {
            next++;
            continue;
        }
        if (vec_push(&l->painted, p) < 0)
            return -ENOMEM;
        cursor = p.end;
    }
    return 0;
}

/* Takes what is painted out of what is free. */
static int free_rest(struct ledger *l)
{
    size_t n = l->painted.len;
    uint64_t at = l->d->start;

    pieces_sort(l->painted.data, n);
    l->free.len = 0;
    for (size_t i = 0; i <= n; i++) {
        uint64_t end = i < n ? l->painted.data[i].start : l->d->end;
        if (at < end && vec_push(&l->free, ((struct span){at, end})) < 0)
            return -ENOMEM;
        if (i < n)
            at = l->painted.data[i].end;
    }
    return 0;
}

/* Makes the pieces free of overlaps, the highest rank first. */
static int pieces_flatten(struct ledger *l)
{
    uint64_t all = 0, kept = 0;
    bool overlap = false;

    pieces_sort(l->pieces.data, l->pieces.len);
    for (size_t i = 0; i < l->pieces.len; i++) {
        all += l->pieces.data[i].end - l->pieces.data[i].start;
        overlap |= i && l->pieces.data[i].start < l->pieces.data[i - 1].end;
    }
    if (!overlap)
        return 0;
    l->painted.len = 0;
    for (size_t i = 0; i < sizeof(ranks); i++) {
        int rc = free_rest(l);
        if (rc == 0)
            rc = paint(l, ranks[i]);
        if (rc < 0)
            return rc;
    }
    for (size_t i = 0; i < l->painted.len; i++)
        kept += l->painted.data[i].end - l->painted.data[i].start;
    for (size_t i = 0; i < l->pieces.len; i++)
        if (l->pieces.data[i].start == l->pieces.data[i].end &&
            vec_push(&l->painted, l->pieces.data[i]) < 0)
            return -ENOMEM;
    pieces_sort(l->painted.data, l->painted.len);
    l->pieces.len = 0;
    for (size_t i = 0; i < l->painted.len; i++)
        if (vec_push(&l->pieces, l->painted.data[i]) < 0)
            return -ENOMEM;
    l->r.parallel_ns = all - kept;
    return 0;
}

/* Appends [start, end) as a segment, or prolongs the last one. */
static int segment_add(struct ledger *l, struct segment s, uint64_t end)
{
    struct timeline *tl = l->a->tl;
    if (s.start_ns >= end)
        return 0;

    const struct segment *last =
        tl->segments.len > l->r.first_segment ? vec_last(&tl->segments) : NULL;
    if (last && last->key == s.key && last->grade == s.grade &&
        last->thread_plus1 == s.thread_plus1 && last->interval_plus1 == s.interval_plus1)
        return 0;
    if (tl->segments.len >= NONE || vec_reserve(&tl->segments, tl->segments.len + 1) < 0 ||
        !tl->segments.data)
        return -ENOMEM;
    tl->segments.data[tl->segments.len++] = s;
    return 0;
}

/* A part of a gap. That a step of the request's was in its loop's queue does not end what another
 * of its tasks has asked. */
static int part_add(struct ledger *l, const struct gap_part *part, bool stepped)
{
    struct segment s = {.start_ns = part->from,
                        .thread_plus1 = part->thread_plus1,
                        .key = part->key,
                        .grade = part->grade};
    const struct segment awaits = {.key = LEDGER_AWAITING, .grade = GRADE_INFERRED};
    struct doubt asked;
    int rc = 0;

    while (rc == 0 && stepped && part->key == LEDGER_LOOP_BUSY &&
           outstanding_next(&l->outstanding, s.start_ns, part->to, &asked)) {
        rc = segment_add(l, s, asked.start);
        s = awaits;
        s.start_ns = asked.start;
        if (rc == 0)
            rc = segment_add(l, s, asked.end);
        s = (struct segment){.start_ns = asked.end,
                             .thread_plus1 = part->thread_plus1,
                             .key = part->key,
                             .grade = part->grade};
    }
    return rc < 0 ? rc : segment_add(l, s, part->to);
}

/* [from, to) by nobody: `before` is the tenure that ended at `from`, `after` the one that begins
 * at `to`; NULL where there is none. */
static int gap_add(struct ledger *l, uint64_t from, uint64_t to, const struct tenure *before,
                   const struct tenure *after)
{
    const struct gap gap = {from, to, before, after, l->d->first_thread, l->several};
    struct gap_part parts[GAP_PARTS];
    size_t count = from < to ? gap_parts(l->a, &gap, parts) : 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = part_add(l, &parts[i], after && after->resumed);
    return rc;
}

static int segments_emit(struct ledger *l)
{
    const struct tenure *tenures = l->a->tenures.data, *before = NULL;
    uint64_t at = l->d->start;
    int rc = 0;

    if (l->d->old) /* it has no tenures; and it did not stand in a queue for that */
        return segment_add(l,
                           (struct segment){.start_ns = at,
                                            .key = LEDGER_UNATTRIBUTED,
                                            .grade = GRADE_UNATTRIBUTED},
                           l->d->end);
    for (size_t i = 0; rc == 0 && i < l->pieces.len; i++) {
        const struct piece *p = &l->pieces.data[i];
        const struct tenure *x = &tenures[p->tenure];
        if (p->start < at) /* a moment inside what another thread had */
            continue;
        if (l->threads_seen != NONE && l->threads_seen != p->thread)
            l->several = true;
        rc = gap_add(l, at, p->start, before, x);
        l->threads_seen = l->threads_seen == NONE ? p->thread : l->threads_seen;
        before = x;
        at = p->end;
        if (p->start == p->end)
            continue;
        l->a->tl->threads.data[p->thread].intervals.data[p->interval].flags |= INTERVAL_CHARGED;
        if (rc == 0)
            rc = segment_add(l,
                             (struct segment){.start_ns = p->start,
                                              .thread_plus1 = p->thread + 1,
                                              .interval_plus1 = p->interval + 1,
                                              .key = p->key,
                                              .grade = p->grade},
                             p->end);
    }
    return rc < 0 ? rc : gap_add(l, at, l->d->end, before, NULL);
}

/* What threads gave to requests, whether or not several did so at once. */
static void held_add(struct ledger *l)
{
    for (size_t i = 0; i < l->pieces.len; i++) {
        const struct piece *p = &l->pieces.data[i];
        struct life *life = &l->a->lives.data[p->thread];
        life->held_ns += p->end - p->start;
        life->running_ns += p->key == LEDGER_RUNNING ? p->end - p->start : 0;
    }
}

static void tenures_told(struct analysis *a, struct draft *d)
{
    d->told = true;
    for (uint32_t i = d->first_tenure_plus1; i;) {
        struct tenure *x = &a->tenures.data[i - 1];
        i = x->next_plus1;
        x->told = true;
        x->next_plus1 = d->index;
    }
}

static int request_add(struct ledger *l, uint32_t draft)
{
    struct analysis *a = l->a;
    struct draft *d = &a->drafts.data[draft];
    uint32_t answerer = d->answer_thread != NONE ? d->answer_thread : d->first_thread, conn;
    int rc = socket_object_plus1(a, &a->socks.data[d->sock], &conn);

    if (rc < 0 || a->tl->requests.len >= NONE)
        return -ENOMEM;
    l->d = d;
    l->several = false;
    l->threads_seen = NONE;
    l->pieces.len = 0;
    d->index = (uint32_t)a->tl->requests.len;
    l->r = (struct request){
        .id = (uint64_t)d->index + 1,
        .process = answerer == NONE ? 0 : a->tl->threads.data[answerer].process,
        .conn = conn ? conn - 1 : 0,
        .protocol = a->protocols[d->proto],
        .name = d->name,
        .group = d->group,
        .status = d->status,
        .flags = d->flags,
        .start_ns = d->start,
        .end_ns = d->end,
        .bytes_in = d->bytes_in,
        .bytes_out = d->bytes_out,
        .first_segment = (uint32_t)a->tl->segments.len,
    };
    for (uint32_t i = d->first_tenure_plus1; rc == 0 && i; i = a->tenures.data[i - 1].next_plus1)
        rc = pieces_add(l, i - 1);
    held_add(l);
    if (rc == 0)
        rc = outstanding_turn_to(a, &l->outstanding, draft);
    if (rc == 0)
        rc = pieces_flatten(l);
    if (rc == 0)
        rc = segments_emit(l);
    l->r.segment_count = (uint32_t)(a->tl->segments.len - l->r.first_segment);
    if (rc == 0)
        rc = vec_push(&a->readers, ((struct reader){d->first_thread, d->read_before}));
    tenures_told(a, d);
    return rc < 0 ? rc : vec_push(&a->tl->requests, l->r);
}

/*
 * Keeps of the tenures what later stages ask for, and gives them and the drafts back, up to the
 * first whose request is still to come. Requests come in the order of their starts, and so, but for
 * a few places, do drafts and tenures.
 */
static int ledger_leave(struct ledger *l)
{
    struct analysis *a = l->a;
    size_t tenures = a->helds.len, drafts = l->drafts_left;

    for (size_t i = tenures; i < a->tenures.len && a->tenures.data[i].told; i++) {
        const struct tenure *x = &a->tenures.data[i];
        if (vec_push(&a->helds, ((struct held){x->start, x->end, x->next_plus1, x->thread})) < 0)
            return -ENOMEM;
    }
    while (l->drafts_left < a->drafts.len && (a->drafts.data[l->drafts_left].told ||
                                              a->drafts.data[l->drafts_left].first_thread == NONE))
        l->drafts_left++;
    if (a->questions.len) /* asks.c looks at them again */
        return 0;
    vec_forget(&a->tenures, tenures, a->helds.len);
    vec_forget(&a->drafts, drafts, l->drafts_left);
    return 0;
}

void ledger_forget(struct analysis *a)
{
    vec_release(&a->drafts);
    vec_release(&a->tenures);
    table_release(&a->lines);
    table_release(&a->handed_on);
}

struct order {
    uint64_t start;
    uint32_t draft;
};

static int by_order(const void *x, const void *y)
{
    const struct order *p = x, *q = y;
    if (p->start != q->start)
        return p->start < q->start ? -1 : 1;
    return p->draft < q->draft ? -1 : 1;
}

int ledger_build(struct analysis *a)
{
    struct ledger l = {.a = a};
    VEC(struct order) order = VEC_INIT;
    int rc = outstanding_build(a, &l.outstanding);

    for (uint32_t i = 0; rc == 0 && i < a->drafts.len; i++)
        if (a->drafts.data[i].first_thread != NONE) /* else every touch was outside a life */
            rc = vec_push(&order, ((struct order){a->drafts.data[i].start, i}));
    if (order.len)
        sort_near(order.data, order.len, sizeof(*order.data), by_order);
    for (size_t i = 0; rc == 0 && i < order.len; i++) {
        rc = request_add(&l, order.data[i].draft);
        if (rc == 0 && (i % LEAVE_STEP == LEAVE_STEP - 1 || i + 1 == order.len))
            rc = ledger_leave(&l);
    }
    if (!a->questions.len)
        ledger_forget(a);
    outstanding_release(&l.outstanding);
    vec_release(&order);
    vec_release(&l.pieces);
    vec_release(&l.painted);
    vec_release(&l.free);
    return rc;
}
