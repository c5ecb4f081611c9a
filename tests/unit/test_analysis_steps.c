/*
 * What follows from the order of the steps of asyncio's tasks, and from what --precise tells of
 * their ends.
 */
#include "asyncio_made.h"

/* What the loop does before its requests, some times, behind a wake-up: no step, no socket. */
enum before { COMPUTES, WAITS, HAS_NO_CPU, TAKES_CLIENTS };

static uint64_t blocked_behind(unsigned times, enum before what)
{
    struct made m;
    tasks_init(&m, 80000);
    for (unsigned i = 0; i < times; i++) {
        uint64_t t = i * 10000;
        for (unsigned k = 0; what == TAKES_CLIENTS && k < 20; k++)
            conn_state(&m, t + 900 + k, 0, SOCKET(500 + 20 * i + k), ROLE_ACCEPTED, ESTABLISHED);
        yields(&m, t, t + 3000);
        if (what == WAITS)
            waits(&m, 7, t + 3100, t + 9000, t + 9000, CALL_pread64, COLD);
        if (what == HAS_NO_CPU)
            preempted(&m, 7, t + 3010, t + 8900);
    }
    yields(&m, times * 10000, 50000);
    asks(&m, 50010, A, GET("/a"), 601);
    asks(&m, 50020, B, GET("/b"), 602);
    steps(&m, 50030, 601);
    waits(&m, 7, 50100, 58100, 58100, CALL_pread64, COLD);
    steps(&m, 58200, 602);
    sends(&m, 58400, 7, A, OK);
    sends(&m, 58410, 7, B, OK);
    tasks_finish(&m, 80000, 58420);
    uint64_t known = spent(&m, "GET /a", LEDGER_BLOCKED);
    /* or nobody knows whose it is, and nobody's loop was busy with another for certain */
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), known ? 0 : 8170);
    assert_int_equal(spent(&m, "GET /a", LEDGER_LOOP_BUSY), 10 + 200);
    made_release(&m);
    return known;
}

/* A loop that has been seen to work for long in callbacks may do so behind a step as well. Once may
 * be a collection of garbage; but that does not wait. */
static void test_long_callbacks(void **state)
{
    (void)state;
    assert_int_equal(blocked_behind(3, COMPUTES), 0);
    assert_int_equal(blocked_behind(2, COMPUTES), 8000);
    assert_int_equal(blocked_behind(1, WAITS), 0);
}

/* That it stood in line for a CPU is no such work, nor that it took many clients' connections. */
static void test_no_long_callbacks(void **state)
{
    (void)state;
    assert_int_equal(blocked_behind(3, HAS_NO_CPU), 8000);
    assert_int_equal(blocked_behind(3, TAKES_CLIENTS), 8000);
}

/*
 * The loop does not sleep. B's and C's steps tell that it looks; A, stepped at 10000 behind C, was
 * not in the queue before C's step at 8000; that timer was not found due at the look before the
 * step at 6000, and not at the one before that at 4000.
 */
static void test_looks(void **state)
{
    (void)state;
    struct made m;
    tasks_init(&m, 30000);
    yields(&m, 0, 1000);
    asks(&m, 1010, A, GET("/a"), 601);
    asks(&m, 1020, B, GET("/b"), 602);
    asks(&m, 1030, C, GET("/c"), 603);
    steps(&m, 1040, 601);
    for (uint64_t t = 2000; t <= 9000; t += 1000)
        steps(&m, t, t / 1000 % 2 ? 602 : 603);
    steps(&m, 9990, 603);
    steps(&m, 10000, 601);
    sends(&m, 10100, 7, A, OK);
    sends(&m, 10200, 7, B, OK);
    sends(&m, 10300, 7, C, OK);
    tasks_finish(&m, 30000, 10400);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 4000 - 2000);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 10000 - 4000);
    assert_int_equal(spent(&m, "GET /a", LEDGER_RUNNING), 10 + 960 + 100);
    made_release(&m);
}

/* But it is the first to send on a connection that has stood since 1110. */
static void test_looks_and_a_connection(void **state)
{
    (void)state;
    struct made m;
    tasks_init(&m, 30000);
    socket_is(&m, BACKEND, ROLE_CONNECTED, 50000, 5432);
    yields(&m, 0, 1000);
    asks(&m, 1010, A, GET("/a"), 601);
    asks(&m, 1020, B, GET("/b"), 602);
    asks(&m, 1030, C, GET("/c"), 603);
    steps(&m, 1040, 601);
    conn_state(&m, 1100, 7, BACKEND, ROLE_CONNECTED, SYN_SENT);
    conn_state(&m, 1110, 0, BACKEND, ROLE_CONNECTED, ESTABLISHED);
    for (uint64_t t = 2000; t <= 9000; t += 1000)
        steps(&m, t, t / 1000 % 2 ? 602 : 603);
    steps(&m, 9990, 603);
    steps(&m, 10000, 601);
    sends(&m, 10050, 7, BACKEND, "GET / HTTP/1.1");
    receives(&m, 10060, 7, BACKEND, 10055, OK);
    sends(&m, 10100, 7, A, OK);
    sends(&m, 10200, 7, B, OK);
    sends(&m, 10300, 7, C, OK);
    tasks_finish(&m, 30000, 10400);
    assert_int_equal(spent(&m, "GET /a", LEDGER_LOOP_BUSY), 20 + 10000 - 2000);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

/* First in, first out: A's step comes before that of a task made at 3000, so it was in the queue
 * then. `eager`: that task is not stepped from the queue, and tells nothing. */
static void before_another(struct made *m, bool eager)
{
    tasks_init(m, 30000);
    yields(m, 0, 1000);
    asks(m, 1010, A, GET("/a"), 601);
    asks(m, 1020, B, GET("/b"), 602);
    steps(m, 1040, 601);
    steps(m, 2000, 602);
    says(m, 3000, 7, 603, WORK_SUBMIT, WORK_TASK);
    if (eager)
        steps(m, 3001, 603);
    waits(m, 7, 3100, 9000, 9000, CALL_pread64, COLD);
    steps(m, 9010, 601);
    sends(m, 9020, 7, A, OK);
    if (!eager)
        steps(m, 9030, 603);
    sends(m, 9040, 7, B, OK);
    tasks_finish(m, 30000, 9050);
}

static void test_in_the_queue_before_another(void **state)
{
    (void)state;
    struct made m;
    before_another(&m, false);
    assert_int_equal(spent(&m, "GET /a", LEDGER_LOOP_BUSY), 20 + 6010);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 1000);
    made_release(&m);
    before_another(&m, true);
    assert_int_equal(spent(&m, "GET /a", LEDGER_LOOP_BUSY), 20);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 7010);
    made_release(&m);
}

/* Between the making of an eager task and its step the loop does not look. */
static void test_eager_tasks_are_no_looks(void **state)
{
    (void)state;
    struct made m;
    tasks_init(&m, 30000);
    yields(&m, 0, 1000);
    asks(&m, 1010, A, GET("/a"), 601);
    asks(&m, 1020, B, GET("/b"), 602);
    steps(&m, 1040, 601);
    steps(&m, 2000, 602);
    for (uint64_t t = 3000; t <= 8000; t += 1000) {
        says(&m, t, 7, 600 + t, WORK_SUBMIT, WORK_TASK);
        steps(&m, t + 500, 600 + t);
    }
    steps(&m, 9010, 601);
    sends(&m, 9020, 7, A, OK);
    sends(&m, 9040, 7, B, OK);
    tasks_finish(&m, 30000, 9050);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 0);
    made_release(&m);
}

/* A task at an address that another loop's had says nothing of this loop's queue. */
static void test_a_task_of_another_loops(void **state)
{
    (void)state;
    struct made m;
    tasks_init(&m, 30000);
    attach_waiting(&m, 0, 8, 7, CALL_epoll_wait, ANON(2));
    waits(&m, 8, 0, 1900, 1900, CALL_epoll_wait, ANON(2));
    yields(&m, 0, 1000);
    asks(&m, 1010, A, GET("/a"), 601);
    asks(&m, 1020, B, GET("/b"), 602);
    steps(&m, 1040, 601);
    steps(&m, 2000, 602);
    says(&m, 3000, 8, 603, WORK_SUBMIT, WORK_TASK);
    waits(&m, 7, 3100, 9000, 9000, CALL_pread64, COLD);
    steps(&m, 9010, 601);
    sends(&m, 9020, 7, A, OK);
    steps(&m, 9030, 603);
    sends(&m, 9040, 7, B, OK);
    end_waiting(&m, 30000, 8, 7, 3010, CALL_epoll_wait, ANON(2));
    tasks_finish(&m, 30000, 9050);
    assert_int_equal(spent(&m, "GET /a", LEDGER_LOOP_BUSY), 20);
    made_release(&m);
}

/* ---- with --precise */

static void ends(struct made *m, uint64_t t, uint64_t future)
{
    says(m, t, 7, future, WORK_END, WORK_TASK);
}

static void sets(struct made *m, uint64_t t, uint64_t future)
{
    says(m, t, 7, future, WORK_READY, WORK_TASK);
}

static void sets_timer(struct made *m, uint64_t t, uint64_t due)
{
    says(m, t, 7, AT(due), WORK_SUBMIT, WORK_TIMER);
}

/* A's first step, from 1040 on. */
static void precise_init(struct made *m)
{
    tasks_init(m, 30000);
    yields(m, 0, 1000);
    asks(m, 1010, A, GET("/a"), 601);
    asks(m, 1020, B, GET("/b"), 602);
    steps(m, 1040, 601);
}

/* B has the loop up to 9000, and A the next step. The loop never sleeps. */
static void b_reads(struct made *m)
{
    waits(m, 7, 1100, 9000, 9000, CALL_pread64, COLD);
}

static void precise_finish(struct made *m)
{
    steps(m, 9030, 601);
    sends(m, 9040, 7, A, OK);
    ends(m, 9050, 0);
    steps(m, 9060, 602);
    sends(m, 9070, 7, B, OK);
    ends(m, 9080, 0);
    tasks_finish(m, 30000, 9090);
}

/* In A's queue since `since`, as far as anybody knows; it waited for that since 1060. */
static void expect_queued(struct made *m, uint64_t awaiting, uint64_t since)
{
    assert_int_equal(spent(m, "GET /a", LEDGER_AWAITING), awaiting);
    assert_int_equal(spent(m, "GET /a", LEDGER_LOOP_BUSY), 20 + 9030 - since);
    assert_int_equal(spent(m, "GET /a", LEDGER_UNATTRIBUTED), since - 1060 - awaiting);
    made_release(m);
}

/* A's timer is due at 5000, when the loop stands in a read of B's; it comes to it at 9020. */
static void test_a_timer_that_is_late(void **state)
{
    (void)state;
    struct made m;
    precise_init(&m);
    sets_timer(&m, 1050, 5000);
    ends(&m, 1060, 901);
    steps(&m, 1070, 602);
    b_reads(&m);
    ends(&m, 9010, 902);
    sets(&m, 9020, 901);
    precise_finish(&m);
    expect_queued(&m, 5000 - 1060, 5000);
}

/* One timer of several: which, is not told. */
static void test_two_timers(void **state)
{
    (void)state;
    struct made m;
    precise_init(&m);
    sets_timer(&m, 1050, 5000);
    sets_timer(&m, 1055, 6000);
    ends(&m, 1060, 901);
    steps(&m, 1070, 602);
    b_reads(&m);
    ends(&m, 9010, 902);
    sets(&m, 9020, 901);
    precise_finish(&m);
    expect_queued(&m, 0, 9020);
}

/* It has set a timer, but it is B's step that gives it what it waits for. */
static void test_not_by_its_timer(void **state)
{
    (void)state;
    struct made m;
    precise_init(&m);
    sets_timer(&m, 1050, 5000);
    ends(&m, 1060, 901);
    steps(&m, 1070, 602);
    b_reads(&m);
    sets(&m, 9005, 901);
    ends(&m, 9010, 902);
    precise_finish(&m);
    expect_queued(&m, 0, 9005);
}

/* Or a callback, before the timer is due. */
static void test_before_its_timer(void **state)
{
    (void)state;
    struct made m;
    precise_init(&m);
    sets_timer(&m, 1050, 5000);
    ends(&m, 1060, 901);
    sets(&m, 1065, 901);
    steps(&m, 1070, 602);
    b_reads(&m);
    ends(&m, 9010, 902);
    precise_finish(&m);
    expect_queued(&m, 0, 1065);
}

/* B's step sets it, and goes on for long. */
static void test_ready_is_in_the_queue(void **state)
{
    (void)state;
    struct made m;
    precise_init(&m);
    ends(&m, 1060, 901);
    steps(&m, 1070, 602);
    sets(&m, 1080, 901);
    b_reads(&m);
    ends(&m, 9010, 902);
    precise_finish(&m);
    expect_queued(&m, 0, 1080);
}

/* sleep(0): it is in the loop's queue again at once. */
static void test_a_step_that_gives_way(void **state)
{
    (void)state;
    struct made m;
    struct event_work end = {
        .item = 777, .op = WORK_END, .kind = WORK_TASK, .flags = WORK_GIVES_WAY};
    precise_init(&m);
    made_add(&m, &end, EVENT_WORK, sizeof(end), 7, AT(1060));
    steps(&m, 1070, 602);
    b_reads(&m);
    ends(&m, 9010, 902);
    precise_finish(&m);
    expect_queued(&m, 0, 1060);
}

/* When it came into the queue, the loop had looked: what is known of the looks before that is known
 * of A as well. It was not ready at 2000. */
static void test_looks_before_it_was_ready(void **state)
{
    (void)state;
    struct made m;
    precise_init(&m);
    ends(&m, 1060, 901);
    for (uint64_t t = 2000; t <= 4000; t += 1000) {
        steps(&m, t, 602);
        ends(&m, t + 900, 910 + t);
    }
    sets(&m, 5000, 901);
    precise_finish(&m);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 2000 - 1060);
    assert_int_equal(spent(&m, "GET /a", LEDGER_LOOP_BUSY), 20 + 9030 - 5000);
    made_release(&m);
}

/* A connection of A's stands at 1110; the timer is what it waits for all the same. */
static void test_a_timer_and_a_connection(void **state)
{
    (void)state;
    struct made m;
    precise_init(&m);
    socket_is(&m, BACKEND, ROLE_CONNECTED, 50000, 5432);
    conn_state(&m, 1045, 7, BACKEND, ROLE_CONNECTED, SYN_SENT);
    sets_timer(&m, 1050, 5000);
    ends(&m, 1060, 901);
    steps(&m, 1070, 602);
    conn_state(&m, 1110, 0, BACKEND, ROLE_CONNECTED, ESTABLISHED);
    b_reads(&m);
    ends(&m, 9010, 902);
    sets(&m, 9020, 901);
    precise_finish(&m);
    expect_queued(&m, 5000 - 1060, 5000);
}

/* A was cancelled out of waiting for 901, and waits for 903 now: that 901 comes is nothing to it.
 * 904, which only another thread sets, puts nothing into this loop's queue. */
static void not_its_future(uint64_t future, uint64_t set, uint32_t by)
{
    struct made m;
    precise_init(&m);
    attach_waiting(&m, 0, 8, 7, CALL_futex, 4096);
    ends(&m, 1044, 901);
    steps(&m, 1048, 601);
    ends(&m, 1060, future);
    steps(&m, 1070, 602);
    says(&m, 1080, by, set, WORK_READY, WORK_TASK);
    b_reads(&m);
    ends(&m, 9010, 902);
    precise_finish(&m);
    assert_true(spent(&m, "GET /a", LEDGER_LOOP_BUSY) < 100);
    made_release(&m);
}

static void test_a_future_that_is_not_its_own(void **state)
{
    (void)state;
    not_its_future(903, 901, 7);
    not_its_future(904, 904, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_callbacks),
        cmocka_unit_test(test_no_long_callbacks),
        cmocka_unit_test(test_looks),
        cmocka_unit_test(test_looks_and_a_connection),
        cmocka_unit_test(test_in_the_queue_before_another),
        cmocka_unit_test(test_eager_tasks_are_no_looks),
        cmocka_unit_test(test_a_task_of_another_loops),
        cmocka_unit_test(test_a_timer_that_is_late),
        cmocka_unit_test(test_two_timers),
        cmocka_unit_test(test_not_by_its_timer),
        cmocka_unit_test(test_before_its_timer),
        cmocka_unit_test(test_ready_is_in_the_queue),
        cmocka_unit_test(test_a_step_that_gives_way),
        cmocka_unit_test(test_looks_before_it_was_ready),
        cmocka_unit_test(test_a_timer_and_a_connection),
        cmocka_unit_test(test_a_future_that_is_not_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
