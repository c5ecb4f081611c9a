/*
 * Coroutines: whose the waits are that worker threads have inside their work, told by what set the
 * process going. Thread 7 reads; 8 and 9, whom it calls, wait for files in between and pass the
 * rest on to 10, who answers; 11 waits for timers.
 */
#include "analysis_made.h"

#define EPOLL ANON(1)
#define QUEUE 4096
#define A SOCKET(201)
#define B SOCKET(202)
#define C SOCKET(203)
#define END 40000

/* When each thread's wait for work began. */
struct scene {
    struct made m;
    uint64_t idle[13];
};

static void scene_init(struct scene *s)
{
    memset(s, 0, sizeof(*s));
    made_init(&s->m, END);
    runtime_is(&s->m, 7, RUNTIME_JVM, 0, 0);
    accepted(&s->m, 5, A);
    accepted(&s->m, 5, B);
    accepted(&s->m, 5, C);
    attach_waiting(&s->m, 0, 7, 7, CALL_epoll_wait, EPOLL);
    for (uint32_t tid = 8; tid < 12; tid++)
        attach_waiting(&s->m, 0, tid, 7, CALL_futex, QUEUE * tid);
}

/* The thread is called by `waker` at `t`, or by itself if that is 0, and parks again at `park`. */
static void called(struct scene *s, uint32_t tid, uint64_t t, uint32_t waker, uint64_t park)
{
    s->m.waker = waker;
    wait_made(&s->m, tid, s->idle[tid], t, t, tid == 7 ? CALL_epoll_wait : CALL_futex,
              tid == 7 ? EPOLL : QUEUE * tid, WHY_SLEEP, waker ? 0 : WAIT_WAKER_IRQ);
    s->m.waker = 0;
    s->idle[tid] = park;
}

/* All workers are called at last, by each other. */
static void scene_finish(struct scene *s)
{
    end_waiting(&s->m, END, 7, 7, s->idle[7], CALL_epoll_wait, EPOLL);
    for (uint32_t tid = 8; tid < 12; tid++) {
        called(s, tid, END - 1000 + tid * 70, tid == 10 ? 8 : 10, END - 950 + tid * 70);
        end_waiting(&s->m, END, tid, 7, s->idle[tid], CALL_futex, QUEUE * tid);
    }
    made_finish(&s->m);
}

/* The loop reads at `t`, and is called for nothing else until 20 µs later. */
static void reads(struct scene *s, uint64_t t, uint64_t obj, const char *head)
{
    called(s, 7, t - 5, 0, t + 20);
    receives(&s->m, t, 7, obj, t - 5, head);
}

static void blocks(struct scene *s, uint32_t tid, uint64_t from, uint64_t to)
{
    wait_made(&s->m, tid, from, to, to, CALL_pread64, FILE_OBJ(from), WHY_SLEEP, WAIT_WAKER_IRQ);
}

/* 10 is called by the thread at `t`, and answers. */
static void answers(struct scene *s, uint64_t t, uint32_t waker, uint64_t obj)
{
    called(s, 10, t, waker, t + 60);
    sends(&s->m, t + 50, 10, obj, OK);
}

/* Both are read at once. A's file is read by 8 from 1100 to 5000, B's by 9 from 1100 to 6000; each
 * parks 50 µs later. */
static void two_at_work(struct scene *s)
{
    reads(s, 1000, A, GET("/a"));
    called(s, 8, 1010, 7, 5050);
    reads(s, 1030, B, GET("/b"));
    called(s, 9, 1040, 7, 6050);
    blocks(s, 8, 1100, 5000);
    blocks(s, 9, 1100, 6000);
}

static void test_what_makes_an_answer_possible_was_for_it(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    two_at_work(&s);
    answers(&s, 5040, 8, A);
    answers(&s, 6040, 9, B);
    scene_finish(&s);
    assert_int_equal(given(&s.m, "GET /a", 8, LEDGER_BLOCKED), 3900);
    assert_int_equal(given(&s.m, "GET /b", 9, LEDGER_BLOCKED), 4900);
    assert_int_equal(spent(&s.m, "GET /a", LEDGER_AWAITING), 0);
    made_release(&s.m);

    scene_init(&s); /* the first may as well have been B's */
    two_at_work(&s);
    answers(&s, 5040, 8, B);
    answers(&s, 6040, 9, A);
    scene_finish(&s);
    assert_int_equal(given(&s.m, "GET /b", 8, LEDGER_BLOCKED), 3900);
    assert_int_equal(given(&s.m, "GET /a", 9, LEDGER_BLOCKED), 4900);
    made_release(&s.m);
}

/* It made both answers possible, perhaps by a lock that its own request had. */
static void test_one_wait_is_not_two_answers(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    two_at_work(&s);
    answers(&s, 5040, 8, B);
    answers(&s, 5140, 8, A);
    scene_finish(&s);
    assert_int_equal(spent(&s.m, "GET /a", LEDGER_BLOCKED), 0);
    assert_int_equal(spent(&s.m, "GET /b", LEDGER_BLOCKED), 0);
    made_release(&s.m);
}

/* Also when the next one on its connection is what it reads next. */
static void test_what_a_reader_does_on_is_its_requests(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    reads(&s, 1000, A, GET("/a"));
    s.idle[7] = 1300;
    called(&s, 8, 1250, 7, 5050);
    blocks(&s, 8, 1400, 5000);
    answers(&s, 5040, 8, A);
    reads(&s, 6000, A, GET("/b"));
    scene_finish(&s);
    assert_int_equal(given(&s.m, "GET /a", 7, LEDGER_RUNNING), 305);
    assert_int_equal(given(&s.m, "GET /a", 8, LEDGER_BLOCKED), 3600);
    made_release(&s.m);
}

/* Both have ended when the first is answered: each may have been either's. */
static void test_waits_that_end_together_are_nobodys(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    reads(&s, 1000, A, GET("/a"));
    called(&s, 8, 1010, 7, 5050);
    reads(&s, 1030, B, GET("/b"));
    called(&s, 9, 1040, 7, 5060);
    blocks(&s, 8, 1100, 5000);
    blocks(&s, 9, 1100, 5010);
    answers(&s, 5040, 8, B);
    answers(&s, 5140, 8, A);
    scene_finish(&s);
    assert_int_equal(spent(&s.m, "GET /a", LEDGER_BLOCKED), 0);
    assert_int_equal(spent(&s.m, "GET /b", LEDGER_BLOCKED), 0);
    made_release(&s.m);
}

/* A timer was what B waited for, perhaps: 8's wait has ended as well, but need not be B's. */
static void test_a_timer_may_be_anybodys(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    two_at_work(&s);
    called(&s, 11, 4990, 0, 5030);
    answers(&s, 5040, 8, B);
    scene_finish(&s);
    assert_int_equal(spent(&s.m, "GET /b", LEDGER_BLOCKED), 0);
    made_release(&s.m);
}

/* The timer's thread parks before the record of whom it has woken says so, and 8's wait ends
 * later still: it is one burst. */
static void test_who_is_woken_is_awake_since_its_waker_was(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    reads(&s, 1000, A, GET("/a")); /* until 1020 */
    called(&s, 8, 1035, 7, 5050);
    reads(&s, 1080, B, GET("/b")); /* 8 is at work since */
    blocks(&s, 8, 1150, 5000);
    answers(&s, 5040, 8, A);
    scene_finish(&s);
    assert_int_equal(given(&s.m, "GET /a", 8, LEDGER_BLOCKED), 3850);
    made_release(&s.m);
}

/* The loop reads A and B, and hands A over before: its handlers act at once. Then 8's file can be
 * nobody's but B's, which it hands over next. It reads the end of a connection, too. */
static void test_a_reader_has_one_in_hand(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    receives(&s.m, 900, 7, C, 900, "");
    reads(&s, 1000, A, GET("/a"));
    s.idle[7] = 1500;
    called(&s, 9, 1010, 7, 1050);
    receives(&s.m, 1200, 7, B, 1000, GET("/b"));
    called(&s, 8, 1210, 7, 5050);
    blocks(&s, 8, 1300, 5000);
    answers(&s, 5040, 8, A);
    answers(&s, 5140, 8, B);
    scene_finish(&s);
    assert_int_equal(spent(&s.m, "GET /a", LEDGER_BLOCKED), 0);
    assert_int_equal(given(&s.m, "GET /b", 8, LEDGER_BLOCKED), 3500);
    made_release(&s.m);
}

/* A timer called 8 at 600: its wait is for anybody, but not for whom nobody had read. B waited for
 * what A held, and 8's wait was A's. */
static void test_nobody_works_for_what_nobody_has_read(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    reads(&s, 500, A, GET("/a"));
    called(&s, 8, 510, 7, 560);
    called(&s, 11, 700, 0, 740);
    called(&s, 8, 730, 11, 5050);
    blocks(&s, 8, 800, 5000);
    reads(&s, 2000, B, GET("/b"));
    called(&s, 9, 2010, 7, 2100);
    answers(&s, 5040, 8, B);
    answers(&s, 7040, 8, A);
    scene_finish(&s);
    assert_int_equal(spent(&s.m, "GET /b", LEDGER_BLOCKED), 0);
    made_release(&s.m);
}

/*
 * C is read at 500, and a timer of 11's calls it at 30000. Meanwhile A is read; 8 answers it and
 * calls 9, which works for 3 ms, for whomever. Did a timer call somebody then?
 */
static uint64_t awaiting_beside_work(bool timer)
{
    struct scene s;
    scene_init(&s);
    reads(&s, 500, C, GET("/c"));
    called(&s, 8, 510, 7, 600);
    reads(&s, 10000, A, GET("/a"));
    called(&s, 8, 10010, 7, 10220);
    called(&s, 9, 10100, 8, 13100);
    sends(&s.m, 10200, 8, A, OK);
    if (timer)
        called(&s, 11, 11000, 0, 11050);
    called(&s, 11, 30000, 0, 30060);
    answers(&s, 30040, 11, C);
    scene_finish(&s);
    uint64_t us = spent(&s.m, "GET /c", LEDGER_AWAITING);
    made_release(&s.m);
    return us;
}

static void test_what_was_for_another_was_not_for_it(void **state)
{
    (void)state;
    assert_in_range(awaiting_beside_work(false), 29000, 29500);
    assert_in_range(awaiting_beside_work(true), 26000, 26500);
}

/* 8 works for 2 ms before it answers A, and `silent` times before for nobody that is seen. */
static uint64_t running_of_answer(unsigned silent)
{
    struct scene s;
    scene_init(&s);
    reads(&s, 500, B, GET("/b"));
    for (unsigned i = 0; i < silent; i++)
        called(&s, 8, 1000 + i * 500, 9, 1200 + i * 500);
    reads(&s, 19000, C, GET("/c"));
    called(&s, 9, 19010, 7, 21300);
    reads(&s, 20000, A, GET("/a"));
    called(&s, 8, 20010, 7, 22100);
    sends(&s.m, 21200, 9, C, OK);
    sends(&s.m, 22000, 8, A, OK);
    scene_finish(&s);
    uint64_t us = given(&s.m, "GET /a", 8, LEDGER_RUNNING);
    made_release(&s.m);
    return us;
}

/* Coroutines go on to where they wait for something, and the worker takes another. */
static void test_who_passes_work_on_may_have_before_an_answer(void **state)
{
    (void)state;
    assert_in_range(running_of_answer(0), 1900, 2000);
    assert_int_equal(running_of_answer(9), 200);
}

/*
 * C is read at 500, and a timer of 11's calls it at 30000. Meanwhile another calls A, and 9 works
 * for 3 ms, for whomever. Do timers call nobody else, at times?
 */
static uint64_t awaiting_beside_timers(unsigned strays)
{
    struct scene s;
    scene_init(&s);
    reads(&s, 500, C, GET("/c"));
    called(&s, 8, 510, 7, 600);
    reads(&s, 1000, A, GET("/a"));
    called(&s, 8, 1010, 7, 1100);
    called(&s, 11, 10000, 0, 10060);
    answers(&s, 10040, 11, A);
    called(&s, 9, 10100, 10, 13100);
    for (unsigned i = 0; i < strays; i++)
        called(&s, 11, 20000 + i * 1000, 0, 20060 + i * 1000);
    called(&s, 11, 30000, 0, 30060);
    answers(&s, 30040, 11, C);
    scene_finish(&s);
    uint64_t us = spent(&s.m, "GET /c", LEDGER_AWAITING);
    made_release(&s.m);
    return us;
}

static void test_timers_that_call_for_answers_call_for_no_more(void **state)
{
    (void)state;
    assert_in_range(awaiting_beside_timers(0), 29000, 29500);
    assert_in_range(awaiting_beside_timers(3), 25500, 26500);
}

/* C waits for a timer, and its reader is never at rest; all workers are, between A and B. */
static void test_what_is_handed_over_does_not_wait_for_its_reader(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    reads(&s, 500, C, GET("/c"));
    s.idle[7] = 20000;
    called(&s, 8, 510, 7, 600);
    receives(&s.m, 3000, 7, A, 2900, GET("/a"));
    called(&s, 8, 3010, 7, 3100);
    sends(&s.m, 3050, 8, A, OK);
    receives(&s.m, 6000, 7, B, 5900, GET("/b"));
    called(&s, 8, 6010, 7, 6100);
    sends(&s.m, 6050, 8, B, OK);
    called(&s, 11, 10000, 0, 10060);
    answers(&s, 10040, 11, C);
    scene_finish(&s);
    assert_in_range(spent(&s.m, "GET /c", LEDGER_AWAITING), 6900, 7100); /* from 3000 on */
    assert_int_equal(spent(&s.m, "GET /c", LEDGER_LOOP_BUSY), 0);
    made_release(&s.m);
}

/* Its reader stands at a lock before it hands C over, and 8 gets its CPU late. */
static void test_what_is_not_handed_over_yet_awaits_nothing(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    reads(&s, 500, A, GET("/a"));
    called(&s, 9, 510, 7, 600);
    reads(&s, 1000, C, GET("/c"));
    s.m.waker = 11;
    wait_made(&s.m, 7, 1015, 1040, 1040, CALL_futex, QUEUE * 20, WHY_SLEEP, 0);
    s.idle[7] = 1200;
    s.m.waker = 7;
    wait_made(&s.m, 8, s.idle[8], 1150, 2500, CALL_futex, QUEUE * 8, WHY_SLEEP, 0);
    s.m.waker = 0;
    s.idle[8] = 2600;
    called(&s, 11, 10000, 0, 10060);
    answers(&s, 10040, 11, C);
    scene_finish(&s);
    assert_int_equal(spent(&s.m, "GET /c", LEDGER_AWAITING), 7400); /* 2600 to 10000 */
    made_release(&s.m);
}

/* While all workers wait the loop reads A and C, calls 8 for A, and sleeps. C stands in line until
 * 9 is called, by 8. */
static void test_what_stands_in_line_awaits_nothing(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    reads(&s, 500, A, GET("/a"));
    receives(&s.m, 510, 7, C, 495, GET("/c"));
    s.idle[7] = 560;
    called(&s, 8, 540, 7, 1400);
    sends(&s.m, 1350, 8, A, OK);
    called(&s, 9, 1300, 8, 1500);
    called(&s, 11, 10000, 0, 10060);
    answers(&s, 10040, 11, C);
    scene_finish(&s);
    assert_int_equal(spent(&s.m, "GET /c", LEDGER_AWAITING), 10000 - 1500);
    made_release(&s.m);
}

/* Both workers are busy at times, and at rest between. */
static void test_a_pool_that_rests_is_not_full(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    reads(&s, 500, C, GET("/c"));
    called(&s, 8, 510, 7, 600);
    for (uint64_t t = 3000; t < 6000; t += 1000) {
        reads(&s, t, A, GET("/a"));
        called(&s, 8, t + 10, 7, t + 300);
        reads(&s, t + 30, B, GET("/b"));
        called(&s, 9, t + 40, 7, t + 310);
        sends(&s.m, t + 280, 8, A, OK);
        sends(&s.m, t + 290, 9, B, OK);
    }
    called(&s, 11, 10000, 0, 10060);
    answers(&s, 10040, 11, C);
    scene_finish(&s);
    assert_in_range(spent(&s.m, "GET /c", LEDGER_AWAITING), 9300, 9500);
    made_release(&s.m);
}

/* It parks since `off`, as at the attach and the end everybody does. */
static void named(struct made *m, uint32_t tid, const char *comm, uint64_t off)
{
    struct event_thread e = {.pid = 7, .phase = off ? THREAD_AT_END : THREAD_AT_ATTACH};
    e.wait = (struct event_wait){.off_ns = AT(off),
                                 .why = WHY_SLEEP,
                                 .call = CALL_futex,
                                 .obj = (uint64_t)QUEUE * tid,
                                 .fd = WAIT_NO_FD};
    memcpy(e.comm, comm, strlen(comm));
    made_add(m, &e, EVENT_THREAD, sizeof(e), tid, AT(off ? END : 0));
}

/* While C waits, a thread that the loop has once woken works for 5 ms. */
static uint64_t awaiting_beside(const char *comm)
{
    struct scene s;
    scene_init(&s);
    named(&s.m, 12, comm, 0);
    reads(&s, 500, C, GET("/c"));
    called(&s, 8, 510, 7, 600);
    called(&s, 12, 515, 7, 550);
    called(&s, 12, 10000, 0, 15000);
    called(&s, 11, 30000, 0, 30060);
    answers(&s, 30040, 11, C);
    named(&s.m, 12, comm, s.idle[12]);
    scene_finish(&s);
    uint64_t us = spent(&s.m, "GET /c", LEDGER_AWAITING);
    made_release(&s.m);
    return us;
}

/* The JVM compiles what is called often: for all. */
static void test_hotspots_own_threads_work_for_nobody(void **state)
{
    (void)state;
    assert_in_range(awaiting_beside("C1 CompilerThre"), 29000, 29500);
    assert_in_range(awaiting_beside("pool-1-thread-1"), 24000, 24500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_makes_an_answer_possible_was_for_it),
        cmocka_unit_test(test_one_wait_is_not_two_answers),
        cmocka_unit_test(test_what_a_reader_does_on_is_its_requests),
        cmocka_unit_test(test_waits_that_end_together_are_nobodys),
        cmocka_unit_test(test_a_timer_may_be_anybodys),
        cmocka_unit_test(test_who_is_woken_is_awake_since_its_waker_was),
        cmocka_unit_test(test_a_reader_has_one_in_hand),
        cmocka_unit_test(test_nobody_works_for_what_nobody_has_read),
        cmocka_unit_test(test_what_was_for_another_was_not_for_it),
        cmocka_unit_test(test_timers_that_call_for_answers_call_for_no_more),
        cmocka_unit_test(test_what_is_handed_over_does_not_wait_for_its_reader),
        cmocka_unit_test(test_what_is_not_handed_over_yet_awaits_nothing),
        cmocka_unit_test(test_what_stands_in_line_awaits_nothing),
        cmocka_unit_test(test_a_pool_that_rests_is_not_full),
        cmocka_unit_test(test_who_passes_work_on_may_have_before_an_answer),
        cmocka_unit_test(test_hotspots_own_threads_work_for_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
