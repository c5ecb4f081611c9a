/*
 * gen_timeline: writes a made-up timeline of any size, for the viewer's benches and for looking
 * at the outputs without a recording. The same seed gives the same bytes.
 *
 *     gen_timeline [--intervals N] [--threads T] [--requests R] [--seed S]
 *                  [--report | --report-json] OUT…
 *
 * OUT ends in .json, .json.gz or .html. The scene: "shop", a pool of blocking threads that reads
 * files and asks a database, and "gateway", one event loop that asks "shop" and now and then
 * reads a file where it should not.
 */
#include "base/text.h"
#include "output/output.h"

#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FILES 200
#define SLOTS 64 /* connections of the gateway */
#define HOLD_NS 5000000

struct gen {
    struct timeline tl;
    uint64_t seed;
    size_t intervals, threads, requests;
    uint32_t calls[5];                     /* strings */
    uint32_t database, shop, epoll, files; /* objects; files is the first of FILES */
};
enum { READ, RECV, EPOLL_WAIT, FUTEX, FSYNC };

static void must(int ret)
{
    if (ret < 0) {
        fprintf(stderr, "gen_timeline: %s\n", strerror(-ret));
        exit(1);
    }
}

/* splitmix64 */
static uint64_t rnd(struct gen *g)
{
    uint64_t z = g->seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Exponential with that mean, at least 1 ns. */
static uint64_t expo(struct gen *g, double mean)
{
    double u = (double)(rnd(g) >> 11) / 9007199254740992.0;
    return 1 + (uint64_t)(-log(1 - u) * mean);
}

static uint32_t str(struct gen *g, const char *s)
{
    return timeline_intern(&g->tl, s);
}

static uint32_t object(struct gen *g, uint8_t kind, const char *name, const char *local,
                       const char *remote)
{
    struct object o = {.id = rnd(g), .kind = kind, .name = str(g, name)};
    o.local = str(g, local);
    o.remote = str(g, remote);
    must(vec_push(&g->tl.objects, o));
    return (uint32_t)g->tl.objects.len - 1;
}

static struct thread *thread(struct gen *g, uint32_t process, const char *comm, uint8_t role)
{
    struct thread t = {.tid = 4711 + (uint32_t)g->tl.threads.len, .process = process};
    t.pid = g->tl.processes.data[process].pid;
    t.comm = str(g, comm);
    t.role = role;
    must(vec_push(&g->tl.threads, t));
    return vec_last(&g->tl.threads);
}

/* Appends an interval; call and object are given as the interval has them. */
static void interval(struct gen *g, struct thread *t, uint64_t *now, uint64_t ns, uint8_t state,
                     uint32_t call1, uint32_t object1, uint8_t flags)
{
    struct interval iv = {.start_ns = *now, .state = state, .flags = flags};
    if (state_is_wait(state)) {
        struct wait wait = {.call_plus1 = call1, .object_plus1 = object1};
        wait.fd = (int32_t)(5 + object1 % 60);
        must(timeline_wait(&g->tl, wait, &iv.wait));
        iv.waker = state == STATE_LOCK ? t->tid - 1 : 0;
    }
    must(vec_push(&t->intervals, iv));
    t->state_ns[state] += ns;
    t->end_ns = *now += ns;
}

/* Appends a segment to the request, of which it must be the last so far. */
static void segment(struct gen *g, struct request *r, uint64_t ns, uint8_t key, uint32_t thread1,
                    uint32_t interval1)
{
    struct segment s = {.start_ns = r->end_ns, .key = key, .thread_plus1 = thread1};
    if (!ns) /* once in a million draws */
        return;
    s.interval_plus1 = interval1;
    if (!r->segment_count++)
        r->first_segment = (uint32_t)g->tl.segments.len;
    must(vec_push(&g->tl.segments, s));
    r->end_ns += ns;
}

static struct request request(struct gen *g, uint32_t process, uint32_t conn, uint64_t start_ns)
{
    static const char *const kinds[][2] = {
        {"GET /db/10/%u", "GET /db/:n/:n"},
        {"GET /file/%u", "GET /file/:n"},
        {"POST /orders/%u", "POST /orders/:n"},
        {"GET /health", "GET /health"},
    };
    uint64_t kind = rnd(g) % 16;
    kind = kind < 8 ? 0 : kind < 13 ? 1 : kind < 15 ? 2 : 3;
    char name[64];
    /* The formats stand above; one has no number. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(name, sizeof(name), kinds[kind][0], (unsigned)(rnd(g) % 100000));
#pragma GCC diagnostic pop
    struct request r = {.process = process, .conn = conn, .status = rnd(g) % 50 ? 200 : 503};
    r.protocol = str(g, "http");
    r.name = str(g, name);
    r.group = str(g, kinds[kind][1]);
    r.flags = REQUEST_COMPLETE;
    r.start_ns = r.end_ns = start_ns;
    r.bytes_in = 80 + rnd(g) % 400;
    r.bytes_out = 200 + expo(g, 3000);
    return r;
}

/* One round of a worker inside a request: computes, waits, waits for a CPU. */
static void work(struct gen *g, size_t thread_index, struct request *r, uint64_t *now)
{
    struct thread *t = &g->tl.threads.data[thread_index];
    const uint8_t states[3] = {STATE_RUNNING, STATE_BLOCKED, STATE_RUNNABLE};
    uint64_t pick = rnd(g) % 10;
    uint8_t wait = pick == 0 ? STATE_LOCK : pick == 1 ? STATE_FAULT : STATE_BLOCKED;
    uint32_t file = g->files + (uint32_t)(rnd(g) % FILES);
    uint32_t call = pick == 0 ? FUTEX : pick < 5 ? RECV : pick < 9 ? READ : FSYNC;
    for (unsigned i = 0; i < 3; i++) {
        uint8_t state = states[i] == STATE_BLOCKED ? wait : states[i];
        uint64_t ns = expo(g, state == STATE_RUNNING    ? 20e3
                              : state == STATE_RUNNABLE ? 6e3
                                                        : 300e3);
        interval(g, t, now, ns, state, wait == STATE_FAULT ? 0 : g->calls[call] + 1,
                 wait == STATE_FAULT ? 0
                 : call == RECV      ? g->database + 1
                                     : file + 1,
                 0);
        static const uint8_t keys[STATE_COUNT] = {
            LEDGER_RUNNING, LEDGER_RUNNABLE, LEDGER_BLOCKED, LEDGER_AWAITING,    LEDGER_LOCK,
            LEDGER_SLEEP,   LEDGER_FAULT,    LEDGER_OTHER,   LEDGER_UNATTRIBUTED};
        segment(g, r, ns, keys[state], (uint32_t)thread_index + 1, (uint32_t)t->intervals.len);
    }
}

static void pool_worker(struct gen *g, size_t intervals, size_t requests)
{
    char name[64];
    size_t index = g->tl.threads.len;
    struct thread *t = thread(g, 0, "shop-worker", THREAD_ROLE_WORKER);
    snprintf(name, sizeof(name), "10.0.%zu.%zu:4%04zu", index / 250, index % 250, index % 10000);
    uint32_t conn = object(g, OBJ_ACCEPTED, name, "10.0.0.1:8080", name);
    uint64_t now = 0;
    /* Rounds of three intervals beside three others a request, so that the sum is what was asked.
     */
    double each = requests ? fmax(((double)intervals / (double)requests - 3) / 3, 1) : 0, due = 0;
    interval(g, t, &now, expo(g, 1e6), STATE_UNKNOWN, 0, 0, INTERVAL_OPEN);
    for (size_t i = 0; i < requests; i++) {
        t = &g->tl.threads.data[index];
        interval(g, t, &now, expo(g, 2e6), STATE_BLOCKED, g->calls[RECV] + 1, conn + 1,
                 INTERVAL_IDLE);
        uint64_t woken = expo(g, 6e3), queued = expo(g, rnd(g) % 4 ? 30e3 : 900e3);
        queued = queued < now ? queued : now;
        struct request r = request(g, 0, conn, now - queued);
        segment(g, &r, queued, LEDGER_QUEUED, (uint32_t)index + 1, 0);
        interval(g, t, &now, woken, STATE_RUNNABLE, 0, 0, 0);
        segment(g, &r, woken, LEDGER_RUNNABLE, (uint32_t)index + 1, (uint32_t)t->intervals.len);
        due += each;
        size_t rounds = (size_t)due;
        due -= (double)rounds;
        for (size_t k = 0; k < rounds; k++)
            work(g, index, &r, &now);
        t = &g->tl.threads.data[index];
        uint64_t last = expo(g, 20e3);
        interval(g, t, &now, last, STATE_RUNNING, 0, 0, 0);
        segment(g, &r, last, LEDGER_RUNNING, (uint32_t)index + 1, (uint32_t)t->intervals.len);
        must(vec_push(&g->tl.requests, r));
    }
}

/* ---- the event loop: SLOTS connections, each with a request that is started, awaited, answered */

struct slot {
    uint64_t ready_ns;
    bool busy;              /* a request is on its way, from `sent_ns` on outstanding */
    uint32_t wait_interval; /* of the loop, index + 1, where it was blocked */
    uint64_t arrived_ns, first_ns, sent_ns;
    uint64_t first_running, first_blocked;
    uint32_t conn;
};

static size_t next_slot(const struct slot *slots)
{
    size_t best = 0;
    for (size_t i = 1; i < SLOTS; i++)
        if (slots[i].ready_ns < slots[best].ready_ns)
            best = i;
    return best;
}

/* The classic mistake: the loop reads a file that is not in the cache. */
static uint64_t block_loop(struct gen *g, size_t index, uint64_t *now)
{
    struct thread *t = &g->tl.threads.data[index];
    uint64_t begin = *now, ns = HOLD_NS + expo(g, 10e6);
    uint32_t file = g->files + (uint32_t)(rnd(g) % FILES);
    interval(g, t, now, ns, STATE_BLOCKED, g->calls[READ] + 1, file + 1, 0);
    struct hold h = {.thread = (uint32_t)index, .call_plus1 = g->calls[READ] + 1};
    h.object_plus1 = file + 1;
    h.state = STATE_BLOCKED;
    h.start_ns = begin;
    h.end_ns = *now;
    must(vec_push(&g->tl.holds, h));
    return ns;
}

static void answer(struct gen *g, size_t index, struct slot *s, uint64_t now, uint64_t last)
{
    uint32_t thread1 = (uint32_t)index + 1;
    struct request r = request(g, 1, s->conn, s->arrived_ns);
    segment(g, &r, s->first_ns - s->arrived_ns, LEDGER_QUEUED, thread1, 0);
    segment(g, &r, s->first_running, LEDGER_RUNNING, thread1, 0);
    if (s->first_blocked)
        segment(g, &r, s->first_blocked, LEDGER_BLOCKED, thread1, s->wait_interval);
    segment(g, &r, s->ready_ns - s->sent_ns, LEDGER_AWAITING, 0, 0);
    segment(g, &r, now - last - s->ready_ns, LEDGER_LOOP_BUSY, thread1, 0);
    segment(g, &r, last, LEDGER_RUNNING, thread1, 0);
    must(vec_push(&g->tl.requests, r));
    s->busy = false;
    s->ready_ns = now + expo(g, 5e6);
}

static void event_loop(struct gen *g, size_t requests)
{
    struct slot slots[SLOTS];
    size_t index = g->tl.threads.len, in_flight = 0;
    uint64_t now = 0;
    thread(g, 1, "gateway", THREAD_ROLE_LOOP);
    for (size_t i = 0; i < SLOTS; i++) {
        char name[64];
        snprintf(name, sizeof(name), "10.0.9.%zu:5%04zu", i, i);
        slots[i] = (struct slot){.ready_ns = expo(g, 5e6)};
        slots[i].conn = object(g, OBJ_ACCEPTED, name, "10.0.0.1:80", name);
    }
    for (size_t done = 0; done < requests;) {
        struct thread *t = &g->tl.threads.data[index];
        struct slot *s = &slots[next_slot(slots)];
        if (s->ready_ns > now) {
            interval(g, t, &now, s->ready_ns - now, STATE_YIELDED, g->calls[EPOLL_WAIT] + 1,
                     g->epoll + 1, in_flight ? 0 : INTERVAL_IDLE);
            interval(g, t, &now, expo(g, 5e3), STATE_RUNNABLE, 0, 0, 0);
        }
        uint64_t ran = expo(g, 25e3), begin = now;
        interval(g, t, &now, ran, STATE_RUNNING, 0, 0, 0);
        if (s->busy) {
            answer(g, index, s, now, ran);
            in_flight--;
            done++;
            continue;
        }
        s->busy = true;
        in_flight++;
        s->arrived_ns = s->ready_ns;
        s->first_ns = begin;
        s->first_running = ran;
        s->first_blocked = rnd(g) % 400 ? 0 : block_loop(g, index, &now);
        s->wait_interval = (uint32_t)g->tl.threads.data[index].intervals.len;
        s->sent_ns = now;
        s->ready_ns = now + expo(g, 3e6);
    }
}

/* ---- the whole */

static int by_start(const void *a, const void *b)
{
    const struct request *x = a, *y = b;
    return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

/* Whose call it was that held the loop. */
static void find_holder(struct timeline *tl, struct hold *h)
{
    for (uint32_t i = 0; i < tl->requests.len && !h->request_plus1; i++) {
        const struct request *r = &tl->requests.data[i];
        for (uint32_t k = 0; k < r->segment_count && r->process == 1; k++) {
            const struct segment *s = &tl->segments.data[r->first_segment + k];
            if (s->key == LEDGER_BLOCKED && s->start_ns == h->start_ns)
                h->request_plus1 = i + 1;
        }
    }
}

/* A request that came during the hold, if it had to queue. */
static void add_victim(struct timeline *tl, const struct hold *h, uint32_t request)
{
    const struct request *r = &tl->requests.data[request];
    uint64_t end = segment_end(tl, r, r->first_segment);
    if (tl->segments.data[r->first_segment].key != LEDGER_QUEUED)
        return;
    end = end < h->end_ns ? end : h->end_ns;
    must(vec_push(&tl->victims, ((struct victim){request, end - r->start_ns})));
}

/* Fits the threads to one end, sorts and numbers the requests, finds who held up whom. */
static void finish(struct gen *g)
{
    struct timeline *tl = &g->tl;
    for (size_t i = 0; i < tl->threads.len; i++)
        if (tl->threads.data[i].end_ns > tl->duration_ns)
            tl->duration_ns = tl->threads.data[i].end_ns + 1000;
    for (size_t i = 0; i < tl->threads.len; i++) {
        struct thread *t = &tl->threads.data[i];
        uint64_t now = t->end_ns;
        interval(g, t, &now, tl->duration_ns - now, STATE_BLOCKED, g->calls[RECV] + 1, 0,
                 INTERVAL_IDLE | INTERVAL_OPEN);
        tl->records += t->intervals.len;
    }
    if (tl->requests.len)
        qsort(tl->requests.data, tl->requests.len, sizeof(*tl->requests.data), by_start);
    for (size_t i = 0; i < tl->requests.len; i++)
        tl->requests.data[i].id = i + 1;
    for (size_t i = 0; i < tl->holds.len; i++) {
        struct hold *h = &tl->holds.data[i];
        h->first_victim = (uint32_t)tl->victims.len;
        for (uint32_t k = 0; k < tl->requests.len && tl->requests.data[k].start_ns < h->end_ns; k++)
            if (tl->requests.data[k].process == 1 && tl->requests.data[k].start_ns > h->start_ns)
                add_victim(tl, h, k);
        h->victim_count = (uint32_t)tl->victims.len - h->first_victim;
        find_holder(tl, h);
    }
}

static void judge(struct gen *g, uint32_t process, uint8_t model, uint32_t serving)
{
    struct verdict *v = &g->tl.processes.data[process].verdict;
    double held = 0, running = 0;
    for (size_t i = 0; i < g->tl.requests.len; i++) {
        const struct request *r = &g->tl.requests.data[i];
        if (r->process != process)
            continue;
        struct request_sums sums;
        request_sums(&g->tl, r, &sums);
        v->requests++;
        v->queued_ns += sums.ledger_ns[LEDGER_QUEUED];
        v->queued_requests += sums.ledger_ns[LEDGER_QUEUED] > 1000000;
        running += (double)sums.ledger_ns[LEDGER_RUNNING];
        for (unsigned key = LEDGER_RUNNING; key <= LEDGER_OTHER; key++)
            held += (double)sums.ledger_ns[key];
    }
    if (!v->requests)
        return;
    v->model = model;
    v->thread_waits = model == MODEL_BLOCKING;
    v->waits_on = v->thread_waits ? OBJ_CONNECTED : OBJ_UNKNOWN;
    v->waits_on_name = v->thread_waits ? g->tl.objects.data[g->database].name : 0;
    v->serving_threads = serving;
    v->efficiency = held > 0 ? running / held : 0;
    v->held_ns = held / (double)v->requests;
    v->capacity = held > 0 ? serving * 1e9 / v->held_ns : 0;
    v->offered = (double)v->requests * 1e9 / (double)g->tl.duration_ns;
    v->peak_in_flight = model == MODEL_BLOCKING ? serving + serving / 4 : SLOTS;
    v->saturated = model == MODEL_BLOCKING;
    v->saturated_ns = g->tl.duration_ns / 10;
}

static void scene(struct gen *g)
{
    static const char *const calls[] = {"read", "recvfrom", "epoll_wait", "futex", "fsync"};
    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
        g->calls[i] = str(g, calls[i]);
    g->tl.t0_ns = 12345678901234567;
    g->tl.t0_real_ns = 1763800000000000000;
    g->tl.complete = true;
    g->tl.host = str(g, "db1");
    g->tl.kernel = str(g, "6.1.0-18-amd64");
    g->tl.command = str(g, "shop --workers 8");
    must(vec_push(&g->tl.probes, str(g, "sched_switch")));
    must(vec_push(&g->tl.probes, str(g, "sched_waking")));
    must(vec_push(&g->tl.processes,
                  ((struct process){.pid = 4711, .parent = 1, .comm = str(g, "shop")})));
    must(vec_push(&g->tl.processes,
                  ((struct process){.pid = 4000, .parent = 1, .comm = str(g, "gateway")})));
    g->database = object(g, OBJ_CONNECTED, "10.0.0.5:5432", "10.0.0.1:51000", "10.0.0.5:5432");
    g->shop = object(g, OBJ_CONNECTED, "10.0.0.1:8080", "10.0.0.2:52000", "10.0.0.1:8080");
    g->epoll = object(g, OBJ_EPOLL, "[eventpoll]", "", "");
    for (unsigned i = 0; i < FILES; i++) {
        char name[64];
        snprintf(name, sizeof(name), "/srv/shop/images/%u.jpg", 1000 + i);
        uint32_t file = object(g, OBJ_FILE, name, "", "");
        g->files = i ? g->files : file;
    }
    size_t looped = g->requests / 5, workers = g->threads > 1 ? g->threads - 1 : 1;
    size_t pooled = g->requests - looped;
    size_t left = g->intervals > 4 * looped ? g->intervals - 4 * looped : 0;
    for (size_t i = 0; i < workers; i++)
        pool_worker(g, left / workers, pooled / workers + (i < pooled % workers));
    event_loop(g, looped);
    finish(g);
    judge(g, 0, MODEL_BLOCKING, (uint32_t)workers);
    judge(g, 1, MODEL_NONBLOCKING, 1);
}

static double seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* To standard output, for looking at; the time goes to standard error. */
static int print_report(const struct timeline *tl, bool json)
{
    struct buf out = BUF_INIT;
    struct text_options options = {0};
    double begin = seconds();
    int ret = json ? output_report_json(tl, &out) : output_text(tl, &options, &out);
    fprintf(stderr, "report: %zu bytes, %.2f s\n", out.len, seconds() - begin);
    fwrite(buf_str(&out), 1, out.len, stdout);
    buf_release(&out);
    return ret;
}

static int write_outputs(const struct timeline *tl, char **paths, int count)
{
    for (int i = 0; i < count; i++) {
        struct err e = {0};
        double begin = seconds();
        int ret = output_write(tl, paths[i], &e);
        if (ret < 0) {
            fprintf(stderr, "gen_timeline: %s\n", e.text);
            return ret;
        }
        printf("%s: %zu requests, %" PRIu64 " intervals, %.2f s\n", paths[i], tl->requests.len,
               tl->records, seconds() - begin);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"intervals", required_argument, NULL, 'i'},
        {"threads", required_argument, NULL, 't'},
        {"requests", required_argument, NULL, 'r'},
        {"seed", required_argument, NULL, 's'},
        {"report", no_argument, NULL, 'p'},
        {"report-json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0},
    };
    struct gen g = {.seed = 1, .intervals = 100000, .threads = 17, .requests = 2000};
    int report = 0;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        uint64_t n = 0;
        if (c == '?' || (optarg && text_parse_size(optarg, &n) < 0)) {
            fprintf(stderr, "usage: gen_timeline [--intervals N] [--threads T] [--requests R] "
                            "[--seed S] [--report | --report-json] OUT...\n");
            return 2;
        }
        if (c == 'p' || c == 'j')
            report = c;
        else
            *(c == 'i'   ? &g.intervals
              : c == 't' ? &g.threads
              : c == 'r' ? &g.requests
                         : &g.seed) = n;
    }
    timeline_init(&g.tl);
    scene(&g);
    char why[200];
    int ret = timeline_check(&g.tl, why, sizeof(why));
    if (ret < 0)
        fprintf(stderr, "gen_timeline: the timeline is not sound: %s\n", why);
    else
        ret = write_outputs(&g.tl, argv + optind, argc - optind);
    if (ret == 0 && report)
        ret = print_report(&g.tl, report == 'j');
    timeline_release(&g.tl);
    return ret < 0;
}
