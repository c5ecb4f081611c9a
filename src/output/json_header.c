#include "output/json.h"
#include "output/overview.h"
#include "output/part.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Past 2^53, where JavaScript's numbers end, and so a string. */
static void add_wide(struct buf *out, struct json_object *to, const char *key, uint64_t n)
{
    char digits[24];
    snprintf(digits, sizeof(digits), "%" PRIu64, n);
    part_text(out, to, key, digits);
}

static void add_names(struct buf *out, struct json_object *header)
{
    part_add(out, header, "states", part_names(out, state_name, STATE_COUNT));
    part_add(out, header, "ledger", part_names(out, ledger_key_name, LEDGER_COUNT));
    part_add(out, header, "grades", part_names(out, grade_name, GRADE_COUNT));
    part_add(out, header, "object_kinds", part_names(out, object_kind_name, OBJ_KIND_COUNT));
}

static struct json_object *header_processes(struct buf *out, const struct timeline *tl)
{
    struct json_object *array = json_object_new_array();
    struct process_sums *sums = sums_new(tl);
    out->failed |= !sums;
    for (uint32_t i = 0; sums && i < tl->processes.len; i++) {
        const struct process *p = &tl->processes.data[i];
        struct json_object *o = json_object_new_object();
        part_uint(out, o, "pid", p->pid);
        part_uint(out, o, "parent", p->parent);
        part_text(out, o, "comm", timeline_string(tl, p->comm));
        part_text(out, o, "model", model_name(p->verdict.model));
        part_add(out, o, "verdict", part_verdict(out, tl, i, &sums[i]));
        part_append(out, array, o);
    }
    free(sums);
    return array;
}

static struct json_object *header_threads(struct buf *out, const struct timeline *tl)
{
    struct json_object *array = json_object_new_array();
    for (size_t i = 0; i < tl->threads.len; i++) {
        const struct thread *t = &tl->threads.data[i];
        struct json_object *o = json_object_new_object();
        part_uint(out, o, "tid", t->tid);
        part_uint(out, o, "pid", t->pid);
        part_uint(out, o, "process", t->process);
        part_text(out, o, "comm", timeline_string(tl, t->comm));
        part_text(out, o, "role", role_name(t->role));
        part_bool(out, o, "kernel", t->kernel);
        part_uint(out, o, "start", t->start_ns);
        part_uint(out, o, "end", t->end_ns);
        part_uint(out, o, "intervals", t->intervals.len);
        part_add(out, o, "state_ns", part_uints(out, t->state_ns, STATE_COUNT));
        part_append(out, array, o);
    }
    return array;
}

static struct json_object *header_overview(struct buf *out, const struct timeline *tl)
{
    struct overview ov;
    if (overview_init(&ov, tl) < 0) {
        out->failed = true;
        return NULL;
    }
    struct json_object *o = json_object_new_object();
    part_uint(out, o, "bucket_ns", ov.bucket_ns);
    for (unsigned row = 0; row < OVERVIEW_ROWS; row++)
        part_add(out, o, overview_row_name(row), part_uints(out, ov.rows[row], ov.buckets));
    overview_release(&ov);
    return o;
}

static uint64_t count_intervals(const struct timeline *tl)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < tl->threads.len; i++)
        sum += tl->threads.data[i].intervals.len;
    return sum;
}

void json_header(const struct timeline *tl, struct buf *out)
{
    static const uint64_t version[] = {1, 4};
    struct json_object *o = json_object_new_object();
    part_text(out, o, "format", "waitscope-timeline");
    part_add(out, o, "version", part_uints(out, version, 2));
    part_text(out, o, "$schema", "timeline.schema.json");
    part_text(out, o, "unit", "ns");
    part_text(out, o, "clock", "CLOCK_MONOTONIC");
    add_wide(out, o, "t0_ns", tl->t0_ns);
    add_wide(out, o, "t0_real_ns", tl->t0_real_ns);
    part_uint(out, o, "duration_ns", tl->duration_ns);
    part_window(out, o, tl);
    part_cost(out, o, tl);
    part_bool(out, o, "complete", tl->complete);
    part_text(out, o, "damage", timeline_string(tl, tl->damage));
    part_text(out, o, "host", timeline_string(tl, tl->host));
    part_text(out, o, "kernel", timeline_string(tl, tl->kernel));
    part_text(out, o, "command", timeline_string(tl, tl->command));
    part_add(out, o, "probes", part_probes(out, tl));
    part_uint(out, o, "records", tl->records);
    part_add(out, o, "lost", part_losses(out, tl, "start", "end"));
    add_names(out, o);
    part_add(out, o, "processes", header_processes(out, tl));
    part_add(out, o, "threads", header_threads(out, tl));
    part_uint(out, o, "requests", tl->requests.len);
    part_uint(out, o, "intervals", count_intervals(tl));
    part_add(out, o, "overview", header_overview(out, tl));
    part_write(out, o);
}
