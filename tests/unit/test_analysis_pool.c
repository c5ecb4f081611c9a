/*
 * nginx's thread pools: the loop says what it posts, a worker which task it takes. Thread 7 is the
 * loop, 8 and 9 are its workers; they park at a condition and take the pool's lock.
 */
#include "analysis_made.h"

#define A SOCKET(1)
#define B SOCKET(2)
#define EPOLL ANON(1)
#define QUEUE 4096
#define LOCK 8192
#define FILE_A FILE_OBJ(1)
#define FILE_B FILE_OBJ(2)
#define TASK_A 64
#define TASK_B 65
#define CONDITION 0x189 /* FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME */
#define MUTEX 0x80      /* FUTEX_WAIT | FUTEX_PRIVATE_FLAG */

static void pool_init(struct made *m)
{
    made_init(m, 20000);
    accepted(m, 5, A);
    accepted(m, 5, B);
    runtime_is(m, 7, RUNTIME_NGINX, 0, 0);
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

static void futex(struct made *m, uint32_t tid, uint64_t off, uint64_t wake, uint64_t address,
                  uint32_t arg)
{
    struct event_wait w = {.off_ns = AT(off),
                           .wake_ns = AT(wake),
                           .call = CALL_futex,
                           .obj = address,
                           .why = WHY_SLEEP,
                           .arg = arg,
                           .fd = WAIT_NO_FD,
                           .waker = 7};
    made_add(m, &w, EVENT_WAIT, sizeof(w), tid, AT(wake));
}

static void parks(struct made *m, uint32_t tid, uint64_t off, uint64_t wake)
{
    futex(m, tid, off, wake, QUEUE, CONDITION);
}

static void posts(struct made *m, uint64_t t, uint64_t task)
{
    says(m, t, 7, task, WORK_SUBMIT, WORK_NGINX);
}

/* One that sends on the socket by itself. */
static void posts_for(struct made *m, uint64_t t, uint64_t task, uint64_t socket)
{
    struct event_work e = {
        .item = task, .op = WORK_SUBMIT, .kind = WORK_NGINX, .about = (uint32_t)socket};
    made_add(m, &e, EVENT_WORK, sizeof(e), 7, AT(t));
}

static void takes(struct made *m, uint64_t t, uint32_t tid, uint64_t task)
{
    struct event_work e = {.item = task, .op = WORK_BEGIN, .kind = WORK_NGINX, .about = LOCK};
    made_add(m, &e, EVENT_WORK, sizeof(e), tid, AT(t));
}

static void reads(struct made *m, uint32_t tid, uint64_t off, uint64_t wake, uint64_t file)
{
    waits(m, tid, off, wake, wake, CALL_pread64, file);
}

/* Workers that do nothing more, and the loop, sleep to the end. */
static void pool_finish(struct made *m, uint64_t loop, uint64_t eight, uint64_t nine)
{
    struct event_wait w = {
        .why = WHY_SLEEP, .call = CALL_futex, .obj = QUEUE, .arg = CONDITION, .fd = WAIT_NO_FD};
    end_waiting(m, 20000, 7, 7, loop, CALL_epoll_wait, EPOLL);
    w.off_ns = AT(eight);
    snapshot(m, 20000, 8, 7, THREAD_AT_END, false, &w);
    w.off_ns = AT(nine);
    snapshot(m, 20000, 9, 7, THREAD_AT_END, false, &w);
    made_finish(m);
}

/* Both requests are read and posted. */
static void two_posted(struct made *m)
{
    pool_init(m);
    yields(m, 0, 1000, 99);
    receives(m, 1010, 7, A, 1000, GET("/a"));
    posts(m, 1020, TASK_A);
    receives(m, 1030, 7, B, 1000, GET("/b"));
    posts(m, 1040, TASK_B);
}

/*
 *     loop      1010 A, posts 1020 ─ 1040 posts B's ─┤ sleeps ├ 6040 send A ─┤ sleeps ├ 7000 send B
 *     worker 8  1060 takes A's ─┤ 1100 file 6000 ├─ 6050 takes B's ─┤ 6100 the same file 6900 ├
 */
static void test_one_worker_after_the_other(void **state)
{
    (void)state;
    struct made m;
    two_posted(&m);
    parks(&m, 8, 0, 1055);
    takes(&m, 1060, 8, TASK_A);
    reads(&m, 8, 1100, 6000, FILE_A);
    takes(&m, 6050, 8, TASK_B);
    reads(&m, 8, 6100, 6900, FILE_A);
    yields(&m, 1050, 6030, 8);
    sends(&m, 6040, 7, A, OK);
    yields(&m, 6045, 6990, 8);
    sends(&m, 7000, 7, B, OK);
    pool_finish(&m, 7050, 6980, 0);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_BLOCKED), 4900);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 4900);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 0);
    assert_int_equal(given(&m, "GET /b", 8, LEDGER_BLOCKED), 800);
    assert_int_equal(spent(&m, "GET /b", LEDGER_BLOCKED), 800);
    assert_int_equal(spent(&m, "GET /b", LEDGER_QUEUED), 30 + 6050 - 1050);
    assert_int_equal(spent(&m, "GET /b", LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

/* Two read one file at a time; who was first is not done first. */
static void test_one_file_for_two(void **state)
{
    (void)state;
    struct made m;
    two_posted(&m);
    parks(&m, 8, 0, 1055);
    parks(&m, 9, 0, 1055);
    takes(&m, 1060, 8, TASK_A);
    takes(&m, 1062, 9, TASK_B);
    reads(&m, 8, 1100, 6000, FILE_A);
    reads(&m, 9, 1100, 3000, FILE_A);
    yields(&m, 1050, 3040, 9);
    sends(&m, 3050, 7, B, OK);
    yields(&m, 3060, 6040, 8);
    sends(&m, 6050, 7, A, OK);
    pool_finish(&m, 6060, 6045, 3045);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_BLOCKED), 4900);
    assert_int_equal(given(&m, "GET /b", 9, LEDGER_BLOCKED), 1900);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 0);
    assert_int_equal(spent(&m, "GET /b", LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

/* Behind a task its worker stands at the pool's lock: that is nobody's. */
static void test_the_pools_lock_ends_it(void **state)
{
    (void)state;
    struct made m;
    two_posted(&m);
    parks(&m, 8, 0, 1055);
    takes(&m, 1060, 8, TASK_A);
    reads(&m, 8, 1100, 3000, FILE_A);
    futex(&m, 8, 3020, 6000, LOCK, MUTEX);
    takes(&m, 6010, 8, TASK_B);
    futex(&m, 8, 6200, 6500, LOCK + 64, MUTEX); /* one of its own */
    reads(&m, 8, 6600, 7000, FILE_B);
    preempted(&m, 7, 1050, 6100);
    sends(&m, 6110, 7, A, OK);
    yields(&m, 6120, 7010, 8);
    sends(&m, 7020, 7, B, OK);
    pool_finish(&m, 7030, 7015, 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_LOCK), 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_LOOP_BUSY), 6110 - 3020);
    assert_int_equal(spent(&m, "GET /b", LEDGER_LOCK), 300);
    assert_int_equal(spent(&m, "GET /b", LEDGER_BLOCKED), 400);
    made_release(&m);
}

/* The loop comes back to A and posts the next piece of its file at once; what it touched last is
 * B's. A's task is A's. */
static void test_posted_again(void **state)
{
    (void)state;
    struct made m;
    two_posted(&m);
    parks(&m, 8, 0, 1055);
    parks(&m, 9, 0, 1055);
    takes(&m, 1060, 8, TASK_A);
    takes(&m, 1062, 9, TASK_B);
    reads(&m, 8, 1100, 3000, FILE_A);
    reads(&m, 9, 1100, 2990, FILE_B);
    yields(&m, 1050, 3040, 9);
    sends(&m, 3050, 7, B, OK);
    posts(&m, 3055, TASK_A);
    parks(&m, 8, 3045, 3058);
    takes(&m, 3060, 8, TASK_A);
    reads(&m, 8, 3100, 5000, FILE_A);
    yields(&m, 3070, 5040, 8);
    sends(&m, 5050, 7, A, OK);
    pool_finish(&m, 5060, 5045, 3045);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 1900 + 1900);
    assert_int_equal(spent(&m, "GET /b", LEDGER_BLOCKED), 1890);
    made_release(&m);
}

/* That address, when A is answered, is another's: that of whom the loop has in hand. */
static void test_an_address_comes_again(void **state)
{
    (void)state;
    struct made m;
    pool_init(&m);
    yields(&m, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    posts(&m, 1020, TASK_A);
    parks(&m, 8, 0, 1055);
    takes(&m, 1060, 8, TASK_A);
    reads(&m, 8, 1100, 3000, FILE_A);
    yields(&m, 1050, 3040, 8);
    sends(&m, 3050, 7, A, OK);
    receives(&m, 3060, 7, B, 3000, GET("/b"));
    posts(&m, 3070, TASK_A);
    parks(&m, 8, 3045, 3075);
    takes(&m, 3080, 8, TASK_A);
    reads(&m, 8, 3100, 5000, FILE_B);
    yields(&m, 3075, 5040, 8);
    sends(&m, 5050, 7, B, OK);
    pool_finish(&m, 5060, 5045, 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 1900);
    assert_int_equal(spent(&m, "GET /b", LEDGER_BLOCKED), 1900);
    assert_int_equal(spent(&m, "GET /b", LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

/*
 * With sendfile it is the worker that answers, and the loop may come back without a touch. Its
 * next task on that socket is A's, though it has B in hand, and B's is B's, though it had A's
 * address.
 *
 *     loop      A, sends, posts ─┤ sleeps ├─ recv B ─ posts A's ─┤ sleeps ├─ send B ─ posts B's
 *     worker 8                  ┤ file ├ sends                ┤ file ├ sends       ┤ file ├ sends
 */
static void test_a_task_that_sends(void **state)
{
    (void)state;
    struct made m;
    pool_init(&m);
    yields(&m, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    sends(&m, 1015, 7, A, OK);
    posts_for(&m, 1020, TASK_A, A);
    parks(&m, 8, 0, 1055);
    takes(&m, 1060, 8, TASK_A);
    reads(&m, 8, 1100, 3000, FILE_A);
    sends(&m, 3010, 8, A, "first");
    yields(&m, 1050, 3040, 8);
    receives(&m, 3050, 7, B, 3000, GET("/b"));
    posts_for(&m, 3070, TASK_A, A);
    parks(&m, 8, 3045, 3075);
    takes(&m, 3080, 8, TASK_A);
    reads(&m, 8, 3100, 5000, FILE_A);
    sends(&m, 5010, 8, A, "second");
    yields(&m, 3075, 5040, 8);
    sends(&m, 5050, 7, B, OK);
    posts_for(&m, 5070, TASK_A, B);
    parks(&m, 8, 5045, 5075);
    takes(&m, 5080, 8, TASK_A);
    reads(&m, 8, 5100, 8000, FILE_B);
    sends(&m, 8010, 8, B, "all");
    yields(&m, 5075, 8040, 8);
    pool_finish(&m, 8060, 8045, 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 1900 + 1900);
    assert_int_equal(spent(&m, "GET /b", LEDGER_BLOCKED), 2900);
    made_release(&m);
}

/* What is posted and not seen to be taken is not known; it is no waiting for something outside. */
static void test_a_take_that_is_not_told(void **state)
{
    (void)state;
    struct made m;
    two_posted(&m);
    parks(&m, 8, 0, 1055);
    parks(&m, 9, 0, 1055);
    takes(&m, 1060, 8, TASK_A);
    reads(&m, 8, 1100, 3000, FILE_A);
    reads(&m, 9, 1100, 6000, FILE_B);
    yields(&m, 1050, 3040, 8);
    sends(&m, 3050, 7, A, OK);
    yields(&m, 3060, 6040, 9);
    sends(&m, 6050, 7, B, OK);
    pool_finish(&m, 6060, 3045, 6045);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 1900);
    assert_int_equal(spent(&m, "GET /b", LEDGER_AWAITING), 0);
    assert_int_equal(spent(&m, "GET /b", LEDGER_BLOCKED), 0);
    assert_true(spent(&m, "GET /b", LEDGER_UNATTRIBUTED) >= 4900);
    made_release(&m);
}

/* The loop sends for A while A's worker is still at work: it has not come back from that yet. */
static void test_the_loop_is_not_back_yet(void **state)
{
    (void)state;
    struct made m;
    pool_init(&m);
    yields(&m, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    posts(&m, 1020, TASK_A);
    parks(&m, 8, 0, 1055);
    takes(&m, 1060, 8, TASK_A);
    yields(&m, 1050, 2040, 99);
    sends(&m, 2050, 7, A, OK);
    reads(&m, 8, 1100, 6000, FILE_A);
    yields(&m, 2060, 6040, 8);
    sends(&m, 6050, 7, A, "more");
    pool_finish(&m, 6060, 6045, 0);
    assert_true(given(&m, "GET /a", 8, LEDGER_BLOCKED) >= 4880); /* while the loop runs, it runs */
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 0);
    made_release(&m);
}

/* The loop is back at 3040 and cannot send, or may not yet: what it sends at 8010 was not ready. */
static void test_back_and_not_at_its_end(void **state)
{
    (void)state;
    struct made m;
    pool_init(&m);
    yields(&m, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    posts(&m, 1020, TASK_A);
    parks(&m, 8, 0, 1055);
    takes(&m, 1060, 8, TASK_A);
    reads(&m, 8, 1100, 3000, FILE_A);
    yields(&m, 1050, 3040, 8);
    yields(&m, 3160, 8000, 99);
    sends(&m, 8010, 7, A, OK);
    pool_finish(&m, 8060, 3045, 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 1900);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 8000 - 3160);
    made_release(&m);
}

/* Nobody says who takes what. The worker wakes the loop for A before it reads for B, also if the
 * clocks have it the other way round. */
static void test_a_wake_up_by_another_clock(void **state)
{
    (void)state;
    struct made m;
    two_posted(&m);
    parks(&m, 8, 0, 1055);
    reads(&m, 8, 1100, 3000, FILE_A);
    reads(&m, 8, 3020, 6000, FILE_B);
    yields(&m, 1050, 3045, 8);
    sends(&m, 3050, 7, A, OK);
    yields(&m, 3060, 6010, 8);
    sends(&m, 6020, 7, B, OK);
    pool_finish(&m, 6030, 6015, 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 1900);
    assert_int_equal(spent(&m, "GET /b", LEDGER_BLOCKED), 2980);
    assert_true(spent(&m, "GET /b", LEDGER_QUEUED) >= 1900); /* until A's is done */
    made_release(&m);
}

/* What is posted is in its pool until the loop is back, whether or not anybody is seen at it. */
static void test_what_is_posted_waits_for_nothing_else(void **state)
{
    (void)state;
    struct made m;
    two_posted(&m);
    parks(&m, 8, 0, 1500);
    reads(&m, 8, 1600, 2000, FILE_A);
    yields(&m, 1050, 3010, 99);
    sends(&m, 3020, 7, A, OK);
    sends(&m, 3030, 7, B, OK);
    pool_finish(&m, 3040, 2010, 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 0);
    assert_int_equal(spent(&m, "GET /b", LEDGER_AWAITING), 0);
    made_release(&m);
}

static void file_is(struct made *m, uint64_t obj, uint16_t flags, const char *path, size_t len)
{
    struct {
        struct event_file f;
        char path[16];
    } r = {.f = {.obj = obj, .mode = S_IFREG, .flags = flags, .path_len = (uint32_t)len}};
    assert_true(len <= sizeof(r.path));
    memcpy(r.path, path, len);
    made_add(m, &r, EVENT_FILE, sizeof(r.f) + ((len + 7) & ~(size_t)7), 7, AT(1));
}

/* The loop opens what is in a folder, a worker reads it: one name, two things. It is the files that
 * are waited for most, though the first wait was for a path. */
static void test_a_path_is_no_file(void **state)
{
    (void)state;
    struct made m;
    pool_init(&m);
    file_is(&m, PATH_OBJ(1), FILE_ARGUMENT, "/www/a", 6);
    file_is(&m, FILE_A, 0, "a\0www\0", 6);
    yields(&m, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    waits(&m, 7, 1100, 1200, 1200, CALL_openat, PATH_OBJ(1));
    posts(&m, 1220, TASK_A);
    parks(&m, 8, 0, 1255);
    takes(&m, 1260, 8, TASK_A);
    reads(&m, 8, 1300, 6000, FILE_A);
    yields(&m, 1250, 6040, 8);
    sends(&m, 6050, 7, A, OK);
    pool_finish(&m, 6060, 6045, 0);
    const struct verdict *v = &m.tl.processes.data[0].verdict;
    assert_int_equal(v->waits_on, OBJ_FILE);
    assert_string_equal(text_of(&m, v->waits_on_name), "/www/a");
    made_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_worker_after_the_other),
        cmocka_unit_test(test_one_file_for_two),
        cmocka_unit_test(test_the_pools_lock_ends_it),
        cmocka_unit_test(test_posted_again),
        cmocka_unit_test(test_an_address_comes_again),
        cmocka_unit_test(test_a_task_that_sends),
        cmocka_unit_test(test_a_take_that_is_not_told),
        cmocka_unit_test(test_the_loop_is_not_back_yet),
        cmocka_unit_test(test_back_and_not_at_its_end),
        cmocka_unit_test(test_a_wake_up_by_another_clock),
        cmocka_unit_test(test_what_is_posted_waits_for_nothing_else),
        cmocka_unit_test(test_a_path_is_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
