/*
 * order: does a pool take what it is given first first?
 *
 *     loop       hands A over ── B ──────────────┐ answers A and B: which item was whose?
 *     worker 1   …another's ──┤ takes ├─ blocked ^
 *     worker 2   …another's ────────┤ takes ├──── blocked
 *
 * Most pools have one queue, and it is a queue. It is seen where two stood in line together and
 * what each worker did for which is known otherwise: one took up its item before the other did.
 * When exactly a worker takes the next one up is not known: at its last item's end or when it was
 * woken at the earliest, and before it first waits for anything.
 */
#include "analysis/internal.h"

/* So many pairs in order make an order, if hardly one in a hundred is the other way round: what one
 * worker did is told wrong at times. */
#define VOTES_MIN 20
#define VOTES_PER_EXCEPTION 100

static bool together(const struct taken *x, const struct taken *later)
{
    return x->submitted < later->submitted && later->submitted < x->from;
}

void pool_order_note(struct pool_order *o, struct taken t)
{
    for (size_t i = 0; i < o->count; i++) {
        const struct taken *x = &o->recent[i];
        const struct taken *first = x->submitted < t.submitted ? x : &t,
                           *other = first == x ? &t : x;
        if (!together(first, other))
            continue;
        o->in_order += first->to <= other->from;
        if (other->to > first->from)
            continue;
        o->against++;
        if (other->early)
            *other->early = true;
    }
    o->recent[o->next] = t;
    o->next = (o->next + 1) % ORDER_RECENT;
    if (o->count < ORDER_RECENT)
        o->count++;
}

bool pool_order_known(const struct pool_order *o)
{
    return o->in_order >= VOTES_MIN && o->against <= o->in_order / VOTES_PER_EXCEPTION;
}

bool pool_order_tells(const struct taken *first, const struct taken *next)
{
    return first->submitted < next->submitted && first->to <= next->from;
}
