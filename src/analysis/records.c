#include "analysis/internal.h"
#include "base/bulk.h"
#include "base/sort.h"

/* Pages of their own, so that they go back when they are not needed any more. */
#define CHUNK_SIZE ((size_t)4 << 20)
/* The records that the requests' pass has left behind go back in such steps. */
#define PASS_STEP 65536

static enum need need_of(unsigned kind)
{
    switch (kind) {
    case EVENT_WAIT:
        return NEED_SURVEYS;
    case EVENT_RECV:
    case EVENT_SEND:
    case EVENT_CONN:
    case EVENT_WORK:
    case EVENT_URING:
        return NEED_REQUESTS;
    default:
        return NEED_ALWAYS;
    }
}

static struct chunk *chunk_new(struct analysis *a, enum need need)
{
    if (a->chunks.len >= NONE - 1 || vec_reserve(&a->chunks, a->chunks.len + 1) < 0)
        return NULL;
    struct chunk *c = bulk_new(CHUNK_SIZE);
    if (!c)
        return NULL;
    c->need = need;
    a->chunks.data[a->chunks.len++].chunk = c;
    a->filling[need] = (uint32_t)a->chunks.len;
    return c;
}

static void chunk_free(struct analysis *a, size_t index)
{
    bulk_free(a->chunks.data[index].chunk);
    a->chunks.data[index].chunk = NULL;
}

static void *chunk_alloc(struct analysis *a, size_t size, enum need need)
{
    uint32_t filling = a->filling[need];
    struct chunk *c = filling ? a->chunks.data[filling - 1].chunk : NULL;

    size = (size + 7) & ~(size_t)7;
    if (!c || CHUNK_SIZE - sizeof(*c) - c->used < size)
        c = chunk_new(a, need);
    if (!c)
        return NULL;
    void *bytes = c->bytes + c->used;
    c->used += size;
    c->records++;
    return bytes;
}

int records_add(struct analysis *a, const struct event *ev)
{
    enum need need = need_of(ev->kind);
    void *copy = chunk_alloc(a, ev->size, need); /* at most 64 KiB */
    if (!copy)
        return -ENOMEM;
    memcpy(copy, ev, ev->size);
    struct record r = {
        .time_ns = ev->time_ns,
        .ev = copy,
        .thread = NONE,
        .kind = ev->kind,
        .chunk = a->filling[need] - 1,
    };
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
    sort_near(a->records.data, a->records.len, sizeof(*a->records.data), by_time);
}

void records_drop_waits(struct analysis *a)
{
    for (size_t i = 0; i < a->chunks.len; i++)
        if (a->chunks.data[i].chunk && a->chunks.data[i].chunk->need == NEED_SURVEYS)
            chunk_free(a, i);
}

void records_pass(struct analysis *a, size_t record)
{
    const struct record *r = &a->records.data[record];
    struct chunk *c = a->chunks.data[r->chunk].chunk;

    if (c && --c->records == 0 && c->need == NEED_REQUESTS)
        chunk_free(a, r->chunk);
    if (record % PASS_STEP == 0 && record)
        vec_forget(&a->records, record - PASS_STEP, record);
}

void records_end(struct analysis *a)
{
    vec_release(&a->records);
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
    for (size_t i = 0; i < a->chunks.len; i++)
        chunk_free(a, i);
    vec_release(&a->chunks);
    vec_release(&a->records);
    vec_release(&a->before);
}

uint64_t analysis_rel(const struct analysis *a, uint64_t abs_ns)
{
    if (abs_ns <= a->t0)
        return 0;
    return abs_ns - a->t0 < a->tl->duration_ns ? abs_ns - a->t0 : a->tl->duration_ns;
}
