/* The words about a process: what its threads are, and whether they ran out. */
#include "analysis_made.h"

#define A SOCKET(1)
#define B SOCKET(2)
#define DB SOCKET(9)
#define EPOLL ANON(1)
#define OTHER_EPOLL ANON(2)
#define QUEUE 4096 /* the futex that the worker parks at */
#define COLD FILE_OBJ(1)

/*
 * Three threads wait in one epoll. 7 and 8 take a request each, wait for a backend inside of it,
 * and answer; 9 is not needed.
 *
 *     7   ┤ sleeps ├ recv A ─┤ the backend, 10 ms ├─ send A ─┤ sleeps
 *     8   ┤ sleeps      ├ recv B ─┤ the backend, 10 ms ├─ send B ─┤ sleeps
 */
static void followers(struct made *m, uint64_t other_epoll)
{
    made_init(m, 1000000);
    accepted(m, 5, A);
    accepted(m, 5, B);
    socket_is(m, DB, ROLE_CONNECTED, 4000, 5432);
    attach_waiting(m, 0, 7, 7, CALL_epoll_wait, EPOLL);
    attach_waiting(m, 0, 8, 7, CALL_epoll_wait, other_epoll);
    attach_waiting(m, 0, 9, 7, CALL_epoll_wait, other_epoll);
    uint64_t t = 1000, off = 0;
    for (int i = 0; i < 30; i++, t += 20000) {
        waits(m, 7, off, t, t, CALL_epoll_wait, EPOLL);
        receives(m, t + 10, 7, A, t, GET("/a"));
        waits(m, 7, t + 20, t + 10020, t + 10020, CALL_recvfrom, DB);
        sends(m, t + 10040, 7, A, OK);
        waits(m, 8, off, t + 500, t + 500, CALL_epoll_wait, other_epoll);
        receives(m, t + 510, 8, B, t + 500, GET("/b"));
        waits(m, 8, t + 520, t + 10520, t + 10520, CALL_recvfrom, DB);
        sends(m, t + 10540, 8, B, OK);
        off = t + 10550;
    }
    end_waiting(m, 1000000, 7, 7, off, CALL_epoll_wait, EPOLL);
    end_waiting(m, 1000000, 8, 7, off, CALL_epoll_wait, other_epoll);
    end_waiting(m, 1000000, 9, 7, 0, CALL_epoll_wait, other_epoll);
    made_finish(m);
}

static void test_threads_in_one_epoll_are_a_pool(void **state)
{
    (void)state;
    struct made m;
    followers(&m, EPOLL);
    const struct verdict *v = &m.tl.processes.data[0].verdict;
    assert_int_equal(v->model, MODEL_BLOCKING);
    assert_true(v->thread_waits);
    assert_int_equal(v->serving_threads, 3);
    assert_int_equal(m.tl.holds.len, 0);
    for (size_t i = 0; i < m.tl.threads.len; i++)
        assert_int_equal(m.tl.threads.data[i].role, THREAD_ROLE_WORKER);
    made_release(&m);
    /* 7 is alone in its epoll, and blocks. */
    followers(&m, OTHER_EPOLL);
    assert_int_equal(m.tl.threads.data[0].role, THREAD_ROLE_LOOP);
    assert_int_equal(m.tl.threads.data[1].role, THREAD_ROLE_WORKER);
    assert_int_equal(m.tl.holds.len, 30);
    made_release(&m);
}

/* Two threads in one epoll, and requests that go on after a wait there, on whichever. */
static void test_requests_that_go_on_have_a_loop(void **state)
{
    (void)state;
    struct made m;
    uint64_t t = 1000, off = 0;
    made_init(&m, 1000000);
    accepted(&m, 5, A);
    socket_is(&m, DB, ROLE_CONNECTED, 4000, 5432);
    attach_waiting(&m, 0, 7, 7, CALL_epoll_wait, EPOLL);
    attach_waiting(&m, 0, 8, 7, CALL_epoll_wait, EPOLL);
    for (int i = 0; i < 30; i++, t += 20000) {
        waits(&m, 7, off, t, t, CALL_epoll_wait, EPOLL);
        receives(&m, t + 10, 7, A, t, GET("/a"));
        sends(&m, t + 20, 7, DB, "?");
        waits(&m, 7, t + 30, t + 10000, t + 10000, CALL_epoll_wait, EPOLL);
        receives(&m, t + 10010, 7, DB, t + 10000, "!");
        sends(&m, t + 10020, 7, A, OK);
        off = t + 10030;
    }
    end_waiting(&m, 1000000, 7, 7, off, CALL_epoll_wait, EPOLL);
    end_waiting(&m, 1000000, 8, 7, 0, CALL_epoll_wait, EPOLL);
    made_finish(&m);
    assert_int_equal(m.tl.threads.data[0].role, THREAD_ROLE_LOOP);
    assert_int_equal(m.tl.processes.data[0].verdict.model, MODEL_NONBLOCKING);
    made_release(&m);
}

/*
 * A loop with one worker, which has A's file for 20 ms at a time; meanwhile B is read late, as the
 * loop computes, or at once, and its file waits for the worker (`handed`).
 *
 *     loop     recv A ─ SUBMIT ─┬───────── computes ──────────┬ recv B ─ send B ──┤ sleeps ├ send A
 *     worker                    └ BEGIN ─┤ A's file, 20 ms ├──
 */
static void worker_and_loop(struct made *m, bool handed)
{
    made_init(m, 1000000);
    runtime_is(m, 7, RUNTIME_NODE, 0, 0);
    accepted(m, 5, A);
    accepted(m, 5, B);
    attach_waiting(m, 0, 7, 7, CALL_epoll_wait, EPOLL);
    attach_waiting(m, 0, 8, 7, CALL_futex, QUEUE);
    uint64_t t = 1000, off = 0, parked = 0;
    for (int i = 0; i < 10; i++, t += 60000) {
        waits(m, 7, off, t, t, CALL_epoll_wait, EPOLL);
        receives(m, t + 10, 7, A, t, GET("/a"));
        says(m, t + 20, 7, 64, WORK_SUBMIT, WORK_LIBUV);
        waits(m, 8, parked, t + 30, t + 30, CALL_futex, QUEUE);
        says(m, t + 40, 8, 64, WORK_BEGIN, WORK_LIBUV);
        waits(m, 8, t + 50, t + 20000, t + 20000, CALL_pread64, COLD);
        if (handed) {
            receives(m, t + 60, 7, B, t + 50, GET("/b"));
            says(m, t + 70, 7, 65, WORK_SUBMIT, WORK_LIBUV);
            waits(m, 7, t + 80, t + 20020, t + 20020, CALL_epoll_wait, EPOLL);
            says(m, t + 20010, 8, 65, WORK_BEGIN, WORK_LIBUV);
            waits(m, 8, t + 20020, t + 20100, t + 20100, CALL_pread64, COLD);
        } else {
            receives(m, t + 15000, 7, B, t + 50, GET("/b"));
            sends(m, t + 15010, 7, B, OK);
            waits(m, 7, t + 15020, t + 20020, t + 20020, CALL_epoll_wait, EPOLL);
        }
        says(m, t + 20030, 7, 64, WORK_RESUME, WORK_LIBUV);
        sends(m, t + 20040, 7, A, OK);
        parked = t + 20110;
        if (handed) {
            waits(m, 7, t + 20050, t + 20120, t + 20120, CALL_epoll_wait, EPOLL);
            says(m, t + 20130, 7, 65, WORK_RESUME, WORK_LIBUV);
            sends(m, t + 20140, 7, B, OK);
        }
        off = t + 20150;
    }
    end_waiting(m, 1000000, 7, 7, off, CALL_epoll_wait, EPOLL);
    end_waiting(m, 1000000, 8, 7, parked, CALL_futex, QUEUE);
    made_finish(m);
}

static void test_who_waits_for_the_loop_lacks_no_worker(void **state)
{
    (void)state;
    struct made m;
    worker_and_loop(&m, false);
    const struct verdict *v = &m.tl.processes.data[0].verdict;
    assert_int_equal(v->model, MODEL_NONBLOCKING_WORKERS);
    assert_int_equal(v->serving_threads, 1);
    assert_int_equal(v->queued_requests, 10);
    assert_true(v->capacity > 0);
    assert_false(v->saturated);
    made_release(&m);
    worker_and_loop(&m, true);
    v = &m.tl.processes.data[0].verdict;
    assert_int_equal(v->queued_requests, 10);
    assert_true(v->saturated);
    made_release(&m);
}

static void is_about(double value, double what)
{
    if (value < what - 0.02 || value > what + 0.02)
        fail_msg("%f, not about %f", value, what);
}

/* The loop is held by all requests, its worker by some: of B's the loop does 15 ms of 60 late. */
static void test_a_loop_and_its_worker_are_two(void **state)
{
    (void)state;
    struct made m;
    worker_and_loop(&m, false);
    const struct verdict *v = &m.tl.processes.data[0].verdict;
    assert_int_equal(v->loops.threads, 1);
    assert_int_equal(v->loops.requests, 20);
    assert_int_equal(v->workers.threads, 1);
    assert_int_equal(v->workers.requests, 10);
    is_about(v->loops.share, 10 * 15.1 / 560);
    is_about(v->workers.share, 10 * 20.0 / 560);
    is_about(v->workers.held_ns / 20e6, 1);
    assert_false(v->loop_limits);
    is_about(v->capacity / (20 / 0.2), 1);
    made_release(&m);
}

/*
 * One thread, which starts up for 300 ms; then ten requests of 10 ms each, one behind the other,
 * and one more 800 ms later. On average it is idle.
 */
static void test_a_burst(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 1300000);
    attach_running(&m, 0, 7, 7);
    for (uint64_t i = 0; i < 11; i++) {
        uint64_t t = i < 10 ? 300000 + i * 10000 : 1200000;
        accepted(&m, t, SOCKET(20 + i));
        receives(&m, t + 10, 7, SOCKET(20 + i), t, GET("/x"));
        waits(&m, 7, t + 20, t + 9900, t + 9900, CALL_nanosleep, 0);
        sends(&m, t + 9990, 7, SOCKET(20 + i), OK);
    }
    end_running(&m, 1300000, 7, 7);
    made_finish(&m);
    const struct verdict *v = &m.tl.processes.data[0].verdict;
    assert_int_equal(v->loops.threads, 0);
    assert_int_equal(v->workers.threads, 1);
    is_about(v->workers.share, 110.0 / 910);
    is_about(v->workers.busiest, 1);
    is_about((double)v->window_ns / 91e6, 1);
    assert_true(v->workers.busiest_ns >= US(300000));
    assert_true(v->workers.busiest_ns + v->window_ns <= US(400000));
    made_release(&m);
}

/* One request every half a second, and a long one at the very end: no window ends before it. */
static void test_a_busy_end(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 10500000);
    accepted(&m, 5, A);
    attach_running(&m, 0, 7, 7);
    for (uint64_t i = 0; i < 21; i++) {
        uint64_t t = 1000 + i * 500000, took = i < 20 ? 1000 : 449000;
        receives(&m, t, 7, A, t, GET("/x"));
        waits(&m, 7, t + 10, t + took - 10, t + took - 10, CALL_nanosleep, 0);
        sends(&m, t + took, 7, A, OK);
    }
    end_running(&m, 10500000, 7, 7);
    made_finish(&m);
    const struct verdict *v = &m.tl.processes.data[0].verdict;
    is_about((double)v->window_ns / 1e9, 1);
    is_about(v->workers.share, 469.0 / 10449);
    is_about(v->workers.busiest, 0.45);
    assert_true(v->workers.busiest_ns + v->window_ns <= US(10450000));
    made_release(&m);
}

/* What a loop does before its first request, it does for none. */
static void test_a_start_is_no_load(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 1000000);
    accepted(&m, 5, A);
    socket_is(&m, DB, ROLE_CONNECTED, 4000, 5432);
    attach_running(&m, 0, 7, 7);
    uint64_t t = 500000, off = 499000; /* until then it starts up */
    for (int i = 0; i < 20; i++, t += 20000) {
        waits(&m, 7, off, t, t, CALL_epoll_wait, EPOLL);
        receives(&m, t + 10, 7, A, t, GET("/a"));
        sends(&m, t + 20, 7, DB, "?");
        waits(&m, 7, t + 30, t + 10000, t + 10000, CALL_epoll_wait, EPOLL);
        receives(&m, t + 10010, 7, DB, t + 10000, "!");
        sends(&m, t + 11000, 7, A, OK);
        off = t + 11010;
    }
    end_waiting(&m, 1000000, 7, 7, off, CALL_epoll_wait, EPOLL);
    made_finish(&m);
    const struct verdict *v = &m.tl.processes.data[0].verdict;
    assert_int_equal(v->model, MODEL_NONBLOCKING);
    assert_true(v->loop_limits);
    is_about(v->held_ns / 1.04e6, 1);
    is_about(v->cpu_ns / 1.04e6, 1);
    is_about(v->loops.share, 20 * 1.04 / 391);
    assert_true(v->loops.busiest < 0.1);
    made_release(&m);
}

/* A loop's accept() finds a connection; what it waits for there is something else, and everybody
 * else waits as well. */
static void test_a_loop_that_waits_in_accept(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 100000);
    accepted(&m, 5, A);
    accepted(&m, 10000, B);
    socket_is(&m, SOCKET(3), ROLE_LISTENER, 80, 0);
    attach_waiting(&m, 0, 7, 7, CALL_epoll_wait, EPOLL);
    uint64_t t = 1000, off = 0;
    for (int i = 0; i < 4; i++, t += 20000) {
        waits(&m, 7, off, t, t, CALL_epoll_wait, EPOLL);
        receives(&m, t + 10, 7, A, t, GET("/a"));
        sends(&m, t + 20, 7, A, OK);
        waits(&m, 7, t + 30, t + 5000, t + 5000, CALL_epoll_wait, EPOLL);
        waits(&m, 7, t + 5010, t + 15000, t + 15000, CALL_accept4, SOCKET(3));
        receives(&m, t + 15010, 7, B, t + 6000, GET("/b"));
        sends(&m, t + 15020, 7, B, OK);
        off = t + 15030;
    }
    end_waiting(&m, 100000, 7, 7, off, CALL_epoll_wait, EPOLL);
    made_finish(&m);
    assert_int_equal(m.tl.threads.data[0].role, THREAD_ROLE_LOOP);
    assert_int_equal(m.tl.holds.len, 4);
    for (size_t i = 0; i < m.tl.holds.len; i++) {
        assert_int_equal(m.tl.holds.data[i].end_ns - m.tl.holds.data[i].start_ns, US(9990));
        assert_int_equal(m.tl.holds.data[i].victim_count, 1);
    }
    const struct verdict *v = &m.tl.processes.data[0].verdict;
    assert_int_equal(v->model, MODEL_NONBLOCKING); /* the server is not made so */
    assert_false(v->thread_waits);
    assert_true(v->loops.share > 0.5);
    made_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_in_one_epoll_are_a_pool),
        cmocka_unit_test(test_requests_that_go_on_have_a_loop),
        cmocka_unit_test(test_who_waits_for_the_loop_lacks_no_worker),
        cmocka_unit_test(test_a_loop_and_its_worker_are_two),
        cmocka_unit_test(test_a_burst),
        cmocka_unit_test(test_a_busy_end),
        cmocka_unit_test(test_a_start_is_no_load),
        cmocka_unit_test(test_a_loop_that_waits_in_accept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
