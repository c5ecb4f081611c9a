/*
 * load: how far a process's threads are taken, event loops apart from all others, on average and
 * at their busiest. Over a whole recording a pool that ran out for a second looks idle; people
 * queued in that second.
 */
#include "analysis/internal.h"

/* The window is a tenth of the time in which there were requests, at most a second, and of a long
 * one a two-hundredth. It is looked for in steps of an eighth of itself: what is busy for exactly
 * as long shows as seven eighths busy at the least. */
#define WINDOWS_LEAST 10u
#define WINDOWS_MOST 200u
#define WINDOW_NS 1000000000u
#define STEPS 8u

enum kind { LOOPS, WORKERS, STARVED /* loops that have no CPU */, KINDS };

struct span { /* of a process: from its first request's begin to the last one's end */
    uint64_t from, to;
};

struct taking { /* of one process after the other */
    struct analysis *a;
    struct span span;
    uint64_t step_ns;
    size_t steps;
    uint64_t *taken[KINDS]; /* by step */
    uint64_t sum_ns[KINDS], running_ns, requests[KINDS];
    uint32_t process;
    unsigned char *had; /* bits by request: which kinds of threads it had */
};

static struct span *spans_find(const struct timeline *tl)
{
    struct span *spans = calloc(tl->processes.len + 1, sizeof(*spans));

    for (size_t i = 0; spans && i < tl->requests.len; i++) {
        const struct request *r = &tl->requests.data[i];
        struct span *s = &spans[r->process];
        if (r->start_ns >= r->end_ns)
            continue;
        s->from = s->to ? least(s->from, r->start_ns) : r->start_ns;
        s->to = most(s->to, r->end_ns);
    }
    return spans;
}

/* The last step may reach beyond the span. */
static int taking_begin(struct taking *t, uint32_t process, struct span span)
{
    uint64_t ns = span.to - span.from;
    uint64_t window = most(least(ns / WINDOWS_LEAST, WINDOW_NS), ns / WINDOWS_MOST);

    t->process = process;
    t->span = span;
    t->step_ns = window / STEPS + 1;
    t->steps = (size_t)((ns + t->step_ns - 1) / t->step_ns);
    t->running_ns = 0;
    for (int kind = 0; kind < KINDS; kind++) {
        free(t->taken[kind]);
        t->taken[kind] = calloc(t->steps + 1, sizeof(*t->taken[kind]));
        t->sum_ns[kind] = t->requests[kind] = 0;
        if (!t->taken[kind])
            return -ENOMEM;
    }
    return 0;
}

/* Threads are taken in [from, to); how much of that is inside the span. */
static uint64_t take(struct taking *t, enum kind kind, uint64_t from, uint64_t to)
{
    from = most(from, t->span.from);
    to = least(to, t->span.to);
    if (from >= to)
        return 0;
    uint64_t all = to - from;
    t->sum_ns[kind] += all;
    for (uint64_t i = (from - t->span.from) / t->step_ns; from < to; i++) {
        uint64_t end = least(to, t->span.from + (i + 1) * t->step_ns);
        t->taken[kind][i] += end - from;
        from = end;
    }
    return all;
}

/* A loop is taken whenever it is not waiting for work: for whom, cannot always be said. */
static void take_loop(struct taking *t, uint32_t thread)
{
    const struct thread *loop = &t->a->tl->threads.data[thread];

    for (size_t i = 0; i < loop->intervals.len; i++) {
        const struct interval *iv = &loop->intervals.data[i];
        if (iv->state == STATE_UNKNOWN || iv->state == STATE_YIELDED || (iv->flags & INTERVAL_IDLE))
            continue;
        uint64_t ns = take(t, LOOPS, iv->start_ns, interval_end(loop, i));
        t->running_ns += iv->state == STATE_RUNNING ? ns : 0;
        if (iv->state == STATE_RUNNABLE)
            take(t, STARVED, iv->start_ns, interval_end(loop, i));
    }
}

static void take_held(struct taking *t, const struct held *x, enum kind kind)
{
    const struct request *r = &t->a->tl->requests.data[x->request];

    t->requests[kind] += !(t->had[x->request] & 1u << kind);
    t->had[x->request] |= (unsigned char)(1u << kind);
    if (kind == WORKERS)
        take(t, kind, most(x->start, r->start_ns), least(x->end, r->end_ns));
}

static void load_fill(const struct taking *t, enum kind kind, uint64_t window_ns, struct load *load)
{
    double all = (double)load->threads * (double)(t->span.to - t->span.from);
    double window = (double)load->threads * (double)window_ns;
    uint64_t taken = 0, starved = 0;

    load->requests = t->requests[kind];
    if (all <= 0)
        return;
    load->share = load->busiest = (double)t->sum_ns[kind] / all;
    load->starved = kind == LOOPS ? (double)t->sum_ns[STARVED] / all : 0;
    load->busiest_ns = t->span.from;
    for (size_t i = 0; i < t->steps; i++) {
        taken += t->taken[kind][i];
        starved += t->taken[STARVED][i];
        if (i >= STEPS) {
            taken -= t->taken[kind][i - STEPS];
            starved -= t->taken[STARVED][i - STEPS];
        }
        if (i + 1 < STEPS || (double)taken / window <= load->busiest)
            continue;
        load->busiest = (double)taken / window;
        load->starved = kind == LOOPS ? (double)starved / window : 0;
        load->busiest_ns =
            least(t->span.from + (i + 1 - STEPS) * t->step_ns, t->span.to - window_ns);
    }
}

static enum kind kind_of(const struct analysis *a, uint32_t thread)
{
    return a->tl->threads.data[thread].role == THREAD_ROLE_LOOP ? LOOPS : WORKERS;
}

/* `helds` is empty where there is but one process: all are its own. */
static void process_take(struct taking *t, const struct by_thread *threads,
                         const struct by_thread *helds)
{
    const struct analysis *a = t->a;

    for (size_t k = threads->from[t->process]; k < threads->from[t->process + 1]; k++) {
        uint32_t thread = threads->index[k];
        if (kind_of(a, thread) == LOOPS && a->lives.data[thread].tenures)
            take_loop(t, thread);
        for (size_t i = helds->from ? helds->from[thread] : 0;
             helds->from && i < helds->from[thread + 1]; i++)
            take_held(t, &a->helds.data[helds->index[i]], kind_of(a, thread));
    }
    for (size_t i = 0; !helds->from && i < a->helds.len; i++)
        take_held(t, &a->helds.data[i], kind_of(a, a->helds.data[i].thread));
}

static int processes_take(struct taking *t, const struct span *spans, struct loop_time *loops)
{
    struct by_thread threads = {NULL, NULL}, helds = {NULL, NULL};
    struct timeline *tl = t->a->tl;
    int rc = threads_by_process(t->a, &threads);

    if (rc == 0 && tl->processes.len > 1)
        rc = helds_by_thread(t->a, &helds);
    for (uint32_t i = 0; rc == 0 && i < tl->processes.len; i++) {
        struct verdict *v = &tl->processes.data[i].verdict;
        if (spans[i].to <= spans[i].from)
            continue;
        rc = taking_begin(t, i, spans[i]);
        if (rc < 0)
            break;
        process_take(t, &threads, &helds);
        loops[i] = (struct loop_time){t->sum_ns[LOOPS], t->running_ns};
        v->window_ns = least(STEPS * t->step_ns, spans[i].to - spans[i].from);
        load_fill(t, LOOPS, v->window_ns, &v->loops);
        load_fill(t, WORKERS, v->window_ns, &v->workers);
    }
    by_thread_release(&threads);
    by_thread_release(&helds);
    return rc;
}

int loads_find(struct analysis *a, struct loop_time *loops)
{
    struct taking t = {.a = a, .had = calloc(a->tl->requests.len + 1, 1)};
    struct span *spans = spans_find(a->tl);
    int rc = spans && t.had ? processes_take(&t, spans, loops) : -ENOMEM;

    for (int kind = 0; kind < KINDS; kind++)
        free(t.taken[kind]);
    free(t.had);
    free(spans);
    return rc;
}
