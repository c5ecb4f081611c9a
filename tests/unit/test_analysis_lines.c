/*
 * Pools that are always busy, so that nobody is ever called: the order of their jobs tells. Thread
 * 7 reads, 8 and 9 are its workers. Job 0 and 1 are called for at once, and last until all are
 * read; job k begins where job k - 2 was answered, sleeps and is answered 1000 µs later:
 *
 *     reader     reads 0 1 2 3 …
 *     worker 8   idle ─┤ 0 ───────────┤ 2 ────────┤ 4 ────────┤
 *     worker 9   idle ──┤ 1 ────────────────┤ 3 ────────┤ 5 ────────┤
 */
#include "analysis_made.h"

#define EPOLL ANON(1)
#define QUEUE 4096
#define JOBS 60u
/* The job that is looked at, and when it was read. */
#define JOB 40u
#define NAME "GET /x/40"
#define READ (100 + 10 * JOB)
#define BEGIN (3000 + 500 * (JOB - 2))
#define END (4000 + 500 * JOBS)

struct busy {
    struct made m;
    uint32_t timers; /* the reader wakes up for no client so often */
    uint32_t swap;   /* of so many jobs in a row the order is turned round; 0: of none */
    uint32_t works;  /* so long does job 40 before it sleeps */
    bool locks;      /* what they wait for is a lock of the other's */
};

static void waits_for(struct made *m, uint32_t tid, uint64_t off, uint64_t wake, uint32_t waker,
                      unsigned call, uint64_t obj)
{
    m->waker = waker;
    wait_made(m, tid, off, wake, wake, call, obj, WHY_SLEEP, waker ? 0 : WAIT_WAKER_IRQ);
    m->waker = 0;
}

static void busy_begin(struct busy *y)
{
    made_init(&y->m, END);
    for (uint32_t i = 0; i < JOBS; i++)
        accepted(&y->m, 5, SOCKET(i));
    attach_waiting(&y->m, 0, 7, 7, CALL_epoll_wait, EPOLL);
    attach_waiting(&y->m, 0, 8, 7, CALL_futex, QUEUE);
    attach_waiting(&y->m, 0, 9, 7, CALL_futex, QUEUE);
}

static void busy_reads(struct busy *y)
{
    uint64_t asleep = 0;
    for (uint32_t i = 0; i < JOBS; i++) {
        uint64_t t = 100 + 10 * i;
        char head[64];
        snprintf(head, sizeof(head), "GET /x/%u HTTP/1.1\r\n\r\n", i);
        waits_for(&y->m, 7, asleep, t - 2, 0, CALL_epoll_wait, EPOLL);
        receives(&y->m, t, 7, SOCKET(i), t - 2, head);
        asleep = t + 3;
    }
    for (uint32_t i = 0; i < y->timers; i++) {
        uint64_t t = 1000 + 10 * i;
        waits_for(&y->m, 7, asleep, t, 0, CALL_epoll_wait, EPOLL);
        asleep = t + 3;
    }
    end_waiting(&y->m, END, 7, 7, asleep, CALL_epoll_wait, EPOLL);
}

/* Which request is the k-th to be taken up. */
static uint32_t taken(const struct busy *y, uint32_t k)
{
    uint32_t first = y->swap ? k - k % y->swap : 0;
    return k < 2 || !first || first + y->swap > JOBS ? k : first + y->swap - 1 - (k - first);
}

static void busy_jobs(struct busy *y)
{
    for (uint32_t k = 0; k < JOBS; k++) {
        uint32_t worker = 8 + k % 2, i = taken(y, k);
        uint64_t begin = k < 2 ? 102 + 10 * k : 3000 + 500 * (k - 2);
        uint64_t end = k < 2 ? 3000 + 500 * k : begin + 1000;
        uint64_t off = begin + (i == JOB && y->works ? y->works : 20);
        if (k < 2)
            waits_for(&y->m, worker, 0, begin, 7, CALL_futex, QUEUE);
        if (y->locks)
            waits_for(&y->m, worker, off, end - 30, 17 - worker, CALL_futex, QUEUE + worker * 64);
        else
            waits_for(&y->m, worker, off, end - 30, 0, CALL_nanosleep, 0);
        sends(&y->m, end, worker, SOCKET(i), OK);
    }
    for (uint32_t w = 8; w < 10; w++)
        end_waiting(&y->m, END, w, 7, 3000 + 500 * (JOBS - 2 + w - 8) + 10, CALL_futex, QUEUE);
}

static void busy_finish(struct busy *y)
{
    busy_reads(y);
    busy_jobs(y);
    made_finish(&y->m);
}

static void test_what_begins_in_order_stood_in_line(void **state)
{
    (void)state;
    struct busy y = {.timers = 0};
    busy_begin(&y);
    busy_finish(&y);
    assert_int_equal(spent(&y.m, NAME, LEDGER_QUEUED), BEGIN - READ - 3);
    assert_int_equal(given(&y.m, NAME, 8, LEDGER_SLEEP), 950);
    assert_int_equal(spent(&y.m, NAME, LEDGER_UNATTRIBUTED), 0);
    made_release(&y.m);
}

/* The reader may have kept it for as long as its timers say. The order is no worse for that. */
static void test_a_reader_with_timers_may_keep_what_it_reads(void **state)
{
    (void)state;
    struct busy y = {.timers = JOBS};
    busy_begin(&y);
    busy_finish(&y);
    assert_int_equal(spent(&y.m, NAME, LEDGER_QUEUED), 0);
    assert_int_equal(given(&y.m, NAME, 8, LEDGER_SLEEP), 950);
    made_release(&y.m);
}

/* Some may have stood in line twice: what a worker did before an answer may be another's half. */
static void test_out_of_order_nothing_is_known(void **state)
{
    (void)state;
    struct busy y = {.swap = 8};
    busy_begin(&y);
    busy_finish(&y);
    assert_int_equal(spent(&y.m, NAME, LEDGER_QUEUED), 0);
    assert_int_equal(spent(&y.m, NAME, LEDGER_SLEEP), 0);
    made_release(&y.m);
}

/* Before all others a worker works for 20 µs. */
static void test_what_takes_longer_than_usual_may_be_anothers(void **state)
{
    (void)state;
    struct busy y = {.works = 420};
    busy_begin(&y);
    busy_finish(&y);
    assert_int_equal(spent(&y.m, NAME, LEDGER_SLEEP), 0);
    assert_true(given(&y.m, NAME, 8, LEDGER_RUNNING) <= 30);
    assert_int_equal(given(&y.m, "GET /x/41", 9, LEDGER_SLEEP), 950);
    made_release(&y.m);
}

/* The JVM's compiler works all the time, and for no request. */
static void test_the_jvms_own_threads_hand_nothing_over(void **state)
{
    (void)state;
    struct busy y = {.timers = 0};
    struct event_thread compiler = {
        .pid = 7, .phase = THREAD_AT_ATTACH, .on_cpu = 1, .comm = "C2 CompilerThre"};
    busy_begin(&y);
    runtime_is(&y.m, 7, RUNTIME_JVM, 0, 0);
    made_add(&y.m, &compiler, EVENT_THREAD, sizeof(compiler), 20, AT(0));
    busy_finish(&y);
    assert_int_equal(spent(&y.m, NAME, LEDGER_QUEUED), BEGIN - READ - 3);
    made_release(&y.m);
}

/* They stand at locks, and look as if they were parked: nobody was free for what was read. So it is
 * with a reader of the JVM's: work lies though all wait. */
static void test_a_lock_is_no_idling(void **state)
{
    (void)state;
    for (int jvm = 0; jvm < 2; jvm++) {
        struct busy y = {.timers = JOBS, .locks = true};
        busy_begin(&y);
        if (jvm)
            runtime_is(&y.m, 7, RUNTIME_JVM, 0, 0);
        busy_finish(&y);
        assert_int_equal(spent(&y.m, NAME, LEDGER_AWAITING), 0);
        made_release(&y.m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_begins_in_order_stood_in_line),
        cmocka_unit_test(test_a_reader_with_timers_may_keep_what_it_reads),
        cmocka_unit_test(test_out_of_order_nothing_is_known),
        cmocka_unit_test(test_what_takes_longer_than_usual_may_be_anothers),
        cmocka_unit_test(test_the_jvms_own_threads_hand_nothing_over),
        cmocka_unit_test(test_a_lock_is_no_idling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
