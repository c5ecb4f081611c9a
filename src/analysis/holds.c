/*
 * holds: where an event loop was kept from its events. victims.c tells whom that kept waiting.
 *
 * A wait elsewhere than in the multiplexed call, or work without a touch of any socket, for
 * longer than the threshold. A loop that goes from socket to socket without rest is busy, not
 * held; one that has no CPU is kept from its events by the machine, so that only time on a CPU
 * counts as work.
 *
 * Waits for the same thing, one right behind the other, are one hold: an fsync that waits for one
 * block after the other, a mapped file that is read in page by page, a GIL that is asked for again
 * every 5 ms.
 */
#include "analysis/internal.h"

/* Between two waits of one hold the loop does no more than to ask again, or to copy a chunk. */
#define ASK_AGAIN_NS 500000u

struct stretch { /* waits for the same thing */
    struct hold hold;
    uint64_t wait_ns;               /* 0: there is none */
    uint64_t run_before_ns, run_ns; /* hold_walk.run_ns when it began, and at its end */
};

struct hold_walk {
    struct analysis *a;
    struct by_thread helds; /* once there is a hold */
    uint32_t thread;
    const struct thread *t;
    uint32_t held; /* where the walk is in them; NONE: it has not begun */
    uint64_t run_start, run_ns;
    struct stretch stretch;
};

/* The request that the loop had during most of the hold, + 1. */
static uint32_t hold_request(struct hold_walk *w, const struct hold *h)
{
    struct analysis *a = w->a;
    uint32_t last = w->helds.from[w->thread + 1];

    if (w->held == NONE)
        w->held = w->helds.from[w->thread];

    while (w->held < last && a->helds.data[w->helds.index[w->held]].end <= h->start_ns)
        w->held++;
    for (uint32_t i = w->held; i < last; i++) {
        const struct held *x = &a->helds.data[w->helds.index[i]];
        const struct request *r = &a->tl->requests.data[x->request];
        uint64_t from = x->start > h->start_ns ? x->start : h->start_ns;
        uint64_t to = x->end < h->end_ns ? x->end : h->end_ns;
        if (x->start >= h->end_ns)
            break;
        from = most(from, r->start_ns);
        to = least(to, r->end_ns);
        if (to > from && to - from > (h->end_ns - h->start_ns) / 2)
            return x->request + 1;
    }
    return 0;
}

static int hold_add(struct hold_walk *w, struct hold h)
{
    if (!w->helds.from && helds_by_thread(w->a, &w->helds) < 0)
        return -ENOMEM;
    h.thread = w->thread;
    h.request_plus1 = hold_request(w, &h);
    return vec_push(&w->a->tl->holds, h);
}

/* The loop touched something, or waited: what it did up to here is judged. */
static int run_end(struct hold_walk *w, uint64_t at)
{
    int rc = 0;
    if (w->run_ns > w->a->options.loop_hold_ns && at > w->run_start)
        rc = hold_add(
            w, (struct hold){.start_ns = w->run_start, .end_ns = at, .state = STATE_RUNNING});
    w->run_ns = 0;
    w->run_start = at;
    return rc;
}

/* Waits that were too short to matter are part of the work around them. */
static int stretch_end(struct hold_walk *w)
{
    const struct stretch s = w->stretch;
    uint64_t behind_ns = w->run_ns - s.run_ns;
    int rc = 0;

    w->stretch.wait_ns = 0;
    if (!s.wait_ns || s.wait_ns <= w->a->options.loop_hold_ns)
        return 0;
    w->run_ns = s.run_before_ns;
    rc = run_end(w, s.hold.start_ns);
    if (rc == 0)
        rc = hold_add(w, s.hold);
    w->run_start = s.hold.end_ns;
    w->run_ns = behind_ns;
    return rc;
}

/* It waits for the same again, without having done much. */
static bool stretch_goes_on(const struct hold_walk *w, const struct interval *iv)
{
    const struct stretch *s = &w->stretch;
    const struct wait *wait = interval_wait(w->a->tl, iv);
    return s->wait_ns && s->hold.state == iv->state && s->hold.call_plus1 == wait->call_plus1 &&
           s->hold.object_plus1 == wait->object_plus1 && w->run_ns - s->run_ns <= ASK_AGAIN_NS;
}

static int walk_wait(struct hold_walk *w, const struct interval *iv, uint64_t end)
{
    bool yields = iv->state == STATE_YIELDED || iv->state == STATE_UNKNOWN;
    bool holds = !yields && !(iv->flags & INTERVAL_IDLE) && iv->state != STATE_OTHER;
    const struct wait *wait = interval_wait(w->a->tl, iv);
    struct stretch *s = &w->stretch;
    int rc = 0;

    if (!holds || !stretch_goes_on(w, iv))
        rc = stretch_end(w);
    if (holds) {
        if (!s->wait_ns)
            *s = (struct stretch){.hold = {.start_ns = iv->start_ns,
                                           .state = iv->state,
                                           .call_plus1 = wait->call_plus1,
                                           .object_plus1 = wait->object_plus1},
                                  .run_before_ns = w->run_ns};
        s->hold.end_ns = end;
        s->wait_ns += end - iv->start_ns;
        s->run_ns = w->run_ns;
    } else if (rc == 0 && (yields || end - iv->start_ns > w->a->options.loop_hold_ns)) {
        rc = run_end(w, iv->start_ns);
        w->run_start = end;
    }
    return rc;
}

static int walk_touch(struct hold_walk *w, uint64_t at)
{
    int rc = stretch_end(w);
    return rc < 0 ? rc : run_end(w, at);
}

static int walk_thread(struct hold_walk *w, uint32_t thread)
{
    const struct analysis *a = w->a;
    uint32_t touch = a->touches_of.from[thread], last = a->touches_of.from[thread + 1];
    int rc = 0;

    w->thread = thread;
    w->t = &a->tl->threads.data[thread];
    w->held = NONE;
    w->stretch.wait_ns = 0;
    w->run_ns = 0;
    w->run_start = w->t->start_ns;
    for (size_t i = 0; rc == 0 && i < w->t->intervals.len; i++) {
        const struct interval *iv = &w->t->intervals.data[i];
        uint64_t at = iv->start_ns, end = interval_end(w->t, i);
        bool works = iv->state == STATE_RUNNING;
        if (iv->state != STATE_RUNNING && iv->state != STATE_RUNNABLE) {
            rc = walk_wait(w, iv, end);
            continue;
        }
        for (; rc == 0 && touch < last; touch++) {
            uint64_t time = a->touch_times.data[touch];
            if (time >= end)
                break;
            if (time < at) /* by the clocks' difference inside the wait before */
                time = at;
            w->run_ns += works ? time - at : 0;
            at = time;
            rc = walk_touch(w, at);
        }
        w->run_ns += works ? end - at : 0;
    }
    return rc < 0 ? rc : walk_touch(w, w->t->end_ns);
}

int holds_build(struct analysis *a)
{
    struct hold_walk w = {.a = a};
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < a->lives.len; i++)
        if (a->tl->threads.data[i].role == THREAD_ROLE_LOOP)
            rc = walk_thread(&w, i);
    by_thread_release(&w.helds);
    return rc < 0 ? rc : victims_build(a);
}
