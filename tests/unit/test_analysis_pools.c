/*
 * Workers that answer themselves what another thread has read: whose their time is, and what stood
 * in line for them. Thread 7 reads, 8 and 9 are its workers, who are idle at QUEUE.
 */
#include "analysis_made.h"

#define EPOLL ANON(1)
#define QUEUE 4096
#define LOCK 8192
#define GIL 16384
#define A SOCKET(201)
#define B SOCKET(202)

static void pool_init(struct made *m, uint64_t end)
{
    made_init(m, end);
    accepted(m, 5, A);
    accepted(m, 5, B);
    attach_waiting(m, 0, 7, 7, CALL_epoll_wait, EPOLL);
    attach_waiting(m, 0, 8, 7, CALL_futex, QUEUE);
    attach_waiting(m, 0, 9, 7, CALL_futex, QUEUE);
}

static void waits_for(struct made *m, uint32_t tid, uint64_t off, uint64_t wake, uint32_t waker,
                      unsigned call, uint64_t obj)
{
    m->waker = waker;
    wait_made(m, tid, off, wake, wake, call, obj, WHY_SLEEP, waker ? 0 : WAIT_WAKER_IRQ);
    m->waker = 0;
}

/* The reader wakes at `t`, reads, and calls `worker` if that is not 0, who was idle since `idle`.
 */
static void reads(struct made *m, uint64_t yield, uint64_t t, uint64_t obj, const char *data,
                  uint32_t worker, uint64_t idle)
{
    waits_for(m, 7, yield, t, 0, CALL_epoll_wait, EPOLL);
    receives(m, t + 5, 7, obj, t, data);
    if (worker)
        waits_for(m, worker, idle, t + 10, 7, CALL_futex, QUEUE);
}

/*
 * `n` requests of 1000 µs each from 0 on, one after the other: the reader calls worker 8, who
 * sleeps for 500 µs, answers, and is idle `behind` µs later. Returns when that is.
 */
static uint64_t rounds_of(struct made *m, uint64_t n, uint64_t behind)
{
    uint64_t idle = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t t = 100 + i * 4000;
        char head[64];
        snprintf(head, sizeof(head), "GET /x/%d HTTP/1.1\r\n\r\n", (int)i);
        accepted(m, t, SOCKET(i));
        reads(m, i ? t - 3980 : 0, t, SOCKET(i), head, 8, idle);
        waits_for(m, 8, t + 20, t + 520, 0, CALL_nanosleep, 0);
        sends(m, t + 530, 8, SOCKET(i), OK);
        idle = t + 540 + behind;
    }
    return idle;
}

static uint64_t rounds(struct made *m, uint64_t behind)
{
    return rounds_of(m, 5, behind);
}

/* Both requests are read behind that; the worker goes from A's answer at 21530 to B's at 22530. */
static void two_in_line(struct made *m, uint64_t idle)
{
    reads(m, 16120, 21000, A, GET("/x/70"), 8, idle);
    reads(m, 21020, 21100, B, GET("/x/71"), 0, 0);
    waits_for(m, 8, 21020, 21520, 0, CALL_nanosleep, 0);
    sends(m, 21530, 8, A, OK);
    waits_for(m, 8, 21600, 22500, 0, CALL_nanosleep, 0);
    sends(m, 22530, 8, B, OK);
}

static void pool_finish(struct made *m, uint64_t loop, uint64_t eight)
{
    end_waiting(m, 30000, 7, 7, loop, CALL_epoll_wait, EPOLL);
    if (eight)
        end_waiting(m, 30000, 8, 7, eight, CALL_futex, QUEUE);
    end_waiting(m, 30000, 9, 7, 0, CALL_futex, QUEUE);
    made_finish(m);
}

static void test_a_called_workers_work_is_its_answers(void **state)
{
    (void)state;
    struct made m;
    pool_init(&m, 30000);
    reads(&m, 0, 1000, A, GET("/a"), 8, 0);
    reads(&m, 1020, 1100, B, GET("/b"), 9, 0);
    waits_for(&m, 8, 1020, 2000, 0, CALL_nanosleep, 0);
    waits_for(&m, 9, 1200, 1900, 8, CALL_futex, LOCK);
    waits_for(&m, 9, 1910, 2500, 0, CALL_nanosleep, 0);
    sends(&m, 2010, 8, A, OK);
    sends(&m, 2510, 9, B, OK);
    end_waiting(&m, 30000, 7, 7, 1120, CALL_epoll_wait, EPOLL);
    end_waiting(&m, 30000, 8, 7, 2020, CALL_futex, QUEUE);
    end_waiting(&m, 30000, 9, 7, 2520, CALL_futex, QUEUE);
    made_finish(&m);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_SLEEP), 980);
    assert_int_equal(given(&m, "GET /b", 9, LEDGER_LOCK), 700);
    assert_int_equal(given(&m, "GET /b", 9, LEDGER_SLEEP), 590);
    assert_int_equal(spent(&m, "GET /b", LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

/* Five times the worker was idle at once when it had answered. */
static void test_the_next_job_begins_at_the_answer(void **state)
{
    (void)state;
    struct made m;
    pool_init(&m, 30000);
    two_in_line(&m, rounds(&m, 0));
    pool_finish(&m, 21120, 22540);
    assert_int_equal(spent(&m, "GET /x/71", LEDGER_QUEUED), 410); /* 21120 to 21530 */
    assert_int_equal(given(&m, "GET /x/71", 8, LEDGER_SLEEP), 900);
    assert_int_equal(given(&m, "GET /x/71", 8, LEDGER_RUNNING), 100);
    assert_int_equal(spent(&m, "GET /x/71", LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

/* Each time it ran on for 2 ms: so it may have behind A's answer. Up to there B stood in line. */
static void test_work_behind_an_answer_is_not_the_next_jobs(void **state)
{
    (void)state;
    struct made m;
    pool_init(&m, 30000);
    two_in_line(&m, rounds(&m, 2000));
    pool_finish(&m, 21120, 22540);
    assert_int_equal(spent(&m, "GET /x/71", LEDGER_QUEUED), 410);
    assert_int_equal(spent(&m, "GET /x/71", LEDGER_SLEEP), 0);
    assert_int_equal(
        request_grade_ns(&m.tl, request_named(&m, "GET /x/71"), GRADE_AMBIGUOUS) / 1000, 970);
    assert_int_equal(spent(&m, "GET /x/71", LEDGER_UNATTRIBUTED), 970); /* to 22500 */
    made_release(&m);
}

/* Once it did something that was for no answer: so it may have between two. */
static void test_a_pool_with_other_work_is_asked_when_idle_only(void **state)
{
    (void)state;
    struct made m;
    pool_init(&m, 30000);
    uint64_t idle = rounds(&m, 0);
    waits_for(&m, 8, idle, 18000, 7, CALL_futex, QUEUE);
    waits_for(&m, 8, 18100, 19000, 0, CALL_nanosleep, 0);
    two_in_line(&m, 19010);
    pool_finish(&m, 21120, 22540);
    assert_int_equal(given(&m, "GET /x/70", 8, LEDGER_SLEEP), 500);
    assert_int_equal(spent(&m, "GET /x/71", LEDGER_SLEEP), 0);
    made_release(&m);
}

/* The next thing is done as a timer says: its request waited for that and in no line. */
static void test_who_is_called_by_a_timer_had_no_queue(void **state)
{
    (void)state;
    struct made m;
    pool_init(&m, 30000);
    uint64_t idle = rounds(&m, 0);
    reads(&m, 16120, 21000, A, GET("/timer"), 0, 0);
    waits_for(&m, 8, idle, 25000, 0, CALL_futex, QUEUE);
    sends(&m, 25020, 8, A, OK);
    pool_finish(&m, 21020, 25030);
    assert_int_equal(spent(&m, "GET /timer", LEDGER_QUEUED), 0);
    made_release(&m);
}

/* Once in twenty bouts it did something that was for no answer. Two are called at a time, each for
 * what was read just then, and each answers that. */
static void test_who_is_called_and_answers_did_nothing_else(void **state)
{
    (void)state;
    struct made m;
    pool_init(&m, 200000);
    uint64_t idle = rounds_of(&m, 25, 0);
    waits_for(&m, 8, idle, 101000, 9, CALL_futex, QUEUE);
    waits_for(&m, 8, 101100, 102000, 0, CALL_nanosleep, 0);
    reads(&m, 96120, 110000, A, GET("/a"), 8, 102010);
    reads(&m, 110020, 110100, B, GET("/b"), 9, 0);
    waits_for(&m, 8, 110030, 111000, 0, CALL_nanosleep, 0);
    waits_for(&m, 9, 110130, 112000, 0, CALL_nanosleep, 0);
    sends(&m, 111010, 8, A, OK);
    sends(&m, 112010, 9, B, OK);
    end_waiting(&m, 200000, 7, 7, 110120, CALL_epoll_wait, EPOLL);
    end_waiting(&m, 200000, 8, 7, 111020, CALL_futex, QUEUE);
    end_waiting(&m, 200000, 9, 7, 112020, CALL_futex, QUEUE);
    made_finish(&m);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_SLEEP), 970);
    assert_int_equal(given(&m, "GET /b", 9, LEDGER_SLEEP), 1870);
    made_release(&m);
}

/*
 * Three times the worker is called, and twice each time it answers, works on for 1 ms and answers
 * what was read then: that may be halves of jobs, and what the last stood in line for its second
 * half. So may be what another does before its answer, when this one calls it.
 */
static void test_who_always_goes_on_may_do_halves(void **state)
{
    (void)state;
    struct made m;
    uint64_t idle = 0, asleep = 0;
    pool_init(&m, 40000);
    for (uint64_t i = 0; i < 9; i++) {
        uint64_t t = 1000 + i / 3 * 10000 + i % 3 * 1500;
        char head[64];
        accepted(&m, t, SOCKET(i));
        snprintf(head, sizeof(head), "GET /x/%d HTTP/1.1\r\n\r\n", (int)i);
        reads(&m, asleep, t, SOCKET(i), head, i % 3 ? 0 : 8, idle);
        asleep = t + 20;
        if (i == 8)
            reads(&m, asleep, t + 100, A, GET("/a"), 0, 0);
        sends(&m, t + 500, 8, SOCKET(i), OK);
        idle = t + 510;
    }
    waits_for(&m, 8, 24600, 25500, 0, CALL_nanosleep, 0);
    sends(&m, 25510, 8, A, OK);
    reads(&m, 24120, 25000, B, GET("/b"), 0, 0);
    waits_for(&m, 9, 0, 25100, 8, CALL_futex, QUEUE);
    waits_for(&m, 9, 25110, 26000, 0, CALL_nanosleep, 0);
    sends(&m, 26010, 9, B, OK);
    end_waiting(&m, 40000, 7, 7, 25020, CALL_epoll_wait, EPOLL);
    end_waiting(&m, 40000, 8, 7, 25520, CALL_futex, QUEUE);
    end_waiting(&m, 40000, 9, 7, 26020, CALL_futex, QUEUE);
    made_finish(&m);
    assert_int_equal(spent(&m, "GET /a", LEDGER_QUEUED), 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_SLEEP), 0);
    assert_int_equal(spent(&m, "GET /b", LEDGER_SLEEP), 0);
    made_release(&m);
}

/* By its own clock the reader is asleep by then that woke the worker. */
static void test_a_call_by_another_clock(void **state)
{
    (void)state;
    struct made m;
    pool_init(&m, 30000);
    uint64_t idle = rounds(&m, 0);
    waits_for(&m, 8, idle, 18000, 7, CALL_futex, QUEUE);
    waits_for(&m, 8, 18100, 19000, 0, CALL_nanosleep, 0); /* so the pool is not pure */
    waits_for(&m, 7, 16120, 21000, 0, CALL_epoll_wait, EPOLL);
    receives(&m, 21005, 7, A, 21000, GET("/a"));
    waits_for(&m, 8, 19010, 21030, 7, CALL_futex, QUEUE);
    waits_for(&m, 8, 21040, 22000, 0, CALL_nanosleep, 0);
    sends(&m, 22010, 8, A, OK);
    pool_finish(&m, 21010, 22020);
    assert_int_equal(spent(&m, "GET /a", LEDGER_QUEUED), 20);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_SLEEP), 960);
    made_release(&m);
}

/* From A to B and back to A: it has several at a time. */
static void test_a_worker_that_takes_turns_has_no_jobs(void **state)
{
    (void)state;
    struct made m;
    pool_init(&m, 30000);
    two_in_line(&m, rounds(&m, 0));
    waits_for(&m, 8, 22540, 23000, 0, CALL_nanosleep, 0);
    sends(&m, 23010, 8, A, "more");
    pool_finish(&m, 21120, 23020);
    assert_int_equal(spent(&m, "GET /x/71", LEDGER_SLEEP), 0);
    made_release(&m);
}

/* HotSpot's sleep looks like a lock that nobody ever gives. Another's is one. */
static void test_a_lock_of_nobody_is_javas_sleep(void **state)
{
    (void)state;
    struct made m;
    pool_init(&m, 30000);
    runtime_is(&m, 7, RUNTIME_JVM, 0, 0);
    reads(&m, 0, 1000, A, GET("/a"), 8, 0);
    waits_for(&m, 8, 1020, 1500, 9, CALL_futex, LOCK);
    waits_for(&m, 8, 1600, 2000, 0, CALL_futex, LOCK);
    waits_for(&m, 8, 2100, 3000, 0, CALL_futex, LOCK + 4096);
    sends(&m, 3010, 8, A, OK);
    pool_finish(&m, 1020, 3020);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_LOCK), 880);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_SLEEP), 900);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

/* Nor does a worker wait for work while it sleeps for nobody known. */
static void test_javas_sleep_is_not_idle(void **state)
{
    (void)state;
    struct made m;
    bool slept = false, idle = false;
    pool_init(&m, 30000);
    runtime_is(&m, 7, RUNTIME_JVM, 0, 0);
    reads(&m, 0, 1000, A, GET("/a"), 8, 0);
    sends(&m, 1100, 8, A, OK);
    waits_for(&m, 8, 1110, 2000, 9, CALL_futex, QUEUE);
    waits_for(&m, 8, 2010, 3000, 0, CALL_futex, LOCK + 4096);
    pool_finish(&m, 1020, 3020);
    const struct thread *t = &m.tl.threads.data[1];
    for (size_t i = 0; i < t->intervals.len; i++) {
        const struct interval *iv = &t->intervals.data[i];
        slept |=
            iv->start_ns == US(2010) && iv->state == STATE_SLEEP && !(iv->flags & INTERVAL_IDLE);
        idle |= iv->start_ns == US(1110) && iv->state == STATE_LOCK && iv->flags & INTERVAL_IDLE;
    }
    assert_true(slept);
    assert_true(idle);
    made_release(&m);
}

/* Python takes its lock before it goes on: until then B stood in line. Whose a second wait is, so
 * soon, is not known. */
static void test_the_gil_behind_an_answer_is_not_the_next_jobs(void **state)
{
    (void)state;
    struct made m;
    pool_init(&m, 30000);
    runtime_is(&m, 7, RUNTIME_PYTHON, GIL, GIL + 64);
    uint64_t idle = rounds(&m, 0);
    reads(&m, 16120, 21000, A, GET("/x/70"), 8, idle);
    reads(&m, 21020, 21100, B, GET("/x/71"), 0, 0);
    waits_for(&m, 8, 21020, 21520, 0, CALL_nanosleep, 0);
    sends(&m, 21530, 8, A, OK);
    waits_for(&m, 8, 21532, 23532, 9, CALL_futex, GIL);
    waits_for(&m, 8, 23562, 24562, 9, CALL_futex, GIL);
    waits_for(&m, 8, 24762, 25762, 0, CALL_nanosleep, 0);
    sends(&m, 25772, 8, B, OK);
    pool_finish(&m, 21120, 25780);
    assert_int_equal(spent(&m, "GET /x/71", LEDGER_QUEUED), 2412); /* 21120 to 23532 */
    assert_int_equal(spent(&m, "GET /x/71", LEDGER_LOCK), 0);
    assert_int_equal(
        request_grade_ns(&m.tl, request_named(&m, "GET /x/71"), GRADE_AMBIGUOUS) / 1000, 1030);
    assert_int_equal(given(&m, "GET /x/71", 8, LEDGER_SLEEP), 1000);
    made_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_called_workers_work_is_its_answers),
        cmocka_unit_test(test_the_next_job_begins_at_the_answer),
        cmocka_unit_test(test_work_behind_an_answer_is_not_the_next_jobs),
        cmocka_unit_test(test_a_pool_with_other_work_is_asked_when_idle_only),
        cmocka_unit_test(test_who_is_called_by_a_timer_had_no_queue),
        cmocka_unit_test(test_a_call_by_another_clock),
        cmocka_unit_test(test_who_is_called_and_answers_did_nothing_else),
        cmocka_unit_test(test_who_always_goes_on_may_do_halves),
        cmocka_unit_test(test_a_worker_that_takes_turns_has_no_jobs),
        cmocka_unit_test(test_a_lock_of_nobody_is_javas_sleep),
        cmocka_unit_test(test_javas_sleep_is_not_idle),
        cmocka_unit_test(test_the_gil_behind_an_answer_is_not_the_next_jobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
