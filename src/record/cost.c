#include "record/cost.h"

#include "record/probes.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The windows begin so long after the attach, and then so far apart: soon, that short recordings
 * have some, and rarely later, as they cost. */
static const uint64_t starts_ns[] = {100000000, 1000000000, 3000000000};

#define STARTS (sizeof(starts_ns) / sizeof(*starts_ns))
#define EVERY_NS 10000000000ull
#define EVERY_LEAST_NS 500000000ull
#define SUMS_LEAST_NS 50000000ull
/* What is shorter tells nothing. */
#define WINDOW_LEAST_NS 10000000ull

uint64_t cost_own_cpu_ns(void)
{
    struct rusage r;

    getrusage(RUSAGE_SELF, &r);
    return ((uint64_t)r.ru_utime.tv_sec + (uint64_t)r.ru_stime.tv_sec) * 1000000000u +
           ((uint64_t)r.ru_utime.tv_usec + (uint64_t)r.ru_stime.tv_usec) * 1000u;
}

static bool counts_anyway(void)
{
    char c = '0';
    int fd = open("/proc/sys/kernel/bpf_stats_enabled", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    if (read(fd, &c, 1) != 1)
        c = '0';
    close(fd);
    return c == '1';
}

static void window_open(struct cost *c, uint64_t now_ns)
{
    if (!c->whole)
        c->fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
    c->refused = !c->whole && c->fd < 0;
    if (c->refused)
        return;
    probes_runs(c->probes, c->begin, CAPTURE_PROGRAMS_MAX);
    c->begin_ns = now_ns;
}

/* Adds what was counted since the window was opened. */
static void window_add(struct cost *c, uint64_t now_ns)
{
    struct capture_program now[CAPTURE_PROGRAMS_MAX];
    size_t n = probes_runs(c->probes, now, CAPTURE_PROGRAMS_MAX);

    if (now_ns - c->begin_ns < WINDOW_LEAST_NS)
        return;
    for (size_t i = 0; i < n; i++) {
        c->sum.programs[i].runs += now[i].runs - c->begin[i].runs;
        c->sum.programs[i].run_ns += now[i].run_ns - c->begin[i].run_ns;
        c->begin[i] = now[i];
    }
    c->sum.sampled_ns += now_ns - c->begin_ns;
    c->sum.windows++;
    c->begin_ns = now_ns;
}

static void window_close(struct cost *c, uint64_t now_ns)
{
    window_add(c, now_ns);
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->begin_ns = 0;
}

/* So that there is one window in what is kept, if that is not very short. */
static uint64_t windows_every(uint64_t last_ns)
{
    if (!last_ns || last_ns / 4 * 3 > EVERY_NS)
        return EVERY_NS;
    return last_ns / 4 * 3 > EVERY_LEAST_NS ? last_ns / 4 * 3 : EVERY_LEAST_NS;
}

static uint64_t sums_every(uint64_t last_ns)
{
    uint64_t every = last_ns / COST_SUMS_A_WINDOW;

    return last_ns && every < SUMS_LEAST_NS ? SUMS_LEAST_NS : every;
}

int cost_begin(struct cost *c, const struct probes *p, uint64_t last_ns, uint64_t now_ns)
{
    *c = (struct cost){.probes = p,
                       .fd = -1,
                       .whole = counts_anyway(),
                       .attach_ns = now_ns,
                       .attach_cpu_ns = cost_own_cpu_ns(),
                       .next_ns = now_ns + starts_ns[0],
                       .every_ns = windows_every(last_ns),
                       .sums_every_ns = sums_every(last_ns)};
    c->sums = calloc(COST_SUMS, sizeof(*c->sums));
    if (!c->sums)
        return -ENOMEM;
    c->sum.cpu_ns = c->attach_cpu_ns;
    c->sum.time_ns = now_ns;
    if (c->whole)
        window_open(c, now_ns);
    return 0;
}

static void remember(struct cost *c, uint64_t now_ns)
{
    if (!c->sums_every_ns || now_ns - c->sum.time_ns < c->sums_every_ns)
        return;
    if (c->whole)
        window_add(c, now_ns);
    c->sum.time_ns = now_ns;
    c->sum.cpu_ns = cost_own_cpu_ns();
    c->sums[c->count++ % COST_SUMS] = c->sum;
}

void cost_tick(struct cost *c, uint64_t now_ns)
{
    if (c->begin_ns && !c->whole && now_ns - c->begin_ns >= COST_WINDOW_NS)
        window_close(c, now_ns);
    remember(c, now_ns);
    if (c->refused || now_ns < c->next_ns)
        return;
    c->next_ns = now_ns + c->every_ns;
    for (size_t i = 0; i < STARTS; i++) {
        uint64_t start = c->attach_ns + starts_ns[i];

        if (start > now_ns && start < c->next_ns)
            c->next_ns = start;
    }
    if (c->whole)
        window_add(c, now_ns);
    else if (!c->begin_ns)
        window_open(c, now_ns);
}

/* The last sum up to `from_ns`; NULL: since the attach. */
static const struct cost_sum *sum_before(const struct cost *c, uint64_t from_ns)
{
    uint64_t first = c->count > COST_SUMS ? c->count - COST_SUMS : 0;
    const struct cost_sum *found = NULL;

    if (from_ns <= c->attach_ns)
        return NULL;
    if (first)
        found = &c->sums[first % COST_SUMS];
    for (uint64_t i = first; i < c->count; i++)
        if (c->sums[i % COST_SUMS].time_ns <= from_ns)
            found = &c->sums[i % COST_SUMS];
    return found;
}

size_t cost_tell(struct cost *c, uint64_t from_ns, uint64_t now_ns, struct capture_cost *cost)
{
    struct capture_program names[CAPTURE_PROGRAMS_MAX];
    const struct cost_sum attach = {.time_ns = c->attach_ns, .cpu_ns = c->attach_cpu_ns};
    const struct cost_sum *before = sum_before(c, from_ns);
    size_t n = probes_runs(c->probes, names, CAPTURE_PROGRAMS_MAX), used = 0;

    if (!before)
        before = &attach;
    if (c->begin_ns)
        window_add(c, now_ns);
    *cost = (struct capture_cost){.attach_ns = c->attach_cpu_ns,
                                  .recorder_ns = cost_own_cpu_ns() - before->cpu_ns,
                                  .recorder_of_ns = now_ns - before->time_ns,
                                  .sampled_ns = c->sum.sampled_ns - before->sampled_ns,
                                  .windows = c->sum.windows - before->windows,
                                  .whole = c->whole};
    for (size_t i = 0; i < n; i++) {
        struct capture_program *to = &cost->programs[used];

        to->runs = c->sum.programs[i].runs - before->programs[i].runs;
        to->run_ns = c->sum.programs[i].run_ns - before->programs[i].run_ns;
        if (!to->runs)
            continue;
        memcpy(to->name, names[i].name, sizeof(to->name));
        used++;
    }
    cost->count = (uint32_t)used;
    return offsetof(struct capture_cost, programs) + used * sizeof(*cost->programs);
}

void cost_sum(const struct capture_cost *cost, struct capture_summary *summary)
{
    for (uint32_t i = 0; i < cost->count && cost->whole; i++) {
        summary->probe_runs += cost->programs[i].runs;
        summary->probe_run_ns += cost->programs[i].run_ns;
    }
}

void cost_release(struct cost *c)
{
    if (c->sums && c->fd >= 0)
        close(c->fd);
    free(c->sums);
    c->sums = NULL;
}
