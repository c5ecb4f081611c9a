#include "output/asked.h"

#include <stdlib.h>

struct reply {
    size_t row;
    uint64_t ns;
};

struct row {
    struct asked sum;
    uint32_t request1; /* of this one the time has been counted, */
    uint64_t until_ns; /* up to here */
};

struct gather {
    const struct timeline *tl;
    struct table index; /* process and name → row */
    VEC(struct row) rows;
    struct row anybody; /* questions to whomever */
    struct asked_list *list;
    VEC(struct reply) replies;
    uint32_t request1;    /* whose segments are in `before` */
    VEC(uint64_t) before; /* by segment: how long the request had awaited when it began */
};

uint64_t ask_out_ns(const struct ask *ask)
{
    uint64_t end = ask->replied ? ask->reply_ns : ask->end_ns;
    return ask->made_ns - ask->start_ns + (end - ask->asked_ns);
}

const struct request *ask_request(const struct timeline *tl, uint32_t ask1)
{
    uint32_t request1 = ask1 ? tl->asks.data[ask1 - 1].request_plus1 : 0;
    return request1 ? &tl->requests.data[request1 - 1] : NULL;
}

/* NULL: no memory. Good until the next call. */
static struct row *row_of(struct gather *g, uint32_t process, uint32_t name)
{
    uint64_t key = (uint64_t)process << 32 | name, at;
    if (table_get(&g->index, key, &at))
        return &g->rows.data[at];
    if (table_put(&g->index, key, g->rows.len) < 0 ||
        vec_push(&g->rows, ((struct row){.sum = {.process = process, .name = name}})) < 0)
        return NULL;
    return &g->rows.data[g->rows.len - 1];
}

static int awaiting_prepare(struct gather *g, uint32_t request)
{
    const struct request *r = &g->tl->requests.data[request];
    uint64_t sum = 0;

    if (g->request1 == request + 1)
        return 0;
    g->request1 = request + 1;
    g->before.len = 0;
    for (size_t i = r->first_segment; i < (size_t)r->first_segment + r->segment_count; i++) {
        const struct segment *s = &g->tl->segments.data[i];
        if (vec_push(&g->before, sum) < 0)
            return -ENOMEM;
        sum += s->key == LEDGER_AWAITING ? segment_end(g->tl, r, i) - s->start_ns : 0;
    }
    return 0;
}

/* How long the request at hand has awaited up to `at`, which is not before its start. */
static uint64_t awaited(const struct gather *g, uint64_t at)
{
    const struct request *r = &g->tl->requests.data[g->request1 - 1];
    size_t low = 0, high = r->segment_count;

    if (!high)
        return 0;
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (g->tl->segments.data[r->first_segment + mid].start_ns <= at)
            low = mid;
        else
            high = mid;
    }
    const struct segment *s = &g->tl->segments.data[r->first_segment + low];
    uint64_t end = segment_end(g->tl, r, r->first_segment + low);
    uint64_t in = (at < end ? at : end) - s->start_ns;
    return g->before.data[low] + (s->key == LEDGER_AWAITING ? in : 0);
}

/* A question was out from `from` to `to`; what was counted already, with another one, is not again.
 */
static void add_out(const struct gather *g, struct row *row, uint64_t from, uint64_t to)
{
    from = from > row->until_ns ? from : row->until_ns;
    if (to <= from)
        return;
    row->sum.awaiting_ns += awaited(g, to) - awaited(g, from);
    row->until_ns = to;
}

static void add_named(const struct gather *g, struct row *row, const struct ask *ask)
{
    if (row->request1 != ask->request_plus1) {
        row->sum.requests++;
        row->request1 = ask->request_plus1;
        row->until_ns = ask->start_ns;
    }
    add_out(g, row, ask->start_ns, ask->made_ns);
    add_out(g, row, ask->asked_ns, ask->end_ns);
}

static void add_to_anybody(struct gather *g, const struct ask *ask)
{
    const struct request *r = &g->tl->requests.data[ask->request_plus1 - 1];
    uint64_t before = g->anybody.sum.awaiting_ns;
    add_named(g, &g->anybody, ask);
    if (r->flags & REQUEST_COMPLETE)
        g->list->asked_ns.data[r->process] += g->anybody.sum.awaiting_ns - before;
}

/* By whose request it was, or by whose thread. */
static uint32_t ask_process(const struct timeline *tl, const struct ask *ask)
{
    return ask->request_plus1 ? tl->requests.data[ask->request_plus1 - 1].process
                              : tl->threads.data[ask->thread].process;
}

static int add_ask(struct gather *g, uint32_t index)
{
    const struct ask *ask = &g->tl->asks.data[index];
    uint64_t ns = ask_out_ns(ask);
    struct row *r = row_of(g, ask_process(g->tl, ask), g->tl->objects.data[ask->object].name);

    if (!r || (ask->request_plus1 && awaiting_prepare(g, ask->request_plus1 - 1) < 0))
        return -ENOMEM;
    struct asked *row = &r->sum;
    row->questions++;
    if (ask->request_plus1) {
        add_named(g, r, ask);
        add_to_anybody(g, ask);
    } else
        row->nobodys++;
    if ((ask->replied || ask->request_plus1) && (!row->longest_ask1 || ns > row->longest_ns)) {
        row->longest_ns = ns;
        row->longest_ask1 = index + 1;
    }
    if (!ask->replied)
        return 0;
    row->replies++;
    row->nobodys_ns += ask->request_plus1 ? 0 : ns;
    row->sum_ns += ns;
    return vec_push(&g->replies, ((struct reply){(size_t)(r - g->rows.data), ns}));
}

static int add_blocked(struct gather *g, const struct request *r)
{
    const struct timeline *tl = g->tl;

    for (size_t i = r->first_segment; i < (size_t)r->first_segment + r->segment_count; i++) {
        const struct segment *s = &tl->segments.data[i];
        if (s->key != LEDGER_BLOCKED || !s->interval_plus1)
            continue;
        const struct thread *t = &tl->threads.data[s->thread_plus1 - 1];
        const struct object *o = interval_object(tl, &t->intervals.data[s->interval_plus1 - 1]);
        if (!o || o->kind != OBJ_CONNECTED)
            continue;
        struct row *row = row_of(g, r->process, o->name);
        if (!row)
            return -ENOMEM;
        row->sum.blocked_ns += segment_end(tl, r, i) - s->start_ns;
    }
    return 0;
}

static int by_row(const void *a, const void *b)
{
    const struct reply *x = a, *y = b;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    return (x->ns > y->ns) - (x->ns < y->ns);
}

static int by_wait(const void *a, const void *b)
{
    const struct asked *x = a, *y = b;
    uint64_t p = x->awaiting_ns + x->blocked_ns, q = y->awaiting_ns + y->blocked_ns;
    if (p != q)
        return p > q ? -1 : 1;
    if (x->sum_ns != y->sum_ns)
        return x->sum_ns > y->sum_ns ? -1 : 1;
    if (x->questions != y->questions)
        return x->questions > y->questions ? -1 : 1;
    if (x->process != y->process)
        return x->process < y->process ? -1 : 1;
    return (x->name > y->name) - (x->name < y->name);
}

/* The 99th percentile of each row: the value of that rank. */
static void rank(struct gather *g)
{
    if (g->replies.len > 1)
        qsort(g->replies.data, g->replies.len, sizeof(*g->replies.data), by_row);
    for (size_t i = 0, end; i < g->replies.len; i = end) {
        struct asked *row = &g->rows.data[g->replies.data[i].row].sum;
        end = i + row->replies;
        row->p99_ns = g->replies.data[i + (row->replies * 99 + 99) / 100 - 1].ns;
    }
}

int asked_init(struct asked_list *list, const struct timeline *tl)
{
    struct gather g = {.tl = tl, .list = list};
    int rc = 0;

    *list = (struct asked_list){VEC_INIT, VEC_INIT};
    for (size_t i = 0; rc == 0 && i < tl->processes.len; i++)
        rc = vec_push(&list->asked_ns, 0);
    for (uint32_t i = 0; rc == 0 && i < tl->asks.len; i++)
        rc = add_ask(&g, i);
    for (size_t i = 0; rc == 0 && i < tl->requests.len; i++)
        rc = add_blocked(&g, &tl->requests.data[i]);
    if (rc == 0)
        rank(&g);
    for (size_t i = 0; rc == 0 && i < g.rows.len; i++)
        rc = vec_push(&list->all, g.rows.data[i].sum);
    if (list->all.len > 1)
        qsort(list->all.data, list->all.len, sizeof(*list->all.data), by_wait);
    table_release(&g.index);
    vec_release(&g.rows);
    vec_release(&g.replies);
    vec_release(&g.before);
    return rc;
}

static int by_process(const void *a, const void *b)
{
    const struct asked *x = a, *y = b;
    if (x->process != y->process)
        return x->process < y->process ? -1 : 1;
    return by_wait(a, b);
}

void asked_by_process(struct asked_list *list)
{
    if (list->all.len > 1)
        qsort(list->all.data, list->all.len, sizeof(*list->all.data), by_process);
}

void asked_release(struct asked_list *list)
{
    vec_release(&list->all);
    vec_release(&list->asked_ns);
}
