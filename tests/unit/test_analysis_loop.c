/* Requests on event loops: one thread, several at a time. */
#include "analysis_made.h"

#define A SOCKET(1)
#define B SOCKET(2)
#define DB SOCKET(9)
#define DB2 SOCKET(10)
#define EPOLL ANON(1)

static void loop_init(struct made *m, uint64_t end)
{
    made_init(m, end);
    accepted(m, 5, A);
    accepted(m, 5, B);
    socket_is(m, DB, ROLE_CONNECTED, 4000, 5432);
    socket_is(m, DB2, ROLE_CONNECTED, 4001, 5432);
    attach_waiting(m, 0, 7, 7, CALL_epoll_wait, EPOLL);
}

static void yields(struct made *m, uint64_t off, uint64_t wake, uint64_t on)
{
    waits(m, 7, off, wake, on, CALL_epoll_wait, EPOLL);
}

static void loop_finish(struct made *m, uint64_t end, uint64_t off)
{
    end_waiting(m, end, 7, 7, off, CALL_epoll_wait, EPOLL);
    made_finish(m);
}

/*
 * A is received at 24 and asks the backend at 30; the loop sleeps from 40. The reply is there at
 * 90 and wakes it; it reads at 95 and answers at 100.
 */
static void test_one_downstream(void **state)
{
    (void)state;
    struct made m;
    loop_init(&m, 300);
    yields(&m, 0, 20, 22);
    receives(&m, 24, 7, A, 20, GET("/1"));
    sends(&m, 30, 7, DB, "?");
    yields(&m, 40, 90, 91);
    receives(&m, 95, 7, DB, 90, "!");
    sends(&m, 100, 7, A, OK);
    loop_finish(&m, 300, 110);
    expect_request(
        &m, "GET /1",
        (struct expect){
            .start = 20,
            .end = 100,
            .ledger =
                {[LEDGER_RUNNABLE] = 2 + 1, [LEDGER_RUNNING] = 18 + 9, [LEDGER_AWAITING] = 50},
            /* up to the first touch of each slice, and behind the last */
            .grade = {[GRADE_EXACT] = 6 + 50 + 5, [GRADE_INFERRED] = 4 + 10 + 5}});
    expect_states(&m, 0,
                  "yielded 0-20 idle, runnable 20-22, running 22-40, "
                  "yielded 40-90, runnable 90-91, running 91-110, "
                  "yielded 110-300 idle open");
    const struct verdict *v = &m.tl.processes.data[0].verdict;
    assert_int_equal(v->model, MODEL_NONBLOCKING);
    assert_false(v->thread_waits);
    assert_int_equal(m.tl.threads.data[0].role, THREAD_ROLE_LOOP);
    assert_int_equal(m.tl.holds.len, 0);
    made_release(&m);
}

/* A's reply is ready at 60 while B is served until 80: loop_busy. B had been queued since 45. */
static void test_loop_busy_and_queued(void **state)
{
    (void)state;
    struct made m;
    loop_init(&m, 300);
    yields(&m, 0, 20, 20);
    receives(&m, 24, 7, A, 20, GET("/1"));
    sends(&m, 30, 7, DB, "?");
    /* no wait: the next turn of the loop finds B at once */
    receives(&m, 50, 7, B, 45, GET("/2"));
    sends(&m, 80, 7, B, OK);
    receives(&m, 85, 7, DB, 60, "!");
    sends(&m, 90, 7, A, OK);
    loop_finish(&m, 300, 100);
    expect_request(&m, "GET /2",
                   (struct expect){.start = 45,
                                   .end = 80,
                                   .ledger = {[LEDGER_QUEUED] = 5, [LEDGER_RUNNING] = 30},
                                   .grade = {[GRADE_EXACT] = 35}});
    /* up to 50 the loop works for A or for nobody; 50–60 the backend does, 60–85 it is B's turn */
    expect_request(
        &m, "GET /1",
        (struct expect){
            .start = 20,
            .end = 90,
            .ledger = {[LEDGER_RUNNING] = 30 + 5, [LEDGER_AWAITING] = 10, [LEDGER_LOOP_BUSY] = 25},
            .grade = {[GRADE_EXACT] = 6 + 10 + 25 + 5, [GRADE_INFERRED] = 4 + 20}});
    made_release(&m);
}

/* A connection of its own for each question: SYN at 30, established at 60, asked at 95. */
static void test_connect_is_awaited(void **state)
{
    (void)state;
    struct made m;
    loop_init(&m, 400);
    yields(&m, 0, 20, 20);
    receives(&m, 24, 7, A, 20, GET("/1"));
    conn_state(&m, 30, 7, DB, ROLE_CONNECTED, SYN_SENT);
    yields(&m, 40, 60, 61);
    conn_state(&m, 60, 1234, DB, ROLE_CONNECTED, ESTABLISHED); /* by a bystander */
    sends(&m, 65, 7, DB, "?");
    yields(&m, 70, 200, 200);
    receives(&m, 205, 7, DB, 200, "!");
    sends(&m, 210, 7, A, OK);
    loop_finish(&m, 400, 220);
    const struct request *r = request_named(&m, "GET /1");
    assert_int_equal(request_ns(&m.tl, r, LEDGER_AWAITING), US(20 + 130));
    assert_int_equal(request_ns(&m.tl, r, LEDGER_UNATTRIBUTED), 0);
    assert_int_equal(request_ns(&m.tl, r, LEDGER_RUNNING), US(20 + 9 + 10));
    assert_int_equal(request_ns(&m.tl, r, LEDGER_RUNNABLE), US(1));
    made_release(&m);
}

/*
 * The classic mistake, in ms: A's handler reads a file for 20, then the loop computes for 8. B has
 * waited since 12 and C since 31; D's bytes came behind it all.
 */
static void test_blocking_call_in_a_handler(void **state)
{
    (void)state;
    struct made m;
    loop_init(&m, 100000);
    accepted(&m, 5, SOCKET(3));
    accepted(&m, 5, SOCKET(4));
    yields(&m, 0, 10000, 10000);
    receives(&m, 10010, 7, A, 10000, GET("/1"));
    waits(&m, 7, 10100, 30100, 30100, CALL_pread64, FILE_OBJ(1));
    sends(&m, 38100, 7, A, OK);
    receives(&m, 38110, 7, B, 12000, GET("/2"));
    sends(&m, 38200, 7, B, OK);
    receives(&m, 38210, 7, SOCKET(3), 31000, GET("/3"));
    sends(&m, 38300, 7, SOCKET(3), OK);
    yields(&m, 38400, 50000, 50000);
    receives(&m, 50010, 7, SOCKET(4), 50000, GET("/4"));
    sends(&m, 50020, 7, SOCKET(4), OK);
    loop_finish(&m, 100000, 50100);
    expect_request(&m, "GET /1",
                   (struct expect){.start = 10000,
                                   .end = 38100,
                                   .ledger = {[LEDGER_RUNNING] = 8100, [LEDGER_BLOCKED] = 20000},
                                   .grade = {[GRADE_EXACT] = 28090, [GRADE_INFERRED] = 10}});
    expect_request(&m, "GET /2",
                   (struct expect){.start = 12000,
                                   .end = 38200,
                                   .ledger = {[LEDGER_QUEUED] = 26110, [LEDGER_RUNNING] = 90},
                                   .grade = {[GRADE_EXACT] = 26200}});
    assert_int_equal(m.tl.holds.len, 2);
    const struct hold *blocked = &m.tl.holds.data[0], *computes = &m.tl.holds.data[1];
    assert_int_equal(blocked->state, STATE_BLOCKED);
    assert_int_equal(blocked->start_ns, US(10100));
    assert_int_equal(blocked->end_ns, US(30100));
    assert_int_equal(blocked->request_plus1, 1);
    assert_string_equal(text_of(&m, blocked->call_plus1 - 1), "pread64");
    expect_victims(&m, 0, "GET /2 18100"); /* from 12000 on */
    assert_int_equal(computes->state, STATE_RUNNING);
    assert_int_equal(computes->start_ns, US(30100));
    assert_int_equal(computes->end_ns, US(38100));
    assert_int_equal(computes->request_plus1, 1);
    expect_victims(&m, 1, "GET /2 8000, GET /3 7100"); /* C since 31000 */
    const struct verdict *v = &m.tl.processes.data[0].verdict;
    assert_int_not_equal(v->model, MODEL_BLOCKING);
    assert_true(v->thread_waits);
    assert_int_equal(m.tl.threads.data[0].role, THREAD_ROLE_LOOP);
    made_release(&m);
}

/* A loop that goes from socket to socket without rest is busy, but nothing holds it. */
static void test_busy_is_not_held(void **state)
{
    (void)state;
    struct made m;
    made_init_with(&m, 100000, 1000);
    attach_waiting(&m, 0, 7, 7, CALL_epoll_wait, EPOLL);
    waits(&m, 7, 0, 1000, 1000, CALL_epoll_wait, EPOLL);
    for (uint64_t i = 0; i < 30; i++) {
        accepted(&m, 5, SOCKET(20 + i));
        receives(&m, 1100 + i * 900, 7, SOCKET(20 + i), 1000, GET("/x"));
        sends(&m, 1500 + i * 900, 7, SOCKET(20 + i), OK);
    }
    loop_finish(&m, 100000, 28000);
    assert_int_equal(m.tl.holds.len, 0);
    made_release(&m);
}

/* Preempted for longer than the threshold: the machine's doing. Work that goes on is a hold. */
static void test_preempted_is_not_held(void **state)
{
    (void)state;
    struct made m;
    loop_init(&m, 100000);
    yields(&m, 0, 10000, 10000);
    receives(&m, 10010, 7, A, 10000, GET("/1"));
    preempted(&m, 7, 10100, 30100);
    sends(&m, 30200, 7, A, OK);
    yields(&m, 30300, 40000, 40000);
    receives(&m, 40010, 7, B, 40000, GET("/2"));
    preempted(&m, 7, 44100, 50100);
    sends(&m, 54200, 7, B, OK);
    loop_finish(&m, 100000, 54300);
    assert_int_equal(m.tl.holds.len, 1);
    assert_int_equal(m.tl.holds.data[0].state, STATE_RUNNING);
    assert_int_equal(m.tl.holds.data[0].start_ns, US(40010));
    assert_int_equal(m.tl.holds.data[0].end_ns, US(54200));
    made_release(&m);
}

/* A timer: nothing says what A waited for, but that the loop slept says that nothing of A's was
 * ready; what the woken loop did for it is likely its own. */
static void test_timer_is_awaited(void **state)
{
    (void)state;
    struct made m;
    loop_init(&m, 300);
    yields(&m, 0, 20, 20);
    receives(&m, 24, 7, A, 20, GET("/1"));
    yields(&m, 30, 80, 81);
    sends(&m, 90, 7, A, OK);
    loop_finish(&m, 300, 100);
    expect_request(
        &m, "GET /1",
        (struct expect){
            .start = 20,
            .end = 90,
            .ledger = {[LEDGER_RUNNING] = 10 + 9, [LEDGER_RUNNABLE] = 1, [LEDGER_AWAITING] = 50},
            .grade = {[GRADE_INFERRED] = 4 + 6 + 10 + 50}});
    made_release(&m);
}

/*
 * Redis: all that is there is received and executed, then all is answered. Between the receive
 * of B and the answer to A either may have been at work.
 */
static void test_batches_are_ambiguous(void **state)
{
    (void)state;
    struct made m;
    loop_init(&m, 300);
    yields(&m, 0, 20, 20);
    receives(&m, 24, 7, A, 20, "*2\r\n$3\r\nget\r\n$1\r\na\r\n");
    receives(&m, 30, 7, B, 20, "*3\r\n$3\r\nset\r\n$1\r\na\r\n$1\r\nb\r\n");
    sends(&m, 60, 7, A, "$1\r\nx\r\n");
    sends(&m, 64, 7, B, "-ERR no\r\n");
    loop_finish(&m, 300, 70);
    expect_request(&m, "GET",
                   (struct expect){.start = 20,
                                   .end = 60,
                                   .ledger = {[LEDGER_RUNNING] = 10, [LEDGER_UNATTRIBUTED] = 30},
                                   .grade = {[GRADE_INFERRED] = 10, [GRADE_AMBIGUOUS] = 30}});
    expect_request(
        &m, "SET",
        (struct expect){
            .start = 20,
            .end = 64,
            .ledger = {[LEDGER_QUEUED] = 10, [LEDGER_RUNNING] = 4, [LEDGER_UNATTRIBUTED] = 30},
            .grade = {[GRADE_EXACT] = 10, [GRADE_INFERRED] = 4, [GRADE_AMBIGUOUS] = 30}});
    assert_int_equal(request_named(&m, "GET")->status, 0);
    assert_int_equal(request_named(&m, "SET")->status, -1);
    made_release(&m);
}

/* Two requests ask on one connection before the first reply: whose is it? */
static void test_shared_downstream_is_ambiguous(void **state)
{
    (void)state;
    struct made m;
    loop_init(&m, 300);
    yields(&m, 0, 20, 20);
    receives(&m, 24, 7, A, 20, GET("/1"));
    sends(&m, 26, 7, DB, "?");
    yields(&m, 30, 40, 40);
    receives(&m, 44, 7, B, 40, GET("/2"));
    sends(&m, 46, 7, DB, "??");
    yields(&m, 50, 100, 100);
    receives(&m, 104, 7, DB, 100, "!");
    yields(&m, 110, 150, 150);
    receives(&m, 154, 7, DB, 150, "!!");
    sends(&m, 160, 7, B, OK);
    sends(&m, 170, 7, A, OK);
    loop_finish(&m, 300, 180);
    /* that both awaited something is told by the loop's sleep, not by the replies */
    assert_int_equal(request_ns(&m.tl, request_named(&m, "GET /1"), LEDGER_AWAITING), US(150 - 30));
    assert_int_equal(request_ns(&m.tl, request_named(&m, "GET /2"), LEDGER_AWAITING), US(150 - 50));
    assert_int_equal(request_ns(&m.tl, request_named(&m, "GET /2"), LEDGER_LOOP_BUSY), 0);
    made_release(&m);
}

/* The connection is free again with its reply: the next request on it is another's. */
static void test_pooled_downstream_changes_hands(void **state)
{
    (void)state;
    struct made m;
    loop_init(&m, 400);
    yields(&m, 0, 20, 20);
    receives(&m, 24, 7, A, 20, GET("/1"));
    sends(&m, 26, 7, DB, "?");
    yields(&m, 30, 60, 60);
    receives(&m, 62, 7, DB, 60, "!");
    sends(&m, 64, 7, A, OK);
    yields(&m, 70, 100, 100);
    receives(&m, 102, 7, B, 100, GET("/2"));
    sends(&m, 104, 7, DB, "??");
    yields(&m, 110, 200, 200);
    receives(&m, 202, 7, DB, 200, "!!");
    sends(&m, 204, 7, B, OK);
    loop_finish(&m, 400, 210);
    assert_int_equal(request_ns(&m.tl, request_named(&m, "GET /1"), LEDGER_AWAITING), US(30));
    assert_int_equal(request_ns(&m.tl, request_named(&m, "GET /2"), LEDGER_AWAITING), US(90));
    assert_int_equal(request_ns(&m.tl, request_named(&m, "GET /2"), LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

/* A reply in two parts: the second is awaited like the first. */
static void test_reply_in_parts(void **state)
{
    (void)state;
    struct made m;
    loop_init(&m, 400);
    yields(&m, 0, 20, 20);
    receives(&m, 24, 7, A, 20, GET("/1"));
    sends(&m, 26, 7, DB, GET("/x"));
    yields(&m, 30, 60, 60);
    receives(&m, 62, 7, DB, 60, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
    yields(&m, 70, 100, 100);
    io_made(&m, EVENT_RECV, 102, 7, DB, 100, 10, 0, NULL);
    sends(&m, 104, 7, A, OK);
    loop_finish(&m, 400, 110);
    const struct request *r = request_named(&m, "GET /1");
    assert_int_equal(request_ns(&m.tl, r, LEDGER_AWAITING), US(30 + 30));
    assert_int_equal(request_ns(&m.tl, r, LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

/* Part of a reply of 5000 bytes; then B asks on the same connection, and answers come. What A asked
 * by tells whether the rest of that body is still to come. */
static uint64_t awaited_by_b(const char *asked)
{
    struct made m;
    loop_init(&m, 400);
    yields(&m, 0, 20, 20);
    receives(&m, 24, 7, A, 20, GET("/1"));
    sends(&m, 26, 7, DB, asked);
    yields(&m, 30, 60, 60);
    receives_long(&m, 62, 7, DB, 50, "HTTP/1.1 200 OK", 5000, 0);
    sends(&m, 64, 7, A, OK);
    yields(&m, 70, 100, 100);
    receives(&m, 102, 7, B, 100, GET("/2"));
    sends(&m, 104, 7, DB, "GET /y");
    yields(&m, 110, 200, 200);
    receives_long(&m, 202, 7, DB, 50, "HTTP/1.1 200 OK", 50, 0);
    sends(&m, 204, 7, B, OK);
    loop_finish(&m, 400, 210);
    uint64_t ns = request_ns(&m.tl, request_named(&m, "GET /2"), LEDGER_AWAITING);
    made_release(&m);
    return ns;
}

static void test_reply_that_is_not_whole(void **state)
{
    (void)state;
    assert_int_equal(
        awaited_by_b("GET /x"),
        US(90)); /* while the loop slept: the reply tells nothing, it may be for A's rest */
    assert_int_equal(awaited_by_b("HEAD /x"), US(92)); /* there is no rest */
}

/*
 * asyncio: both are received first, then each task runs and asks its own connection. The first
 * question stands behind B's receive and is A's: the order of events would tell it wrong.
 */
static void test_deferred_handlers_are_not_guessed(void **state)
{
    (void)state;
    struct made m;
    loop_init(&m, 3000);
    uint64_t t = 20;
    yields(&m, 0, t, t);
    for (int i = 0; i < 20; i++, t += 100) {
        receives(&m, t + 1, 7, A, t, i ? GET("/n") : GET("/a"));
        receives(&m, t + 2, 7, B, t, i ? GET("/n") : GET("/b"));
        sends(&m, t + 10, 7, DB, "for A");
        sends(&m, t + 12, 7, DB2, "for B");
        yields(&m, t + 15, t + 50, t + 50);
        receives(&m, t + 52, 7, DB, t + 50, "A's");
        sends(&m, t + 54, 7, A, OK);
        receives(&m, t + 56, 7, DB2, t + 55, "B's");
        sends(&m, t + 58, 7, B, OK);
        yields(&m, t + 60, t + 100, t + 100);
    }
    loop_finish(&m, 3000, t + 5);
    /* but that both awaited while the loop slept is no guess */
    for (size_t i = 0; i < m.tl.requests.len; i++) {
        assert_int_equal(request_ns(&m.tl, &m.tl.requests.data[i], LEDGER_AWAITING), US(35));
        assert_true(request_ns(&m.tl, &m.tl.requests.data[i], LEDGER_UNATTRIBUTED) > 0);
    }
    made_release(&m);
}

/*
 * asyncio: A and B are read, A's handler sleeps, B's computes, B is answered and then A. From B's
 * receive to B's answer the thread touches nobody else, and yet the sleep is not B's.
 */
static void test_deferred_sleep_is_nobodys(void **state)
{
    (void)state;
    struct made m;
    loop_init(&m, 300);
    yields(&m, 0, 20, 20);
    receives(&m, 24, 7, A, 20, GET("/sleep"));
    receives(&m, 28, 7, B, 21, GET("/compute"));
    waits(&m, 7, 30, 70, 70, CALL_clock_nanosleep, 0);
    sends(&m, 90, 7, B, OK);
    sends(&m, 92, 7, A, OK);
    loop_finish(&m, 300, 100);
    const struct request *b = request_named(&m, "GET /compute");
    assert_int_equal(request_ns(&m.tl, b, LEDGER_SLEEP), 0);
    assert_int_equal(request_ns(&m.tl, b, LEDGER_RUNNING), 0);
    assert_int_equal(request_grade_ns(&m.tl, b, GRADE_AMBIGUOUS), US(90 - 28));
    const struct request *r = request_named(&m, "GET /sleep");
    assert_int_equal(request_ns(&m.tl, r, LEDGER_SLEEP), 0);
    made_release(&m);
}

/* It is not known whose, but that the loop stood still is; and what it can do is the loop's. */
static void test_nobodys_sleep_makes_a_verdict(void **state)
{
    (void)state;
    struct made m;
    loop_init(&m, 300000);
    accepted(&m, 5, SOCKET(3));
    yields(&m, 0, 20000, 20000);
    receives(&m, 20004, 7, A, 20000, GET("/sleep"));
    receives(&m, 20008, 7, B, 20001, GET("/compute"));
    waits(&m, 7, 20030, 60030, 60030, CALL_clock_nanosleep, 0);
    sends(&m, 60050, 7, B, OK);
    sends(&m, 60060, 7, A, OK);
    receives(&m, 60070, 7, SOCKET(3), 30000, GET("/waits"));
    sends(&m, 60080, 7, SOCKET(3), OK);
    loop_finish(&m, 300000, 60100);
    const struct verdict *v = &m.tl.processes.data[0].verdict;
    assert_int_equal(m.tl.holds.len, 1);
    assert_int_equal(m.tl.holds.data[0].request_plus1, 0);
    assert_true(m.tl.holds.data[0].victim_count > 0);
    assert_int_equal(v->model, MODEL_MIXED);
    assert_true(v->thread_waits);
    assert_true(v->capacity > 70 && v->capacity < 75); /* 3 requests, 40.1 ms */
    made_release(&m);
}

/* What a program sleeps while it starts up, or while nobody asks anything, says nothing of that. */
static void test_sleep_for_nobody_makes_none(void **state)
{
    (void)state;
    struct made m;
    loop_init(&m, 300000);
    yields(&m, 0, 1000, 1000);
    waits(&m, 7, 1010, 41010, 41010, CALL_clock_nanosleep, 0);
    yields(&m, 41020, 50000, 50000);
    receives(&m, 50004, 7, A, 50000, GET("/"));
    sends(&m, 50050, 7, A, OK);
    loop_finish(&m, 300000, 50100);
    const struct verdict *v = &m.tl.processes.data[0].verdict;
    assert_int_equal(m.tl.holds.len, 1);
    assert_int_equal(v->model, MODEL_NONBLOCKING);
    assert_false(v->thread_waits);
    made_release(&m);
}

/* What a loop was at when the recording began, or where records are lost. */
enum cut { CUT_NOT, CUT_SLICE, CUT_CONNECT, CUT_LOSS };

/*
 * nginx: each handler asks at once, so that the order tells, though other requests are open.
 * CUT_SLICE: what a question follows was received before the recording. CUT_CONNECT: it goes on
 * with a connection that was begun before it. CUT_LOSS: the receive is lost.
 */
static void direct_made(enum cut cut)
{
    struct made m;
    loop_init(&m, 3000);
    accepted(&m, 5, SOCKET(3));
    socket_is(&m, SOCKET(18), ROLE_CONNECTED, 4008, 5432);
    uint64_t t = 20;
    if (cut == CUT_SLICE)
        conn_state(&m, 3, 7, SOCKET(18), ROLE_CONNECTED, SYN_SENT);
    yields(&m, cut == CUT_SLICE ? 10 : 0, t, t);
    if (cut == CUT_CONNECT)
        sends(&m, t, 7, SOCKET(18), "for an old one");
    if (cut == CUT_LOSS) {
        struct capture_loss loss = {AT(t), AT(t), 3, EVENT_RECV, 0};
        conn_state(&m, t, 7, SOCKET(18), ROLE_CONNECTED, SYN_SENT);
        assert_int_equal(analysis_loss(m.a, &loss), 0);
    }
    receives(&m, t, 7, SOCKET(3), t, GET("/sleeps")); /* waits for a timer all the while */
    for (int i = 0; i < 20; i++, t += 100) {
        receives(&m, t + 1, 7, A, t, i ? GET("/n") : GET("/a"));
        sends(&m, t + 2, 7, DB, "for A");
        receives(&m, t + 3, 7, B, t, i ? GET("/n") : GET("/b"));
        sends(&m, t + 4, 7, DB2, "for B");
        yields(&m, t + 15, t + 50, t + 50);
        receives(&m, t + 52, 7, DB, t + 50, "A's");
        sends(&m, t + 54, 7, A, OK);
        receives(&m, t + 56, 7, DB2, t + 55, "B's");
        sends(&m, t + 58, 7, B, OK);
        yields(&m, t + 60, t + 100, t + 100);
    }
    sends(&m, t + 2, 7, SOCKET(3), OK);
    loop_finish(&m, 3000, t + 5);
    const struct request *a = request_named(&m, "GET /a"), *b = request_named(&m, "GET /b");
    /* A is done at 2 µs or later and its reply ready at 50 */
    assert_true(request_ns(&m.tl, a, LEDGER_AWAITING) >= US(35));
    assert_true(request_ns(&m.tl, a, LEDGER_AWAITING) <= US(48));
    assert_true(request_ns(&m.tl, b, LEDGER_AWAITING) >= US(40));
    assert_int_equal(request_grade_ns(&m.tl, a, GRADE_EXACT) +
                         request_grade_ns(&m.tl, a, GRADE_INFERRED),
                     a->end_ns - a->start_ns);
    made_release(&m);
}

static void test_direct_handlers_tell_by_order(void **state)
{
    (void)state;
    direct_made(CUT_NOT);
}

static void test_what_was_cut_is_no_habit(void **state)
{
    (void)state;
    direct_made(CUT_SLICE);
    direct_made(CUT_CONNECT);
    direct_made(CUT_LOSS);
}

/*
 * One connection to the backend, and B stands in line for it while A has it. IN_LINE_OTHER: what is
 * answered behind B's reply is a third one, which had not been read when that was asked.
 * IN_LINE_KEEPS: the loop has read replies before that no request was answered with.
 * IN_LINE_LATE: it has done other things since the connection was free.
 *
 *     4010 recv A ─ ask ─ 4030 recv B ──┤ sleeps ├ 5000 … 6000 recv A's ─ send A ─ 6020 ask ──┤
 *     A's reply is there at 4900, the loop is busy up to 6000     ├ 7000 recv B's ─ send B
 */
enum in_line { IN_LINE, IN_LINE_OTHER, IN_LINE_KEEPS, IN_LINE_LATE };

static void line_made(struct made *m, enum in_line how)
{
    bool other = how == IN_LINE_OTHER;
    loop_init(m, 20000);
    accepted(m, 5, SOCKET(3));
    accepted(m, 5, SOCKET(4));
    uint64_t t = 20;
    yields(m, 0, t, t);
    receives(m, t, 7, SOCKET(3), t, GET("/sleeps"));
    for (int i = 0; i < 20; i++, t += 100) { /* its handlers act at once */
        receives(m, t + 1, 7, A, t, GET("/n"));
        sends(m, t + 2, 7, DB2, "for A");
        receives(m, t + 3, 7, B, t, GET("/n"));
        yields(m, t + 15, t + 50, t + 50);
        receives(m, t + 52, 7, DB2, t + 50, "A's");
        sends(m, t + 54, 7, A, OK);
        sends(m, t + 58, 7, B, OK);
        if (how == IN_LINE_KEEPS && i == 10)
            receives(m, t + 59, 7, DB2, t + 58, "news");
        yields(m, t + 60, t + 100, t + 100);
    }
    yields(m, t + 10, 4000, 4000);
    receives(m, 4010, 7, A, 4000, GET("/a"));
    sends(m, 4020, 7, DB, "for A");
    receives(m, 4030, 7, B, 4000, GET("/b"));
    yields(m, 4040, 4900, 4901);
    preempted(m, 7, 4910, 5990);
    receives(m, 6000, 7, DB, 4900, "A's");
    sends(m, 6010, 7, A, OK);
    sends(m, how == IN_LINE_LATE ? 6400 : 6020, 7, DB, "for B");
    if (other)
        receives(m, 6040, 7, SOCKET(4), 6030, GET("/c"));
    yields(m, 6500, 7000, 7000);
    receives(m, 7010, 7, DB, 7000, "B's");
    sends(m, 7020, 7, other ? SOCKET(4) : B, OK);
    yields(m, 7030, 8000, 8000);
    sends(m, 8010, 7, SOCKET(3), OK);
    if (other)
        sends(m, 8020, 7, B, OK);
    loop_finish(m, 20000, 8030);
}

static void test_in_line_for_a_connection(void **state)
{
    (void)state;
    struct made m;
    line_made(&m, IN_LINE);
    assert_in_range(spent(&m, "GET /b", LEDGER_AWAITING), 4900 - 4050 + 7000 - 6020,
                    4900 - 4030 + 7000 - 6020);
    assert_in_range(spent(&m, "GET /b", LEDGER_LOOP_BUSY), 6020 - 4900, 6020 - 4900 + 10);
    assert_in_range(spent(&m, "GET /b", LEDGER_UNATTRIBUTED), 0, 20);
    made_release(&m);
    for (int how = IN_LINE_OTHER; how <= IN_LINE_KEEPS; how++) {
        line_made(&m, (enum in_line)how);
        assert_in_range(spent(&m, "GET /b", LEDGER_LOOP_BUSY), 0, 20);
        made_release(&m);
    }
    line_made(&m, IN_LINE_LATE); /* what it waited for until it asked is not known */
    assert_in_range(spent(&m, "GET /b", LEDGER_LOOP_BUSY), 0, 20);
    assert_in_range(spent(&m, "GET /b", LEDGER_UNATTRIBUTED), 1400, 1540);
    made_release(&m);
}

/* Loop and workers: with one request in the process, the worker that the loop wakes works for it.
 */
static void test_offload_alone(void **state)
{
    (void)state;
    struct made m;
    loop_init(&m, 400);
    attach_waiting(&m, 0, 8, 7, CALL_futex, 4096);
    yields(&m, 0, 20, 20);
    receives(&m, 24, 7, A, 20, GET("/1"));
    waits(&m, 8, 0, 27, 28, CALL_futex, 4096);
    waits(&m, 8, 30, 90, 92, CALL_read, FILE_OBJ(1));
    m.waker = 8;
    yields(&m, 30, 94, 100);
    sends(&m, 110, 7, A, OK);
    end_waiting(&m, 400, 8, 7, 95, CALL_futex, 4096);
    loop_finish(&m, 400, 120);
    const struct request *r = request_named(&m, "GET /1");
    assert_int_equal(request_ns(&m.tl, r, LEDGER_BLOCKED), US(60));
    assert_int_equal(request_ns(&m.tl, r, LEDGER_UNATTRIBUTED), 0);
    assert_int_equal(request_grade_ns(&m.tl, r, GRADE_EXACT), US(0));
    assert_int_equal(m.tl.threads.data[1].role, THREAD_ROLE_HELPER);
    assert_int_equal(m.tl.processes.data[0].verdict.model, MODEL_NONBLOCKING_WORKERS);
    made_release(&m);
}

/* A worker that selects over two listeners, then stays with its client: no event loop. */
static void test_selecting_worker_is_no_loop(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 100000);
    attach_running(&m, 0, 7, 7);
    for (uint64_t i = 0, t = 1000; i < 20; i++, t += 1000) {
        wait_made(&m, 7, t, t + 100, t + 100, CALL_pselect6, 0, WHY_SLEEP, WAIT_MULTIPLEXED);
        socket_is(&m, SOCKET(20 + i), ROLE_ACCEPTED, 80, 3000);
        conn_state(&m, t + 100, 0, SOCKET(20 + i), ROLE_ACCEPTED, ESTABLISHED);
        waits(&m, 7, t + 110, t + 120, t + 120, CALL_recvfrom, SOCKET(20 + i));
        receives(&m, t + 125, 7, SOCKET(20 + i), t + 120, GET("/x"));
        sends(&m, t + 130, 7, DB, "?");
        socket_is(&m, DB, ROLE_CONNECTED, 4000, 5432);
        waits(&m, 7, t + 140, t + 300, t + 300, CALL_recvfrom, DB);
        receives(&m, t + 305, 7, DB, t + 300, "!");
        sends(&m, t + 400, 7, SOCKET(20 + i), OK);
    }
    end_running(&m, 100000, 7, 7);
    made_finish(&m);
    assert_int_equal(m.tl.threads.data[0].role, THREAD_ROLE_WORKER);
    assert_int_equal(m.tl.processes.data[0].verdict.model, MODEL_BLOCKING);
    assert_int_equal(request_ns(&m.tl, &m.tl.requests.data[0], LEDGER_BLOCKED), US(160));
    assert_int_equal(request_ns(&m.tl, &m.tl.requests.data[0], LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

/* gunicorn's: the request is there at once, and what it waits for is no socket. */
static void test_selecting_worker_that_sleeps(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 100000);
    attach_running(&m, 0, 7, 7);
    for (uint64_t i = 0, t = 1000; i < 20; i++, t += 1000) {
        wait_made(&m, 7, t, t + 100, t + 100, CALL_pselect6, 0, WHY_SLEEP, WAIT_MULTIPLEXED);
        accepted(&m, t + 90, SOCKET(20 + i));
        receives(&m, t + 125, 7, SOCKET(20 + i), t + 95, GET("/x"));
        waits(&m, 7, t + 140, t + 300, t + 300, CALL_clock_nanosleep, 0);
        sends(&m, t + 400, 7, SOCKET(20 + i), OK);
    }
    end_running(&m, 100000, 7, 7);
    made_finish(&m);
    assert_int_equal(m.tl.threads.data[0].role, THREAD_ROLE_WORKER);
    assert_int_equal(m.tl.processes.data[0].verdict.model, MODEL_BLOCKING);
    assert_int_equal(m.tl.holds.len, 0);
    made_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_downstream),
        cmocka_unit_test(test_loop_busy_and_queued),
        cmocka_unit_test(test_connect_is_awaited),
        cmocka_unit_test(test_blocking_call_in_a_handler),
        cmocka_unit_test(test_busy_is_not_held),
        cmocka_unit_test(test_preempted_is_not_held),
        cmocka_unit_test(test_timer_is_awaited),
        cmocka_unit_test(test_batches_are_ambiguous),
        cmocka_unit_test(test_shared_downstream_is_ambiguous),
        cmocka_unit_test(test_pooled_downstream_changes_hands),
        cmocka_unit_test(test_reply_in_parts),
        cmocka_unit_test(test_reply_that_is_not_whole),
        cmocka_unit_test(test_deferred_handlers_are_not_guessed),
        cmocka_unit_test(test_deferred_sleep_is_nobodys),
        cmocka_unit_test(test_nobodys_sleep_makes_a_verdict),
        cmocka_unit_test(test_sleep_for_nobody_makes_none),
        cmocka_unit_test(test_direct_handlers_tell_by_order),
        cmocka_unit_test(test_what_was_cut_is_no_habit),
        cmocka_unit_test(test_in_line_for_a_connection),
        cmocka_unit_test(test_offload_alone),
        cmocka_unit_test(test_selecting_worker_is_no_loop),
        cmocka_unit_test(test_selecting_worker_that_sleeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
