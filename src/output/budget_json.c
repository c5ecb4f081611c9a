/* `check --json`, one object a request or hold, made and freed alone. */
#include "output/budget.h"
#include "output/output.h"
#include "output/part.h"
#include "output/waits.h"

struct check {
    const struct timeline *tl;
    const struct budget *budget;
    const struct judgement *j;
    struct buf *out;
    struct request_waits waits;
};

static const char *string1(const struct timeline *tl, uint32_t index1)
{
    return index1 ? timeline_string(tl, index1 - 1) : "";
}

static const char *object_name(const struct timeline *tl, uint32_t index1)
{
    return index1 ? timeline_string(tl, tl->objects.data[index1 - 1].name) : "";
}

static void add_request_keys(struct check *c, struct json_object *o, const struct request *r)
{
    part_uint(c->out, o, "id", r->id);
    part_uint(c->out, o, "pid", c->tl->processes.data[r->process].pid);
    part_text(c->out, o, "name", timeline_string(c->tl, r->name));
    part_text(c->out, o, "group", timeline_string(c->tl, r->group));
    part_int(c->out, o, "status", r->status);
    part_uint(c->out, o, "start_ns", r->start_ns);
    part_uint(c->out, o, "latency_ns", r->end_ns - r->start_ns);
    part_bool(c->out, o, "complete", r->flags & REQUEST_COMPLETE);
}

static void add_summary(struct check *c)
{
    const struct timeline *tl = c->tl;
    struct buf *out = c->out;
    struct json_object *o = json_object_new_object();
    part_bool(out, o, "passes", judgement_passes(c->budget, c->j) && tl->complete);
    part_uint(out, o, "requests", c->j->requests);
    part_uint(out, o, "answered", c->j->complete);
    part_uint(out, o, "offenders", c->j->offenders);
    part_uint(out, o, "min_requests", c->budget->min_requests);
    part_uint(out, o, "lost", tl->lost);
    part_uint(out, o, "max_lost", c->budget->max_lost);
    part_bool(out, o, "complete", tl->complete);
    part_text(out, o, "damage", timeline_string(tl, tl->damage));
    struct json_object *names = json_object_new_array();
    for (size_t i = 0; i < c->budget->name_count; i++)
        part_append(out, names, part_string(c->budget->names[i]));
    part_add(out, o, "names", names);
    part_write(out, o);
}

/* ---- limits */

static struct json_object *waits_of(struct check *c, const struct request *r)
{
    struct json_object *array = json_object_new_array();
    if (request_waits(c->tl, r, &c->waits) < 0)
        c->out->failed = true;
    for (size_t i = 0; i < c->waits.all.len; i++) {
        const struct request_wait *w = &c->waits.all.data[i];
        struct json_object *o = json_object_new_object();
        part_uint(c->out, o, "tid", c->tl->threads.data[w->thread].tid);
        part_text(c->out, o, "state", state_name(w->state));
        part_text(c->out, o, "call", string1(c->tl, w->call_plus1));
        part_text(c->out, o, "object", object_name(c->tl, w->object_plus1));
        part_uint(c->out, o, "start_ns", w->start_ns);
        part_uint(c->out, o, "ns", w->ns);
        part_append(c->out, array, o);
    }
    return array;
}

static void add_offence(struct check *c, const struct offence *offence)
{
    const struct request *r = &c->tl->requests.data[offence->request];
    struct json_object *o = json_object_new_object();
    add_request_keys(c, o, r);
    part_uint(c->out, o, "ns", offence->ns);
    part_add(c->out, o, "waits", waits_of(c, r));
    part_write(c->out, o);
}

static void add_limit(struct check *c, unsigned rule)
{
    const struct budget_limit *l = &c->budget->limits[rule];
    const struct finding *f = &c->j->findings[rule];
    struct buf *out = c->out;
    buf_addf(out, "{\"rule\":\"%s\",", budget_rule_name(rule));
    if (l->is_share)
        buf_addf(out, "\"limit_share\":%.6g,", l->share);
    else {
        buf_adds(out, "\"limit_ns\":");
        buf_addu(out, l->ns);
        buf_addc(out, ',');
    }
    buf_addf(out, "\"passes\":%s,\"most_ns\":",
             judgement_breaks(c->budget, c->j, rule) ? "false" : "true");
    buf_addu(out, f->most_ns);
    buf_adds(out, ",\"undecided\":");
    buf_addu(out, f->undecided);
    buf_adds(out, ",\"over\":[");
    for (size_t i = 0; i < f->over.len && !out->failed; i++) {
        buf_adds(out, i ? ",\n" : "\n");
        add_offence(c, &f->over.data[i]);
    }
    buf_adds(out, "]}");
}

static void add_limits(struct check *c)
{
    const char *before = "\n";
    buf_adds(c->out, ",\n\"limits\":[");
    for (unsigned rule = 0; rule < BUDGET_RULES; rule++) {
        if (!c->budget->limits[rule].text)
            continue;
        buf_adds(c->out, before);
        add_limit(c, rule);
        before = ",\n";
    }
    buf_addc(c->out, ']');
}

/* ---- loop holds */

static struct json_object *victims_of(struct check *c, const struct hold *h)
{
    struct json_object *array = json_object_new_array();
    for (size_t i = 0; i < h->victim_count; i++) {
        const struct victim *v = &c->tl->victims.data[h->first_victim + i];
        const struct request *r = &c->tl->requests.data[v->request];
        struct json_object *o = json_object_new_object();
        part_uint(c->out, o, "id", r->id);
        part_text(c->out, o, "name", timeline_string(c->tl, r->name));
        part_uint(c->out, o, "lost_ns", v->ns);
        part_append(c->out, array, o);
    }
    return array;
}

static void add_hold(struct check *c, const struct hold *h)
{
    struct buf *out = c->out;
    struct json_object *o = json_object_new_object();
    part_uint(out, o, "tid", c->tl->threads.data[h->thread].tid);
    part_text(out, o, "state", state_name(h->state));
    part_text(out, o, "call", string1(c->tl, h->call_plus1));
    part_text(out, o, "object", object_name(c->tl, h->object_plus1));
    part_uint(out, o, "start_ns", h->start_ns);
    part_uint(out, o, "ns", h->end_ns - h->start_ns);
    if (h->request_plus1) {
        struct json_object *request = json_object_new_object();
        add_request_keys(c, request, &c->tl->requests.data[h->request_plus1 - 1]);
        part_add(out, o, "request", request);
    } else {
        part_null(out, o, "request");
    }
    part_add(out, o, "victims", victims_of(c, h));
    part_uint(out, o, "more_victims", h->more_victims);
    part_write(out, o);
}

static void add_holds(struct check *c)
{
    if (!c->budget->no_loop_hold) {
        buf_adds(c->out, ",\n\"loop_holds\":null");
        return;
    }
    buf_adds(c->out, ",\n\"loop_holds\":[");
    for (size_t i = 0; i < c->j->holds.len && !c->out->failed; i++) {
        buf_adds(c->out, i ? ",\n" : "\n");
        add_hold(c, &c->tl->holds.data[c->j->holds.data[i]]);
    }
    buf_addc(c->out, ']');
}

int output_check_json(const struct timeline *tl, const struct budget *budget,
                      const struct judgement *j, struct buf *out)
{
    struct check c = {.tl = tl, .budget = budget, .j = j, .out = out, .waits = {VEC_INIT}};
    buf_adds(out, "{\"format\":\"waitscope-check\",\"version\":[1,1],\n\"summary\":");
    add_summary(&c);
    add_limits(&c);
    add_holds(&c);
    buf_adds(out, "}\n");
    request_waits_release(&c.waits);
    return out->failed ? -ENOMEM : 0;
}
