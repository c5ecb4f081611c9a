/*
 * victims: whom a loop hold kept waiting, and what each lost by it.
 *
 * The ledger says when a request stood ready, or queued, for a thread. What of that lies inside a
 * hold of the thread is lost to the hold:
 *
 *     loop      … ┤ reads a file for A ├ … B … C …
 *     B's stand     ├────────────────────┤            queued: bytes ready → read
 *     C's stand  ├──────────────────────────┤         loop_busy: reply ready → read
 *     lost          ├──────────────────┤ by B, and all of the hold by C
 *
 * All is one walk through a thread's holds and stands, both by time. Who stands longest comes first
 * in the list, so that where there are too many to name each for each hold, those who lost least
 * are left out, and counted.
 */
#include "analysis/internal.h"
#include "base/sort.h"

/* So many victims are named for each request, on average, and for each hold, at the least. Ten
 * thousand requests that stand through ten thousand holds are a hundred million pairs. */
#define VICTIMS_PER_REQUEST 64
#define VICTIMS_BESIDE 65536
#define VICTIMS_LEAST 16

struct stand { /* a request waits for a thread */
    uint64_t start, end;
    uint32_t thread, request;
    uint32_t next; /* that has begun and was not seen to be over; NONE */
};

struct crowd {
    struct analysis *a;
    VEC(struct stand) stands; /* by thread, start */
    VEC(uint64_t) ends;       /* of those of one thread, sorted */
    VEC(uint32_t) named;      /* by request: its last entry in the victims, + 1 */
    uint64_t left;            /* so many may still be named */
    uint32_t first, *tail;    /* of the list of those that stand; where the next one goes */
};

static int by_thread_and_start(const void *x, const void *y)
{
    const struct stand *p = x, *q = y;
    if (p->thread != q->thread)
        return p->thread < q->thread ? -1 : 1;
    if (p->start != q->start)
        return p->start < q->start ? -1 : 1;
    return p->request < q->request ? -1 : p->request > q->request;
}

static int by_loss(const void *x, const void *y)
{
    const struct victim *p = x, *q = y;
    if (p->ns != q->ns)
        return p->ns > q->ns ? -1 : 1;
    return p->request < q->request ? -1 : p->request > q->request;
}

/* The request's stands before loops. */
static int stands_add(struct crowd *c, uint32_t request)
{
    const struct timeline *tl = c->a->tl;
    const struct request *r = &tl->requests.data[request];

    for (size_t i = r->first_segment; i < (size_t)r->first_segment + r->segment_count; i++) {
        const struct segment *s = &tl->segments.data[i];
        if ((s->key != LEDGER_QUEUED && s->key != LEDGER_LOOP_BUSY) || !s->thread_plus1 ||
            s->interval_plus1 || tl->threads.data[s->thread_plus1 - 1].role != THREAD_ROLE_LOOP)
            continue;
        struct stand new = {s->start_ns, segment_end(tl, r, i), s->thread_plus1 - 1, request, NONE};
        if (vec_push(&c->stands, new) < 0)
            return -ENOMEM;
    }
    return c->stands.len < NONE ? 0 : -ENOMEM;
}

/* One that stood twice during the hold is one victim. */
static int victim_add(struct crowd *c, const struct hold *h, const struct stand *s)
{
    struct timeline *tl = c->a->tl;
    uint32_t *named = &c->named.data[s->request];
    uint64_t from = s->start > h->start_ns ? s->start : h->start_ns;
    uint64_t to = s->end < h->end_ns ? s->end : h->end_ns;

    if (s->request + 1 == h->request_plus1)
        return 0;
    if (*named > h->first_victim) {
        tl->victims.data[*named - 1].ns += to - from;
        return 0;
    }
    if (tl->victims.len >= NONE ||
        vec_push(&tl->victims, ((struct victim){s->request, to - from})) < 0)
        return -ENOMEM;
    *named = (uint32_t)tl->victims.len;
    c->left -= c->left > 0;
    return 0;
}

/* They are mostly in order: who stood first lost most. */
static void victims_sort(struct victim *victims, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (by_loss(&victims[i - 1], &victims[i]) > 0) {
            sort_runs(victims, count, sizeof(*victims), by_loss);
            return;
        }
    }
}

/* Names who stands in the list, where `count` do. Those whose stand is over are taken out. */
static int hold_judge(struct crowd *c, struct hold *h, uint64_t count)
{
    struct timeline *tl = c->a->tl;
    uint64_t most = c->left > VICTIMS_LEAST ? c->left : VICTIMS_LEAST, seen = 0;
    int rc = 0;

    h->first_victim = (uint32_t)tl->victims.len;
    for (uint32_t *at = &c->first; rc == 0 && *at != NONE && seen < most;) {
        struct stand *s = &c->stands.data[*at];
        if (s->end <= h->start_ns) {
            *at = s->next;
            c->tail = c->tail == &s->next ? at : c->tail;
            continue;
        }
        rc = victim_add(c, h, s);
        seen++;
        at = &s->next;
    }
    h->victim_count = (uint32_t)(tl->victims.len - h->first_victim);
    h->more_victims = (uint32_t)(count - seen);
    if (h->victim_count)
        victims_sort(&tl->victims.data[h->first_victim], h->victim_count);
    return rc;
}

/* The holds [hold, hold_end) and the stands [stand, stand_end) of one thread. */
static int thread_victims(struct crowd *c, size_t hold, size_t hold_end, size_t stand,
                          size_t stand_end)
{
    size_t begun = stand, over = 0;
    int rc = 0;

    c->ends.len = 0;
    c->first = NONE;
    c->tail = &c->first;
    for (size_t i = stand; rc == 0 && i < stand_end; i++)
        rc = vec_push(&c->ends, c->stands.data[i].end);
    if (c->ends.len)
        sort_runs(c->ends.data, c->ends.len, sizeof(*c->ends.data), sort_order_uint64);
    for (; rc == 0 && hold < hold_end; hold++) {
        struct hold *h = &c->a->tl->holds.data[hold];
        for (; begun < stand_end && c->stands.data[begun].start < h->end_ns; begun++) {
            *c->tail = (uint32_t)begun;
            c->tail = &c->stands.data[begun].next;
        }
        while (over < c->ends.len && c->ends.data[over] <= h->start_ns)
            over++;
        rc = hold_judge(c, h, begun - stand - over);
    }
    return rc;
}

static int crowd_walk(struct crowd *c)
{
    const struct timeline *tl = c->a->tl;
    size_t stand = 0, stand_end = 0, hold_end = 0;
    int rc = 0;

    for (size_t hold = 0; rc == 0 && hold < tl->holds.len; hold = hold_end) {
        uint32_t thread = tl->holds.data[hold].thread;
        while (hold_end < tl->holds.len && tl->holds.data[hold_end].thread == thread)
            hold_end++;
        for (stand = stand_end; stand < c->stands.len && c->stands.data[stand].thread < thread;)
            stand++;
        stand_end = stand;
        while (stand_end < c->stands.len && c->stands.data[stand_end].thread == thread)
            stand_end++;
        rc = thread_victims(c, hold, hold_end, stand, stand_end);
    }
    return rc;
}

int victims_build(struct analysis *a)
{
    struct crowd c = {.a = a};
    int rc = 0;

    c.left = (uint64_t)a->tl->requests.len * VICTIMS_PER_REQUEST + VICTIMS_BESIDE;
    for (uint32_t i = 0; rc == 0 && a->tl->holds.len && i < a->tl->requests.len; i++) {
        rc = stands_add(&c, i);
        if (rc == 0)
            rc = vec_push(&c.named, 0);
    }
    if (c.stands.len)
        sort_runs(c.stands.data, c.stands.len, sizeof(*c.stands.data), by_thread_and_start);
    if (rc == 0)
        rc = crowd_walk(&c);
    vec_release(&c.stands);
    vec_release(&c.ends);
    vec_release(&c.named);
    return rc;
}
