#include "output/verdict_text.h"

#include "base/text.h"
#include "output/hint.h"
#include "output/verdict_words.h"

#include <inttypes.h>
#include <math.h>
#include <time.h>

/* A ledger key below this share of the latency is left out of the sentence. */
#define SHARE_WORTH_A_WORD 0.01
/* From this share of unattributed time on it is said; from the next on no figure rests on the rest.
 */
#define SHARE_WORTH_A_WARNING 0.1
#define SHARE_THAT_SPOILS 0.5
/* Offered rate ÷ capacity from which on threads are about to run out. */
#define NEARLY_FULL 0.8

void verdict_rate(struct buf *out, double rate)
{
    if (!isfinite(rate) || rate < 0)
        buf_addc(out, '?');
    else if (rate < 9.995)
        buf_addf(out, "%.2f", rate);
    else if (rate < 99.95)
        buf_addf(out, "%.1f", rate);
    else
        text_count(out, rate < 1e18 ? (uint64_t)(rate + 0.5) : UINT64_MAX);
}

void verdict_percent(struct buf *out, double share)
{
    double percent = share * 100;
    if (!isfinite(percent))
        buf_addc(out, '?');
    else if (percent <= 0)
        buf_adds(out, "0 %");
    else if (percent < 0.05)
        buf_adds(out, "under 0.1 %");
    else if (percent > 99 && percent < 100) /* all is all */
        buf_adds(out, "99 %");
    else
        buf_addf(out, percent < 9.95 ? "%.1f %%" : "%.0f %%", percent);
}

bool verdict_is_short(const struct verdict *v)
{
    return v->saturated && v->queued_requests && v->model != MODEL_NONBLOCKING;
}

/* One that stands still inside its own loop. It is of the mixed model, as is a process in which
 * some requests have a loop and others a thread: that one's loop is not held up by waits. */
static bool is_blocked_loop(const struct verdict *v, const struct process_sums *s)
{
    return v->thread_waits && s->waiting_holds &&
           (v->model == MODEL_MIXED || v->model == MODEL_NONBLOCKING);
}

/* One that computes in single pieces for most of the time it works, while others stand ready. */
static bool is_computing_loop(const struct verdict *v, const struct process_sums *s)
{
    return v->model == MODEL_NONBLOCKING && !v->thread_waits && v->held_ns > 0 &&
           (double)s->hold_ns > v->held_ns * (double)(s->complete + s->open) / 2;
}

const char *verdict_remark(const struct verdict *v, const struct process_sums *sums)
{
    if (is_blocked_loop(v, sums))
        return ": an event loop that blocks";
    if (is_computing_loop(v, sums))
        return ", and its event loop is held up";
    bool loop = verdict_loop_is_full(v, sums);
    if (verdict_is_short(v))
        return v->in_line ? loop ? ", and its event loop and its pool were full"
                                 : ", and its pool was full"
               : loop     ? ", and its event loop was full and its threads ran out"
                          : ", and its threads ran out";
    return loop && v->model != MODEL_MIXED ? ", and its event loop was full" : "";
}

static double unknown_share(const struct process_sums *s)
{
    return s->latency_ns ? (double)s->ledger_ns[LEDGER_UNATTRIBUTED] / (double)s->latency_ns : 0;
}

bool verdict_is_known(const struct process_sums *sums)
{
    return unknown_share(sums) < SHARE_THAT_SPOILS;
}

bool verdict_waits_unknown(const struct verdict *v, const struct process_sums *sums)
{
    bool alone = v->model == MODEL_NONBLOCKING && v->serving_threads < 2;
    return !v->thread_waits && !alone && v->model != MODEL_UNKNOWN &&
           unknown_share(sums) > SHARE_WORTH_A_WARNING;
}

static void add_model(const struct words *w)
{
    static const char *const sentences[MODEL_COUNT][2] = {
        [MODEL_BLOCKING] =
            {"Blocking: each request holds a thread until it is answered; the thread computes "
             "and hardly waits.",
             "Blocking: each request holds a thread until it is answered, and the thread waits "
             "with it."},
        [MODEL_NONBLOCKING] =
            {"Non-blocking: no thread waits for a request; while one is outstanding, its thread "
             "serves others.",
             "Non-blocking, and yet a thread waits inside requests: while it does, it serves "
             "nobody."},
        [MODEL_NONBLOCKING_WORKERS] =
            {"Non-blocking with workers: an event loop hands requests to worker threads, which "
             "hardly wait.",
             "Non-blocking with blocking workers: the event loop goes on, but a worker thread "
             "waits for each request."},
        [MODEL_MIXED] =
            {"Mixed: some requests hold a thread until they are answered, others do not; the "
             "threads hardly wait.",
             "Mixed: it has an event loop, and yet requests hold a thread that waits with them; "
             "while it waits, it serves nobody else."},
    };
    static const char *const doubts[MODEL_COUNT] = {
        [MODEL_BLOCKING] = "Blocking: each request holds a thread until it is answered; too little "
                           "is known to say whether the thread waits.",
        [MODEL_NONBLOCKING] = "Non-blocking, as far as it is known: while a request is "
                              "outstanding, its thread serves others; too little is known to say "
                              "whether another thread waits for it.",
        [MODEL_NONBLOCKING_WORKERS] = "Non-blocking with workers: an event loop hands requests to "
                                      "worker threads; too little is known to say whether these "
                                      "wait.",
        [MODEL_MIXED] = "Mixed: some requests hold a thread until they are answered, others do "
                        "not; too little is known to say whether the threads wait.",
    };
    const struct verdict *v = w->v;
    const char *sentence = v->model < MODEL_COUNT ? sentences[v->model][v->thread_waits] : NULL;
    if (sentence && is_blocked_loop(v, w->sums))
        sentence = "An event loop that blocks: its one thread should serve others while a request "
                   "is outstanding, and stands still inside the request instead; everyone waits.";
    else if (sentence && is_computing_loop(v, w->sums))
        sentence = "Non-blocking: no thread waits for a request; but one computes for so long in "
                   "one place that its event loop serves nobody else meanwhile.";
    else if (sentence && !verdict_is_known(w->sums)) {
        buf_addf(w->out, "It looks %s, but too little of it is known to be sure.\n",
                 model_name(v->model));
        return;
    } else if (sentence && verdict_waits_unknown(v, w->sums)) {
        sentence = doubts[v->model];
    }
    if (!sentence)
        sentence = "How it serves its requests could not be told.";
    buf_addf(w->out, "%s\n", sentence);
}

/* "A request takes 10.3 ms on average: 9.80 ms blocked, 310 us queued, 190 us running." */
static void add_mean(const struct words *w)
{
    const struct process_sums *s = w->sums;
    if (!s->complete)
        return;
    bool used[LEDGER_COUNT] = {false};
    double least = (double)s->latency_ns * SHARE_WORTH_A_WORD;
    buf_adds(w->out, "A request takes ");
    text_duration(w->out, s->latency_ns / s->complete);
    buf_adds(w->out, " on average");
    for (const char *before = ": ";; before = ", ") {
        int most = -1;
        for (int key = 0; key < LEDGER_COUNT; key++)
            if (!used[key] && s->ledger_ns[key] && (double)s->ledger_ns[key] >= least &&
                (most < 0 || s->ledger_ns[key] > s->ledger_ns[most]))
                most = key;
        if (most < 0)
            break;
        used[most] = true;
        buf_adds(w->out, before);
        text_duration(w->out, s->ledger_ns[most] / s->complete);
        buf_addf(w->out, " %s", ledger_key_word((unsigned)most));
    }
    buf_adds(w->out, ".\n");
}

/* Loud, so that nobody takes a part for the whole. */
static void add_unknown(const struct words *w)
{
    double share = unknown_share(w->sums);
    if (share < SHARE_WORTH_A_WARNING)
        return;
    buf_adds(w->out, "Beware: where ");
    verdict_percent(w->out, share);
    buf_adds(w->out, " of that time went could not be told.");
    buf_adds(w->out, verdict_is_known(w->sums) && words_is_known(w->v->capacity)
                         ? " The figures on threads below are of the rest alone.\n"
                     : verdict_is_known(w->sums) ? " So how many requests its threads could answer "
                                                   "is not known either.\n"
                     : words_is_known(w->v->capacity) && is_blocked_loop(w->v, w->sums)
                         ? "\n" /* the loop is held by whom it may be */
                         : " So how long threads are held, and how many requests they could "
                           "answer, is not known either.\n");
    const char *hint = hint_record(w->tl, w->process);
    if (hint)
        buf_addf(w->out, "To know more: %s.\n", hint);
}

/* Of what its requests' ledgers say; a loop's own work, which is nobody's, is none of it. */
static void add_efficiency(const struct words *w)
{
    const uint64_t *ledger = w->sums->ledger_ns;
    double held = 0, waiting = 0;

    for (unsigned key = LEDGER_RUNNING; key <= LEDGER_OTHER; key++) {
        held += (double)ledger[key];
        if (key >= LEDGER_BLOCKED)
            waiting += (double)ledger[key];
    }
    if (!words_is_known(w->v->held_ns) || held <= 0)
        return;
    double rest = (double)ledger[LEDGER_RUNNABLE] / held;
    buf_adds(w->out, "Of the time a request holds a thread, the thread is on a CPU for ");
    verdict_percent(w->out, (double)ledger[LEDGER_RUNNING] / held);
    buf_adds(w->out, " and waits for ");
    verdict_percent(w->out, waiting / held);
    if (rest >= SHARE_WORTH_A_WARNING) {
        buf_adds(w->out, "; for ");
        verdict_percent(w->out, rest);
        buf_adds(w->out, " it could run and has no CPU");
    }
    buf_adds(w->out, ".\n");
}

/* "for the event loop (1.22 s) or for a thread (20.1 ms)" */
static void add_queued_for(const struct words *w)
{
    const struct verdict *v = w->v;
    uint64_t loop_ns = w->sums->queued_loop_ns;
    uint64_t rest_ns = v->queued_ns > loop_ns ? v->queued_ns - loop_ns : 0;
    const char *rest = v->saturated ? "for a thread" : "to be picked up";
    bool workers = v->model == MODEL_NONBLOCKING_WORKERS;
    bool worth = (double)rest_ns > (double)v->queued_ns * SHARE_WORTH_A_NAME;

    if (v->model == MODEL_NONBLOCKING || is_blocked_loop(v, w->sums) || (workers && !worth)) {
        buf_adds(w->out, "for the event loop");
    } else if (workers && (double)loop_ns > (double)v->queued_ns * SHARE_WORTH_A_NAME) {
        buf_adds(w->out, "for the event loop (");
        text_duration(w->out, loop_ns);
        buf_adds(w->out, ") or for a thread (");
        text_duration(w->out, rest_ns);
        buf_addc(w->out, ')');
    } else {
        buf_adds(w->out, rest);
    }
}

static void add_queue(const struct words *w)
{
    const struct verdict *v = w->v;
    if (!v->queued_requests)
        return;
    text_count_of(w->out, v->queued_requests, "request");
    buf_adds(w->out, " queued for more than 1 ms, all requests together for ");
    text_duration(w->out, v->queued_ns);
    buf_adds(w->out, ": waiting ");
    add_queued_for(w);
    buf_adds(w->out, ", not for what they asked for.\n");
}

/* "110 ms into the recording (17:31:10.203 UTC), when #9 GET /db queued" */
static void add_moment(const struct words *w)
{
    const struct verdict *v = w->v;
    uint64_t real_ns = w->tl->t0_real_ns + v->saturated_ns;
    time_t second = (time_t)(real_ns / 1000000000);
    struct tm tm;
    text_duration(w->out, v->saturated_ns);
    buf_adds(w->out, " into the recording");
    if (w->tl->t0_real_ns && gmtime_r(&second, &tm))
        buf_addf(w->out, " (%02d:%02d:%02d.%03u UTC)", tm.tm_hour, tm.tm_min, tm.tm_sec,
                 (unsigned)(real_ns / 1000000 % 1000));
    if (w->sums->first_queued1) {
        buf_adds(w->out, ", when ");
        words_add_request(w, w->sums->first_queued1 - 1);
        buf_adds(w->out, " queued");
    }
}

static void add_saturation(const struct words *w)
{
    const struct verdict *v = w->v;
    if (v->model == MODEL_NONBLOCKING || (!v->saturated && !verdict_is_known(w->sums))) {
        buf_adds(w->out, "At");
    } else if (v->comes_and_goes) {
        buf_adds(w->out, "Threads did not run out, for it makes them as requests come, ");
        text_count(w->out, v->served);
        buf_adds(w->out, " in all: at");
    } else if (!v->saturated) {
        buf_adds(w->out, "Threads did not run out: at");
    } else {
        if (v->in_line)
            buf_adds(w->out, "All places in its pool were given out");
        else if (v->serving_threads > 2)
            buf_addf(w->out, "All %u threads were", v->serving_threads);
        else
            buf_adds(w->out, v->serving_threads == 2 ? "Both threads were" : "The one thread was");
        buf_adds(w->out, v->in_line ? " while requests stood in line for one, first "
                                    : " taken while requests queued, first ");
        add_moment(w);
        buf_adds(w->out, "; at");
    }
    buf_adds(w->out, " the peak ");
    text_count_of(w->out, v->peak_in_flight, "request");
    buf_adds(w->out, v->peak_in_flight == 1 ? " was" : " were");
    buf_adds(w->out, " in flight at once, on ");
    if (v->model == MODEL_NONBLOCKING_WORKERS)
        buf_adds(w->out, "an event loop and ");
    text_count_of(w->out, v->serving_threads,
                  v->model == MODEL_NONBLOCKING_WORKERS ? "worker thread" : "thread");
    buf_adds(w->out, ".\n");
}

static void add_holds(const struct words *w)
{
    const struct process_sums *s = w->sums;
    if (!s->holds)
        return;
    buf_adds(w->out, "Its event loop was held up ");
    if (s->holds == 1) {
        buf_adds(w->out, "once, for ");
    } else {
        text_count(w->out, s->holds);
        buf_adds(w->out, " times, at the longest for ");
    }
    text_duration(w->out, s->hold_max_ns);
    buf_adds(w->out, "; ");
    if (s->holds == 1) {
        text_count_of(w->out, s->victims, "request");
    } else { /* one request may stand ready in several */
        text_count_of(w->out, s->victims, "time");
        buf_adds(w->out, " a request");
    }
    buf_adds(w->out, " stood ready meanwhile and lost ");
    text_duration(w->out, s->lost_ns);
    if (s->victims > 1) {
        buf_adds(w->out, " in all, at the most ");
        text_duration(w->out, s->lost_max_ns);
    }
    buf_addc(w->out, '.');
    if (s->harmless_holds) {
        buf_adds(w->out, " Of ");
        text_count(w->out, s->harmless_holds);
        buf_adds(w->out, " more it is not known that anybody had to.");
    }
    buf_addc(w->out, '\n');
}

/* "an asynchronous call instead of recvfrom on 127.0.0.1:4711" */
static void add_remedy(const struct words *w)
{
    struct longest longest;
    const char *name = "";
    bool known = words_longest_wait(w, &longest);
    if (known && longest.state == STATE_FAULT) {
        buf_adds(w->out, "memory that need not be read in");
        return;
    }
    if (known && longest.state == STATE_LOCK) {
        buf_adds(w->out, "less time under the lock");
        return;
    }
    if (!known || !longest.call_plus1) {
        buf_adds(w->out, "calls that do not wait");
        return;
    }
    if (longest.object_plus1)
        name = timeline_string(w->tl, w->tl->objects.data[longest.object_plus1 - 1].name);
    buf_addf(w->out, "%s instead of %s%s%s",
             longest.state == STATE_SLEEP ? "a timer" : "an asynchronous call",
             timeline_string(w->tl, longest.call_plus1 - 1), *name ? " on " : "", name);
}

/* By what a request needs of a CPU, were there nothing to wait for. */
static void add_without_waits(const struct words *w, double cpu_ns, const char *thread)
{
    buf_adds(w->out, ": with ");
    text_duration(w->out, (uint64_t)(cpu_ns + 0.5));
    buf_addf(w->out, " of CPU for a request, %s could answer up to ", thread);
    verdict_rate(w->out, 1e9 / cpu_ns);
    buf_adds(w->out, "/s");
}

/* What threads are held for per request of all; of a loop and its workers, the workers. */
static double threads_held_ns(const struct words *w)
{
    const struct verdict *v = w->v;
    double all = (double)(w->sums->complete + w->sums->open);
    if (!v->loop_limits || v->model != MODEL_NONBLOCKING_WORKERS)
        return v->held_ns;
    return all > 0 ? v->workers.held_ns * (double)v->workers.requests / all : 0;
}

/* Requests in flight at the peak, of which not all need a worker, perhaps. */
static uint32_t needing(const struct words *w)
{
    const struct verdict *v = w->v;
    double all = (double)(w->sums->complete + w->sums->open);
    if (v->model != MODEL_NONBLOCKING_WORKERS || !words_few_need_workers(w))
        return v->peak_in_flight;
    return (uint32_t)ceil(v->peak_in_flight * (double)v->workers.requests / all);
}

/* Little's law the other way round: how many threads the offered rate holds. */
static void add_threads(const struct words *w)
{
    const struct verdict *v = w->v;
    double needed = ceil(v->offered * threads_held_ns(w) / 1e9);
    uint64_t least = needed < 1e9 ? (uint64_t)needed : 0;
    if (least > v->serving_threads && least <= needing(w)) {
        buf_adds(w->out, "at least ");
        text_count(w->out, least);
        buf_addf(w->out, " threads%s instead of %u for ",
                 v->serving_threads == 1 ? " or processes" : "", v->serving_threads);
        verdict_rate(w->out, v->offered);
        buf_adds(w->out, "/s, each held for as long as now");
        if (least < needing(w))
            buf_addf(w->out, ", and %u so that nobody queues at the peak", needing(w));
        buf_adds(w->out, "; or ");
    } else if (needing(w) > v->serving_threads) {
        bool all = needing(w) >= v->peak_in_flight;
        buf_addf(w->out, "%u threads instead of %u, one for each request in flight%s; or ",
                 needing(w), v->serving_threads, all ? "" : " that needs one");
    }
}

/* An event loop that is hardly ever free, and does not wait: it has too much to do. */
static bool is_full_loop(const struct words *w, bool full)
{
    const struct verdict *v = w->v;
    if (v->model == MODEL_NONBLOCKING)
        return (full && !verdict_waits_unknown(v, w->sums)) || verdict_loop_is_full(w->v, w->sums);
    return v->model == MODEL_NONBLOCKING_WORKERS && verdict_loop_is_full(w->v, w->sums);
}

/* A share of the busiest window that a loop lacks a CPU for; more loops would lack it as well. */
#define STARVED 0.2

static void add_loop_advice(const struct words *w)
{
    const struct load *l = &w->v->loops;
    buf_adds(w->out, "What would change it: ");
    if (l->starved >= STARVED) {
        buf_adds(w->out, "more CPUs, for in its busiest window the event loop could run and had "
                         "none for ");
        verdict_percent(w->out, l->starved);
        buf_adds(w->out, " of the time; or less work in it for each request.\n");
    } else {
        buf_adds(w->out, "less work in the event loop for each request, or more processes with an "
                         "event loop each, on more CPUs.\n");
    }
}

/* Where threads run out, or do not: what they wait for, or that they compute. */
static void add_threads_advice(const struct words *w, const char *before)
{
    const struct verdict *v = w->v;
    if (verdict_waits_unknown(v, w->sums))
        return; /* whether they lack CPUs or what they wait for is not known */
    if (!v->thread_waits) {
        buf_addf(w->out, "%s: less CPU time for each request, or more threads on more CPUs.\n",
                 before);
    } else if (words_is_known(v->cpu_ns)) {
        buf_addf(w->out, "%s: ", before);
        add_threads(w);
        add_remedy(w);
        add_without_waits(w, v->cpu_ns, "one thread");
        buf_adds(w->out, ".\n");
    }
}

/* What would change it: where threads run out, or an event loop stands still or is never free. */
static void add_advice(const struct words *w)
{
    const struct verdict *v = w->v;
    bool full = verdict_is_short(v) ||
                (words_is_known(v->capacity) && v->offered / v->capacity >= NEARLY_FULL);
    if ((v->model == MODEL_NONBLOCKING || v->model == MODEL_MIXED) && v->thread_waits) {
        buf_adds(w->out, "What would change it: ");
        add_remedy(w);
        buf_adds(w->out, ", or a worker thread that waits in the event loop's place");
        if (words_is_known(v->cpu_ns))
            add_without_waits(w, v->cpu_ns, "the loop");
        buf_adds(w->out, ".\n");
    } else if (is_computing_loop(v, w->sums)) {
        buf_adds(w->out, "What would change it: less work in one piece, or a worker thread for it, "
                         "so that the event loop stays free.\n");
    } else if (is_full_loop(w, full)) {
        add_loop_advice(w);
        if (verdict_is_short(v))
            add_threads_advice(w, "And for the worker threads");
    } else if (full) {
        add_threads_advice(w, "What would change it");
    }
}

void verdict_text(const struct timeline *tl, uint32_t process, const struct process_sums *sums,
                  struct buf *out)
{
    struct words w = {tl, &tl->processes.data[process].verdict, sums, out, process};
    if (!sums->complete) {
        words_add_none_answered(&w);
        return;
    }
    add_model(&w);
    words_add_waits(&w);
    add_mean(&w);
    add_unknown(&w);
    if (verdict_is_known(sums))
        add_efficiency(&w);
    if (verdict_is_known(sums) || is_blocked_loop(w.v, sums))
        words_add_capacity(&w);
    words_add_busiest(&w);
    add_saturation(&w);
    add_queue(&w);
    add_holds(&w);
    if (verdict_is_known(sums) || is_blocked_loop(w.v, sums))
        add_advice(&w);
    words_add_asked(&w);
}
