#include "analysis/internal.h"
#include "base/bulk.h"
#include "base/sort.h"

/* So many of their places can be told by record.at. */
#define CHUNKS_MAX (((uint64_t)UINT32_MAX + 1) / CHUNK_PLACES)
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
    if (a->chunks.len >= CHUNKS_MAX || vec_reserve(&a->chunks, a->chunks.len + 1) < 0)
        return NULL;
    struct chunk *c = bulk_new(CHUNK_SIZE);
    if (!c)
        return NULL;
    c->used = (sizeof(*c) + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN;
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

/* Copies the event; where it lies then is in `*at`. */
static int chunk_add(struct analysis *a, const struct event *ev, uint32_t *at)
{
    enum need need = need_of(ev->kind);
    uint32_t filling = a->filling[need];
    struct chunk *c = filling ? a->chunks.data[filling - 1].chunk : NULL;

    if (!c || CHUNK_SIZE - c->used < ev->size) /* which is at most 64 KiB */
        c = chunk_new(a, need);
    if (!c)
        return -ENOMEM;
    memcpy((char *)c + c->used, ev, ev->size);
    *at = (uint32_t)((a->filling[need] - 1) * CHUNK_PLACES + c->used / RECORD_ALIGN);
    c->used += (ev->size + RECORD_ALIGN - 1u) / RECORD_ALIGN * RECORD_ALIGN;
    c->records++;
    return 0;
}

int records_add(struct analysis *a, const struct event *ev)
{
    struct record r = {.time_ns = ev->time_ns, .thread = NONE, .kind = ev->kind};
    if (chunk_add(a, ev, &r.at) < 0)
        return -ENOMEM;
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
    size_t index = a->records.data[record].at / CHUNK_PLACES;
    struct chunk *c = a->chunks.data[index].chunk;

    if (c && --c->records == 0 && c->need == NEED_REQUESTS)
        chunk_free(a, index);
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
