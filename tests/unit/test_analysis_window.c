/* A flight recorder's capture: it begins long after the attach, in the middle of everything. */
#include "analysis_made.h"

/* Before the capture's begin, in µs. */
#define BEFORE(t) (-(int64_t)(t))

static void window_init(struct made *m, uint64_t end_us)
{
    made_init(m, end_us);
    m->info.flight = (struct capture_flight){
        .attach_ns = AT(BEFORE(1000)), .last_ns = US(end_us), .max_bytes = 1 << 20};
}

/* How the thread was at the attach tells nothing of the window's begin. */
static void test_threads_of_the_attach(void **state)
{
    (void)state;
    struct made m;
    window_init(&m, 100);
    attach_waiting(&m, BEFORE(1000), 7, 7, CALL_epoll_wait, ANON(1));
    attach_waiting(&m, BEFORE(1000), 8, 7, CALL_epoll_wait, ANON(1));
    attach_running(&m, BEFORE(1000), 9, 7);
    attach_running(&m, BEFORE(1000), 10, 7);
    waits(&m, 7, BEFORE(20), 30, 34, CALL_read, FILE_OBJ(1)); /* begun before */
    end_running(&m, 100, 7, 7);
    end_waiting(&m, 100, 8, 7, 60, CALL_futex, 0x7f0000001000);     /* once in the window */
    end_waiting(&m, 100, 9, 7, BEFORE(50), CALL_read, FILE_OBJ(1)); /* all of it */
    end_running(&m, 100, 10, 7);                                    /* never off CPU */
    made_finish(&m);
    expect_states(&m, 0, "blocked 0-30 open, runnable 30-34, running 34-100");
    expect_states(&m, 1, "running 0-60, lock 60-100 idle open");
    expect_states(&m, 2, "blocked 0-100 open");
    expect_states(&m, 3, "running 0-100");
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(m.tl.threads.data[i].start_ns, 0);
    made_release(&m);
}

/* One that was made before the window is one that was there, not one that nobody saw begin. */
static void test_forked_before(void **state)
{
    (void)state;
    struct made m;
    window_init(&m, 100);
    attach_running(&m, BEFORE(1000), 7, 7);
    forked(&m, BEFORE(500), 8, 7, 7, 7);
    forked(&m, BEFORE(500), 9, 7, 7, 7);
    forked(&m, 20, 10, 7, 7, 7);
    waits(&m, 8, 40, 50, 51, CALL_read, FILE_OBJ(1));
    exited(&m, 70, 9, 7);
    wait_made(&m, 10, 20, 20, 25, CALL_NONE, 0, WHY_NEW, 0);
    end_running(&m, 100, 7, 7);
    end_running(&m, 100, 8, 7);
    end_running(&m, 100, 10, 7);
    made_finish(&m);
    expect_states(&m, 1, "running 0-40, blocked 40-50, runnable 50-51, running 51-100");
    expect_states(&m, 2, "running 0-70");
    expect_states(&m, 3, "runnable 20-25, running 25-100");
    /* The kernel's sums are of its whole life: those of the last one alone are the window's. */
    assert_false(m.tl.threads.data[0].audited || m.tl.threads.data[1].audited);
    assert_true(m.tl.threads.data[3].audited);
    made_release(&m);
}

/* The recording was cut: how they were before says nothing. */
static void test_no_end(void **state)
{
    (void)state;
    struct made m;
    window_init(&m, 100);
    attach_waiting(&m, BEFORE(1000), 7, 7, CALL_epoll_wait, ANON(1));
    forked(&m, BEFORE(500), 8, 7, 7, 7);
    made_finish(&m);
    expect_states(&m, 0, "unknown 0-100");
    expect_states(&m, 1, "unknown 0-100");
    made_release(&m);
}

/* Read 10 µs after it came, then worked on until its answer. */
static void expect_served(struct made *m, const char *name, uint64_t start, uint64_t end)
{
    expect_request(
        m, name,
        (struct expect){.start = start,
                        .end = end,
                        .ledger = {[LEDGER_QUEUED] = 10, [LEDGER_RUNNING] = end - start - 10}});
}

static void test_requests(void **state)
{
    (void)state;
    struct made m;
    window_init(&m, 1000);
    attach_running(&m, BEFORE(1000), 7, 7);
    for (unsigned n = 1; n <= 4; n++)
        accepted(&m, BEFORE(900), SOCKET(n));
    sends(&m, 20, 7, SOCKET(1), OK); /* of one that was read before: nobody knows what it was */
    receives(&m, 30, 7, SOCKET(2), BEFORE(40), GET("/early"));
    sends(&m, 60, 7, SOCKET(2), OK);
    io_made(&m, EVENT_RECV, 70, 7, SOCKET(3), 65, 500, 0, NULL); /* the rest of a body */
    sends(&m, 90, 7, SOCKET(3), OK);
    receives(&m, 120, 7, SOCKET(1), 110, GET("/whole"));
    sends(&m, 160, 7, SOCKET(1), OK);
    receives(&m, 220, 7, SOCKET(3), 210, GET("/after"));
    sends(&m, 260, 7, SOCKET(3), OK);
    end_running(&m, 1000, 7, 7);
    made_finish(&m);
    assert_int_equal(m.tl.requests.len, 3);
    assert_int_equal(request_named(&m, "GET /early")->flags & REQUEST_COMPLETE, 0);
    assert_int_equal(request_named(&m, "GET /early")->start_ns, 0);
    expect_served(&m, "GET /whole", 110, 160);
    expect_served(&m, "GET /after", 210, 260);
    made_release(&m);
}

/* One that was read before the window, and that hangs, or is answered within: it is there, and
 * nobody knows what was done for it. */
static void test_old_requests(void **state)
{
    (void)state;
    struct made m;
    window_init(&m, 1000);
    attach_running(&m, BEFORE(1000), 7, 7);
    for (unsigned n = 1; n <= 3; n++)
        accepted(&m, BEFORE(900), SOCKET(n));
    receives(&m, BEFORE(300), 7, SOCKET(1), BEFORE(310), GET("/hangs"));
    receives(&m, BEFORE(200), 7, SOCKET(2), BEFORE(210), GET("/late"));
    receives(&m, 50, 7, SOCKET(3), 40, GET("/new"));
    sends(&m, 80, 7, SOCKET(3), OK);
    sends(&m, 150, 7, SOCKET(2), OK);
    receives(&m, 220, 7, SOCKET(2), 210, GET("/next"));
    sends(&m, 260, 7, SOCKET(2), OK);
    end_running(&m, 1000, 7, 7);
    made_finish(&m);
    assert_int_equal(m.tl.requests.len, 4);
    for (unsigned i = 0; i < 2; i++) {
        const struct request *r = request_named(&m, i ? "GET /late" : "GET /hangs");
        assert_int_equal(r->flags, 0);
        assert_int_equal(r->start_ns, 0);
        assert_int_equal(r->end_ns, i ? US(150) : US(1000));
        assert_int_equal(request_ns(&m.tl, r, LEDGER_UNATTRIBUTED), r->end_ns);
    }
    expect_request(&m, "GET /new",
                   (struct expect){.start = 40, .end = 80, .ledger = {[LEDGER_RUNNING] = 40}});
    expect_served(&m, "GET /next", 210, 260);
    assert_int_equal(m.tl.processes.data[0].verdict.requests, 2);
    made_release(&m);
}

/*
 * Where a thread serves one request at a time it has the one that it read before the window, and
 * what it stands in for all of the window is that one's.
 */
static void test_old_requests_of_threads(void **state)
{
    (void)state;
    struct made m;
    window_init(&m, 1000);
    for (unsigned n = 1; n <= 6; n++)
        accepted(&m, BEFORE(900), SOCKET(n));
    for (unsigned n = 7; n <= 11; n++)
        attach_running(&m, BEFORE(1000), n, 7);
    receives(&m, BEFORE(300), 8, SOCKET(1), BEFORE(310), GET("/hangs"));
    receives(&m, BEFORE(250), 9, SOCKET(2), BEFORE(260), GET("/late"));
    receives(&m, BEFORE(240), 7, SOCKET(3), BEFORE(250), GET("/loop"));
    receives(&m, BEFORE(230), 10, SOCKET(4), BEFORE(240), GET("/one"));
    receives(&m, BEFORE(220), 10, SOCKET(5), BEFORE(230), GET("/other"));
    receives(&m, BEFORE(210), 11, SOCKET(6), BEFORE(220), GET("/handed"));
    waits(&m, 7, 100, 200, 205, CALL_epoll_wait, ANON(1));
    waits(&m, 9, BEFORE(100), 300, 310, CALL_pread64, FILE_OBJ(1));
    sends(&m, 350, 9, SOCKET(2), OK);
    waits(&m, 11, 400, 900, 905, CALL_accept, SOCKET(20)); /* it turns to others */
    socket_is(&m, SOCKET(20), ROLE_LISTENER, 80, 0);
    end_waiting(&m, 1000, 8, 7, BEFORE(290), CALL_futex, 0x7f0000001000);
    for (unsigned n = 7; n <= 11; n++)
        if (n != 8)
            end_running(&m, 1000, n, 7);
    made_finish(&m);

    const struct request *hangs = request_named(&m, "GET /hangs");
    assert_int_equal(hangs->flags, 0);
    assert_int_equal(request_ns(&m.tl, hangs, LEDGER_LOCK), US(1000));
    assert_int_equal(request_grade_ns(&m.tl, hangs, GRADE_INFERRED), US(1000));
    expect_states(&m, 1, "lock 0-1000 open"); /* not idle */
    assert_int_equal(m.tl.threads.data[1].role, THREAD_ROLE_WORKER);

    const struct request *late = request_named(&m, "GET /late");
    assert_int_equal(late->flags, 0);
    assert_int_equal(late->end_ns, US(350));
    assert_int_equal(request_ns(&m.tl, late, LEDGER_BLOCKED), US(300));
    assert_int_equal(request_ns(&m.tl, late, LEDGER_RUNNABLE), US(10));
    assert_int_equal(request_ns(&m.tl, late, LEDGER_RUNNING), US(40));
    assert_int_equal(request_grade_ns(&m.tl, late, GRADE_EXACT), 0);

    const char *const nobodys[] = {"GET /loop", "GET /one", "GET /other"};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(request_ns(&m.tl, request_named(&m, nobodys[i]), LEDGER_UNATTRIBUTED),
                         US(1000));
    const struct request *handed = request_named(&m, "GET /handed");
    assert_int_equal(request_ns(&m.tl, handed, LEDGER_RUNNING), US(400));
    assert_int_equal(request_ns(&m.tl, handed, LEDGER_UNATTRIBUTED), US(600));
    assert_int_equal(m.tl.processes.data[0].verdict.requests, 0);
    made_release(&m);
}

static void answered_before(struct made *m, int64_t t, uint64_t obj, const char *data)
{
    io_made(m, EVENT_RECV, t, 7, obj, t - 10, (uint32_t)strlen(data), IO_TURN | IO_ANSWERED, data);
}

/* One whose answer had begun before the window is there when the answer goes on in it, up to its
 * last part. On a connection on which nothing more is sent the answer may have been whole. */
static void test_begun_answers(void **state)
{
    (void)state;
    struct made m;
    window_init(&m, 1000);
    attach_running(&m, BEFORE(1000), 7, 7);
    for (unsigned n = 1; n <= 3; n++)
        accepted(&m, BEFORE(900), SOCKET(n));
    answered_before(&m, BEFORE(300), SOCKET(1), GET("/goes-on"));
    answered_before(&m, BEFORE(300), SOCKET(2), GET("/over"));
    answered_before(&m, BEFORE(300), SOCKET(3), GET("/silent"));
    sends(&m, 50, 7, SOCKET(1), "part");
    sends(&m, 150, 7, SOCKET(1), "end");
    receives(&m, 170, 7, SOCKET(2), 160, GET("/new"));
    sends(&m, 180, 7, SOCKET(2), OK);
    receives(&m, 220, 7, SOCKET(1), 210, GET("/next"));
    sends(&m, 260, 7, SOCKET(1), OK);
    end_running(&m, 1000, 7, 7);
    made_finish(&m);
    assert_int_equal(m.tl.requests.len, 3);
    const struct request *r = request_named(&m, "GET /goes-on");
    assert_int_equal(r->flags, 0);
    assert_int_equal(r->start_ns, 0);
    assert_int_equal(r->end_ns, US(150));
    assert_int_equal(request_ns(&m.tl, r, LEDGER_UNATTRIBUTED), r->end_ns);
    expect_served(&m, "GET /new", 160, 180);
    expect_served(&m, "GET /next", 210, 260);
    made_release(&m);
}

/*
 * What a loop computes while a request from before the window is open may be that one's: it does
 * not show that the loop works in nobody's name. `open`: there is one, up to 8 ms.
 */
static uint64_t spent_by_the_next(bool open)
{
    struct made m;
    window_init(&m, 40000);
    attach_running(&m, BEFORE(1000), 7, 7);
    accepted(&m, BEFORE(900), SOCKET(1));
    accepted(&m, BEFORE(900), SOCKET(2));
    if (open)
        receives(&m, BEFORE(300), 7, SOCKET(1), BEFORE(310), GET("/old"));
    for (int64_t t = 0; t < 8000; t += 2000)
        waits(&m, 7, t + 400, t + 2000, t + 2000, CALL_epoll_wait, ANON(1));
    if (open)
        sends(&m, 8010, 7, SOCKET(1), OK);
    waits(&m, 7, 8020, 10000, 10000, CALL_epoll_wait, ANON(1));
    receives(&m, 10010, 7, SOCKET(2), 10000, GET("/a"));
    waits(&m, 7, 11000, 20000, 20000, CALL_epoll_wait, ANON(1));
    sends(&m, 20500, 7, SOCKET(2), OK);
    waits(&m, 7, 20510, 39000, 39000, CALL_epoll_wait, ANON(1));
    end_running(&m, 40000, 7, 7);
    made_finish(&m);
    uint64_t ns = request_ns(&m.tl, request_named(&m, "GET /a"), LEDGER_RUNNING);
    made_release(&m);
    return ns;
}

static void test_not_in_the_background(void **state)
{
    (void)state;
    assert_int_equal(spent_by_the_next(true), US(10 + 990 + 500));
    assert_int_equal(spent_by_the_next(false), US(10));
}

static void test_what_it_is_part_of(void **state)
{
    (void)state;
    struct made m;
    window_init(&m, 100);
    m.info.flight.full = 1;
    m.info.flight.forgotten = 3;
    m.info.cost.recorder_ns = 5;
    m.info.cost.recorder_of_ns = 500;
    m.info.cost.sampled_ns = 50;
    m.info.cost.count = 2;
    m.info.cost.programs[0] = (struct capture_program){"cheap", 10, 100};
    m.info.cost.programs[1] = (struct capture_program){"dear", 10, 1000};
    made_finish(&m);
    assert_int_equal(m.tl.window.recorded_ns, US(1100));
    assert_int_equal(m.tl.window.asked_ns, US(100));
    assert_true(m.tl.window.full);
    assert_int_equal(m.tl.window.forgotten, 3);
    assert_int_equal(cost_of_probes(&m.tl.cost).run_ns, 1100);
    assert_string_equal(text_of(&m, m.tl.cost.programs.data[0].name), "dear");
    made_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_of_the_attach),
        cmocka_unit_test(test_forked_before),
        cmocka_unit_test(test_no_end),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_what_it_is_part_of),
        cmocka_unit_test(test_old_requests),
        cmocka_unit_test(test_old_requests_of_threads),
        cmocka_unit_test(test_begun_answers),
        cmocka_unit_test(test_not_in_the_background),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
