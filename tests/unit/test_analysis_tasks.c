/*
 * What follows from the steps of asyncio's tasks, by default probes: thread 7 is the loop. A's task
 * is 601, B's is 602; 603 and up are others.
 */
#include "analysis_made.h"

#define A SOCKET(1)
#define B SOCKET(2)
#define C SOCKET(3)
#define BACKEND SOCKET(9)
#define EPOLL ANON(1)
#define COLD FILE_OBJ(1)
#define WARM FILE_OBJ(2)

static void tasks_init(struct made *m, uint64_t end)
{
    made_init(m, end);
    accepted(m, 5, A);
    accepted(m, 5, B);
    accepted(m, 5, C);
    attach_waiting(m, 0, 7, 7, CALL_epoll_wait, EPOLL);
}

static void yields(struct made *m, uint64_t off, uint64_t wake)
{
    waits(m, 7, off, wake, wake, CALL_epoll_wait, EPOLL);
}

static void steps(struct made *m, uint64_t t, uint64_t task)
{
    says(m, t, 7, task, WORK_RESUME, WORK_TASK);
}

/* A request is read, and a task made for it. */
static void asks(struct made *m, uint64_t t, uint64_t conn, const char *request, uint64_t task)
{
    receives(m, t, 7, conn, t - 5, request);
    says(m, t + 5, 7, task, WORK_SUBMIT, WORK_TASK);
}

static void tasks_finish(struct made *m, uint64_t end, uint64_t off)
{
    end_waiting(m, end, 7, 7, off, CALL_epoll_wait, EPOLL);
    made_finish(m);
}

/* uvloop: two steps that block, one behind the other, then both answers. Each has its own wait, and
 * the other's is its loop's. */
static void test_a_long_step_is_its_tasks(void **state)
{
    (void)state;
    struct made m;
    tasks_init(&m, 30000);
    yields(&m, 0, 1000);
    asks(&m, 1010, A, GET("/a"), 601);
    asks(&m, 1020, B, GET("/b"), 602);
    steps(&m, 1030, 601);
    waits(&m, 7, 1100, 9100, 9100, CALL_pread64, COLD);
    steps(&m, 9200, 602);
    waits(&m, 7, 9300, 17300, 17300, CALL_pread64, WARM);
    sends(&m, 17400, 7, A, OK);
    sends(&m, 17410, 7, B, OK);
    tasks_finish(&m, 30000, 17420);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 8000);
    assert_int_equal(spent(&m, "GET /b", LEDGER_BLOCKED), 8000);
    assert_int_equal(spent(&m, "GET /a", LEDGER_LOOP_BUSY), 10 + 8200);
    made_release(&m);
}

/* A loop that has been seen to work for long in a callback may do so behind a step as well: nobody
 * knows whose that is, and nobody's loop was busy with another for certain. */
static void test_a_long_callback(void **state)
{
    (void)state;
    struct made m;
    tasks_init(&m, 40000);
    yields(&m, 0, 1000);
    yields(&m, 7000, 10000); /* no step, no socket */
    asks(&m, 10010, A, GET("/a"), 601);
    asks(&m, 10020, B, GET("/b"), 602);
    steps(&m, 10030, 601);
    waits(&m, 7, 10100, 18100, 18100, CALL_pread64, COLD);
    steps(&m, 18200, 602);
    sends(&m, 18400, 7, A, OK);
    sends(&m, 18410, 7, B, OK);
    tasks_finish(&m, 40000, 18420);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 8170);
    assert_int_equal(spent(&m, "GET /a", LEDGER_LOOP_BUSY), 10 + 200);
    made_release(&m);
}

/* A waits from its first step to the loop's last sleep, whatever the loop does for B meanwhile. */
static void slept_between(struct made *m, uint64_t task)
{
    tasks_init(m, 30000);
    yields(m, 0, 1000);
    asks(m, 1010, A, GET("/a"), 601);
    steps(m, 1020, 601);
    asks(m, 1040, B, GET("/b"), 602);
    steps(m, 1050, 602);
    yields(m, 1100, 5000);
    steps(m, 5010, task); /* for 3 ms */
    yields(m, 8010, 9000);
    steps(m, 9010, 601);
    sends(m, 9020, 7, A, OK);
    steps(m, 9030, 602);
    sends(m, 9040, 7, B, OK);
    tasks_finish(m, 30000, 9050);
}

static void test_no_step_no_event(void **state)
{
    (void)state;
    struct made m;
    slept_between(&m, 602);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 9000 - 1040);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 0);
    assert_int_equal(spent(&m, "GET /b", LEDGER_RUNNING), 10 + 60 + 3000 + 10);
    made_release(&m);
}

/* A task that is nobody's may be at work for A. */
static void test_nobodys_task(void **state)
{
    (void)state;
    struct made m;
    slept_between(&m, 700);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 3010);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 9000 - 1040 - 3010);
    made_release(&m);
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

/* The connection stood at once; that A's task sends on it late is its loop's doing. */
static void test_connected(void **state)
{
    (void)state;
    struct made m;
    tasks_init(&m, 30000);
    socket_is(&m, BACKEND, ROLE_CONNECTED, 50000, 5432);
    yields(&m, 0, 1000);
    asks(&m, 1010, A, GET("/a"), 601);
    asks(&m, 1020, B, GET("/b"), 602);
    steps(&m, 1040, 601);
    conn_state(&m, 1100, 7, BACKEND, ROLE_CONNECTED, SYN_SENT);
    conn_state(&m, 1110, 0, BACKEND, ROLE_CONNECTED, ESTABLISHED);
    steps(&m, 1200, 602);
    waits(&m, 7, 1300, 9000, 9000, CALL_pread64, COLD);
    steps(&m, 9100, 601);
    sends(&m, 9110, 7, A, OK);
    sends(&m, 9120, 7, B, OK);
    tasks_finish(&m, 30000, 9200);
    assert_int_equal(spent(&m, "GET /a", LEDGER_LOOP_BUSY), 20 + 7900);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_long_step_is_its_tasks),
        cmocka_unit_test(test_a_long_callback),
        cmocka_unit_test(test_no_step_no_event),
        cmocka_unit_test(test_nobodys_task),
        cmocka_unit_test(test_looks),
        cmocka_unit_test(test_in_the_queue_before_another),
        cmocka_unit_test(test_connected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
