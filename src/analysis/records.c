#include "analysis/internal.h"

#define CHUNK_SIZE ((size_t)1 << 20)

static void *chunk_alloc(struct analysis *a, size_t size)
{
    struct chunk *c = a->chunks;
    if (!c || c->size - c->used < size) {
        c = malloc(sizeof(*c) + CHUNK_SIZE);
        if (!c)
            return NULL;
        *c = (struct chunk){.next = a->chunks, .size = CHUNK_SIZE};
        a->chunks = c;
    }
    void *bytes = c->bytes + c->used;
    c->used += (size + 7) & ~(size_t)7;
    return bytes;
}

int records_add(struct analysis *a, const struct event *ev)
{
    void *copy = chunk_alloc(a, ev->size); /* at most 64 KiB */
    if (!copy)
        return -ENOMEM;
    memcpy(copy, ev, ev->size);
    return vec_push(&a->records, ((struct record){ev->time_ns, copy, NONE, ev->kind, false, 0}));
}

/* Merges the neighbours [from, mid) and [mid, to) of `in` into `out`. */
static void merge(const struct record *in, struct record *out, size_t from, size_t mid, size_t to)
{
    size_t left = from, right = mid;
    for (size_t i = from; i < to; i++)
        out[i] = left < mid && (right >= to || in[left].time_ns <= in[right].time_ns) ? in[left++]
                                                                                      : in[right++];
}

/* The end of the run that begins at `from`: records come in a few long sorted runs. */
static size_t run_end(const struct record *in, size_t len, size_t from)
{
    size_t i = from + 1;
    while (i < len && in[i - 1].time_ns <= in[i].time_ns)
        i++;
    return i < len ? i : len;
}

/* One round: each two neighbouring runs become one. Returns how many runs are left. */
static size_t merge_round(const struct record *in, struct record *out, size_t len)
{
    size_t runs = 0;
    for (size_t from = 0; from < len; runs++) {
        size_t mid = run_end(in, len, from);
        size_t to = mid < len ? run_end(in, len, mid) : len;
        merge(in, out, from, mid, to);
        from = to;
    }
    return runs;
}

int records_sort(struct analysis *a)
{
    size_t len = a->records.len;
    struct record *in = a->records.data;

    if (!len || run_end(in, len, 0) == len)
        return 0;
    struct record *out = malloc(len * sizeof(*out));
    if (!out)
        return -ENOMEM;
    for (size_t runs = 2; runs > 1;) {
        struct record *other = in;
        runs = merge_round(in, out, len);
        in = out;
        out = other;
    }
    /* `in` has the result, whichever of the two that is. */
    free(out);
    a->records.data = in;
    a->records.cap = len;
    return 0;
}

void records_release(struct analysis *a)
{
    while (a->chunks) {
        struct chunk *next = a->chunks->next;
        free(a->chunks);
        a->chunks = next;
    }
    vec_release(&a->records);
}

uint64_t analysis_rel(const struct analysis *a, uint64_t abs_ns)
{
    if (abs_ns <= a->t0)
        return 0;
    return abs_ns - a->t0 < a->tl->duration_ns ? abs_ns - a->t0 : a->tl->duration_ns;
}
