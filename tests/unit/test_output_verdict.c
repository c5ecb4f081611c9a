/* The sentences of a verdict: what they say of each kind of server, in one and in many. */
#include "output_scene.h"

#include "output/verdict_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A pool of 8 threads with 100 users, 2 % of whose held time is on a CPU. */
static const struct verdict pool = {
    .model = MODEL_BLOCKING,
    .thread_waits = true,
    .waits_on = OBJ_CONNECTED,
    .serving_threads = 8,
    .requests = 7800,
    .efficiency = 0.02,
    .held_ns = 10.2e6,
    .cpu_ns = 204e3,
    .capacity = 784.3,
    .offered = 780,
    .queued_ns = 700000000000,
    .queued_requests = 7700,
    .peak_in_flight = 100,
    .saturated = true,
    .saturated_ns = 12300000,
};
static const struct process_sums pool_sums = {
    .complete = 7800,
    .latency_ns = 7800 * 100000000ull,
    .ledger_ns = {[LEDGER_QUEUED] = 7800 * 89800000ull,
                  [LEDGER_BLOCKED] = 7800 * 9990000ull,
                  [LEDGER_RUNNING] = 7800 * 204000ull,
                  [LEDGER_RUNNABLE] = 7800 * 6000ull},
};

static void say(const struct verdict *v, const struct process_sums *sums, struct buf *out)
{
    struct timeline tl;
    timeline_init(&tl);
    uint32_t process = scene_process(&tl, 1, "server");
    uint32_t name = timeline_intern(&tl, "10.0.0.5:5432");
    tl.processes.data[process].verdict = *v;
    tl.processes.data[process].verdict.waits_on_name = v->waits_on ? name : 0;
    buf_clear(out);
    verdict_text(&tl, process, sums, out);
    timeline_release(&tl);
}

static void has(const struct buf *out, const char *sentence)
{
    if (!strstr(buf_str(out), sentence))
        fail_msg("not said: %s\nbut:\n%s", sentence, buf_str(out));
}

static void has_not(const struct buf *out, const char *words)
{
    if (strstr(buf_str(out), words))
        fail_msg("said: %s\nin:\n%s", words, buf_str(out));
}

static void test_pool(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    say(&pool, &pool_sums, &out);
    assert_string_equal(
        buf_str(&out),
        "Blocking: each request holds a thread until it is answered, and the thread waits with "
        "it.\n"
        "It waits most for another server: 10.0.0.5:5432.\n"
        "A request takes 100 ms on average: 89.8 ms queued, 9.99 ms blocked.\n"
        "Of the time a request holds a thread, the thread is on a CPU for 2.0 % and waits "
        "for 98 %.\n"
        "8 threads, each held for 10.2 ms a request on average, can at that answer 784 "
        "requests/s; 780/s arrived (99 %).\n"
        "All 8 threads were taken while requests queued, first 12.3 ms into the recording; at "
        "the peak 100 requests were in flight at once, on 8 threads.\n"
        "7,700 requests queued for more than 1 ms, all requests together for 700 s: waiting "
        "for a thread, not for what they asked for.\n"
        "What would change it: 100 threads instead of 8, one for each request in flight; or "
        "calls that do not wait: with 204 us of CPU for a request, one thread could answer up to "
        "4,902/s.\n");
    buf_release(&out);
}

static void test_event_loop(void **state)
{
    (void)state;
    struct verdict v = {.model = MODEL_NONBLOCKING, .serving_threads = 1, .requests = 7800};
    struct process_sums sums = pool_sums;
    struct buf out = BUF_INIT;
    v.efficiency = 0.97;
    v.held_ns = 200e3;
    v.cpu_ns = 194e3;
    v.capacity = 5000;
    v.offered = 780;
    v.peak_in_flight = 100;
    say(&v, &sums, &out);
    has(&out, "Non-blocking: no thread waits for a request; while one is outstanding, its thread "
              "serves others.\n");
    has(&out, "1 thread, held for 200 us a request on average, can at that answer 5,000 "
              "requests/s; 780/s arrived (16 %).\n");
    has(&out, "At the peak 100 requests were in flight at once, on 1 thread.\n");
    has_not(&out, "It waits most");
    has_not(&out, "ran out");
    has_not(&out, "What would change it");
    has_not(&out, "held up");

    /* The classic mistake. */
    v.thread_waits = true;
    v.waits_on = OBJ_FILE;
    sums.holds = 3;
    sums.hold_max_ns = 50100000;
    sums.victims = 40;
    sums.lost_ns = 800000000;
    sums.lost_max_ns = 48000000;
    say(&v, &sums, &out);
    has(&out, "Non-blocking, and yet a thread waits inside requests");
    has(&out, "Its event loop was held up 3 times, at the longest for 50.1 ms; 40 times "
              "a request stood ready meanwhile and lost 800 ms in all, at the most 48.0 ms.\n");
    has(&out, "What would change it: calls that do not wait, or a worker thread that waits in the "
              "event loop's place: with 194 us of CPU for a request, the loop could answer up");
    assert_string_equal(verdict_remark(&v, &sums), "");
    sums.waiting_holds = 3;
    say(&v, &sums, &out);
    has(&out, "An event loop that blocks: its one thread should serve others while");
    assert_string_equal(verdict_remark(&v, &sums), ": an event loop that blocks");
    sums.holds = sums.victims = 1;
    say(&v, &sums, &out);
    has(&out,
        "Its event loop was held up once, for 50.1 ms; 1 request stood ready meanwhile and lost "
        "800 ms.");

    /* It computes, in pieces that are too long: for most of 7,800 times 200 us. */
    v.thread_waits = false;
    sums.hold_ns = 780000001;
    say(&v, &sums, &out);
    has(&out, "Non-blocking: no thread waits for a request; but one computes for so long in one");
    has(&out, "What would change it: less work in one piece, or a worker thread for it");
    assert_string_equal(verdict_remark(&v, &sums), ", and its event loop is held up");
    sums.hold_ns--;
    say(&v, &sums, &out);
    has_not(&out, "computes for so long");
    assert_string_equal(verdict_remark(&v, &sums), "");

    /* Full, though it never waits. */
    v.offered = 4900;
    say(&v, &sums, &out);
    has(&out, "What would change it: less work in the event loop for each request, or more");
    buf_release(&out);
}

/* How many threads, by Little's law the other way round; what a CPU that is not there takes. */
static void test_threads_for_the_rate(void **state)
{
    (void)state;
    struct verdict v = pool;
    struct process_sums sums = pool_sums;
    struct buf out = BUF_INIT;
    v.offered = 1200; /* × 10.2 ms: 12.24 */
    say(&v, &sums, &out);
    has(&out,
        "What would change it: at least 13 threads instead of 8 for 1,200/s, each held for as "
        "long as now, and 100 so that nobody queues at the peak; or calls");
    v.peak_in_flight = 13;
    say(&v, &sums, &out);
    has(&out,
        "at least 13 threads instead of 8 for 1,200/s, each held for as long as now; or calls");
    has_not(&out, "no CPU");
    v.efficiency = 0.5;
    sums.ledger_ns[LEDGER_BLOCKED] = 0;
    sums.ledger_ns[LEDGER_RUNNABLE] = sums.ledger_ns[LEDGER_RUNNING];
    say(&v, &sums, &out);
    has(&out, "on a CPU for 50 % and waits for 0 %; for 50 % it could run and has no CPU.\n");
    assert_string_equal(verdict_remark(&v, &sums), ", and its threads ran out");
    buf_release(&out);
}

/* The evidence: the longest wait, the moment, and the first that queued. */
static void test_evidence(void **state)
{
    (void)state;
    struct timeline tl;
    struct buf out = BUF_INIT;
    scene_init(&tl);
    struct verdict *v = &tl.processes.data[0].verdict;
    v->saturated = true;
    v->saturated_ns = 950 * US;
    v->queued_requests = 1;
    struct process_sums *sums = sums_new(&tl);
    assert_non_null(sums);
    verdict_text(&tl, 0, &sums[0], &out);
    has(&out,
        "It waits most for a file: /srv/7.jpg; the longest time 4.00 ms blocked in pread64 on "
        "/srv/7.jpg, in request #1 GET /file/7.\n");
    has(&out, "The one thread was taken while requests queued, first 950 us into the recording "
              "(08:26:40.124 UTC), when #1 GET /file/7 queued; at the peak");
    has(&out, "an asynchronous call instead of pread64 on /srv/7.jpg: with 200 us of CPU for a "
              "request, one thread could answer up to 5,000/s.\n");
    free(sums);

    /* Not for what happens to be longer and is something else; not in a queue before or behind. */
    v->waits_on = OBJ_CONNECTED;
    v->saturated_ns = 1000 * US;
    sums = sums_new(&tl);
    assert_non_null(sums);
    assert_int_equal(sums[0].longest_segment1, 0);
    assert_int_equal(sums[0].first_queued1, 0);
    assert_int_equal(sums[1].waiting_holds, 1);
    free(sums);
    buf_release(&out);
    timeline_release(&tl);
}

static void remedy_is(uint8_t state, const char *words)
{
    struct timeline tl;
    struct buf out = BUF_INIT;
    scene_init(&tl);
    tl.threads.data[2].intervals.data[2].state = state; /* of the gateway's loop */
    struct process_sums *sums = sums_new(&tl);
    assert_non_null(sums);
    verdict_text(&tl, 1, &sums[1], &out);
    has(&out, words);
    free(sums);
    buf_release(&out);
    timeline_release(&tl);
}

/* A hold that is nobody's is evidence too, however little is known of the requests. */
static void test_nobodys_hold(void **state)
{
    (void)state;
    struct timeline tl;
    struct buf out = BUF_INIT;
    scene_init(&tl);
    struct verdict *v = &tl.processes.data[1].verdict;
    v->model = MODEL_MIXED;
    v->waits_on = OBJ_UNKNOWN;
    tl.holds.data[0].request_plus1 = 0;
    tl.holds.data[0].state = STATE_SLEEP;
    tl.holds.data[0].object_plus1 = 0;
    tl.holds.data[0].call_plus1 = timeline_intern(&tl, "clock_nanosleep") + 1;
    scene_forget(&tl, &tl.requests.data[1], LEDGER_BLOCKED);
    struct process_sums *sums = sums_new(&tl);
    assert_non_null(sums);
    verdict_text(&tl, 1, &sums[1], &out);
    assert_string_equal(verdict_remark(v, &sums[1]), ": an event loop that blocks");
    has(&out, "It waits most in a sleep of its own; the longest time 6.00 ms sleep in "
              "clock_nanosleep.\n");
    has(&out,
        "Beware: where 97 % of that time went could not be told.\n1 event loop, held for 6.20 ms "
        "a request on average, can at that answer");
    has(&out, "change it: a timer instead of clock_nanosleep, or a worker thread");
    has_not(&out, "is not known either");
    free(sums);
    tl.holds.data[0].victim_count = 0; /* while it starts up */
    sums = sums_new(&tl);
    assert_non_null(sums);
    assert_string_equal(verdict_remark(v, &sums[1]), "");
    free(sums);
    buf_release(&out);
    timeline_release(&tl);
}

static void test_remedies(void **state)
{
    (void)state;
    remedy_is(STATE_BLOCKED, "change it: an asynchronous call instead of read on /srv/menu, or a");
    remedy_is(STATE_SLEEP, "change it: a timer instead of read on /srv/menu, or a worker");
    remedy_is(STATE_LOCK, "change it: less time under the lock, or");
    remedy_is(STATE_FAULT, "change it: memory that need not be read in, or");
}

/* What is not known is said, and no figure is made of the rest. */
static void test_unattributed(void **state)
{
    (void)state;
    struct process_sums sums = pool_sums;
    struct buf out = BUF_INIT;
    sums.ledger_ns[LEDGER_QUEUED] -= 20000000ull * 7800;
    sums.ledger_ns[LEDGER_UNATTRIBUTED] = 20000000ull * 7800;
    say(&pool, &sums, &out);
    has(&out, "Beware: where 20 % of that time went could not be told. The figures on "
              "threads below are of the rest alone.\n");
    has(&out, "8 threads, each held for");
    sums.ledger_ns[LEDGER_QUEUED] -= 60000000ull * 7800;
    sums.ledger_ns[LEDGER_UNATTRIBUTED] += 60000000ull * 7800;
    say(&pool, &sums, &out);
    has(&out, "It looks blocking, but too little of it is known to be sure.\n");
    has(&out, "Beware: where 80 % of that time went could not be told. So how long threads");
    has_not(&out, "held for");
    has_not(&out, "What would change it");
    buf_release(&out);
}

/* What is not known may be the waits: then no sentence says that there are none. */
static void test_no_waits_is_not_said_lightly(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    for (int model = MODEL_BLOCKING; model < MODEL_COUNT; model++) {
        struct verdict v = pool;
        struct process_sums sums = pool_sums;
        v.model = (uint8_t)model;
        v.thread_waits = false;
        sums.ledger_ns[LEDGER_QUEUED] -= sums.latency_ns / 5;
        sums.ledger_ns[LEDGER_UNATTRIBUTED] = sums.latency_ns / 11;
        assert_false(verdict_waits_unknown(&v, &sums));
        say(&v, &sums, &out);
        has_not(&out, "too little is known");
        sums.ledger_ns[LEDGER_UNATTRIBUTED] = sums.latency_ns / 5;
        assert_true(verdict_waits_unknown(&v, &sums));
        say(&v, &sums, &out);
        has(&out, "too little is known to say whether");
        has_not(&out, "hardly wait");
        has_not(&out, "no thread waits");
        has_not(&out, "What would change it");
        v.thread_waits = true; /* what is known is known */
        assert_false(verdict_waits_unknown(&v, &sums));
    }
    struct verdict loop = {.model = MODEL_NONBLOCKING, .serving_threads = 1};
    struct process_sums sums = pool_sums;
    sums.ledger_ns[LEDGER_UNATTRIBUTED] = sums.latency_ns / 5;
    assert_false(verdict_waits_unknown(&loop, &sums)); /* nobody is there but the loop */
    buf_release(&out);
}

/* A loop that is busy for a moment while something is ready has not run out of threads. */
static void test_busy_loop_is_not_short(void **state)
{
    (void)state;
    struct verdict v = pool;
    struct buf out = BUF_INIT;
    v.model = MODEL_NONBLOCKING;
    v.thread_waits = false;
    v.serving_threads = 1;
    v.offered = 10;
    assert_true(verdict_is_short(&pool));
    assert_false(verdict_is_short(&v));
    say(&v, &pool_sums, &out);
    has_not(&out, "taken");
    has_not(&out, "What would change it");
    has(&out, ": waiting for the event loop, not for what they asked for.\n");
    buf_release(&out);
}

/* No object at all: by the state that took most. */
static void test_waits_without_an_object(void **state)
{
    (void)state;
    struct verdict v = pool;
    struct process_sums sums = {.complete = 1, .latency_ns = 100};
    struct buf out = BUF_INIT;
    v.waits_on = OBJ_UNKNOWN;
    sums.ledger_ns[LEDGER_SLEEP] = 60;
    sums.ledger_ns[LEDGER_LOCK] = 40;
    say(&v, &sums, &out);
    has(&out, "It waits most in a sleep of its own.\n");
    sums.ledger_ns[LEDGER_LOCK] = 61;
    say(&v, &sums, &out);
    has(&out, "It waits most for a lock.\n");
    sums.ledger_ns[LEDGER_LOCK] = sums.ledger_ns[LEDGER_SLEEP] = 0;
    say(&v, &sums, &out);
    has_not(&out, "It waits most");
    buf_release(&out);
}

/* A loop and its workers: who carries least, how far each is taken, and what would help whom. */
static void test_a_loop_and_its_workers(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    struct verdict v = pool;
    struct process_sums sums = pool_sums;
    v.model = MODEL_NONBLOCKING_WORKERS;
    v.window_ns = 1000000000;
    v.workers = (struct load){8, 3900, 20.4e6, 0.6, 0.62, 0, 5000000000};
    v.loops = (struct load){1, 7800, 300e3, 0.2, 0.45, 0.1, 3000000000};
    sums.queued_loop_ns = v.queued_ns / 2;
    say(&v, &sums, &out);
    has(&out,
        "3,900 of 7,800 requests need a worker thread, for 20.4 ms each on average: at that 8 "
        "can serve 392 of these a second, so of this mix 784 requests/s; 780/s arrived (99 %).\n");
    has_not(&out, "Its worker threads were taken"); /* the mean says it */
    has_not(&out, "Its event loop was taken");
    has(&out, "What would change it: 50 threads instead of 8, one for each request in flight that "
              "needs one; or");
    v.workers.requests = 7800;
    v.workers.busiest = 0.97;
    v.loops.busiest = 0.9;
    say(&v, &sums, &out);
    has(&out,
        "8 worker threads, each held for 10.2 ms a request on average, can at that answer 784");
    has(&out, "Its worker threads were taken for 60 % of the time; for 97 % at their busiest, the "
              "1.00 s from 5.00 s on.\n");
    has(&out, "Its event loop was taken for 20 % of the time; for 90 % at its busiest, the 1.00 s "
              "from 3.00 s on.\n");
    has(&out, "What would change it: less work in the event loop for each request");
    has(&out, "And for the worker threads: 100 threads instead of 8");
    assert_string_equal(verdict_remark(&v, &sums),
                        ", and its event loop was full and its threads ran out");
    v.loops.starved = 0.2;
    say(&v, &sums, &out);
    has(&out, "What would change it: more CPUs, for in its busiest window the event loop could run "
              "and had none for 20 % of the time; or less work in it for each request.\n");
    v.in_line = true;
    say(&v, &sums, &out);
    assert_string_equal(verdict_remark(&v, &sums), ", and its event loop and its pool were full");
    has(&out, "All places in its pool were given out while requests stood in line for one, first "
              "12.3 ms into the recording; at the peak 100");
    v.in_line = false;
    sums.queued_loop_ns = 0; /* nobody waits for it */
    say(&v, &sums, &out);
    has_not(&out, "less work in the event loop");
    sums.queued_loop_ns = v.queued_ns / 2;
    v.loop_limits = true;
    v.held_ns = 300e3;
    v.capacity = 3333;
    say(&v, &sums, &out);
    has(&out, "1 event loop, held for 300 us a request on average, can at that answer 3,333");
    v.workers = (struct load){.threads = 0}; /* not known */
    v.saturated = false;
    say(&v, &sums, &out);
    has_not(&out, "worker threads were taken");
    has_not(&out, "for the worker threads:");
    buf_release(&out);
}

/* As many threads as are asked for do not run out. */
static void test_threads_that_come_and_go(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    struct verdict v = pool;
    v.saturated = false;
    v.capacity = 0;
    v.comes_and_goes = true;
    v.served = 7800;
    v.serving_threads = 100;
    say(&v, &pool_sums, &out);
    has(&out,
        "Threads did not run out, for it makes them as requests come, 7,800 in all: at the peak "
        "100 requests were in flight at once, on 100 threads.\n");
    has_not(&out, "can at that answer");
    buf_release(&out);
}

/* Of many files the folder is known. */
static void test_waits_on_many(void **state)
{
    (void)state;
    struct timeline tl;
    struct buf out = BUF_INIT;
    scene_init(&tl);
    tl.processes.data[0].verdict.waits_on_name = timeline_intern(&tl, "/srv");
    struct process_sums *sums = sums_new(&tl);
    assert_non_null(sums);
    verdict_text(&tl, 0, &sums[0], &out);
    has(&out, "It waits most for files in /srv; the longest time 4.00 ms blocked in pread64 on "
              "/srv/7.jpg");
    free(sums);
    buf_release(&out);
    timeline_release(&tl);
}

static void test_every_model_says_something(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    for (unsigned model = 0; model <= MODEL_COUNT; model++)
        for (unsigned waits = 0; waits < 2; waits++) {
            struct verdict v = pool;
            v.model = (uint8_t)model;
            v.thread_waits = waits;
            say(&v, &pool_sums, &out);
            has_not(&out, "(null)");
            assert_true(strchr(buf_str(&out), '\n') - buf_str(&out) > 20);
        }
    for (uint32_t kind = 0; kind <= OBJ_KIND_COUNT; kind++) {
        struct verdict v = pool;
        v.waits_on = kind;
        say(&v, &pool_sums, &out);
        has_not(&out, "(null)");
        if (kind && kind < OBJ_KIND_COUNT)
            has(&out, "It waits most for ");
    }
    buf_release(&out);
}

/* What stands in line before a loop waits for none of its workers. */
static void test_queues_of_a_loop_and_its_workers(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    struct verdict v = pool;
    struct process_sums sums = pool_sums;

    v.model = MODEL_NONBLOCKING_WORKERS;
    sums.queued_loop_ns = v.queued_ns;
    say(&v, &sums, &out);
    has(&out, ": waiting for the event loop, not for what they asked for.\n");
    has(&out,
        "the peak 100 requests were in flight at once, on an event loop and 8 worker threads.");
    sums.queued_loop_ns = v.queued_ns / 10 * 9;
    say(&v, &sums, &out);
    has(&out, ": waiting for the event loop (630 s) or for a thread (70.0 s), not for what");
    sums.queued_loop_ns = 0;
    say(&v, &sums, &out);
    has(&out, ": waiting for a thread, not for what they asked for.\n");
    v.model = MODEL_BLOCKING; /* some of its requests have a loop, perhaps */
    sums.queued_loop_ns = v.queued_ns;
    say(&v, &sums, &out);
    has(&out, ": waiting for a thread, not for what they asked for.\n");
    buf_release(&out);
}

static void test_nothing_to_judge(void **state)
{
    (void)state;
    struct verdict none = {0};
    struct process_sums sums = {0};
    struct buf out = BUF_INIT;
    say(&none, &sums, &out);
    assert_string_equal(buf_str(&out), "No request was seen in this process.\n");
    sums.open = 1;
    say(&none, &sums, &out);
    has(&out, "Its one request was not answered before the recording ended, so how it serves could "
              "not be told.\n");
    sums.open = 1200;
    say(&none, &sums, &out);
    has(&out, "None of its 1,200 requests was answered before the recording ended, so how it "
              "serves could not be told.\n");
    buf_release(&out);
}

/* A thread of the server's that waits so for all the time of an open request. */
static void stands(struct timeline *tl, uint8_t state, const char *call, uint32_t object1)
{
    struct thread *t = scene_thread(tl, 0, 10 + (uint32_t)tl->threads.len, "worker", 0);
    scene_interval(tl, t, 1000, state, call, object1, 0);
    struct request *r = scene_request(tl, 0, 1, "GET /", "GET /", 0);
    r->flags = 0;
    scene_segment(tl, r, 10, LEDGER_UNATTRIBUTED, 0, 0);
    scene_segment(tl, r, 1000, state == STATE_LOCK ? LEDGER_LOCK : LEDGER_BLOCKED,
                  (uint32_t)tl->threads.len, 1);
}

static void test_none_answered(void **state)
{
    (void)state;
    struct timeline tl;
    struct buf out = BUF_INIT;
    timeline_init(&tl);
    scene_process(&tl, 1, "server");
    scene_object(&tl, OBJ_ACCEPTED, "client", "", "");
    uint32_t one = scene_object(&tl, OBJ_FUTEX, "futex", "", "");
    uint32_t other = scene_object(&tl, OBJ_FUTEX, "futex", "", "");
    uint32_t file = scene_object(&tl, OBJ_FILE, "/srv/a", "", "");
    stands(&tl, STATE_BLOCKED, "read", file);
    stands(&tl, STATE_LOCK, "futex", one);
    stands(&tl, STATE_LOCK, "futex", other);
    struct process_sums sums = {.open = 3};
    verdict_text(&tl, 0, &sums, &out);
    assert_string_equal(buf_str(&out),
                        "None of its 3 requests was answered before the recording ended, so how it "
                        "serves could not be told.\n"
                        "Where they stood longest: 2 in futex (lock), 1 in read on /srv/a "
                        "(blocked).\n");
    struct request *r = scene_request(&tl, 0, 1, "GET /", "GET /", 0);
    scene_segment(&tl, r, 1000, LEDGER_QUEUED, 0, 0);
    scene_segment(&tl, scene_request(&tl, 0, 1, "GET /", "GET /", 0), 1000, LEDGER_AWAITING, 0, 0);
    sums.open = 5;
    buf_clear(&out);
    verdict_text(&tl, 0, &sums, &out);
    has(&out, "longest: 2 in futex (lock), 1 awaiting, 1 in read on /srv/a (blocked), 1 "
              "elsewhere.\n");
    buf_release(&out);
    timeline_release(&tl);
}

/* A server that hung before the recording began. */
static void test_asked_before(void **state)
{
    (void)state;
    struct timeline tl;
    struct buf out = BUF_INIT;
    const struct process_sums none = {0};
    timeline_init(&tl);
    scene_process(&tl, 1, "server");
    scene_process(&tl, 2, "another");
    uint32_t word = scene_object(&tl, OBJ_FUTEX, "futex", "", "");
    for (uint32_t i = 0; i < 3; i++) {
        struct thread *t = scene_thread(&tl, i / 2, 10 + i, "worker", 0);
        scene_interval(&tl, t, 10, STATE_RUNNING, NULL, 0, 0);
        scene_interval(&tl, t, 1000, STATE_LOCK, "futex", word, INTERVAL_IDLE);
    }
    tl.processes.data[0].owed = (struct owed){.waiting = 2, .longest_ns = 12300 * 1000000ull};
    verdict_text(&tl, 0, &none, &out);
    assert_string_equal(buf_str(&out),
                        "No request was seen in this process.\n"
                        "2 clients had spoken last when the recording began, and nothing was heard "
                        "of them since: they wait for an answer, perhaps, the first of them for "
                        "12.3 s then.\n"
                        "Where its threads stood longest: 2 in futex (lock).\n");
    tl.processes.data[0].owed = (struct owed){.waiting = 1};
    buf_clear(&out);
    verdict_text(&tl, 0, &none, &out);
    has(&out, "1 client had spoken last when the recording began, and nothing was heard of it "
              "since: it waits for an answer, perhaps.\n");
    buf_clear(&out);
    verdict_text(&tl, 1, &none, &out);
    assert_string_equal(buf_str(&out), "No request was seen in this process.\n");
    tl.processes.data[1].owed = (struct owed){.answered = 1, .gone = 2, .unsure = 3};
    buf_clear(&out);
    verdict_text(&tl, 1, &none, &out);
    assert_string_equal(
        buf_str(&out), "No request was seen in this process.\n"
                       "When the recording began 1 client had waited before, and got an answer, "
                       "perhaps, 2 clients had spoken last and closed the connection, it could not "
                       "be told of 3 clients who had spoken last.\n"
                       "Where its threads stood longest: 1 in futex (lock).\n");
    /* It answers others: then who does is told of first. */
    tl.processes.data[0].verdict = pool;
    tl.processes.data[0].owed = (struct owed){.waiting = 3, .unaccepted = 5};
    buf_clear(&out);
    verdict_text(&tl, 0, &pool_sums, &out);
    has(&out, "\n3 clients had spoken last when the recording began, and nothing was heard of them "
              "since: they wait for an answer, perhaps.\n");
    has_not(&out, "accepted");
    buf_release(&out);
    timeline_release(&tl);
}

static void test_one_of_each(void **state)
{
    (void)state;
    struct verdict v = pool;
    struct process_sums sums = pool_sums;
    struct buf out = BUF_INIT;
    v.serving_threads = v.peak_in_flight = v.queued_requests = 1;
    sums.complete = 1;
    say(&v, &sums, &out);
    has(&out, "1 thread, held for 10.2 ms a request on average, can");
    has(&out, "The one thread was taken while requests queued, first 12.3 ms");
    has(&out, "at the peak 1 request was in flight at once, on 1 thread.\n");
    has(&out, "1 request queued for more than 1 ms");
    has_not(&out, "1 threads");
    has_not(&out, "1 requests");
    has_not(&out, "instead of");
    buf_release(&out);
}

static void rate_is(double rate, const char *wanted)
{
    struct buf out = BUF_INIT;
    verdict_rate(&out, rate);
    assert_string_equal(buf_str(&out), wanted);
    buf_release(&out);
}

static void percent_is(double share, const char *wanted)
{
    struct buf out = BUF_INIT;
    verdict_percent(&out, share);
    assert_string_equal(buf_str(&out), wanted);
    buf_release(&out);
}

static void test_figures(void **state)
{
    (void)state;
    rate_is(0, "0.00");
    rate_is(8.9, "8.90");
    rate_is(9.996, "10.0");
    rate_is(99.94, "99.9");
    rate_is(99.96, "100");
    rate_is(1234.5, "1,235");
    rate_is(-1, "?");
    rate_is(1 / 0.0, "?");
    percent_is(0, "0 %");
    percent_is(0.0001, "under 0.1 %");
    percent_is(0.0231, "2.3 %");
    percent_is(0.0996, "10 %");
    percent_is(0.97, "97 %");
    percent_is(1.24, "124 %");
    percent_is(0 / 0.0, "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_event_loop),
        cmocka_unit_test(test_threads_for_the_rate),
        cmocka_unit_test(test_evidence),
        cmocka_unit_test(test_remedies),
        cmocka_unit_test(test_nobodys_hold),
        cmocka_unit_test(test_unattributed),
        cmocka_unit_test(test_busy_loop_is_not_short),
        cmocka_unit_test(test_no_waits_is_not_said_lightly),
        cmocka_unit_test(test_waits_without_an_object),
        cmocka_unit_test(test_a_loop_and_its_workers),
        cmocka_unit_test(test_threads_that_come_and_go),
        cmocka_unit_test(test_waits_on_many),
        cmocka_unit_test(test_every_model_says_something),
        cmocka_unit_test(test_queues_of_a_loop_and_its_workers),
        cmocka_unit_test(test_nothing_to_judge),
        cmocka_unit_test(test_none_answered),
        cmocka_unit_test(test_asked_before),
        cmocka_unit_test(test_one_of_each),
        cmocka_unit_test(test_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
