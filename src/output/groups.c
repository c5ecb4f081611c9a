#include "output/groups.h"

#include "base/sort.h"

#include <math.h>
#include <stdlib.h>

struct latency {
    uint32_t group;
    uint64_t ns;
};

struct latencies {
    VEC(struct latency) all;
};

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
    struct latency latency = {(uint32_t)at, r->end_ns - r->start_ns};
    g->complete++;
    g->sum_ns += latency.ns;
    g->max_ns = latency.ns > g->max_ns ? latency.ns : g->max_ns;
    request_sums(tl, r, &sums);
    for (unsigned key = 0; key < LEDGER_COUNT; key++) {
        g->ledger_ns[key] += sums.ledger_ns[key];
        g->squares[key] += (double)sums.ledger_ns[key] * (double)sums.ledger_ns[key];
    }
    g->squares[LEDGER_COUNT] += (double)latency.ns * (double)latency.ns;
    return vec_push(&latencies->all, latency);
}

/* Of one group, in any order. */
struct values {
    uint64_t *all;
    size_t first, count;
};

/* So many rounds halve what is looked at in any but a made-up order. */
#define ROUNDS 200

/* The one at `rank` of all of them in order: of those that may be it the ones that are less than
 * one of them come before it, and so on. */
static uint64_t value_at(const struct values *v, size_t rank)
{
    uint64_t *ns = v->all + v->first;
    size_t low = 0, high = v->count - 1; /* it is in [low, high] */

    for (unsigned round = 0; low < high && round < ROUNDS; round++) {
        uint64_t middle = ns[low + (high - low) / 2];
        size_t i = low, k = high;
        while (i <= k) {
            for (; ns[i] < middle; i++)
                ;
            for (; ns[k] > middle; k--)
                ;
            if (i > k)
                break;
            uint64_t moved = ns[i];
            ns[i++] = ns[k];
            ns[k] = moved;
            if (!k--)
                break;
        }
        if (rank < i && (k == SIZE_MAX || rank > k))
            return middle;
        if (rank >= i)
            low = i;
        else
            high = k;
    }
    if (low < high)
        qsort(ns + low, high - low + 1, sizeof(*ns), sort_order_uint64);
    return ns[rank];
}

static uint64_t percentile(const struct values *v, unsigned percent)
{
    size_t rank = (v->count * percent + 99) / 100;
    return value_at(v, rank ? rank - 1 : 0);
}

/* The rank of a quantile in a sample is binomial: its standard error is sqrt(n p (1 - p)). */
static struct range range_of(const struct values *v, unsigned percent)
{
    double p = percent / 100.0, n = (double)v->count;
    double middle = n * p, error = 3 * sqrt(n * p * (1 - p));
    struct range range = {0, UINT64_MAX};
    if (middle - error >= 1)
        range.low_ns = value_at(v, (size_t)(middle - error) - 1);
    size_t above = (size_t)ceil(middle + error);
    if (above < v->count)
        range.high_ns = value_at(v, above);
    return range;
}

static void group_rank(struct group *g, const struct values *v)
{
    if (!v->count)
        return;
    g->p50_ns = percentile(v, 50);
    g->p99_ns = percentile(v, 99);
    g->p50_range = range_of(v, 50);
    g->p99_range = range_of(v, 99);
}

static int rank(struct groups *groups, const struct latencies *latencies)
{
    size_t count = groups->all.len, at = 0;
    if (!latencies->all.len)
        return 0;
    uint64_t *ns = malloc((latencies->all.len + 1) * sizeof(*ns));
    struct values *values = calloc(count + 1, sizeof(*values));

    if (!ns || !values) {
        free(ns);
        free(values);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; at += groups->all.data[i++].complete)
        values[i] = (struct values){ns, at, 0};
    for (size_t i = 0; i < latencies->all.len; i++) {
        struct values *v = &values[latencies->all.data[i].group];
        ns[v->first + v->count++] = latencies->all.data[i].ns;
    }
    for (size_t i = 0; i < count; i++)
        group_rank(&groups->all.data[i], &values[i]);
    free(ns);
    free(values);
    if (groups->all.data)
        qsort(groups->all.data, count, sizeof(*groups->all.data), by_sum);
    return 0;
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
        ret = rank(groups, &latencies);
    if (ret < 0)
        groups_release(groups);
    vec_release(&latencies.all);
    table_release(&index);
    return ret;
}

void groups_release(struct groups *groups)
{
    vec_release(&groups->all);
}
