/*
 * What runtimes say themselves of their work: whose each piece is, from when to when. Thread 7 is
 * the loop, 8 and 9 are its workers. Keys that each test looks at stand in its drawing.
 */
#include "analysis_made.h"

#define A SOCKET(1)
#define B SOCKET(2)
#define C SOCKET(3)
#define EPOLL ANON(1)
#define QUEUE 4096  /* the futex that workers park at */
#define GIL_AT 8192 /* the interpreter's lock */
#define COLD FILE_OBJ(1)
#define WARM FILE_OBJ(2)

static void work_init(struct made *m, uint64_t end)
{
    made_init(m, end);
    accepted(m, 5, A);
    accepted(m, 5, B);
    attach_waiting(m, 0, 7, 7, CALL_epoll_wait, EPOLL);
    attach_waiting(m, 0, 8, 7, CALL_futex, QUEUE);
    attach_waiting(m, 0, 9, 7, CALL_futex, QUEUE);
}

static void yields(struct made *m, uint64_t off, uint64_t wake, uint32_t waker)
{
    m->waker = waker;
    waits(m, 7, off, wake, wake, CALL_epoll_wait, EPOLL);
    m->waker = 0;
}

static void parks(struct made *m, uint32_t tid, uint64_t off, uint64_t wake, uint32_t waker)
{
    m->waker = waker;
    waits(m, tid, off, wake, wake, CALL_futex, QUEUE);
    m->waker = 0;
}

/* Workers that do nothing more, and the loop, sleep to the end. */
static void work_finish(struct made *m, uint64_t end, uint64_t loop, uint64_t eight, uint64_t nine)
{
    end_waiting(m, end, 7, 7, loop, CALL_epoll_wait, EPOLL);
    end_waiting(m, end, 8, 7, eight, CALL_futex, QUEUE);
    end_waiting(m, end, 9, 7, nine, CALL_futex, QUEUE);
    made_finish(m);
}

/*
 *     loop    1000 recv A ─ 1020 SUBMIT ─┤ sleeps ├ 5110 ─ 5120 RESUME ─ send A 5130
 *     worker            queued │ 1070 BEGIN ─┤ 1100 file 5000 ├──┤ 5100 parks
 */
static void test_libuv(void **state)
{
    (void)state;
    struct made m;
    work_init(&m, 9000);
    yields(&m, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    says(&m, 1020, 7, 64, WORK_SUBMIT, WORK_LIBUV);
    parks(&m, 8, 0, 1060, 7);
    says(&m, 1070, 8, 64, WORK_BEGIN, WORK_LIBUV);
    waits(&m, 8, 1100, 5000, 5000, CALL_pread64, COLD);
    yields(&m, 1030, 5110, 8);
    says(&m, 5120, 7, 64, WORK_RESUME, WORK_LIBUV);
    sends(&m, 5130, 7, A, OK);
    work_finish(&m, 9000, 5200, 5100, 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_QUEUED), 40); /* from the loop's sleep on */
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_BLOCKED), 3900);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_RUNNING), 30 + 100);
    assert_int_equal(spent(&m, "GET /a", LEDGER_LOOP_BUSY), 10);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

/* The loop is told before the worker takes the pool's lock, to look for more. */
static void test_the_pools_lock_is_nobodys(void **state)
{
    (void)state;
    struct made m;
    work_init(&m, 9000);
    yields(&m, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    says(&m, 1020, 7, 64, WORK_SUBMIT, WORK_LIBUV);
    parks(&m, 8, 0, 1060, 7);
    says(&m, 1070, 8, 64, WORK_BEGIN, WORK_LIBUV);
    waits(&m, 8, 1100, 5000, 5000, CALL_pread64, COLD);
    waits(&m, 8, 5020, 7000, 7000, CALL_futex, QUEUE + 64);
    yields(&m, 1030, 5110, 8);
    says(&m, 7020, 7, 64, WORK_RESUME, WORK_LIBUV);
    sends(&m, 7030, 7, A, OK);
    work_finish(&m, 9000, 7100, 7010, 0);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_BLOCKED), 3900);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_RUNNING), 30 + 20);
    assert_int_equal(spent(&m, "GET /a", LEDGER_LOCK), 0);
    made_release(&m);
}

/* Two are out at once: each worker's time is that of the one it began with, and no other's. The
 * loop turns to B first, to A when it has slept again. */
static void test_libuv_two_at_once(void **state)
{
    (void)state;
    struct made m;
    work_init(&m, 12000);
    runtime_is(&m, 7, RUNTIME_NODE, 0, 0);
    yields(&m, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    says(&m, 1020, 7, 64, WORK_SUBMIT, WORK_LIBUV);
    receives(&m, 1030, 7, B, 1000, GET("/b"));
    says(&m, 1040, 7, 65, WORK_SUBMIT, WORK_LIBUV);
    parks(&m, 8, 0, 1060, 7);
    parks(&m, 9, 0, 1060, 7);
    says(&m, 1070, 8, 65, WORK_BEGIN, WORK_LIBUV); /* not in the order of their making */
    says(&m, 1070, 9, 64, WORK_BEGIN, WORK_LIBUV);
    waits(&m, 8, 1100, 3000, 3000, CALL_pread64, COLD);
    waits(&m, 9, 1100, 7000, 7000, CALL_pread64, WARM);
    yields(&m, 1050, 3020, 8);
    says(&m, 3030, 7, 65, WORK_RESUME, WORK_LIBUV);
    sends(&m, 3040, 7, B, OK);
    yields(&m, 3050, 7020, 9);
    says(&m, 7030, 7, 64, WORK_RESUME, WORK_LIBUV);
    sends(&m, 7040, 7, A, OK);
    work_finish(&m, 12000, 7050, 3010, 7010);
    assert_int_equal(given(&m, "GET /b", 8, LEDGER_BLOCKED), 1900);
    assert_int_equal(given(&m, "GET /a", 9, LEDGER_BLOCKED), 5900);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 5900);
    assert_int_equal(spent(&m, "GET /b", LEDGER_BLOCKED), 1900);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 0);
    assert_int_equal(spent(&m, "GET /b", LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

/* One worker does B's behind A's without a park: its BEGIN is the end of A's. B stood in the queue
 * all the while. */
static void test_the_next_begin_is_the_end(void **state)
{
    (void)state;
    struct made m;
    work_init(&m, 12000);
    runtime_is(&m, 7, RUNTIME_NODE, 0, 0);
    yields(&m, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    says(&m, 1020, 7, 64, WORK_SUBMIT, WORK_LIBUV);
    receives(&m, 1030, 7, B, 1000, GET("/b"));
    says(&m, 1040, 7, 65, WORK_SUBMIT, WORK_LIBUV);
    parks(&m, 8, 0, 1060, 7);
    says(&m, 1070, 8, 64, WORK_BEGIN, WORK_LIBUV);
    waits(&m, 8, 1100, 3000, 3000, CALL_pread64, COLD);
    says(&m, 3020, 8, 65, WORK_BEGIN, WORK_LIBUV);
    waits(&m, 8, 3100, 5000, 5000, CALL_pread64, WARM);
    yields(&m, 1050, 3030, 8);
    says(&m, 3040, 7, 64, WORK_RESUME, WORK_LIBUV);
    sends(&m, 3050, 7, A, OK);
    yields(&m, 3060, 5020, 8);
    says(&m, 5030, 7, 65, WORK_RESUME, WORK_LIBUV);
    sends(&m, 5040, 7, B, OK);
    work_finish(&m, 12000, 5050, 5010, 0);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_BLOCKED), 1900);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_RUNNING), 30 + 20);
    assert_int_equal(given(&m, "GET /b", 8, LEDGER_BLOCKED), 1900);
    assert_int_equal(given(&m, "GET /b", 8, LEDGER_RUNNING), 80 + 10);
    assert_int_equal(spent(&m, "GET /b", LEDGER_QUEUED), 30 + (3020 - 1050)); /* 30: unread */
    made_release(&m);
}

/* readFileSync: libuv's function is called by the loop itself, nobody submitted it. */
static void test_a_synchronous_call_is_the_loops(void **state)
{
    (void)state;
    struct made m;
    work_init(&m, 9000);
    yields(&m, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    says(&m, 1020, 7, 77, WORK_BEGIN, WORK_LIBUV);
    waits(&m, 7, 1030, 2000, 2000, CALL_pread64, COLD);
    sends(&m, 2010, 7, A, OK);
    work_finish(&m, 9000, 2020, 0, 0);
    assert_int_equal(given(&m, "GET /a", 7, LEDGER_BLOCKED), 970);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

/* The address of A's piece comes again as B's, while A is still open. */
static void test_an_address_comes_again(void **state)
{
    (void)state;
    struct made m;
    work_init(&m, 12000);
    runtime_is(&m, 7, RUNTIME_NODE, 0, 0);
    yields(&m, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    says(&m, 1020, 7, 64, WORK_SUBMIT, WORK_LIBUV);
    parks(&m, 8, 0, 1060, 7);
    says(&m, 1070, 8, 64, WORK_BEGIN, WORK_LIBUV);
    waits(&m, 8, 1100, 3000, 3000, CALL_pread64, COLD);
    yields(&m, 1050, 3020, 8);
    says(&m, 3030, 7, 64, WORK_RESUME, WORK_LIBUV);
    receives(&m, 3040, 7, B, 3000, GET("/b"));
    says(&m, 3050, 7, 64, WORK_SUBMIT, WORK_LIBUV);
    parks(&m, 8, 3010, 3080, 7);
    says(&m, 3090, 8, 64, WORK_BEGIN, WORK_LIBUV);
    waits(&m, 8, 3100, 6000, 6000, CALL_pread64, WARM);
    yields(&m, 3060, 6020, 8);
    says(&m, 6030, 7, 64, WORK_RESUME, WORK_LIBUV);
    sends(&m, 6040, 7, B, OK);
    yields(&m, 6050, 8000, 99);
    sends(&m, 8010, 7, A, OK);
    work_finish(&m, 12000, 8020, 6010, 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 1900);
    assert_int_equal(spent(&m, "GET /b", LEDGER_BLOCKED), 2900);
    made_release(&m);
}

/* A task for each of two requests, and its first step. With --precise each step's end is told. */
static void precise_head(struct made *m)
{
    work_init(m, 30000000);
    runtime_is(m, 7, RUNTIME_PYTHON, 0, 0);
    yields(m, 0, 1000000, 99);
    receives(m, 1010000, 7, A, 1000000, GET("/a"));
    says(m, 1020000, 7, 501, WORK_SUBMIT, WORK_TASK);
    receives(m, 1030000, 7, B, 1000000, GET("/b"));
    says(m, 1040000, 7, 502, WORK_SUBMIT, WORK_TASK);
    says(m, 1050000, 7, 501, WORK_RESUME, WORK_TASK);
}

static void precise_tail(struct made *m)
{
    says(m, 20020000, 7, 502, WORK_RESUME, WORK_TASK);
    sends(m, 20030000, 7, B, OK);
    says(m, 20040000, 7, 0, WORK_END, WORK_TASK);
    work_finish(m, 30000000, 20050000, 0, 0);
}

/* Behind the end of A's step the loop computes in a callback, from 1100 to 9000 us. */
static void test_what_comes_behind_a_steps_end(void **state)
{
    (void)state;
    struct made m;
    precise_head(&m);
    says(&m, 1100000, 7, 901, WORK_END, WORK_TASK);
    says(&m, 9000000, 7, 502, WORK_RESUME, WORK_TASK);
    says(&m, 9100000, 7, 902, WORK_END, WORK_TASK);
    yields(&m, 9110000, 20000000, 99);
    says(&m, 20000000, 7, 901, WORK_READY, WORK_TASK);
    says(&m, 20001000, 7, 501, WORK_RESUME, WORK_TASK);
    sends(&m, 20010000, 7, A, OK);
    says(&m, 20015000, 7, 0, WORK_END, WORK_TASK);
    precise_tail(&m);
    assert_int_equal(given(&m, "GET /a", 7, LEDGER_RUNNING), 20000 + 50000 + 9000);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 0);
    made_release(&m);
}

/* Tasks: whose the maker is, is whose the task is. What a step waits for is its task's. */
static void test_tasks(void **state)
{
    (void)state;
    struct made m;
    work_init(&m, 9000);
    yields(&m, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    says(&m, 1020, 7, 601, WORK_SUBMIT, WORK_TASK);
    receives(&m, 1030, 7, B, 1000, GET("/b"));
    says(&m, 1040, 7, 602, WORK_SUBMIT, WORK_TASK);
    says(&m, 1050, 7, 601, WORK_RESUME, WORK_TASK);
    waits(&m, 7, 1100, 1900, 1900, CALL_pread64, COLD);
    says(&m, 2000, 7, 602, WORK_RESUME, WORK_TASK);
    waits(&m, 7, 2100, 2400, 2400, CALL_pread64, COLD);
    says(&m, 2500, 7, 601, WORK_RESUME, WORK_TASK);
    sends(&m, 2600, 7, A, OK);
    says(&m, 2610, 7, 602, WORK_RESUME, WORK_TASK);
    sends(&m, 2700, 7, B, OK);
    work_finish(&m, 9000, 2800, 0, 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 800);
    assert_int_equal(spent(&m, "GET /b", LEDGER_BLOCKED), 300);
    made_release(&m);
}

/* Two requests, one behind the other in a loop's turn, and the first one's lasts so long
 * that a callback of nobody's may be in it. All are answered at the end. */
static void long_turn(struct made *m, bool steps)
{
    work_init(m, 30000000);
    runtime_is(m, 7, steps ? RUNTIME_PYTHON : RUNTIME_NODE, 0, 0);
    yields(m, 0, 1000, 99);
    receives(m, 2000, 7, B, 1000, GET("/b"));
    if (steps)
        says(m, 2500, 7, 700, WORK_SUBMIT, WORK_TASK);
    receives(m, 3000, 7, A, 1000, GET("/a"));
    if (steps) {
        says(m, 3500, 7, 701, WORK_SUBMIT, WORK_TASK);
        says(m, 4000, 7, 700, WORK_RESUME, WORK_TASK);
        says(m, 5000, 7, 701, WORK_RESUME, WORK_TASK);
    }
    waits(m, 7, 1000000, 8000000, 8000000, CALL_pread64, COLD);
    if (steps)
        says(m, 8010000, 7, 700, WORK_RESUME, WORK_TASK);
    sends(m, 8020000, 7, B, OK);
    sends(m, 8030000, 7, A, OK);
    work_finish(m, 30000000, 8040000, 0, 0);
}

static void test_a_steps_long_tail_is_the_steps(void **state)
{
    (void)state;
    struct made m;
    long_turn(&m, true);
    assert_int_equal(given(&m, "GET /a", 7, LEDGER_BLOCKED), 7000000);
    assert_int_equal(spent(&m, "GET /b", LEDGER_BLOCKED), 0);
    made_release(&m);
}

static void test_a_long_tail_may_be_anybodys(void **state)
{
    (void)state;
    struct made m;
    long_turn(&m, false);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_LOOP_BUSY), 0);
    assert_int_equal(spent(&m, "GET /b", LEDGER_BLOCKED), 0);
    made_release(&m);
}

/* uvloop: steps first, then the answers of all of them together. The order tells nothing, so none
 * of the steps' waits may be given to one that only answered next. */
static void test_answers_together_tell_nothing(void **state)
{
    (void)state;
    struct made m;
    work_init(&m, 9000);
    yields(&m, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    receives(&m, 1030, 7, B, 1000, GET("/b"));
    says(&m, 1050, 7, 601, WORK_RESUME, WORK_TASK);
    waits(&m, 7, 1200, 1900, 1900, CALL_pread64, COLD);
    says(&m, 2000, 7, 602, WORK_RESUME, WORK_TASK);
    waits(&m, 7, 2200, 2400, 2400, CALL_pread64, COLD);
    sends(&m, 2600, 7, B, OK); /* 602's or 601's? */
    sends(&m, 2700, 7, A, OK);
    work_finish(&m, 9000, 2800, 0, 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 0);
    assert_int_equal(spent(&m, "GET /b", LEDGER_BLOCKED), 0);
    made_release(&m);
}

/* A's task hands a piece to an executor; B is open as well, so that nothing follows from A's being
 * alone. */
static void executor_head(struct made *m)
{
    work_init(m, 12000);
    yields(m, 0, 1000, 99);
    receives(m, 1010, 7, A, 1000, GET("/a"));
    says(m, 1012, 7, 601, WORK_SUBMIT, WORK_TASK);
    says(m, 1014, 7, 601, WORK_RESUME, WORK_TASK);
    says(m, 1020, 7, 900, WORK_SUBMIT, WORK_FUTURE);
    receives(m, 1030, 7, B, 1000, GET("/b"));
    says(m, 1032, 7, 602, WORK_SUBMIT, WORK_TASK);
    parks(m, 8, 0, 1060, 7);
    says(m, 1070, 8, 900, WORK_BEGIN, WORK_FUTURE);
}

static void executor_tail(struct made *m, uint64_t slept, uint64_t parked, uint64_t nine)
{
    yields(m, slept, 5020, 8);
    says(m, 5030, 7, 601, WORK_RESUME, WORK_TASK);
    sends(m, 5040, 7, A, OK);
    says(m, 5050, 7, 602, WORK_RESUME, WORK_TASK);
    sends(m, 5060, 7, B, OK);
    work_finish(m, 12000, 5070, parked, nine);
}

/* What the worker does behind END is not the request's, whether or not it parks. */
static void test_executor(void **state)
{
    (void)state;
    struct made m;
    executor_head(&m);
    waits(&m, 8, 1100, 3000, 3000, CALL_pread64, COLD);
    says(&m, 3100, 8, 900, WORK_END, WORK_FUTURE);
    waits(&m, 8, 3200, 4900, 4900, CALL_pread64, WARM); /* its own */
    executor_tail(&m, 1050, 5000, 0);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_BLOCKED), 1900);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_RUNNING), 30 + 100);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 1900);
    assert_int_equal(spent(&m, "GET /a", LEDGER_QUEUED), 40); /* 1030–1070 */
    made_release(&m);
}

/* It starts a program and waits for what that writes to a pipe, to two pipes at once, and then for
 * a condition: all that lies before END, so it is not that it looks for more work. */
static void test_what_an_executor_waits_for(void **state)
{
    (void)state;
    struct made m;
    executor_head(&m);
    waits(&m, 8, 1100, 2000, 2000, CALL_read, EPOLL + 1);
    wait_made(&m, 8, 2100, 2800, 2800, CALL_poll, 0, WHY_SLEEP, WAIT_MULTIPLEXED);
    parks(&m, 8, 2900, 3000, 0);
    says(&m, 3100, 8, 900, WORK_END, WORK_FUTURE);
    executor_tail(&m, 1050, 3200, 0);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_BLOCKED), 900 + 700);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_LOCK), 100);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_RUNNING), 30 + 100 + 100 + 100);
    assert_int_equal(m.tl.threads.data[1].state_ns[STATE_YIELDED], 0);
    made_release(&m);
}

/* The submission is told again behind the begin: END is that piece's all the same. */
static void test_a_submission_told_again(void **state)
{
    (void)state;
    struct made m;
    executor_head(&m);
    says(&m, 1071, 7, 601, WORK_RESUME, WORK_TASK);
    says(&m, 1072, 7, 900, WORK_SUBMIT, WORK_FUTURE);
    waits(&m, 8, 1100, 3000, 3000, CALL_pread64, COLD);
    says(&m, 3100, 8, 900, WORK_END, WORK_FUTURE);
    waits(&m, 8, 3200, 4900, 4900, CALL_pread64, WARM);
    executor_tail(&m, 1080, 5000, 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 1900);
    made_release(&m);
}

/* END of another piece than the one that was begun last ends nothing. */
static void test_the_end_of_another_piece(void **state)
{
    (void)state;
    struct made m;
    executor_head(&m);
    says(&m, 1072, 7, 601, WORK_RESUME, WORK_TASK);
    says(&m, 1074, 7, 901, WORK_SUBMIT, WORK_FUTURE);
    says(&m, 1080, 8, 901, WORK_BEGIN, WORK_FUTURE);
    says(&m, 1090, 8, 900, WORK_END, WORK_FUTURE);
    waits(&m, 8, 1100, 3000, 3000, CALL_pread64, COLD);
    says(&m, 3100, 8, 901, WORK_END, WORK_FUTURE);
    executor_tail(&m, 1095, 3200, 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 1900);
    made_release(&m);
}

/* The executor makes a thread for B's piece, which begins before the submission is told; the
 * address was A's, who is done with it but not answered. It is not A's again. */
static void test_a_begin_before_its_submission(void **state)
{
    (void)state;
    struct made m;
    executor_head(&m);
    waits(&m, 8, 1100, 3000, 3000, CALL_pread64, COLD);
    says(&m, 3100, 8, 900, WORK_END, WORK_FUTURE);
    yields(&m, 1050, 3110, 99);
    says(&m, 3120, 7, 602, WORK_RESUME, WORK_TASK);
    parks(&m, 9, 0, 3125, 7);
    says(&m, 3130, 9, 900, WORK_BEGIN, WORK_FUTURE);
    says(&m, 3140, 7, 900, WORK_SUBMIT, WORK_FUTURE);
    waits(&m, 9, 3200, 4900, 4900, CALL_pread64, WARM);
    says(&m, 4950, 9, 900, WORK_END, WORK_FUTURE);
    executor_tail(&m, 3150, 3200, 5000);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 1900);
    assert_int_equal(given(&m, "GET /a", 9, LEDGER_RUNNING), 0);
    made_release(&m);
}

/* A worker that turns to another request inside a piece: no time of it is both's. What it did
 * before may have been for either: A did not wait for something outside meanwhile. */
static void test_a_worker_that_turns_to_another(void **state)
{
    (void)state;
    struct made m;
    executor_head(&m);
    accepted(&m, 5, C);
    waits(&m, 8, 1100, 2000, 2000, CALL_pread64, COLD);
    receives(&m, 2100, 8, C, 2050, GET("/c"));
    waits(&m, 8, 2200, 3000, 3000, CALL_pread64, WARM);
    sends(&m, 3050, 8, C, OK);
    says(&m, 3100, 8, 900, WORK_END, WORK_FUTURE);
    executor_tail(&m, 1050, 3200, 0);
    assert_true(spent(&m, "GET /a", LEDGER_BLOCKED) <= 900);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 0);
    assert_int_equal(spent(&m, "GET /c", LEDGER_BLOCKED), 800);
    made_release(&m);
}

/* nginx says what it hands over, and not when it is back: what is done first is turned to first. */
static void test_nginx_in_order(void **state)
{
    (void)state;
    struct made m;
    work_init(&m, 12000);
    runtime_is(&m, 7, RUNTIME_NGINX, 0, 0);
    yields(&m, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    says(&m, 1020, 7, 64, WORK_SUBMIT, WORK_NGINX);
    receives(&m, 1030, 7, B, 1000, GET("/b"));
    says(&m, 1040, 7, 65, WORK_SUBMIT, WORK_NGINX);
    parks(&m, 8, 0, 1060, 7);
    parks(&m, 9, 0, 1070, 7);
    waits(&m, 8, 1100, 6000, 6000, CALL_pread64, COLD);
    waits(&m, 9, 1100, 3000, 3000, CALL_pread64, WARM);
    yields(&m, 1050, 3010, 9);
    sends(&m, 3020, 7, B, OK);
    yields(&m, 3030, 6010, 8);
    sends(&m, 6020, 7, A, OK);
    work_finish(&m, 12000, 6030, 6020, 3020);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_BLOCKED), 4900);
    assert_int_equal(given(&m, "GET /b", 9, LEDGER_BLOCKED), 1900);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 4900);
    assert_int_equal(spent(&m, "GET /b", LEDGER_BLOCKED), 1900);
    made_release(&m);
}

/* Redis reads all, then writes its log once for all of them, then answers: nobody's own wait. */
static void test_one_fsync_for_several(void **state)
{
    (void)state;
    struct made m;
    work_init(&m, 9000);
    runtime_is(&m, 7, RUNTIME_REDIS, 0, 0);
    yields(&m, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    receives(&m, 1020, 7, B, 1000, GET("/b"));
    waits(&m, 7, 1100, 3000, 3000, CALL_fdatasync, COLD);
    sends(&m, 3010, 7, A, OK);
    sends(&m, 3020, 7, B, OK);
    work_finish(&m, 9000, 3030, 0, 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 0);
    assert_int_equal(spent(&m, "GET /b", LEDGER_BLOCKED), 0);
    assert_true(spent(&m, "GET /a", LEDGER_LOOP_BUSY) >= 1900);
    assert_true(spent(&m, "GET /b", LEDGER_LOOP_BUSY) >= 1900);
    made_release(&m);
}

static void test_one_fsync_for_one(void **state)
{
    (void)state;
    struct made m;
    work_init(&m, 9000);
    runtime_is(&m, 7, RUNTIME_REDIS, 0, 0);
    yields(&m, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    waits(&m, 7, 1100, 3000, 3000, CALL_fdatasync, COLD);
    sends(&m, 3010, 7, A, OK);
    receives(&m, 3015, 7, B, 3000, GET("/b"));
    sends(&m, 3020, 7, B, OK);
    work_finish(&m, 9000, 3030, 0, 0);
    assert_int_equal(given(&m, "GET /a", 7, LEDGER_BLOCKED), 1900);
    assert_int_equal(spent(&m, "GET /b", LEDGER_BLOCKED), 0);
    made_release(&m);
}

/* The interpreter's lock is named, all its words as one, and a worker that waits for it is still at
 * its piece. */
static void test_the_gil_is_named_and_no_park(void **state)
{
    (void)state;
    struct made m;
    executor_head(&m);
    runtime_is(&m, 7, RUNTIME_PYTHON, GIL_AT, GIL_AT + 64);
    waits(&m, 8, 1100, 1600, 1600, CALL_futex, GIL_AT + 8);
    waits(&m, 8, 1700, 1800, 1800, CALL_futex, GIL_AT + 16);
    waits(&m, 8, 1900, 3000, 3000, CALL_pread64, COLD);
    says(&m, 3100, 8, 900, WORK_END, WORK_FUTURE);
    executor_tail(&m, 1050, 3200, 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_LOCK), 600);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 1100);
    size_t named = 0;
    for (size_t i = 0; i < m.tl.objects.len; i++)
        named += strcmp(text_of(&m, m.tl.objects.data[i].name), "GIL") == 0;
    assert_int_equal(named, 1);
    made_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_libuv),
        cmocka_unit_test(test_the_pools_lock_is_nobodys),
        cmocka_unit_test(test_libuv_two_at_once),
        cmocka_unit_test(test_the_next_begin_is_the_end),
        cmocka_unit_test(test_a_synchronous_call_is_the_loops),
        cmocka_unit_test(test_an_address_comes_again),
        cmocka_unit_test(test_what_comes_behind_a_steps_end),
        cmocka_unit_test(test_tasks),
        cmocka_unit_test(test_a_steps_long_tail_is_the_steps),
        cmocka_unit_test(test_a_long_tail_may_be_anybodys),
        cmocka_unit_test(test_answers_together_tell_nothing),
        cmocka_unit_test(test_executor),
        cmocka_unit_test(test_what_an_executor_waits_for),
        cmocka_unit_test(test_a_submission_told_again),
        cmocka_unit_test(test_the_end_of_another_piece),
        cmocka_unit_test(test_a_begin_before_its_submission),
        cmocka_unit_test(test_a_worker_that_turns_to_another),
        cmocka_unit_test(test_nginx_in_order),
        cmocka_unit_test(test_one_fsync_for_several),
        cmocka_unit_test(test_one_fsync_for_one),
        cmocka_unit_test(test_the_gil_is_named_and_no_park),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
