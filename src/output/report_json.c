#include "base/sort.h"
#include "output/asked.h"
#include "output/output.h"
#include "output/part.h"
#include "output/sums.h"
#include "output/waits.h"

#include <stdlib.h>

struct report {
    const struct timeline *tl;
    struct buf *out;
    struct process_sums *sums;
    struct request_waits waits; /* of the request at hand */
    struct asked_list asked;
    size_t next_ask, next_asked; /* requests and processes come in their order, as these do */
};

/* The string of an index + 1; "" for none. */
static const char *string1(const struct timeline *tl, uint32_t index1)
{
    return index1 ? timeline_string(tl, index1 - 1) : "";
}

static const char *object_name(const struct timeline *tl, uint32_t index1)
{
    return index1 ? timeline_string(tl, tl->objects.data[index1 - 1].name) : "";
}

static void add_capture(struct report *rep)
{
    const struct timeline *tl = rep->tl;
    struct buf *out = rep->out;
    struct json_object *o = json_object_new_object();
    part_uint(out, o, "duration_ns", tl->duration_ns);
    part_window(out, o, tl);
    part_cost(out, o, tl);
    part_bool(out, o, "complete", tl->complete);
    part_text(out, o, "damage", timeline_string(tl, tl->damage));
    part_uint(out, o, "records", tl->records);
    part_add(out, o, "lost", part_losses(out, tl, "start_ns", "end_ns"));
    part_text(out, o, "host", timeline_string(tl, tl->host));
    part_text(out, o, "kernel", timeline_string(tl, tl->kernel));
    part_text(out, o, "command", timeline_string(tl, tl->command));
    part_add(out, o, "probes", part_probes(out, tl));
    part_write(out, o);
}

/* ---- processes */

static struct json_object *thread_waits(struct report *rep, const struct thread *t)
{
    struct json_object *array = json_object_new_array();
    struct wait_sums sums = {0};
    if (wait_sums_add_thread(&sums, rep->tl, t) < 0)
        rep->out->failed = true;
    wait_sums_finish(&sums);
    for (size_t i = 0; i < sums.all.len; i++) {
        const struct wait_sum *w = &sums.all.data[i];
        struct json_object *o = json_object_new_object();
        part_text(rep->out, o, "call", string1(rep->tl, w->call_plus1));
        part_text(rep->out, o, "object", timeline_string(rep->tl, w->name));
        part_text(rep->out, o, "state", state_name(w->state));
        part_uint(rep->out, o, "count", w->count);
        part_uint(rep->out, o, "ns", w->ns);
        part_uint(rep->out, o, "max_ns", w->max_ns);
        if (w->idle)
            part_bool(rep->out, o, "idle", true);
        part_append(rep->out, array, o);
    }
    wait_sums_release(&sums);
    return array;
}

static struct json_object *process_thread(struct report *rep, const struct thread *t)
{
    struct buf *out = rep->out;
    struct json_object *o = json_object_new_object();
    part_uint(out, o, "tid", t->tid);
    part_text(out, o, "comm", timeline_string(rep->tl, t->comm));
    part_text(out, o, "role", role_name(t->role));
    part_bool(out, o, "kernel", t->kernel);
    part_uint(out, o, "start_ns", t->start_ns);
    part_uint(out, o, "end_ns", t->end_ns);
    part_add(out, o, "state_ns", part_named_uints(out, state_name, t->state_ns, STATE_COUNT));
    if (t->audited) {
        part_uint(out, o, "kernel_running_ns", t->kernel_running_ns);
        part_uint(out, o, "kernel_runnable_ns", t->kernel_runnable_ns);
    }
    part_add(out, o, "waits", thread_waits(rep, t));
    return o;
}

/* What its requests asked of others, by the other end's address. */
static struct json_object *process_asks(struct report *rep, size_t process)
{
    struct json_object *array = json_object_new_array();
    for (; rep->next_asked < rep->asked.all.len; rep->next_asked++) {
        const struct asked *row = &rep->asked.all.data[rep->next_asked];
        if (row->process != process)
            break;
        struct json_object *o = json_object_new_object();
        part_text(rep->out, o, "object", timeline_string(rep->tl, row->name));
        part_uint(rep->out, o, "count", row->questions);
        part_uint(rep->out, o, "replies", row->replies);
        part_uint(rep->out, o, "requests", row->requests);
        part_uint(rep->out, o, "unattributed", row->nobodys);
        part_uint(rep->out, o, "reply_ns", row->sum_ns);
        part_uint(rep->out, o, "p99_ns", row->p99_ns);
        part_uint(rep->out, o, "max_ns", row->longest_ns);
        const struct request *r = ask_request(rep->tl, row->longest_ask1);
        if (r)
            part_uint(rep->out, o, "max_request", r->id);
        else
            part_null(rep->out, o, "max_request");
        part_uint(rep->out, o, "awaiting_ns", row->awaiting_ns);
        part_uint(rep->out, o, "blocked_ns", row->blocked_ns);
        part_append(rep->out, array, o);
    }
    return array;
}

/* Clients that may have waited since before the attach. */
static struct json_object *process_owed(struct buf *out, const struct owed *owed)
{
    struct json_object *o = json_object_new_object();
    part_uint(out, o, "waiting", owed->waiting);
    part_uint(out, o, "longest_ns", owed->longest_ns);
    part_uint(out, o, "answered", owed->answered);
    part_uint(out, o, "gone", owed->gone);
    part_uint(out, o, "unsure", owed->unsure);
    part_uint(out, o, "unaccepted", owed->unaccepted);
    return o;
}

static void add_process(struct report *rep, size_t index)
{
    const struct process *p = &rep->tl->processes.data[index];
    struct buf *out = rep->out;
    struct json_object *o = json_object_new_object();
    part_uint(out, o, "pid", p->pid);
    part_uint(out, o, "parent", p->parent);
    part_text(out, o, "comm", timeline_string(rep->tl, p->comm));
    part_text(out, o, "model", model_name(p->verdict.model));
    part_add(out, o, "verdict", part_verdict(out, rep->tl, (uint32_t)index, &rep->sums[index]));
    if (owed_any(&p->owed))
        part_add(out, o, "owed", process_owed(out, &p->owed));
    else
        part_null(out, o, "owed");
    part_add(out, o, "asks", process_asks(rep, index));
    struct json_object *threads = json_object_new_array();
    for (size_t i = 0; i < rep->tl->threads.len; i++)
        if (rep->tl->threads.data[i].process == index)
            part_append(out, threads, process_thread(rep, &rep->tl->threads.data[i]));
    part_add(out, o, "threads", threads);
    part_write(out, o);
}

/* ---- requests */

static struct json_object *request_conn(struct report *rep, const struct request *r)
{
    struct json_object *o = json_object_new_object();
    const struct object *conn =
        r->conn < rep->tl->objects.len ? &rep->tl->objects.data[r->conn] : NULL;
    part_text(rep->out, o, "remote", conn ? timeline_string(rep->tl, conn->remote) : "");
    part_text(rep->out, o, "local", conn ? timeline_string(rep->tl, conn->local) : "");
    return o;
}

/* The threads that held the request, each once. Those it only waited for are none of them. */
static struct json_object *request_tids(struct report *rep, const struct request *r)
{
    struct json_object *array = json_object_new_array();
    VEC(uint64_t) tids = VEC_INIT;
    for (size_t i = 0; i < r->segment_count; i++) {
        const struct segment *s = &rep->tl->segments.data[r->first_segment + i];
        if (s->thread_plus1 && s->key >= LEDGER_RUNNING && s->key <= LEDGER_OTHER &&
            vec_push(&tids, (uint64_t)rep->tl->threads.data[s->thread_plus1 - 1].tid) < 0)
            rep->out->failed = true;
    }
    if (tids.len > 1)
        qsort(tids.data, tids.len, sizeof(*tids.data), sort_order_uint64);
    for (size_t i = 0; i < tids.len; i++)
        if (i == 0 || tids.data[i] != tids.data[i - 1])
            part_append(rep->out, array, json_object_new_uint64(tids.data[i]));
    vec_release(&tids);
    return array;
}

static struct json_object *request_wait_list(struct report *rep, const struct request *r)
{
    struct json_object *array = json_object_new_array();
    if (request_waits(rep->tl, r, &rep->waits) < 0)
        rep->out->failed = true;
    for (size_t i = 0; i < rep->waits.all.len; i++) {
        const struct request_wait *w = &rep->waits.all.data[i];
        struct json_object *o = json_object_new_object();
        part_uint(rep->out, o, "tid", rep->tl->threads.data[w->thread].tid);
        part_text(rep->out, o, "state", state_name(w->state));
        part_text(rep->out, o, "call", string1(rep->tl, w->call_plus1));
        part_text(rep->out, o, "object", object_name(rep->tl, w->object_plus1));
        part_uint(rep->out, o, "start_ns", w->start_ns);
        part_uint(rep->out, o, "ns", w->ns);
        part_append(rep->out, array, o);
    }
    return array;
}

static struct json_object *request_asks(struct report *rep, size_t index)
{
    const struct timeline *tl = rep->tl;
    struct json_object *array = json_object_new_array();
    for (; rep->next_ask < tl->asks.len && tl->asks.data[rep->next_ask].request_plus1 <= index + 1;
         rep->next_ask++) {
        const struct ask *ask = &tl->asks.data[rep->next_ask];
        if (!ask->request_plus1)
            continue;
        struct json_object *o = json_object_new_object();
        part_uint(rep->out, o, "tid", tl->threads.data[ask->thread].tid);
        part_text(rep->out, o, "object", timeline_string(tl, tl->objects.data[ask->object].name));
        part_text(rep->out, o, "grade", grade_name(ask->grade));
        part_uint(rep->out, o, "start_ns", ask->start_ns);
        part_uint(rep->out, o, "made_ns", ask->made_ns);
        part_uint(rep->out, o, "asked_ns", ask->asked_ns);
        if (ask->replied)
            part_uint(rep->out, o, "reply_ns", ask->reply_ns);
        else
            part_null(rep->out, o, "reply_ns");
        part_uint(rep->out, o, "end_ns", ask->end_ns);
        part_append(rep->out, array, o);
    }
    return array;
}

static void add_request(struct report *rep, size_t index)
{
    const struct request *r = &rep->tl->requests.data[index];
    struct buf *out = rep->out;
    struct json_object *o = json_object_new_object();
    struct request_sums sums;
    request_sums(rep->tl, r, &sums);
    part_uint(out, o, "id", r->id);
    part_uint(out, o, "pid", rep->tl->processes.data[r->process].pid);
    part_add(out, o, "conn", request_conn(rep, r));
    part_text(out, o, "protocol", timeline_string(rep->tl, r->protocol));
    part_text(out, o, "name", timeline_string(rep->tl, r->name));
    part_text(out, o, "group", timeline_string(rep->tl, r->group));
    part_int(out, o, "status", r->status);
    part_uint(out, o, "start_ns", r->start_ns);
    part_uint(out, o, "latency_ns", r->end_ns - r->start_ns);
    part_uint(out, o, "bytes_in", r->bytes_in);
    part_uint(out, o, "bytes_out", r->bytes_out);
    part_bool(out, o, "complete", r->flags & REQUEST_COMPLETE);
    part_bool(out, o, "overlaps_loss", r->flags & REQUEST_LOSS);
    part_bool(out, o, "pipelined", r->flags & REQUEST_PIPELINED);
    part_add(out, o, "ledger_ns",
             part_named_uints(out, ledger_key_name, sums.ledger_ns, LEDGER_COUNT));
    part_uint(out, o, "parallel_ns", r->parallel_ns);
    part_add(out, o, "grade_ns", part_named_uints(out, grade_name, sums.grade_ns, GRADE_COUNT));
    part_add(out, o, "tids", request_tids(rep, r));
    part_add(out, o, "waits", request_wait_list(rep, r));
    part_add(out, o, "asks", request_asks(rep, index));
    part_write(out, o);
}

/* ---- loop holds */

static void add_hold(struct report *rep, size_t index)
{
    const struct timeline *tl = rep->tl;
    const struct hold *h = &tl->holds.data[index];
    struct buf *out = rep->out;
    struct json_object *o = json_object_new_object();
    part_uint(out, o, "tid", tl->threads.data[h->thread].tid);
    if (h->request_plus1)
        part_uint(out, o, "request", tl->requests.data[h->request_plus1 - 1].id);
    else
        part_null(out, o, "request");
    part_text(out, o, "state", state_name(h->state));
    part_text(out, o, "call", string1(tl, h->call_plus1));
    part_text(out, o, "object", object_name(tl, h->object_plus1));
    part_uint(out, o, "start_ns", h->start_ns);
    part_uint(out, o, "ns", h->end_ns - h->start_ns);
    struct json_object *victims = json_object_new_array(), *lost = json_object_new_array();
    for (size_t i = 0; i < h->victim_count; i++) {
        const struct victim *v = &tl->victims.data[h->first_victim + i];
        part_append(out, victims, json_object_new_uint64(tl->requests.data[v->request].id));
        part_append(out, lost, json_object_new_uint64(v->ns));
    }
    part_add(out, o, "victims", victims);
    part_add(out, o, "lost_ns", lost);
    part_uint(out, o, "more_victims", h->more_victims);
    part_write(out, o);
}

/* One element a line, each made and freed alone: memory does not grow with their number. */
static void add_list(struct report *rep, const char *key, size_t count,
                     void (*add)(struct report *rep, size_t index))
{
    buf_addf(rep->out, ",\n\"%s\":[", key);
    for (size_t i = 0; i < count && !rep->out->failed; i++) {
        buf_adds(rep->out, i ? ",\n" : "\n");
        add(rep, i);
    }
    buf_addc(rep->out, ']');
}

int output_report_json(const struct timeline *tl, struct buf *out)
{
    struct report rep = {.tl = tl, .out = out, .sums = sums_new(tl)};
    if (!rep.sums || asked_init(&rep.asked, tl) < 0)
        out->failed = true;
    asked_by_process(&rep.asked);
    buf_adds(out, "{\"format\":\"waitscope-report\",\"version\":[1,5],\n\"capture\":");
    if (!out->failed) {
        add_capture(&rep);
        add_list(&rep, "processes", tl->processes.len, add_process);
        add_list(&rep, "requests", tl->requests.len, add_request);
        add_list(&rep, "loop_holds", tl->holds.len, add_hold);
    }
    buf_adds(out, "}\n");
    asked_release(&rep.asked);
    request_waits_release(&rep.waits);
    free(rep.sums);
    return out->failed ? -ENOMEM : 0;
}
