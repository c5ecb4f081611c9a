/*
 * What a loop may have done between two touches: callbacks of timers and immediates leave no
 * record. Thread 7 is the loop, 8 its worker.
 */
#include "analysis_made.h"

#define A SOCKET(1)
#define B SOCKET(2)
#define DB SOCKET(9)
#define EPOLL ANON(1)
#define QUEUE 4096 /* the futex that the worker parks at */
#define COLD FILE_OBJ(1)

static void slices_init(struct made *m, uint64_t end)
{
    made_init(m, end);
    accepted(m, 5, A);
    accepted(m, 5, B);
    socket_is(m, DB, ROLE_CONNECTED, 4000, 5432);
    attach_waiting(m, 0, 7, 7, CALL_epoll_wait, EPOLL);
    attach_waiting(m, 0, 8, 7, CALL_futex, QUEUE);
}

static void yields(struct made *m, uint64_t off, uint64_t wake)
{
    waits(m, 7, off, wake, wake, CALL_epoll_wait, EPOLL);
}

static void slices_finish(struct made *m, uint64_t end, uint64_t loop, uint64_t worker)
{
    end_waiting(m, end, 7, 7, loop, CALL_epoll_wait, EPOLL);
    end_waiting(m, end, 8, 7, worker, CALL_futex, QUEUE);
    made_finish(m);
}

/*
 * A waits for something that no record names, while the loop serves B in 60 slices. Before these
 * it was awake for 3 ms: A may have been late then, unless each callback of this loop touches a
 * connection. `silent`: in one slice it touched none.
 */
static uint64_t late_in_long_slice(bool silent, uint32_t runtime)
{
    struct made m;
    slices_init(&m, 100000);
    if (runtime)
        runtime_is(&m, 7, runtime, 0, 0);
    yields(&m, 0, 1000);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    yields(&m, 1020, 2000);
    receives(&m, 2010, 7, B, 2000, GET("/b"));
    preempted(&m, 7, 2020, 4990);
    sends(&m, 5000, 7, B, OK);
    for (uint64_t t = 6000, last = 5010; t < 67000; last = t + 30, t += 1000) {
        yields(&m, last, t);
        if (silent && t == 30000)
            continue;
        receives(&m, t + 10, 7, B, t, GET("/b"));
        sends(&m, t + 20, 7, B, OK);
    }
    yields(&m, 66030, 90000);
    sends(&m, 90010, 7, A, OK);
    slices_finish(&m, 100000, 90020, 0);
    uint64_t unknown = spent(&m, "GET /a", LEDGER_UNATTRIBUTED);
    made_release(&m);
    return unknown;
}

static void test_late_where_callbacks_are_silent(void **state)
{
    (void)state;
    assert_in_range(late_in_long_slice(true, 0), 3000, 3100);
    assert_in_range(late_in_long_slice(false, 0), 0, 100);
    assert_in_range(late_in_long_slice(true, RUNTIME_NODE), 3000, 3100);
    assert_in_range(late_in_long_slice(true, RUNTIME_REDIS), 0, 100);
}

/* A is left at 1020, for B, and the loop sleeps at 1820: in between A may have had a callback that
 * touches nothing, if there are such. */
static uint64_t left_for_another(bool silent)
{
    struct made m;
    slices_init(&m, 100000);
    yields(&m, 0, 1000);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    receives(&m, 1020, 7, B, 1000, GET("/b"));
    sends(&m, 1810, 7, B, OK);
    for (uint64_t t = 6000, last = 1820; t < 67000; last = t + 30, t += 1000) {
        yields(&m, last, t);
        if (silent && t == 30000)
            continue;
        receives(&m, t + 10, 7, B, t, GET("/b"));
        sends(&m, t + 20, 7, B, OK);
    }
    yields(&m, 66030, 90000);
    sends(&m, 90010, 7, A, OK);
    slices_finish(&m, 100000, 90020, 0);
    uint64_t unknown = spent(&m, "GET /a", LEDGER_UNATTRIBUTED);
    made_release(&m);
    return unknown;
}

static void test_left_where_callbacks_are_silent(void **state)
{
    (void)state;
    assert_in_range(left_for_another(true), 790, 900);
    assert_in_range(left_for_another(false), 0, 20);
}

/*
 *     loop   1010 recv A ── 2000 recv B ─ 2050 ask for B ── ? ── 4000 send A
 *
 * A computes in setImmediate, from 2100 on, say, or waited for a timer. That is neither B's, nor
 * was A kept waiting: the loop may have asked for more before 4000, without having slept.
 */
static void test_immediate_behind_anothers_question(void **state)
{
    (void)state;
    struct made m;
    slices_init(&m, 9000);
    runtime_is(&m, 7, RUNTIME_NODE, 0, 0);
    yields(&m, 0, 1000);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    receives(&m, 2000, 7, B, 1000, GET("/b"));
    sends(&m, 2050, 7, DB, "?");
    sends(&m, 4000, 7, A, OK);
    yields(&m, 4010, 6000);
    receives(&m, 6010, 7, DB, 6000, "!");
    sends(&m, 6020, 7, B, OK);
    slices_finish(&m, 9000, 6030, 0);
    assert_int_equal(spent(&m, "GET /b", LEDGER_RUNNING), 50 + 20);
    assert_int_equal(spent(&m, "GET /a", LEDGER_LOOP_BUSY), 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 2000);
    made_release(&m);
}

/* The same within what libuv says: B's file is read, A computes, and B's callback is called. */
static void test_immediate_before_the_same_ones_callback(void **state)
{
    (void)state;
    struct made m;
    slices_init(&m, 9000);
    runtime_is(&m, 7, RUNTIME_NODE, 0, 0);
    yields(&m, 0, 1000);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    receives(&m, 1100, 7, B, 1000, GET("/b"));
    says(&m, 1150, 7, 64, WORK_SUBMIT, WORK_LIBUV);
    waits(&m, 8, 0, 1160, 1160, CALL_futex, QUEUE);
    says(&m, 1170, 8, 64, WORK_BEGIN, WORK_LIBUV);
    says(&m, 3000, 7, 64, WORK_RESUME, WORK_LIBUV);
    sends(&m, 3050, 7, B, OK);
    sends(&m, 3060, 7, A, OK);
    slices_finish(&m, 9000, 3100, 1200);
    assert_int_equal(given(&m, "GET /b", 7, LEDGER_RUNNING), 50 + 50);
    made_release(&m);
}

/*
 * What is handed over long behind A's last touch may be A's. Not where the loop has handed over
 * something for nobody before (`stray`), as it does from a timer; then A waits for nobody knows
 * what until it is touched again.
 */
static void stray_work(struct made *m, bool stray)
{
    slices_init(m, 9000);
    runtime_is(m, 7, RUNTIME_NODE, 0, 0);
    yields(m, 0, 500);
    if (stray)
        says(m, 510, 7, 65, WORK_SUBMIT, WORK_LIBUV);
    yields(m, 520, 1000);
    receives(m, 1010, 7, A, 1000, GET("/a"));
    says(m, 2010, 7, 64, WORK_SUBMIT, WORK_LIBUV);
    waits(m, 8, 0, 2020, 2020, CALL_futex, QUEUE);
    says(m, 2030, 8, 64, WORK_BEGIN, WORK_LIBUV);
    yields(m, 2040, 4000);
    waits(m, 8, 2050, 3990, 3990, CALL_pread64, COLD);
    says(m, 4010, 7, 64, WORK_RESUME, WORK_LIBUV);
    sends(m, 4020, 7, A, OK);
    slices_finish(m, 9000, 4030, 4005);
}

static void test_stray_work(void **state)
{
    (void)state;
    struct made m;
    stray_work(&m, false);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 1940);
    made_release(&m);
    stray_work(&m, true);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 0);
    assert_in_range(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 1960, 3010);
    made_release(&m);
}

/* What is handed over soon behind A's question to a backend is no A's for certain either. */
static void test_stray_work_behind_a_question(void **state)
{
    (void)state;
    struct made m;
    slices_init(&m, 9000);
    runtime_is(&m, 7, RUNTIME_NODE, 0, 0);
    yields(&m, 0, 500);
    says(&m, 510, 7, 65, WORK_SUBMIT, WORK_LIBUV);
    yields(&m, 520, 1000);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    sends(&m, 1030, 7, DB, "?");
    says(&m, 1050, 7, 64, WORK_SUBMIT, WORK_LIBUV);
    waits(&m, 8, 0, 1060, 1060, CALL_futex, QUEUE);
    says(&m, 1070, 8, 64, WORK_BEGIN, WORK_LIBUV);
    yields(&m, 1080, 4000);
    waits(&m, 8, 1090, 3990, 3990, CALL_pread64, COLD);
    says(&m, 4010, 7, 64, WORK_RESUME, WORK_LIBUV);
    yields(&m, 4020, 6000);
    receives(&m, 6010, 7, DB, 6000, "!");
    sends(&m, 6020, 7, A, OK);
    slices_finish(&m, 9000, 6030, 4005);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 0);
    made_release(&m);
}

/*
 * A waits for its timer, and its loop computes for 500 us before it answers. With a `job` it has
 * computed for 400 us at a time while it had no request, too: then that may be of the job. So may
 * what the loop does behind A's read. Each new connection explains one slice.
 */
static void computes_before_the_answer(struct made *m, bool job, bool accepts)
{
    uint64_t t = 0;
    slices_init(m, 40000);
    for (int i = 0; i < 4; i++, t += 2000) {
        yields(m, t + (job || i == 0 ? 400 : 20), t + 2000);
        if (accepts)
            accepted(m, t + 1990, SOCKET(10 + i));
    }
    yields(m, t + (job ? 400 : 20), 10000);
    receives(m, 10010, 7, A, 10000, GET("/a"));
    yields(m, 11000, 20000);
    sends(m, 20500, 7, A, OK);
    slices_finish(m, 40000, 20510, 0);
}

static void test_background(void **state)
{
    (void)state;
    struct made m;
    computes_before_the_answer(&m, false, false);
    assert_int_equal(spent(&m, "GET /a", LEDGER_RUNNING), 10 + 990 + 500);
    made_release(&m);
    computes_before_the_answer(&m, true, true);
    assert_int_equal(spent(&m, "GET /a", LEDGER_RUNNING), 10 + 990 + 500);
    made_release(&m);
    computes_before_the_answer(&m, true, false);
    assert_int_equal(spent(&m, "GET /a", LEDGER_RUNNING), 10);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 990);
    made_release(&m);
}

/* Behind B's answer the loop computes for long, or for 400 us around a time without a CPU, and then
 * answers A: that may be of neither. */
static void long_between_two_answers(bool preempts)
{
    struct made m;
    slices_init(&m, 9000);
    runtime_is(&m, 7, RUNTIME_NODE, 0, 0);
    accepted(&m, 5, SOCKET(3));
    yields(&m, 0, 1000);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    receives(&m, 1020, 7, SOCKET(3), 1000, GET("/sleeps"));
    yields(&m, 1030, 3000);
    receives(&m, 3010, 7, B, 3000, GET("/b"));
    sends(&m, 3020, 7, B, OK);
    if (preempts)
        preempted(&m, 7, 3220, 4800);
    sends(&m, 5000, 7, A, OK);
    yields(&m, 5010, 7000);
    sends(&m, 7010, 7, SOCKET(3), OK);
    slices_finish(&m, 9000, 7020, 0);
    assert_in_range(spent(&m, "GET /a", LEDGER_RUNNING), 0, 20);
    assert_int_equal(spent(&m, "GET /a", LEDGER_RUNNABLE), 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 3000 - 1030);
    made_release(&m);
}

static void test_long_between_two_answers(void **state)
{
    (void)state;
    long_between_two_answers(false);
    long_between_two_answers(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_late_where_callbacks_are_silent),
        cmocka_unit_test(test_left_where_callbacks_are_silent),
        cmocka_unit_test(test_immediate_behind_anothers_question),
        cmocka_unit_test(test_immediate_before_the_same_ones_callback),
        cmocka_unit_test(test_stray_work),
        cmocka_unit_test(test_stray_work_behind_a_question),
        cmocka_unit_test(test_background),
        cmocka_unit_test(test_long_between_two_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
