/* What a process can carry, and how far its threads are taken. */
#include "output/verdict_words.h"

#include "base/text.h"

#include <math.h>

/* The busiest window is worth a word when it is this much above the mean, */
#define BUSIER 0.05
/* or, of threads that are not the limit on average, when they are taken for so much of it. */
#define BUSY 0.5
/* When so many requests are known to have had a worker, the others may be those not known. */
#define NEARLY_ALL 0.9
/* From here on a loop is hardly ever free. */
#define LOOP_FULL 0.9

bool words_is_known(double n)
{
    return isfinite(n) && n > 0 && n < 1e18;
}

/* "; 458/s arrived (42 %)." */
static void add_offered(const struct words *w)
{
    const struct verdict *v = w->v;
    buf_adds(w->out, " requests/s; ");
    verdict_rate(w->out, v->offered);
    buf_adds(w->out, "/s arrived (");
    verdict_percent(w->out, v->offered / v->capacity);
    buf_adds(w->out, ").\n");
}

/* Where not each request needs such a thread, a mean over all is nobody's time. */
static void add_workers_capacity(const struct words *w)
{
    const struct verdict *v = w->v;
    uint64_t all = w->sums->complete + w->sums->open;

    text_count(w->out, v->workers.requests);
    buf_adds(w->out, " of ");
    text_count_of(w->out, all, "request");
    buf_adds(w->out, " need a worker thread, for ");
    text_duration(w->out, (uint64_t)v->workers.held_ns);
    buf_addf(w->out, " each on average: at that %u can serve ", v->workers.threads);
    verdict_rate(w->out, v->workers.threads * 1e9 / v->workers.held_ns);
    buf_adds(w->out, " of these a second, so of this mix ");
    verdict_rate(w->out, v->capacity);
    add_offered(w);
}

bool words_few_need_workers(const struct words *w)
{
    double all = (double)(w->sums->complete + w->sums->open);
    const struct load *l = &w->v->workers;
    return (double)l->requests < all * NEARLY_ALL && words_is_known(l->held_ns);
}

void words_add_capacity(const struct words *w)
{
    const struct verdict *v = w->v;
    bool workers = v->model == MODEL_NONBLOCKING_WORKERS && !v->loop_limits;
    uint32_t threads = v->loop_limits ? v->loops.threads : v->serving_threads;

    if (!words_is_known(v->held_ns) || !words_is_known(v->capacity))
        return;
    if (workers && words_few_need_workers(w)) {
        add_workers_capacity(w);
        return;
    }
    text_count_of(w->out, threads,
                  v->loop_limits ? "event loop"
                  : workers      ? "worker thread"
                                 : "thread");
    buf_adds(w->out, threads == 1 ? ", held for " : ", each held for ");
    text_duration(w->out, (uint64_t)v->held_ns);
    buf_adds(w->out, " a request on average, can at that answer ");
    verdict_rate(w->out, v->capacity);
    add_offered(w);
}

static void add_busiest_of(const struct words *w, const struct load *l, const char *one,
                           const char *many, bool limits)
{
    if (!l->threads || l->busiest < (limits ? l->share + BUSIER : BUSY) ||
        !words_is_known(l->busiest))
        return;
    buf_adds(w->out, l->threads == 1 ? one : many);
    buf_adds(w->out, l->threads == 1 ? " was taken for " : " were taken for ");
    verdict_percent(w->out, l->share);
    buf_adds(w->out, " of the time");
    if (l->busiest >= l->share + BUSIER) {
        buf_adds(w->out, "; for ");
        verdict_percent(w->out, l->busiest);
        buf_addf(w->out, " at %s busiest, the ", l->threads == 1 ? "its" : "their");
        text_duration(w->out, w->v->window_ns);
        buf_adds(w->out, " from ");
        text_duration(w->out, l->busiest_ns);
        buf_adds(w->out, " on");
    }
    buf_adds(w->out, ".\n");
}

void words_add_busiest(const struct words *w)
{
    const struct verdict *v = w->v;
    bool pool = v->model == MODEL_NONBLOCKING_WORKERS;

    add_busiest_of(w, &v->workers, pool ? "Its worker thread" : "Its thread",
                   pool ? "Its worker threads" : "Its threads", !v->loop_limits);
    add_busiest_of(w, &v->loops, "Its event loop", "Its event loops", v->loop_limits || !pool);
}

bool verdict_loop_is_full(const struct verdict *v, const struct process_sums *sums)
{
    return v->loops.busiest >= LOOP_FULL &&
           (double)sums->queued_loop_ns > (double)v->queued_ns * SHARE_WORTH_A_NAME;
}
