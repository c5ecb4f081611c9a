/*
 * linear: does twice the records take the analysis twice the time? Each scene makes captures of N,
 * 2N and 4N events of its kind in memory; the processor time of analysis_finish() is taken, the
 * kernel's for its memory too, the least of a few runs. Each runs in a process of its own: what an
 * earlier one has left, pages that are there already, would favour some sizes. Prints a line for
 * each scene, of its largest captures, and fails where a doubling, as the mean of both, costs more
 * than LIMIT, or a million records more than MILLION_S.
 *
 *     linear [SCENE…]
 *
 * Or writes one as a capture of at least so many records:
 *
 *     linear -o FILE SCENE RECORDS
 */
#include "analysis/analysis.h"
#include "capture/writer.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUNS 5
#define LIMIT 2.2
#define MILLION_S 2.0
#define T0 5000000000u

#define SOCKET(n) ((uint64_t)OBJECT_SOCKET << 56 | (n))
#define FILE_OBJ(n) ((uint64_t)OBJECT_FILE << 56 | (n))
#define EPOLL ((uint64_t)OBJECT_ANON << 56 | 1)
#define FUTEX_WAIT_BITSET 9
#define ESTABLISHED 1

struct world {
    struct analysis *a;
    struct writer *w; /* or this one */
    uint64_t now;     /* ns since T0 */
    uint64_t records;
    uint64_t ready; /* of what is received; 0: just before */
};

static void must(int rc)
{
    if (rc < 0) {
        fprintf(stderr, "linear: %s\n", strerror(-rc));
        exit(1);
    }
}

static void add(struct world *w, void *record, unsigned kind, size_t size, uint32_t tid,
                uint64_t at)
{
    struct event *ev = record;
    *ev = (struct event){(uint16_t)kind, (uint16_t)size, tid, T0 + at};
    w->records++;
    must(w->w ? writer_append(w->w, ev) : analysis_event(w->a, ev));
}

static void thread(struct world *w, uint32_t tid, uint32_t pid)
{
    struct event_thread e = {.pid = pid, .phase = THREAD_AT_ATTACH, .on_cpu = 1, .comm = "bench"};
    add(w, &e, EVENT_THREAD, sizeof(e), tid, 0);
}

/* Off the CPU in [from, to), woken by `waker` and on CPU at once. */
static void waits(struct world *w, uint32_t tid, uint64_t from, uint64_t to, unsigned call,
                  uint64_t obj, uint32_t waker)
{
    struct event_wait e = {.off_ns = T0 + from,
                           .wake_ns = T0 + to,
                           .obj = obj,
                           .waker = waker,
                           .call = (uint16_t)call,
                           .why = WHY_SLEEP,
                           .fd = WAIT_NO_FD,
                           .arg = call == CALL_futex ? FUTEX_WAIT_BITSET : 0};
    add(w, &e, EVENT_WAIT, sizeof(e), tid, to);
}

static void connection(struct world *w, uint64_t obj)
{
    struct event_socket s = {.obj = obj,
                             .family = AF_INET,
                             .type = SOCK_STREAM,
                             .role = ROLE_ACCEPTED,
                             .local_port = 80,
                             .remote_port = (uint16_t)obj};
    struct event_conn c = {.obj = obj, .new_state = ESTABLISHED, .role = ROLE_ACCEPTED};
    add(w, &s, EVENT_SOCKET, sizeof(s), 0, w->now);
    add(w, &c, EVENT_CONN, sizeof(c), 0, w->now);
}

static void moves(struct world *w, unsigned kind, uint32_t tid, uint64_t obj, const char *text)
{
    struct {
        struct event_io io;
        char data[64];
    } r = {.io = {.obj = obj, .bytes = (uint32_t)strlen(text), .flags = IO_TURN}};
    uint64_t ready = w->ready ? w->ready : w->now - 1000;
    r.io.ready_ns = kind == EVENT_RECV ? T0 + ready : 0;
    r.io.data_len = (uint16_t)strlen(text);
    memcpy(r.data, text, strlen(text));
    w->now += 1000;
    add(w, &r, kind, sizeof(r), tid, w->now);
}

static void receives(struct world *w, uint32_t tid, uint64_t obj)
{
    moves(w, EVENT_RECV, tid, obj, "GET /x/1 HTTP/1.1\r\nHost: x\r\n\r\n");
}

static void answers(struct world *w, uint32_t tid, uint64_t obj)
{
    moves(w, EVENT_SEND, tid, obj, "HTTP/1.1 200 OK\r\n");
}

static void says(struct world *w, uint32_t tid, uint64_t item, uint8_t op, uint8_t kind)
{
    struct event_work e = {.item = item, .op = op, .kind = kind};
    w->now += 1000;
    add(w, &e, EVENT_WORK, sizeof(e), tid, w->now);
}

static void sleeps(struct world *w, uint32_t tid, uint64_t ns, uint32_t waker)
{
    w->now += 1000;
    waits(w, tid, w->now, w->now + ns, CALL_epoll_wait, EPOLL, waker);
    w->now += ns;
}

/* ---- the scenes: `n` is about how many requests there are */

/* A loop hands each request to one of eight workers; four are out at a time. */
static void scene_workers(struct world *w, size_t n)
{
    enum { WORKERS = 8, AT_ONCE = 4 };
    uint64_t parked[WORKERS] = {0};

    thread(w, 10, 10);
    for (uint32_t k = 0; k < WORKERS; k++)
        thread(w, 11 + k, 10);
    for (uint64_t i = 0; i < AT_ONCE; i++)
        connection(w, SOCKET(1 + i));
    for (size_t i = 0; i < n; i += AT_ONCE) {
        sleeps(w, 10, 20000, 99);
        for (uint64_t k = 0; k < AT_ONCE; k++)
            receives(w, 10, SOCKET(1 + k));
        for (uint64_t k = 0; k < AT_ONCE; k++) {
            uint32_t worker = (uint32_t)((i + k) % WORKERS);
            waits(w, 11 + worker, parked[worker], w->now, CALL_futex, 4096, 10);
            waits(w, 11 + worker, w->now + 2000, w->now + 60000 + k * 9000, CALL_pread64,
                  FILE_OBJ(1 + k), 99);
            parked[worker] = w->now + 64000 + k * 9000;
        }
        for (uint64_t k = 0; k < AT_ONCE; k++) {
            sleeps(w, 10, 30000, (uint32_t)(11 + (i + k) % WORKERS));
            answers(w, 10, SOCKET(1 + k));
        }
    }
}

/* All are open at once on one loop, which sleeps and wakes for each. */
static void scene_open(struct world *w, size_t n)
{
    thread(w, 10, 10);
    for (uint64_t i = 0; i < n; i++)
        connection(w, SOCKET(1 + i));
    for (uint64_t i = 0; i < n; i++) {
        receives(w, 10, SOCKET(1 + i));
        sleeps(w, 10, 5000, 99);
    }
    for (uint64_t i = 0; i < n; i++) {
        sleeps(w, 10, 5000, 99);
        answers(w, 10, SOCKET(1 + i * 7 % n));
    }
}

/* One slice without a sleep in which all are read and then answered, while workers ring. */
static void scene_slice(struct world *w, size_t n)
{
    uint64_t parked = 0;

    thread(w, 10, 10);
    thread(w, 11, 10);
    for (uint64_t i = 0; i < n; i++)
        connection(w, SOCKET(1 + i));
    sleeps(w, 10, 20000, 11);
    for (uint64_t i = 0; i < n; i++)
        receives(w, 10, SOCKET(1 + i));
    for (uint64_t i = 0; i < n; i++) {
        waits(w, 11, parked, w->now, CALL_futex, 4096, 10);
        waits(w, 11, w->now + 100, w->now + 300, CALL_pread64, FILE_OBJ(1), 99);
        parked = w->now + 500;
        answers(w, 10, SOCKET(1 + i));
    }
    sleeps(w, 10, 20000, 11);
}

/* Sleeps and items so close together that each window of time holds all of them. */
static void scene_dense(struct world *w, size_t n)
{
    thread(w, 10, 10);
    thread(w, 11, 10);
    connection(w, SOCKET(1));
    connection(w, SOCKET(2));
    for (size_t i = 0; i < n; i++) {
        uint64_t at = w->now;
        receives(w, 10, SOCKET(1 + i % 2));
        sleeps(w, 10, 10, 11);
        answers(w, 10, SOCKET(1 + i % 2));
        waits(w, 11, at, at + 10, CALL_futex, 4096, 10);
        waits(w, 11, at + 20, at + 30, CALL_pread64, FILE_OBJ(1), 99);
        w->now = at + 40;
    }
}

/* Processes of one loop and one worker, forty requests each. */
static void scene_prefork(struct world *w, size_t n)
{
    for (uint32_t p = 0; p < n / 40; p++) {
        uint32_t loop = 100 + 2 * p, worker = loop + 1;
        uint64_t parked = 0, conn = SOCKET(1 + p);
        thread(w, loop, loop);
        thread(w, worker, loop);
        connection(w, conn);
        for (int i = 0; i < 40; i++) {
            sleeps(w, loop, 5000, 99);
            receives(w, loop, conn);
            waits(w, worker, parked, w->now, CALL_futex, 4096, loop);
            waits(w, worker, w->now + 1000, w->now + 4000, CALL_pread64, FILE_OBJ(1), 99);
            sleeps(w, loop, 5000, worker);
            parked = w->now;
            answers(w, loop, conn);
        }
    }
}

/* A thread for each connection beside a loop that they wake, ten requests each. */
static void scene_threads(struct world *w, size_t n)
{
    thread(w, 10, 10);
    connection(w, SOCKET(1));
    sleeps(w, 10, 5000, 99);
    receives(w, 10, SOCKET(1));
    for (uint32_t k = 0; k < n / 10; k++) {
        uint64_t conn = SOCKET(2 + k), parked = 0;
        thread(w, 100 + k, 10);
        connection(w, conn);
        for (int i = 0; i < 10; i++) {
            w->now += 2000;
            waits(w, 100 + k, parked ? parked : w->now - 1000, w->now, CALL_futex, 4096, 10);
            receives(w, 100 + k, conn);
            answers(w, 100 + k, conn);
            sleeps(w, 10, 500, 100 + k);
            parked = w->now;
        }
    }
}

/* asyncio with --precise: two requests at a time, each one's steps and what they wait for. */
static void scene_steps(struct world *w, size_t n)
{
    thread(w, 10, 10);
    connection(w, SOCKET(1));
    connection(w, SOCKET(2));
    for (size_t i = 0; i < n; i += 2) {
        sleeps(w, 10, 5000, 99);
        for (uint64_t k = 1; k <= 2; k++) {
            receives(w, 10, SOCKET(k));
            says(w, 10, 100 + k + i, WORK_SUBMIT, WORK_TASK);
        }
        for (uint64_t k = 1; k <= 2; k++) {
            says(w, 10, 100 + k + i, WORK_RESUME, WORK_TASK);
            says(w, 10, 1000000 + k + i, WORK_END, WORK_TASK);
        }
        sleeps(w, 10, 5000, 99);
        for (uint64_t k = 1; k <= 2; k++) {
            says(w, 10, 1000000 + k + i, WORK_READY, WORK_TASK);
            says(w, 10, 100 + k + i, WORK_RESUME, WORK_TASK);
            answers(w, 10, SOCKET(k));
            says(w, 10, 0, WORK_END, WORK_TASK);
        }
    }
}

/* libuv's own words on each piece of work. */
static void scene_libuv(struct world *w, size_t n)
{
    uint64_t parked = 0;

    thread(w, 10, 10);
    thread(w, 11, 10);
    connection(w, SOCKET(1));
    for (size_t i = 0; i < n; i++) {
        sleeps(w, 10, 5000, 99);
        receives(w, 10, SOCKET(1));
        says(w, 10, 64 + i % 1024, WORK_SUBMIT, WORK_LIBUV);
        waits(w, 11, parked, w->now, CALL_futex, 4096, 10);
        says(w, 11, 64 + i % 1024, WORK_BEGIN, WORK_LIBUV);
        parked = w->now + 1000;
        sleeps(w, 10, 5000, 11);
        says(w, 10, 64 + i % 1024, WORK_RESUME, WORK_LIBUV);
        answers(w, 10, SOCKET(1));
    }
}

/* A loop that blocks in each request of one slice. */
static void scene_holds(struct world *w, size_t n)
{
    thread(w, 10, 10);
    for (uint64_t i = 0; i < n; i++)
        connection(w, SOCKET(1 + i));
    sleeps(w, 10, 5000, 99);
    for (uint64_t i = 0; i < n; i++) {
        receives(w, 10, SOCKET(1 + i));
        waits(w, 10, w->now + 1000, w->now + 7000000, CALL_pread64, FILE_OBJ(1), 99);
        w->now += 7001000;
        answers(w, 10, SOCKET(1 + i));
    }
    sleeps(w, 10, 5000, 99);
}

/* The same with all the others waiting: victims are the product of both. */
static void scene_victims(struct world *w, size_t n)
{
    w->ready = 6000;
    scene_holds(w, n);
}

/* Records are lost again and again, between requests that wait. */
static void scene_losses(struct world *w, size_t n)
{
    thread(w, 10, 10);
    connection(w, SOCKET(1));
    for (size_t i = 0; i < n; i++) {
        struct capture_loss loss = {T0 + w->now, T0 + w->now + 100, 1, 0, 0};
        must(w->w ? writer_loss(w->w, &loss, 1) : analysis_loss(w->a, &loss));
        sleeps(w, 10, 5000, 99);
        receives(w, 10, SOCKET(1));
        sleeps(w, 10, 5000, 99);
        answers(w, 10, SOCKET(1));
    }
}

/* A loop reads, a worker answers, and never parks: each answer may go back to the begin. */
static void scene_chains(struct world *w, size_t n)
{
    thread(w, 10, 10);
    thread(w, 11, 10);
    for (uint64_t i = 0; i < 3; i++)
        connection(w, SOCKET(1 + i));
    sleeps(w, 10, 1000, 11);
    receives(w, 10, SOCKET(1));
    waits(w, 11, 100, w->now, CALL_futex, 4096, 10);
    for (size_t i = 0; i < n; i++) {
        w->now += 5000;
        waits(w, 11, w->now - 4000, w->now - 2000, CALL_pread64, FILE_OBJ(1), 99);
        /* it blocks on another's connection, which ends what it had */
        waits(w, 11, w->now - 1000, w->now, CALL_recvfrom, SOCKET(3), 99);
        moves(w, EVENT_SEND, 11, SOCKET(1), "part");
    }
    sleeps(w, 10, 1000, 11);
}

static const struct scene {
    const char *name;
    void (*make)(struct world *, size_t);
    size_t n;
} scenes[] = {
    {"workers", scene_workers, 40000}, {"open", scene_open, 40000},
    {"slice", scene_slice, 40000},     {"dense", scene_dense, 40000},
    {"prefork", scene_prefork, 80000}, {"threads", scene_threads, 40000},
    {"steps", scene_steps, 40000},     {"libuv", scene_libuv, 40000},
    {"holds", scene_holds, 20000},     {"losses", scene_losses, 40000},
    {"chains", scene_chains, 40000},   {"victims", scene_victims, 20000},
};

/* In user mode: what the kernel takes to hand out pages is not the analysis's. */
static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* One analysis. */
struct result {
    double took; /* seconds */
    uint64_t records;
};

static struct result run(const struct scene *s, size_t n)
{
    struct capture_info info = {.complete = true, .header = {.start_ns = T0}};
    struct world w = {.now = 10000};
    struct timeline tl;
    char why[256];

    timeline_init(&tl);
    must(analysis_new(&w.a, NULL));
    s->make(&w, n);
    info.header.end_ns = T0 + w.now + 1000;
    info.records = w.records;
    double begin = cpu_s();
    must(analysis_finish(w.a, &info, &tl));
    const struct result result = {cpu_s() - begin, w.records};
    if (timeline_check(&tl, why, sizeof(why)) != 0) {
        fprintf(stderr, "linear: %s: %s\n", s->name, why);
        exit(1);
    }
    analysis_free(w.a);
    timeline_release(&tl);
    return result;
}

static struct result run_apart(const struct scene *s, size_t n)
{
    struct result result;
    int ends[2], status = 0;

    must(pipe(ends) < 0 ? -errno : 0);
    pid_t pid = fork();
    must(pid < 0 ? -errno : 0);
    if (pid == 0) {
        result = run(s, n);
        _exit(write(ends[1], &result, sizeof(result)) != sizeof(result));
    }
    close(ends[1]);
    bool got = read(ends[0], &result, sizeof(result)) == sizeof(result);
    close(ends[0]);
    if (waitpid(pid, &status, 0) != pid || status || !got) {
        fprintf(stderr, "linear: %s: the run failed\n", s->name);
        exit(1);
    }
    return result;
}

static bool scene_run(const struct scene *s)
{
    double took[3] = {INFINITY, INFINITY, INFINITY};
    uint64_t records[3] = {0};

    for (int i = 0; i < RUNS; i++) {
        for (int k = 0; k < 3; k++) {
            struct result result = run_apart(s, s->n << k);
            took[k] = fmin(took[k], result.took);
            records[k] = result.records;
            if (i == 0 && took[k] > 10) /* worse will not tell more */
                k = 3, i = RUNS;
        }
    }
    double doubling = sqrt(took[2] / took[0]);
    double million = took[2] / (double)records[2] * 1e6;
    bool good = doubling <= LIMIT && million <= MILLION_S;
    printf("%s %llu records, %.0f ms, twice %.2f, a million %.2f s%s\n", s->name,
           (unsigned long long)records[2], took[2] * 1e3, doubling, million, good ? "" : " MISSED");
    return good;
}

/* How many records a scene has, by its kind of a size: tried with a small one. */
static size_t scene_size(const struct scene *s, uint64_t records)
{
    struct world w = {.now = 10000};

    must(analysis_new(&w.a, NULL));
    s->make(&w, 1000);
    analysis_free(w.a);
    return (size_t)(records * 1000 / w.records + 1);
}

static void scene_write(const char *path, const char *name, uint64_t records)
{
    static const char *const probe = "bench";
    struct capture_header header = {.start_ns = T0, .cpus = 1, .target_pid = 10, .comm = "bench"};
    struct capture_summary summary = {.lost = 0};
    const struct scene *s = scenes;
    struct world w = {.now = 10000};

    while (s < scenes + sizeof(scenes) / sizeof(scenes[0]) && strcmp(s->name, name) != 0)
        s++;
    must(s == scenes + sizeof(scenes) / sizeof(scenes[0]) ? -ENOENT : 0);
    size_t n = scene_size(s, records);
    must(writer_new(&w.w, path, &header, NULL));
    must(writer_probes(w.w, &probe, 1));
    s->make(&w, n);
    must(writer_end(w.w, T0 + w.now + 1000, &summary, NULL));
    writer_free(w.w);
    printf("%llu\n", (unsigned long long)w.records);
}

int main(int argc, char **argv)
{
    bool good = true;

    if (argc == 5 && strcmp(argv[1], "-o") == 0) {
        scene_write(argv[2], argv[3], strtoull(argv[4], NULL, 10));
        return 0;
    }
    for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
        bool wanted = argc < 2;
        for (int k = 1; k < argc; k++)
            wanted |= strcmp(argv[k], scenes[i].name) == 0;
        if (wanted)
            good &= scene_run(&scenes[i]);
    }
    return good ? 0 : 1;
}
