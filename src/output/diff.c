#include "output/diff.h"

#include "output/verdict_text.h"

#include <math.h>
#include <string.h>

/* ---- what is clear */

double group_mean_ns(const struct group *g, unsigned key)
{
    if (!g->complete)
        return 0;
    return (double)(key == DIFF_LATENCY ? g->sum_ns : g->ledger_ns[key]) / (double)g->complete;
}

uint64_t diff_whole_ns(double ns)
{
    return ns <= 0 ? 0 : ns >= 1e18 ? (uint64_t)1e18 : (uint64_t)(ns + 0.5);
}

static double variance_of_mean(const struct group *g, unsigned key)
{
    double n = (double)g->complete, mean = group_mean_ns(g, key);
    double variance = (g->squares[key] - n * mean * mean) / (n - 1);
    return variance > 0 ? variance / n : 0;
}

static bool is_enough(const struct diff_pair *pair, double change_ns)
{
    double a = group_mean_ns(pair->a, DIFF_LATENCY), b = group_mean_ns(pair->b, DIFF_LATENCY);
    return pair->a->complete >= SAMPLE_MIN && pair->b->complete >= SAMPLE_MIN &&
           fabs(change_ns) >= CLEAR_SHARE * fmin(a, b);
}

bool diff_mean_is_clear(const struct diff_pair *pair, unsigned key)
{
    double change = group_mean_ns(pair->b, key) - group_mean_ns(pair->a, key);
    if (!is_enough(pair, change))
        return false;
    return fabs(change) >
           CLEAR_ERRORS * sqrt(variance_of_mean(pair->a, key) + variance_of_mean(pair->b, key));
}

static bool is_apart(struct range x, struct range y)
{
    return x.high_ns < y.low_ns || y.high_ns < x.low_ns;
}

bool diff_p50_is_clear(const struct diff_pair *pair)
{
    return is_enough(pair, (double)pair->b->p50_ns - (double)pair->a->p50_ns) &&
           is_apart(pair->a->p50_range, pair->b->p50_range);
}

bool diff_p99_is_clear(const struct diff_pair *pair)
{
    return is_enough(pair, (double)pair->b->p99_ns - (double)pair->a->p99_ns) &&
           is_apart(pair->a->p99_range, pair->b->p99_range);
}

/* ---- which belong together */

struct named { /* with its words, as the two captures number their strings each for itself */
    const char *name, *comm;
    const struct group *group;
};

struct named_list {
    VEC(struct named) all;
};

static int by_words(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int by = strcmp(x->name, y->name);
    return by ? by : strcmp(x->comm, y->comm);
}

static int list_names(struct named_list *list, const struct diff_side *side)
{
    for (size_t i = 0; i < side->groups.all.len; i++) {
        const struct group *g = &side->groups.all.data[i];
        struct named n = {timeline_string(side->tl, g->name), timeline_string(side->tl, g->comm),
                          g};
        if (vec_push(&list->all, n) < 0)
            return -ENOMEM;
    }
    if (list->all.len)
        qsort(list->all.data, list->all.len, sizeof(*list->all.data), by_words);
    return 0;
}

static int add_pair(struct diff *d, const struct group *a, const struct group *b)
{
    struct diff_pair pair = {.a = a, .b = b};
    if (a && b) {
        double requests = (double)(a->complete + b->complete) / 2;
        for (unsigned key = 0; key < LEDGER_COUNT; key++)
            pair.moved_ns += fabs(group_mean_ns(b, key) - group_mean_ns(a, key)) * requests;
        d->common++;
    }
    return vec_push(&d->pairs, pair);
}

/* The requests of one name: those to processes of one name belong together. When one of either is
 * left, they do, too: the server has another name now. */
static int pair_names(struct diff *d, const struct named *a, size_t a_len, const struct named *b,
                      size_t b_len)
{
    const struct group *rest_a = NULL, *rest_b = NULL;
    size_t left_a = 0, left_b = 0, first = d->pairs.len;
    int ret = 0;
    for (size_t i = 0, k = 0; ret == 0 && (i < a_len || k < b_len);) {
        int by = i == a_len ? 1 : k == b_len ? -1 : strcmp(a[i].comm, b[k].comm);
        if (by == 0) {
            ret = add_pair(d, a[i++].group, b[k++].group);
        } else if (by < 0) {
            rest_a = a[i++].group;
            left_a++;
            ret = add_pair(d, rest_a, NULL);
        } else {
            rest_b = b[k++].group;
            left_b++;
            ret = add_pair(d, NULL, rest_b);
        }
    }
    if (ret < 0 || left_a != 1 || left_b != 1)
        return ret;
    size_t kept = first;
    for (size_t i = first; i < d->pairs.len; i++)
        if (d->pairs.data[i].a && d->pairs.data[i].b)
            d->pairs.data[kept++] = d->pairs.data[i];
    d->pairs.len = kept;
    return add_pair(d, rest_a, rest_b);
}

static size_t same_name(const struct named_list *list, size_t from)
{
    size_t to = from + 1;
    while (to < list->all.len && !strcmp(list->all.data[to].name, list->all.data[from].name))
        to++;
    return to;
}

static int pair_all(struct diff *d, const struct named_list *a, const struct named_list *b)
{
    int ret = 0;
    for (size_t i = 0, k = 0; ret == 0 && (i < a->all.len || k < b->all.len);) {
        int by = i == a->all.len   ? 1
                 : k == b->all.len ? -1
                                   : strcmp(a->all.data[i].name, b->all.data[k].name);
        size_t i_end = by <= 0 ? same_name(a, i) : i, k_end = by >= 0 ? same_name(b, k) : k;
        ret = pair_names(d, i_end > i ? &a->all.data[i] : NULL, i_end - i,
                         k_end > k ? &b->all.data[k] : NULL, k_end - k);
        i = i_end;
        k = k_end;
    }
    return ret;
}

static uint64_t size_of(const struct group *g)
{
    return g ? g->complete + g->open : 0;
}

static int by_movement(const void *a, const void *b)
{
    const struct diff_pair *x = a, *y = b;
    bool x_both = x->a && x->b, y_both = y->a && y->b;
    if (x_both != y_both)
        return x_both ? -1 : 1;
    if (x->moved_ns != y->moved_ns)
        return x->moved_ns > y->moved_ns ? -1 : 1;
    uint64_t x_size = size_of(x->a) + size_of(x->b), y_size = size_of(y->a) + size_of(y->b);
    if (x_size != y_size)
        return x_size > y_size ? -1 : 1;
    /* Groups lie in arrays: a stable order for equal ones. */
    uintptr_t x_at = (uintptr_t)(x->a ? x->a : x->b), y_at = (uintptr_t)(y->a ? y->a : y->b);
    return (x_at > y_at) - (x_at < y_at);
}

/* ---- the servers */

static void add_server(struct diff_server *s, const struct verdict *v)
{
    struct verdict *sum = &s->verdict;
    s->processes++;
    sum->serving_threads += v->serving_threads;
    sum->requests += v->requests;
    sum->capacity += v->capacity;
    sum->offered += v->offered;
    sum->queued_ns += v->queued_ns;
    sum->queued_requests += v->queued_requests;
    if (v->saturated && (!sum->saturated || v->saturated_ns < sum->saturated_ns))
        sum->saturated_ns = v->saturated_ns;
    sum->saturated |= v->saturated;
}

static int find_server(struct diff_side *side)
{
    const struct timeline *tl = side->tl;
    struct process_sums *sums = sums_new(tl);
    uint64_t most = 0;
    if (!sums)
        return -ENOMEM;
    for (uint32_t i = 0; i < tl->processes.len; i++) {
        side->complete += sums[i].complete;
        side->open += sums[i].open;
        uint64_t requests = sums[i].complete + sums[i].open;
        if (requests <= most)
            continue;
        most = requests;
        side->server.process = i;
        side->served = true;
    }
    if (side->served) {
        const struct process *busiest = &tl->processes.data[side->server.process];
        struct verdict *sum = &side->server.verdict;
        *sum = busiest->verdict;
        side->server.waits_unknown = verdict_waits_unknown(sum, &sums[side->server.process]);
        sum->serving_threads = sum->queued_requests = 0;
        sum->requests = sum->queued_ns = sum->saturated_ns = 0;
        sum->capacity = sum->offered = 0;
        sum->saturated = false;
        for (uint32_t i = 0; i < tl->processes.len; i++)
            if (sums[i].complete + sums[i].open && tl->processes.data[i].comm == busiest->comm)
                add_server(&side->server, &tl->processes.data[i].verdict);
    }
    for (size_t i = 0; i < tl->holds.len; i++) {
        const struct hold *h = &tl->holds.data[i];
        uint64_t ns = h->end_ns - h->start_ns;
        if (!h->request_plus1 && !h->victim_count)
            continue;
        side->holds++;
        side->hold_max_ns = ns > side->hold_max_ns ? ns : side->hold_max_ns;
        side->hold_victims += hold_victims(h);
        side->hold_lost_ns += hold_lost_ns(tl, h);
    }
    free(sums);
    return 0;
}

static int init_side(struct diff_side *side, enum groups_by by)
{
    int ret = groups_init(&side->groups, side->tl, by);
    return ret < 0 ? ret : find_server(side);
}

int diff_init(struct diff *diff, const struct timeline *a, const char *file_a,
              const struct timeline *b, const char *file_b, enum groups_by by)
{
    struct named_list names_a = {VEC_INIT}, names_b = {VEC_INIT};
    *diff = (struct diff){.a = {.tl = a, .file = file_a}, .b = {.tl = b, .file = file_b}};
    int ret = init_side(&diff->a, by);
    if (ret == 0)
        ret = init_side(&diff->b, by);
    if (ret == 0)
        ret = list_names(&names_a, &diff->a);
    if (ret == 0)
        ret = list_names(&names_b, &diff->b);
    if (ret == 0)
        ret = pair_all(diff, &names_a, &names_b);
    if (ret == 0 && diff->pairs.len)
        qsort(diff->pairs.data, diff->pairs.len, sizeof(*diff->pairs.data), by_movement);
    vec_release(&names_a.all);
    vec_release(&names_b.all);
    return ret;
}

void diff_release(struct diff *diff)
{
    groups_release(&diff->a.groups);
    groups_release(&diff->b.groups);
    vec_release(&diff->pairs);
}
