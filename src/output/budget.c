#include "output/budget.h"

#include "base/text.h"
#include "output/presence.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* One request in so many may be undecided before a rule is broken by that. */
#define UNDECIDED_PART 100

const char *budget_rule_name(unsigned rule)
{
    return rule == BUDGET_LATENCY ? "latency" : ledger_key_name(rule);
}

int budget_parse_limit(struct budget_limit *limit, unsigned rule, const char *text)
{
    struct budget_limit parsed = {.text = text};
    if (text_parse_limit(text, &parsed.ns) < 0) {
        if (rule == BUDGET_LATENCY || text_parse_share(text, &parsed.share) < 0)
            return -EINVAL;
        parsed.is_share = true;
    }
    *limit = parsed;
    return 0;
}

/* A name is matched as it is printed, backslashes and all; a group that is pasted from a report
 * matches itself, whatever it holds. */
static bool matches(const struct budget *b, const char *name)
{
    for (size_t i = 0; i < b->name_count; i++)
        if (!strcmp(b->names[i], name) || fnmatch(b->names[i], name, FNM_NOESCAPE) == 0)
            return true;
    return false;
}

static bool is_meant(const struct budget *b, const struct timeline *tl, const struct request *r)
{
    return !b->name_count || matches(b, timeline_string(tl, r->name)) ||
           matches(b, timeline_string(tl, r->group));
}

/* ---- requests */

/* The state of a thread that holds the request, while that key is charged; -1: none has to. */
static int state_of(unsigned rule)
{
    static const int states[BUDGET_RULES] = {
        [LEDGER_QUEUED] = -1,
        [LEDGER_RUNNING] = STATE_RUNNING,
        [LEDGER_RUNNABLE] = STATE_RUNNABLE,
        [LEDGER_BLOCKED] = STATE_BLOCKED,
        [LEDGER_LOCK] = STATE_LOCK,
        [LEDGER_SLEEP] = STATE_SLEEP,
        [LEDGER_FAULT] = STATE_FAULT,
        [LEDGER_OTHER] = STATE_OTHER,
        [LEDGER_AWAITING] = -1,
        [LEDGER_LOOP_BUSY] = -1,
        [LEDGER_UNATTRIBUTED] = -1,
        [BUDGET_LATENCY] = -1,
    };
    return states[rule];
}

static bool is_over(const struct budget_limit *l, uint64_t ns, uint64_t latency_ns)
{
    if (l->is_share)
        return (double)ns > l->share * (double)latency_ns;
    return ns > l->ns;
}

/* How much of the request's unattributed time may be of that key: no more than the threads of its
 * process were in such a state meanwhile. */
static uint64_t hidden_ns(unsigned rule, const struct request *r, const struct request_sums *sums,
                          const struct presence *threads)
{
    uint64_t unknown_ns = sums->ledger_ns[LEDGER_UNATTRIBUTED];
    if (rule == BUDGET_LATENCY || rule == LEDGER_UNATTRIBUTED || !unknown_ns)
        return 0;
    if (state_of(rule) < 0)
        return unknown_ns;
    uint64_t threads_ns = presence_ns(threads, r->process, r->start_ns, r->end_ns);
    uint64_t charged_ns = sums->ledger_ns[rule]; /* which is among that */
    threads_ns = threads_ns > charged_ns ? threads_ns - charged_ns : 0;
    return threads_ns < unknown_ns ? threads_ns : unknown_ns;
}

static int judge_request(const struct budget_limit *l, unsigned rule, const struct request *r,
                         const struct request_sums *sums, uint32_t index,
                         const struct presence *threads, struct finding *f)
{
    uint64_t latency_ns = r->end_ns - r->start_ns;
    uint64_t ns = rule == BUDGET_LATENCY ? latency_ns : sums->ledger_ns[rule];
    if (is_over(l, ns, latency_ns)) {
        struct offence o = {.request = index, .ns = ns, .size = (double)ns};
        if (l->is_share)
            o.size /= (double)latency_ns;
        f->decides = true;
        return vec_push(&f->over, o);
    }
    f->most_ns = ns > f->most_ns ? ns : f->most_ns;
    if (is_over(l, ns + hidden_ns(rule, r, sums, threads), latency_ns))
        f->undecided++;
    else
        f->decides = true;
    return 0;
}

static void count_request(const struct request *r, struct judgement *j)
{
    j->requests++;
    j->complete += (r->flags & REQUEST_COMPLETE) != 0;
    j->loss += (r->flags & REQUEST_LOSS) != 0;
}

/* `over` has a mark for each request that breaks a limit. */
static int judge_rule(const struct budget *b, unsigned rule, const struct timeline *tl, bool *over,
                      struct judgement *j)
{
    struct presence threads = {VEC_INIT};
    struct finding *f = &j->findings[rule];
    int ret = 0;
    if (state_of(rule) >= 0)
        ret = presence_init(&threads, tl, (uint8_t)state_of(rule));
    for (uint32_t i = 0; ret == 0 && i < tl->requests.len; i++) {
        const struct request *r = &tl->requests.data[i];
        struct request_sums sums;
        if (!is_meant(b, tl, r))
            continue;
        request_sums(tl, r, &sums);
        ret = judge_request(&b->limits[rule], rule, r, &sums, i, &threads, f);
    }
    for (size_t i = 0; i < f->over.len; i++) {
        j->offenders += !over[f->over.data[i].request];
        over[f->over.data[i].request] = true;
    }
    presence_release(&threads);
    return ret;
}

static int judge_requests(const struct budget *b, const struct timeline *tl, struct judgement *j)
{
    bool *over = calloc(tl->requests.len + 1, sizeof(*over));
    int ret = over ? 0 : -ENOMEM;
    for (size_t i = 0; ret == 0 && i < tl->requests.len; i++)
        if (is_meant(b, tl, &tl->requests.data[i]))
            count_request(&tl->requests.data[i], j);
    for (unsigned rule = 0; ret == 0 && rule < BUDGET_RULES; rule++)
        if (b->limits[rule].text)
            ret = judge_rule(b, rule, tl, over, j);
    free(over);
    return ret;
}

static int by_size(const void *a, const void *b)
{
    const struct offence *x = a, *y = b;
    if (x->size != y->size)
        return x->size > y->size ? -1 : 1;
    return (x->request > y->request) - (x->request < y->request);
}

/* ---- loop holds */

struct span { /* a hold while it is looked at */
    uint64_t start_ns, end_ns;
    uint32_t hold, process, victims;
    bool judged;
};

struct spans {
    VEC(struct span) all;
};

static int by_end(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    return (x->end_ns > y->end_ns) - (x->end_ns < y->end_ns);
}

static int by_harm(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    uint64_t x_ns = x->end_ns - x->start_ns, y_ns = y->end_ns - y->start_ns;
    if (x->victims != y->victims)
        return x->victims > y->victims ? -1 : 1;
    if (x_ns != y_ns)
        return x_ns > y_ns ? -1 : 1;
    return (x->hold > y->hold) - (x->hold < y->hold);
}

/* It belongs to a request that is meant, or made one wait. */
static bool touches(const struct budget *b, const struct timeline *tl, const struct hold *h)
{
    const struct request *all = tl->requests.data;
    if (h->request_plus1 && is_meant(b, tl, &all[h->request_plus1 - 1]))
        return true;
    for (size_t i = 0; i < h->victim_count; i++)
        if (is_meant(b, tl, &all[tl->victims.data[h->first_victim + i].request]))
            return true;
    return false;
}

/*
 * The rest: a loop that starts up, or works for itself while nobody asks anything of it, holds
 * nobody up. While a request that is meant is in flight it may well be that one's doing, or its
 * harm. Spans are in the order of their end, so that one walk over the requests is enough: of
 * those that began before a span's end, has the longest one ended before the span began?
 */
static int judge_unknown(const struct budget *b, const struct timeline *tl, struct spans *spans)
{
    uint64_t *last_end = calloc(tl->processes.len + 1, sizeof(*last_end));
    size_t next = 0;
    if (!last_end)
        return -ENOMEM;
    for (size_t i = 0; i < spans->all.len; i++) {
        struct span *s = &spans->all.data[i];
        for (; next < tl->requests.len && tl->requests.data[next].start_ns < s->end_ns; next++) {
            const struct request *r = &tl->requests.data[next];
            if (r->end_ns > last_end[r->process] && is_meant(b, tl, r))
                last_end[r->process] = r->end_ns;
        }
        s->judged |= last_end[s->process] > s->start_ns;
    }
    free(last_end);
    return 0;
}

static int judge_holds(const struct budget *b, const struct timeline *tl, struct judgement *j)
{
    struct spans spans = {VEC_INIT};
    int ret = 0;
    for (uint32_t i = 0; ret == 0 && i < tl->holds.len; i++) {
        const struct hold *h = &tl->holds.data[i];
        struct span s = {h->start_ns, h->end_ns, i, tl->threads.data[h->thread].process, 0, false};
        s.victims = h->victim_count + h->more_victims;
        s.judged = touches(b, tl, h);
        ret = vec_push(&spans.all, s);
    }
    if (ret == 0 && spans.all.len) {
        qsort(spans.all.data, spans.all.len, sizeof(*spans.all.data), by_end);
        ret = judge_unknown(b, tl, &spans);
        qsort(spans.all.data, spans.all.len, sizeof(*spans.all.data), by_harm);
    }
    for (size_t i = 0; ret == 0 && i < spans.all.len; i++) {
        if (spans.all.data[i].judged)
            ret = vec_push(&j->holds, spans.all.data[i].hold);
        else
            j->other_holds++;
    }
    vec_release(&spans.all);
    return ret;
}

/* ---- all of it */

int budget_judge(const struct budget *budget, const struct timeline *tl, struct judgement *j)
{
    *j = (struct judgement){0};
    int ret = judge_requests(budget, tl, j);
    if (ret == 0 && budget->no_loop_hold)
        ret = judge_holds(budget, tl, j);
    for (unsigned rule = 0; rule < BUDGET_RULES; rule++) {
        struct finding *f = &j->findings[rule];
        if (f->over.len)
            qsort(f->over.data, f->over.len, sizeof(*f->over.data), by_size);
    }
    j->holds_broken = j->holds.len > 0;
    j->lost_broken = tl->lost > budget->max_lost;
    j->few = j->complete < budget->min_requests;
    return ret;
}

void judgement_release(struct judgement *j)
{
    for (unsigned rule = 0; rule < BUDGET_RULES; rule++)
        vec_release(&j->findings[rule].over);
    vec_release(&j->holds);
}

bool judgement_is_blind(const struct budget *budget, const struct judgement *j, unsigned rule)
{
    const struct finding *f = &j->findings[rule];
    if (!budget->limits[rule].text || !f->undecided)
        return false;
    bool accepted = budget->limits[LEDGER_UNATTRIBUTED].text != NULL;
    return !f->decides || (!accepted && f->undecided > j->requests / UNDECIDED_PART);
}

bool judgement_breaks(const struct budget *budget, const struct judgement *j, unsigned rule)
{
    return budget->limits[rule].text &&
           (j->findings[rule].over.len || judgement_is_blind(budget, j, rule));
}

bool judgement_passes(const struct budget *budget, const struct judgement *j)
{
    for (unsigned rule = 0; rule < BUDGET_RULES; rule++)
        if (judgement_breaks(budget, j, rule))
            return false;
    return !j->holds_broken && !j->lost_broken && !j->few;
}
