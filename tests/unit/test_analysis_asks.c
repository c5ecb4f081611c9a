/* What requests asked of other servers: whose each question is, and when its reply was there. */
#include "analysis_made.h"

#define A SOCKET(1)
#define B SOCKET(2)
#define DB SOCKET(9)
#define CACHE SOCKET(10)
#define EPOLL ANON(1)

/* A loop, thread 7, and a worker, thread 8, that nobody has seen to wait for several. */
static void asks_init(struct made *m, uint64_t end)
{
    made_init(m, end);
    accepted(m, 5, A);
    accepted(m, 5, B);
    socket_is(m, DB, ROLE_CONNECTED, 4000, 5432);
    socket_is(m, CACHE, ROLE_CONNECTED, 4001, 6379);
    attach_waiting(m, 0, 7, 7, CALL_epoll_wait, EPOLL);
}

static void yields(struct made *m, uint64_t off, uint64_t wake, uint64_t on)
{
    waits(m, 7, off, wake, on, CALL_epoll_wait, EPOLL);
}

static void asks_finish(struct made *m, uint64_t end, uint64_t off)
{
    end_waiting(m, end, 7, 7, off, CALL_epoll_wait, EPOLL);
    made_finish(m);
}

/* "GET /1 127.0.0.1:5432 30-90-90 exact, …": request, where, µs of question, reply and end; on a
 * new connection 30(40,50)-90-90: there at 40, used at 50. */
static void expect_asks(const struct made *m, const char *want)
{
    char got[1024] = "";
    size_t n = 0;
    for (size_t i = 0; i < m->tl.asks.len; i++) {
        const struct ask *k = &m->tl.asks.data[i];
        char reply[32] = "none", made[64] = "";
        if (k->asked_ns > k->start_ns)
            snprintf(made, sizeof(made), "(%ld,%ld)", (long)(k->made_ns / 1000),
                     (long)(k->asked_ns / 1000));
        if (k->replied)
            snprintf(reply, sizeof(reply), "%ld", (long)(k->reply_ns / 1000));
        n += (size_t)snprintf(
            got + n, sizeof(got) - n, "%s%s %s %ld%s-%s-%ld %s tid %u", i ? ", " : "",
            k->request_plus1 ? text_of(m, m->tl.requests.data[k->request_plus1 - 1].name)
                             : "nobody",
            text_of(m, m->tl.objects.data[k->object].name), (long)(k->start_ns / 1000), made, reply,
            (long)(k->end_ns / 1000), grade_name(k->grade), m->tl.threads.data[k->thread].tid);
        assert_true(n < sizeof(got));
    }
    assert_string_equal(got, want);
}

static void test_sent_to_ready(void **state)
{
    (void)state;
    struct made m;
    asks_init(&m, 300);
    yields(&m, 0, 20, 22);
    receives(&m, 24, 7, A, 20, GET("/1"));
    sends(&m, 30, 7, DB, "?");
    sends(&m, 32, 7, DB, "more of it");
    yields(&m, 40, 90, 91);
    receives(&m, 95, 7, DB, 90, "!");
    sends(&m, 100, 7, A, OK);
    asks_finish(&m, 300, 110);
    expect_asks(&m, "GET /1 127.0.0.1:5432 30-90-90 inferred tid 7");
    made_release(&m);
}

/* In parts: the first bytes are the reply, the last ones its end. */
static void test_reply_in_parts(void **state)
{
    (void)state;
    struct made m;
    asks_init(&m, 400);
    yields(&m, 0, 20, 20);
    receives(&m, 24, 7, A, 20, GET("/1"));
    sends(&m, 26, 7, DB, GET("/x"));
    yields(&m, 30, 60, 60);
    receives(&m, 62, 7, DB, 60, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    yields(&m, 70, 100, 100);
    io_made(&m, EVENT_RECV, 102, 7, DB, 100, 10, 0, NULL);
    sends(&m, 104, 7, A, OK);
    asks_finish(&m, 400, 110);
    expect_asks(&m, "GET /1 127.0.0.1:5432 26-60-100 inferred tid 7");
    made_release(&m);
}

/* What comes behind a whole reply of known length is no part of it. */
static void test_reply_of_known_length(void **state)
{
    (void)state;
    struct made m;
    asks_init(&m, 400);
    yields(&m, 0, 20, 20);
    receives(&m, 24, 7, A, 20, GET("/1"));
    sends(&m, 26, 7, DB, GET("/x"));
    yields(&m, 30, 60, 60);
    receives_long(&m, 62, 7, DB, 50, "HTTP/1.1 200 OK\r\n", 50, 0);
    yields(&m, 70, 100, 100);
    io_made(&m, EVENT_RECV, 102, 7, DB, 100, 10, 0, NULL);
    sends(&m, 104, 7, A, OK);
    asks_finish(&m, 400, 110);
    expect_asks(&m, "GET /1 127.0.0.1:5432 26-62-62 inferred tid 7");
    made_release(&m);
}

/* On a new connection from its begin; one that is only made asks nothing, one that fails did. */
static void test_new_connections(void **state)
{
    (void)state;
    struct made m;
    asks_init(&m, 400);
    yields(&m, 0, 20, 20);
    receives(&m, 24, 7, A, 20, GET("/1"));
    conn_state(&m, 30, 7, DB, ROLE_CONNECTED, SYN_SENT);
    conn_state(&m, 32, 7, SOCKET(11), ROLE_CONNECTED, SYN_SENT);
    conn_state(&m, 34, 7, CACHE, ROLE_CONNECTED, SYN_SENT);
    yields(&m, 40, 60, 61);
    conn_state(&m, 50, 1234, SOCKET(11), ROLE_CONNECTED, ESTABLISHED);
    conn_state(&m, 60, 1234, DB, ROLE_CONNECTED, ESTABLISHED);
    sends(&m, 65, 7, DB, "?");
    yields(&m, 70, 200, 200);
    conn_state(&m, 190, 1234, CACHE, ROLE_CONNECTED, CLOSED);
    receives(&m, 205, 7, DB, 200, "!");
    sends(&m, 210, 7, A, OK);
    asks_finish(&m, 400, 220);
    expect_asks(&m, "GET /1 127.0.0.1:5432 30(60,65)-200-200 inferred tid 7, "
                    "GET /1 127.0.0.1:6379 34-none-190 inferred tid 7");
    made_release(&m);
}

/* DB greets before anything was sent: that is what was asked of it. What came before the loop got
 * round to send, on CACHE, is no reply to it. The third connection is used behind the answer. */
static void test_greeted(void **state)
{
    (void)state;
    struct made m;
    asks_init(&m, 3000);
    yields(&m, 0, 20, 20);
    receives(&m, 24, 7, A, 20, GET("/1"));
    conn_state(&m, 30, 7, DB, ROLE_CONNECTED, SYN_SENT);
    conn_state(&m, 32, 7, CACHE, ROLE_CONNECTED, SYN_SENT);
    conn_state(&m, 34, 7, SOCKET(11), ROLE_CONNECTED, SYN_SENT);
    yields(&m, 40, 60, 61);
    conn_state(&m, 55, 1234, CACHE, ROLE_CONNECTED, ESTABLISHED);
    conn_state(&m, 56, 1234, SOCKET(11), ROLE_CONNECTED, ESTABLISHED);
    conn_state(&m, 60, 1234, DB, ROLE_CONNECTED, ESTABLISHED);
    receives(&m, 62, 7, DB, 61, "220 hello");
    sends(&m, 64, 7, DB, "?");
    sends(&m, 1000, 7, CACHE, "?");
    receives(&m, 1005, 7, CACHE, 57, "a word unasked");
    yields(&m, 1010, 2000, 2000);
    receives(&m, 2002, 7, CACHE, 1990, "!");
    receives(&m, 2004, 7, DB, 1995, "!");
    sends(&m, 2010, 7, A, OK);
    sends(&m, 2020, 7, SOCKET(11), "late");
    asks_finish(&m, 3000, 2030);
    expect_asks(&m, "nobody socket 34(56,2020)-none-3000 unattributed tid 7, "
                    "GET /1 127.0.0.1:5432 30-61-61 inferred tid 7, "
                    "GET /1 127.0.0.1:6379 32(55,1000)-1990-1990 inferred tid 7, "
                    "GET /1 127.0.0.1:5432 64-1995-1995 inferred tid 7");
    made_release(&m);
}

static void test_two_at_once(void **state)
{
    (void)state;
    struct made m;
    asks_init(&m, 300);
    yields(&m, 0, 20, 22);
    receives(&m, 24, 7, A, 20, GET("/1"));
    sends(&m, 30, 7, DB, "?");
    sends(&m, 32, 7, CACHE, "?");
    yields(&m, 40, 50, 51);
    receives(&m, 55, 7, CACHE, 50, "!");
    yields(&m, 60, 90, 91);
    receives(&m, 95, 7, DB, 90, "!");
    sends(&m, 100, 7, A, OK);
    asks_finish(&m, 300, 110);
    expect_asks(&m, "GET /1 127.0.0.1:5432 30-90-90 inferred tid 7, "
                    "GET /1 127.0.0.1:6379 32-50-50 inferred tid 7");
    made_release(&m);
}

/* The end of the stream, and none at all: out until then, and until the answer. */
static void test_no_reply(void **state)
{
    (void)state;
    struct made m;
    asks_init(&m, 300);
    yields(&m, 0, 20, 22);
    receives(&m, 24, 7, A, 20, GET("/1"));
    sends(&m, 30, 7, DB, "?");
    sends(&m, 32, 7, CACHE, "?");
    yields(&m, 40, 90, 91);
    io_made(&m, EVENT_RECV, 95, 7, DB, 90, 0, 0, NULL);
    sends(&m, 100, 7, A, OK);
    asks_finish(&m, 300, 110);
    expect_asks(&m, "GET /1 127.0.0.1:5432 30-none-90 inferred tid 7, "
                    "GET /1 127.0.0.1:6379 32-none-100 inferred tid 7");
    made_release(&m);
}

/* Two that have asked on one connection: whose the reply is cannot be told, nor how long it took.
 * What A was told before that stands. */
static void test_shared_is_nobodys(void **state)
{
    (void)state;
    struct made m;
    asks_init(&m, 400);
    yields(&m, 0, 20, 20);
    receives(&m, 24, 7, A, 20, GET("/1"));
    sends(&m, 26, 7, CACHE, "?");
    yields(&m, 30, 40, 40);
    receives(&m, 42, 7, CACHE, 40, "!");
    sends(&m, 44, 7, DB, "?");
    yields(&m, 50, 60, 60);
    receives(&m, 62, 7, B, 60, GET("/2"));
    sends(&m, 64, 7, DB, "?");
    yields(&m, 70, 100, 100);
    receives(&m, 102, 7, DB, 100, "!");
    sends(&m, 104, 7, A, OK);
    sends(&m, 106, 7, B, OK);
    asks_finish(&m, 400, 110);
    expect_asks(&m, "GET /1 127.0.0.1:6379 26-40-40 inferred tid 7");
    made_release(&m);
}

static void test_kept_connection_changes_hands(void **state)
{
    (void)state;
    struct made m;
    asks_init(&m, 400);
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
    asks_finish(&m, 400, 210);
    expect_asks(&m, "GET /1 127.0.0.1:5432 26-60-60 inferred tid 7, "
                    "GET /2 127.0.0.1:5432 104-200-200 inferred tid 7");
    made_release(&m);
}

/* A is answered before its question is: on a loop that may have been another's, unless its handlers
 * act at once. What is asked behind the answer is no part of the request. */
static void behind_the_answer(uint32_t runtime, const char *want)
{
    struct made m;
    asks_init(&m, 300);
    runtime_is(&m, 7, runtime, 0, 0);
    yields(&m, 0, 20, 22);
    receives(&m, 24, 7, A, 20, GET("/1"));
    sends(&m, 30, 7, DB, "log");
    sends(&m, 40, 7, A, OK);
    sends(&m, 45, 7, CACHE, "late");
    yields(&m, 50, 90, 91);
    receives(&m, 95, 7, DB, 90, "!");
    asks_finish(&m, 300, 110);
    expect_asks(&m, want);
    made_release(&m);
}

static void test_behind_the_answer(void **state)
{
    (void)state;
    behind_the_answer(RUNTIME_PYTHON, "nobody 127.0.0.1:5432 30-90-90 unattributed tid 7, "
                                      "nobody 127.0.0.1:6379 45-none-300 unattributed tid 7");
    behind_the_answer(RUNTIME_NGINX, "nobody 127.0.0.1:6379 45-none-300 unattributed tid 7, "
                                     "GET /1 127.0.0.1:5432 30-90-90 exact tid 7");
}

/* Job of an answered request: the loop connects for it before it reads A, and uses the connection
 * behind that. DB is then asked for A. Who asks CACHE later, with B as the only request, cannot be
 * told: the loop may do so in the background again. */
static void test_begun_before_the_request(void **state)
{
    (void)state;
    struct made m;
    asks_init(&m, 400);
    yields(&m, 0, 20, 20);
    conn_state(&m, 22, 7, CACHE, ROLE_CONNECTED, SYN_SENT);
    conn_state(&m, 23, 1234, CACHE, ROLE_CONNECTED, ESTABLISHED);
    receives(&m, 24, 7, A, 20, GET("/1"));
    sends(&m, 30, 7, CACHE, "job");
    sends(&m, 34, 7, DB, "?");
    yields(&m, 40, 90, 90);
    receives(&m, 92, 7, CACHE, 90, "!");
    receives(&m, 95, 7, DB, 91, "!");
    sends(&m, 100, 7, A, OK);
    yields(&m, 110, 200, 200);
    receives(&m, 202, 7, B, 200, GET("/2"));
    sends(&m, 204, 7, CACHE, "?");
    sends(&m, 206, 7, DB, "?");
    yields(&m, 210, 300, 300);
    receives(&m, 302, 7, CACHE, 290, "!");
    receives(&m, 304, 7, DB, 300, "!");
    sends(&m, 306, 7, B, OK);
    asks_finish(&m, 400, 310);
    expect_asks(&m, "nobody 127.0.0.1:6379 22(23,30)-90-90 unattributed tid 7, "
                    "nobody 127.0.0.1:6379 204-290-290 unattributed tid 7, "
                    "GET /1 127.0.0.1:5432 34-91-91 inferred tid 7, "
                    "GET /2 127.0.0.1:5432 206-300-300 inferred tid 7");
    made_release(&m);
}

/* Two requests in one receive are one entry by the first one's name: the second may have asked. */
static void test_pipelined(void **state)
{
    (void)state;
    struct made m;
    asks_init(&m, 300);
    attach_waiting(&m, 0, 8, 7, CALL_recvfrom, A);
    waits(&m, 8, 0, 20, 21, CALL_recvfrom, A);
    io_made(&m, EVENT_RECV, 24, 8, A, 20, 80, IO_TURN | IO_SEVERAL, GET("/1"));
    sends(&m, 28, 8, A, OK);
    sends(&m, 30, 8, DB, "?");
    waits(&m, 8, 40, 90, 91, CALL_recvfrom, DB);
    receives(&m, 95, 8, DB, 90, "!");
    sends(&m, 100, 8, A, OK);
    waits(&m, 8, 110, 290, 291, CALL_recvfrom, A);
    end_running(&m, 300, 8, 7);
    asks_finish(&m, 300, 0);
    assert_true(m.tl.requests.data[0].flags & REQUEST_PIPELINED);
    expect_asks(&m, "nobody 127.0.0.1:5432 30-90-90 unattributed tid 8");
    made_release(&m);
}

/* Left from before, a TLS session's ticket perhaps, ready since 200: no reply to what was sent at
 * 1000. The thread was on its CPU all along. */
static void test_not_what_came_before(void **state)
{
    (void)state;
    struct made m;
    asks_init(&m, 3000);
    yields(&m, 0, 20, 22);
    receives(&m, 24, 7, A, 20, GET("/1"));
    sends(&m, 1000, 7, DB, "?");
    receives(&m, 1010, 7, DB, 200, "ticket");
    yields(&m, 1040, 2000, 2001);
    receives(&m, 2005, 7, DB, 2000, "!");
    sends(&m, 2010, 7, A, OK);
    asks_finish(&m, 3000, 2020);
    expect_asks(&m, "GET /1 127.0.0.1:5432 1000-2000-2000 inferred tid 7");
    made_release(&m);
}

/* The same, but the thread lost its CPU inside the send: the other end answered meanwhile. */
static void test_answered_while_it_sends(void **state)
{
    (void)state;
    struct made m;
    asks_init(&m, 3000);
    yields(&m, 0, 20, 22);
    receives(&m, 24, 7, A, 20, GET("/1"));
    preempted(&m, 7, 100, 990);
    sends(&m, 1000, 7, DB, "?");
    receives(&m, 1010, 7, DB, 200, "!");
    sends(&m, 1020, 7, A, OK);
    asks_finish(&m, 3000, 1030);
    expect_asks(&m, "GET /1 127.0.0.1:5432 1000-1000-1000 inferred tid 7");
    made_release(&m);
}

/* A server whose thread waits: the same table serves it. */
static void test_blocking_thread(void **state)
{
    (void)state;
    struct made m;
    asks_init(&m, 300);
    attach_waiting(&m, 0, 8, 7, CALL_recvfrom, A);
    waits(&m, 8, 0, 20, 21, CALL_recvfrom, A);
    receives(&m, 24, 8, A, 20, GET("/1"));
    sends(&m, 30, 8, DB, "?");
    waits(&m, 8, 40, 90, 91, CALL_recvfrom, DB);
    receives(&m, 95, 8, DB, 90, "!");
    sends(&m, 100, 8, A, OK);
    waits(&m, 8, 110, 290, 291, CALL_recvfrom, A);
    end_running(&m, 300, 8, 7);
    asks_finish(&m, 300, 0);
    expect_asks(&m, "GET /1 127.0.0.1:5432 30-90-90 exact tid 8");
    made_release(&m);
}

/* The JVM runs virtual threads on this one: between any two calls another may have gone on. */
static void test_carrier(void **state)
{
    (void)state;
    struct made m;
    struct event_thread e = {.pid = 7, .phase = THREAD_AT_ATTACH, .on_cpu = true};
    asks_init(&m, 300);
    runtime_is(&m, 7, RUNTIME_JVM, 0, 0);
    memcpy(e.comm, "ForkJoinPool-1", sizeof("ForkJoinPool-1"));
    made_add(&m, &e, EVENT_THREAD, sizeof(e), 8, AT(0));
    receives(&m, 24, 8, A, 20, GET("/1"));
    sends(&m, 30, 8, DB, "?");
    receives(&m, 95, 8, DB, 90, "!");
    sends(&m, 100, 8, A, OK);
    e.phase = THREAD_AT_END;
    made_add(&m, &e, EVENT_THREAD, sizeof(e), 8, AT(300));
    asks_finish(&m, 300, 0);
    expect_asks(&m, "nobody 127.0.0.1:5432 30-90-90 unattributed tid 8");
    made_release(&m);
}

/* A worker to which the loop hands A by a wake-up: for whom it asks is known in the end only. What
 * it asks when it has nobody is nobody's. */
static void test_worker_of_a_loop(void **state)
{
    (void)state;
    struct made m;
    asks_init(&m, 900);
    attach_waiting(&m, 0, 8, 7, CALL_futex, 0x1000);
    yields(&m, 0, 20, 20);
    receives(&m, 24, 7, A, 20, GET("/1"));
    yields(&m, 30, 300, 301);
    m.waker = 7;
    waits(&m, 8, 0, 26, 28, CALL_futex, 0x1000);
    m.waker = 0;
    sends(&m, 40, 8, DB, "?");
    waits(&m, 8, 45, 250, 251, CALL_recvfrom, DB);
    receives(&m, 252, 8, DB, 250, "!");
    sends(&m, 254, 8, A, OK);
    waits(&m, 8, 260, 600, 601, CALL_futex, 0x1000);
    sends(&m, 610, 8, CACHE, "?");
    receives(&m, 640, 8, CACHE, 630, "!");
    end_waiting(&m, 900, 8, 7, 650, CALL_futex, 0x1000);
    asks_finish(&m, 900, 310);
    expect_asks(&m, "nobody 127.0.0.1:6379 610-630-630 unattributed tid 8, "
                    "GET /1 127.0.0.1:5432 40-250-250 inferred tid 8");
    made_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sent_to_ready),
        cmocka_unit_test(test_reply_in_parts),
        cmocka_unit_test(test_reply_of_known_length),
        cmocka_unit_test(test_new_connections),
        cmocka_unit_test(test_greeted),
        cmocka_unit_test(test_two_at_once),
        cmocka_unit_test(test_no_reply),
        cmocka_unit_test(test_shared_is_nobodys),
        cmocka_unit_test(test_kept_connection_changes_hands),
        cmocka_unit_test(test_behind_the_answer),
        cmocka_unit_test(test_begun_before_the_request),
        cmocka_unit_test(test_pipelined),
        cmocka_unit_test(test_not_what_came_before),
        cmocka_unit_test(test_answered_while_it_sends),
        cmocka_unit_test(test_blocking_thread),
        cmocka_unit_test(test_carrier),
        cmocka_unit_test(test_worker_of_a_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
