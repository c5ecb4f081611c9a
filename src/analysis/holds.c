/*
 * holds: where an event loop was kept from its events, and whom that kept waiting.
 *
 * A wait elsewhere than in the multiplexed call, or work without a touch of any socket, for
 * longer than the threshold. A loop that goes from socket to socket without rest is busy, not
 * held; one that has no CPU is kept from its events by the machine, so that only time on a CPU
 * counts as work. Victims are the requests whose bytes lay ready before the hold was over and that
 * the loop served behind it, before it had looked for new events.
 */
#include "analysis/internal.h"

/* So many touches behind a hold are looked at for victims. */
#define VICTIM_TOUCHES 4096

struct hold_walk {
    struct analysis *a;
    struct by_thread tenures, touches;
    VEC(uint32_t) seen; /* by request: the hold that has it as its victim, + 1 */
    uint32_t thread;
    const struct thread *t;
    uint32_t tenure, touch; /* where the walk is, in the indices of the two */
    size_t slice_end;       /* interval: the next multiplexed wait */
    uint64_t run_start, run_ns;
};

/* The request that the loop had during most of the hold, + 1. */
static uint32_t hold_request(struct hold_walk *w, const struct hold *h)
{
    struct analysis *a = w->a;
    uint32_t last = w->tenures.from[w->thread + 1];

    while (w->tenure < last && a->tenures.data[w->tenures.index[w->tenure]].end <= h->start_ns)
        w->tenure++;
    for (uint32_t i = w->tenure; i < last; i++) {
        const struct tenure *x = &a->tenures.data[w->tenures.index[i]];
        const struct draft *d = &a->drafts.data[x->request];
        uint64_t from = x->start > h->start_ns ? x->start : h->start_ns;
        uint64_t to = x->end < h->end_ns ? x->end : h->end_ns;
        if (x->start >= h->end_ns)
            break;
        from = from > d->start ? from : d->start;
        to = to < d->end ? to : d->end;
        if (to > from && to - from > (h->end_ns - h->start_ns) / 2)
            return d->index + 1;
    }
    return 0;
}

/* When the loop looks for new events next: where its next multiplexed wait begins. */
static uint64_t next_look(struct hold_walk *w, uint64_t from)
{
    const struct thread *t = w->t;
    while (w->slice_end < t->intervals.len &&
           (t->intervals.data[w->slice_end].state != STATE_YIELDED ||
            t->intervals.data[w->slice_end].start_ns < from))
        w->slice_end++;
    return w->slice_end < t->intervals.len ? t->intervals.data[w->slice_end].start_ns : t->end_ns;
}

static int hold_victims(struct hold_walk *w, struct hold *h)
{
    struct analysis *a = w->a;
    uint64_t look = next_look(w, h->end_ns);
    uint32_t mark = (uint32_t)a->tl->holds.len + 1, last = w->touches.from[w->thread + 1];
    uint32_t looked = 0;

    while (w->touch < last && a->touches.data[w->touches.index[w->touch]].time < h->end_ns)
        w->touch++;
    h->first_victim = (uint32_t)a->tl->victims.len;
    for (uint32_t i = w->touch; i < last && looked < VICTIM_TOUCHES; i++, looked++) {
        const struct touch *t = &a->touches.data[w->touches.index[i]];
        if (t->time > look)
            break;
        if (!t->request_plus1 || t->ready == NEVER || t->ready >= h->end_ns)
            continue;
        uint32_t request = a->drafts.data[t->request_plus1 - 1].index;
        if (request + 1 == h->request_plus1 || w->seen.data[request] == mark)
            continue;
        w->seen.data[request] = mark;
        if (vec_push(&a->tl->victims, request) < 0)
            return -ENOMEM;
    }
    h->victim_count = (uint32_t)(a->tl->victims.len - h->first_victim);
    return 0;
}

static int hold_add(struct hold_walk *w, struct hold h)
{
    h.thread = w->thread;
    h.request_plus1 = hold_request(w, &h);
    int rc = hold_victims(w, &h);
    return rc < 0 ? rc : vec_push(&w->a->tl->holds, h);
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

static int walk_wait(struct hold_walk *w, const struct interval *iv, uint64_t end)
{
    bool yields = iv->state == STATE_YIELDED || iv->state == STATE_UNKNOWN;
    bool longer = end - iv->start_ns > w->a->options.loop_hold_ns;
    if (!yields && !longer)
        return 0; /* too short to matter, and no reason to think the work is over */

    int rc = run_end(w, iv->start_ns);
    w->run_start = end;
    if (rc < 0 || yields || (iv->flags & INTERVAL_IDLE) || iv->state == STATE_OTHER)
        return rc;
    return hold_add(w, (struct hold){.start_ns = iv->start_ns,
                                     .end_ns = end,
                                     .state = iv->state,
                                     .call_plus1 = iv->call_plus1,
                                     .object_plus1 = iv->object_plus1});
}

static int walk_thread(struct hold_walk *w, uint32_t thread)
{
    const struct analysis *a = w->a;
    uint32_t touch = w->touches.from[thread], last = w->touches.from[thread + 1];
    int rc = 0;

    w->thread = thread;
    w->t = &a->tl->threads.data[thread];
    w->tenure = w->tenures.from[thread];
    w->touch = touch;
    w->slice_end = 0;
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
            uint64_t time = a->touches.data[w->touches.index[touch]].time;
            if (time >= end)
                break;
            if (time < at) /* by the clocks' difference inside the wait before */
                time = at;
            w->run_ns += works ? time - at : 0;
            at = time;
            rc = run_end(w, at);
        }
        w->run_ns += works ? end - at : 0;
    }
    return rc < 0 ? rc : run_end(w, w->t->end_ns);
}

int holds_build(struct analysis *a)
{
    struct hold_walk w = {.a = a};
    int rc = tenures_by_thread(a, &w.tenures);

    if (rc == 0)
        rc = touches_by_thread(a, &w.touches);
    for (size_t i = 0; rc == 0 && i < a->tl->requests.len; i++)
        rc = vec_push(&w.seen, 0);
    for (uint32_t i = 0; rc == 0 && i < a->lives.len; i++)
        if (a->tl->threads.data[i].role == THREAD_ROLE_LOOP)
            rc = walk_thread(&w, i);
    by_thread_release(&w.tenures);
    by_thread_release(&w.touches);
    vec_release(&w.seen);
    return rc;
}
