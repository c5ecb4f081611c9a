#include "output/groups.h"

#include <math.h>
#include <stdlib.h>

struct latency {
    size_t group;
    uint64_t ns;
};

struct latencies {
    VEC(struct latency) all;
};

static int by_group(const void *a, const void *b)
{
    const struct latency *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return (x->ns > y->ns) - (x->ns < y->ns);
}

static int by_sum(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    if (x->sum_ns != y->sum_ns)
        return x->sum_ns > y->sum_ns ? -1 : 1;
    if (x->name != y->name)
        return x->name < y->name ? -1 : 1;
    return (x->comm > y->comm) - (x->comm < y->comm);
}

/* The group of that name, made when it is new. */
static int find(struct groups *groups, struct table *index, uint32_t name, uint32_t comm,
                size_t *at)
{
    uint64_t found, key = (uint64_t)comm << 32 | name;
    if (table_get(index, key, &found)) {
        *at = found;
        return 0;
    }
    struct group fresh = {.name = name, .comm = comm};
    *at = groups->all.len;
    if (vec_push(&groups->all, fresh) < 0)
        return -ENOMEM;
    return table_put(index, key, *at);
}

static int add(struct groups *groups, struct table *index, struct latencies *latencies,
               const struct timeline *tl, const struct request *r, enum groups_by by)
{
    size_t at;
    uint32_t name = by == GROUPS_BY_NAME ? r->name : r->group;
    if (find(groups, index, name, tl->processes.data[r->process].comm, &at) < 0)
        return -ENOMEM;
    struct group *g = &groups->all.data[at];
    if (!(r->flags & REQUEST_COMPLETE)) {
        g->open++;
        return 0;
    }
    struct request_sums sums;
    struct latency latency = {at, r->end_ns - r->start_ns};
    g->complete++;
    g->sum_ns += latency.ns;
    request_sums(tl, r, &sums);
    for (unsigned key = 0; key < LEDGER_COUNT; key++) {
        g->ledger_ns[key] += sums.ledger_ns[key];
        g->squares[key] += (double)sums.ledger_ns[key] * (double)sums.ledger_ns[key];
    }
    g->squares[LEDGER_COUNT] += (double)latency.ns * (double)latency.ns;
    return vec_push(&latencies->all, latency);
}

/* Of `count` values in order; `percent` 1 to 100. */
static uint64_t percentile(const struct latency *sorted, uint64_t count, unsigned percent)
{
    uint64_t rank = (count * percent + 99) / 100;
    return sorted[rank ? rank - 1 : 0].ns;
}

/* The rank of a quantile in a sample is binomial: its standard error is sqrt(n p (1 - p)). */
static struct range range_of(const struct latency *sorted, uint64_t count, unsigned percent)
{
    double p = percent / 100.0, n = (double)count;
    double middle = n * p, error = 3 * sqrt(n * p * (1 - p));
    struct range range = {0, UINT64_MAX};
    if (middle - error >= 1)
        range.low_ns = sorted[(uint64_t)(middle - error) - 1].ns;
    uint64_t above = (uint64_t)ceil(middle + error);
    if (above < count)
        range.high_ns = sorted[above].ns;
    return range;
}

static void rank(struct groups *groups, struct latencies *latencies)
{
    const struct latency *first = latencies->all.data;
    if (!first)
        return;
    qsort(latencies->all.data, latencies->all.len, sizeof(*latencies->all.data), by_group);
    for (size_t i = 0; i < groups->all.len; i++) {
        struct group *g = &groups->all.data[i];
        if (!g->complete)
            continue;
        g->p50_ns = percentile(first, g->complete, 50);
        g->p99_ns = percentile(first, g->complete, 99);
        g->p50_range = range_of(first, g->complete, 50);
        g->p99_range = range_of(first, g->complete, 99);
        g->max_ns = first[g->complete - 1].ns;
        first += g->complete;
    }
    qsort(groups->all.data, groups->all.len, sizeof(*groups->all.data), by_sum);
}

int groups_init(struct groups *groups, const struct timeline *tl, enum groups_by by)
{
    struct table index = TABLE_INIT;
    struct latencies latencies = {VEC_INIT};
    int ret = 0;
    *groups = (struct groups){VEC_INIT};
    for (size_t i = 0; i < tl->requests.len && ret == 0; i++)
        ret = add(groups, &index, &latencies, tl, &tl->requests.data[i], by);
    if (ret == 0)
        rank(groups, &latencies);
    else
        groups_release(groups);
    vec_release(&latencies.all);
    table_release(&index);
    return ret;
}

void groups_release(struct groups *groups)
{
    vec_release(&groups->all);
}
