/* What `check` prints: for the log of a CI run, where nobody scrolls far. */
#include "output/budget.h"
#include "output/cells.h"
#include "output/hint.h"
#include "output/output.h"
#include "output/sheet.h"
#include "output/verdict_text.h"
#include "output/waits.h"

#include "base/text.h"

#include <inttypes.h>
#include <string.h>

#define ROWS 5         /* offences of one rule, unless told */
#define VICTIMS 4      /* of one hold */
#define NAME_WIDTH 120 /* columns that one name gets */

struct page {
    const struct timeline *tl;
    const struct budget *budget;
    const struct judgement *j;
    struct buf *out;
    size_t rows;
    const char *loud, *good, *plain;
    struct request_waits waits;
};

/* What a request did for too long. */
static const char *const verbs[BUDGET_RULES] = {
    [LEDGER_QUEUED] = "queued for",
    [LEDGER_RUNNING] = "ran for",
    [LEDGER_RUNNABLE] = "waited for a CPU for",
    [LEDGER_BLOCKED] = "blocked for",
    [LEDGER_LOCK] = "waited for a lock for",
    [LEDGER_SLEEP] = "slept for",
    [LEDGER_FAULT] = "waited for memory to be read in for",
    [LEDGER_OTHER] = "waited otherwise for",
    [LEDGER_AWAITING] = "awaited a reply, a timer or another request for",
    [LEDGER_LOOP_BUSY] = "stood ready for a busy event loop for",
    [LEDGER_UNATTRIBUTED] = "unattributed for",
    [BUDGET_LATENCY] = "took",
};

static void add_more(struct page *p, size_t shown, size_t all)
{
    if (shown >= all)
        return;
    buf_adds(p->out, "  … and ");
    text_count(p->out, all - shown);
    buf_adds(p->out, " more\n");
}

static void add_cut(struct buf *out, struct buf *text)
{
    cells_cut(out, buf_str(text), text->len, NAME_WIDTH);
    out->failed |= text->failed;
    buf_release(text);
}

/* "#17 GET /report/5 → 200" */
static void add_request(struct buf *out, const struct timeline *tl, const struct request *r)
{
    struct buf name = BUF_INIT;
    buf_addf(&name, "#%" PRIu64 " %s", r->id, timeline_string(tl, r->name));
    add_cut(out, &name);
    if (r->status)
        buf_addf(out, " → %d", r->status);
}

static void add_at(struct buf *out, uint64_t ns)
{
    buf_addf(out, "at %.3f s", (double)ns / 1e9);
}

/* "  52.1 ms  ", aligned at the unit's end. */
static void add_size(struct buf *out, uint64_t ns)
{
    struct buf size = BUF_INIT;
    text_duration(&size, ns);
    buf_addf(out, "  %8s  ", buf_str(&size));
    out->failed |= size.failed;
    buf_release(&size);
}

#define INDENT "            "

/* "blocked in read on /srv/menu.txt, thread 4711" */
static void add_call(struct page *p, uint8_t state, uint32_t call1, uint32_t object1,
                     uint32_t thread)
{
    struct buf call = BUF_INIT;
    sheet_call_on(&call, p->tl, state, call1, object1);
    add_cut(p->out, &call);
    buf_addf(p->out, ", thread %u", p->tl->threads.data[thread].tid);
}

/* ---- requests */

/* The ledger key that a wait in this state counts for. */
static unsigned key_of(uint8_t state)
{
    static const unsigned keys[STATE_COUNT] = {
        [STATE_BLOCKED] = LEDGER_BLOCKED, [STATE_LOCK] = LEDGER_LOCK,
        [STATE_SLEEP] = LEDGER_SLEEP,     [STATE_FAULT] = LEDGER_FAULT,
        [STATE_OTHER] = LEDGER_OTHER,
    };
    return state < STATE_COUNT ? keys[state] : 0;
}

/* The longest wait of the kind that is bounded; for the latency, of any. */
static void add_wait(struct page *p, const struct request *r, unsigned rule)
{
    const struct request_wait *longest = NULL;
    size_t count = 0;
    if (request_waits(p->tl, r, &p->waits) < 0)
        p->out->failed = true;
    for (size_t i = 0; i < p->waits.all.len; i++) {
        const struct request_wait *w = &p->waits.all.data[i];
        if (rule != BUDGET_LATENCY && key_of(w->state) != rule)
            continue;
        count++;
        if (!longest || w->ns > longest->ns)
            longest = w;
    }
    if (!longest)
        return;
    buf_adds(p->out, INDENT);
    if (count > 1) {
        buf_adds(p->out, "longest of ");
        text_count(p->out, count);
        buf_adds(p->out, " waits: ");
        text_duration(p->out, longest->ns);
        buf_addc(p->out, ' ');
    }
    add_call(p, longest->state, longest->call_plus1, longest->object_plus1, longest->thread);
    buf_adds(p->out, ", ");
    add_at(p->out, longest->start_ns);
    buf_addc(p->out, '\n');
}

static void add_offence(struct page *p, const struct offence *o, unsigned rule)
{
    const struct request *r = &p->tl->requests.data[o->request];
    uint64_t latency_ns = r->end_ns - r->start_ns;
    add_size(p->out, o->ns);
    add_request(p->out, p->tl, r);
    buf_adds(p->out, ", ");
    add_at(p->out, r->start_ns);
    if (p->budget->limits[rule].is_share) {
        buf_adds(p->out, ", ");
        verdict_percent(p->out, o->size);
        buf_adds(p->out, " of ");
        text_duration(p->out, latency_ns);
    }
    if (!(r->flags & REQUEST_COMPLETE))
        buf_addf(p->out, ", %s", sheet_missing(p->tl, r));
    if (r->flags & REQUEST_LOSS)
        buf_adds(p->out, ", records were lost meanwhile");
    buf_addc(p->out, '\n');
    if (rule == BUDGET_LATENCY) {
        struct request_sums sums;
        request_sums(p->tl, r, &sums);
        buf_adds(p->out, INDENT);
        sheet_ledger_shares(p->out, sums.ledger_ns, latency_ns);
        buf_addc(p->out, '\n');
    }
    add_wait(p, r, rule);
}

/* "5ms", "5% of its time": as the user wrote it, which budget_parse_limit() has looked at. */
static void add_limit(struct buf *out, const struct budget_limit *l)
{
    buf_addf(out, "%s%s", l->text, l->is_share ? " of its time" : "");
}

static const char *loop_hold(const struct page *p)
{
    return p->budget->loop_hold ? p->budget->loop_hold : "5ms";
}

static void add_error(struct page *p)
{
    buf_addf(p->out, "%serror:%s ", p->loud, p->plain);
}

/* "not known for 508 of 537 requests" */
static void add_unknown(struct page *p, unsigned rule)
{
    buf_adds(p->out, "not known for ");
    text_count(p->out, p->j->findings[rule].undecided);
    buf_adds(p->out, " of ");
    text_count_of(p->out, p->j->requests, "request");
}

/* The limit checks too little, and how to go on from there. */
static void add_blind(struct page *p, unsigned rule)
{
    add_error(p);
    buf_addf(p->out, "%s: ", budget_rule_name(rule));
    add_unknown(p, rule);
    buf_adds(p->out, ": with their unattributed time they may be over ");
    add_limit(p->out, &p->budget->limits[rule]);
    const char *hint = hint_record(p->tl, HINT_ANY);
    if (hint)
        buf_addf(p->out, "\n" INDENT "%s", hint);
    buf_adds(p->out, "\n" INDENT);
    buf_adds(p->out, p->j->findings[rule].decides
                         ? "--max-unattributed says how much may stay unknown (100%: any amount)\n"
                         : "as it is, this limit checks nothing\n");
}

static void add_rule(struct page *p, unsigned rule)
{
    const struct finding *f = &p->j->findings[rule];
    if (judgement_is_blind(p->budget, p->j, rule))
        add_blind(p, rule);
    if (!f->over.len)
        return;
    add_error(p);
    text_count_of(p->out, f->over.len, "request");
    buf_addf(p->out, " %s more than ", verbs[rule]);
    add_limit(p->out, &p->budget->limits[rule]);
    buf_addc(p->out, '\n');
    size_t shown = f->over.len < p->rows ? f->over.len : p->rows;
    for (size_t i = 0; i < shown; i++)
        add_offence(p, &f->over.data[i], rule);
    add_more(p, shown, f->over.len);
}

/* ---- loop holds */

static void add_victims(struct page *p, const struct hold *h)
{
    size_t shown = h->victim_count < VICTIMS ? h->victim_count : VICTIMS;
    if (!shown)
        return;
    buf_adds(p->out, INDENT "made wait: ");
    for (size_t i = 0; i < shown; i++) {
        const struct victim *v = &p->tl->victims.data[h->first_victim + i];
        buf_adds(p->out, i ? ", " : "");
        add_request(p->out, p->tl, &p->tl->requests.data[v->request]);
        buf_adds(p->out, " (");
        text_duration(p->out, v->ns);
        buf_addc(p->out, ')');
    }
    if (shown < hold_victims(h)) {
        buf_adds(p->out, " … and ");
        text_count(p->out, hold_victims(h) - shown);
        buf_adds(p->out, " more; they lost ");
        text_duration(p->out, hold_lost_ns(p->tl, h));
        buf_adds(p->out, " in all");
    }
    buf_addc(p->out, '\n');
}

static void add_hold(struct page *p, const struct hold *h)
{
    add_size(p->out, h->end_ns - h->start_ns);
    add_call(p, h->state, h->call_plus1, h->object_plus1, h->thread);
    buf_adds(p->out, ", ");
    add_at(p->out, h->start_ns);
    buf_addc(p->out, '\n');
    if (h->request_plus1) {
        buf_adds(p->out, INDENT "in request ");
        add_request(p->out, p->tl, &p->tl->requests.data[h->request_plus1 - 1]);
        buf_addc(p->out, '\n');
    }
    add_victims(p, h);
}

static void add_holds(struct page *p)
{
    const struct judgement *j = p->j;
    if (!j->holds_broken)
        return;
    add_error(p);
    text_count_of(p->out, j->holds.len, "loop hold");
    buf_addf(p->out, ": an event loop stood still or computed in one place for more than %s\n",
             loop_hold(p));
    size_t shown = j->holds.len < p->rows ? j->holds.len : p->rows;
    for (size_t i = 0; i < shown; i++)
        add_hold(p, &p->tl->holds.data[j->holds.data[i]]);
    add_more(p, shown, j->holds.len);
}

/* ---- the capture itself */

static void add_few(struct page *p)
{
    const struct judgement *j = p->j;
    if (!j->few)
        return;
    add_error(p);
    if (!j->requests) {
        buf_addf(p->out, "no request%s was seen, so nothing was checked\n",
                 p->budget->name_count ? " of that name" : "");
        return;
    }
    text_count_of(p->out, j->complete, "request");
    buf_addf(p->out, " %s answered, and at least ", j->complete == 1 ? "was" : "were");
    text_count(p->out, p->budget->min_requests);
    buf_adds(p->out, " should have been\n");
}

static void add_lost(struct page *p)
{
    if (!p->tl->lost)
        return;
    if (p->j->lost_broken)
        add_error(p);
    else
        buf_adds(p->out, "note: ");
    text_count_of(p->out, p->tl->lost, "record");
    buf_adds(p->out, " lost while recording, ");
    text_count(p->out, p->budget->max_lost);
    buf_adds(p->out, " allowed; of ");
    text_count_of(p->out, p->j->loss, "request");
    buf_adds(p->out, " only a part is known\n");
}

/* What keeps the budget only as far as it is known. */
static void add_undecided(struct page *p)
{
    for (unsigned rule = 0; rule < BUDGET_RULES; rule++) {
        const struct finding *f = &p->j->findings[rule];
        if (!f->undecided || judgement_is_blind(p->budget, p->j, rule))
            continue;
        buf_addf(p->out, "note: %s: ", budget_rule_name(rule));
        add_unknown(p, rule);
        buf_adds(p->out, ", too much of which is unattributed; --max-unattributed bounds that\n");
    }
}

static void add_other_holds(struct page *p)
{
    if (!p->j->other_holds)
        return;
    buf_adds(p->out, "note: ");
    text_count_of(p->out, p->j->other_holds, "loop hold");
    buf_adds(p->out, p->budget->name_count ? " of other requests or while none was in flight, "
                                           : " while no request was in flight, ");
    buf_adds(p->out, "not counted\n");
}

static void add_damage(struct page *p)
{
    if (p->tl->complete)
        return;
    add_error(p);
    buf_addf(p->out, "the capture is damaged: %s\n",
             p->tl->damage ? timeline_string(p->tl, p->tl->damage)
                           : "the recording did not end in order");
}

/* "; blocked at most 1.20 ms (limit 5ms)", and of how many it is not known */
static void add_kept(struct page *p, unsigned rule)
{
    const struct budget_limit *l = &p->budget->limits[rule];
    if (!l->text)
        return;
    buf_addf(p->out, "; %s ", budget_rule_name(rule));
    if (p->j->findings[rule].most_ns) {
        buf_adds(p->out, "at most ");
        text_duration(p->out, p->j->findings[rule].most_ns);
    } else {
        buf_adds(p->out, "never");
    }
    if (p->j->findings[rule].undecided) {
        buf_adds(p->out, " where it is known, and ");
        add_unknown(p, rule);
    }
    buf_adds(p->out, " (limit ");
    add_limit(p->out, l);
    buf_addc(p->out, ')');
}

static void add_failed(struct page *p)
{
    const struct judgement *j = p->j;
    buf_addf(p->out, "%scheck failed:%s ", p->loud, p->plain);
    text_count(p->out, j->offenders);
    buf_adds(p->out, " of ");
    text_count_of(p->out, j->requests, "request");
    buf_adds(p->out, " over the budget");
    if (j->holds_broken) {
        buf_adds(p->out, ", ");
        text_count_of(p->out, j->holds.len, "loop hold");
    }
    for (unsigned rule = 0; rule < BUDGET_RULES; rule++) {
        if (!judgement_is_blind(p->budget, j, rule))
            continue;
        buf_addf(p->out, "; %s ", budget_rule_name(rule));
        add_unknown(p, rule);
    }
    buf_addc(p->out, '\n');
}

static void add_result(struct page *p)
{
    const struct judgement *j = p->j;
    if (!judgement_passes(p->budget, j)) {
        add_failed(p);
        return;
    }
    if (p->tl->complete)
        buf_addf(p->out, "%scheck passed:%s ", p->good, p->plain);
    else
        buf_addf(p->out, "%scheck not passed:%s what could be read holds the budget: ", p->loud,
                 p->plain);
    text_count_of(p->out, j->requests, "request");
    if (j->complete < j->requests) {
        buf_adds(p->out, ", ");
        text_count(p->out, j->requests - j->complete);
        buf_adds(p->out, " of them not begun or not answered in the recording");
    }
    for (unsigned rule = 0; rule < BUDGET_RULES && j->requests; rule++)
        add_kept(p, rule);
    if (p->budget->no_loop_hold)
        buf_addf(p->out, "; no loop hold over %s", loop_hold(p));
    if (p->tl->complete && !p->tl->lost)
        buf_adds(p->out, "; none lost");
    buf_addc(p->out, '\n');
}

int output_check_text(const struct timeline *tl, const struct budget *budget,
                      const struct judgement *j, const struct text_options *options,
                      struct buf *out)
{
    struct page p = {
        .tl = tl,
        .budget = budget,
        .j = j,
        .out = out,
        .rows = options->rows ? options->rows : ROWS,
        .loud = options->color ? "\033[1;31m" : "",
        .good = options->color ? "\033[1;32m" : "",
        .plain = options->color ? "\033[0m" : "",
        .waits = {VEC_INIT},
    };
    add_holds(&p);
    for (unsigned rule = 0; rule < BUDGET_RULES; rule++)
        if (judgement_breaks(budget, j, rule))
            add_rule(&p, rule);
    add_few(&p);
    add_damage(&p);
    add_lost(&p);
    add_undecided(&p);
    add_other_holds(&p);
    add_result(&p);
    request_waits_release(&p.waits);
    return out->failed ? -ENOMEM : 0;
}
