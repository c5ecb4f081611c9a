#include "record/record.h"

#include "bpf/events.h"
#include "capture/writer.h"
#include "record/cost.h"
#include "record/describe.h"
#include "record/ending.h"
#include "record/flight.h"
#include "record/probes.h"
#include "record/progress.h"
#include "record/redact.h"
#include "record/runtime.h"
#include "record/signals.h"
#include "record/sink.h"
#include "record/slow.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How often the rings are emptied; oftener when one gets fuller than that. */
#define DRAIN_NS 50000000ull
#define DRAIN_LEAST_NS 5000000ull
#define FULL_PERCENT 25
/* How often what was drained is put into the file: this much a crash may lose. */
#define FLUSH_NS 500000000ull
/* So long the attach waits for agents to be loaded: without them nothing tells of coroutines. */
#define AGENTS_NS 3000000000ull
#define AGENTS_LOOK_NS 10000000
/* So many are taken at a time, which takes some 5 ms. */
#define GIVEN_UP_STEP 16384

struct session {
    const struct record_options *options;
    struct record_result *result;
    struct probes *probes;
    struct sink sink;
    struct capture_header header;
    struct cost cost;
    struct runtimes *runtimes;
    struct progress progress;
    struct ending ending;
    uint64_t looked_ns, flushed_ns, lost;
    uint64_t end_look_ns; /* when the last look at all threads began */
    uint64_t drain_ns;    /* until the next drain */
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The rings are not written to: what must lose bytes is copied first. */
static int take_io(struct session *s, const struct event_io *io)
{
    union {
        struct event_io io;
        uint8_t bytes[sizeof(struct event_io) + IO_DATA_LARGE + REDACT_ROOM];
    } copy;

    if (io->event.size > sizeof(copy) - REDACT_ROOM)
        return -EINVAL;
    memcpy(&copy, io, io->event.size);
    redact(&copy.io);
    return sink_append(&s->sink, &copy.io.event);
}

static int take(void *ctx, const struct event *ev)
{
    struct session *s = ctx;
    bool io = ev->kind == EVENT_RECV || ev->kind == EVENT_SEND;

    progress_event(&s->progress, ev);
    runtimes_see(s->runtimes, ev);
    if (s->ending.slow)
        slow_see(s->ending.slow, ev);
    if (io && ev->size > sizeof(struct event_io))
        return take_io(s, (const struct event_io *)ev);
    return sink_append(&s->sink, ev);
}

/* A flight recorder that gives up descriptions wants to know what is waited for, and needs them
 * again when what they are about is met again. */
static int tend_flight(struct session *s)
{
    struct flight *f = s->sink.flight;
    uint64_t objects[GIVEN_UP_STEP];
    struct err e = {0};

    if (!f)
        return 0;
    probes_describe_again(s->probes, objects, flight_given_up(f, objects, GIVEN_UP_STEP));
    if (!flight_wants_look(f))
        return 0;
    flight_look(f);
    return probes_snapshot(s->probes, THREAD_BETWEEN, &e);
}

static int drain(struct session *s)
{
    struct capture_loss losses[EVENT_KINDS];
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    unsigned fill;
    int ret = probes_drain(s->probes, take, s, &fill);
    size_t n;

    if (ret)
        return ret;
    if (fill > FULL_PERCENT && s->drain_ns > DRAIN_LEAST_NS)
        s->drain_ns /= 2;
    else if (fill < FULL_PERCENT / 4 && s->drain_ns < DRAIN_NS)
        s->drain_ns *= 2;
    n = probes_losses(s->probes, s->looked_ns, losses, EVENT_KINDS);
    s->looked_ns = now;
    for (size_t i = 0; i < n; i++)
        s->lost += losses[i].count;
    if (n)
        ret = sink_loss(&s->sink, losses, n);
    if (!ret && now - s->flushed_ns >= FLUSH_NS) {
        ret = sink_flush(&s->sink, now);
        s->flushed_ns = now;
        if (!ret)
            ret = tend_flight(s);
    }
    return ret;
}

static const struct target *target_at(const struct record_options *o, size_t i)
{
    return o->command ? &o->command->target : &o->targets[i];
}

static size_t target_count(const struct record_options *o)
{
    return o->command ? 1 : o->target_count;
}

static int write_probes(struct session *s)
{
    const char *const *names = probes_names(s->probes);
    size_t n = 0;

    while (names[n])
        n++;
    return sink_probes(&s->sink, names, n);
}

static int wait_for_agents(struct session *s)
{
    const struct timespec t = {0, AGENTS_LOOK_NS};
    uint64_t begun = clock_ns(CLOCK_MONOTONIC), now = begun;
    int ret = 0;

    while (!ret && runtimes_busy(s->runtimes) && now - begun < AGENTS_NS) {
        nanosleep(&t, NULL);
        now = clock_ns(CLOCK_MONOTONIC);
        ret = drain(s);
        if (!ret)
            ret = runtimes_tick(s->runtimes, now);
    }
    return ret;
}

static int open_sink(struct session *s, struct err *e)
{
    const struct record_options *o = s->options;

    if (o->slow_ns) {
        s->ending.slow = slow_new(o->slow_ns, o->last_ns);
        if (!s->ending.slow)
            return err_errno(e, -ENOMEM, "record");
    }
    if (!o->last_ns)
        return writer_new(&s->sink.writer, o->capture_path, &s->header, e);
    s->sink.flight = flight_new(o->last_ns, o->max_bytes, s->header.start_ns);
    return s->sink.flight ? 0 : err_errno(e, -ENOMEM, "record");
}

/* Probes on, every thread known. Nothing of the target is touched, unless agents are wanted. */
static int attach(struct session *s, struct err *e)
{
    const struct record_options *o = s->options;
    int ret = probes_new(&s->probes, e);

    for (size_t i = 0; !ret && i < target_count(o); i++)
        ret = probes_target(s->probes, target_at(o, i)->pid, e);
    if (ret)
        return ret;
    describe_recording(&s->header, target_at(o, 0), o->described);
    s->header.start_ns = clock_ns(CLOCK_MONOTONIC);
    s->header.start_real_ns = clock_ns(CLOCK_REALTIME);
    ret = open_sink(s, e);
    if (ret)
        return ret;
    s->runtimes = runtimes_new(s->probes, &s->sink, o->precise, o->agents);
    if (!s->runtimes)
        return err_errno(e, -ENOMEM, "record");
    s->ending.start_ns = s->looked_ns = s->flushed_ns = s->header.start_ns;
    ret = probes_attach(s->probes, e);
    if (!ret)
        ret = probes_snapshot(s->probes, THREAD_AT_ATTACH, e);
    if (!ret)
        ret = write_probes(s);
    /* What the snapshot found is in the ring: the processes whose runtimes are looked for. */
    if (!ret)
        ret = drain(s);
    if (!ret)
        ret = runtimes_tick(s->runtimes, clock_ns(CLOCK_MONOTONIC));
    if (!ret)
        ret = wait_for_agents(s);
    for (size_t i = 0; !ret && i < target_count(o); i++) {
        if (target_ended(target_at(o, i)))
            ret = err_set(e, -ESRCH, "record process %u: it ended during the attach",
                          target_at(o, i)->pid);
    }
    return ret;
}

static void fill_result(struct session *s, uint64_t end_ns)
{
    s->result->lost = s->lost;
    s->result->agents = runtimes_agents(s->runtimes);
    s->result->agent_refused = runtimes_agent_refused(s->runtimes);
    s->result->uprobes_refused = runtimes_refused(s->runtimes);
    s->result->duration_ns = end_ns - s->header.start_ns;
}

static int drain_meanwhile(void *ctx)
{
    return drain(ctx);
}

/* What a flight recorder has kept, into a file. */
static int write_window(struct session *s, const char *path, uint64_t end_ns,
                        const struct capture_summary *summary, bool *made, struct err *e)
{
    struct capture_cost cost;
    size_t size = cost_tell(&s->cost, flight_start(s->sink.flight, end_ns), end_ns, &cost);
    struct flight_file file = {.path = path,
                               .header = s->header,
                               .summary = *summary,
                               .cost = &cost,
                               .cost_size = size,
                               .end_ns = end_ns,
                               .looked_ns = s->end_look_ns,
                               .meanwhile = drain_meanwhile,
                               .ctx = s};
    struct flight_result window;

    cost_sum(&cost, &file.summary);
    int ret = flight_write(s->sink.flight, &file, &window, made, e);

    if (ret)
        return ret;
    s->result->records = window.records;
    s->result->bytes = window.bytes;
    s->result->lost = window.lost;
    s->result->window_ns = end_ns - window.start_ns;
    s->result->window_full = window.full;
    s->result->forgotten = window.forgotten;
    return 0;
}

/* Everything up to now, with a last look at each thread, and the file that it belongs to. */
static int write_capture(struct session *s, const char *path, bool *made, struct err *e)
{
    struct capture_summary summary = {0};
    struct capture_cost cost;
    uint64_t end_ns;
    int ret;

    s->end_look_ns = clock_ns(CLOCK_MONOTONIC);
    ret = probes_snapshot(s->probes, THREAD_AT_END, e);
    end_ns = clock_ns(CLOCK_MONOTONIC);
    if (!ret)
        ret = drain(s);
    if (ret)
        return ret;
    summary.lost = s->lost;
    summary.drain_cpu_ns = cost_own_cpu_ns();
    fill_result(s, end_ns);
    if (s->sink.flight)
        return write_window(s, path, end_ns, &summary, made, e);
    size_t size = cost_tell(&s->cost, s->header.start_ns, end_ns, &cost);
    ret = writer_cost(s->sink.writer, &cost, size);
    if (ret)
        return err_errno(e, ret, "write %s", path);
    cost_sum(&cost, &summary);
    ret = writer_end(s->sink.writer, end_ns, &summary, e);
    s->result->records = writer_records(s->sink.writer);
    s->result->bytes = writer_bytes(s->sink.writer);
    return ret;
}

/* Under the next name; the one after it when somebody else was quicker. */
static int write_next(struct session *s, const char **path, bool *made, struct err *e)
{
    const struct record_options *o = s->options;

    for (;;) {
        struct err failed = {0};
        int ret = o->next_file(o->file_ctx, path);

        *made = false;
        if (ret)
            return err_errno(e, ret, "name the next file");
        ret = write_capture(s, *path, made, &failed);
        if (ret == -EEXIST && !*made)
            continue;
        if (ret) {
            *e = failed;
            err_errno(e, ret, "write %s", *path);
        }
        return ret;
    }
}

/* A flight recorder's file between. That it cannot be written (the disk is full) is no reason to
 * stop: what it would have held is still here, and half of it on the disk is of no use. */
static void write_at_signal(struct session *s)
{
    const struct record_options *o = s->options;
    const char *path;
    struct err failed = {0};
    bool made;
    int ret = write_next(s, &path, &made, &failed);

    s->ending.window_wanted = false;
    if (ret && made)
        unlink(path);
    o->wrote_file(o->file_ctx, s->result, ret ? &failed : NULL);
}

static int follow(struct session *s)
{
    struct pollfd waits[2] = {
        {.fd = s->ending.signals, .events = POLLIN},
        {.fd = target_at(s->options, 0)->pidfd, .events = POLLIN},
    };
    int ret = 0;

    while (!ret && !s->ending.ended) {
        uint64_t now = clock_ns(CLOCK_MONOTONIC), wait = s->drain_ns;
        uint64_t over = s->options->duration_ns ? s->header.start_ns + s->options->duration_ns : 0;

        if (over > now && over - now < wait)
            wait = over - now;
        struct timespec t = {0, (long)wait};

        /* The first target's end is seen at once; that of others at the next look. */
        ppoll(waits, target_ended(target_at(s->options, 0)) ? 1 : 2, &t, NULL);
        now = clock_ns(CLOCK_MONOTONIC);
        ending_take_signals(&s->ending, now);
        ret = drain(s);
        if (!ret)
            ret = runtimes_tick(s->runtimes, now);
        cost_tick(&s->cost, now);
        ending_look(&s->ending, probes_alive(s->probes),
                    s->sink.writer ? writer_bytes(s->sink.writer) : 0, now);
        if (!ret && !s->ending.ended && s->ending.window_wanted)
            write_at_signal(s);
        if (s->options->tick)
            s->options->tick(s->options->file_ctx);
        progress_show(&s->progress, now - s->header.start_ns, sink_records(&s->sink), s->lost,
                      sink_bytes(&s->sink));
    }
    return ret;
}

static int finish(struct session *s, struct err *e)
{
    const char *path = s->options->capture_path;

    if (s->sink.flight)
        return write_next(s, &path, &s->result->made, e);
    int ret = write_capture(s, path, NULL, e);

    return ret ? err_errno(e, ret, "write %s", path) : 0;
}

int record_run(const struct record_options *options, struct record_result *result, struct err *e)
{
    struct session s = {.options = options,
                        .result = result,
                        .ending = {.options = options, .result = result, .signals = -1},
                        .drain_ns = DRAIN_NS};
    uint64_t begun = clock_ns(CLOCK_MONOTONIC);
    int ret;

    memset(result, 0, sizeof(*result));
    progress_init(&s.progress, options->progress);
    ret = s.ending.signals = signals_open(options->last_ns != 0, e);
    if (ret >= 0)
        ret = attach(&s, e);
    if (!ret && cost_begin(&s.cost, s.probes, options->last_ns, clock_ns(CLOCK_MONOTONIC)) < 0)
        ret = err_errno(e, -ENOMEM, "record");
    if (!ret && options->attached)
        options->attached(options->attached_ctx, probes_alive(s.probes),
                          clock_ns(CLOCK_MONOTONIC) - begun);
    if (!ret && options->command)
        ret = target_go(options->command, options->command_name, e);
    if (ret) {
        if (s.sink.writer)
            unlink(options->capture_path);
        goto out;
    }
    result->made = s.sink.writer != NULL;
    ret = follow(&s);
    if (!ret)
        ret = finish(&s, e);
    else if (s.sink.flight)
        err_errno(e, ret, "record");
    else
        err_errno(e, ret, "write %s", options->capture_path);
out:
    progress_end(&s.progress);
    if (s.ending.signals >= 0)
        close(s.ending.signals);
    runtimes_free(s.runtimes);
    writer_free(s.sink.writer);
    flight_free(s.sink.flight);
    slow_free(s.ending.slow);
    cost_release(&s.cost);
    probes_free(s.probes);
    return ret;
}
