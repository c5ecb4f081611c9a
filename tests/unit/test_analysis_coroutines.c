/*
 * Kotlin's coroutines, as the agent tells of them. Thread 7 reads, 8 and 9 are a dispatcher's
 * threads, 10 has the timers. A's coroutine is 1, B's is 2; 3 and up are others.
 */
#include "analysis_made.h"

#define A SOCKET(1)
#define B SOCKET(2)
#define EPOLL ANON(1)
#define QUEUE 4096  /* the futex that a thread without work parks at */
#define INSIDE 8192 /* one that work waits at */
#define COLD FILE_OBJ(1)
#define EARLIER UINT64_MAX

static void coroutines_init(struct made *m, uint64_t end)
{
    made_init(m, end);
    accepted(m, 5, A);
    accepted(m, 5, B);
    attach_waiting(m, 0, 7, 7, CALL_epoll_wait, EPOLL);
    for (uint32_t tid = 8; tid <= 10; tid++)
        attach_waiting(m, 0, tid, 7, CALL_futex, QUEUE);
    runtime_is(m, 7, RUNTIME_JVM, 0, 0);
}

static void wakes(struct made *m, uint32_t tid, uint64_t off, uint64_t wake, uint32_t waker)
{
    m->waker = waker;
    waits(m, tid, off, wake, wake, tid == 7 ? CALL_epoll_wait : CALL_futex,
          tid == 7 ? EPOLL : QUEUE);
    m->waker = 0;
}

static void hands(struct made *m, uint64_t t, uint32_t tid, uint64_t coroutine)
{
    says(m, t, tid, coroutine, WORK_SUBMIT, WORK_COROUTINE);
}

/* One that is no other's child. */
static void launches(struct made *m, uint64_t t, uint32_t tid, uint64_t coroutine)
{
    struct event_work e = {
        .item = coroutine, .op = WORK_SUBMIT, .kind = WORK_COROUTINE, .flags = WORK_FREE};
    made_add(m, &e, EVENT_WORK, sizeof(e), tid, AT(t));
}

static void begins(struct made *m, uint64_t t, uint32_t tid, uint64_t coroutine)
{
    says(m, t, tid, coroutine, WORK_BEGIN, WORK_COROUTINE);
}

static void suspends(struct made *m, uint64_t t, uint32_t tid, uint64_t coroutine)
{
    says(m, t, tid, coroutine, WORK_END, WORK_COROUTINE);
}

static void readies(struct made *m, uint64_t t, uint32_t tid, uint64_t coroutine)
{
    says(m, t, tid, coroutine, WORK_READY, WORK_COROUTINE);
}

static void passes(struct made *m, uint64_t t, uint32_t tid, uint64_t coroutine)
{
    struct event_work e = {
        .item = coroutine, .op = WORK_END, .kind = WORK_COROUTINE, .flags = WORK_GIVES_WAY};
    made_add(m, &e, EVENT_WORK, sizeof(e), tid, AT(t));
}

/* 7 reads A at 1010, and hands its coroutine over at 1020; 8 turns to it at 1070. */
static void begun_init(struct made *m, uint64_t end)
{
    coroutines_init(m, end);
    wakes(m, 7, 0, 1000, 99);
    receives(m, 1010, 7, A, 1000, GET("/a"));
    hands(m, 1020, 7, 1);
    wakes(m, 8, 0, 1060, 7);
    begins(m, 1070, 8, 1);
}

/* All sleep to the end. */
static void coroutines_finish(struct made *m, uint64_t end, uint64_t seven, uint64_t eight,
                              uint64_t nine, uint64_t ten)
{
    end_waiting(m, end, 7, 7, seven, CALL_epoll_wait, EPOLL);
    end_waiting(m, end, 8, 7, eight, CALL_futex, QUEUE);
    end_waiting(m, end, 9, 7, nine, CALL_futex, QUEUE);
    end_waiting(m, end, 10, 7, ten, CALL_futex, QUEUE);
    made_finish(m);
}

/*
 *     7     1000 recv A ─ 1020 SUBMIT ─┤ sleeps
 *     8             │ 1070 BEGIN ─ 1100 END │                     │ 6200 BEGIN ─ send A ─ END
 *     10                                       6050 READY ├ sleeps
 */
static void test_delay(void **state)
{
    (void)state;
    struct made m;
    begun_init(&m, 9000);
    suspends(&m, 1100, 8, 1);
    wakes(&m, 10, 0, 6000, 0);
    readies(&m, 6050, 10, 1);
    wakes(&m, 8, 1110, 6190, 10);
    begins(&m, 6200, 8, 1);
    sends(&m, 6250, 8, A, OK);
    passes(&m, 6300, 8, 1);
    coroutines_finish(&m, 9000, 1030, 6310, 0, 6060);
    assert_int_equal(spent(&m, "GET /a", LEDGER_QUEUED), 40 + 150);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 6050 - 1100);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_RUNNING), 30 + 50);
    assert_int_equal(spent(&m, "GET /a", LEDGER_LOCK), 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

/* Two at once, and the one that is made last answers first: each has its own times. */
static void test_two_at_once(void **state)
{
    (void)state;
    struct made m;
    coroutines_init(&m, 9000);
    wakes(&m, 7, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    hands(&m, 1020, 7, 1);
    receives(&m, 1030, 7, B, 1000, GET("/b"));
    hands(&m, 1040, 7, 2);
    wakes(&m, 8, 0, 1060, 7);
    begins(&m, 1070, 8, 1);
    suspends(&m, 1100, 8, 1);
    begins(&m, 1110, 8, 2);
    suspends(&m, 1150, 8, 2);
    wakes(&m, 10, 0, 3000, 0);
    readies(&m, 3050, 10, 2);
    wakes(&m, 8, 1160, 3100, 10);
    begins(&m, 3110, 8, 2);
    sends(&m, 3150, 8, B, OK);
    passes(&m, 3160, 8, 2);
    wakes(&m, 10, 3060, 5000, 0);
    readies(&m, 5050, 10, 1);
    wakes(&m, 9, 0, 5100, 10);
    begins(&m, 5110, 9, 1);
    sends(&m, 5150, 9, A, OK);
    passes(&m, 5160, 9, 1);
    coroutines_finish(&m, 9000, 1050, 3170, 5170, 5060);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 5050 - 1100);
    assert_int_equal(spent(&m, "GET /b", LEDGER_AWAITING), 3050 - 1150);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_RUNNING), 30);
    assert_int_equal(given(&m, "GET /a", 9, LEDGER_RUNNING), 40);
    assert_int_equal(given(&m, "GET /b", 8, LEDGER_RUNNING), 40 + 40);
    assert_int_equal(given(&m, "GET /b", 9, LEDGER_RUNNING), 0);
    made_release(&m);
}

/*
 * withContext(Dispatchers.IO): 9 waits for the file, and the answer is 8's.
 *
 *     8    1070 BEGIN ─ 1100 passes it on ┤             ├ 5300 BEGIN ─ send A
 *     9              │ 1200 BEGIN ─┤ 1250 file 5000 ├─ 5100 passes it on
 */
static void test_moved(void **state)
{
    (void)state;
    struct made m;
    begun_init(&m, 9000);
    passes(&m, 1100, 8, 1);
    wakes(&m, 9, 0, 1190, 8);
    begins(&m, 1200, 9, 1);
    waits(&m, 9, 1250, 5000, 5000, CALL_pread64, COLD);
    passes(&m, 5100, 9, 1);
    wakes(&m, 8, 1110, 5290, 9);
    begins(&m, 5300, 8, 1);
    sends(&m, 5350, 8, A, OK);
    passes(&m, 5360, 8, 1);
    coroutines_finish(&m, 9000, 1030, 5370, 5110, 0);
    assert_int_equal(given(&m, "GET /a", 9, LEDGER_BLOCKED), 3750);
    assert_int_equal(given(&m, "GET /a", 9, LEDGER_RUNNING), 50 + 100);
    assert_int_equal(spent(&m, "GET /a", LEDGER_QUEUED), 40 + 100 + 200);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

/* 9 begins with the block before 8, which has handed it over, has left the coroutine; that word
 * comes late, and ends nothing of 9's. */
static void test_begun_before_it_was_left(void **state)
{
    (void)state;
    struct made m;
    begun_init(&m, 9000);
    wakes(&m, 9, 0, 1095, 8);
    begins(&m, 1100, 9, 1);
    passes(&m, 1400, 8, 1);
    waits(&m, 9, 1500, 5000, 5000, CALL_pread64, COLD);
    passes(&m, 5100, 9, 1);
    begins(&m, 5110, 9, 1);
    sends(&m, 5150, 9, A, OK);
    passes(&m, 5160, 9, 1);
    coroutines_finish(&m, 9000, 1030, 1410, 5170, 0);
    assert_int_equal(given(&m, "GET /a", 9, LEDGER_BLOCKED), 3500);
    assert_int_equal(given(&m, "GET /a", 9, LEDGER_RUNNING), 400 + 100 + 40);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_RUNNING), 30);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

/* runBlocking: the thread is held while the coroutine that it began waits, and goes on with its
 * own. That one's next wait holds nobody. */
static void test_nested(void **state)
{
    (void)state;
    struct made m;
    begun_init(&m, 12000);
    hands(&m, 1080, 8, 3);
    begins(&m, 1090, 8, 3);
    suspends(&m, 1100, 8, 3);
    waits(&m, 8, 1110, 4000, 4000, CALL_futex, INSIDE);
    wakes(&m, 10, 0, 3900, 0);
    readies(&m, 3950, 10, 3);
    begins(&m, 4010, 8, 3);
    passes(&m, 4020, 8, 3);
    suspends(&m, 4100, 8, 1);
    wakes(&m, 10, 3960, 7000, 0);
    readies(&m, 7050, 10, 1);
    wakes(&m, 9, 0, 7090, 10);
    begins(&m, 7100, 9, 1);
    sends(&m, 7150, 9, A, OK);
    passes(&m, 7160, 9, 1);
    coroutines_finish(&m, 12000, 1030, 4110, 7170, 7060);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_LOCK), 4000 - 1110);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 7050 - 4100);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

/* A thread that is no dispatcher's reads, and is held in runBlocking. */
static void test_held_without_a_coroutine(void **state)
{
    (void)state;
    struct made m;
    coroutines_init(&m, 9000);
    waits(&m, 8, 100, 1000, 1000, CALL_read, A);
    receives(&m, 1010, 8, A, 1000, GET("/a"));
    hands(&m, 1080, 8, 3);
    begins(&m, 1090, 8, 3);
    suspends(&m, 1100, 8, 3);
    waits(&m, 8, 1110, 4000, 4000, CALL_futex, INSIDE);
    begins(&m, 4010, 8, 3);
    passes(&m, 4020, 8, 3);
    waits(&m, 8, 4100, 5100, 5100, CALL_pread64, COLD);
    sends(&m, 5150, 8, A, OK);
    coroutines_finish(&m, 9000, 0, 5200, 0, 0);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_LOCK), 4000 - 1110);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_BLOCKED), 1000);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

/* The end of one that ran on top of it was not told: with its own the thread has left both. */
static void test_nested_and_left(void **state)
{
    (void)state;
    struct made m;
    begun_init(&m, 9000);
    hands(&m, 1080, 8, 3);
    begins(&m, 1090, 8, 3);
    suspends(&m, 1100, 8, 1);
    wakes(&m, 10, 0, 6000, 0);
    readies(&m, 6050, 10, 1);
    wakes(&m, 8, 1110, 6190, 10);
    begins(&m, 6200, 8, 1);
    sends(&m, 6250, 8, A, OK);
    passes(&m, 6300, 8, 1);
    coroutines_finish(&m, 9000, 1030, 6310, 0, 6060);
    assert_int_equal(spent(&m, "GET /a", LEDGER_LOCK), 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 6050 - 1100);
    made_release(&m);
}

/* One of B's is resumed on A's thread, without a dispatcher: that time is B's, then A goes on. */
static void test_nested_for_another(void **state)
{
    (void)state;
    struct made m;
    coroutines_init(&m, 9000);
    wakes(&m, 7, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    hands(&m, 1020, 7, 1);
    receives(&m, 1030, 7, B, 1000, GET("/b"));
    hands(&m, 1040, 7, 2);
    wakes(&m, 9, 0, 1060, 7);
    begins(&m, 1070, 9, 2);
    suspends(&m, 1100, 9, 2);
    wakes(&m, 8, 0, 1960, 7);
    begins(&m, 2000, 8, 1);
    readies(&m, 2100, 8, 2);
    begins(&m, 2100, 8, 2);
    sends(&m, 2300, 8, B, OK);
    passes(&m, 2400, 8, 2);
    waits(&m, 8, 2500, 4500, 4500, CALL_pread64, COLD);
    sends(&m, 4600, 8, A, OK);
    passes(&m, 4700, 8, 1);
    coroutines_finish(&m, 9000, 1050, 4710, 1110, 0);
    assert_int_equal(given(&m, "GET /b", 8, LEDGER_RUNNING), 200);
    assert_int_equal(given(&m, "GET /b", 8, LEDGER_BLOCKED), 0);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_BLOCKED), 2000);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_RUNNING), 100 + 100 + 100);
    assert_int_equal(spent(&m, "GET /a", LEDGER_QUEUED), 2000 - 1030 + 300);
    made_release(&m);
}

/* The reader still has A, which it serves itself; what it makes right behind its receive is B's. */
static void test_made_for_the_one_just_read(void **state)
{
    (void)state;
    struct made m;
    coroutines_init(&m, 9000);
    wakes(&m, 7, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    receives(&m, 1030, 7, B, 1000, GET("/b"));
    hands(&m, 1040, 7, 2);
    sends(&m, 1060, 7, A, OK);
    wakes(&m, 8, 0, 1060, 7);
    begins(&m, 1070, 8, 2);
    waits(&m, 8, 1100, 3100, 3100, CALL_pread64, COLD);
    sends(&m, 3150, 8, B, OK);
    passes(&m, 3160, 8, 2);
    coroutines_finish(&m, 9000, 1250, 3170, 0, 0);
    assert_int_equal(given(&m, "GET /b", 8, LEDGER_BLOCKED), 2000);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_BLOCKED), 0);
    made_release(&m);
}

/* Those of before the agent's time have one number: what one of them has is not another's. */
static void test_earlier_ones_are_many(void **state)
{
    (void)state;
    struct made m;
    coroutines_init(&m, 9000);
    wakes(&m, 8, 0, 500, 99);
    begins(&m, 570, 8, EARLIER);
    waits(&m, 8, 600, 1000, 1000, CALL_read, A);
    receives(&m, 1010, 8, A, 1000, GET("/a"));
    suspends(&m, 1100, 8, EARLIER);
    wakes(&m, 9, 0, 2000, 8);
    begins(&m, 2010, 9, EARLIER);
    waits(&m, 9, 2100, 4100, 4100, CALL_pread64, COLD);
    suspends(&m, 4200, 9, EARLIER);
    wakes(&m, 8, 1110, 6000, 10);
    begins(&m, 6010, 8, EARLIER);
    sends(&m, 6050, 8, A, OK);
    suspends(&m, 6100, 8, EARLIER);
    coroutines_finish(&m, 9000, 0, 6110, 4210, 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 0);
    assert_true(spent(&m, "GET /a", LEDGER_UNATTRIBUTED) > 4000);
    made_release(&m);
}

/* A coroutine for each connection, made before there is a request: whose it reads, is its. */
static void test_of_a_connection(void **state)
{
    (void)state;
    struct made m;
    coroutines_init(&m, 9000);
    wakes(&m, 7, 0, 500, 99);
    hands(&m, 510, 7, 1);
    wakes(&m, 8, 0, 560, 7);
    begins(&m, 570, 8, 1);
    waits(&m, 8, 600, 1000, 1000, CALL_read, A);
    receives(&m, 1010, 8, A, 1000, GET("/a"));
    suspends(&m, 1100, 8, 1);
    wakes(&m, 10, 0, 4000, 0);
    readies(&m, 4050, 10, 1);
    wakes(&m, 9, 0, 4090, 10);
    begins(&m, 4100, 9, 1);
    waits(&m, 9, 4200, 5200, 5200, CALL_pread64, COLD);
    sends(&m, 5300, 9, A, OK);
    waits(&m, 9, 5400, 7000, 7000, CALL_read, A);
    receives(&m, 7010, 9, A, 7000, GET("/second"));
    sends(&m, 7100, 9, A, OK);
    coroutines_finish(&m, 9000, 520, 1110, 7200, 4060);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 4050 - 1100);
    assert_int_equal(given(&m, "GET /a", 9, LEDGER_BLOCKED), 1000);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 0);
    assert_int_equal(spent(&m, "GET /second", LEDGER_AWAITING), 0);
    made_release(&m);
}

/* It moves, and has begun elsewhere before its thread has left it: whose it is, is known by then.
 */
static void test_of_a_connection_moves(void **state)
{
    (void)state;
    struct made m;
    coroutines_init(&m, 9000);
    wakes(&m, 7, 0, 500, 99);
    hands(&m, 510, 7, 1);
    wakes(&m, 8, 0, 560, 7);
    begins(&m, 570, 8, 1);
    waits(&m, 8, 600, 1000, 1000, CALL_read, A);
    receives(&m, 1010, 8, A, 1000, GET("/a"));
    wakes(&m, 9, 0, 1050, 8);
    begins(&m, 1060, 9, 1);
    passes(&m, 1100, 8, 1);
    waits(&m, 9, 1200, 4200, 4200, CALL_pread64, COLD);
    passes(&m, 4300, 9, 1);
    wakes(&m, 8, 1110, 4380, 9);
    begins(&m, 4400, 8, 1);
    sends(&m, 4500, 8, A, OK);
    coroutines_finish(&m, 9000, 520, 4600, 4310, 0);
    assert_int_equal(given(&m, "GET /a", 9, LEDGER_BLOCKED), 3000);
    assert_int_equal(spent(&m, "GET /a", LEDGER_QUEUED), 100);
    assert_int_equal(spent(&m, "GET /a", LEDGER_LOCK), 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

/* A child of the request's, made by its coroutine, works while that one waits for it. */
static void test_child(void **state)
{
    (void)state;
    struct made m;
    begun_init(&m, 9000);
    hands(&m, 1080, 8, 3);
    suspends(&m, 1100, 8, 1);
    wakes(&m, 9, 0, 1190, 8);
    begins(&m, 1200, 9, 3);
    waits(&m, 9, 1250, 5000, 5000, CALL_pread64, COLD);
    readies(&m, 5050, 9, 1);
    passes(&m, 5100, 9, 3);
    wakes(&m, 8, 1110, 5190, 9);
    begins(&m, 5200, 8, 1);
    sends(&m, 5250, 8, A, OK);
    passes(&m, 5260, 8, 1);
    coroutines_finish(&m, 9000, 1030, 5270, 5110, 0);
    assert_int_equal(given(&m, "GET /a", 9, LEDGER_BLOCKED), 3750);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

/* GlobalScope.launch: the request's coroutine goes on without it, and so does the request. */
static void test_left_behind(void **state)
{
    (void)state;
    struct made m;
    coroutines_init(&m, 9000);
    wakes(&m, 7, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    launches(&m, 1020, 7, 1);
    wakes(&m, 8, 0, 1060, 7);
    begins(&m, 1070, 8, 1);
    launches(&m, 1080, 8, 3);
    suspends(&m, 1100, 8, 1);
    wakes(&m, 9, 0, 1190, 8);
    begins(&m, 1200, 9, 3);
    waits(&m, 9, 1250, 5000, 5000, CALL_pread64, COLD);
    passes(&m, 5100, 9, 3);
    wakes(&m, 10, 0, 6000, 0);
    readies(&m, 6050, 10, 1);
    wakes(&m, 8, 1110, 6190, 10);
    begins(&m, 6200, 8, 1);
    sends(&m, 6250, 8, A, OK);
    passes(&m, 6300, 8, 1);
    coroutines_finish(&m, 9000, 1030, 6310, 5110, 6060);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 6050 - 1100);
    made_release(&m);
}

/* 8 carries virtual threads: the one that has the coroutine parks without a word. */
static void test_on_a_virtual_thread(void **state)
{
    (void)state;
    struct made m;
    coroutines_init(&m, 9000);
    struct event_comm name = {.pid = 7, .comm = "ForkJoinPool-1-"};
    wakes(&m, 7, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    hands(&m, 1020, 7, 1);
    wakes(&m, 9, 0, 1060, 7);
    begins(&m, 1070, 9, 1);
    passes(&m, 1100, 9, 1);
    wakes(&m, 8, 0, 1190, 9);
    begins(&m, 1200, 8, 1);
    wakes(&m, 8, 1210, 4000, 10);
    passes(&m, 4100, 8, 1);
    wakes(&m, 9, 1110, 4150, 8);
    begins(&m, 4200, 9, 1);
    sends(&m, 4250, 9, A, OK);
    passes(&m, 4300, 9, 1);
    end_waiting(&m, 9000, 8, 7, 4110, CALL_futex, QUEUE);
    made_add(&m, &name, EVENT_COMM, sizeof(name), 8, AT(9000)); /* its last name is the one */
    end_waiting(&m, 9000, 7, 7, 1030, CALL_epoll_wait, EPOLL);
    end_waiting(&m, 9000, 9, 7, 4310, CALL_futex, QUEUE);
    made_finish(&m);
    assert_int_equal(spent(&m, "GET /a", LEDGER_LOCK), 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 4100 - 1100);
    assert_int_equal(spent(&m, "GET /a", LEDGER_QUEUED), 40 + 100);
    made_release(&m);
}

/* Nothing says when it was ready: it may have awaited something, or stood in line. */
static void test_ready_is_not_told(void **state)
{
    (void)state;
    struct made m;
    begun_init(&m, 9000);
    suspends(&m, 1100, 8, 1);
    wakes(&m, 8, 1110, 6190, 10);
    begins(&m, 6200, 8, 1);
    sends(&m, 6250, 8, A, OK);
    passes(&m, 6300, 8, 1);
    coroutines_finish(&m, 9000, 1030, 6310, 0, 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 6200 - 1100);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_RUNNING), 30 + 50);
    made_release(&m);
}

/* 10 wakes for its timers, and gets no CPU: whose time it was when, nobody knows. */
static void test_timers_are_late(void **state)
{
    (void)state;
    struct made m;
    begun_init(&m, 15000);
    suspends(&m, 1100, 8, 1);
    waits(&m, 10, 0, 6000, 11000, CALL_futex, QUEUE);
    readies(&m, 11050, 10, 1);
    wakes(&m, 8, 1110, 11190, 10);
    begins(&m, 11200, 8, 1);
    sends(&m, 11250, 8, A, OK);
    passes(&m, 11300, 8, 1);
    coroutines_finish(&m, 15000, 1030, 11310, 0, 11060);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 6000 - 1100);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 11050 - 6000);
    assert_int_equal(spent(&m, "GET /a", LEDGER_QUEUED), 40 + 150);
    made_release(&m);
}

/* What the thread does for one of before the agent's time, and what the reader does, is not for
 * the only request that is open: its coroutine is suspended. */
static void test_others_work(void **state)
{
    (void)state;
    struct made m;
    begun_init(&m, 9000);
    suspends(&m, 1100, 8, 1);
    begins(&m, 1200, 8, EARLIER);
    waits(&m, 8, 1300, 3300, 3300, CALL_pread64, COLD);
    suspends(&m, 3400, 8, EARLIER);
    wakes(&m, 7, 1030, 4000, 99);
    waits(&m, 7, 4100, 4600, 4600, CALL_pread64, COLD);
    wakes(&m, 10, 0, 6000, 0);
    readies(&m, 6050, 10, 1);
    wakes(&m, 8, 3410, 6190, 10);
    begins(&m, 6200, 8, 1);
    sends(&m, 6250, 8, A, OK);
    passes(&m, 6300, 8, 1);
    coroutines_finish(&m, 9000, 4700, 6310, 0, 6060);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 6050 - 1100);
    made_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delay),
        cmocka_unit_test(test_two_at_once),
        cmocka_unit_test(test_moved),
        cmocka_unit_test(test_begun_before_it_was_left),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_held_without_a_coroutine),
        cmocka_unit_test(test_nested_and_left),
        cmocka_unit_test(test_nested_for_another),
        cmocka_unit_test(test_made_for_the_one_just_read),
        cmocka_unit_test(test_earlier_ones_are_many),
        cmocka_unit_test(test_of_a_connection),
        cmocka_unit_test(test_of_a_connection_moves),
        cmocka_unit_test(test_child),
        cmocka_unit_test(test_left_behind),
        cmocka_unit_test(test_on_a_virtual_thread),
        cmocka_unit_test(test_ready_is_not_told),
        cmocka_unit_test(test_timers_are_late),
        cmocka_unit_test(test_others_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
