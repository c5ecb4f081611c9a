/*
 * slices: what a loop did from one multiplexed wait to the next, seen once all touches are known.
 *
 *     slice     wake ── recv A ─ send A ── ? ── recv B ─ ask for B ── ? ──┤ sleeps
 *                       └── A's ──┘   loose     └──── B's ────┘   loose
 *
 * A callback that touches no connection (a timer of a chain, setImmediate) leaves no record. One
 * that is due while its loop is awake for long is late, and one may run in what is loose. Where a
 * loop never woke but to touch a connection, or to accept one, none of its callbacks is such: some
 * would have been due alone.
 */
#include "analysis/internal.h"

/* What is not longer is what a loop does between two callbacks. */
#define LOOSE_NS 200000u
/* So many slices tell what a loop's callbacks are like. */
#define SLICES_MIN 50

struct survey {
    struct analysis *a;
    struct by_thread tenures;
};

static uint64_t yield_start(const struct analysis *a, uint32_t thread, uint32_t k)
{
    const struct thread *t = &a->tl->threads.data[thread];
    return t->intervals.data[a->yields.data[a->lives.data[thread].first_yield + k]].start_ns;
}

static uint64_t yield_end(const struct analysis *a, uint32_t thread, uint32_t k)
{
    return interval_end(&a->tl->threads.data[thread],
                        a->yields.data[a->lives.data[thread].first_yield + k]);
}

/* Did the thread, each time that it woke, touch a connection or find a new one? Each explains one
 * slice. */
static bool always_touches(const struct survey *s, uint32_t thread)
{
    const struct analysis *a = s->a;
    uint32_t yields = a->lives.data[thread].yields, touch = s->a->touches_of.from[thread];

    /* Of a task that is another's no step is a touch of this one's. */
    const struct life *l = &a->lives.data[thread];
    if (yields <= SLICES_MIN || l->tasks || l->dispatches)
        return false;
    for (uint32_t k = 0; k + 1 < yields; k++) {
        uint64_t from = yield_start(a, thread, k), to = yield_start(a, thread, k + 1);
        bool known = false;
        for (; touch < s->a->touches_of.from[thread + 1] &&
               a->touches.data[s->a->touches_of.index[touch]].time <= to;
             touch++)
            known |= !a->touches.data[s->a->touches_of.index[touch]].unknown;
        if (!known && !clients_came(a, from, to))
            return false;
    }
    return true;
}

/*
 * Redis has jobs of its own, by a timer, but none of a client's that goes on later: a command that
 * waits for a key is served behind the one that pushes to it (blocked.c,
 * handleClientsBlockedOnKeys()), or when its time is over, before the loop next sleeps (timeout.c,
 * handleBlockedClientsTimeout(), by beforeSleep()).
 */
static bool in_one_go(const struct analysis *a, uint32_t thread)
{
    return process_has(a, a->tl->threads.data[thread].process, RUNTIME_REDIS);
}

/* When the thread was awake for long between two multiplexed waits. */
static int awake_collect(struct survey *s, uint32_t thread)
{
    struct analysis *a = s->a;
    struct life *l = &a->lives.data[thread];

    l->first_awake = (uint32_t)a->awake.len;
    for (uint32_t k = 0; k + 1 < l->yields; k++) {
        struct doubt awake = {yield_end(a, thread, k), yield_start(a, thread, k + 1)};
        if (awake.end > awake.start + AWAKE_NS && vec_push(&a->awake, awake) < 0)
            return -ENOMEM;
    }
    l->awakes = (uint32_t)a->awake.len - l->first_awake;
    return 0;
}

static int loose_add(struct analysis *a, uint64_t from, uint64_t to)
{
    return to > from + LOOSE_NS ? vec_push(&a->loose, ((struct doubt){from, to})) : 0;
}

/* What the thread did while awake and in the name of no request. A tenure that overlaps the one
 * before it began with that one's end. */
static int loose_collect(struct survey *s, uint32_t thread)
{
    struct analysis *a = s->a;
    struct life *l = &a->lives.data[thread];
    uint32_t i = s->tenures.from[thread];
    /* Its callbacks are all told; or what it does behind its last receive is for all of them. */
    bool none = l->steps_end || l->batches;
    int rc = 0;

    l->first_loose = (uint32_t)a->loose.len;
    for (uint32_t k = 0; rc == 0 && !none && k + 1 < l->yields; k++) {
        uint64_t at = yield_end(a, thread, k), sleep = yield_start(a, thread, k + 1);
        for (; rc == 0 && i < s->tenures.from[thread + 1]; i++) {
            const struct tenure *x = &a->tenures.data[s->tenures.index[i]];
            if (x->start >= sleep)
                break;
            rc = loose_add(a, at, x->start);
            at = x->end > at ? x->end : at;
        }
        rc = rc < 0 ? rc : loose_add(a, at, sleep);
    }
    l->looses = (uint32_t)a->loose.len - l->first_loose;
    return rc;
}

int slices_build(struct analysis *a)
{
    struct survey s = {.a = a};
    int rc = tenures_by_thread(a, &s.tenures);

    for (uint32_t i = 0; rc == 0 && i < a->lives.len; i++) {
        a->lives.data[i].visible = always_touches(&s, i) || in_one_go(a, i);
        if (!a->lives.data[i].visible)
            rc = awake_collect(&s, i);
        if (rc == 0)
            rc = loose_collect(&s, i);
    }
    by_thread_release(&s.tenures);
    return rc;
}
