#include "output/waits.h"

#include <stdlib.h>

/* Sums gather unfolded up to here, so that a capture's length is not held in memory. */
#define FOLD_AT_FIRST 65536

/* ---- of a request */

/* The state of a thread while the request is charged so; -1 where no held thread waits. */
static int wait_state(uint8_t key)
{
    switch (key) {
    case LEDGER_BLOCKED:
        return STATE_BLOCKED;
    case LEDGER_LOCK:
        return STATE_LOCK;
    case LEDGER_SLEEP:
        return STATE_SLEEP;
    case LEDGER_FAULT:
        return STATE_FAULT;
    case LEDGER_OTHER:
        return STATE_OTHER;
    default:
        return -1;
    }
}

/* Segments of a request, one behind the other, in which threads had it. */
struct held {
    size_t first, end; /* in the timeline's */
};

static bool is_held(const struct segment *s)
{
    return s->thread_plus1 &&
           (wait_state(s->key) >= 0 || s->key == LEDGER_RUNNING || s->key == LEDGER_RUNNABLE);
}

/* Those around the request's segment `at`, none where nobody had it then; asked for each segment in
 * their order. */
static void held_around(const struct timeline *tl, const struct request *r, size_t at,
                        struct held *held)
{
    if (at < held->end)
        return;
    held->first = held->end = at;
    while (held->end < r->first_segment + r->segment_count &&
           is_held(&tl->segments.data[held->end]))
        held->end++;
}

/* The wait of a segment: the interval it lies in, as far as threads had the request. A thread that
 * waited for work before, and has it since the end of that wait, did not wait in it. */
static struct request_wait wait_of(const struct timeline *tl, const struct request *r,
                                   const struct held *held, size_t at)
{
    uint64_t from = tl->segments.data[held->first].start_ns;
    uint64_t to = segment_end(tl, r, held->end - 1);
    const struct segment *s = &tl->segments.data[at];
    const struct thread *t = &tl->threads.data[s->thread_plus1 - 1];
    struct request_wait w = {.thread = s->thread_plus1 - 1, .interval_plus1 = s->interval_plus1};
    uint64_t end_ns;
    if (s->interval_plus1) {
        const struct interval *iv = &t->intervals.data[s->interval_plus1 - 1];
        const struct wait *wait = interval_wait(tl, iv);
        w.call_plus1 = wait->call_plus1;
        w.object_plus1 = wait->object_plus1;
        w.state = iv->state;
        w.start_ns = iv->start_ns > from ? iv->start_ns : from;
        end_ns = interval_end(t, s->interval_plus1 - 1);
        end_ns = end_ns < to ? end_ns : to;
    } else {
        w.state = (uint8_t)wait_state(s->key);
        w.start_ns = s->start_ns;
        end_ns = segment_end(tl, r, at);
    }
    w.ns = end_ns > w.start_ns ? end_ns - w.start_ns : 0;
    return w;
}

static int order(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int by_time(const void *a, const void *b)
{
    const struct request_wait *x = a, *y = b;
    int by = order(x->start_ns, y->start_ns);
    by = by ? by : order(x->thread, y->thread);
    return by ? by : order(x->interval_plus1, y->interval_plus1);
}

/* Several segments may lie in one interval. Being equal in all that by_time() looks at, their
 * waits are neighbours; where nobody had the request in between they are two. */
static void merge_same_interval(struct request_waits *waits)
{
    size_t kept = 0;
    for (size_t i = 0; i < waits->all.len; i++) {
        const struct request_wait *w = &waits->all.data[i];
        const struct request_wait *last = kept ? &waits->all.data[kept - 1] : NULL;
        if (last && w->interval_plus1 && by_time(last, w) == 0)
            continue;
        waits->all.data[kept++] = *w;
    }
    waits->all.len = kept;
}

int request_waits(const struct timeline *tl, const struct request *r, struct request_waits *waits)
{
    struct held held = {0, 0};

    waits->all.len = 0;
    for (size_t i = 0; i < r->segment_count; i++) {
        size_t at = r->first_segment + i;
        const struct segment *s = &tl->segments.data[at];
        held_around(tl, r, at, &held);
        if (!s->thread_plus1 || wait_state(s->key) < 0)
            continue;
        if (vec_push(&waits->all, wait_of(tl, r, &held, at)) < 0)
            return -ENOMEM;
    }
    if (waits->all.len > 1) {
        qsort(waits->all.data, waits->all.len, sizeof(*waits->all.data), by_time);
        merge_same_interval(waits);
    }
    return 0;
}

void request_waits_release(struct request_waits *waits)
{
    vec_release(&waits->all);
}

/* ---- sums */

static int same_kind(const struct wait_sum *x, const struct wait_sum *y)
{
    int by = order(x->state, y->state);
    by = by ? by : order(x->idle, y->idle);
    by = by ? by : order(x->call_plus1, y->call_plus1);
    return by ? by : order(x->name, y->name);
}

static int by_kind(const void *a, const void *b)
{
    const struct wait_sum *x = a, *y = b;
    int by = same_kind(x, y);
    return by ? by : order(x->object_plus1, y->object_plus1);
}

static int by_ns(const void *a, const void *b)
{
    const struct wait_sum *x = a, *y = b;
    int by = order(y->ns, x->ns);
    return by ? by : by_kind(a, b);
}

static void fold(struct wait_sums *sums)
{
    size_t kept = 0;
    if (sums->all.len > 1)
        qsort(sums->all.data, sums->all.len, sizeof(*sums->all.data), by_kind);
    for (size_t i = 0; i < sums->all.len; i++) {
        const struct wait_sum *s = &sums->all.data[i];
        struct wait_sum *last = kept ? &sums->all.data[kept - 1] : NULL;
        if (!last || same_kind(last, s) != 0) {
            sums->all.data[kept++] = *s;
            continue;
        }
        last->count += s->count;
        last->ns += s->ns;
        last->max_ns = s->max_ns > last->max_ns ? s->max_ns : last->max_ns;
    }
    sums->all.len = kept;
}

static int add(struct wait_sums *sums, struct wait_sum sum, const struct timeline *tl)
{
    if (sum.object_plus1)
        sum.name = tl->objects.data[sum.object_plus1 - 1].name;
    sum.count = 1;
    sum.max_ns = sum.ns;
    if (!sums->fold_at)
        sums->fold_at = FOLD_AT_FIRST;
    if (sums->all.len >= sums->fold_at) {
        fold(sums);
        /* Hardly anything was equal: fold less often, or it would be done for each few waits. */
        if (sums->all.len > sums->fold_at / 2)
            sums->fold_at *= 2;
    }
    return vec_push(&sums->all, sum);
}

int wait_sums_add_thread(struct wait_sums *sums, const struct timeline *tl, const struct thread *t)
{
    for (size_t i = 0; i < t->intervals.len; i++) {
        const struct interval *iv = &t->intervals.data[i];
        if (!state_is_wait(iv->state))
            continue;
        const struct wait *wait = interval_wait(tl, iv);
        struct wait_sum sum = {.call_plus1 = wait->call_plus1, .object_plus1 = wait->object_plus1};
        sum.state = iv->state;
        sum.idle = iv->flags & INTERVAL_IDLE;
        sum.ns = interval_end(t, i) - iv->start_ns;
        if (add(sums, sum, tl) < 0)
            return -ENOMEM;
    }
    return 0;
}

int wait_sums_add_request(struct wait_sums *sums, const struct timeline *tl,
                          const struct request_waits *waits)
{
    for (size_t i = 0; i < waits->all.len; i++) {
        const struct request_wait *w = &waits->all.data[i];
        struct wait_sum sum = {.call_plus1 = w->call_plus1, .object_plus1 = w->object_plus1};
        sum.state = w->state;
        sum.ns = w->ns;
        if (add(sums, sum, tl) < 0)
            return -ENOMEM;
    }
    return 0;
}

void wait_sums_finish(struct wait_sums *sums)
{
    fold(sums);
    if (sums->all.len > 1)
        qsort(sums->all.data, sums->all.len, sizeof(*sums->all.data), by_ns);
}

void wait_sums_release(struct wait_sums *sums)
{
    vec_release(&sums->all);
}
