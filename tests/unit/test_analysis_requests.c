/* Requests on servers whose threads serve one at a time, and what belongs to any server. */
#include "analysis_made.h"

#include <sys/stat.h>

#define CLIENT SOCKET(1)
#define CLIENT2 SOCKET(2)
#define LISTENER SOCKET(8)
#define BACKEND SOCKET(9)

/*
 * One thread for the connection. The bytes come at 20 and wake it; it reads a file from the disk
 * (30–70) and asks a backend (80–180), and answers at 200.
 */
static void test_thread_per_connection(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 300);
    accepted(&m, 5, CLIENT);
    attach_running(&m, 0, 7, 7);
    waits(&m, 7, 10, 20, 22, CALL_recvfrom, CLIENT);
    receives(&m, 24, 7, CLIENT, 20, GET("/a/17?q=1"));
    waits(&m, 7, 30, 70, 71, CALL_pread64, FILE_OBJ(1));
    sends(&m, 78, 7, BACKEND, "SELECT 1");
    socket_is(&m, BACKEND, ROLE_CONNECTED, 4000, 5432);
    waits(&m, 7, 80, 180, 183, CALL_recvfrom, BACKEND);
    receives(&m, 184, 7, BACKEND, 180, "1");
    preempted(&m, 7, 190, 195);
    sends(&m, 200, 7, CLIENT, OK);
    end_waiting(&m, 300, 7, 7, 205, CALL_recvfrom, CLIENT);
    made_finish(&m);
    expect_request(&m, "GET /a/17",
                   (struct expect){.start = 20,
                                   .end = 200,
                                   .ledger = {[LEDGER_RUNNABLE] = 2 + 1 + 3 + 5,
                                              [LEDGER_BLOCKED] = 40 + 100,
                                              [LEDGER_RUNNING] = 8 + 9 + 7 + 5}});
    const struct request *r = &m.tl.requests.data[0];
    assert_string_equal(text_of(&m, r->group), "GET /a/:n");
    assert_string_equal(text_of(&m, r->protocol), "http");
    assert_int_equal(r->status, 200);
    assert_int_equal(r->bytes_in, strlen(GET("/a/17?q=1")));
    assert_int_equal(r->bytes_out, strlen(OK));
    assert_string_equal(text_of(&m, m.tl.objects.data[r->conn].name), "client 127.0.0.1:40001");
    /* The wait for the next request is idle, and of no request. */
    expect_states(&m, 0,
                  "running 0-10, blocked 10-20 idle, runnable 20-22, running 22-30, "
                  "blocked 30-70, runnable 70-71, running 71-80, blocked 80-180, runnable 180-183, "
                  "running 183-190, runnable 190-195, running 195-205, blocked 205-300 idle open");
    const struct verdict *v = &m.tl.processes.data[0].verdict;
    assert_int_equal(v->model, MODEL_BLOCKING);
    assert_int_equal(m.tl.threads.data[0].role, THREAD_ROLE_WORKER);
    assert_int_equal(v->waits_on, OBJ_CONNECTED);
    assert_string_equal(text_of(&m, v->waits_on_name), "127.0.0.1:5432");
    assert_true(v->thread_waits);
    assert_true(v->efficiency > 0.16 && v->efficiency < 0.17); /* 29 of 180 */
    assert_true(v->held_ns > 179999 && v->held_ns < 180001);
    made_release(&m);
}

/* A pool of one: accepts, serves, accepts. The second guest waits from 20 to 120. */
static void test_pool_queues(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 400);
    socket_is(&m, LISTENER, ROLE_LISTENER, 80, 0);
    accepted(&m, 10, CLIENT);
    accepted(&m, 15, CLIENT2);
    attach_waiting(&m, 0, 7, 7, CALL_accept4, LISTENER);
    waits(&m, 7, 0, 10, 11, CALL_accept4, LISTENER);
    receives(&m, 14, 7, CLIENT, 12, GET("/1"));
    waits(&m, 7, 20, 100, 100, CALL_clock_nanosleep, 0);
    sends(&m, 110, 7, CLIENT, OK);
    /* accept comes back at once: no wait between the two */
    receives(&m, 120, 7, CLIENT2, 20, GET("/2"));
    sends(&m, 150, 7, CLIENT2, OK);
    end_waiting(&m, 400, 7, 7, 160, CALL_accept4, LISTENER);
    made_finish(&m);
    expect_request(&m, "GET /1",
                   (struct expect){.start = 12,
                                   .end = 110,
                                   .ledger = {[LEDGER_RUNNING] = 8 + 10, [LEDGER_SLEEP] = 80}});
    expect_request(&m, "GET /2",
                   (struct expect){.start = 20,
                                   .end = 150,
                                   .ledger = {[LEDGER_QUEUED] = 100, [LEDGER_RUNNING] = 30}});
    assert_int_equal(m.tl.processes.data[0].verdict.peak_in_flight, 2);
    made_release(&m);
}

/* The same in milliseconds: eight requests for one thread, each holds it for 10. */
static void test_saturation_and_capacity(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 100000);
    attach_running(&m, 0, 7, 7);
    for (uint64_t i = 0; i < 8; i++) {
        uint64_t t = 1000 + i * 10000;
        accepted(&m, 900, SOCKET(20 + i));
        receives(&m, t, 7, SOCKET(20 + i), 1000, GET("/x"));
        waits(&m, 7, t + 1000, t + 9000, t + 9000, CALL_nanosleep, 0);
        sends(&m, t + 10000, 7, SOCKET(20 + i), OK);
    }
    end_running(&m, 100000, 7, 7);
    made_finish(&m);
    const struct verdict *v = &m.tl.processes.data[0].verdict;
    assert_int_equal(v->requests, 8);
    assert_int_equal(v->serving_threads, 1);
    assert_true(v->held_ns > 9999000 && v->held_ns < 10000001);
    assert_true(v->capacity > 99.9 && v->capacity < 100.1);
    assert_true(v->offered > 79.9 && v->offered < 80.1);
    assert_int_equal(v->peak_in_flight, 8);
    assert_int_equal(v->queued_requests, 7);
    assert_int_equal(v->queued_ns, US(10000 * (1 + 2 + 3 + 4 + 5 + 6 + 7)));
    assert_true(v->saturated);
    assert_int_equal(v->saturated_ns, US(1000));
    made_release(&m);
}

/* Two processes share the listener; a socket is the same in both. */
static void test_prefork(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 300);
    socket_is(&m, LISTENER, ROLE_LISTENER, 80, 0);
    accepted(&m, 10, CLIENT);
    accepted(&m, 11, CLIENT2);
    for (uint32_t pid = 7; pid <= 8; pid++) {
        uint64_t client = pid == 7 ? CLIENT : CLIENT2;
        attach_waiting(&m, 0, pid, pid, CALL_accept, LISTENER);
        waits(&m, pid, 0, 12, 12, CALL_accept, LISTENER);
        receives(&m, 15, pid, client, 13, pid == 7 ? GET("/7") : GET("/8"));
        waits(&m, pid, 20, 60, 60, CALL_read, FILE_OBJ(1));
        sends(&m, 70, pid, client, OK);
        end_waiting(&m, 300, pid, pid, 80, CALL_accept, LISTENER);
    }
    made_finish(&m);
    struct expect x = {
        .start = 13, .end = 70, .ledger = {[LEDGER_RUNNING] = 7 + 10, [LEDGER_BLOCKED] = 40}};
    expect_request(&m, "GET /7", x);
    expect_request(&m, "GET /8", x);
    assert_int_equal(m.tl.processes.len, 2);
    assert_int_not_equal(m.tl.requests.data[0].process, m.tl.requests.data[1].process);
    made_release(&m);
}

static void test_keep_alive(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 300);
    accepted(&m, 5, CLIENT);
    attach_running(&m, 0, 7, 7);
    receives(&m, 20, 7, CLIENT, 15, GET("/1"));
    sends(&m, 30, 7, CLIENT, OK);
    waits(&m, 7, 35, 100, 102, CALL_recvfrom, CLIENT);
    receives(&m, 104, 7, CLIENT, 100, GET("/2"));
    sends(&m, 120, 7, CLIENT, OK);
    end_running(&m, 300, 7, 7);
    made_finish(&m);
    assert_int_equal(m.tl.requests.len, 2);
    expect_request(&m, "GET /2",
                   (struct expect){.start = 100,
                                   .end = 120,
                                   .ledger = {[LEDGER_RUNNABLE] = 2, [LEDGER_RUNNING] = 18}});
    assert_true(m.tl.threads.data[0].intervals.data[1].flags & INTERVAL_IDLE);
    made_release(&m);
}

/* The client reads the answer and asks again before the server's send has returned. */
static void test_answer_overtakes_the_send(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 300);
    accepted(&m, 5, CLIENT);
    attach_running(&m, 0, 7, 7);
    receives(&m, 20, 7, CLIENT, 15, GET("/1"));
    sends(&m, 40, 7, CLIENT, OK);
    receives(&m, 50, 7, CLIENT, 38, GET("/2"));
    sends(&m, 60, 7, CLIENT, OK);
    end_running(&m, 300, 7, 7);
    made_finish(&m);
    expect_request(&m, "GET /2",
                   (struct expect){.start = 40, .end = 60, .ledger = {[LEDGER_RUNNING] = 20}});
    made_release(&m);
}

static void test_partial_reads_and_writes_do_not_split(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 300);
    accepted(&m, 5, CLIENT);
    attach_running(&m, 0, 7, 7);
    receives(&m, 10, 7, CLIENT, 10, "POST /up HTTP/1.1\r\nContent-Length: 4\r\n\r\n");
    io_made(&m, EVENT_RECV, 20, 7, CLIENT, 20, 4, 0, NULL);
    sends(&m, 30, 7, CLIENT, "HTTP/1.1 100 Continue\r\n\r\n");
    io_made(&m, EVENT_RECV, 40, 7, CLIENT, 40, 1, IO_TURN, "x");
    sends(&m, 50, 7, CLIENT, "HTTP/1.1 404 Not Found\r\n");
    io_made(&m, EVENT_SEND, 60, 7, CLIENT, 0, 1000, 0, NULL);
    end_running(&m, 300, 7, 7);
    made_finish(&m);
    assert_int_equal(m.tl.requests.len, 1);
    const struct request *r = &m.tl.requests.data[0];
    assert_int_equal(r->status, 404);
    assert_int_equal(r->end_ns, US(60));
    assert_int_equal(request_ns(&m.tl, r, LEDGER_RUNNING), US(50));
    made_release(&m);
}

/* Refused before all of it was read: what is left of the body is no new request. */
static void test_body_read_behind_the_answer(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 300);
    accepted(&m, 5, CLIENT);
    attach_running(&m, 0, 7, 7);
    receives_long(&m, 10, 7, CLIENT, 43, "POST /up HTTP/1.1", 5043, 0);
    sends(&m, 30, 7, CLIENT, "HTTP/1.1 413 Too Large\r\n");
    io_made(&m, EVENT_RECV, 40, 7, CLIENT, 40, 2000, IO_TURN | IO_SEVERAL, "GET /not");
    io_made(&m, EVENT_RECV, 45, 7, CLIENT, 45, 3000, 0, NULL);
    receives(&m, 60, 7, CLIENT, 60, GET("/next"));
    sends(&m, 70, 7, CLIENT, OK);
    end_running(&m, 300, 7, 7);
    made_finish(&m);
    assert_int_equal(m.tl.requests.len, 2);
    assert_int_equal(request_named(&m, "POST /up")->end_ns, US(30));
    assert_int_equal(request_named(&m, "POST /up")->flags, REQUEST_COMPLETE);
    assert_int_equal(request_named(&m, "GET /next")->start_ns, US(60));
    made_release(&m);
}

/* In chunks, or with a length that stands too far back: then what the bytes are tells. */
static void test_body_of_unknown_length(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 300);
    accepted(&m, 5, CLIENT);
    attach_running(&m, 0, 7, 7);
    receives_long(&m, 10, 7, CLIENT, 60, "POST /up HTTP/1.1", 65, IO_AT_LEAST);
    sends(&m, 20, 7, CLIENT, OK);
    io_made(&m, EVENT_RECV, 30, 7, CLIENT, 30, 3000, IO_TURN, "b00\r\n123");
    io_made(&m, EVENT_RECV, 32, 7, CLIENT, 30, 7, 0, NULL);
    sends(&m, 35, 7, CLIENT, "more of the answer");
    io_made(&m, EVENT_RECV, 40, 7, CLIENT, 40, 5, IO_TURN, "0\r\n\r\n");
    receives(&m, 60, 7, CLIENT, 60, "PUT /far HTTP/1.1");
    sends(&m, 70, 7, CLIENT, OK);
    io_made(&m, EVENT_RECV, 80, 7, CLIENT, 80, 3000, IO_TURN, "{\"key\":");
    receives(&m, 90, 7, CLIENT, 90, "G"); /* a slow client's next one */
    sends(&m, 95, 7, CLIENT, OK);
    end_running(&m, 300, 7, 7);
    made_finish(&m);
    assert_int_equal(m.tl.requests.len, 3);
    assert_int_equal(request_named(&m, "POST /up")->end_ns, US(35));
    assert_int_equal(request_named(&m, "POST /up")->flags, REQUEST_COMPLETE | REQUEST_PIPELINED);
    assert_int_equal(request_named(&m, "PUT /far")->end_ns, US(70));
    assert_int_equal(request_named(&m, "1 bytes")->start_ns, US(90));
    made_release(&m);
}

/* Refused, so the body never comes: what follows is the next request. */
static void test_body_never_sent(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 300);
    accepted(&m, 5, CLIENT);
    attach_running(&m, 0, 7, 7);
    receives_long(&m, 10, 7, CLIENT, 170, "PUT /big HTTP/1.1", 50160, IO_AT_LEAST);
    sends(&m, 20, 7, CLIENT, "HTTP/1.1 417 No");
    receives_long(&m, 30, 7, CLIENT, 40, "GET /next HTTP/1.1", 40, 0);
    sends(&m, 40, 7, CLIENT, OK);
    end_running(&m, 300, 7, 7);
    made_finish(&m);
    assert_int_equal(m.tl.requests.len, 2);
    assert_int_equal(request_named(&m, "PUT /big")->end_ns, US(20));
    assert_int_equal(request_named(&m, "GET /next")->end_ns, US(40));
    made_release(&m);
}

/* A handshake in two flights, data, and a good-bye that nobody answers: two requests. */
static void test_tls(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 300);
    accepted(&m, 5, CLIENT);
    attach_running(&m, 0, 7, 7);
    receives_long(&m, 10, 7, CLIENT, 5, "\x16\x03\x01\x02\x01", 518, IO_AT_LEAST);
    io_made(&m, EVENT_RECV, 11, 7, CLIENT, 10, 513, 0, NULL);
    sends(&m, 20, 7, CLIENT, "\x16\x03\x03\x01\x01");
    receives(&m, 30, 7, CLIENT, 30, "\x14\x03\x03\x01\x01");
    sends(&m, 40, 7, CLIENT, "\x17\x03\x03\x01\x01");
    receives_long(&m, 50, 7, CLIENT, 5, "\x17\x03\x03\x01\x01", 262, IO_AT_LEAST);
    io_made(&m, EVENT_RECV, 51, 7, CLIENT, 50, 257, 0, NULL);
    sends(&m, 60, 7, CLIENT, "\x17\x03\x03\x01\x01");
    receives(&m, 70, 7, CLIENT, 70, "\x15\x03\x03\x01\x02");
    end_running(&m, 300, 7, 7);
    made_finish(&m);
    assert_int_equal(m.tl.requests.len, 2);
    assert_int_equal(request_named(&m, "TLS handshake")->end_ns, US(40));
    assert_int_equal(request_named(&m, "TLS data")->end_ns, US(60));
    assert_int_equal(request_named(&m, "TLS data")->flags, REQUEST_COMPLETE);
    made_release(&m);
}

static void test_pipelining_is_said(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 5000);
    accepted(&m, 5, CLIENT);
    accepted(&m, 5, CLIENT2);
    attach_running(&m, 0, 7, 7);
    receives_long(&m, 10, 7, CLIENT, 54, "GET /1 HTTP/1.1", 27, 0); /* two at once */
    sends(&m, 30, 7, CLIENT, OK);
    receives(&m, 110, 7, CLIENT2, 110, GET("/3"));
    waits(&m, 7, 120, 2000, 2000, CALL_read, FILE_OBJ(1));
    sends(&m, 2010, 7, CLIENT2, OK);
    receives(&m, 2020, 7, CLIENT2, 1500, GET("/4")); /* long before the answer to /3 */
    sends(&m, 2030, 7, CLIENT2, OK);
    end_running(&m, 5000, 7, 7);
    made_finish(&m);
    assert_int_equal(m.tl.requests.len, 3);
    assert_int_equal(request_named(&m, "GET /1")->flags, REQUEST_COMPLETE | REQUEST_PIPELINED);
    assert_int_equal(request_named(&m, "GET /3")->flags, REQUEST_COMPLETE);
    assert_int_equal(request_named(&m, "GET /4")->flags, REQUEST_COMPLETE | REQUEST_PIPELINED);
    assert_int_equal(request_named(&m, "GET /4")->start_ns, US(2010));
    made_release(&m);
}

static void test_peek_opens_nothing(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 300);
    accepted(&m, 5, CLIENT);
    attach_running(&m, 0, 7, 7);
    io_made(&m, EVENT_RECV, 10, 7, CLIENT, 10, 1, IO_PEEK | IO_TURN, "G");
    receives(&m, 40, 7, CLIENT, 10, GET("/1"));
    sends(&m, 60, 7, CLIENT, OK);
    io_made(&m, EVENT_RECV, 70, 7, CLIENT, 70, 1, IO_PEEK | IO_TURN, "G");
    end_running(&m, 300, 7, 7);
    made_finish(&m);
    assert_int_equal(m.tl.requests.len, 1);
    assert_int_equal(m.tl.requests.data[0].start_ns, US(10));
    assert_string_equal(text_of(&m, m.tl.requests.data[0].name), "GET /1");
    made_release(&m);
}

/* Begun before the attach: its answer is not the answer to anything that was seen. */
static void test_answer_to_what_came_before_the_attach(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 300);
    socket_is(&m, LISTENER, ROLE_LISTENER, 80, 0);
    socket_is(&m, CLIENT, ROLE_UNKNOWN, 80, 3000); /* the listener's port: accepted */
    attach_running(&m, 0, 7, 7);
    sends(&m, 10, 7, CLIENT, OK);
    receives(&m, 50, 7, CLIENT, 40, GET("/1"));
    sends(&m, 60, 7, CLIENT, OK);
    end_running(&m, 300, 7, 7);
    made_finish(&m);
    assert_int_equal(m.tl.requests.len, 1);
    assert_int_equal(m.tl.requests.data[0].start_ns, US(40));
    made_release(&m);
}

static void test_never_answered(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 300);
    accepted(&m, 5, CLIENT);
    accepted(&m, 5, CLIENT2);
    attach_running(&m, 0, 7, 7);
    receives(&m, 10, 7, CLIENT, 10, GET("/closed"));
    conn_state(&m, 50, 7, CLIENT, ROLE_ACCEPTED, CLOSED);
    receives(&m, 110, 7, CLIENT2, 110, GET("/open"));
    io_made(&m, EVENT_RECV, 120, 7, CLIENT2, 0, 0, 0, NULL); /* the client will send no more */
    end_running(&m, 300, 7, 7);
    made_finish(&m);
    const struct request *closed = request_named(&m, "GET /closed");
    assert_int_equal(closed->flags & REQUEST_COMPLETE, 0);
    assert_int_equal(closed->end_ns, US(50));
    const struct request *open = request_named(&m, "GET /open");
    assert_int_equal(open->flags & REQUEST_COMPLETE, 0);
    assert_int_equal(open->end_ns, US(300));
    assert_int_equal(m.tl.processes.data[0].verdict.requests, 0);
    made_release(&m);
}

static void test_roles_of_sockets_older_than_the_attach(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 300);
    socket_is(&m, CLIENT, ROLE_UNKNOWN, 9999, 3000);  /* receives first: accepted */
    socket_is(&m, BACKEND, ROLE_UNKNOWN, 4444, 5432); /* sends first: connected */
    attach_running(&m, 0, 7, 7);
    receives(&m, 10, 7, CLIENT, 8, GET("/1"));
    sends(&m, 20, 7, BACKEND, "?");
    receives(&m, 30, 7, BACKEND, 29, "!");
    sends(&m, 40, 7, CLIENT, OK);
    end_running(&m, 300, 7, 7);
    made_finish(&m);
    assert_int_equal(m.tl.requests.len, 1);
    expect_request(&m, "GET /1",
                   (struct expect){.start = 8, .end = 40, .ledger = {[LEDGER_RUNNING] = 32}});
    made_release(&m);
}

static void test_socketpairs_and_datagrams_carry_none(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 300);
    struct event_socket s = {.obj = CLIENT, .family = AF_UNIX, .type = SOCK_STREAM};
    made_add(&m, &s, EVENT_SOCKET, sizeof(s), 7, AT(1));
    s = (struct event_socket){
        .obj = CLIENT2, .family = AF_INET, .type = SOCK_DGRAM, .role = ROLE_ACCEPTED};
    made_add(&m, &s, EVENT_SOCKET, sizeof(s), 7, AT(1));
    attach_running(&m, 0, 7, 7);
    receives(&m, 10, 7, CLIENT, 8, GET("/1"));
    sends(&m, 20, 7, CLIENT, OK);
    receives(&m, 30, 7, CLIENT2, 28, GET("/2"));
    receives(&m, 40, 7, SOCKET(77), 38, GET("/3")); /* nobody says what this is */
    end_running(&m, 300, 7, 7);
    made_finish(&m);
    assert_int_equal(m.tl.requests.len, 0);
    assert_int_equal(m.tl.processes.data[0].verdict.model, MODEL_UNKNOWN);
    made_release(&m);
}

static void unix_socket(struct made *m, uint64_t obj, uint8_t role, const char *path)
{
    struct event_socket s = {.obj = obj, .family = AF_UNIX, .type = SOCK_STREAM, .role = role};
    struct {
        struct event_file f;
        char path[64];
    } r = {.f = {.obj = obj, .mode = S_IFSOCK, .flags = FILE_ARGUMENT}};
    made_add(m, &s, EVENT_SOCKET, sizeof(s), 7, AT(1));
    r.f.path_len = (uint32_t)strlen(path);
    memcpy(r.path, path, strlen(path));
    made_add(m, &r, EVENT_FILE, sizeof(r.f) + ((strlen(path) + 7) & ~(size_t)7), 7, AT(1));
}

/* The bytes lie in the socket from 10 on, a thread is woken for them at 18; it asks a database
 * behind another unix socket. A wait for another client, under a number that the socket had before
 * its first bytes, ends the request's hold on the thread. */
static void test_unix_sockets_carry_requests(void **state)
{
    (void)state;
    struct made m;
    const uint64_t early = SOCKET(1ull << 55 | 5);
    made_init(&m, 300);
    unix_socket(&m, CLIENT, ROLE_ACCEPTED, "/run/app.sock");
    unix_socket(&m, early, ROLE_ACCEPTED, "/run/app.sock");
    unix_socket(&m, BACKEND, ROLE_CONNECTED, "@db\033[2J");
    unix_socket(&m, LISTENER, ROLE_LISTENER, "/run/app.sock");
    attach_running(&m, 0, 7, 7);
    waits(&m, 7, 2, 18, 20, CALL_accept, LISTENER);
    receives(&m, 24, 7, CLIENT, 10, GET("/1"));
    sends(&m, 30, 7, BACKEND, "Q");
    waits(&m, 7, 40, 140, 142, CALL_recvfrom, BACKEND);
    receives(&m, 145, 7, BACKEND, 140, "Z");
    sends(&m, 150, 7, CLIENT, OK);
    waits(&m, 7, 160, 200, 201, CALL_recvfrom, early);
    end_running(&m, 300, 7, 7);
    made_finish(&m);
    expect_request(&m, "GET /1",
                   (struct expect){.start = 10,
                                   .end = 150,
                                   .ledger = {[LEDGER_QUEUED] = 8,
                                              [LEDGER_BLOCKED] = 100,
                                              [LEDGER_RUNNABLE] = 2 + 2,
                                              [LEDGER_RUNNING] = 20 + 8}});
    const struct object *conn = &m.tl.objects.data[m.tl.requests.data[0].conn];
    assert_string_equal(text_of(&m, conn->name), "client of /run/app.sock");
    assert_string_equal(text_of(&m, conn->local), "/run/app.sock");
    assert_string_equal(text_of(&m, conn->remote), "");
    assert_string_equal(text_of(&m, m.tl.processes.data[0].verdict.waits_on_name), "@db\\x1b[2J");
    made_release(&m);
}

/* Streams of HTTP/2 cannot be told apart here: the connection is reported, its time is not. */
static void test_http2_is_reported_not_guessed(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 300);
    accepted(&m, 5, CLIENT);
    attach_running(&m, 0, 7, 7);
    receives(&m, 10, 7, CLIENT, 10, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    sends(&m, 20, 7, CLIENT, "frame");
    receives(&m, 30, 7, CLIENT, 30, "frame");
    sends(&m, 40, 7, CLIENT, "frame");
    end_running(&m, 300, 7, 7);
    made_finish(&m);
    assert_int_equal(m.tl.requests.len, 1);
    expect_request(&m, "HTTP/2 connection",
                   (struct expect){.start = 10,
                                   .end = 300,
                                   .flags = REQUEST_PIPELINED,
                                   .ledger = {[LEDGER_UNATTRIBUTED] = 290},
                                   .grade = {[GRADE_UNATTRIBUTED] = 290}});
    made_release(&m);
}

/* ---- losses ---- */

static void test_lost_answer_is_no_merger(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 300);
    accepted(&m, 5, CLIENT);
    attach_running(&m, 0, 7, 7);
    receives(&m, 10, 7, CLIENT, 10, GET("/1"));
    io_made(&m, EVENT_RECV, 100, 7, CLIENT, 90, sizeof(GET("/2")) - 1, IO_TURN | IO_AFTER_LOSS,
            GET("/2"));
    sends(&m, 120, 7, CLIENT, OK);
    end_running(&m, 300, 7, 7);
    made_finish(&m);
    assert_int_equal(m.tl.requests.len, 2);
    assert_int_equal(request_named(&m, "GET /1")->flags, REQUEST_LOSS);
    assert_int_equal(request_named(&m, "GET /1")->end_ns, US(10));
    assert_int_equal(request_named(&m, "GET /2")->flags, REQUEST_COMPLETE | REQUEST_LOSS);
    made_release(&m);
}

static void test_loss_windows_mark_requests(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 1000);
    attach_running(&m, 0, 7, 7);
    for (uint64_t i = 0; i < 3; i++) {
        accepted(&m, 5, SOCKET(20 + i));
        receives(&m, 100 + i * 100, 7, SOCKET(20 + i), 100 + i * 100,
                 i == 0   ? GET("/a")
                 : i == 1 ? GET("/b")
                          : GET("/c"));
        sends(&m, 150 + i * 100, 7, SOCKET(20 + i), OK);
    }
    const struct capture_loss losses[] = {
        {.start_ns = AT(210), .end_ns = AT(220), .count = 3, .kind = EVENT_WAIT},
        {.start_ns = AT(10), .end_ns = AT(20), .count = 2, .kind = 99},
    };
    assert_int_equal(analysis_loss(m.a, &losses[0]), 0);
    assert_int_equal(analysis_loss(m.a, &losses[1]), 0);
    end_running(&m, 1000, 7, 7);
    made_finish(&m);
    assert_int_equal(request_named(&m, "GET /a")->flags, REQUEST_COMPLETE);
    assert_int_equal(request_named(&m, "GET /b")->flags, REQUEST_COMPLETE | REQUEST_LOSS);
    assert_int_equal(request_named(&m, "GET /c")->flags, REQUEST_COMPLETE);
    assert_int_equal(m.tl.lost, 5);
    assert_int_equal(m.tl.losses.len, 2);
    assert_string_equal(text_of(&m, m.tl.losses.data[0].kind), "any");
    assert_string_equal(text_of(&m, m.tl.losses.data[1].kind), "wait");
    made_release(&m);
}

static void test_unknown_time_of_its_thread(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 300);
    accepted(&m, 5, CLIENT);
    attach_running(&m, 0, 7, 7);
    receives(&m, 10, 7, CLIENT, 10, GET("/1"));
    waits(&m, 7, 20, 30, 30, CALL_read, FILE_OBJ(1));
    wait_made(&m, 7, 70, 90, 90, CALL_read, FILE_OBJ(1), WHY_DISK, WAIT_AFTER_LOSS);
    sends(&m, 100, 7, CLIENT, OK);
    end_running(&m, 300, 7, 7);
    made_finish(&m);
    expect_request(
        &m, "GET /1",
        (struct expect){
            .start = 10,
            .end = 100,
            .flags = REQUEST_COMPLETE | REQUEST_LOSS,
            .ledger = {[LEDGER_RUNNING] = 20, [LEDGER_BLOCKED] = 30, [LEDGER_UNATTRIBUTED] = 40},
            .grade = {[GRADE_EXACT] = 50, [GRADE_UNATTRIBUTED] = 40}});
    made_release(&m);
}

/* ---- several threads ---- */

/* An acceptor accepts and makes a thread for the connection: that one has it from its birth. */
static void test_thread_made_for_the_connection(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 300);
    socket_is(&m, LISTENER, ROLE_LISTENER, 80, 0);
    accepted(&m, 10, CLIENT);
    attach_waiting(&m, 0, 7, 7, CALL_accept, LISTENER);
    waits(&m, 7, 0, 10, 11, CALL_accept, LISTENER);
    forked(&m, 20, 8, 7, 7, 7);
    wait_made(&m, 8, 20, 20, 26, CALL_NONE, 0, WHY_NEW, 0);
    receives(&m, 30, 8, CLIENT, 12, GET("/1"));
    waits(&m, 8, 40, 90, 90, CALL_read, FILE_OBJ(1));
    sends(&m, 100, 8, CLIENT, OK);
    exited(&m, 110, 8, 7);
    end_waiting(&m, 300, 7, 7, 25, CALL_accept, LISTENER);
    made_finish(&m);
    expect_request(&m, "GET /1",
                   (struct expect){.start = 12,
                                   .end = 100,
                                   .ledger = {[LEDGER_QUEUED] = 8,
                                              [LEDGER_RUNNABLE] = 6,
                                              [LEDGER_RUNNING] = 14 + 10,
                                              [LEDGER_BLOCKED] = 50}});
    assert_int_equal(m.tl.threads.data[0].role, THREAD_ROLE_ACCEPTOR);
    assert_int_equal(m.tl.threads.data[1].role, THREAD_ROLE_WORKER);
    made_release(&m);
}

/* One thread reads and makes another, which answers: its whole life is the request's. */
static void test_thread_made_for_the_request(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 300);
    socket_is(&m, LISTENER, ROLE_LISTENER, 80, 0);
    accepted(&m, 5, CLIENT);
    attach_running(&m, 0, 7, 7);
    receives(&m, 10, 7, CLIENT, 10, GET("/1"));
    forked(&m, 20, 8, 7, 7, 7);
    wait_made(&m, 8, 20, 20, 24, CALL_NONE, 0, WHY_NEW, 0);
    waits(&m, 7, 22, 200, 200, CALL_accept, LISTENER);
    waits(&m, 8, 30, 80, 80, CALL_read, FILE_OBJ(1));
    sends(&m, 90, 8, CLIENT, OK);
    exited(&m, 95, 8, 7);
    end_running(&m, 300, 7, 7);
    made_finish(&m);
    const struct request *r = request_named(&m, "GET /1");
    assert_int_equal(request_ns(&m.tl, r, LEDGER_BLOCKED), US(50));
    assert_int_equal(request_ns(&m.tl, r, LEDGER_RUNNING), US(12 + 6 + 10));
    assert_int_equal(request_ns(&m.tl, r, LEDGER_RUNNABLE), US(2)); /* behind the maker's running */
    assert_int_equal(request_ns(&m.tl, r, LEDGER_UNATTRIBUTED), 0);
    assert_int_equal(r->parallel_ns, US(2)); /* 20–22: one runs, the other wants to */
    made_release(&m);
}

/*
 * A dispatcher reads, hands over through a queue and waits there; a worker answers. What the
 * dispatcher waits for then is not the request's, and what the worker did before its answer is
 * not known.
 */
static void test_hand_over_is_not_guessed(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 400);
    accepted(&m, 5, CLIENT);
    attach_running(&m, 0, 7, 7);
    attach_waiting(&m, 0, 8, 7, CALL_futex, 4096);
    receives(&m, 10, 7, CLIENT, 10, GET("/1"));
    waits(&m, 7, 20, 300, 300, CALL_futex, 8192);
    waits(&m, 8, 0, 18, 22, CALL_futex, 4096);
    waits(&m, 8, 30, 80, 80, CALL_read, FILE_OBJ(1));
    sends(&m, 90, 8, CLIENT, OK);
    end_running(&m, 400, 7, 7);
    end_waiting(&m, 400, 8, 7, 95, CALL_futex, 4096);
    made_finish(&m);
    expect_request(
        &m, "GET /1",
        (struct expect){.start = 10,
                        .end = 90,
                        .ledger = {[LEDGER_RUNNING] = 10 + 10, [LEDGER_UNATTRIBUTED] = 60},
                        .grade = {[GRADE_INFERRED] = 20, [GRADE_UNATTRIBUTED] = 60}});
    made_release(&m);
}

/* A reader thread owns the backend's connection; the server's thread waits for it on a lock. */
static void test_shared_downstream_reader(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 400);
    accepted(&m, 5, CLIENT);
    socket_is(&m, BACKEND, ROLE_CONNECTED, 4000, 5432);
    attach_running(&m, 0, 7, 7);
    attach_waiting(&m, 0, 8, 7, CALL_recvfrom, BACKEND);
    receives(&m, 10, 7, CLIENT, 10, GET("/1"));
    sends(&m, 20, 7, BACKEND, "?");
    waits(&m, 7, 30, 100, 101, CALL_futex, 4096);
    waits(&m, 8, 0, 90, 92, CALL_recvfrom, BACKEND);
    receives(&m, 94, 8, BACKEND, 90, "!");
    waits(&m, 8, 102, 300, 300, CALL_recvfrom, BACKEND);
    sends(&m, 120, 7, CLIENT, OK);
    end_running(&m, 400, 7, 7);
    end_running(&m, 400, 8, 7);
    made_finish(&m);
    const struct request *r = request_named(&m, "GET /1");
    /* 90–92 the reader wants the CPU, 92–102 it runs: both go before the other's lock */
    assert_int_equal(request_ns(&m.tl, r, LEDGER_LOCK), US(60));
    assert_int_equal(request_ns(&m.tl, r, LEDGER_RUNNABLE), US(2));
    assert_int_equal(request_ns(&m.tl, r, LEDGER_RUNNING), US(20 + 10 + 18));
    assert_int_equal(request_ns(&m.tl, r, LEDGER_BLOCKED),
                     0); /* its wait for others' answers is not */
    assert_int_equal(r->parallel_ns, US(12));
    made_release(&m);
}

static void spoke_last(struct made *m, uint32_t pid, uint64_t obj, uint64_t heard_ns,
                       uint32_t flags)
{
    struct event_asked e = {.obj = obj, .heard_ns = heard_ns, .flags = flags, .waiting = 4};
    made_add(m, &e, EVENT_ASKED, sizeof(e), pid, AT(0));
}

/* Clients that had asked before the attach, perhaps: not a server that the process asks itself, nor
 * one whose next word a thread waits for; and each once, whoever else has its descriptor. */
static void test_asked_before_the_attach(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 100);
    attach_running(&m, 0, 7, 7);
    attach_running(&m, 0, 8, 8);
    attach_waiting(&m, 0, 10, 7, CALL_futex, 0x7f0000001000);
    attach_waiting(&m, 0, 11, 7, CALL_recvfrom, SOCKET(9));
    attach_waiting(&m, 0, 12, 7, CALL_recvfrom, SOCKET(3));
    attach_waiting(&m, 0, 13, 8, CALL_futex, 0x7f0000001000);
    socket_is(&m, SOCKET(20), ROLE_LISTENER, 80, 0);
    for (unsigned n = 1; n <= 9; n++)
        socket_is(&m, SOCKET(n), ROLE_UNKNOWN, n == 3 ? 4000 : 80, n == 3 ? 5432 : 5000);
    spoke_last(&m, 7, SOCKET(1), AT(0) - US(700), 0);
    spoke_last(&m, 7, SOCKET(2), AT(0) - US(900), 0);
    spoke_last(&m, 8, SOCKET(2), AT(0) - US(900), 0);
    spoke_last(&m, 7, SOCKET(3), AT(0) - US(5000), 0);
    spoke_last(&m, 7, SOCKET(4), AT(0) - US(5000), 0); /* is answered in it */
    spoke_last(&m, 7, SOCKET(5), AT(0) - US(5000), 0); /* asks in it */
    spoke_last(&m, 7, SOCKET(6), AT(0) - US(5000), ASKED_GONE);
    spoke_last(&m, 7, SOCKET(7), AT(0) - US(5000), ASKED_UNSURE);
    spoke_last(&m, 7, SOCKET(8), AT(0) - US(5000), ASKED_UNSURE | ASKED_GONE);
    spoke_last(&m, 7, SOCKET(9), AT(0) - US(5000), 0);
    spoke_last(&m, 7, SOCKET(20), AT(0), 0);
    spoke_last(&m, 9, SOCKET(21), AT(0) - US(5000), 0); /* neither is known */
    sends(&m, 10, 7, SOCKET(4), OK);
    receives(&m, 10, 7, SOCKET(5), 5, GET("/a"));
    end_running(&m, 100, 7, 7);
    made_finish(&m);
    const struct owed *owed = &m.tl.processes.data[0].owed;
    assert_int_equal(owed->waiting, 2);
    assert_int_equal(owed->longest_ns, US(900));
    assert_int_equal(owed->answered, 1);
    assert_int_equal(owed->gone, 1);
    assert_int_equal(owed->unsure, 2);
    assert_int_equal(owed->unaccepted, 4);
    assert_int_equal(m.tl.processes.data[1].owed.waiting, 0);
    /* Who stands still all the while may do so for one of those; not who waits for a client. */
    expect_states(&m, 2, "lock 0-100 open");
    expect_states(&m, 3, "blocked 0-100 idle open");
    expect_states(&m, 4, "blocked 0-100 open"); /* for another server */
    expect_states(&m, 5, "lock 0-100 idle open");
    made_release(&m);
}

/* Waits of no request: a file in the background is work, a lock is idling. */
static void test_background_is_not_idle(void **state)
{
    (void)state;
    struct made m;
    made_init(&m, 300);
    socket_is(&m, BACKEND, ROLE_CONNECTED, 4000, 5432);
    attach_running(&m, 0, 7, 7);
    waits(&m, 7, 10, 20, 20, CALL_fsync, FILE_OBJ(1));
    waits(&m, 7, 30, 40, 40, CALL_futex, 4096);
    waits(&m, 7, 50, 60, 60, CALL_recvfrom, BACKEND);
    waits(&m, 7, 70, 80, 80, CALL_read, ANON(1));
    waits(&m, 7, 90, 100, 100, CALL_write, ANON(1));
    wait_made(&m, 7, 110, 120, 120, CALL_NONE, 0, WHY_DISK, WAIT_USER);
    end_running(&m, 130, 7, 7);
    made_finish(&m);
    expect_states(&m, 0,
                  "running 0-10, blocked 10-20, running 20-30, lock 30-40 idle, running 40-50, "
                  "blocked 50-60, running 60-70, blocked 70-80 idle, running 80-90, "
                  "blocked 90-100, running 100-110, fault 110-120, running 120-130");
    assert_int_equal(m.tl.threads.data[0].role, THREAD_ROLE_HELPER);
    made_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thread_per_connection),
        cmocka_unit_test(test_pool_queues),
        cmocka_unit_test(test_saturation_and_capacity),
        cmocka_unit_test(test_prefork),
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_answer_overtakes_the_send),
        cmocka_unit_test(test_partial_reads_and_writes_do_not_split),
        cmocka_unit_test(test_body_read_behind_the_answer),
        cmocka_unit_test(test_body_of_unknown_length),
        cmocka_unit_test(test_body_never_sent),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_pipelining_is_said),
        cmocka_unit_test(test_peek_opens_nothing),
        cmocka_unit_test(test_answer_to_what_came_before_the_attach),
        cmocka_unit_test(test_never_answered),
        cmocka_unit_test(test_roles_of_sockets_older_than_the_attach),
        cmocka_unit_test(test_socketpairs_and_datagrams_carry_none),
        cmocka_unit_test(test_unix_sockets_carry_requests),
        cmocka_unit_test(test_http2_is_reported_not_guessed),
        cmocka_unit_test(test_lost_answer_is_no_merger),
        cmocka_unit_test(test_loss_windows_mark_requests),
        cmocka_unit_test(test_unknown_time_of_its_thread),
        cmocka_unit_test(test_thread_made_for_the_connection),
        cmocka_unit_test(test_thread_made_for_the_request),
        cmocka_unit_test(test_hand_over_is_not_guessed),
        cmocka_unit_test(test_shared_downstream_reader),
        cmocka_unit_test(test_background_is_not_idle),
        cmocka_unit_test(test_asked_before_the_attach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
