#include "output/cost.h"

#include "base/text.h"
#include "output/part.h"

#include <math.h>
#include <string.h>

double cost_recorder_share(const struct recording_cost *cost)
{
    return cost->recorder_of_ns ? (double)cost->recorder_ns / (double)cost->recorder_of_ns
                                : (double)NAN;
}

double cost_probes_share(const struct recording_cost *cost)
{
    return cost->sampled_ns ? (double)cost_of_probes(cost).run_ns / (double)cost->sampled_ns
                            : (double)NAN;
}

/* "12 %", "1.8 %", "0.04 %" */
static void add_share(struct buf *out, double share)
{
    double percent = share * 100;
    buf_addf(out, "%.*f %%", percent >= 10 ? 0 : percent >= 0.1 ? 1 : 2, percent);
}

static uint64_t a_second(uint64_t runs, const struct recording_cost *cost)
{
    double n = (double)runs * 1e9 / (double)cost->sampled_ns + 0.5;
    return n < 1e18 ? (uint64_t)n : (uint64_t)1e18; /* whatever a damaged file says */
}

static uint64_t ns_a_run(const struct program_cost *p)
{
    return p->runs ? (p->run_ns + p->runs / 2) / p->runs : 0;
}

/* The one program that is reached by a trap; see bpf/work.bpf.h. */
static bool is_uprobe(const struct timeline *tl, const struct program_cost *p)
{
    return !strcmp(timeline_string(tl, p->name), "on_work");
}

static void add_sample(struct buf *out, const struct timeline *tl)
{
    const struct recording_cost *cost = &tl->cost;
    if (cost->whole) {
        buf_adds(out, " All runs were counted");
    } else {
        buf_adds(out, " The probes by a sample of ");
        text_duration(out, cost->sampled_ns);
        buf_adds(out, " in ");
        text_count_of(out, cost->windows, "window");
    }
    for (size_t i = 0; i < cost->programs.len; i++)
        if (is_uprobe(tl, &cost->programs.data[i])) {
            buf_adds(out, ", without the traps of ");
            text_count_of(out, a_second(cost->programs.data[i].runs, cost), "uprobe hit");
            buf_adds(out, " a second");
        }
    buf_addc(out, '.');
}

static void add_attach(struct buf *out, const struct recording_cost *cost)
{
    if (!cost->attach_ns)
        return;
    buf_adds(out, " Attaching took ");
    text_duration(out, cost->attach_ns);
    buf_adds(out, " of CPU time before that.");
}

void cost_words(struct buf *out, const struct timeline *tl)
{
    const struct recording_cost *cost = &tl->cost;
    struct program_cost all = cost_of_probes(cost);
    double recorder = cost_recorder_share(cost), probes = cost_probes_share(cost);
    if (!cost->recorder_of_ns)
        return;
    if (!cost->sampled_ns) {
        buf_adds(out, "The recorder took ");
        add_share(out, recorder);
        buf_adds(out, " of one CPU; what the probes took was not counted.");
        add_attach(out, cost);
        return;
    }
    buf_adds(out, "The recording took ");
    add_share(out, recorder + probes);
    buf_adds(out, " of one CPU: probes ");
    add_share(out, probes);
    buf_adds(out, " (");
    text_count_of(out, a_second(all.runs, cost), "run");
    buf_adds(out, " a second of ");
    text_duration(out, ns_a_run(&all));
    buf_adds(out, "), the recorder ");
    add_share(out, recorder);
    buf_addc(out, '.');
    add_attach(out, cost);
    add_sample(out, tl);
}

/* ---- JSON */

static struct json_object *cost_programs(struct buf *out, const struct timeline *tl)
{
    struct json_object *array = json_object_new_array();
    for (size_t i = 0; i < tl->cost.programs.len; i++) {
        const struct program_cost *p = &tl->cost.programs.data[i];
        struct json_object *o = json_object_new_object();
        part_text(out, o, "name", timeline_string(tl, p->name));
        part_uint(out, o, "runs", p->runs);
        part_uint(out, o, "run_ns", p->run_ns);
        part_uint(out, o, "ns_per_run", ns_a_run(p));
        part_append(out, array, o);
    }
    return array;
}

static struct json_object *cost_probes(struct buf *out, const struct timeline *tl)
{
    const struct recording_cost *cost = &tl->cost;
    struct program_cost all = cost_of_probes(cost);
    struct json_object *o = json_object_new_object();
    part_double(out, o, "share", cost_probes_share(cost));
    part_bool(out, o, "sample", !cost->whole);
    part_uint(out, o, "sampled_ns", cost->sampled_ns);
    part_uint(out, o, "windows", cost->windows);
    part_uint(out, o, "runs_per_s", a_second(all.runs, cost));
    part_uint(out, o, "ns_per_run", ns_a_run(&all));
    part_add(out, o, "programs", cost_programs(out, tl));
    return o;
}

void part_cost(struct buf *out, struct json_object *to, const struct timeline *tl)
{
    const struct recording_cost *cost = &tl->cost;
    if (!cost->recorder_of_ns) {
        part_null(out, to, "cost");
        return;
    }
    struct json_object *o = json_object_new_object(), *recorder = json_object_new_object();
    part_double(out, recorder, "share", cost_recorder_share(cost));
    part_uint(out, recorder, "cpu_ns", cost->recorder_ns);
    part_uint(out, recorder, "of_ns", cost->recorder_of_ns);
    part_uint(out, recorder, "attach_cpu_ns", cost->attach_ns);
    part_add(out, o, "recorder", recorder);
    if (cost->sampled_ns)
        part_add(out, o, "probes", cost_probes(out, tl));
    else
        part_null(out, o, "probes");
    part_add(out, to, "cost", o);
}
