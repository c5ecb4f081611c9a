/* Requests on loops that do everything by io_uring. */
#include "analysis_made.h"

#define A SOCKET(1)
#define B SOCKET(2)
#define DB SOCKET(9)
#define RING ANON(1)
#define LOOP 7
#define SQP 8
#define WORKER 9

enum { OP_TIMEOUT = 11, OP_ACCEPT = 13, OP_CONNECT = 16, OP_READ = 22, OP_SEND = 26, OP_RECV = 27 };

/* A request to io_uring; `slip` tells them apart, `many` is how many one call submits. */
struct slip {
    uint64_t slip, obj, tag;
    uint8_t opcode;
    int32_t many;
    uint16_t flags;
};

static void uring_made(struct made *m, uint64_t t, uint32_t tid, uint8_t op, struct slip s,
                       int32_t result)
{
    struct event_uring e = {.request = 0xffff888000000000u + s.slip,
                            .obj = s.obj,
                            .ring = 0xffff888001000000u,
                            .tag = s.tag,
                            .op = op,
                            .opcode = s.opcode,
                            .flags = s.flags,
                            .result = result};
    made_add(m, &e, EVENT_URING, sizeof(e), tid, AT(t));
}

static void submits(struct made *m, uint64_t t, uint32_t tid, struct slip s)
{
    uring_made(m, t, tid, URING_SUBMIT, s, s.many ? s.many : 1);
}

static void completes(struct made *m, uint64_t t, uint32_t tid, struct slip s)
{
    uring_made(m, t, tid, URING_COMPLETE, s, 1);
}

static void gets(struct made *m, uint64_t t, uint32_t tid, uint64_t obj, uint64_t ready,
                 const char *data)
{
    io_made(m, EVENT_RECV, t, tid, obj, ready, (uint32_t)strlen(data),
            IO_TURN | IO_URING | IO_NONBLOCKING, data);
}

static void gives(struct made *m, uint64_t t, uint32_t tid, uint64_t obj, const char *data)
{
    io_made(m, EVENT_SEND, t, tid, obj, 0, (uint32_t)strlen(data), IO_TURN | IO_URING, data);
}

static void yields(struct made *m, uint64_t off, uint64_t wake, uint64_t on)
{
    waits(m, LOOP, off, wake, on, CALL_io_uring_enter, RING);
}

static void uring_init(struct made *m, uint64_t end)
{
    made_init(m, end);
    accepted(m, 5, A);
    accepted(m, 5, B);
    socket_is(m, DB, ROLE_CONNECTED, 4000, 5432);
    attach_waiting(m, 0, LOOP, LOOP, CALL_io_uring_enter, RING);
}

static void uring_finish(struct made *m, uint64_t end, uint64_t off)
{
    end_waiting(m, end, LOOP, LOOP, off, CALL_io_uring_enter, RING);
    made_finish(m);
}

/*
 * A is received at 22 as the loop wakes; its timer is handed over at 30 and is over at 1030, which
 * wakes the loop; the answer is sent at 1050.
 */
static void test_timer_is_awaited(void **state)
{
    (void)state;
    struct made m;
    const struct slip timer = {.slip = 1, .opcode = OP_TIMEOUT};
    uring_init(&m, 2000);
    yields(&m, 0, 20, 21);
    gets(&m, 22, LOOP, A, 20, GET("/1"));
    submits(&m, 30, LOOP, timer);
    yields(&m, 40, 1030, 1032);
    completes(&m, 1035, LOOP, timer);
    submits(&m, 1048, LOOP, (struct slip){.slip = 2, .obj = A, .opcode = OP_SEND});
    gives(&m, 1050, LOOP, A, OK);
    uring_finish(&m, 2000, 1060);
    expect_request(
        &m, "GET /1",
        (struct expect){
            .start = 20,
            .end = 1050,
            .ledger =
                {[LEDGER_RUNNABLE] = 1 + 2, [LEDGER_RUNNING] = 19 + 18, [LEDGER_AWAITING] = 990},
            /* that the timer is A's follows from its thread having nothing else */
            .grade = {[GRADE_EXACT] = 8 + 2, [GRADE_INFERRED] = 2 + 10 + 990 + 18}});
    assert_int_equal(m.tl.threads.data[0].role, THREAD_ROLE_LOOP);
    assert_int_equal(m.tl.processes.data[0].verdict.model, MODEL_NONBLOCKING);
    made_release(&m);
}

static const struct slip timer_a = {.slip = 1, .tag = 0xa, .opcode = OP_TIMEOUT, .many = 2};
static const struct slip timer_b = {.slip = 2, .tag = 0xb, .opcode = OP_TIMEOUT, .many = 2};

/* Two at once, each connection with its tag: both are received in one slice, and one call hands
 * both timers over. A's is over at 1030, B's at 2030. */
static void two_timers(struct made *m, uint64_t tag_of_b)
{
    struct slip b = timer_b;
    b.tag = tag_of_b;
    uring_init(m, 4000);
    yields(m, 0, 10, 11);
    submits(m, 12, LOOP, (struct slip){.slip = 1, .obj = A, .tag = 0xa, .opcode = OP_RECV});
    submits(m, 14, LOOP, (struct slip){.slip = 2, .obj = B, .tag = tag_of_b, .opcode = OP_RECV});
    yields(m, 16, 20, 21);
    gets(m, 22, LOOP, A, 20, GET("/a"));
    gets(m, 24, LOOP, B, 20, GET("/b"));
    completes(m, 25, LOOP, (struct slip){.slip = 1});
    completes(m, 25, LOOP, (struct slip){.slip = 2});
    submits(m, 34, LOOP, timer_a);
    submits(m, 36, LOOP, b);
    yields(m, 40, 1030, 1030);
    completes(m, 1031, LOOP, timer_a);
    submits(m, 1038, LOOP, (struct slip){.slip = 1, .obj = A, .tag = 0xa, .opcode = OP_SEND});
    gives(m, 1040, LOOP, A, OK);
    yields(m, 1050, 2030, 2030);
    completes(m, 2031, LOOP, b);
    submits(m, 2038, LOOP, (struct slip){.slip = 2, .obj = B, .tag = tag_of_b, .opcode = OP_SEND});
    gives(m, 2040, LOOP, B, OK);
    uring_finish(m, 4000, 2050);
}

static void test_tags_tell_whose(void **state)
{
    (void)state;
    struct made m;
    two_timers(&m, 0xb);
    const struct request *a = request_named(&m, "GET /a"), *b = request_named(&m, "GET /b");
    /* up to its timer's end, but for the slice in which both were received */
    assert_int_equal(request_ns(&m.tl, a, LEDGER_AWAITING), US(1030 - 36));
    assert_int_equal(request_ns(&m.tl, b, LEDGER_AWAITING), US(2030 - 40));
    /* that slice is theirs in an order that nobody knows */
    assert_int_equal(request_grade_ns(&m.tl, a, GRADE_AMBIGUOUS), US(36 - 24));
    assert_int_equal(request_ns(&m.tl, a, LEDGER_RUNNING) + request_ns(&m.tl, a, LEDGER_QUEUED) +
                         request_ns(&m.tl, a, LEDGER_RUNNABLE),
                     US(1040 - 20) - US(1030 - 36) - US(36 - 24));
    made_release(&m);
}

/* Both timers are over when the loop has a CPU, 4 ms behind its wake-up: A's has woken it, B's came
 * at any time since. */
static void test_a_loop_that_has_no_cpu(void **state)
{
    (void)state;
    struct made m;
    uring_init(&m, 9000);
    yields(&m, 0, 20, 21);
    gets(&m, 22, LOOP, A, 20, GET("/a"));
    submits(&m, 30, LOOP, (struct slip){.slip = 1, .tag = 0xa, .opcode = OP_TIMEOUT});
    yields(&m, 40, 520, 521);
    gets(&m, 522, LOOP, B, 520, GET("/b"));
    submits(&m, 530, LOOP, (struct slip){.slip = 2, .tag = 0xb, .opcode = OP_TIMEOUT});
    yields(&m, 540, 1030, 5030);
    completes(&m, 5031, LOOP, (struct slip){.slip = 1});
    completes(&m, 5031, LOOP, (struct slip){.slip = 2});
    submits(&m, 5038, LOOP, (struct slip){.slip = 1, .obj = A, .tag = 0xa, .opcode = OP_SEND});
    gives(&m, 5040, LOOP, A, OK);
    submits(&m, 5048, LOOP, (struct slip){.slip = 2, .obj = B, .tag = 0xb, .opcode = OP_SEND});
    gives(&m, 5050, LOOP, B, OK);
    uring_finish(&m, 9000, 5060);
    assert_true(spent(&m, "GET /a", LEDGER_LOOP_BUSY) + spent(&m, "GET /a", LEDGER_RUNNABLE) >=
                4000);
    assert_int_equal(spent(&m, "GET /b", LEDGER_AWAITING), 1030 - 540);
    assert_true(spent(&m, "GET /b", LEDGER_UNATTRIBUTED) >= 3900);
    made_release(&m);
}

/* The same with one tag for all: nothing is told by it, only that the loop slept. */
static void test_one_tag_for_all_tells_nothing(void **state)
{
    (void)state;
    struct made m;
    two_timers(&m, 0xa);
    assert_int_equal(request_ns(&m.tl, request_named(&m, "GET /a"), LEDGER_AWAITING),
                     US(1030 - 40));
    assert_int_equal(request_ns(&m.tl, request_named(&m, "GET /b"), LEDGER_AWAITING),
                     US(2030 - 40));
    made_release(&m);
}

/* Both timers are over when the loop wakes, and one call hands both answers over: whom the loop
 * worked for first, nobody knows. */
static void test_a_call_for_two_is_ambiguous(void **state)
{
    (void)state;
    struct made m;
    uring_init(&m, 4000);
    yields(&m, 0, 10, 11);
    submits(&m, 12, LOOP, (struct slip){.slip = 1, .obj = A, .tag = 0xa, .opcode = OP_RECV});
    submits(&m, 14, LOOP, (struct slip){.slip = 2, .obj = B, .tag = 0xb, .opcode = OP_RECV});
    yields(&m, 16, 20, 20);
    gets(&m, 20, LOOP, A, 20, GET("/a"));
    submits(&m, 24, LOOP, (struct slip){.slip = 1, .tag = 0xa, .opcode = OP_TIMEOUT});
    yields(&m, 26, 30, 30);
    gets(&m, 30, LOOP, B, 30, GET("/b"));
    submits(&m, 34, LOOP, (struct slip){.slip = 2, .tag = 0xb, .opcode = OP_TIMEOUT});
    yields(&m, 40, 1030, 1030);
    completes(&m, 1031, LOOP, (struct slip){.slip = 1});
    completes(&m, 1032, LOOP, (struct slip){.slip = 2});
    submits(&m, 1100, LOOP,
            (struct slip){.slip = 1, .obj = A, .tag = 0xa, .opcode = OP_SEND, .many = 2});
    gives(&m, 1102, LOOP, A, OK);
    submits(&m, 1104, LOOP,
            (struct slip){.slip = 2, .obj = B, .tag = 0xb, .opcode = OP_SEND, .many = 2});
    gives(&m, 1106, LOOP, B, OK);
    uring_finish(&m, 4000, 1110);
    const struct request *a = request_named(&m, "GET /a"), *b = request_named(&m, "GET /b");
    assert_int_equal(request_ns(&m.tl, a, LEDGER_AWAITING), US(1030 - 26));
    assert_int_equal(request_ns(&m.tl, b, LEDGER_AWAITING), US(1030 - 40));
    assert_int_equal(request_grade_ns(&m.tl, a, GRADE_AMBIGUOUS), US(1102 - 1030));
    assert_int_equal(request_grade_ns(&m.tl, b, GRADE_AMBIGUOUS), US(1104 - 1030));
    assert_int_equal(
        request_ns(&m.tl, a, LEDGER_LOOP_BUSY) + request_ns(&m.tl, b, LEDGER_LOOP_BUSY), 0);
    made_release(&m);
}

static void kernel_thread(struct made *m, uint32_t tid, const char *comm)
{
    struct event_thread e = {.pid = LOOP, .kernel_thread = 1, .wait = {.off_ns = AT(0), .fd = -1}};
    e.wait.why = WHY_SLEEP;
    snprintf(e.comm, sizeof(e.comm), "%s", comm);
    made_add(m, &e, EVENT_THREAD, sizeof(e), tid, AT(0));
}

/* With SQPOLL the ring's thread does it all; what the request waits for is there at `done`. */
static void sqpoll_made(struct made *m, uint64_t done)
{
    struct slip receive = {.slip = 1, .obj = A, .tag = 0xa, .opcode = OP_RECV, .flags = 1};
    struct slip timer = {.slip = 1, .tag = 0xa, .opcode = OP_TIMEOUT, .flags = 1};
    struct slip answer = {.slip = 1, .obj = A, .tag = 0xa, .opcode = OP_SEND, .flags = 1};
    uring_init(m, 3000);
    kernel_thread(m, SQP, "iou-sqp-7");
    submits(m, 10, SQP, receive);
    gets(m, 22, SQP, A, 20, GET("/1"));
    completes(m, 23, SQP, receive);
    yields(m, 0, 23, 25);
    submits(m, 30, SQP, timer);
    completes(m, done, SQP, timer);
    yields(m, 32, 1031, 1033);
    submits(m, 1040, SQP, answer);
    gives(m, 1042, SQP, A, OK);
    submits(m, 1050, SQP, receive);
    uring_finish(m, 3000, 1045);
}

/* It serves nobody, and of the loop's own time nothing is known but what it waits for. */
static void test_sqpoll_serves_nobody(void **state)
{
    (void)state;
    struct made m;
    sqpoll_made(&m, 1030);
    const struct request *r = request_named(&m, "GET /1");
    assert_int_equal(request_ns(&m.tl, r, LEDGER_QUEUED), US(22 - 20));
    assert_int_equal(request_ns(&m.tl, r, LEDGER_AWAITING), US(1030 - 30));
    assert_int_equal(request_ns(&m.tl, r, LEDGER_LOOP_BUSY), US(1033 - 1030));
    /* what the loop did before and behind its wait, but for its way onto the CPU */
    assert_in_range(request_ns(&m.tl, r, LEDGER_UNATTRIBUTED), US(10),
                    US(1042 - 20) - US(1000) - US(2));
    const struct process *p = &m.tl.processes.data[0];
    assert_int_equal(p->verdict.serving_threads, 1);
    assert_int_equal(p->verdict.model, MODEL_NONBLOCKING);
    assert_int_equal(m.tl.threads.data[0].role, THREAD_ROLE_LOOP);
    assert_int_equal(m.tl.threads.data[1].role, THREAD_ROLE_OTHER);
    assert_true(m.tl.threads.data[1].kernel);
    made_release(&m);
}

/* A loop that sleeps on was not asked: what stands ready meanwhile may wait for anything. */
static void test_sqpoll_loop_sleeps_on(void **state)
{
    (void)state;
    struct made m;
    sqpoll_made(&m, 500);
    const struct request *r = request_named(&m, "GET /1");
    assert_int_equal(request_ns(&m.tl, r, LEDGER_AWAITING), US(500 - 30));
    assert_int_equal(request_ns(&m.tl, r, LEDGER_LOOP_BUSY), US(1033 - 1031));
    made_release(&m);
}

/*
 * libuv hands A's file to the ring, then B's, whose is there first. With `said` it tells of both,
 * and when it turns to B's; without a word the ring's thread takes them for nobody known.
 */
static void files_made(struct made *m, bool said)
{
    const struct slip a = {.slip = 1, .tag = 0x64, .opcode = OP_READ, .flags = URING_SQPOLL};
    const struct slip b = {.slip = 2, .tag = 0x65, .opcode = OP_READ, .flags = URING_SQPOLL};
    uring_init(m, 3000);
    runtime_is(m, LOOP, RUNTIME_NODE, 0, 0);
    kernel_thread(m, SQP, "iou-sqp-7");
    yields(m, 0, 20, 20);
    receives(m, 22, LOOP, A, 20, GET("/a"));
    if (said)
        says(m, 25, LOOP, 0x64, WORK_SUBMIT, WORK_URING);
    receives(m, 28, LOOP, B, 20, GET("/b"));
    if (said)
        says(m, 32, LOOP, 0x65, WORK_SUBMIT, WORK_URING);
    submits(m, 35, SQP, a);
    submits(m, 36, SQP, b);
    completes(m, 499, SQP, b);
    yields(m, 40, 500, 501);
    if (said)
        says(m, 505, LOOP, 0x65, WORK_RESUME, WORK_URING);
    sends(m, 520, LOOP, B, OK);
    completes(m, 999, SQP, a);
    yields(m, 530, 1000, 1001);
    sends(m, 1020, LOOP, A, OK); /* nobody says that it turns to it */
    uring_finish(m, 3000, 1030);
}

static void test_runtime_says_whose_a_file_is(void **state)
{
    (void)state;
    struct made m;
    files_made(&m, true);
    const struct request *a = request_named(&m, "GET /a"), *b = request_named(&m, "GET /b");
    assert_in_range(request_ns(&m.tl, a, LEDGER_AWAITING), US(999 - 28), US(999 - 25));
    assert_in_range(request_ns(&m.tl, b, LEDGER_AWAITING), US(499 - 40), US(499 - 32));
    assert_in_range(request_ns(&m.tl, a, LEDGER_UNATTRIBUTED), 0, US(3));
    assert_in_range(request_ns(&m.tl, b, LEDGER_UNATTRIBUTED), 0, US(8));
    made_release(&m);
    files_made(&m, false);
    a = request_named(&m, "GET /a");
    assert_in_range(request_ns(&m.tl, a, LEDGER_UNATTRIBUTED), US(960), US(999));
    made_release(&m);
}

/* A's timer is over, and the loop submits something for nobody known, perhaps for A: then A's loop
 * is not known to have been busy with others. */
static void test_more_is_submitted(void **state)
{
    (void)state;
    struct made m;
    struct slip receive = {.slip = 1, .obj = A, .tag = 0xa, .opcode = OP_RECV, .flags = 1};
    struct slip other = {.slip = 2, .obj = B, .tag = 0xb, .opcode = OP_RECV, .flags = 1};
    struct slip timer = {.slip = 3, .tag = 0xa, .opcode = OP_TIMEOUT, .flags = 1};
    struct slip file = {.slip = 4, .tag = 0xf, .opcode = OP_READ, .flags = 1};
    uring_init(&m, 5000);
    kernel_thread(&m, SQP, "iou-sqp-7");
    for (uint64_t t = 8; t < 12; t += 2) { /* each connection keeps its tag */
        submits(&m, t, SQP, receive);
        submits(&m, t, SQP, other);
    }
    gets(&m, 22, SQP, A, 20, GET("/a"));
    gets(&m, 22, SQP, B, 20, GET("/b"));
    completes(&m, 23, SQP, receive);
    completes(&m, 23, SQP, other);
    yields(&m, 0, 23, 25);
    submits(&m, 30, SQP, timer);
    completes(&m, 1030, SQP, timer);
    yields(&m, 32, 1031, 1033);
    submits(&m, 1040, SQP, file);
    sends(&m, 4010, LOOP, A, OK);
    uring_finish(&m, 5000, 4020);
    const struct request *r = request_named(&m, "GET /a");
    assert_int_equal(request_ns(&m.tl, r, LEDGER_LOOP_BUSY), 0);
    assert_true(request_ns(&m.tl, r, LEDGER_UNATTRIBUTED) >= US(2900));
    made_release(&m);
}

/* A worker of the ring, named after its SQPOLL thread, sends the answer: the loop's act. */
static void test_workers_are_named_after_their_maker(void **state)
{
    (void)state;
    struct made m;
    uring_init(&m, 3000);
    attach_waiting(&m, 0, 77, LOOP, CALL_epoll_wait, ANON(2));
    waits(&m, 77, 0, 5, 6, CALL_epoll_wait, ANON(2));
    waits(&m, 77, 7, 8, 9, CALL_epoll_wait, ANON(2));
    kernel_thread(&m, SQP, "iou-sqp-7");
    kernel_thread(&m, WORKER, "iou-wrk-8");
    yields(&m, 0, 20, 20);
    gets(&m, 20, LOOP, A, 20, GET("/1"));
    yields(&m, 30, 1000, 1000);
    gives(&m, 1010, WORKER, A, OK);
    uring_finish(&m, 3000, 1050);
    const struct request *r = request_named(&m, "GET /1");
    assert_int_equal(r->end_ns, US(1010));
    assert_int_equal(m.tl.threads.data[0].role, THREAD_ROLE_LOOP);
    for (size_t i = 1; i < m.tl.threads.len; i++)
        assert_int_equal(m.tl.threads.data[i].role, THREAD_ROLE_OTHER);
    made_release(&m);
}

/* What the ring keeps back until its thread enters may have been ready before: not guessed, but for
 * the time that the loop slept. */
static void test_deferred_completion_is_not_dated(void **state)
{
    (void)state;
    struct made m;
    const struct slip file = {
        .slip = 1, .obj = FILE_OBJ(1), .opcode = OP_READ, .flags = URING_DEFERRED};
    uring_init(&m, 9000);
    yields(&m, 0, 20, 20);
    gets(&m, 20, LOOP, A, 20, GET("/1"));
    submits(&m, 30, LOOP, file);
    yields(&m, 40, 60, 60); /* for something else, for long */
    completes(&m, 5000, LOOP, file);
    submits(&m, 5010, LOOP, (struct slip){.slip = 2, .obj = A, .opcode = OP_SEND});
    gives(&m, 5012, LOOP, A, OK);
    uring_finish(&m, 9000, 5020);
    const struct request *r = request_named(&m, "GET /1");
    assert_int_equal(request_ns(&m.tl, r, LEDGER_AWAITING), US(60 - 40));
    made_release(&m);
}

/* A completion is lost, and its request's address comes again: nothing is under way for ever. */
static void test_lost_completion(void **state)
{
    (void)state;
    struct made m;
    const struct slip timer = {.slip = 1, .opcode = OP_TIMEOUT};
    uring_init(&m, 3000);
    yields(&m, 0, 20, 20);
    gets(&m, 20, LOOP, A, 20, GET("/1"));
    submits(&m, 30, LOOP, timer);
    yields(&m, 40, 1030, 1030);
    submits(&m, 1050, LOOP, (struct slip){.slip = 1, .obj = A, .opcode = OP_SEND});
    gives(&m, 1052, LOOP, A, OK);
    completes(&m, 1053, LOOP, (struct slip){.slip = 1});
    completes(&m, 1054, LOOP, (struct slip){.slip = 1});
    uring_finish(&m, 3000, 1060);
    const struct request *r = request_named(&m, "GET /1");
    assert_int_equal(request_ns(&m.tl, r, LEDGER_AWAITING), US(1030 - 40));
    assert_int_equal(r->end_ns, US(1052));
    made_release(&m);
}

/* A call that says more than it submits, as some are refused, ends with its wait all the same. */
static void test_refused_submissions(void **state)
{
    (void)state;
    struct made m;
    const struct slip timer = {.slip = 1, .tag = 0xa, .opcode = OP_TIMEOUT};
    uring_init(&m, 3000);
    yields(&m, 0, 10, 10);
    submits(&m, 12, LOOP,
            (struct slip){.slip = 1, .obj = A, .tag = 0xa, .opcode = OP_RECV, .many = 5});
    yields(&m, 16, 20, 20);
    gets(&m, 20, LOOP, A, 20, GET("/1"));
    submits(&m, 30, LOOP, timer);
    yields(&m, 40, 1030, 1030);
    completes(&m, 1031, LOOP, timer);
    submits(&m, 1048, LOOP, (struct slip){.slip = 2, .obj = A, .tag = 0xa, .opcode = OP_SEND});
    gives(&m, 1050, LOOP, A, OK);
    uring_finish(&m, 3000, 1060);
    const struct request *r = request_named(&m, "GET /1");
    assert_int_equal(request_ns(&m.tl, r, LEDGER_AWAITING), US(1030 - 40));
    assert_int_equal(request_grade_ns(&m.tl, r, GRADE_AMBIGUOUS), 0);
    assert_int_equal(request_ns(&m.tl, r, LEDGER_RUNNING), US(20 + 20));
    made_release(&m);
}

/* The connection to the backend belongs to the request whose tag its connect has. */
static void test_tagged_connect(void **state)
{
    (void)state;
    struct made m;
    uring_init(&m, 4000);
    yields(&m, 0, 10, 11);
    submits(&m, 12, LOOP, (struct slip){.slip = 1, .obj = A, .tag = 0xa, .opcode = OP_RECV});
    submits(&m, 14, LOOP, (struct slip){.slip = 2, .obj = B, .tag = 0xb, .opcode = OP_RECV});
    yields(&m, 16, 20, 20);
    gets(&m, 20, LOOP, A, 20, GET("/a"));
    gets(&m, 22, LOOP, B, 20, GET("/b"));
    submits(&m, 30, LOOP, (struct slip){.slip = 1, .tag = 0xa, .opcode = OP_CONNECT, .many = 2});
    conn_state(&m, 31, LOOP, DB, ROLE_CONNECTED, SYN_SENT);
    conn_state(&m, 32, LOOP, DB, ROLE_CONNECTED, ESTABLISHED);
    completes(&m, 33, LOOP, (struct slip){.slip = 1});
    submits(&m, 34, LOOP, (struct slip){.slip = 2, .tag = 0xb, .opcode = OP_TIMEOUT, .many = 2});
    submits(&m, 38, LOOP, (struct slip){.slip = 3, .obj = DB, .tag = 0xa, .opcode = OP_SEND});
    gives(&m, 39, LOOP, DB, "?");
    completes(&m, 39, LOOP, (struct slip){.slip = 3});
    submits(&m, 40, LOOP, (struct slip){.slip = 3, .obj = DB, .tag = 0xa, .opcode = OP_RECV});
    yields(&m, 44, 1044, 1044);
    gets(&m, 1045, LOOP, DB, 1044, "!");
    submits(&m, 1050, LOOP, (struct slip){.slip = 1, .obj = A, .tag = 0xa, .opcode = OP_SEND});
    gives(&m, 1051, LOOP, A, OK);
    uring_finish(&m, 4000, 1060);
    const struct request *a = request_named(&m, "GET /a"), *b = request_named(&m, "GET /b");
    assert_in_range(request_ns(&m.tl, a, LEDGER_AWAITING), US(1000), US(1005));
    /* its timer never ends, and the loop slept */
    assert_true(request_ns(&m.tl, b, LEDGER_AWAITING) > US(3900));
    made_release(&m);
}

/* To wait for completions is to yield; what cannot be interrupted is submitting. */
static void test_blocking_while_submitting(void **state)
{
    (void)state;
    struct made m;
    uring_init(&m, 1000);
    yields(&m, 0, 20, 20);
    wait_made(&m, LOOP, 30, 60, 60, CALL_io_uring_enter, RING, WHY_DISK, 0);
    uring_finish(&m, 1000, 100);
    expect_states(&m, 0,
                  "yielded 0-20 idle, running 20-30, blocked 30-60, running 60-100, "
                  "yielded 100-1000 idle open");
    made_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timer_is_awaited),
        cmocka_unit_test(test_tags_tell_whose),
        cmocka_unit_test(test_a_loop_that_has_no_cpu),
        cmocka_unit_test(test_one_tag_for_all_tells_nothing),
        cmocka_unit_test(test_a_call_for_two_is_ambiguous),
        cmocka_unit_test(test_sqpoll_serves_nobody),
        cmocka_unit_test(test_sqpoll_loop_sleeps_on),
        cmocka_unit_test(test_runtime_says_whose_a_file_is),
        cmocka_unit_test(test_more_is_submitted),
        cmocka_unit_test(test_workers_are_named_after_their_maker),
        cmocka_unit_test(test_deferred_completion_is_not_dated),
        cmocka_unit_test(test_lost_completion),
        cmocka_unit_test(test_refused_submissions),
        cmocka_unit_test(test_tagged_connect),
        cmocka_unit_test(test_blocking_while_submitting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
