/*
 * outstanding: when a request's own questions were on their way to others.
 *
 * A request with several tasks waits for several things at once: one of its tasks stands in the
 * loop's queue, which is busy, and meanwhile a backend has the question of another. Then it awaits
 * its backend, as design.md ranks the two: had the loop been free, it would have waited all the
 * same. The ledger asks for the times in order.
 */
#include "analysis/internal.h"

int outstanding_build(const struct analysis *a, struct outstanding *o)
{
    *o = (struct outstanding){.spans = VEC_INIT};
    return a->questions.len ? questions_by_draft(a, &o->questions) : 0;
}

void outstanding_release(struct outstanding *o)
{
    by_thread_release(&o->questions);
    vec_release(&o->spans);
}

static int span_add(struct outstanding *o, uint64_t from, uint64_t to)
{
    return from < to ? vec_push(&o->spans, ((struct doubt){from, to})) : 0;
}

int outstanding_turn_to(const struct analysis *a, struct outstanding *o, uint32_t draft)
{
    int rc = 0;

    o->spans.len = o->at = 0;
    if (!a->questions.len)
        return 0;
    for (uint32_t i = o->questions.from[draft]; rc == 0 && i < o->questions.from[draft + 1]; i++) {
        const struct question *q = &a->questions.data[o->questions.index[i]];
        if (q->dropped || q->reply == NEVER || !question_is_its(a, q))
            continue;
        rc = span_add(o, q->start, q->made);
        if (rc == 0)
            rc = span_add(o, q->asked, q->reply);
    }
    o->spans.len = doubts_join(o->spans.data, o->spans.len);
    return rc;
}

bool outstanding_next(struct outstanding *o, uint64_t from, uint64_t to, struct doubt *found)
{
    while (o->at < o->spans.len && o->spans.data[o->at].end <= from)
        o->at++;
    if (from >= to || o->at == o->spans.len || o->spans.data[o->at].start >= to)
        return false;
    *found = o->spans.data[o->at];
    found->start = most(found->start, from);
    found->end = least(found->end, to);
    return true;
}
