/* `diff --json`, one object a kind of requests, made and freed alone. */
#include "output/diff.h"
#include "output/output.h"
#include "output/part.h"

#include <math.h>
#include <stdlib.h>

static struct json_object *processes_of(struct buf *out, const struct timeline *tl)
{
    struct json_object *array = json_object_new_array();
    struct process_sums *sums = sums_new(tl);
    out->failed |= !sums;
    for (uint32_t i = 0; sums && i < tl->processes.len; i++) {
        if (!sums[i].complete && !sums[i].open)
            continue;
        const struct process *p = &tl->processes.data[i];
        struct json_object *o = json_object_new_object();
        part_uint(out, o, "pid", p->pid);
        part_text(out, o, "comm", timeline_string(tl, p->comm));
        part_text(out, o, "model", model_name(p->verdict.model));
        part_add(out, o, "verdict", part_verdict(out, tl, i, &sums[i]));
        part_append(out, array, o);
    }
    free(sums);
    return array;
}

static void add_side(struct buf *out, const char *key, const struct diff_side *side)
{
    const struct timeline *tl = side->tl;
    struct json_object *o = json_object_new_object();
    part_text(out, o, "file", side->file);
    part_uint(out, o, "duration_ns", tl->duration_ns);
    part_bool(out, o, "complete", tl->complete);
    part_text(out, o, "damage", timeline_string(tl, tl->damage));
    part_uint(out, o, "lost", tl->lost);
    part_uint(out, o, "requests", side->complete);
    part_uint(out, o, "open", side->open);
    part_uint(out, o, "loop_holds", side->holds);
    part_uint(out, o, "hold_max_ns", side->hold_max_ns);
    part_uint(out, o, "hold_victims", side->hold_victims);
    part_uint(out, o, "hold_lost_ns", side->hold_lost_ns);
    part_add(out, o, "processes", processes_of(out, tl));
    buf_addf(out, ",\n\"%s\":", key);
    part_write(out, o);
}

static struct json_object *means_of(struct buf *out, const struct group *g)
{
    struct json_object *o = json_object_new_object();
    for (unsigned key = 0; key < LEDGER_COUNT; key++)
        part_uint(out, o, ledger_key_name(key), diff_whole_ns(group_mean_ns(g, key)));
    return o;
}

static void add_group(struct buf *out, struct json_object *to, const char *key,
                      const struct timeline *tl, const struct group *g)
{
    if (!g) {
        part_null(out, to, key);
        return;
    }
    struct json_object *o = json_object_new_object();
    part_text(out, o, "comm", timeline_string(tl, g->comm));
    part_uint(out, o, "requests", g->complete);
    part_uint(out, o, "open", g->open);
    part_uint(out, o, "p50_ns", g->p50_ns);
    part_uint(out, o, "p99_ns", g->p99_ns);
    part_uint(out, o, "max_ns", g->max_ns);
    part_uint(out, o, "mean_ns", diff_whole_ns(group_mean_ns(g, DIFF_LATENCY)));
    part_add(out, o, "ledger_mean_ns", means_of(out, g));
    part_add(out, to, key, o);
}

/* {"ns": -226000000, "clear": true} */
static void add_change(struct buf *out, struct json_object *to, const char *key, double ns,
                       bool clear)
{
    struct json_object *o = json_object_new_object();
    int64_t whole = (int64_t)diff_whole_ns(fabs(ns));
    part_int(out, o, "ns", ns < 0 ? -whole : whole);
    part_bool(out, o, "clear", clear);
    part_add(out, to, key, o);
}

static void add_changes(struct buf *out, struct json_object *to, const struct diff_pair *pair)
{
    if (!pair->a || !pair->b || !pair->a->complete || !pair->b->complete) {
        part_null(out, to, "change");
        return;
    }
    struct json_object *o = json_object_new_object(), *ledger = json_object_new_object();
    add_change(out, o, "p50", (double)pair->b->p50_ns - (double)pair->a->p50_ns,
               diff_p50_is_clear(pair));
    add_change(out, o, "p99", (double)pair->b->p99_ns - (double)pair->a->p99_ns,
               diff_p99_is_clear(pair));
    add_change(out, o, "mean",
               group_mean_ns(pair->b, DIFF_LATENCY) - group_mean_ns(pair->a, DIFF_LATENCY),
               diff_mean_is_clear(pair, DIFF_LATENCY));
    for (unsigned key = 0; key < LEDGER_COUNT; key++)
        add_change(out, ledger, ledger_key_name(key),
                   group_mean_ns(pair->b, key) - group_mean_ns(pair->a, key),
                   diff_mean_is_clear(pair, key));
    part_add(out, o, "ledger", ledger);
    part_add(out, to, "change", o);
}

int output_diff_json(const struct diff *diff, struct buf *out)
{
    buf_adds(out, "{\"format\":\"waitscope-diff\",\"version\":[1,1]");
    add_side(out, "a", &diff->a);
    add_side(out, "b", &diff->b);
    buf_adds(out, ",\n\"requests\":[");
    for (size_t i = 0; i < diff->pairs.len && !out->failed; i++) {
        const struct diff_pair *pair = &diff->pairs.data[i];
        struct json_object *o = json_object_new_object();
        part_text(out, o, "name",
                  pair->a ? timeline_string(diff->a.tl, pair->a->name)
                          : timeline_string(diff->b.tl, pair->b->name));
        add_group(out, o, "a", diff->a.tl, pair->a);
        add_group(out, o, "b", diff->b.tl, pair->b);
        add_changes(out, o, pair);
        buf_adds(out, i ? ",\n" : "\n");
        part_write(out, o);
    }
    buf_adds(out, "]}\n");
    return out->failed ? -ENOMEM : 0;
}
