/*
 * output_scene: a small timeline made by hand, with one of everything, for the tests of src/output.
 *
 * shop (pid 100), threads that wait:
 *     100 acceptor   idle in accept4 for all 10 ms
 *     101 worker     idle to 1 ms, runnable to 1.05, running to 1.15, blocked in pread64 on
 *                    /srv/7.jpg to 5.15, runnable to 5.2, running to 5.3, idle in recvfrom
 *     request 1      0.9 … 5.3 ms: queued 0.1, then as the worker
 * gateway (pid 200), an event loop that reads a file where it should not:
 *     200 loop       idle in epoll_wait to 2 ms, running to 2.1, blocked in read on /srv/menu to
 *                    8.1, running to 8.2, yielded to 9, running to 9.1, unknown (lost) to 10
 *     request 2      2 … 8.2 ms: running 0.1, blocked 6, running 0.1
 *     request 3      3 … 9.1 ms: loop_busy 5.2, awaiting 0.8, running 0.1; no answer was seen
 *                    asked 10.0.0.7:5432: a new connection, made from 8.1 to 8.2, used at 8.3,
 *                    first reply at 8.7, all of it at 9
 */
#ifndef TESTS_UNIT_OUTPUT_SCENE_H
#define TESTS_UNIT_OUTPUT_SCENE_H

#include "timeline/timeline.h"

#include <stdlib.h>

#define US 1000u

static inline void scene_must(int ret)
{
    if (ret < 0)
        abort();
}

static inline uint32_t scene_process(struct timeline *tl, uint32_t pid, const char *comm)
{
    struct process p = {.pid = pid, .parent = 1, .comm = timeline_intern(tl, comm)};
    scene_must(vec_push(&tl->processes, p));
    return (uint32_t)tl->processes.len - 1;
}

static inline struct thread *scene_thread(struct timeline *tl, uint32_t process, uint32_t tid,
                                          const char *comm, uint8_t role)
{
    struct thread t = {.tid = tid, .process = process, .role = role};
    t.pid = tl->processes.data[process].pid;
    t.comm = timeline_intern(tl, comm);
    scene_must(vec_push(&tl->threads, t));
    return vec_last(&tl->threads);
}

/* The next interval of the thread, up to `end_us`. `call` may be NULL; object is index + 1. */
static inline void scene_interval(struct timeline *tl, struct thread *t, uint64_t end_us,
                                  uint8_t state, const char *call, uint32_t object1, uint8_t flags)
{
    struct interval iv = {.start_ns = t->end_ns, .state = state, .flags = flags};
    struct wait wait = {.object_plus1 = object1, .fd = object1 ? 3 + (int32_t)object1 : -1};
    if (call)
        wait.call_plus1 = timeline_intern(tl, call) + 1;
    scene_must(timeline_wait(tl, wait, &iv.wait));
    scene_must(vec_push(&t->intervals, iv));
    t->state_ns[state] += end_us * US - t->end_ns;
    t->end_ns = end_us * US;
}

/* Gives the index + 1. */
static inline uint32_t scene_object(struct timeline *tl, uint8_t kind, const char *name,
                                    const char *local, const char *remote)
{
    struct object o = {.id = 0x0100000000000000u + tl->objects.len, .kind = kind};
    o.name = timeline_intern(tl, name);
    o.local = timeline_intern(tl, local);
    o.remote = timeline_intern(tl, remote);
    scene_must(vec_push(&tl->objects, o));
    return (uint32_t)tl->objects.len;
}

static inline struct request *scene_request(struct timeline *tl, uint32_t process, uint32_t conn1,
                                            const char *name, const char *group, uint64_t start_us)
{
    struct request r = {.id = tl->requests.len + 1, .process = process, .conn = conn1 - 1};
    r.protocol = timeline_intern(tl, "http");
    r.name = timeline_intern(tl, name);
    r.group = timeline_intern(tl, group);
    r.flags = REQUEST_COMPLETE;
    r.status = 200;
    r.bytes_in = 80;
    r.bytes_out = 1200;
    r.start_ns = r.end_ns = start_us * US;
    r.first_segment = (uint32_t)tl->segments.len;
    scene_must(vec_push(&tl->requests, r));
    return vec_last(&tl->requests);
}

/* The next stretch of the request, up to `end_us`; thread and interval are index + 1. */
static inline void scene_segment(struct timeline *tl, struct request *r, uint64_t end_us,
                                 uint8_t key, uint32_t thread1, uint32_t interval1)
{
    struct segment s = {.start_ns = r->end_ns, .key = key, .grade = GRADE_EXACT};
    s.thread_plus1 = thread1;
    s.interval_plus1 = interval1;
    scene_must(vec_push(&tl->segments, s));
    r->segment_count++;
    r->end_ns = end_us * US;
}

/* Makes time of a request with that key unknown. */
static inline void scene_forget(struct timeline *tl, const struct request *r, uint8_t key)
{
    for (size_t i = r->first_segment; i < (size_t)r->first_segment + r->segment_count; i++) {
        struct segment *s = &tl->segments.data[i];
        if (s->key != key)
            continue;
        s->key = LEDGER_UNATTRIBUTED;
        s->grade = GRADE_UNATTRIBUTED;
    }
}

static inline void scene_shop(struct timeline *tl)
{
    uint32_t shop = scene_process(tl, 100, "shop");
    uint32_t listener = scene_object(tl, OBJ_LISTENER, "0.0.0.0:8080", "0.0.0.0:8080", "");
    uint32_t conn =
        scene_object(tl, OBJ_ACCEPTED, "10.0.0.9:50001", "10.0.0.1:8080", "10.0.0.9:50001");
    uint32_t file = scene_object(tl, OBJ_FILE, "/srv/7.jpg", "", "");
    struct thread *t = scene_thread(tl, shop, 100, "shop", THREAD_ROLE_ACCEPTOR);
    scene_interval(tl, t, 10000, STATE_BLOCKED, "accept4", listener, INTERVAL_IDLE | INTERVAL_OPEN);
    t = scene_thread(tl, shop, 101, "shop-worker", THREAD_ROLE_WORKER);
    t->audited = true;
    t->kernel_running_ns = 200 * US;
    t->kernel_runnable_ns = 100 * US;
    scene_interval(tl, t, 1000, STATE_BLOCKED, "recvfrom", conn, INTERVAL_IDLE | INTERVAL_OPEN);
    scene_interval(tl, t, 1050, STATE_RUNNABLE, NULL, 0, 0);
    scene_interval(tl, t, 1150, STATE_RUNNING, NULL, 0, 0);
    scene_interval(tl, t, 5150, STATE_BLOCKED, "pread64", file, INTERVAL_WAKER_IRQ);
    scene_interval(tl, t, 5200, STATE_RUNNABLE, NULL, 0, 0);
    scene_interval(tl, t, 5300, STATE_RUNNING, NULL, 0, 0);
    scene_interval(tl, t, 10000, STATE_BLOCKED, "recvfrom", conn, INTERVAL_IDLE | INTERVAL_OPEN);
    struct request *r = scene_request(tl, shop, conn, "GET /file/7", "GET /file/:n", 900);
    scene_segment(tl, r, 1000, LEDGER_QUEUED, 2, 0);
    scene_segment(tl, r, 1050, LEDGER_RUNNABLE, 2, 2);
    scene_segment(tl, r, 1150, LEDGER_RUNNING, 2, 3);
    scene_segment(tl, r, 5150, LEDGER_BLOCKED, 2, 4);
    scene_segment(tl, r, 5200, LEDGER_RUNNABLE, 2, 5);
    scene_segment(tl, r, 5300, LEDGER_RUNNING, 2, 6);
    tl->processes.data[shop].verdict = (struct verdict){
        .model = MODEL_BLOCKING,
        .thread_waits = true,
        .waits_on = OBJ_FILE,
        .waits_on_name = timeline_intern(tl, "/srv/7.jpg"),
        .serving_threads = 1,
        .requests = 1,
        .efficiency = 200.0 / 4300,
        .held_ns = 4300e3,
        .capacity = 1e9 / 4300e3,
        .cpu_ns = 200e3,
        .workers = {.threads = 1,
                    .requests = 1,
                    .held_ns = 4300e3,
                    .share = 1,
                    .busiest = 1,
                    .busiest_ns = 900 * US},
        .window_ns = 4400 * US,
        .offered = 100,
        .queued_ns = 100 * US,
        .peak_in_flight = 1,
    };
}

static inline void scene_gateway(struct timeline *tl)
{
    uint32_t gateway = scene_process(tl, 200, "gateway");
    tl->processes.data[gateway].owed = (struct owed){
        .waiting = 2,
        .longest_ns = 1430000 * US,
        .answered = 1,
        .gone = 3,
        .unsure = 4,
        .unaccepted = 5,
    };
    uint32_t epoll = scene_object(tl, OBJ_EPOLL, "[eventpoll]", "", "");
    uint32_t menu = scene_object(tl, OBJ_FILE, "/srv/menu", "", "");
    uint32_t conn1 =
        scene_object(tl, OBJ_ACCEPTED, "10.0.0.9:50002", "10.0.0.1:80", "10.0.0.9:50002");
    uint32_t conn2 =
        scene_object(tl, OBJ_ACCEPTED, "10.0.0.9:50003", "10.0.0.1:80", "10.0.0.9:50003");
    uint32_t db =
        scene_object(tl, OBJ_CONNECTED, "10.0.0.7:5432", "10.0.0.1:50111", "10.0.0.7:5432");
    tl->objects.data[menu - 1].deleted = true;
    struct thread *t = scene_thread(tl, gateway, 200, "gateway", THREAD_ROLE_LOOP);
    scene_interval(tl, t, 2000, STATE_YIELDED, "epoll_wait", epoll, INTERVAL_IDLE | INTERVAL_OPEN);
    scene_interval(tl, t, 2100, STATE_RUNNING, NULL, 0, 0);
    scene_interval(tl, t, 8100, STATE_BLOCKED, "read", menu, 0);
    scene_interval(tl, t, 8200, STATE_RUNNING, NULL, 0, 0);
    scene_interval(tl, t, 9000, STATE_YIELDED, "epoll_wait", epoll, 0);
    scene_interval(tl, t, 9100, STATE_RUNNING, NULL, 0, 0);
    scene_interval(tl, t, 10000, STATE_UNKNOWN, NULL, 0, INTERVAL_OPEN);
    struct request *r = scene_request(tl, gateway, conn1, "GET /a", "GET /a", 2000);
    scene_segment(tl, r, 2100, LEDGER_RUNNING, 3, 2);
    scene_segment(tl, r, 8100, LEDGER_BLOCKED, 3, 3);
    scene_segment(tl, r, 8200, LEDGER_RUNNING, 3, 4);
    r = scene_request(tl, gateway, conn2, "GET /b", "GET /b", 3000);
    scene_segment(tl, r, 8200, LEDGER_LOOP_BUSY, 3, 0);
    scene_segment(tl, r, 9000, LEDGER_AWAITING, 0, 0);
    scene_segment(tl, r, 9100, LEDGER_RUNNING, 3, 6);
    r->flags = REQUEST_LOSS;
    r->status = 0;
    struct ask ask = {.request_plus1 = 3, .object = db - 1, .thread = 2, .replied = true};
    ask.start_ns = 8100 * US;
    ask.made_ns = 8200 * US;
    ask.asked_ns = 8300 * US;
    ask.reply_ns = 8700 * US;
    ask.end_ns = 9000 * US;
    scene_must(vec_push(&tl->asks, ask));
    struct hold h = {.thread = 2, .request_plus1 = 2, .state = STATE_BLOCKED, .victim_count = 1};
    h.call_plus1 = timeline_intern(tl, "read") + 1;
    h.object_plus1 = menu;
    h.start_ns = 2100 * US;
    h.end_ns = 8100 * US;
    scene_must(vec_push(&tl->holds, h));
    scene_must(vec_push(&tl->victims, ((struct victim){2, 5100 * US})));
    tl->processes.data[gateway].verdict = (struct verdict){
        .model = MODEL_NONBLOCKING,
        .thread_waits = true,
        .waits_on = OBJ_FILE,
        .waits_on_name = timeline_intern(tl, "/srv/menu"),
        .serving_threads = 1,
        .requests = 1,
        .efficiency = 200.0 / 6200,
        .held_ns = 6200e3,
        .capacity = 1e9 / 6200e3,
        .cpu_ns = 200e3,
        .loop_limits = true,
        .loops = {.threads = 1,
                  .requests = 2,
                  .held_ns = 3150e3,
                  .share = 0.5,
                  .busiest = 0.95,
                  .busiest_ns = 2500 * US},
        .window_ns = 1000 * US,
        .offered = 200,
        .peak_in_flight = 2,
    };
}

static inline void scene_init(struct timeline *tl)
{
    timeline_init(tl);
    tl->t0_ns = 12345678901234567;
    tl->t0_real_ns = 1763800000123456789;
    tl->duration_ns = 10000 * US;
    tl->complete = true;
    tl->window = (struct recorded_window){.recorded_ns = 3600000000ull * US,
                                          .asked_ns = 30000000ull * US,
                                          .max_bytes = 8 << 20,
                                          .full = true};
    tl->cost.recorder_ns = 25 * US;
    tl->cost.recorder_of_ns = 10000 * US;
    tl->cost.attach_ns = 180000 * US;
    tl->cost.sampled_ns = 2000 * US;
    tl->cost.windows = 2;
    scene_must(vec_push(&tl->cost.programs,
                        ((struct program_cost){timeline_intern(tl, "on_switch"), 500, 100 * US})));
    scene_must(vec_push(&tl->cost.programs,
                        ((struct program_cost){timeline_intern(tl, "on_work"), 10, 4000})));
    tl->records = 42;
    tl->lost = 5;
    tl->host = timeline_intern(tl, "box");
    tl->kernel = timeline_intern(tl, "6.1.0");
    tl->command = timeline_intern(tl, "-p 100,200");
    scene_must(vec_push(&tl->probes, timeline_intern(tl, "sched_switch")));
    struct loss loss = {9100 * US, 10000 * US, 5, timeline_intern(tl, "wait")};
    scene_must(vec_push(&tl->losses, loss));
    scene_shop(tl);
    scene_gateway(tl);
}

#endif
