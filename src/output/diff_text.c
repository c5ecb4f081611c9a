/* What `diff` prints: the two servers side by side, then requests of one name. */
#include "output/cells.h"
#include "output/diff.h"
#include "output/output.h"
#include "output/sheet.h"
#include "output/verdict_text.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

/* A key below this share of both latencies is left out. */
#define SHARE_WORTH_A_ROW 0.005

struct view {
    struct sheet sheet;
    const struct diff *diff;
    bool chance; /* a difference was not clear: what "~" means must be said */
    bool moved;  /* one was */
};

/* ---- the captures */

static void add_capture(struct view *v, const char *letter, const struct diff_side *side)
{
    const struct timeline *tl = side->tl;
    struct buf line = BUF_INIT;
    text_clean(&line, side->file, strlen(side->file));
    buf_adds(&line, ": ");
    text_duration(&line, tl->duration_ns);
    buf_adds(&line, ", ");
    text_count_of(&line, side->complete, "request");
    buf_adds(&line, " answered");
    if (side->open) {
        buf_adds(&line, ", ");
        text_count(&line, side->open);
        buf_adds(&line, " not begun or not answered, which are not compared");
    }
    cells_wrap(v->sheet.out, buf_str(&line), line.len, letter, 3, v->sheet.width);
    buf_clear(&line);
    if (!tl->complete)
        buf_addf(&line, "INCOMPLETE: %s. ",
                 tl->damage ? timeline_string(tl, tl->damage)
                            : "the recording did not end in order");
    if (tl->lost) {
        buf_adds(&line, "LOST: ");
        text_count_of(&line, tl->lost, "record");
        buf_adds(&line, ", so that times are too small or unknown.");
    }
    if (line.len) {
        buf_adds(v->sheet.out, v->sheet.loud);
        cells_wrap(v->sheet.out, buf_str(&line), line.len, "   ", 3, v->sheet.width);
        buf_adds(v->sheet.out, v->sheet.plain);
    }
    v->sheet.out->failed |= line.failed;
    buf_release(&line);
}

/* ---- the servers */

static void cell_name(struct buf *out, const struct diff_side *s)
{
    buf_adds(out, timeline_string(s->tl, s->tl->processes.data[s->server.process].comm));
    if (s->server.processes > 1) {
        buf_adds(out, ", ");
        text_count(out, s->server.processes);
        buf_adds(out, " processes");
    }
}

static void cell_model(struct buf *out, const struct diff_side *s)
{
    buf_adds(out, model_name(s->server.verdict.model));
}

static void cell_waits(struct buf *out, const struct diff_side *s)
{
    const struct verdict *v = &s->server.verdict;
    const char *name = timeline_string(s->tl, v->waits_on_name);
    buf_adds(out, s->server.waits_unknown ? "?" : v->thread_waits ? "yes" : "no");
    if (v->thread_waits && *name)
        buf_addf(out, ": %s", name);
}

static void cell_threads(struct buf *out, const struct diff_side *s)
{
    text_count(out, s->server.verdict.serving_threads);
}

static void cell_efficiency(struct buf *out, const struct diff_side *s)
{
    if (s->server.verdict.held_ns > 0)
        verdict_percent(out, s->server.verdict.efficiency);
    else
        buf_adds(out, "?");
}

static void cell_capacity(struct buf *out, const struct diff_side *s)
{
    if (s->server.verdict.capacity > 0)
        verdict_rate(out, s->server.verdict.capacity);
    else
        buf_adds(out, "?");
}

static void cell_offered(struct buf *out, const struct diff_side *s)
{
    verdict_rate(out, s->server.verdict.offered);
}

static void cell_full(struct buf *out, const struct diff_side *s)
{
    if (!verdict_is_short(&s->server.verdict)) {
        buf_adds(out, "no");
        return;
    }
    text_duration(out, s->server.verdict.saturated_ns);
    buf_adds(out, " into it");
}

static void cell_holds(struct buf *out, const struct diff_side *s)
{
    text_count(out, s->holds);
    if (s->holds) {
        buf_adds(out, s->holds == 1 ? ", for " : ", at most ");
        text_duration(out, s->hold_max_ns);
    }
}

static void cell_lost(struct buf *out, const struct diff_side *s)
{
    if (s->hold_victims == 1)
        buf_adds(out, "once");
    else
        text_count(out, s->hold_victims);
    if (!s->hold_victims)
        return;
    buf_adds(out, s->hold_victims == 1 ? ", " : " times, ");
    text_duration(out, s->hold_lost_ns);
    buf_adds(out, s->hold_victims == 1 ? "" : " in all");
}

static void add_servers(struct view *v)
{
    static const struct {
        const char *title;
        void (*add)(struct buf *out, const struct diff_side *side);
    } rows[] = {
        {"process", cell_name},          {"model", cell_model},
        {"a thread waits", cell_waits},  {"threads that serve", cell_threads},
        {"efficiency", cell_efficiency}, {"capacity/s", cell_capacity},
        {"offered/s", cell_offered},     {"threads ran out", cell_full},
        {"loop holds", cell_holds},      {"held up by them", cell_lost},
    };
    static const struct grid_column columns[] = {
        {"", false, GRID_WHOLE}, {"A", false, GRID_MIDDLE}, {"B", false, GRID_MIDDLE}};
    const struct diff_side *sides[] = {&v->diff->a, &v->diff->b};
    struct grid g;
    if (!sides[0]->served && !sides[1]->served)
        return;
    grid_init(&g, columns, 3);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        buf_adds(grid_text(&g), rows[i].title);
        grid_next(&g);
        for (size_t k = 0; k < 2; k++) {
            if (sides[k]->served)
                rows[i].add(grid_text(&g), sides[k]);
            else
                buf_addc(grid_text(&g), '-');
            grid_next(&g);
        }
    }
    sheet_title(&v->sheet, "Server", "the processes that served most");
    sheet_grid(&v->sheet, &g);
    grid_release(&g);
}

/* ---- requests */

/* "+1.20 ms", "-226 ms", "~": no more than chance */
static void cell_change(struct view *v, struct grid *g, double ns, bool clear)
{
    if (!clear) {
        v->chance = true;
        buf_adds(grid_text(g), "~");
    } else {
        v->moved = true;
        buf_adds(grid_text(g), ns < 0 ? "-" : "+");
        text_duration(grid_text(g), diff_whole_ns(fabs(ns)));
    }
    grid_next(g);
}

static void add_row(struct view *v, struct grid *g, const char *title, double a, double b,
                    bool clear)
{
    buf_adds(grid_text(g), title);
    grid_next(g);
    text_duration(grid_text(g), diff_whole_ns(a));
    grid_next(g);
    text_duration(grid_text(g), diff_whole_ns(b));
    grid_next(g);
    cell_change(v, g, b - a, clear);
}

/* Keys of the ledger, what moved most first. */
static void add_keys(struct view *v, struct grid *g, const struct diff_pair *pair)
{
    bool used[LEDGER_COUNT] = {false};
    double least_a = group_mean_ns(pair->a, DIFF_LATENCY) * SHARE_WORTH_A_ROW;
    double least_b = group_mean_ns(pair->b, DIFF_LATENCY) * SHARE_WORTH_A_ROW;
    for (;;) {
        int most = -1;
        double moved = -1;
        for (unsigned key = 0; key < LEDGER_COUNT; key++) {
            double a = group_mean_ns(pair->a, key), b = group_mean_ns(pair->b, key);
            bool shown = (a > 0 && a >= least_a) || (b > 0 && b >= least_b);
            if (used[key] || !shown || fabs(b - a) <= moved)
                continue;
            most = (int)key;
            moved = fabs(b - a);
        }
        if (most < 0)
            return;
        unsigned key = (unsigned)most;
        char title[40] = "    ";
        strncat(title, ledger_key_word(key), sizeof(title) - 5);
        used[key] = true;
        add_row(v, g, title, group_mean_ns(pair->a, key), group_mean_ns(pair->b, key),
                diff_mean_is_clear(pair, key));
    }
}

static void add_pair(struct view *v, struct grid *g, const struct diff_pair *pair)
{
    const struct diff *d = v->diff;
    const char *comm_a = timeline_string(d->a.tl, pair->a->comm);
    const char *comm_b = timeline_string(d->b.tl, pair->b->comm);
    buf_adds(grid_text(g), timeline_string(d->a.tl, pair->a->name));
    if (strcmp(comm_a, comm_b) != 0)
        buf_addf(grid_text(g), " (%s → %s)", comm_a, comm_b);
    grid_next(g);
    text_count(grid_text(g), pair->a->complete);
    grid_next(g);
    text_count(grid_text(g), pair->b->complete);
    grid_next(g);
    buf_adds(grid_text(g), "requests");
    grid_next(g);
    if (!pair->a->complete || !pair->b->complete)
        return;
    add_row(v, g, "  median", (double)pair->a->p50_ns, (double)pair->b->p50_ns,
            diff_p50_is_clear(pair));
    add_row(v, g, "  p99", (double)pair->a->p99_ns, (double)pair->b->p99_ns,
            diff_p99_is_clear(pair));
    add_row(v, g, "  mean", group_mean_ns(pair->a, DIFF_LATENCY),
            group_mean_ns(pair->b, DIFF_LATENCY), diff_mean_is_clear(pair, DIFF_LATENCY));
    add_keys(v, g, pair);
}

static void add_requests(struct view *v)
{
    static const struct grid_column columns[] = {{"", false, GRID_NAME},
                                                 {"A", true, GRID_WHOLE},
                                                 {"B", true, GRID_WHOLE},
                                                 {"change", true, GRID_WHOLE}};
    const struct diff *d = v->diff;
    size_t shown = d->common < v->sheet.rows ? d->common : v->sheet.rows;
    struct grid g;
    if (!d->common)
        return;
    grid_init(&g, columns, 4);
    for (size_t i = 0; i < shown; i++)
        add_pair(v, &g, &d->pairs.data[i]);
    sheet_title(&v->sheet, "Requests", "time of each on average; those that moved most first");
    sheet_grid(&v->sheet, &g);
    sheet_more(&v->sheet, shown, d->common, "kinds of requests");
    grid_release(&g);
    if (v->chance) {
        static const char words[] = "too few requests, or too small a difference, to tell from "
                                    "chance";
        cells_wrap(v->sheet.out, words, strlen(words), "  ~  ", 5, v->sheet.width);
    }
    if (!v->moved)
        buf_adds(v->sheet.out, "  Nothing moved clearly.\n");
}

/* "Only in A: GET /old (12), GET /older (1)" */
static void add_only(struct view *v, bool in_a)
{
    const struct diff *d = v->diff;
    struct buf line = BUF_INIT;
    size_t count = 0;
    buf_addf(&line, "Only in %s: ", in_a ? "A" : "B");
    for (size_t i = d->common; i < d->pairs.len; i++) {
        const struct group *group = in_a ? d->pairs.data[i].a : d->pairs.data[i].b;
        if (!group || count++ >= v->sheet.rows)
            continue;
        buf_addf(&line, "%s%s (", count > 1 ? ", " : "",
                 timeline_string(in_a ? d->a.tl : d->b.tl, group->name));
        text_count_of(&line, group->complete + group->open, "request");
        buf_addc(&line, ')');
    }
    if (count > v->sheet.rows) {
        buf_adds(&line, " and ");
        text_count(&line, count - v->sheet.rows);
        buf_adds(&line, " more kinds of requests");
    }
    if (count) {
        buf_addc(v->sheet.out, '\n');
        cells_wrap(v->sheet.out, buf_str(&line), line.len, "", 2, v->sheet.width);
    }
    v->sheet.out->failed |= line.failed;
    buf_release(&line);
}

int output_diff_text(const struct diff *diff, const struct text_options *options, struct buf *out)
{
    struct view v = {.diff = diff};
    sheet_open(&v.sheet, options, out);
    buf_addf(out, "%swaitscope diff%s\n", v.sheet.bold, v.sheet.plain);
    add_capture(&v, "A  ", &diff->a);
    add_capture(&v, "B  ", &diff->b);
    add_servers(&v);
    add_requests(&v);
    add_only(&v, true);
    add_only(&v, false);
    if (!diff->pairs.len)
        buf_adds(out, "\nNo request was seen in either: there is nothing to compare.\n");
    else if (!diff->common)
        buf_adds(out,
                 "\nNo kind of request is in both; what can be compared are the servers, above.\n");
    sheet_close(&v.sheet);
    return out->failed ? -ENOMEM : 0;
}
