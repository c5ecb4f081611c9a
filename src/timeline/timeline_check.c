/*
 * timeline_check: the promises of the model, tried one by one. Each check says the first breach
 * in words and returns -EINVAL.
 */
#include "timeline/timeline.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct check {
    const struct timeline *tl;
    char *why;
    size_t size;
};

static int __attribute__((format(printf, 2, 3)))
breach(const struct check *c, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    if (c->size)
        vsnprintf(c->why, c->size, format, ap);
    va_end(ap);
    return -EINVAL;
}

static bool string_ok(const struct check *c, uint32_t index)
{
    return index == 0 || index < c->tl->strings.len;
}

/* An index + 1, or 0 for none. */
static bool string_plus1_ok(const struct check *c, uint32_t plus1)
{
    return plus1 == 0 || plus1 - 1 < c->tl->strings.len;
}

static bool object_plus1_ok(const struct check *c, uint32_t plus1)
{
    return plus1 == 0 || plus1 - 1 < c->tl->objects.len;
}

static int check_interval(const struct check *c, const struct thread *t, size_t i)
{
    const struct interval *iv = &t->intervals.data[i];
    uint64_t start = iv->start_ns, end = interval_end(t, i);
    if (iv->state >= STATE_COUNT)
        return breach(c, "thread %" PRIu32 ", interval %zu: no such state %u", t->tid, i,
                      iv->state);
    if (end <= start)
        return breach(c,
                      "thread %" PRIu32 ", interval %zu: ends at %" PRIu64
                      ", not after its start %" PRIu64,
                      t->tid, i, end, start);
    if (iv->wait && iv->wait >= c->tl->waits.len)
        return breach(c, "thread %" PRIu32 ", interval %zu: wait out of range", t->tid, i);
    if (!state_is_wait(iv->state) && iv->wait)
        return breach(c, "thread %" PRIu32 ", interval %zu: %s with a call or an object", t->tid, i,
                      state_name(iv->state));
    if (!state_is_wait(iv->state) && (iv->flags & INTERVAL_IDLE))
        return breach(c, "thread %" PRIu32 ", interval %zu: %s cannot be idle", t->tid, i,
                      state_name(iv->state));
    return 0;
}

static int check_thread(const struct check *c, const struct thread *t)
{
    uint64_t sums[STATE_COUNT] = {0};

    if (t->process >= c->tl->processes.len || !string_ok(c, t->comm) ||
        t->role >= THREAD_ROLE_COUNT)
        return breach(c, "thread %" PRIu32 ": process, comm or role out of range", t->tid);
    if (t->start_ns > t->end_ns || t->end_ns > c->tl->duration_ns)
        return breach(
            c, "thread %" PRIu32 ": its life %" PRIu64 "–%" PRIu64 " is not inside the capture",
            t->tid, t->start_ns, t->end_ns);
    if (t->start_ns < t->end_ns &&
        (!t->intervals.len || t->intervals.data[0].start_ns != t->start_ns))
        return breach(c, "thread %" PRIu32 ": no interval at its start", t->tid);
    if (t->start_ns == t->end_ns && t->intervals.len)
        return breach(c, "thread %" PRIu32 ": intervals, but no life", t->tid);
    for (size_t i = 0; i < t->intervals.len; i++) {
        int rc = check_interval(c, t, i);
        if (rc < 0)
            return rc;
        sums[t->intervals.data[i].state] += interval_end(t, i) - t->intervals.data[i].start_ns;
    }
    for (unsigned s = 0; s < STATE_COUNT; s++)
        if (sums[s] != t->state_ns[s])
            return breach(c, "thread %" PRIu32 ": %s is %" PRIu64 ", its intervals have %" PRIu64,
                          t->tid, state_name(s), t->state_ns[s], sums[s]);
    return 0;
}

static int check_segment(const struct check *c, const struct request *r, size_t i)
{
    const struct segment *s = &c->tl->segments.data[i];
    if (s->key >= LEDGER_COUNT || s->grade >= GRADE_COUNT)
        return breach(c, "request %" PRIu64 ", segment %zu: key or grade out of range", r->id, i);
    if (segment_end(c->tl, r, i) <= s->start_ns)
        return breach(c, "request %" PRIu64 ", segment %zu: not after its start", r->id, i);
    if ((s->key == LEDGER_UNATTRIBUTED) !=
        (s->grade == GRADE_UNATTRIBUTED || s->grade == GRADE_AMBIGUOUS))
        return breach(c, "request %" PRIu64 ", segment %zu: %s with the grade %s", r->id, i,
                      ledger_key_name(s->key), grade_name(s->grade));
    if (s->thread_plus1 > c->tl->threads.len || (s->interval_plus1 && !s->thread_plus1))
        return breach(c, "request %" PRIu64 ", segment %zu: thread out of range", r->id, i);
    if (!s->interval_plus1)
        return 0;
    const struct thread *t = &c->tl->threads.data[s->thread_plus1 - 1];
    if (s->interval_plus1 > t->intervals.len)
        return breach(c, "request %" PRIu64 ", segment %zu: interval out of range", r->id, i);
    if (s->start_ns < t->intervals.data[s->interval_plus1 - 1].start_ns ||
        segment_end(c->tl, r, i) > interval_end(t, s->interval_plus1 - 1))
        return breach(c, "request %" PRIu64 ", segment %zu: not inside its interval", r->id, i);
    if (t->intervals.data[s->interval_plus1 - 1].flags & INTERVAL_IDLE)
        return breach(c, "request %" PRIu64 ", segment %zu: charged for idle time", r->id, i);
    return 0;
}

/* They lie one behind the other from the request's start to its end, so that their sums add up to
 * its latency. */
static int check_segments(const struct check *c, const struct request *r)
{
    int rc = 0;
    for (size_t i = r->first_segment; rc == 0 && i < (size_t)r->first_segment + r->segment_count;
         i++)
        rc = check_segment(c, r, i);
    return rc;
}

static int check_request(const struct check *c, size_t index)
{
    const struct request *r = &c->tl->requests.data[index];

    if (r->id != index + 1)
        return breach(c, "request %zu: its id is %" PRIu64, index, r->id);
    if (r->process >= c->tl->processes.len || r->conn >= c->tl->objects.len ||
        !string_ok(c, r->protocol) || !string_ok(c, r->name) || !string_ok(c, r->group))
        return breach(c, "request %" PRIu64 ": process, connection or name out of range", r->id);
    if (r->start_ns > r->end_ns || r->end_ns > c->tl->duration_ns)
        return breach(c, "request %" PRIu64 ": not inside the capture", r->id);
    if (index && c->tl->requests.data[index - 1].start_ns > r->start_ns)
        return breach(c, "request %" PRIu64 ": before its forerunner", r->id);
    if ((uint64_t)r->first_segment + r->segment_count > c->tl->segments.len)
        return breach(c, "request %" PRIu64 ": segments out of range", r->id);
    if (!r->segment_count != (r->start_ns == r->end_ns))
        return breach(c, "request %" PRIu64 ": %" PRIu32 " segments", r->id, r->segment_count);
    if (r->segment_count && c->tl->segments.data[r->first_segment].start_ns != r->start_ns)
        return breach(c, "request %" PRIu64 ": no segment at its start", r->id);
    return check_segments(c, r);
}

static int check_ask(const struct check *c, size_t index)
{
    const struct timeline *tl = c->tl;
    const struct ask *k = &tl->asks.data[index], *before = index ? k - 1 : NULL;

    if (k->request_plus1 > tl->requests.len || k->object >= tl->objects.len ||
        k->thread >= tl->threads.len || k->grade >= GRADE_COUNT || k->grade == GRADE_AMBIGUOUS ||
        (k->grade == GRADE_UNATTRIBUTED) != !k->request_plus1)
        return breach(c, "ask %zu: request, object, thread or grade out of range", index);
    if (tl->objects.data[k->object].kind != OBJ_CONNECTED)
        return breach(c, "ask %zu: on no connection to somewhere else", index);
    const struct request *r = k->request_plus1 ? &tl->requests.data[k->request_plus1 - 1] : NULL;
    if (r && (k->start_ns < r->start_ns || k->start_ns > r->end_ns))
        return breach(c, "ask %zu: does not begin inside request %" PRIu64, index, r->id);
    if (k->end_ns < k->start_ns || k->end_ns > tl->duration_ns ||
        (!k->replied && (k->reply_ns || (r && k->end_ns > r->end_ns))))
        return breach(c, "ask %zu: from %" PRIu64 " to %" PRIu64 " ns, it cannot be", index,
                      k->start_ns, k->end_ns);
    if (k->made_ns < k->start_ns || k->asked_ns < k->made_ns || k->asked_ns > k->end_ns)
        return breach(c, "ask %zu: asked at no time of its own", index);
    if (k->replied && (k->reply_ns < k->asked_ns || k->reply_ns > k->end_ns))
        return breach(c, "ask %zu: its reply is not inside it", index);
    if (before && (before->request_plus1 > k->request_plus1 ||
                   (before->request_plus1 == k->request_plus1 && before->start_ns > k->start_ns)))
        return breach(c, "ask %zu: before its forerunner", index);
    return 0;
}

static int check_victim(const struct check *c, size_t index, const struct victim *v)
{
    const struct hold *h = &c->tl->holds.data[index];

    if (v->request >= c->tl->requests.len)
        return breach(c, "hold %zu: no such victim", index);
    const struct request *r = &c->tl->requests.data[v->request];
    if (v->request + 1 == h->request_plus1)
        return breach(c, "hold %zu: request %" PRIu64 " is its own victim", index, r->id);
    if (!v->ns || v->ns > h->end_ns - h->start_ns ||
        v->ns > request_ns(c->tl, r, LEDGER_QUEUED) + request_ns(c->tl, r, LEDGER_LOOP_BUSY))
        return breach(c, "hold %zu: request %" PRIu64 " lost %" PRIu64 " ns, it cannot have", index,
                      r->id, v->ns);
    return 0;
}

static int check_hold(const struct check *c, size_t index)
{
    const struct hold *h = &c->tl->holds.data[index];

    if (h->thread >= c->tl->threads.len || h->request_plus1 > c->tl->requests.len ||
        !string_plus1_ok(c, h->call_plus1) || !object_plus1_ok(c, h->object_plus1) ||
        h->state >= STATE_COUNT)
        return breach(c, "hold %zu: index out of range", index);
    if (h->start_ns >= h->end_ns || h->end_ns > c->tl->duration_ns)
        return breach(c, "hold %zu: not inside the capture", index);
    if ((uint64_t)h->first_victim + h->victim_count > c->tl->victims.len)
        return breach(c, "hold %zu: victims out of range", index);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < h->victim_count; i++)
        rc = check_victim(c, index, &c->tl->victims.data[h->first_victim + i]);
    return rc;
}

static int check_tables(const struct check *c)
{
    const struct timeline *tl = c->tl;

    for (size_t i = 0; i < tl->processes.len; i++) {
        const struct process *p = &tl->processes.data[i];
        if (!string_ok(c, p->comm) || !string_ok(c, p->verdict.waits_on_name) ||
            p->verdict.model >= MODEL_COUNT || p->verdict.waits_on >= OBJ_KIND_COUNT)
            return breach(c, "process %" PRIu32 ": name or verdict out of range", p->pid);
        if (!(p->verdict.efficiency >= 0 && p->verdict.efficiency <= 1))
            return breach(c, "process %" PRIu32 ": efficiency %f", p->pid, p->verdict.efficiency);
    }
    for (size_t i = 0; i < tl->objects.len; i++) {
        const struct object *o = &tl->objects.data[i];
        if (!string_ok(c, o->name) || !string_ok(c, o->local) || !string_ok(c, o->remote) ||
            o->kind >= OBJ_KIND_COUNT)
            return breach(c, "object %zu: name or kind out of range", i);
    }
    for (size_t i = 0; i < tl->waits.len; i++)
        if (!string_plus1_ok(c, tl->waits.data[i].call_plus1) ||
            !object_plus1_ok(c, tl->waits.data[i].object_plus1))
            return breach(c, "wait %zu: call or object out of range", i);
    for (size_t i = 0; i < tl->losses.len; i++)
        if (tl->losses.data[i].start_ns > tl->losses.data[i].end_ns ||
            tl->losses.data[i].end_ns > tl->duration_ns || !string_ok(c, tl->losses.data[i].kind))
            return breach(c, "loss %zu: not inside the capture", i);
    for (size_t i = 0; i < tl->probes.len; i++)
        if (!string_ok(c, tl->probes.data[i]))
            return breach(c, "probe %zu: name out of range", i);
    if (!string_ok(c, tl->host) || !string_ok(c, tl->kernel) || !string_ok(c, tl->command) ||
        !string_ok(c, tl->damage))
        return breach(c, "header: string out of range");
    return 0;
}

int timeline_check(const struct timeline *tl, char *why, size_t size)
{
    const struct check c = {tl, why, size};
    int rc = check_tables(&c);

    for (size_t i = 0; rc == 0 && i < tl->threads.len; i++)
        rc = check_thread(&c, &tl->threads.data[i]);
    for (size_t i = 0; rc == 0 && i < tl->requests.len; i++)
        rc = check_request(&c, i);
    for (size_t i = 0; rc == 0 && i < tl->asks.len; i++)
        rc = check_ask(&c, i);
    for (size_t i = 0; rc == 0 && i < tl->holds.len; i++)
        rc = check_hold(&c, i);
    return rc;
}
