/*
 * handoffs: what worker threads did for whom, as far as wake-ups and answers tell. The order of
 * its steps, process by process:
 *
 *     bouts     what each worker did, cut into items
 *     jobs      what workers did for the requests that they answered themselves
 *     chains    who answered in another's place, and who worked for it
 *     match     which request each item was for, by what the loop turned to afterwards
 *     rest      what the only request that was open must have been served by
 *     doubts    everything else that workers did: perhaps for any request that was open then
 */
#include "analysis/internal.h"
#include "base/bulk.h"

int item_add(struct analysis *a, const struct item *item)
{
    struct draft *d = &a->drafts.data[item->request];
    struct tenure n = {
        .request = item->request,
        .thread = item->thread,
        .start = item->start,
        .first_touch = item->end,
        .last_touch = item->end,
        .end = item->end,
        .wait_off = NEVER,
        .ready = item->queued_from,
        .busy_from = item->queued_to,
        .cause = CAUSE_HANDOFF,
        .gap_inferred = true,
    };
    if (a->tenures.len >= NONE - 1 || vec_push(&a->tenures, n) < 0)
        return -ENOMEM;
    uint32_t plus1 = (uint32_t)a->tenures.len;
    if (d->last_tenure_plus1)
        a->tenures.data[d->last_tenure_plus1 - 1].next_plus1 = plus1;
    else
        d->first_tenure_plus1 = plus1;
    d->last_tenure_plus1 = plus1;
    return 0;
}

/* The tenure before each one of the same request. */
static int before_build(const struct analysis *a, struct bouts *b)
{
    if (!b->any_worker) /* then there are no items */
        return 0;
    b->before = bulk_new((a->tenures.len + 1) * sizeof(*b->before));
    if (!b->before)
        return -ENOMEM;
    for (size_t i = 0; i < a->drafts.len; i++) {
        uint32_t before = NONE;
        for (uint32_t x = a->drafts.data[i].first_tenure_plus1; x;
             before = x - 1, x = a->tenures.data[x - 1].next_plus1)
            b->before[x - 1] = before;
    }
    return 0;
}

static int tenures_sort(const struct analysis *a, struct bouts *b)
{
    if (b->tenures.from && b->tenures_sorted == a->tenures.len)
        return 0;
    by_thread_release(&b->tenures);
    b->tenures_sorted = a->tenures.len;
    return tenures_by_thread(a, &b->tenures);
}

static int process_match(struct analysis *a, struct bouts *b, uint32_t process)
{
    int rc = b->loops[process] == NONE ? 0 : doubts_full(a, b, process);
    bool none = b->loops[process] == NONE || !b->any_worker;
    return rc < 0 || none ? rc : items_match(a, b, b->loops[process]);
}

/* Of the JVM: which threads are its own, and so at nobody's work, is known of it. */
static int process_bursts(struct analysis *a, struct bouts *b, uint32_t process)
{
    bool told = a->procs.data[process].coroutines;
    bool may = b->loops[process] != NONE && process_has(a, process, RUNTIME_JVM) && !told;
    return may ? bursts_follow(a, b, process) : 0;
}

static int process_rest(struct analysis *a, struct bouts *b, uint32_t process)
{
    if (b->loops[process] == NONE)
        return 0;
    doubts_begin(a, process);
    int rc = rest_share(a, b, process);
    return rc < 0 ? rc : doubts_finish(a, b, process);
}

int handoffs_build(struct analysis *a)
{
    struct bouts b = {.bells = VEC_INIT};
    int rc = bouts_build(a, &b);

    if (rc == 0)
        rc = jobs_charge(a, &b);
    if (rc == 0)
        rc = chains_follow(a, &b);
    if (rc == 0)
        rc = before_build(a, &b);
    if (rc == 0)
        rc = tenures_sort(a, &b);
    for (uint32_t i = 0; rc == 0 && i < a->lives.len; i++)
        if (a->lives.data[i].known && a->lives.data[i].tasks)
            rc = doubts_awake(a, &b, i);
    for (uint32_t i = 0; rc == 0 && i < a->tl->processes.len; i++)
        rc = process_match(a, &b, i);
    if (rc == 0)
        rc = tenures_sort(a, &b); /* the items have come */
    for (uint32_t i = 0; rc == 0 && i < a->tl->processes.len; i++)
        rc = process_bursts(a, &b, i);
    if (rc == 0)
        rc = tenures_sort(a, &b);
    for (uint32_t i = 0; rc == 0 && i < a->tl->processes.len; i++)
        rc = process_rest(a, &b, i);
    bouts_release(&b);
    return rc < 0 ? rc : touches_leave(a);
}
