/* What the reports add up: waits, groups, the overview, and what the page of text makes of them. */
#include "output_scene.h"

#include "base/sort.h"
#include "output/asked.h"
#include "output/groups.h"
#include "output/output.h"
#include "output/overview.h"
#include "output/waits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A request on one thread whose wait lies in three segments, as another thread ran meanwhile. */
static void make_parallel(struct timeline *tl)
{
    timeline_init(tl);
    uint32_t process = scene_process(tl, 1, "p");
    uint32_t conn = scene_object(tl, OBJ_ACCEPTED, "c", "l", "r");
    uint32_t file = scene_object(tl, OBJ_FILE, "/f", "", "");
    struct thread *t = scene_thread(tl, process, 1, "p", THREAD_ROLE_WORKER);
    scene_interval(tl, t, 100, STATE_RUNNING, NULL, 0, 0);
    scene_interval(tl, t, 900, STATE_BLOCKED, "read", file, 0);
    scene_interval(tl, t, 1000, STATE_RUNNING, NULL, 0, 0);
    t = scene_thread(tl, process, 2, "p", THREAD_ROLE_HELPER);
    scene_interval(tl, t, 300, STATE_LOCK, "futex", 0, 0);
    scene_interval(tl, t, 500, STATE_RUNNING, NULL, 0, 0);
    scene_interval(tl, t, 1000, STATE_LOCK, "futex", 0, 0);
    struct request *r = scene_request(tl, process, conn, "GET /", "GET /", 50);
    scene_segment(tl, r, 100, LEDGER_RUNNING, 1, 1);
    scene_segment(tl, r, 300, LEDGER_BLOCKED, 1, 2);
    scene_segment(tl, r, 500, LEDGER_RUNNING, 2, 2);
    scene_segment(tl, r, 600, LEDGER_BLOCKED, 1, 2);
    scene_segment(tl, r, 850, LEDGER_LOCK, 2, 3);
    tl->duration_ns = 1000 * US;
}

static void test_request_waits_merge(void **state)
{
    (void)state;
    struct timeline tl;
    struct request_waits waits = {VEC_INIT};
    make_parallel(&tl);
    assert_int_equal(request_waits(&tl, &tl.requests.data[0], &waits), 0);
    assert_int_equal(waits.all.len, 2);
    const struct request_wait *w = &waits.all.data[0];
    assert_int_equal(w->thread, 0);
    assert_int_equal(w->state, STATE_BLOCKED);
    assert_int_equal(w->start_ns, 100 * US);
    assert_int_equal(w->ns, 750 * US); /* to the request's end, not the wait's */
    assert_string_equal(timeline_string(&tl, w->call_plus1 - 1), "read");
    w = &waits.all.data[1];
    assert_int_equal(w->thread, 1);
    assert_int_equal(w->state, STATE_LOCK);
    assert_int_equal(w->start_ns, 500 * US);
    assert_int_equal(w->ns, 350 * US);
    request_waits_release(&waits);
    timeline_release(&tl);
}

static void test_request_wait_begins_with_it(void **state)
{
    (void)state;
    struct timeline tl;
    struct request_waits waits = {VEC_INIT};
    make_parallel(&tl);
    struct request *r = &tl.requests.data[0];
    r->first_segment++; /* from the middle of the wait on */
    r->segment_count--;
    r->start_ns = tl.segments.data[r->first_segment].start_ns = 150 * US;
    assert_int_equal(request_waits(&tl, r, &waits), 0);
    assert_int_equal(waits.all.data[0].start_ns, 150 * US);
    assert_int_equal(waits.all.data[0].ns, 700 * US);
    /* Without an interval the segment itself is all that is known. */
    tl.segments.data[r->first_segment].interval_plus1 = 0;
    assert_int_equal(request_waits(&tl, r, &waits), 0);
    assert_int_equal(waits.all.len, 3);
    assert_int_equal(waits.all.data[0].ns, 150 * US);
    assert_int_equal(waits.all.data[0].state, STATE_BLOCKED);
    assert_int_equal(waits.all.data[0].call_plus1, 0);
    request_waits_release(&waits);
    timeline_release(&tl);
}

/* Thread 2 waited for work until it had the request: what came before was not for it. */
static void test_request_wait_before_it_is_held(void **state)
{
    (void)state;
    struct timeline tl;
    struct request_waits waits = {VEC_INIT};
    make_parallel(&tl);
    tl.segments.data[3].key = LEDGER_UNATTRIBUTED; /* 500 to 600 */
    tl.segments.data[3].thread_plus1 = tl.segments.data[3].interval_plus1 = 0;
    assert_int_equal(request_waits(&tl, &tl.requests.data[0], &waits), 0);
    assert_int_equal(waits.all.len, 2);
    assert_int_equal(waits.all.data[0].start_ns, 100 * US);
    assert_int_equal(waits.all.data[0].ns, 400 * US);
    assert_int_equal(waits.all.data[1].start_ns, 600 * US);
    assert_int_equal(waits.all.data[1].ns, 250 * US);
    request_waits_release(&waits);
    timeline_release(&tl);
}

/* Thread 2 ran for the request when 1 began to wait for it: that wait is not shorter for it. */
static void test_request_wait_beside_another_thread(void **state)
{
    (void)state;
    struct timeline tl;
    struct request_waits waits = {VEC_INIT};
    make_parallel(&tl);
    tl.segments.data[1].key = LEDGER_RUNNING; /* 100 to 300 */
    tl.segments.data[1].thread_plus1 = 2;
    assert_int_equal(request_waits(&tl, &tl.requests.data[0], &waits), 0);
    assert_int_equal(waits.all.len, 2);
    assert_int_equal(waits.all.data[0].start_ns, 100 * US);
    assert_int_equal(waits.all.data[0].ns, 750 * US);
    request_waits_release(&waits);
    timeline_release(&tl);
}

static void test_thread_sums(void **state)
{
    (void)state;
    struct timeline tl;
    struct wait_sums sums = {0};
    scene_init(&tl);
    assert_int_equal(wait_sums_add_thread(&sums, &tl, &tl.threads.data[1]), 0);
    wait_sums_finish(&sums);
    assert_int_equal(sums.all.len, 2);
    assert_true(sums.all.data[0].idle);
    assert_int_equal(sums.all.data[0].count, 2);
    assert_int_equal(sums.all.data[0].ns, 5700 * US);
    assert_int_equal(sums.all.data[0].max_ns, 4700 * US);
    assert_false(sums.all.data[1].idle);
    assert_int_equal(sums.all.data[1].count, 1);
    assert_int_equal(sums.all.data[1].ns, 4000 * US);
    wait_sums_release(&sums);
    timeline_release(&tl);
}

/* Folding while they gather changes nothing but the memory. */
static void test_sums_fold_on_the_way(void **state)
{
    (void)state;
    enum { WAITS = 300000, OBJECTS = 40000 };
    struct timeline tl;
    struct wait_sums sums = {0};
    timeline_init(&tl);
    uint32_t process = scene_process(&tl, 1, "p");
    for (unsigned i = 0; i < OBJECTS; i++) {
        char name[32];
        snprintf(name, sizeof(name), "/f/%u", i);
        scene_object(&tl, OBJ_FILE, name, "", "");
    }
    struct thread *t = scene_thread(&tl, process, 1, "p", THREAD_ROLE_WORKER);
    for (unsigned i = 0; i < WAITS; i++)
        scene_interval(&tl, t, i + 1, STATE_BLOCKED, "read", 1 + i % OBJECTS, 0);
    assert_int_equal(wait_sums_add_thread(&sums, &tl, t), 0);
    assert_true(sums.all.cap < WAITS);
    wait_sums_finish(&sums);
    assert_int_equal(sums.all.len, OBJECTS);
    uint64_t count = 0, ns = 0;
    for (size_t i = 0; i < sums.all.len; i++) {
        count += sums.all.data[i].count;
        ns += sums.all.data[i].ns;
        assert_true(sums.all.data[i].count == 7 || sums.all.data[i].count == 8);
    }
    assert_int_equal(count, WAITS);
    assert_int_equal(ns, WAITS * US);
    wait_sums_release(&sums);
    timeline_release(&tl);
}

static void test_groups(void **state)
{
    (void)state;
    struct timeline tl;
    struct groups groups;
    timeline_init(&tl);
    uint32_t a = scene_process(&tl, 1, "a"), b = scene_process(&tl, 2, "b");
    uint32_t a2 = scene_process(&tl, 3, "a");
    uint32_t conn = scene_object(&tl, OBJ_ACCEPTED, "c", "l", "r");
    /* 1 … 200 µs, in two processes of one name, and backwards. */
    for (uint32_t i = 200; i > 0; i--)
        scene_segment(&tl, scene_request(&tl, i % 2 ? a : a2, conn, "GET /x", "GET /:n", 0), i,
                      LEDGER_RUNNING, 0, 0);
    scene_segment(&tl, scene_request(&tl, b, conn, "GET /x", "GET /:n", 0), 7, LEDGER_QUEUED, 0, 0);
    struct request *open = scene_request(&tl, b, conn, "GET /x", "GET /:n", 0);
    scene_segment(&tl, open, 100000, LEDGER_QUEUED, 0, 0);
    open->flags = 0;
    assert_int_equal(groups_init(&groups, &tl, GROUPS_BY_GROUP), 0);
    assert_int_equal(groups.all.len, 2);
    const struct group *g = &groups.all.data[0];
    assert_int_equal(g->complete, 200);
    assert_int_equal(g->open, 0);
    assert_int_equal(g->p50_ns, 100 * US);
    assert_int_equal(g->p99_ns, 198 * US);
    assert_int_equal(g->max_ns, 200 * US);
    assert_int_equal(g->sum_ns, 200 * 201 / 2 * US);
    assert_int_equal(g->ledger_ns[LEDGER_RUNNING], g->sum_ns);
    g = &groups.all.data[1];
    assert_int_equal(g->complete, 1);
    assert_int_equal(g->open, 1);
    assert_int_equal(g->p50_ns, 7 * US);
    assert_int_equal(g->p99_ns, 7 * US);
    assert_int_equal(g->max_ns, 7 * US);
    groups_release(&groups);
    timeline_release(&tl);
}

static uint64_t row_sum(const struct overview *ov, unsigned row)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < ov->buckets; i++)
        sum += ov->rows[row][i];
    return sum;
}

static void test_overview(void **state)
{
    (void)state;
    struct timeline tl;
    struct overview ov;
    scene_init(&tl); /* 10 ms: 1,000 buckets of 10 µs, each value a thousandth of a thread */
    assert_int_equal(overview_init(&ov, &tl), 0);
    assert_int_equal(ov.bucket_ns, 10 * US);
    assert_int_equal(ov.buckets, 1000);
    assert_int_equal(row_sum(&ov, OVERVIEW_RUNNING), 1000 * (20 + 30));
    assert_int_equal(row_sum(&ov, OVERVIEW_RUNNABLE), 1000 * 10);
    assert_int_equal(row_sum(&ov, OVERVIEW_BLOCKED), 1000 * (400 + 600));
    assert_int_equal(row_sum(&ov, OVERVIEW_YIELDED), 1000 * 80);
    assert_int_equal(row_sum(&ov, OVERVIEW_LOCK), 0);
    assert_int_equal(row_sum(&ov, OVERVIEW_OTHER), 0);
    assert_int_equal(row_sum(&ov, OVERVIEW_IDLE), 1000 * (1000 + 570 + 200));
    assert_int_equal(row_sum(&ov, OVERVIEW_IN_FLIGHT), 1000 * (440 + 620 + 610));
    assert_int_equal(row_sum(&ov, OVERVIEW_QUEUED), 1000 * 10);
    assert_int_equal(ov.rows[OVERVIEW_BLOCKED][300], 2000);
    assert_int_equal(ov.rows[OVERVIEW_IDLE][0], 3000);
    overview_release(&ov);

    /* Buckets that do not divide the time, intervals that do not fill a bucket. */
    tl.duration_ns = 10000 * US - 1;
    assert_int_equal(overview_init(&ov, &tl), 0);
    assert_int_equal(ov.bucket_ns, 10 * US);
    assert_int_equal(ov.buckets, 1000);
    overview_release(&ov);
    tl.duration_ns = 10000 * US + 1;
    assert_int_equal(overview_init(&ov, &tl), 0);
    assert_int_equal(ov.bucket_ns, 10001);
    assert_int_equal(ov.buckets, 1000);
    assert_int_equal(ov.rows[OVERVIEW_RUNNING][105] + ov.rows[OVERVIEW_RUNNABLE][105], 1000);
    overview_release(&ov);
    timeline_release(&tl);
}

static void test_overview_of_little(void **state)
{
    (void)state;
    struct timeline tl;
    struct overview ov;
    timeline_init(&tl);
    assert_int_equal(overview_init(&ov, &tl), 0);
    assert_int_equal(ov.buckets, 0);
    assert_int_equal(ov.bucket_ns, 1);
    overview_release(&ov);
    tl.duration_ns = 3;
    assert_int_equal(overview_init(&ov, &tl), 0);
    assert_int_equal(ov.buckets, 3);
    overview_release(&ov);
    timeline_release(&tl);
}

static void page_of(const struct timeline *tl, struct buf *out)
{
    buf_clear(out);
    assert_int_equal(output_text(tl, &(struct text_options){0}, out), 0);
}

static void has(const struct buf *out, const char *text)
{
    if (!strstr(buf_str(out), text))
        fail_msg("not on the page: %s\n%s", text, buf_str(out));
}

static void has_not(const struct buf *out, const char *text)
{
    if (strstr(buf_str(out), text))
        fail_msg("on the page: %s\n%s", text, buf_str(out));
}

/* Files of a folder stand together from four on, clients by their listener. */
static void test_waits_are_put_together(void **state)
{
    (void)state;
    for (unsigned files = 3; files <= 4; files++) {
        struct timeline tl;
        struct buf out = BUF_INIT;
        timeline_init(&tl);
        uint32_t process = scene_process(&tl, 1, "p");
        uint32_t client = scene_object(&tl, OBJ_ACCEPTED, "9.9.9.9:1", "1.1.1.1:80", "9.9.9.9:1");
        uint32_t other = scene_object(&tl, OBJ_ACCEPTED, "9.9.9.9:2", "1.1.1.1:80", "9.9.9.9:2");
        struct thread *t = scene_thread(&tl, process, 1, "p", THREAD_ROLE_WORKER);
        struct request *r = scene_request(&tl, process, client, "GET /", "GET /", 0);
        uint64_t now = 0;
        uint32_t at = 0;
        for (unsigned i = 0; i < files; i++) {
            char name[32];
            snprintf(name, sizeof(name), "/srv/data/%u", i);
            uint32_t file = scene_object(&tl, OBJ_FILE, name, "", "");
            scene_interval(&tl, t, now += 100, STATE_BLOCKED, "read", file, 0);
            scene_segment(&tl, r, now, LEDGER_BLOCKED, 1, ++at);
        }
        scene_interval(&tl, t, now += 10, STATE_BLOCKED, "sendto", client, 0);
        scene_segment(&tl, r, now, LEDGER_BLOCKED, 1, ++at);
        scene_interval(&tl, t, now += 10, STATE_BLOCKED, "sendto", other, 0);
        scene_segment(&tl, r, now, LEDGER_BLOCKED, 1, ++at);
        scene_interval(&tl, t, now + 5000, STATE_BLOCKED, "accept4", client, INTERVAL_IDLE);
        tl.duration_ns = t->end_ns;
        page_of(&tl, &out);
        has(&out, "20.0 us      2  10.0 us  blocked  sendto  1.1.1.1:80 (its clients)\n");
        if (files == 3) {
            has(&out, "100 us      1   100 us  blocked  read    /srv/data/0\n");
            has(&out, "100 us      1   100 us  blocked  read    /srv/data/2\n");
        } else {
            has(&out, "400 us      4   100 us  blocked  read    /srv/data/ (4 files)\n");
            has_not(&out, "/srv/data/2");
        }
        has_not(&out, "accept4"); /* idle */
        buf_release(&out);
        timeline_release(&tl);
    }
}

/* With no request at all the waits of the threads are shown, and why that may be. */
static void test_no_request(void **state)
{
    (void)state;
    struct timeline tl;
    struct buf out = BUF_INIT;
    scene_init(&tl);
    tl.requests.len = tl.holds.len = 0;
    page_of(&tl, &out);
    has(&out, "No request was seen\n");
    has(&out, "Waits of all threads");
    has(&out, "blocked  pread64  /srv/7.jpg");
    has_not(&out, "epoll_wait"); /* whoever yields does not stand still */
    has_not(&out, "accept4");
    has_not(&out, "Slowest");
    buf_release(&out);
    timeline_release(&tl);
}

/* Ten workers of one server: one verdict in full, a line for each of the others. */
static void test_prefork(void **state)
{
    (void)state;
    struct timeline tl;
    struct buf out = BUF_INIT;
    timeline_init(&tl);
    uint32_t conn = scene_object(&tl, OBJ_ACCEPTED, "c", "l", "r");
    for (uint32_t i = 0; i < 20; i++) {
        uint32_t process = scene_process(&tl, 100 + i, i < 19 ? "worker" : "sh");
        tl.processes.data[process].verdict.model = MODEL_BLOCKING;
        for (uint32_t k = 0; k < 20 - i && i < 19; k++)
            scene_segment(&tl, scene_request(&tl, process, conn, "GET /", "GET /", k), k + 1,
                          LEDGER_QUEUED, 0, 0);
    }
    tl.duration_ns = 1000 * US;
    page_of(&tl, &out);
    has(&out, "worker, pid 100: blocking\n");
    has_not(&out, "worker, pid 101: blocking\n");
    has(&out, "Processes that served requests");
    has(&out, "\n  all  19 together");
    has(&out, "\n  109  worker");
    has_not(&out, "\n  110  worker");
    has(&out, "… and 9 more processes\n");
    has(&out, "No request was seen in process sh (119).\n");
    buf_release(&out);
    timeline_release(&tl);
}

static void scene_ask(struct timeline *tl, uint32_t request, uint32_t object1, uint64_t start_us,
                      uint64_t reply_us, uint64_t end_us)
{
    struct ask ask = {.request_plus1 = request + 1, .object = object1 - 1, .replied = reply_us > 0};
    ask.start_ns = ask.made_ns = ask.asked_ns = start_us * US;
    ask.reply_ns = reply_us * US;
    ask.end_ns = end_us * US;
    scene_must(vec_push(&tl->asks, ask));
}

/*
 * Request 1, 0–600: awaits 100–300, runs, awaits 350–500, runs. It asked the database by two
 * connections, 100–250 and 200–400, and the cache 360–380; nothing was out from 400 on.
 * Request 2, 600–1000: a thread of it blocks on the database 700–900; it had no reply.
 */
static void make_asks(struct timeline *tl)
{
    timeline_init(tl);
    uint32_t process = scene_process(tl, 1, "p");
    uint32_t conn = scene_object(tl, OBJ_ACCEPTED, "c", "l", "r");
    uint32_t db = scene_object(tl, OBJ_CONNECTED, "db:1", "l:1", "db:1");
    uint32_t db2 = scene_object(tl, OBJ_CONNECTED, "db:1", "l:2", "db:1");
    uint32_t cache = scene_object(tl, OBJ_CONNECTED, "cache:1", "l:3", "cache:1");
    struct thread *t = scene_thread(tl, process, 1, "p", THREAD_ROLE_WORKER);
    scene_interval(tl, t, 700, STATE_RUNNING, NULL, 0, 0);
    scene_interval(tl, t, 900, STATE_BLOCKED, "recvfrom", db2, 0);
    scene_interval(tl, t, 1000, STATE_RUNNING, NULL, 0, 0);
    struct request *r = scene_request(tl, process, conn, "GET /1", "GET /:n", 0);
    scene_segment(tl, r, 100, LEDGER_RUNNING, 1, 1);
    scene_segment(tl, r, 300, LEDGER_AWAITING, 0, 0);
    scene_segment(tl, r, 350, LEDGER_RUNNING, 1, 1);
    scene_segment(tl, r, 500, LEDGER_AWAITING, 0, 0);
    scene_segment(tl, r, 600, LEDGER_RUNNING, 1, 1);
    r = scene_request(tl, process, conn, "GET /2", "GET /:n", 600);
    scene_segment(tl, r, 700, LEDGER_RUNNING, 1, 1);
    scene_segment(tl, r, 900, LEDGER_BLOCKED, 1, 2);
    scene_segment(tl, r, 1000, LEDGER_RUNNING, 1, 3);
    scene_ask(tl, 0, db, 100, 250, 250);
    scene_ask(tl, 0, db2, 200, 390, 400);
    scene_ask(tl, 0, cache, 360, 380, 380);
    scene_ask(tl, 1, db2, 690, 0, 1000);
    tl->duration_ns = 1000 * US;
}

static void test_asked(void **state)
{
    (void)state;
    struct timeline tl;
    struct asked_list list;
    char why[200] = "";
    make_asks(&tl);
    if (timeline_check(&tl, why, sizeof(why)) < 0)
        fail_msg("%s", why);
    assert_int_equal(asked_init(&list, &tl), 0);
    assert_int_equal(list.all.len, 2);
    const struct asked *row = &list.all.data[0];
    assert_string_equal(timeline_string(&tl, row->name), "db:1");
    assert_int_equal(row->questions, 3);
    assert_int_equal(row->requests, 2);
    assert_int_equal(row->replies, 2);
    assert_int_equal(row->sum_ns, (150 + 190) * US);
    assert_int_equal(row->p99_ns, 190 * US);
    assert_int_equal(row->longest_ns, 310 * US);
    assert_int_equal(row->longest_ask1, 4);
    assert_int_equal(row->awaiting_ns, (200 + 50) * US); /* what both were out counts once */
    assert_int_equal(row->blocked_ns, 200 * US);
    row++;
    assert_string_equal(timeline_string(&tl, row->name), "cache:1");
    assert_int_equal(row->questions, 1);
    assert_int_equal(row->awaiting_ns, 20 * US);
    asked_release(&list);
    timeline_release(&tl);
}

/* Between a connection's being there and its use the other end owes nothing: of 100–250 that is
 * 130–180, in which the request awaits something else. */
static void test_asked_by_new_connection(void **state)
{
    (void)state;
    struct timeline tl;
    struct asked_list list;
    make_asks(&tl);
    tl.asks.len = 1;
    tl.asks.data[0].made_ns = 130 * US;
    tl.asks.data[0].asked_ns = 180 * US;
    assert_int_equal(ask_out_ns(&tl.asks.data[0]), 100 * US);
    assert_int_equal(asked_init(&list, &tl), 0);
    assert_int_equal(list.all.data[0].sum_ns, 100 * US);
    assert_int_equal(list.all.data[0].awaiting_ns, 100 * US);
    asked_release(&list);
    timeline_release(&tl);
}

/* Of two hundred replies of 1, 2, … us the 198th is the 99th percentile. */
static void test_asked_p99(void **state)
{
    (void)state;
    struct timeline tl;
    struct asked_list list;
    make_asks(&tl);
    tl.asks.len = 0;
    for (uint64_t i = 0; i < 200; i++)
        scene_ask(&tl, 0, 4, 100, 300 - i, 300);
    assert_int_equal(asked_init(&list, &tl), 0);
    for (size_t i = 0; i < list.all.len; i++) {
        if (list.all.data[i].questions != 200)
            continue;
        assert_int_equal(list.all.data[i].p99_ns, 198 * US);
        assert_int_equal(list.all.data[i].longest_ns, 200 * US);
        assert_int_equal(list.all.data[i].longest_ask1, 1);
    }
    asked_release(&list);
    timeline_release(&tl);
}

/* The cache's question is nobody's, and another one, without a reply: how long a reply takes is
 * known all the same. Nobody awaits it. */
static void test_asked_by_nobody(void **state)
{
    (void)state;
    struct timeline tl;
    struct asked_list list;
    struct buf out = BUF_INIT;
    make_asks(&tl);
    struct ask nobodys = tl.asks.data[2];
    tl.asks.data[2] = tl.asks.data[3];
    tl.asks.len = 3;
    nobodys.request_plus1 = 0;
    nobodys.grade = GRADE_UNATTRIBUTED;
    scene_must(vec_push(&tl.asks, tl.asks.data[0]));
    tl.asks.data[0] = nobodys;
    nobodys.start_ns = nobodys.made_ns = nobodys.asked_ns = 400 * US;
    nobodys.end_ns = 1000 * US;
    nobodys.replied = false;
    nobodys.reply_ns = 0;
    scene_must(vec_push(&tl.asks, tl.asks.data[1]));
    tl.asks.data[1] = nobodys;
    assert_int_equal(asked_init(&list, &tl), 0);
    assert_int_equal(list.all.len, 2);
    const struct asked *row = &list.all.data[1];
    assert_string_equal(timeline_string(&tl, row->name), "cache:1");
    assert_int_equal(row->questions, 2);
    assert_int_equal(row->nobodys, 2);
    assert_int_equal(row->nobodys_ns, 20 * US);
    assert_int_equal(row->replies, 1);
    assert_int_equal(row->requests, 0);
    assert_int_equal(row->awaiting_ns, 0);
    assert_int_equal(row->longest_ns, 20 * US);
    assert_null(ask_request(&tl, row->longest_ask1));
    asked_release(&list);
    tl.processes.data[0].verdict.model = MODEL_NONBLOCKING;
    page_of(&tl, &out);
    has(&out, "asked  no reply  nobody's  requests ");
    has(&out, "cache:1      2         1         2         0  20.0 us  20.0 us  20.0 us       0\n");
    has_not(&out, "In no known request's name");
    buf_release(&out);
    tl.asks.data[0].start_ns = tl.asks.data[0].made_ns = tl.asks.data[0].asked_ns = 100 * US;
    out = (struct buf)BUF_INIT;
    page_of(&tl, &out);
    has(&out,
        "  In no known request's name it asked another server twice: cache:1; its replies took "
        "280 us in all.\n");
    buf_release(&out);
    timeline_release(&tl);
}

/* Of 350 us awaited, of two servers one by one or both at once, 250 are asked for. */
static void test_unasked(void **state)
{
    (void)state;
    struct timeline tl;
    struct asked_list list;
    struct buf out = BUF_INIT;
    make_asks(&tl);
    assert_int_equal(asked_init(&list, &tl), 0);
    assert_int_equal(list.asked_ns.len, 1);
    assert_int_equal(list.asked_ns.data[0], 250 * US);
    asked_release(&list);
    tl.processes.data[0].verdict.model = MODEL_NONBLOCKING;
    page_of(&tl, &out);
    has(&out, "For 29 % of what requests awaited no question to another server is known: perhaps");
    buf_release(&out);
    tl.asks.data[2].end_ns = 500 * US;
    out = (struct buf)BUF_INIT;
    page_of(&tl, &out);
    has_not(&out, "no question to another server");
    buf_release(&out);
    /* Of a request without an answer nothing is counted, on neither side. */
    tl.requests.data[0].flags &= ~(uint32_t)REQUEST_COMPLETE;
    assert_int_equal(asked_init(&list, &tl), 0);
    assert_int_equal(list.asked_ns.data[0], 0);
    asked_release(&list);
    timeline_release(&tl);
}

static void test_asked_in_text(void **state)
{
    (void)state;
    struct timeline tl;
    struct buf out = BUF_INIT;
    make_asks(&tl);
    tl.processes.data[0].verdict.model = MODEL_NONBLOCKING;
    page_of(&tl, &out);
    has(&out, "asked  no reply  requests     mean      p99  longest   waited  share  longest in\n");
    has(&out,
        "db:1         3         1         2   170 us   190 us   310 us   450 us    45%  #2 GET /2");
    has(&out,
        "cache:1      1         0         1  20.0 us  20.0 us  20.0 us  20.0 us     2%  #1 GET /1");
    has(&out,
        "It awaits most another server: db:1; the longest got no reply for 310 us, in request "
        "#2 GET /2.\n");
    buf_release(&out);
    /* All are answered, or none is awaited for long: nothing more is said than need be. */
    tl.asks.len = 3;
    tl.requests.data[1].flags &= ~(uint32_t)REQUEST_COMPLETE;
    out = (struct buf)BUF_INIT;
    page_of(&tl, &out);
    has_not(&out, "no reply");
    has(&out, "It awaits most another server: db:1; the longest reply took 190 us, in request #1");
    buf_release(&out);
    tl.asks.data[0] = tl.asks.data[2];
    tl.asks.len = 1;
    out = (struct buf)BUF_INIT;
    page_of(&tl, &out);
    has_not(&out, "It awaits");
    buf_release(&out);
    timeline_release(&tl);
}

/* Of `count` requests whose latencies have `many` values, in several orders. */
static void percentiles_of(size_t count, uint64_t many, int order)
{
    struct timeline tl;
    struct groups groups;
    uint64_t *sorted = calloc(count, sizeof(*sorted)), next = count + many;
    assert_non_null(sorted);
    timeline_init(&tl);
    uint32_t process = scene_process(&tl, 1, "p");
    for (size_t i = 0; i < count; i++) {
        next = next * 6364136223846793005u + 1442695040888963407u;
        uint64_t us = order == 0 ? (next >> 33) % many : order == 1 ? i % many : count - i;
        struct request *r = scene_request(&tl, process, 1, "GET /", "GET /", 0);
        r->end_ns = sorted[i] = us * US;
    }
    qsort(sorted, count, sizeof(*sorted), sort_order_uint64);
    assert_int_equal(groups_init(&groups, &tl, GROUPS_BY_GROUP), 0);
    const struct group *g = &groups.all.data[0];
    assert_int_equal(g->complete, count);
    assert_int_equal(g->p50_ns, sorted[(count * 50 + 99) / 100 - 1]);
    assert_int_equal(g->p99_ns, sorted[(count * 99 + 99) / 100 - 1]);
    assert_int_equal(g->max_ns, sorted[count - 1]);
    assert_true(g->p50_range.low_ns <= g->p50_ns && g->p50_ns <= g->p50_range.high_ns);
    groups_release(&groups);
    timeline_release(&tl);
    free(sorted);
}

static void test_percentiles(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 2, 3, 10, 100, 101, 2000};
    static const uint64_t many[] = {1, 2, 7, 100, 1000000};
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
        for (size_t k = 0; k < sizeof(many) / sizeof(*many); k++)
            for (int order = 0; order < 3; order++)
                percentiles_of(counts[i], many[k], order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_waits_merge),
        cmocka_unit_test(test_request_wait_begins_with_it),
        cmocka_unit_test(test_request_wait_before_it_is_held),
        cmocka_unit_test(test_request_wait_beside_another_thread),
        cmocka_unit_test(test_thread_sums),
        cmocka_unit_test(test_sums_fold_on_the_way),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_percentiles),
        cmocka_unit_test(test_overview),
        cmocka_unit_test(test_overview_of_little),
        cmocka_unit_test(test_waits_are_put_together),
        cmocka_unit_test(test_no_request),
        cmocka_unit_test(test_prefork),
        cmocka_unit_test(test_asked),
        cmocka_unit_test(test_asked_by_new_connection),
        cmocka_unit_test(test_asked_p99),
        cmocka_unit_test(test_asked_by_nobody),
        cmocka_unit_test(test_unasked),
        cmocka_unit_test(test_asked_in_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
