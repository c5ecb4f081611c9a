/*
 * What follows from the steps of asyncio's tasks, by default probes: thread 7 is the loop. A's task
 * is 601, B's is 602; 603 and up are others.
 */
#include "asyncio_made.h"

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

/* A Python whose tasks are told as they are made, but none of their steps: what the loop waits for
 * is anybody's, not the last's that it has read. */
static void test_no_step_is_told(void **state)
{
    (void)state;
    struct made m;
    tasks_init(&m, 30000);
    yields(&m, 0, 1000);
    asks(&m, 1010, A, GET("/a"), 601);
    asks(&m, 1020, B, GET("/b"), 602);
    waits(&m, 7, 1100, 9100, 9100, CALL_pread64, COLD);
    waits(&m, 7, 9300, 17300, 17300, CALL_pread64, WARM);
    sends(&m, 17400, 7, A, OK);
    sends(&m, 17410, 7, B, OK);
    tasks_finish(&m, 30000, 17420);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 0);
    assert_int_equal(spent(&m, "GET /b", LEDGER_BLOCKED), 0);
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

/*
 * aiohttp and Tornado: 601 and 602 were made when A's and B's connections were accepted, and send
 * the answers. In its step 601 makes 603, which asks a backend when B has had 3 ms, and works for
 * 2 ms with what it got.
 */
enum makings {
    TOLD,
    UNTOLD,  /* the loop never says which tasks it makes */
    STRAY,   /* it makes one that asks somebody out of nowhere, too: nobody knows whose 603 is */
    RELAYED, /* likewise, and that one has another ask */
    ENDED,   /* STRAY, but the ends of steps are told, so that it is known what is made in one */
};

static void makes(struct made *m, uint64_t t, uint64_t task, enum makings makings)
{
    if (makings != UNTOLD)
        says(m, t, 7, task, WORK_SUBMIT, WORK_TASK);
}

static void step_ends(struct made *m, uint64_t t, enum makings makings)
{
    if (makings == ENDED)
        says(m, t, 7, 0, WORK_END, WORK_TASK);
}

/* 604 is nobody's. */
static void stray_steps(struct made *m, enum makings makings)
{
    steps(m, 4070, 604);
    if (makings == RELAYED) {
        makes(m, 4072, 606, makings);
        steps(m, 4074, 606);
    }
    if (makings >= STRAY)
        sends(m, 4075, 7, SOCKET(10), "GET / HTTP/1.1");
    step_ends(m, 4076, makings);
}

static void connection_task(struct made *m, enum makings makings)
{
    tasks_init(m, 30000);
    socket_is(m, BACKEND, ROLE_CONNECTED, 50000, 5432);
    socket_is(m, SOCKET(10), ROLE_CONNECTED, 50001, 5432);
    yields(m, 0, 400);
    makes(m, 450, 601, makings);
    makes(m, 455, 602, makings);
    steps(m, 460, 601);
    steps(m, 470, 602);
    step_ends(m, 480, makings);
    yields(m, 500, 800);
    if (makings >= STRAY)
        makes(m, 810, 604, makings);
    yields(m, 820, 1000);
    receives(m, 1010, 7, A, 1005, GET("/a"));
    receives(m, 1015, 7, B, 1005, GET("/b"));
    steps(m, 1020, 601);
    makes(m, 1030, 603, makings);
    step_ends(m, 1035, makings);
    steps(m, 1040, 602);
    sends(m, 4040, 7, B, OK);
    step_ends(m, 4045, makings);
    steps(m, 4050, 603);
    sends(m, 4060, 7, BACKEND, "GET / HTTP/1.1");
    step_ends(m, 4065, makings);
    stray_steps(m, makings);
    yields(m, 4080, 8000);
    receives(m, 8010, 7, BACKEND, 7990, OK);
    steps(m, 8020, 603);
    step_ends(m, 10010, makings);
    steps(m, 10020, 604);
    step_ends(m, 10025, makings);
    yields(m, 10030, 11000);
    steps(m, 11010, 601);
    sends(m, 11020, 7, A, OK);
    tasks_finish(m, 30000, 11050);
}

static void test_a_connections_task_and_its_children(void **state)
{
    (void)state;
    struct made m;
    connection_task(&m, TOLD);
    assert_int_equal(given(&m, "GET /a", 7, LEDGER_RUNNING), 5 + 20 + 20 + 2020 + 20);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 3920 + 980);
    assert_int_equal(spent(&m, "GET /a", LEDGER_LOOP_BUSY), 5 + 3010 + 10);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

/* Nor is it known what A waits for while B has the loop: 603 may have been ready. */
static void child_not_known(enum makings makings)
{
    struct made m;
    connection_task(&m, makings);
    assert_true(given(&m, "GET /a", 7, LEDGER_RUNNING) < 100);
    assert_true(spent(&m, "GET /a", LEDGER_UNATTRIBUTED) >= 3000 + 2000);
    made_release(&m);
}

static void test_whose_child_is_not_known(void **state)
{
    (void)state;
    child_not_known(STRAY);
    child_not_known(RELAYED);
}

static void test_makings_that_are_not_told(void **state)
{
    (void)state;
    child_not_known(UNTOLD);
}

static void test_a_child_made_in_a_step(void **state)
{
    (void)state;
    struct made m;
    connection_task(&m, ENDED);
    assert_true(given(&m, "GET /a", 7, LEDGER_RUNNING) > 2000);
    assert_true(spent(&m, "GET /a", LEDGER_UNATTRIBUTED) < 100);
    made_release(&m);
}

/* What a callback makes that has received B's request is nobody's, though it comes behind a step.
 */
static void test_a_child_made_in_a_callback(void **state)
{
    (void)state;
    struct made m;
    tasks_init(&m, 30000);
    yields(&m, 0, 400);
    steps(&m, 410, 602);
    says(&m, 420, 7, 0, WORK_END, WORK_TASK);
    yields(&m, 430, 1000);
    receives(&m, 1010, 7, A, 1005, GET("/a"));
    steps(&m, 1020, 601);
    says(&m, 1030, 7, 0, WORK_END, WORK_TASK);
    receives(&m, 1040, 7, B, 1005, GET("/b"));
    says(&m, 1045, 7, 605, WORK_SUBMIT, WORK_TASK);
    steps(&m, 1050, 605); /* for 3 ms */
    says(&m, 4050, 7, 0, WORK_END, WORK_TASK);
    steps(&m, 4060, 601);
    sends(&m, 4070, 7, A, OK);
    says(&m, 4075, 7, 0, WORK_END, WORK_TASK);
    steps(&m, 4080, 602);
    sends(&m, 4090, 7, B, OK);
    tasks_finish(&m, 30000, 4100);
    assert_true(given(&m, "GET /b", 7, LEDGER_RUNNING) < 100);
    made_release(&m);
}

/* A asks a backend, which answers at 5000, and makes 603, which stands in the loop's queue for as
 * long as B has the loop: up to 5000 it awaits the backend all the same. */
static void test_its_question_is_out(void **state)
{
    (void)state;
    struct made m;
    tasks_init(&m, 30000);
    socket_is(&m, BACKEND, ROLE_CONNECTED, 50000, 5432);
    yields(&m, 0, 1000);
    asks(&m, 1010, A, GET("/a"), 601);
    asks(&m, 1020, B, GET("/b"), 602);
    steps(&m, 1040, 601);
    sends(&m, 1050, 7, BACKEND, "GET / HTTP/1.1");
    says(&m, 1060, 7, 603, WORK_SUBMIT, WORK_TASK);
    says(&m, 1070, 7, 0, WORK_END, WORK_TASK);
    steps(&m, 1080, 602);
    waits(&m, 7, 1100, 9000, 9000, CALL_pread64, COLD);
    says(&m, 9010, 7, 0, WORK_END, WORK_TASK);
    steps(&m, 9020, 603);
    says(&m, 9030, 7, 0, WORK_END, WORK_TASK);
    receives(&m, 9040, 7, BACKEND, 5000, OK);
    steps(&m, 9050, 601);
    sends(&m, 9060, 7, A, OK);
    says(&m, 9070, 7, 0, WORK_END, WORK_TASK);
    steps(&m, 9080, 602);
    sends(&m, 9090, 7, B, OK);
    tasks_finish(&m, 30000, 9100);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 5000 - 1070);
    assert_true(spent(&m, "GET /a", LEDGER_LOOP_BUSY) >= 9020 - 5000);
    made_release(&m);
}

/* What a task does behind its request's answer is that one's still, and nobody's else. */
static void test_steps_behind_an_answer(void **state)
{
    (void)state;
    struct made m;
    tasks_init(&m, 30000);
    yields(&m, 0, 1000);
    asks(&m, 1010, A, GET("/a"), 601);
    steps(&m, 1020, 601);
    asks(&m, 1040, B, GET("/b"), 602);
    steps(&m, 1050, 602);
    sends(&m, 1060, 7, B, OK);
    yields(&m, 1100, 2000);
    conn_state(&m, 2000, 0, B, ROLE_ACCEPTED, CLOSED);
    yields(&m, 2010, 5000);
    steps(&m, 5010, 602); /* for 3 ms */
    yields(&m, 8010, 9000);
    steps(&m, 9010, 601);
    sends(&m, 9020, 7, A, OK);
    tasks_finish(&m, 30000, 9050);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 9000 - 1040);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 0);
    assert_true(spent(&m, "GET /b", LEDGER_RUNNING) < 100);
    made_release(&m);
}

/* A thread in the background, which never waits for work, is on the CPU when the timer runs out
 * that wakes the loop. That makes it no worker, and A's time no doubt. */
static void test_a_bystander(void **state)
{
    (void)state;
    struct made m;
    tasks_init(&m, 30000);
    attach_running(&m, 0, 8, 7);
    yields(&m, 0, 1000);
    asks(&m, 1010, A, GET("/a"), 601);
    steps(&m, 1020, 601);
    asks(&m, 1040, B, GET("/b"), 602);
    steps(&m, 1050, 602);
    m.waker = 8;
    yields(&m, 1100, 5000);
    m.waker = 0;
    steps(&m, 5010, 601);
    sends(&m, 5020, 7, A, OK);
    steps(&m, 5030, 602);
    sends(&m, 5040, 7, B, OK);
    end_running(&m, 30000, 8, 7);
    tasks_finish(&m, 30000, 5050);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 5000 - 1040);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

/* Threads that had to wait for a lock of the loop's, and have gone on since, are no helpers of its,
 * whose queue might be full. */
static void test_a_lock_of_the_loops(void **state)
{
    (void)state;
    struct made m;
    tasks_init(&m, 30000);
    runtime_is(&m, 7, RUNTIME_PYTHON, 8192, 8256);
    attach_waiting(&m, 0, 8, 7, CALL_futex, 8192);
    attach_waiting(&m, 0, 9, 7, CALL_futex, 8192);
    yields(&m, 0, 1000);
    asks(&m, 1010, A, GET("/a"), 601);
    steps(&m, 1020, 601);
    asks(&m, 1040, B, GET("/b"), 602);
    steps(&m, 1050, 602);
    m.waker = 7;
    waits(&m, 8, 0, 1055, 1055, CALL_futex, 8192);
    waits(&m, 9, 0, 1060, 1060, CALL_futex, 8192);
    m.waker = 0;
    yields(&m, 1100, 5000);
    steps(&m, 5010, 601);
    sends(&m, 5020, 7, A, OK);
    steps(&m, 5030, 602);
    sends(&m, 5040, 7, B, OK);
    end_running(&m, 30000, 8, 7);
    end_running(&m, 30000, 9, 7);
    tasks_finish(&m, 30000, 5050);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

/* Thread 8 of a pool is woken, nobody says for what; later it has piece 900, which the loop hands
 * over behind the step of `task`, or of nobody's (0). */
static void pool_begins(struct made *m, uint64_t task, const char *probe)
{
    tasks_init(m, 30000);
    struct capture_visitor v = analysis_visitor(m->a);
    assert_int_equal(v.probe(v.ctx, probe), 0);
    runtime_is(m, 7, RUNTIME_PYTHON, 8192, 8256);
    attach_waiting(m, 0, 8, 7, CALL_futex, 4096);
    yields(m, 0, 1000);
    asks(m, 1010, A, GET("/a"), 601);
    steps(m, 1020, 601);
    asks(m, 1040, B, GET("/b"), 602);
    steps(m, 1050, 602);
    m->waker = 7;
    waits(m, 8, 0, 1055, 1055, CALL_futex, 4096);
    m->waker = 8;
    yields(m, 1100, 3000);
    m->waker = 0;
    if (task)
        steps(m, 3005, task);
    says(m, 3010, 7, 900, WORK_SUBMIT, WORK_FUTURE);
    says(m, 3020, 8, 900, WORK_BEGIN, WORK_FUTURE);
    says(m, 4020, 8, 900, WORK_END, WORK_FUTURE);
    yields(m, 3050, 9000);
    steps(m, 9010, 601);
    sends(m, 9020, 7, A, OK);
    steps(m, 9030, 602);
    sends(m, 9040, 7, B, OK);
    end_running(m, 30000, 8, 7);
    tasks_finish(m, 30000, 9050);
}

/* Python tells of each piece that an executor's thread has: what it does between two is for nobody.
 * Before its first one they may not have been told yet. */
static void test_a_pool_that_is_told(void **state)
{
    (void)state;
    struct made m;
    pool_begins(&m, 602, "uprobe:SimpleQueue.get result");
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 3020 - 1055);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 1055 - 1040 + 9000 - 3020);
    made_release(&m);
}

/* A piece of nobody's may be anybody's, and no other is. */
static void test_a_piece_of_nobodys(void **state)
{
    (void)state;
    struct made m;
    pool_begins(&m, 0, "uprobe:SimpleQueue.get result");
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 4020 - 1055);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 1055 - 1040 + 9000 - 4020);
    made_release(&m);
}

/* What is told may be what anyio hands over, and no word of executors. */
static void test_a_pool_that_is_not_told(void **state)
{
    (void)state;
    struct made m;
    pool_begins(&m, 602, "uprobe:Context.run");
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 1055 - 1040);
    made_release(&m);
}

/* anyio's: the task of the step before has one of the pool's places. */
static void gets_a_place(struct made *m, uint64_t t, uint64_t item)
{
    struct event_work e = {
        .item = item, .op = WORK_SUBMIT, .kind = WORK_FUTURE, .flags = WORK_IN_LINE};
    made_add(m, &e, EVENT_WORK, sizeof(e), 7, AT(t));
}

/* A pool of one place, which A has. B's task stands in line for it, and before no thread: while it
 * does, its loop sleeps. Then the loop has to come back to it. */
static void test_in_line_for_a_pool(void **state)
{
    (void)state;
    struct made m;
    tasks_init(&m, 30000);
    struct capture_visitor v = analysis_visitor(m.a);
    assert_int_equal(v.probe(v.ctx, "uprobe:Context.run"), 0);
    runtime_is(&m, 7, RUNTIME_PYTHON, 8192, 8256);
    attach_waiting(&m, 0, 8, 7, CALL_futex, 4096);
    yields(&m, 0, 1000);
    asks(&m, 1010, A, GET("/a"), 601);
    asks(&m, 1020, B, GET("/b"), 602);
    steps(&m, 1030, 601);
    gets_a_place(&m, 1040, 900);
    steps(&m, 1050, 602);
    m.waker = 7;
    waits(&m, 8, 0, 1055, 1055, CALL_futex, 4096);
    says(&m, 1060, 8, 900, WORK_BEGIN, WORK_FUTURE);
    waits(&m, 8, 1070, 13000, 13000, CALL_pread64, COLD);
    says(&m, 13010, 8, 900, WORK_END, WORK_FUTURE);
    m.waker = 8;
    yields(&m, 1080, 13020);
    m.waker = 0;
    steps(&m, 13030, 601);
    sends(&m, 13100, 7, A, OK);
    steps(&m, 13200, 602);
    gets_a_place(&m, 13210, 901);
    says(&m, 13220, 8, 901, WORK_BEGIN, WORK_FUTURE);
    waits(&m, 8, 13230, 15000, 15000, CALL_pread64, WARM);
    says(&m, 15010, 8, 901, WORK_END, WORK_FUTURE);
    m.waker = 8;
    yields(&m, 13220, 15020);
    m.waker = 0;
    steps(&m, 15030, 602);
    sends(&m, 15040, 7, B, OK);
    end_waiting(&m, 30000, 8, 7, 15050, CALL_futex, 4096);
    tasks_finish(&m, 30000, 15050);

    const struct request *r = request_named(&m, "GET /b");
    uint64_t line = 0, loop = 0;
    for (size_t i = r->first_segment; i < (size_t)r->first_segment + r->segment_count; i++) {
        const struct segment *s = &m.tl.segments.data[i];
        if (s->key == LEDGER_QUEUED && s->start_ns > US(1050) && s->start_ns < US(13205))
            *(s->thread_plus1 ? &loop : &line) += segment_end(&m.tl, r, i) - s->start_ns;
    }
    assert_true(line > US(11900) && line <= US(13020 - 1050));
    assert_true(loop > US(100) && loop <= US(13200 - 13020));
    const struct verdict *words = &m.tl.processes.data[0].verdict;
    assert_int_equal(words->model, MODEL_NONBLOCKING_WORKERS);
    assert_true(words->saturated);
    assert_true(words->in_line);
    made_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_long_step_is_its_tasks),
        cmocka_unit_test(test_no_step_is_told),
        cmocka_unit_test(test_no_step_no_event),
        cmocka_unit_test(test_nobodys_task),
        cmocka_unit_test(test_connected),
        cmocka_unit_test(test_a_connections_task_and_its_children),
        cmocka_unit_test(test_whose_child_is_not_known),
        cmocka_unit_test(test_makings_that_are_not_told),
        cmocka_unit_test(test_a_child_made_in_a_step),
        cmocka_unit_test(test_a_child_made_in_a_callback),
        cmocka_unit_test(test_its_question_is_out),
        cmocka_unit_test(test_steps_behind_an_answer),
        cmocka_unit_test(test_a_bystander),
        cmocka_unit_test(test_a_lock_of_the_loops),
        cmocka_unit_test(test_a_pool_that_is_told),
        cmocka_unit_test(test_a_piece_of_nobodys),
        cmocka_unit_test(test_a_pool_that_is_not_told),
        cmocka_unit_test(test_in_line_for_a_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
