#include "record/flight.h"

#include "bpf/events.h"
#include "capture/check.h"
#include "capture/writer.h"
#include "record/doubt.h"
#include "record/named.h"
#include "record/world.h"

#include <errno.h>
#include <string.h>

/* As large as the writer's. A record more fits behind, so that none is ever split. */
#define BLOCK_BYTES ((size_t)256 << 10)
#define BLOCK_ROOM (BLOCK_BYTES + UINT16_MAX)
/* Of the memory so much at most goes to what describes the world. */
#define WORLD_SHARE 4
/* So often, in blocks, the ring is looked at while a file is written: 4 MB take a few ms. */
#define MEANWHILE_BLOCKS 16
/* Blocks that are kept for use again rather than given back. */
#define SPARE_BLOCKS 4
/* How often at most it looks what is waited for: that takes 1 ms for some 1,000 threads. */
#define LOOK_NS 1000000000ull
#define LOSSES_MAX 16384

struct block {
    struct block *next;
    uint64_t first_ns, last_ns; /* the earliest and latest of its records' times */
    size_t len;
    uint32_t count;
    uint64_t records[]; /* BLOCK_ROOM bytes */
};

struct blocks {
    struct block *first, *last;
    size_t count, records;
    bool closed; /* nothing is added to the last block any more */
};

struct flight {
    uint64_t last_ns, max_bytes, attach_ns;
    struct blocks blocks, finals;
    struct block *spare;
    size_t spares;
    struct world world;
    struct doubt doubt;
    VEC(struct capture_loss) losses;
    VEC(char *) probes;
    uint64_t whole_ns;  /* from there on nothing was given up for lack of memory */
    uint64_t looked_ns; /* when threads were last looked at for what they wait for */
    bool full;
    bool writing; /* nothing may go meanwhile */
};

struct flight *flight_new(uint64_t last_ns, uint64_t max_bytes, uint64_t attach_ns)
{
    struct flight *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    f->last_ns = last_ns;
    f->max_bytes = max_bytes;
    f->attach_ns = f->whole_ns = attach_ns;
    return f;
}

/* ---- blocks */

static struct block *block_new(struct flight *f)
{
    struct block *b = f->spare;

    if (b) {
        f->spare = b->next;
        f->spares--;
    } else {
        b = malloc(sizeof(*b) + BLOCK_ROOM);
    }
    if (b)
        *b = (struct block){.first_ns = UINT64_MAX};
    return b;
}

static void block_give_back(struct flight *f, struct block *b)
{
    if (f->spares >= SPARE_BLOCKS) {
        free(b);
        return;
    }
    b->next = f->spare;
    f->spare = b;
    f->spares++;
}

static struct event *block_at(struct block *b, size_t at)
{
    return (struct event *)(void *)((unsigned char *)b->records + at);
}

static void block_add(struct block *b, const struct event *ev)
{
    memcpy(block_at(b, b->len), ev, ev->size);
    b->len += ev->size;
    b->count++;
    if (ev->time_ns < b->first_ns)
        b->first_ns = ev->time_ns;
    if (ev->time_ns > b->last_ns)
        b->last_ns = ev->time_ns;
}

static int blocks_add(struct flight *f, struct blocks *all, const struct event *ev)
{
    if (!all->last || all->closed || all->last->len >= BLOCK_BYTES) {
        struct block *b = block_new(f);

        if (!b)
            return -ENOMEM;
        if (all->last)
            all->last->next = b;
        else
            all->first = b;
        all->last = b;
        all->count++;
        all->closed = false;
    }
    block_add(all->last, ev);
    all->records++;
    return 0;
}

static int block_named(struct block *b, struct named *named)
{
    int ret = 0;

    for (size_t at = 0; at < b->len && !ret; at += block_at(b, at)->size)
        ret = named_see(named, block_at(b, at));
    return ret;
}

static void blocks_release(struct blocks *all)
{
    for (struct block *b = all->first, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    *all = (struct blocks){0};
}

/* What lies before `start_ns` goes by the world; the rest moves together. */
static int block_trim(struct flight *f, struct block *b, uint64_t start_ns)
{
    size_t kept = 0;
    uint32_t count = 0;
    int ret = 0;

    for (size_t at = 0, size; at < b->len; at += size) {
        struct event *ev = block_at(b, at);

        size = ev->size;
        if (!ret && ev->time_ns < start_ns) {
            ret = world_see(&f->world, ev);
            if (!ret)
                continue;
        }
        memmove(block_at(b, kept), ev, size);
        kept += size;
        count++;
    }
    b->len = kept;
    f->blocks.records -= b->count - count;
    b->count = count;
    if (b->first_ns < start_ns)
        b->first_ns = start_ns;
    return ret ? ret : world_settle(&f->world);
}

/* The oldest block goes. */
static int drop_first(struct flight *f)
{
    struct block *b = f->blocks.first;
    int ret = block_trim(f, b, UINT64_MAX);

    if (ret)
        return ret;
    f->blocks.first = b->next;
    if (!b->next)
        f->blocks.last = NULL;
    f->blocks.count--;
    block_give_back(f, b);
    return 0;
}

static uint64_t hot_bytes(const struct flight *f)
{
    return (f->blocks.count + f->finals.count + f->spares) * (sizeof(struct block) + BLOCK_ROOM);
}

uint64_t flight_bytes(const struct flight *f)
{
    return hot_bytes(f) + f->world.bytes;
}

uint64_t flight_records(const struct flight *f)
{
    return f->blocks.records;
}

/* The block that gathers stays, so that a window of nothing is not the end of it. */
static int keep_within(struct flight *f)
{
    int ret = 0;

    while (!ret && !f->writing && flight_bytes(f) > f->max_bytes &&
           f->blocks.first != f->blocks.last) {
        uint64_t until = f->blocks.first->last_ns;

        world_trim(&f->world, f->max_bytes / WORLD_SHARE);
        ret = drop_first(f);
        if (!ret && until >= f->whole_ns)
            f->whole_ns = until + 1;
    }
    return ret;
}

int flight_append(struct flight *f, const struct event *ev)
{
    const struct event_thread *t = (const struct event_thread *)ev;

    if (!check_event(ev, ev->size))
        return -EINVAL;
    if (ev->kind == EVENT_THREAD && t->phase == THREAD_AT_END)
        return blocks_add(f, &f->finals, ev);
    int ret = 0;
    if (ev->kind == EVENT_THREAD && t->wait.off_ns && !t->on_cpu)
        ret = world_waits(&f->world, t->wait.obj);
    if (ret || (ev->kind == EVENT_THREAD && t->phase == THREAD_BETWEEN))
        return ret;
    world_use(&f->world, ev);
    ret = blocks_add(f, &f->blocks, ev);
    return ret ? ret : keep_within(f);
}

uint64_t flight_start(const struct flight *f, uint64_t end_ns)
{
    uint64_t start = f->last_ns && end_ns > f->last_ns ? end_ns - f->last_ns : 0;

    return start > f->whole_ns ? start : f->whole_ns;
}

static void losses_expire(struct flight *f, uint64_t start_ns)
{
    size_t kept = 0;

    for (size_t i = 0; i < f->losses.len; i++)
        if (f->losses.data[i].end_ns >= start_ns)
            f->losses.data[kept++] = f->losses.data[i];
    f->losses.len = kept;
}

int flight_expire(struct flight *f, uint64_t now_ns)
{
    uint64_t start = flight_start(f, now_ns);
    int ret = 0;

    if (f->writing)
        return 0;
    while (!ret && f->blocks.first && f->blocks.first->last_ns < start)
        ret = drop_first(f);
    if (f->losses.len && f->losses.data[0].end_ns < start)
        losses_expire(f, start);
    world_trim(&f->world, f->max_bytes / WORLD_SHARE);
    return ret;
}

bool flight_wants_look(const struct flight *f)
{
    return f->world.bytes > f->max_bytes / WORLD_SHARE / 2 &&
           f->world.now_ns - f->looked_ns >= LOOK_NS;
}

void flight_look(struct flight *f)
{
    world_look(&f->world);
    f->looked_ns = f->world.now_ns;
}

size_t flight_given_up(struct flight *f, uint64_t *objects, size_t max)
{
    return world_given_up(&f->world, objects, max);
}

int flight_loss(struct flight *f, const struct capture_loss *loss, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        doubt_loss(&f->doubt, &loss[i]);
        struct capture_loss *last = f->losses.len ? vec_last(&f->losses) : NULL;

        /* So many windows say no more than fewer long ones. */
        if (f->losses.len >= LOSSES_MAX) {
            last->end_ns = loss[i].end_ns > last->end_ns ? loss[i].end_ns : last->end_ns;
            last->count += loss[i].count;
            last->kind = last->kind == loss[i].kind ? last->kind : 0;
        } else if (vec_push(&f->losses, loss[i]) < 0) {
            return -ENOMEM;
        }
    }
    return 0;
}

int flight_probes(struct flight *f, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *name = strdup(names[i]);

        if (!name || vec_push(&f->probes, name) < 0) {
            free(name);
            return -ENOMEM;
        }
    }
    return 0;
}

/* ---- the file */

static int put_event(void *ctx, const struct event *ev)
{
    return writer_append(ctx, ev);
}

static int write_losses(struct writer *w, const struct flight *f, uint64_t start_ns, uint64_t *lost)
{
    size_t first = 0;

    *lost = 0;
    while (first < f->losses.len && f->losses.data[first].end_ns < start_ns)
        first++;
    for (size_t i = first; i < f->losses.len; i++)
        *lost += f->losses.data[i].count;
    return writer_loss(w, f->losses.data + first, f->losses.len - first);
}

/* Up to `last`; what gathers behind it meanwhile is for the next file. */
static int write_blocks(struct writer *w, const struct flight *f, const struct block *last,
                        const struct flight_file *file)
{
    size_t n = 0;
    int ret = 0;

    for (const struct block *b = f->blocks.first; b && !ret; b = b->next) {
        if (b->len)
            ret = writer_events(w, b->records, b->len, b->count);
        if (!ret && ++n % MEANWHILE_BLOCKS == 0 && file->meanwhile)
            ret = file->meanwhile(file->ctx);
        if (b == last)
            break;
    }
    return ret;
}

/* What the file names. The blocks end with `last`. */
static int find_named(struct flight *f, struct block *last, const struct flight_file *file,
                      struct named *named)
{
    size_t n = 0;
    int ret = 0;

    for (struct block *b = f->blocks.first; b && !ret; b = b == last ? NULL : b->next) {
        ret = block_named(b, named);
        if (!ret && ++n % MEANWHILE_BLOCKS == 0 && file->meanwhile)
            ret = file->meanwhile(file->ctx);
    }
    for (struct block *b = f->finals.first; b && !ret; b = b->next)
        ret = block_named(b, named);
    return ret;
}

/* What ended while records were lost goes; and how much of what the file names has no description,
 * since that was given up? */
static int study(struct flight *f, struct block *last, const struct flight_file *file,
                 struct flight_result *r)
{
    struct named named = {.want_threads = f->doubt.threads_ns != 0};
    int ret;

    if (!f->world.forgotten && !doubt_any(&f->doubt))
        return 0;
    ret = find_named(f, last, file, &named);
    if (!ret && doubt_any(&f->doubt))
        doubt_settle(&f->doubt, &f->world, &named, r->start_ns, file->looked_ns);
    if (!ret && f->world.forgotten)
        r->forgotten = named_unknown(&named, &f->world);
    named_release(&named);
    return ret;
}

static int write_parts(struct writer *w, struct flight *f, const struct flight_file *file,
                       struct flight_result *r, struct err *e)
{
    struct block *last = f->blocks.last;
    int ret = study(f, last, file, r);
    struct capture_flight flight = {.attach_ns = f->attach_ns,
                                    .last_ns = f->last_ns,
                                    .max_bytes = f->max_bytes,
                                    .full = r->full,
                                    .forgotten = (uint32_t)r->forgotten};
    struct capture_summary summary = file->summary;

    if (!ret)
        ret = writer_flight(w, &flight);
    if (!ret)
        ret = writer_probes(w, (const char *const *)f->probes.data, f->probes.len);
    if (!ret && file->cost)
        ret = writer_cost(w, file->cost, file->cost_size);
    if (!ret)
        ret = write_losses(w, f, r->start_ns, &r->lost);
    if (!ret)
        ret = world_tell(&f->world, put_event, w);
    if (!ret)
        ret = write_blocks(w, f, last, file);
    for (const struct block *b = f->finals.first; b && !ret; b = b->next)
        ret = writer_events(w, b->records, b->len, b->count);
    if (ret)
        return err_errno(e, ret, "write %s", file->path);
    summary.lost = r->lost;
    return writer_end(w, file->end_ns, &summary, e);
}

/* What lies before the window becomes the world that it begins with. */
static int trim(struct flight *f, uint64_t start_ns)
{
    int ret = 0;

    for (struct block *b = f->blocks.first; b && !ret; b = b->next)
        if (b->first_ns < start_ns)
            ret = block_trim(f, b, start_ns);
    return ret;
}

int flight_write(struct flight *f, const struct flight_file *file, struct flight_result *result,
                 bool *made, struct err *e)
{
    struct capture_header header = file->header;
    struct flight_result r = {.start_ns = flight_start(f, file->end_ns)};
    struct writer *w = NULL;
    int ret = trim(f, r.start_ns);

    if (ret)
        return err_errno(e, ret, "write %s", file->path);
    r.full = r.start_ns == f->whole_ns && f->whole_ns > f->attach_ns;
    header.start_ns = r.start_ns;
    header.start_real_ns += r.start_ns - file->header.start_ns;
    f->writing = f->blocks.closed = true;
    ret = writer_new(&w, file->path, &header, e);
    if (made)
        *made = !ret;
    if (!ret)
        ret = write_parts(w, f, file, &r, e);
    if (!ret) {
        r.records = writer_records(w);
        r.bytes = writer_bytes(w);
        *result = r;
    }
    writer_free(w);
    f->writing = false;
    blocks_release(&f->finals);
    return ret;
}

void flight_free(struct flight *f)
{
    if (!f)
        return;
    blocks_release(&f->blocks);
    blocks_release(&f->finals);
    for (struct block *b = f->spare, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    world_release(&f->world);
    vec_release(&f->losses);
    for (size_t i = 0; i < f->probes.len; i++)
        free(f->probes.data[i]);
    vec_release(&f->probes);
    free(f);
}
