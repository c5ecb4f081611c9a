#include "output/sums.h"

#include <stdlib.h>

static void add_request(struct process_sums *s, const struct request *r)
{
    if (!(r->flags & REQUEST_COMPLETE)) {
        s->open++;
        return;
    }
    s->complete++;
    s->latency_ns += r->end_ns - r->start_ns;
    for (unsigned key = 0; key < LEDGER_COUNT; key++)
        s->ledger_ns[key] += r->ledger_ns[key];
}

static void add_hold(struct process_sums *s, const struct hold *h)
{
    uint64_t ns = h->end_ns - h->start_ns;
    if (!h->victim_count) {
        s->harmless_holds++;
        return;
    }
    s->holds++;
    s->victims += h->victim_count;
    if (ns > s->hold_max_ns)
        s->hold_max_ns = ns;
}

struct process_sums *sums_new(const struct timeline *tl)
{
    struct process_sums *sums = calloc(tl->processes.len + 1, sizeof(*sums));
    if (!sums)
        return NULL;
    for (size_t i = 0; i < tl->requests.len; i++)
        add_request(&sums[tl->requests.data[i].process], &tl->requests.data[i]);
    for (size_t i = 0; i < tl->holds.len; i++) {
        const struct hold *h = &tl->holds.data[i];
        add_hold(&sums[tl->threads.data[h->thread].process], h);
    }
    return sums;
}
