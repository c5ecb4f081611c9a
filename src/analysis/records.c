#include "analysis/internal.h"
#include "base/sort.h"

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
    struct record r = {ev->time_ns, copy, NONE, .kind = ev->kind};
    if (ev->kind == EVENT_RECV || ev->kind == EVENT_SEND)
        r.moves = ((const struct event_io *)ev)->bytes;
    if (ev->kind < EVENT_KINDS)
        a->kinds |= (uint64_t)1 << ev->kind;
    return vec_push(&a->records, r);
}

bool records_have(const struct analysis *a, unsigned kind)
{
    return a->kinds >> kind & 1;
}

static int by_time(const void *x, const void *y)
{
    const struct record *p = x, *q = y;
    return p->time_ns < q->time_ns ? -1 : p->time_ns > q->time_ns;
}

void records_sort(struct analysis *a)
{
    sort_runs(a->records.data, a->records.len, sizeof(*a->records.data), by_time);
}

int records_before(struct analysis *a)
{
    size_t kept = 0, end = 0;
    while (end < a->records.len && a->records.data[end].time_ns < a->t0)
        end++;
    for (size_t i = 0; i < end; i++) {
        const struct record r = a->records.data[i];
        if (r.kind != EVENT_RECV)
            a->records.data[kept++] = r;
        else if (vec_push(&a->before, r) < 0)
            return -ENOMEM;
    }
    if (kept == end)
        return 0;
    memmove(a->records.data + kept, a->records.data + end,
            (a->records.len - end) * sizeof(*a->records.data));
    a->records.len -= end - kept;
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
    vec_release(&a->before);
}

uint64_t analysis_rel(const struct analysis *a, uint64_t abs_ns)
{
    if (abs_ns <= a->t0)
        return 0;
    return abs_ns - a->t0 < a->tl->duration_ns ? abs_ns - a->t0 : a->tl->duration_ns;
}
