#include "record/rings.h"

#include "bpf/events.h"
#include "bpf/shared.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define ALL_RINGS (16u << 20)
#define RING_LEAST (256u << 10)
#define RING_MOST (4u << 20)

/* What of one ring is still to be taken. */
struct stream {
    struct cpu_ring *ring;
    const unsigned char *records;
    uint64_t at, end;
    uint64_t time_ns; /* of the record at `at` */
};

struct rings {
    void *map;
    size_t map_size, size;
    int cpus;
    struct stream *streams; /* by CPU */
    struct stream **heap;   /* those with something left; the earliest record first */
    size_t left;
};

size_t rings_size(int cpus)
{
    size_t size = RING_MOST;

    while (size > RING_LEAST && size * (size_t)cpus > ALL_RINGS)
        size /= 2;
    return size;
}

size_t rings_value_size(size_t size)
{
    return sizeof(struct cpu_ring) + size + RING_RECORD_MAX;
}

int rings_new(struct rings **out, int fd, int cpus, size_t size)
{
    struct rings *r = calloc(1, sizeof(*r));
    size_t page = (size_t)sysconf(_SC_PAGESIZE), each = rings_value_size(size);

    if (!r)
        return -ENOMEM;
    r->cpus = cpus;
    r->size = size;
    r->streams = calloc((size_t)cpus, sizeof(*r->streams));
    r->heap = calloc((size_t)cpus, sizeof(struct stream *));
    r->map = MAP_FAILED;
    if (!r->streams || !r->heap) {
        rings_free(r);
        return -ENOMEM;
    }
    /* The kernel puts the values one behind the other, each on a multiple of 8. */
    r->map_size = (each * (size_t)cpus + page - 1) / page * page;
    r->map = mmap(NULL, r->map_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (r->map == MAP_FAILED) {
        int ret = -errno;

        rings_free(r);
        return ret;
    }
    for (int i = 0; i < cpus; i++) {
        unsigned char *value = (unsigned char *)r->map + (size_t)i * each;

        r->streams[i].ring = (struct cpu_ring *)(void *)value;
        r->streams[i].records = value + sizeof(struct cpu_ring);
    }
    *out = r;
    return 0;
}

static const struct event *record_at(const struct rings *r, const struct stream *s)
{
    return (const struct event *)(const void *)(s->records + (s->at & (r->size - 1)));
}

/* Is there a record at `at`, whole? Then its time is known as well. */
static bool stream_look(const struct rings *r, struct stream *s)
{
    const struct event *ev = record_at(r, s);

    /* Whatever else the probes' bytes may be, nothing is read behind the ring's end. */
    if (s->end - s->at < sizeof(*ev) || ev->size < sizeof(*ev) || ev->size % 8 ||
        ev->size > RING_RECORD_MAX || ev->size > s->end - s->at) {
        s->at = s->end;
        return false;
    }
    s->time_ns = ev->time_ns;
    return true;
}

static void heap_down(struct rings *r, size_t i)
{
    struct stream *s = r->heap[i];

    for (size_t child; (child = 2 * i + 1) < r->left; i = child) {
        if (child + 1 < r->left && r->heap[child + 1]->time_ns < r->heap[child]->time_ns)
            child++;
        if (s->time_ns <= r->heap[child]->time_ns)
            break;
        r->heap[i] = r->heap[child];
    }
    r->heap[i] = s;
}

void rings_begin(struct rings *r)
{
    r->left = 0;
    for (int i = 0; i < r->cpus; i++) {
        struct stream *s = &r->streams[i];

        s->at = s->ring->tail;
        s->end = __atomic_load_n(&s->ring->head, __ATOMIC_ACQUIRE);
        if (s->end - s->at > r->size) /* no probe does that */
            s->at = s->end;
        if (stream_look(r, s))
            r->heap[r->left++] = s;
    }
    for (size_t i = r->left / 2; i--;)
        heap_down(r, i);
}

int rings_take(struct rings *r, uint64_t until_ns, int (*take)(void *ctx, const struct event *ev),
               void *ctx)
{
    while (r->left && r->heap[0]->time_ns <= until_ns) {
        struct stream *s = r->heap[0];
        const struct event *ev = record_at(r, s);
        int ret = take(ctx, ev);

        if (ret < 0)
            return ret;
        s->at += ev->size;
        if (!stream_look(r, s))
            r->heap[0] = r->heap[--r->left];
        if (r->left)
            heap_down(r, 0);
    }
    return 0;
}

unsigned rings_end(struct rings *r)
{
    uint64_t most = 0;

    for (int i = 0; i < r->cpus; i++) {
        struct stream *s = &r->streams[i];

        if (s->end - s->ring->tail > most)
            most = s->end - s->ring->tail;
        __atomic_store_n(&s->ring->tail, s->at, __ATOMIC_RELEASE);
    }
    return (unsigned)(most * 100 / r->size);
}

void rings_free(struct rings *r)
{
    if (!r)
        return;
    if (r->map != MAP_FAILED)
        munmap(r->map, r->map_size);
    free(r->streams);
    free((void *)r->heap);
    free(r);
}
