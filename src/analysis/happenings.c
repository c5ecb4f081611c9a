/*
 * happenings: what sets a process going, and what comes of it: the first half of bursts.c.
 */
#include "analysis/bursts.h"
#include "base/sort.h"

/* A thread that waits for so short a time, and is woken by nobody, looks for work: it is at it. */
#define SPIN_NS 200000u
/* A thread of which more than one in so many waits ends by itself waits for timers. */
#define TIMER_MIN 10

static int note(struct bursting *x, uint64_t time, enum what what, uint32_t index, uint32_t thread)
{
    return vec_push(&x->all, ((struct happening){time, index, thread, (uint8_t)what}));
}

static int by_happening(const void *x, const void *y)
{
    const struct happening *p = x, *q = y;
    if (p->time != q->time)
        return p->time < q->time ? -1 : 1;
    if (p->what != q->what)
        return p->what - q->what;
    return p->index < q->index ? -1 : p->index > q->index;
}

static int by_start(const void *x, const void *y)
{
    const struct holding *p = x, *q = y;
    if (p->start != q->start)
        return p->start < q->start ? -1 : 1;
    return p->end < q->end ? -1 : p->end > q->end;
}

static int taken_build(struct bursting *x, uint32_t thread)
{
    const struct analysis *a = x->a;
    const struct by_thread *tenures = &x->b->tenures;

    x->taken.len = 0;
    for (uint32_t i = tenures->from[thread]; i < tenures->from[thread + 1]; i++) {
        const struct tenure *n = &a->tenures.data[tenures->index[i]];
        uint64_t start = n->start < n->first_touch ? n->start : n->first_touch;
        uint64_t end = tenure_reach(&a->drafts.data[n->request], n);
        if (start < end && vec_push(&x->taken, ((struct holding){start, end, n->request})) < 0)
            return -ENOMEM;
    }
    if (x->taken.len)
        sort_runs(x->taken.data, x->taken.len, sizeof(*x->taken.data), by_start);
    return 0;
}

/* Does the wait end because of another thread of the process, or one of the runtime's? */
enum cause_of { BY_SERVICE, BY_THREAD, BY_ITSELF };

static enum cause_of cause_of(const struct analysis *a, const struct thread *t,
                              const struct interval *iv, uint64_t end)
{
    uint32_t waker = wait_waker(a, t, iv, end);
    return waker == NONE ? BY_ITSELF : a->lives.data[waker].service ? BY_SERVICE : BY_THREAD;
}

/* Since when the thread is awake whose wait ends at `end`: since it was called. */
static uint64_t awake_at(const struct analysis *a, const struct thread *t,
                         const struct interval *iv, uint64_t end)
{
    uint32_t waker = wait_waker(a, t, iv, end);
    return waker == NONE ? end : most(iv->start_ns, least(end, woke_at(a, waker, end)));
}

/* Where the thread is on CPU behind its interval `i`. */
uint64_t thread_on_again(const struct thread *t, size_t i)
{
    for (i++; i < t->intervals.len && t->intervals.data[i].state == STATE_RUNNABLE; i++)
        ;
    return i < t->intervals.len ? t->intervals.data[i].start_ns : t->end_ns;
}

static int job_add(struct bursting *x, uint32_t thread, size_t interval, size_t *taken)
{
    const struct thread *t = &x->a->tl->threads.data[thread];
    uint32_t index = (uint32_t)x->jobs.len;
    struct job job = {.start = t->intervals.data[interval].start_ns,
                      .end = interval_end(t, interval),
                      .thread = thread,
                      .interval = (uint32_t)interval};

    while (*taken < x->taken.len && x->taken.data[*taken].end <= job.start)
        (*taken)++;
    if (*taken < x->taken.len && x->taken.data[*taken].start < job.end)
        job.owner_plus1 = x->taken.data[*taken].request + 1;
    if (index >= NONE || vec_push(&x->jobs, job) < 0)
        return -ENOMEM;
    int rc = note(x, job.start, JOB_BEGIN, index, thread);
    if (rc == 0)
        rc = note(x, awake_at(x->a, t, &t->intervals.data[interval], job.end), AWAKE, 0, thread);
    return rc < 0 ? rc : note(x, thread_on_again(t, interval), JOB_END, index, thread);
}

/* It looks for work, and is as good as awake. */
static bool is_spin(const struct interval *iv, uint64_t end, enum cause_of cause)
{
    return cause == BY_ITSELF && end < iv->start_ns + SPIN_NS;
}

/* It has not ended when the thread's records do. */
static bool is_open(const struct thread *t, size_t interval)
{
    return interval + 1 == t->intervals.len;
}

/* What a thread is to the others. */
enum part_of { A_WORKER, A_READER, A_TIMER };

/* A loop that only ever receives; a thread without connections that often wakes up by itself. */
static enum part_of part_of(const struct bursting *x, uint32_t thread)
{
    const struct analysis *a = x->a;
    const struct thread *t = &a->tl->threads.data[thread];
    const struct by_thread *touches = &x->b->touches;
    size_t acts = 0, waits = 0, alone = 0;

    for (uint32_t i = touches->from[thread]; i < touches->from[thread + 1]; i++)
        acts += !a->touches.data[touches->index[i]].receives;
    if (touches->from[thread] < touches->from[thread + 1])
        return a->lives.data[thread].yields && !acts ? A_READER : A_WORKER;
    for (size_t i = 0; i < t->intervals.len; i++) {
        const struct interval *iv = &t->intervals.data[i];
        if (!state_is_wait(iv->state) || !wait_is_park(a, thread, iv) || is_open(t, i))
            continue;
        enum cause_of cause = cause_of(a, t, iv, interval_end(t, i));
        waits += !is_spin(iv, interval_end(t, i), cause);
        alone += cause == BY_ITSELF && !is_spin(iv, interval_end(t, i), cause);
    }
    return alone > waits / TIMER_MIN ? A_TIMER : A_WORKER;
}

/* A loop waits for what comes, or a worker for work. */
static int park_add(struct bursting *x, uint32_t thread, size_t interval, enum part_of part)
{
    const struct analysis *a = x->a;
    const struct thread *t = &a->tl->threads.data[thread];
    const struct interval *iv = &t->intervals.data[interval];
    uint64_t end = interval_end(t, interval), on = thread_on_again(t, interval);
    enum cause_of cause = cause_of(a, t, iv, end);
    int rc;

    if (part == A_READER && iv->state == STATE_YIELDED)
        return note(x, iv->start_ns, LOOP_ASLEEP, 0, thread);
    if (part == A_READER || cause == BY_SERVICE || (part == A_WORKER && is_spin(iv, end, cause)))
        return 0;
    rc = note(x, iv->start_ns, ASLEEP, 0, thread);
    if (is_open(t, interval))
        return rc;
    if (rc == 0)
        rc = note(x, awake_at(a, t, iv, end), AWAKE, 0, thread);
    bool timer = cause == BY_ITSELF || part == A_TIMER;
    return rc < 0 || !timer ? rc : note(x, on, TIMER, cause == BY_ITSELF, thread);
}

static int thread_add(struct bursting *x, uint32_t thread)
{
    const struct analysis *a = x->a;
    const struct thread *t = &a->tl->threads.data[thread];
    enum part_of part = part_of(x, thread);
    struct life *l = &x->a->lives.data[thread];
    size_t taken = 0;
    int rc = taken_build(x, thread);

    l->hands_on = part == A_READER && l->direct && l->dispatches;

    if (rc == 0 && part != A_READER)
        rc = note(x, t->start_ns, AWAKE, 0, thread);
    for (size_t i = 0; rc == 0 && i < t->intervals.len; i++) {
        const struct interval *iv = &t->intervals.data[i];
        bool inside =
            iv->state == STATE_BLOCKED || iv->state == STATE_SLEEP || iv->state == STATE_OTHER;
        if (iv->state == STATE_UNKNOWN) /* anything may have happened */
            rc = note(x, iv->start_ns, TIMER, 0, thread);
        else if (inside && part == A_WORKER && !wait_is_for_work(a->tl, iv))
            rc = job_add(x, thread, i, &taken);
        else if (state_is_wait(iv->state) && (inside || wait_is_park(a, thread, iv)))
            rc = park_add(x, thread, i, part);
    }
    if (rc == 0 && part != A_READER)
        rc = note(x, t->end_ns, ASLEEP, 0, thread);
    for (uint32_t i = x->b->touches.from[thread]; rc == 0 && i < x->b->touches.from[thread + 1];
         i++) {
        const struct touch *n = &a->touches.data[x->b->touches.index[i]];
        enum what what = !n->receives ? ACT : part == A_READER ? READ_HELD : READ;
        if (n->request_plus1)
            rc = note(x, n->time, what, n->request_plus1 - 1, thread);
        else if (n->receives && !n->over)
            rc = note(x, n->time, TIMER, 0, thread);
    }
    return rc;
}

int happenings_collect(struct bursting *x, uint32_t process)
{
    const struct analysis *a = x->a;
    const struct by_thread *threads = &x->b->threads;
    int rc = 0;

    for (uint32_t i = threads->from[process]; rc == 0 && i < threads->from[process + 1]; i++) {
        uint32_t thread = threads->index[i];
        if (!a->lives.data[thread].service && !a->tl->threads.data[thread].kernel)
            rc = thread_add(x, thread);
    }
    if (x->all.len)
        sort_runs(x->all.data, x->all.len, sizeof(*x->all.data), by_happening);
    return rc;
}
