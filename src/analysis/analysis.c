#include "analysis/internal.h"
#include "base/sort.h"
#include "base/text.h"

#define LOOP_HOLD_NS 5000000u
/* Some fifty days: no capture is longer, and no sum of its times overflows. */
#define DURATION_MAX ((uint64_t)1 << 52)

int analysis_new(struct analysis **out, const struct analysis_options *options)
{
    struct analysis *a = calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;
    if (options)
        a->options = *options;
    if (!a->options.loop_hold_ns)
        a->options.loop_hold_ns = LOOP_HOLD_NS;
    *out = a;
    return 0;
}

int analysis_event(struct analysis *a, const struct event *ev)
{
    /* The reader hands over whole records only; another caller may not know that rule. */
    if (ev->size < sizeof(*ev) || ev->size < event_min_size(ev->kind))
        return -EINVAL;
    if (!event_min_size(ev->kind))
        return 0;
    return records_add(a, ev);
}

int analysis_loss(struct analysis *a, const struct capture_loss *loss)
{
    return vec_push(&a->losses, *loss);
}

int analysis_probe(struct analysis *a, const char *name)
{
    if (vec_reserve(&a->probes, a->probes.len + 1) < 0)
        return -ENOMEM;
    a->probes.data[a->probes.len] = strdup(name);
    return a->probes.data[a->probes.len] ? (a->probes.len++, 0) : -ENOMEM;
}

static uint32_t intern_field(struct timeline *tl, const char *field, size_t size)
{
    return timeline_intern_bytes(tl, field, strnlen(field, size));
}

/* Where the capture begins and ends: as its header says, else as its records say. */
static void bounds(struct analysis *a, const struct capture_info *info)
{
    const struct capture_header *h = &info->header;
    size_t n = a->records.len;
    uint64_t first = n ? a->records.data[0].time_ns : 0;
    uint64_t last = n ? a->records.data[n - 1].time_ns : 0;
    uint64_t end = h->end_ns > h->start_ns ? h->end_ns : last;

    a->t0 = h->start_ns ? h->start_ns : first;
    a->tl->t0_ns = a->t0;
    a->tl->t0_real_ns = h->start_real_ns;
    a->tl->duration_ns = end > a->t0 ? end - a->t0 : 0;
    if (a->tl->duration_ns > DURATION_MAX)
        a->tl->duration_ns = DURATION_MAX;
}

static const char *loss_kind(uint32_t kind)
{
    static const char *const names[EVENT_KINDS] = {
        [EVENT_WAIT] = "wait",   [EVENT_THREAD] = "thread", [EVENT_FORK] = "fork",
        [EVENT_EXIT] = "exit",   [EVENT_COMM] = "comm",     [EVENT_RECV] = "recv",
        [EVENT_SEND] = "send",   [EVENT_CONN] = "conn",     [EVENT_SOCKET] = "socket",
        [EVENT_FILE] = "file",   [EVENT_ANON] = "anon",     [EVENT_FD] = "fd",
        [EVENT_WORK] = "work",   [EVENT_URING] = "uring",   [EVENT_RUNTIME] = "runtime",
        [EVENT_ASKED] = "asked",
    };
    return kind < EVENT_KINDS && names[kind] ? names[kind] : "any";
}

static int by_loss(const void *x, const void *y)
{
    const struct loss *p = x, *q = y;
    return p->start_ns < q->start_ns ? -1 : p->start_ns > q->start_ns;
}

/* Losses are sorted by their start; `loss_reach` is the latest end of those up to an index, so that
 * one search tells whether any overlaps. */
static int losses_reach(struct analysis *a)
{
    uint64_t reach = 0;
    for (size_t i = 0; i < a->tl->losses.len; i++) {
        if (a->tl->losses.data[i].end_ns > reach)
            reach = a->tl->losses.data[i].end_ns;
        if (vec_push(&a->loss_reach, reach) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* Of which recording the capture is the last part. */
static void window_fill(struct timeline *tl, const struct capture_flight *f)
{
    if (!f->attach_ns || f->attach_ns > tl->t0_ns || tl->t0_ns - f->attach_ns > DURATION_MAX)
        return;
    tl->window.recorded_ns = tl->t0_ns - f->attach_ns + tl->duration_ns;
    tl->window.asked_ns = f->last_ns;
    tl->window.max_bytes = f->max_bytes;
    tl->window.full = f->full != 0;
    tl->window.forgotten = f->forgotten;
}

static int by_cost(const void *x, const void *y)
{
    const struct program_cost *p = x, *q = y;
    return (p->run_ns < q->run_ns) - (p->run_ns > q->run_ns);
}

static int cost_fill(struct timeline *tl, const struct capture_cost *c)
{
    tl->cost.recorder_ns = c->recorder_ns;
    tl->cost.recorder_of_ns = c->recorder_of_ns;
    tl->cost.attach_ns = c->attach_ns;
    tl->cost.sampled_ns = c->sampled_ns;
    tl->cost.windows = c->windows;
    tl->cost.whole = c->whole != 0;
    for (uint32_t i = 0; i < c->count; i++) {
        const struct capture_program *p = &c->programs[i];
        struct program_cost one = {intern_field(tl, p->name, sizeof(p->name)), p->runs, p->run_ns};
        if (vec_push(&tl->cost.programs, one) < 0)
            return -ENOMEM;
    }
    if (tl->cost.programs.len)
        qsort(tl->cost.programs.data, tl->cost.programs.len, sizeof(*tl->cost.programs.data),
              by_cost);
    return 0;
}

static int head_fill(struct analysis *a, const struct capture_info *info)
{
    struct timeline *tl = a->tl;
    const struct capture_header *h = &info->header;
    uint64_t counted = 0;

    a->window = info->flight.attach_ns != 0;
    window_fill(tl, &info->flight);
    tl->complete = info->complete;
    tl->records = info->records;
    tl->host = intern_field(tl, h->host, sizeof(h->host));
    tl->kernel = intern_field(tl, h->kernel, sizeof(h->kernel));
    tl->command = h->command[0] ? intern_field(tl, h->command, sizeof(h->command))
                                : intern_field(tl, h->comm, sizeof(h->comm));
    tl->damage = intern_field(tl, info->damage, sizeof(info->damage));
    for (size_t i = 0; i < a->probes.len; i++)
        if (vec_push(&tl->probes,
                     timeline_intern_bytes(tl, a->probes.data[i], strlen(a->probes.data[i]))) < 0)
            return -ENOMEM;
    for (size_t i = 0; i < a->losses.len; i++) {
        const struct capture_loss *c = &a->losses.data[i];
        uint64_t start = analysis_rel(a, c->start_ns), end = analysis_rel(a, c->end_ns);
        struct loss loss = {start, end > start ? end : start, c->count,
                            timeline_intern(tl, loss_kind(c->kind))};
        counted = counted + c->count < counted ? UINT64_MAX : counted + c->count;
        if (vec_push(&tl->losses, loss) < 0)
            return -ENOMEM;
    }
    if (cost_fill(tl, &info->cost) < 0)
        return -ENOMEM;
    if (tl->losses.len)
        sort_runs(tl->losses.data, tl->losses.len, sizeof(*tl->losses.data), by_loss);
    tl->lost = info->summary.lost > counted ? info->summary.lost : counted;
    return losses_reach(a);
}

bool losses_within(const struct analysis *a, uint64_t from, uint64_t to)
{
    size_t low = 0, high = a->loss_reach.len; /* how many begin at `to` or before */
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (a->tl->losses.data[mid].start_ns <= to)
            low = mid + 1;
        else
            high = mid;
    }
    return low && a->loss_reach.data[low - 1] >= from;
}

static int losses_mark(struct analysis *a)
{
    for (size_t i = 0; i < a->tl->requests.len; i++) {
        struct request *r = &a->tl->requests.data[i];
        if (losses_within(a, r->start_ns, r->end_ns))
            r->flags |= REQUEST_LOSS;
    }
    return 0;
}

int analysis_finish(struct analysis *a, const struct capture_info *info, struct timeline *tl)
{
    static int (*const stages[])(struct analysis *) = {
        lives_build,  runtimes_build, sockets_build, states_build, requests_build,
        slices_build, handoffs_build, ledger_build,  asks_build,   losses_mark,
        roles_build,  holds_build,    verdict_build,
    };
    a->tl = tl;
    timeline_intern(tl, "");
    records_sort(a);
    bounds(a, info);
    int rc = head_fill(a, info);
    if (rc == 0 && a->window)
        rc = records_before(a);
    for (size_t i = 0; rc == 0 && i < sizeof(stages) / sizeof(stages[0]); i++)
        rc = stages[i](a);
    return rc;
}

void analysis_free(struct analysis *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->probes.len; i++)
        free(a->probes.data[i]);
    records_release(a);
    vec_release(&a->losses);
    vec_release(&a->loss_reach);
    vec_release(&a->probes);
    vec_release(&a->lives);
    vec_release(&a->waits);
    vec_release(&a->socks);
    vec_release(&a->clients);
    vec_release(&a->drafts);
    vec_release(&a->tenures);
    vec_release(&a->helds);
    vec_release(&a->readers);
    vec_release(&a->touches);
    by_thread_release(&a->touches_of);
    vec_release(&a->touch_times);
    uring_release(a);
    free(a->named);
    vec_release(&a->signals);
    vec_release(&a->questions);
    vec_release(&a->procs);
    vec_release(&a->works);
    vec_release(&a->steps);
    vec_release(&a->strays);
    table_release(&a->work_index);
    vec_release(&a->task_conns.all);
    vec_release(&a->task_habits.all);
    vec_release(&a->doubts);
    vec_release(&a->mild);
    vec_release(&a->lulls);
    vec_release(&a->bursts);
    vec_release(&a->awake);
    vec_release(&a->loose);
    vec_release(&a->yields);
    table_release(&a->tids);
    table_release(&a->pids);
    table_release(&a->sock_index);
    table_release(&a->files);
    table_release(&a->anons);
    table_release(&a->objects);
    table_release(&a->futexes);
    table_release(&a->lines);
    table_release(&a->handed_on);
    free(a);
}

static int visit_event(void *ctx, const struct event *ev)
{
    return analysis_event(ctx, ev);
}

static int visit_loss(void *ctx, const struct capture_loss *loss)
{
    return analysis_loss(ctx, loss);
}

static int visit_probe(void *ctx, const char *name)
{
    return analysis_probe(ctx, name);
}

struct capture_visitor analysis_visitor(struct analysis *a)
{
    return (struct capture_visitor){visit_event, visit_loss, visit_probe, a};
}
