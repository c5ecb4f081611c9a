/*
 * chains: who worked for a request that another thread answered than the one that read it, told by
 * who woke whom. From the answer back, each worker was parked until the one before woke it; from
 * the loop on, it had read the request and touched nothing else when it woke the first:
 *
 *     loop       reads A ─ wakes 1
 *     worker 1   parked ──────────┤ blocks ───────┤ wakes 2
 *     worker 2   parked ──────────────────────────────────┤ answers A
 *
 * A pool may give a woken worker another's work. So each end of the chain is but a claim: for a
 * stretch of a worker that blocks it needs both, and none that speaks of another request.
 */
#include "analysis/internal.h"
#include "base/sort.h"

#define CHAIN_MAX 8
/* What is handed over so near to something else may change places with it. */
#define NEAR_NS 700000u
/* Without a wait it is not much that a worker does in so short a time. */
#define BRIEF_NS 200000u
/* So many intervals of a worker's stretch and touches of a loop's are looked at, */
#define STRETCH_MAX 256
/* and so many claims to one stretch compared: with more none of them is believed. */
#define CLAIMS_MAX 64

struct claim {
    uint32_t thread, request;
    uint64_t start, end;
    uint8_t ends; /* CLAIM_… */
    bool void_;
};

enum { CLAIM_HEAD = 1, CLAIM_TAIL = 2 };

struct claims {
    struct analysis *a;
    const struct bouts *b;
    VEC(struct claim) all;
};

/* The first park of `worker` that ends behind `at`. */
static size_t park_after(const struct bouts *b, uint32_t worker, uint64_t at)
{
    size_t low = 0, high = b->parks.len;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct park *p = &b->parks.data[mid];
        if (p->worker < worker || (p->worker == worker && p->end <= at))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The park that the worker, at work at `at`, came from; NULL: not known. */
static const struct park *park_before(const struct bouts *b, uint32_t worker, uint64_t at)
{
    size_t i = park_after(b, worker, at);
    if (i < b->parks.len && b->parks.data[i].worker == worker && b->parks.data[i].start < at)
        return NULL; /* it is parked */
    return i && b->parks.data[i - 1].worker == worker ? &b->parks.data[i - 1] : NULL;
}

/* How many of the thread's touches are at `at` or before; an end in b->touches.index. */
static size_t touches_until(const struct analysis *a, const struct bouts *b, uint32_t thread,
                            uint64_t at)
{
    size_t low = b->touches.from[thread], high = b->touches.from[thread + 1];
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (a->touches.data[b->touches.index[mid]].time <= at)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

const struct touch *touch_before(const struct analysis *a, const struct bouts *b, uint32_t thread,
                                 uint64_t at)
{
    size_t end = touches_until(a, b, thread, at);
    return end > b->touches.from[thread] ? &a->touches.data[b->touches.index[end - 1]] : NULL;
}

/* The moment NEAR_NS before `at`; while it had no CPU the thread handed nothing over. */
static uint64_t near_from(const struct analysis *a, uint32_t thread, uint64_t at)
{
    const struct thread *t = &a->tl->threads.data[thread];
    uint64_t passed = 0, end = at;
    size_t looked = 0;

    for (size_t i = t->intervals.len ? interval_of(t, at) + 1 : 0; i-- > 0;) {
        const struct interval *iv = &t->intervals.data[i];
        bool runs = iv->state != STATE_RUNNABLE && iv->state != STATE_LOCK;
        if (iv->start_ns >= end)
            continue;
        if (runs && end - iv->start_ns >= NEAR_NS - passed)
            return end - (NEAR_NS - passed);
        passed += runs ? end - iv->start_ns : 0;
        end = iv->start_ns;
        if (looked++ >= STRETCH_MAX)
            break;
    }
    return 0;
}

/*
 * Did the loop have the request at `at`, and nothing else to hand over? What it read shortly
 * before, or reads before the woken worker begins to wait in its work, that worker may take
 * instead.
 */
bool loop_had(const struct analysis *a, const struct bouts *b, uint32_t loop, uint32_t request,
              uint64_t at, uint64_t begins)
{
    uint64_t woke = woke_at(a, loop, at);
    const struct touch *t = touch_before(a, b, loop, woke);
    if (!t || t->request_plus1 != request + 1 || loop_slept(a, loop, t->time, woke))
        return false;
    size_t looked = 0;
    uint64_t near = near_from(a, loop, at);
    for (size_t i = touches_until(a, b, loop, begins); i-- > b->touches.from[loop];) {
        const struct touch *x = &a->touches.data[b->touches.index[i]];
        if (x->time < near)
            return true;
        if (looked++ >= STRETCH_MAX)
            return false;
        if (x->request_plus1 && x->request_plus1 != request + 1 && x->ready != NEVER)
            return false;
    }
    return true;
}

/* Of so many each look-up begins where the one that is looked for would be if all were as long, and
 * goes on from there in steps that double: a search among all misses the cache at each step. */
#define GUESS_MIN 256
#define GUESS_STEP 16

static void interval_guess(const struct thread *t, uint64_t at, size_t *low, size_t *high)
{
    const struct interval *all = t->intervals.data;
    size_t len = t->intervals.len, step = GUESS_STEP;
    uint64_t into = at > t->start_ns ? at - t->start_ns : 0, life = t->end_ns - t->start_ns;
    size_t guess =
        into < life ? (size_t)((double)into / (double)life * (double)(len - 1)) : len - 1;

    if (all[guess].start_ns <= at) {
        for (*low = guess; *low + step < len && all[*low + step].start_ns <= at; step *= 2)
            *low += step;
        *high = *low + step < len ? *low + step : len;
    } else {
        for (*high = guess; *high > step && all[*high - step].start_ns > at; step *= 2)
            *high -= step;
        *low = *high > step ? *high - step : 0;
    }
}

size_t interval_of(const struct thread *t, uint64_t at)
{
    size_t low = 0, high = t->intervals.len;
    if (high >= GUESS_MIN)
        interval_guess(t, at, &low, &high);
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (t->intervals.data[mid].start_ns <= at)
            low = mid;
        else
            high = mid;
    }
    return low;
}

#define NEAR_STEPS 8

size_t interval_near(const struct thread *t, uint64_t at, size_t near)
{
    size_t len = t->intervals.len;

    if (near >= len || t->intervals.data[near].start_ns > at)
        return interval_of(t, at);
    for (size_t i = near; i < near + NEAR_STEPS; i++)
        if (i + 1 >= len || t->intervals.data[i + 1].start_ns > at)
            return i;
    return interval_of(t, at);
}

/* In [start, *end) a worker may have had several pieces of work, each with an object of its own. Up
 * to where it was the first of them. */
static void one_object_first(const struct analysis *a, uint32_t worker, uint64_t start,
                             uint64_t *end)
{
    const struct thread *t = &a->tl->threads.data[worker];
    uint32_t object = 0;
    uint64_t until = start;

    for (size_t i = interval_of(t, start); i < t->intervals.len; i++) {
        const struct interval *iv = &t->intervals.data[i];
        if (iv->start_ns >= *end)
            return;
        if (iv->state != STATE_BLOCKED || iv->start_ns < start)
            continue;
        uint32_t plus1 = interval_wait(a->tl, iv)->object_plus1;
        if (object && plus1 != object) {
            *end = until;
            return;
        }
        object = plus1;
        until = interval_end(t, i);
    }
}

/* When the thread first blocks in [start, end); `end` when it does not, or not soon. */
static uint64_t first_block(const struct analysis *a, uint32_t thread, uint64_t start, uint64_t end)
{
    const struct thread *t = &a->tl->threads.data[thread];
    size_t first = interval_of(t, start);
    for (size_t i = first;
         i < t->intervals.len && i < first + STRETCH_MAX && t->intervals.data[i].start_ns < end;
         i++)
        if (t->intervals.data[i].state == STATE_BLOCKED && t->intervals.data[i].start_ns >= start)
            return t->intervals.data[i].start_ns;
    return end;
}

/* From where on it was the last of them; a stretch of more than STRETCH_MAX waits is not looked
 * through to its begin. */
static void one_object_last(const struct analysis *a, uint32_t worker, uint64_t *start,
                            uint64_t end)
{
    const struct thread *t = &a->tl->threads.data[worker];
    uint32_t behind = 0;
    bool any = false;
    size_t looked = 0;

    for (size_t i = interval_of(t, end - 1) + 1; i-- > 0;) {
        const struct interval *iv = &t->intervals.data[i];
        if (i >= t->intervals.len || iv->start_ns >= end)
            continue;
        if (iv->start_ns < *start)
            return;
        uint32_t plus1 = iv->state == STATE_BLOCKED ? interval_wait(a->tl, iv)->object_plus1 : 0;
        bool another = any && plus1 && plus1 != behind;
        if (another || looked++ >= STRETCH_MAX) {
            *start = interval_end(t, i);
            return;
        }
        if (iv->state == STATE_BLOCKED) {
            any = true;
            behind = plus1;
        }
    }
}

static int claim_add(struct claims *c, struct claim claim)
{
    return claim.start < claim.end ? vec_push(&c->all, claim) : 0;
}

/* Its runtime tells of hand-overs. */
static bool is_told(const struct analysis *a, uint32_t loop)
{
    const struct proc *p = &a->procs.data[a->tl->threads.data[loop].process];
    return p->submits || p->hands_over;
}

/* From the worker that has the request at `at` back, as far as each was woken by the next. */
static int claim_back(struct claims *c, uint32_t request, uint32_t worker, uint64_t at)
{
    const struct draft *d = &c->a->drafts.data[request];
    uint64_t read = c->a->tenures.data[d->first_tenure_plus1 - 1].first_touch;
    size_t first = c->all.len;
    int rc = 0;

    for (size_t n = 0; rc == 0 && n < CHAIN_MAX; n++) {
        const struct park *park = c->b->worker[worker] ? park_before(c->b, worker, at) : NULL;
        if (!park || park->end < read)
            return 0;
        const struct touch *t = touch_before(c->a, c->b, worker, at - 1);
        uint64_t start = park->end;
        /* It did something for another before, and who knows for how long. */
        if (t && t->request_plus1 && t->request_plus1 != request + 1 && t->time > start)
            return 0;
        if (start < at)
            one_object_last(c->a, worker, &start, at);
        bool from_loop =
            start == park->end && park->waker == d->first_thread &&
            loop_had(c->a, c->b, park->waker, request, start, first_block(c->a, worker, start, at));
        uint8_t ends = CLAIM_TAIL | (from_loop ? CLAIM_HEAD : 0);
        rc = claim_add(c, (struct claim){worker, request, start, at, ends, false});
        for (size_t k = first; from_loop && k < c->all.len; k++)
            c->all.data[k].ends |= CLAIM_HEAD; /* so are all the links behind it */
        if (start > park->end || park->waker == NONE || park->waker == d->first_thread)
            return rc;
        worker = park->waker;
        at = park->end;
    }
    return rc;
}

/* From `start` to that touch the worker has its request anyhow: see jobs.c. */
static bool has_already(const struct analysis *a, const struct touch *touch, uint32_t worker,
                        uint64_t start)
{
    size_t looked = 0;
    for (uint32_t i = a->drafts.data[touch->request_plus1 - 1].first_tenure_plus1;
         i && looked++ < STRETCH_MAX; i = a->tenures.data[i - 1].next_plus1) {
        const struct tenure *x = &a->tenures.data[i - 1];
        if (x->thread == worker && x->start <= start && start < x->end)
            return true;
    }
    return false;
}

/* A worker that the loop woke for a request. */
static int claim_on(struct claims *c, size_t park)
{
    const struct analysis *a = c->a;
    const struct park *p = &c->b->parks.data[park];
    bool same = park + 1 < c->b->parks.len && c->b->parks.data[park + 1].worker == p->worker;
    uint64_t start = p->end;
    uint64_t end = same ? c->b->parks.data[park + 1].start : a->tl->threads.data[p->worker].end_ns;

    if (p->waker == NONE || !a->lives.data[p->waker].yields || is_told(a, p->waker) ||
        !a->lives.data[p->waker].direct)
        return 0;
    const struct touch *t = touch_before(a, c->b, p->waker, p->end);
    if (!t || !t->request_plus1 || a->drafts.data[t->request_plus1 - 1].first_thread != p->waker ||
        !loop_had(a, c->b, p->waker, t->request_plus1 - 1, p->end,
                  first_block(a, p->worker, start, end)))
        return 0;
    const struct touch *next = touch_before(a, c->b, p->worker, end);
    if (next && next->time > start && next->request_plus1 &&
        (next->request_plus1 != t->request_plus1 || has_already(a, next, p->worker, start)))
        return 0;
    one_object_first(a, p->worker, start, &end);
    return claim_add(
        c, (struct claim){p->worker, t->request_plus1 - 1, start, end, CLAIM_HEAD, false});
}

static int by_thread_and_start(const void *x, const void *y)
{
    const struct claim *p = x, *q = y;
    if (p->thread != q->thread)
        return p->thread < q->thread ? -1 : 1;
    if (p->start != q->start)
        return p->start < q->start ? -1 : 1;
    return p->request < q->request ? -1 : p->request > q->request;
}

/* It did not block in [start, end): whosever it was, not much. */
static bool is_brief(const struct analysis *a, const struct claim *x)
{
    const struct thread *t = &a->tl->threads.data[x->thread];
    if (x->end - x->start > BRIEF_NS)
        return false;
    for (size_t i = interval_of(t, x->start);
         i < t->intervals.len && t->intervals.data[i].start_ns < x->end; i++)
        if (state_is_wait(t->intervals.data[i].state) && interval_end(t, i) > x->start)
            return false;
    return true;
}

/* Voids the claims that contradict each other, and lays the ends of those together that agree.
 * `crowd`: up to here too many claim the thread. */
static void claims_compare(struct claims *c)
{
    uint64_t crowd = 0;

    for (size_t i = 0; i < c->all.len; i++) {
        struct claim *x = &c->all.data[i];
        if (i && x->thread != x[-1].thread)
            crowd = 0;
        for (size_t k = i + 1; k < c->all.len; k++) {
            struct claim *y = &c->all.data[k];
            if (y->thread != x->thread || y->start >= x->end)
                break;
            if (k - i > CLAIMS_MAX) {
                crowd = x->end > crowd ? x->end : crowd;
                break;
            }
            if (y->request != x->request)
                x->void_ = y->void_ = true;
            else
                x->ends = y->ends = x->ends | y->ends;
        }
        x->void_ |= x->start < crowd;
    }
}

static int claims_settle(struct claims *c)
{
    int rc = 0;

    if (c->all.len)
        sort_runs(c->all.data, c->all.len, sizeof(*c->all.data), by_thread_and_start);
    claims_compare(c);
    for (size_t i = 0; rc == 0 && i < c->all.len; i++) {
        const struct claim *x = &c->all.data[i];
        bool both = x->ends == (CLAIM_HEAD | CLAIM_TAIL);
        if (!x->void_ && (both || is_brief(c->a, x)))
            rc = item_add(c->a,
                          &(struct item){x->request, x->thread, x->start, x->end, NEVER, NEVER});
    }
    return rc;
}

int chains_follow(struct analysis *a, const struct bouts *b)
{
    struct claims c = {.a = a, .b = b};
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && b->any_worker && i < a->drafts.len; i++) {
        const struct draft *d = &a->drafts.data[i];
        uint32_t next;
        if (d->first_thread == NONE || !a->lives.data[d->first_thread].yields ||
            !d->first_tenure_plus1 || is_told(a, d->first_thread))
            continue;
        for (uint32_t x = d->first_tenure_plus1; rc == 0 && x; x = next) {
            const struct tenure *n = &a->tenures.data[x - 1];
            next = n->next_plus1;
            if (b->worker[n->thread] && n->cause == CAUSE_NONE)
                rc = claim_back(&c, i, n->thread, n->first_touch);
        }
    }
    for (size_t i = 0; rc == 0 && i < b->parks.len; i++)
        rc = claim_on(&c, i);
    if (rc == 0)
        rc = claims_settle(&c);
    vec_release(&c.all);
    return rc;
}
