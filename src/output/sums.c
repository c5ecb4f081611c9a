#include "output/sums.h"

#include "output/asked.h"

#include <stdlib.h>

static void add_request(struct process_sums *s, const struct timeline *tl, const struct request *r)
{
    struct request_sums sums;

    if (!(r->flags & REQUEST_COMPLETE)) {
        s->open++;
        return;
    }
    s->complete++;
    s->latency_ns += r->end_ns - r->start_ns;
    request_sums(tl, r, &sums);
    for (unsigned key = 0; key < LEDGER_COUNT; key++)
        s->ledger_ns[key] += sums.ledger_ns[key];
}

static uint64_t segment_ns(const struct timeline *tl, const struct request *r, size_t index)
{
    return segment_end(tl, r, index) - tl->segments.data[index].start_ns;
}

/* It is a wait for what the verdict says is waited for most. Of files and clients the name there
 * is that of many. */
static bool is_the_wait(const struct timeline *tl, const struct verdict *v, const struct segment *s)
{
    if (s->key < LEDGER_BLOCKED || s->key > LEDGER_OTHER || !s->interval_plus1)
        return false;
    const struct interval *iv =
        &tl->threads.data[s->thread_plus1 - 1].intervals.data[s->interval_plus1 - 1];
    const struct object *o = interval_object(tl, iv);
    /* Who sleeps in futex waits for no lock. */
    if (!o || (o->kind == OBJ_FUTEX && iv->state == STATE_SLEEP))
        return v->waits_on == OBJ_UNKNOWN;
    if (o->kind != v->waits_on)
        return false;
    return object_in_folder(tl, o) || o->kind == OBJ_ACCEPTED || o->name == v->waits_on_name;
}

static void add_longest(struct process_sums *s, const struct timeline *tl, uint32_t index)
{
    const struct request *r = &tl->requests.data[index];
    uint64_t longest_ns = 0;
    if (s->longest_segment1)
        longest_ns =
            segment_ns(tl, &tl->requests.data[s->longest_request1 - 1], s->longest_segment1 - 1);
    for (size_t i = r->first_segment; i < (size_t)r->first_segment + r->segment_count; i++) {
        const struct segment *segment = &tl->segments.data[i];
        if (segment_ns(tl, r, i) <= longest_ns ||
            !is_the_wait(tl, &tl->processes.data[r->process].verdict, segment))
            continue;
        longest_ns = segment_ns(tl, r, i);
        s->longest_segment1 = i + 1;
        s->longest_request1 = index + 1;
    }
}

static bool waits_for_loop(const struct timeline *tl, const struct segment *s)
{
    return s->key == LEDGER_QUEUED && s->thread_plus1 &&
           tl->threads.data[s->thread_plus1 - 1].role == THREAD_ROLE_LOOP;
}

static void add_queued_loop(struct process_sums *s, const struct timeline *tl, uint32_t index)
{
    const struct request *r = &tl->requests.data[index];
    for (size_t i = r->first_segment; i < (size_t)r->first_segment + r->segment_count; i++)
        if (waits_for_loop(tl, &tl->segments.data[i]))
            s->queued_loop_ns += segment_ns(tl, r, i);
}

static void add_first_queued(struct process_sums *s, const struct timeline *tl, uint32_t index)
{
    const struct request *r = &tl->requests.data[index];
    const struct verdict *v = &tl->processes.data[r->process].verdict;
    if (!v->saturated || s->first_queued1 || r->start_ns > v->saturated_ns ||
        r->end_ns <= v->saturated_ns || !request_ns(tl, r, LEDGER_QUEUED))
        return;
    for (size_t i = r->first_segment; i < (size_t)r->first_segment + r->segment_count; i++) {
        const struct segment *segment = &tl->segments.data[i];
        if (segment->start_ns > v->saturated_ns)
            return;
        bool loop = v->model == MODEL_NONBLOCKING_WORKERS && waits_for_loop(tl, segment);
        if (segment->key == LEDGER_QUEUED && !loop && segment_end(tl, r, i) > v->saturated_ns)
            s->first_queued1 = index + 1;
    }
}

static void add_waiting_hold(struct process_sums *s, const struct timeline *tl, uint32_t index)
{
    const struct hold *h = &tl->holds.data[index];
    if (!state_is_wait(h->state) || (!h->request_plus1 && !h->victim_count))
        return;
    s->waiting_holds++;
    if (s->longest_hold1) {
        const struct hold *longest = &tl->holds.data[s->longest_hold1 - 1];
        if (h->end_ns - h->start_ns <= longest->end_ns - longest->start_ns)
            return;
    }
    s->longest_hold1 = index + 1;
}

static void add_hold(struct process_sums *s, const struct timeline *tl, const struct hold *h)
{
    uint64_t ns = h->end_ns - h->start_ns;
    if (!h->victim_count) {
        s->harmless_holds++;
        return;
    }
    s->holds++;
    s->hold_ns += ns;
    s->victims += hold_victims(h);
    s->lost_ns += hold_lost_ns(tl, h);
    uint64_t worst_ns = tl->victims.data[h->first_victim].ns;
    s->lost_max_ns = worst_ns > s->lost_max_ns ? worst_ns : s->lost_max_ns;
    if (ns > s->hold_max_ns)
        s->hold_max_ns = ns;
}

/* Those with unanswered requests count as well: they wait most. */
static int add_awaited(struct process_sums *sums, const struct timeline *tl)
{
    struct asked_list list;
    int rc = asked_init(&list, tl);
    for (size_t i = 0; rc == 0 && i < list.all.len; i++) {
        const struct asked *row = &list.all.data[i];
        struct process_sums *s = &sums[row->process];
        if (row->awaiting_ns > s->awaited_ns) {
            s->awaited_ns = row->awaiting_ns;
            s->awaited_ask1 = row->longest_ask1;
        }
        if (row->nobodys_ns > s->nobodys_ns) {
            s->nobodys_ns = row->nobodys_ns;
            s->nobodys = row->nobodys;
            s->nobodys_name = row->name;
        }
    }
    for (size_t i = 0; rc == 0 && i < tl->processes.len; i++)
        sums[i].asked_ns = list.asked_ns.data[i];
    asked_release(&list);
    return rc;
}

struct process_sums *sums_new(const struct timeline *tl)
{
    struct process_sums *sums = calloc(tl->processes.len + 1, sizeof(*sums));
    if (!sums)
        return NULL;
    for (uint32_t i = 0; i < tl->requests.len; i++) {
        struct process_sums *s = &sums[tl->requests.data[i].process];
        add_request(s, tl, &tl->requests.data[i]);
        add_longest(s, tl, i);
        add_first_queued(s, tl, i);
        add_queued_loop(s, tl, i);
    }
    for (uint32_t i = 0; i < tl->holds.len; i++) {
        struct process_sums *s = &sums[tl->threads.data[tl->holds.data[i].thread].process];
        add_hold(s, tl, &tl->holds.data[i]);
        add_waiting_hold(s, tl, i);
    }
    if (add_awaited(sums, tl) < 0) {
        free(sums);
        return NULL;
    }
    return sums;
}
