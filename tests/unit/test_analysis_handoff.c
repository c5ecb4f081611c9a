/*
 * Whom workers work for where no runtime says so: what a loop's sleep tells, who wakes whom, what
 * the loop turns to afterwards. Thread 7 is the loop, 8 and 9 are its workers.
 */
#include "analysis_made.h"

#define A SOCKET(1)
#define B SOCKET(2)
#define C SOCKET(3)
#define EPOLL ANON(1)
#define QUEUE 4096 /* the futex that workers park at */
#define COLD FILE_OBJ(1)
#define WARM FILE_OBJ(2)

static void hand_init(struct made *m, uint64_t end)
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

static void hand_finish(struct made *m, uint64_t end, uint64_t loop, uint64_t eight, uint64_t nine)
{
    end_waiting(m, end, 7, 7, loop, CALL_epoll_wait, EPOLL);
    end_waiting(m, end, 8, 7, eight, CALL_futex, QUEUE);
    end_waiting(m, end, 9, 7, nine, CALL_futex, QUEUE);
    made_finish(m);
}

/* ---- gaps: A is read at 1010, the loop sleeps 2000–8000 and answers A at 8010; B is open too */

static void gap_head(struct made *m)
{
    hand_init(m, 20000);
    yields(m, 0, 1000, 99);
    receives(m, 1010, 7, A, 1000, GET("/a"));
    receives(m, 1020, 7, B, 1000, GET("/b"));
}

static void gap_tail(struct made *m, uint64_t eight)
{
    yields(m, 2000, 8000, 99);
    sends(m, 8010, 7, A, OK);
    sends(m, 8020, 7, B, OK);
    hand_finish(m, 20000, 8030, eight, 0);
}

static void test_a_sleep_is_awaiting(void **state)
{
    (void)state;
    struct made m;
    gap_head(&m);
    gap_tail(&m, 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 6000);
    assert_int_equal(spent(&m, "GET /b", LEDGER_AWAITING), 6000);
    assert_int_equal(
        request_grade_ns(&m.tl, request_named(&m, "GET /a"), GRADE_EXACT) / 1000 >= 6000, 0);
    made_release(&m);
}

/* A worker that the loop knows blocked from 3000 to 5000: it may have had A, or B, or neither. */
static void test_a_workers_doubt_is_not_awaiting(void **state)
{
    (void)state;
    struct made m;
    gap_head(&m);
    parks(&m, 8, 0, 2990, 7);
    waits(&m, 8, 3000, 5000, 5000, CALL_pread64, COLD);
    parks(&m, 8, 5010, 9000, 7);
    yields(&m, 2000, 6000, 8);
    yields(&m, 6010, 8000, 99);
    sends(&m, 8010, 7, A, OK);
    sends(&m, 8020, 7, B, OK);
    hand_finish(&m, 20000, 8030, 9010, 0);
    assert_true(spent(&m, "GET /a", LEDGER_AWAITING) <= 6000 - 2020);
    assert_true(spent(&m, "GET /b", LEDGER_AWAITING) <= 6000 - 2020);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 0);
    assert_int_equal(spent(&m, "GET /b", LEDGER_BLOCKED), 0);
    made_release(&m);
}

/* Where records are missing a worker's may be among them. */
static void test_a_sleep_tells_nothing_across_a_loss(void **state)
{
    (void)state;
    struct made m;
    struct capture_loss loss = {AT(4000), AT(4100), 3, EVENT_WAIT, 0};
    gap_head(&m);
    assert_int_equal(analysis_loss(m.a, &loss), 0);
    gap_tail(&m, 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 0);
    assert_int_equal(spent(&m, "GET /b", LEDGER_AWAITING), 0);
    made_release(&m);
}

/* ---- bouts and match */

/* A is read at 1010 and worker 8 blocks from 1200 on, B at 6010 and worker 9 blocks from 6200 to
 * 11000. 8 is known to tell the loop when it is done: it did so for /0. */
static void match_head(struct made *m)
{
    hand_init(m, 40000);
    yields(m, 0, 50, 99);
    receives(m, 60, 7, B, 50, GET("/0"));
    parks(m, 8, 0, 100, 7);
    waits(m, 8, 110, 300, 300, CALL_pread64, COLD);
    yields(m, 120, 310, 8);
    sends(m, 320, 7, B, OK);
    parks(m, 8, 320, 1100, 7);
    yields(m, 330, 1000, 99);
    receives(m, 1010, 7, A, 1000, GET("/a"));
    yields(m, 1300, 6000, 99);
    receives(m, 6010, 7, B, 6000, GET("/b"));
    parks(m, 9, 0, 6100, 7);
    waits(m, 9, 6200, 11000, 11000, CALL_pread64, WARM);
    waits(m, 8, 1200, 12000, 12000, CALL_pread64, COLD);
}

/* Both are done between two sleeps. Worker 8 was at its piece before B was read, so it was A's, and
 * 9's was B's. 9 wakes the loop, 8 is done while it is awake: its park is the end at the latest. */
static void test_two_matched_by_constraint(void **state)
{
    (void)state;
    struct made m;
    match_head(&m);
    yields(&m, 6300, 11010, 9);
    sends(&m, 12500, 7, B, OK);
    sends(&m, 12600, 7, A, OK);
    hand_finish(&m, 40000, 12700, 12010, 11020);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_BLOCKED), 12000 - 1300);
    assert_int_equal(given(&m, "GET /b", 9, LEDGER_BLOCKED), 11000 - 6200);
    assert_int_equal(given(&m, "GET /a", 9, LEDGER_BLOCKED), 0);
    assert_int_equal(given(&m, "GET /b", 8, LEDGER_BLOCKED), 0);
    made_release(&m);
}

/* The same, and 8 goes on to C's piece without a word: it ran while the loop was awake, once, from
 * 12000 to 12050. Up to there it was A's, from there on C's. */
static void test_an_untold_end(void **state)
{
    (void)state;
    struct made m;
    match_head(&m);
    accepted(&m, 5, C);
    receives(&m, 6020, 7, C, 6000, GET("/c"));
    yields(&m, 6300, 11010, 9);
    waits(&m, 8, 12050, 20000, 20000, CALL_pread64, WARM);
    sends(&m, 12500, 7, B, OK);
    sends(&m, 12600, 7, A, OK);
    yields(&m, 12700, 20010, 8);
    sends(&m, 20100, 7, C, OK);
    hand_finish(&m, 40000, 20200, 20020, 11020);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_BLOCKED), 12000 - 1300);
    assert_int_equal(given(&m, "GET /b", 9, LEDGER_BLOCKED), 11000 - 6200);
    assert_true(given(&m, "GET /c", 8, LEDGER_BLOCKED) <= 20000 - 12050);
    assert_true(given(&m, "GET /c", 8, LEDGER_BLOCKED) >= 20000 - 12700);
    assert_int_equal(spent(&m, "GET /b", LEDGER_BLOCKED), 11000 - 6200);
    made_release(&m);
}

/* Both were handed over at once, so either worker may have had either. */
static void test_either_could_be_either(void **state)
{
    (void)state;
    struct made m;
    hand_init(&m, 30000);
    yields(&m, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    receives(&m, 1020, 7, B, 1000, GET("/b"));
    parks(&m, 8, 0, 1100, 7);
    parks(&m, 9, 0, 1100, 7);
    waits(&m, 8, 1200, 12000, 12000, CALL_pread64, COLD);
    waits(&m, 9, 1200, 11000, 11000, CALL_pread64, WARM);
    yields(&m, 2000, 11010, 9);
    sends(&m, 12500, 7, B, OK);
    sends(&m, 12600, 7, A, OK);
    hand_finish(&m, 30000, 12700, 12010, 11020);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 0);
    assert_int_equal(spent(&m, "GET /b", LEDGER_BLOCKED), 0);
    assert_true(spent(&m, "GET /a", LEDGER_AWAITING) < 1000); /* it did not wait outside */
    made_release(&m);
}

/* One worker, which both stand in line for: A's end wakes the loop, B's is told by the park. */
static void test_one_worker_for_both_in_line(void **state)
{
    (void)state;
    struct made m;
    hand_init(&m, 30000);
    yields(&m, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    parks(&m, 8, 0, 1100, 7);
    waits(&m, 8, 1200, 8000, 8000, CALL_pread64, COLD);
    yields(&m, 2000, 3000, 99);
    receives(&m, 3010, 7, B, 3000, GET("/b"));
    yields(&m, 3100, 8010, 8); /* 8010: told of A; the worker goes on with B */
    sends(&m, 8100, 7, A, OK);
    waits(&m, 8, 8200, 14000, 14000, CALL_pread64, WARM);
    yields(&m, 8300, 14010, 8);
    sends(&m, 14100, 7, B, OK);
    hand_finish(&m, 30000, 14200, 14020, 0);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_BLOCKED),
                     8000 - 2000); /* before, the loop ran */
    assert_int_equal(given(&m, "GET /b", 8, LEDGER_BLOCKED), 14000 - 8200);
    assert_true(spent(&m, "GET /b", LEDGER_QUEUED) >= 4800); /* all workers that ever were awake */
    made_release(&m);
}

/* A is handed over at 8020 to worker 8, which gets no CPU before 14000; 9, which is done with B at
 * 11000, takes it. 10 is idle all the while: that A was not handed over before is not known. */
static void test_a_worker_that_is_called_in_vain(void **state)
{
    (void)state;
    struct made m;
    hand_init(&m, 30000);
    attach_waiting(&m, 0, 10, 7, CALL_futex, QUEUE);
    yields(&m, 0, 50, 99);
    receives(&m, 60, 7, B, 50, GET("/0"));
    parks(&m, 10, 0, 100, 7);
    waits(&m, 10, 110, 300, 300, CALL_pread64, COLD);
    yields(&m, 120, 310, 10);
    sends(&m, 320, 7, B, OK);
    yields(&m, 330, 400, 99);
    receives(&m, 410, 7, B, 400, GET("/1"));
    parks(&m, 8, 0, 450, 7);
    waits(&m, 8, 460, 600, 600, CALL_pread64, COLD);
    yields(&m, 470, 610, 8);
    sends(&m, 620, 7, B, OK);
    yields(&m, 630, 6000, 99);
    receives(&m, 6010, 7, B, 6000, GET("/b"));
    parks(&m, 9, 0, 6100, 7);
    yields(&m, 6120, 8000, 99);
    receives(&m, 8010, 7, A, 8000, GET("/a"));
    waits(&m, 9, 6200, 11000, 11000, CALL_pread64, WARM);
    yields(&m, 8030, 11010, 9);
    sends(&m, 11020, 7, B, OK);
    waits(&m, 9, 11100, 13000, 13000, CALL_pread64, COLD);
    yields(&m, 11030, 13010, 9);
    sends(&m, 13020, 7, A, OK);
    m.waker = 7;
    waits(&m, 8, 620, 8020, 14000, CALL_futex, QUEUE);
    m.waker = 0;
    end_waiting(&m, 30000, 10, 7, 320, CALL_futex, QUEUE);
    hand_finish(&m, 30000, 13030, 14010, 13020);
    assert_int_equal(given(&m, "GET /b", 9, LEDGER_BLOCKED), 11000 - 6200);
    assert_int_equal(given(&m, "GET /a", 9, LEDGER_BLOCKED), 13000 - 11100);
    assert_true(spent(&m, "GET /a", LEDGER_AWAITING) < 100);
    assert_true(spent(&m, "GET /a", LEDGER_UNATTRIBUTED) > 2900);
    made_release(&m);
}

/* The loop wakes 8 and sleeps at 1300; 8's CPU slept too, and hears of it at 1600. Meanwhile A is
 * in line, and awaits nothing. */
static void test_a_cpu_that_hears_late(void **state)
{
    (void)state;
    struct made m;
    hand_init(&m, 20000);
    yields(&m, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    parks(&m, 8, 0, 1600, 7);
    waits(&m, 8, 1700, 6000, 6000, CALL_pread64, COLD);
    yields(&m, 1300, 6010, 8);
    sends(&m, 6020, 7, A, OK);
    hand_finish(&m, 20000, 6030, 6020, 0);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_BLOCKED), 6000 - 1700);
    assert_int_equal(spent(&m, "GET /a", LEDGER_AWAITING), 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_QUEUED), 1600 - 1300);
    made_release(&m);
}

/* Work goes in hops: the loop is told of each, and hands the next one over without touching any
 * connection. Then one item says nothing, and matching them would give A but the last. */
static void test_hops_are_not_matched(void **state)
{
    (void)state;
    struct made m;
    uint64_t t = 1100, parked = 0, slept = 1200;
    hand_init(&m, 90000);
    yields(&m, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    receives(&m, 1020, 7, B, 1000, GET("/b"));
    for (int hop = 0; hop < 10; hop++, t += 4000) {
        parks(&m, 8, parked, t, 7);
        waits(&m, 8, t + 200, t + 2200, t + 2200, CALL_pread64, COLD);
        yields(&m, slept, t + 2210, 8);
        parked = t + 2220;
        slept = t + 2400;
    }
    sends(&m, t - 4000 + 2300, 7, A, OK);
    yields(&m, slept, t + 1000, 99);
    sends(&m, t + 1010, 7, B, OK);
    hand_finish(&m, 90000, t + 1020, parked, 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 0);
    assert_int_equal(spent(&m, "GET /b", LEDGER_BLOCKED), 0);
    made_release(&m);
}

/* ---- chains: the loop reads A and wakes 8, which blocks and wakes 9, which answers A */

static void chain(struct made *m, uint64_t first_waker)
{
    hand_init(m, 30000);
    yields(m, 0, 1000, 99);
    receives(m, 1010, 7, A, 1000, GET("/a"));
    parks(m, 8, 0, 2000, (uint32_t)first_waker);
    waits(m, 8, 2100, 6000, 6000, CALL_pread64, COLD);
    parks(m, 9, 0, 6100, 8);
    waits(m, 9, 6200, 9000, 9000, CALL_pread64, WARM);
    sends(m, 9100, 9, A, OK);
    yields(m, 2100, 15000, 99);
    receives(m, 15010, 7, B, 15000, GET("/b"));
    sends(m, 15020, 7, B, OK);
}

static void test_a_chain_of_workers(void **state)
{
    (void)state;
    struct made m;
    chain(&m, 7);
    hand_finish(&m, 30000, 15030, 6110, 9200);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_BLOCKED), 3900);
    assert_int_equal(given(&m, "GET /a", 9, LEDGER_BLOCKED), 2800);
    assert_int_equal(spent(&m, "GET /b", LEDGER_BLOCKED), 0);
    made_release(&m);
}

/* Both are read, then both workers woken: which has which is not told, and nothing is claimed. */
static void test_two_chains_at_once(void **state)
{
    (void)state;
    struct made m;
    hand_init(&m, 30000);
    yields(&m, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    receives(&m, 1020, 7, B, 1000, GET("/b"));
    parks(&m, 8, 0, 1100, 7);
    parks(&m, 9, 0, 1110, 7);
    waits(&m, 8, 1200, 6000, 6000, CALL_pread64, COLD);
    waits(&m, 9, 1200, 7000, 7000, CALL_pread64, WARM);
    yields(&m, 1300, 9000, 99);
    sends(&m, 9010, 7, A, OK);
    sends(&m, 9020, 7, B, OK);
    hand_finish(&m, 30000, 9030, 6010, 7010);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 0);
    assert_int_equal(spent(&m, "GET /b", LEDGER_BLOCKED), 0);
    made_release(&m);
}

/* The loop reads B, and A a millisecond later, and wakes 8: for A, unless it had no CPU meanwhile,
 * so that B was handed over just before. */
static uint64_t blocked_behind_another(bool preempts)
{
    struct made m;
    hand_init(&m, 30000);
    yields(&m, 0, 50, 99);
    receives(&m, 60, 7, B, 50, GET("/0"));
    parks(&m, 8, 0, 100, 7);
    sends(&m, 200, 8, B, OK);
    yields(&m, 110, 1000, 99);
    receives(&m, 1010, 7, B, 1000, GET("/b"));
    yields(&m, 1020, preempts ? 1100 : 1980, 99);
    if (preempts)
        preempted(&m, 7, 1110, 1980);
    receives(&m, 2000, 7, A, 1990, GET("/a"));
    parks(&m, 8, 210, 2050, 7);
    waits(&m, 8, 2100, 6000, 6000, CALL_pread64, COLD);
    parks(&m, 9, 0, 6100, 8);
    waits(&m, 9, 6200, 9000, 9000, CALL_pread64, WARM);
    sends(&m, 9100, 9, A, OK);
    yields(&m, 2100, 15000, 99);
    sends(&m, 15020, 7, B, OK);
    hand_finish(&m, 30000, 15030, 6110, 9200);
    uint64_t ns = given(&m, "GET /a", 8, LEDGER_BLOCKED);
    made_release(&m);
    return ns;
}

static void test_what_was_read_shortly_before(void **state)
{
    (void)state;
    assert_int_equal(blocked_behind_another(false), 3900);
    assert_int_equal(blocked_behind_another(true), 0);
}

/* 9 answers A, whom the loop had when it woke 8; but 8 has woken 9 behind a piece that the loop's
 * last word before was B's: two claims to 8's stretch contradict each other, and both are void. */
static void test_claims_that_contradict(void **state)
{
    (void)state;
    struct made m;
    hand_init(&m, 30000);
    yields(&m, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    receives(&m, 1900, 7, B, 1850, GET("/b"));
    parks(&m, 8, 0, 2000, 7); /* just behind B: the loop had that */
    waits(&m, 8, 2100, 6000, 6000, CALL_pread64, COLD);
    parks(&m, 9, 0, 6100, 8);
    waits(&m, 9, 6200, 9000, 9000, CALL_pread64, WARM);
    sends(&m, 9100, 9, A, OK);
    yields(&m, 2100, 15000, 99);
    sends(&m, 15020, 7, B, OK);
    hand_finish(&m, 30000, 15030, 6110, 9200);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_BLOCKED), 0);
    assert_int_equal(given(&m, "GET /b", 8, LEDGER_BLOCKED), 0);
    assert_int_equal(given(&m, "GET /b", 9, LEDGER_BLOCKED), 0);
    made_release(&m);
}

/* ---- solo: A alone is open in the process. Behind its answer the worker works for nobody. */
static void test_alone(void **state)
{
    (void)state;
    struct made m;
    hand_init(&m, 30000);
    yields(&m, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    parks(&m, 8, 0, 1100, 7);
    waits(&m, 8, 1200, 6000, 6000, CALL_pread64, COLD);
    yields(&m, 1300, 6010, 8);
    sends(&m, 6100, 7, A, OK);
    parks(&m, 8, 6020, 8000, 9);
    waits(&m, 8, 8100, 9000, 9000, CALL_pread64, WARM);
    hand_finish(&m, 30000, 6200, 9100, 0);
    assert_int_equal(given(&m, "GET /a", 8, LEDGER_BLOCKED),
                     6000 - 1300); /* before, the loop ran */
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 6000 - 1300);
    assert_int_equal(spent(&m, "GET /a", LEDGER_UNATTRIBUTED), 0);
    made_release(&m);
}

/* What the worker began before A was read may be anybody's. */
static void test_not_what_it_began_before(void **state)
{
    (void)state;
    struct made m;
    hand_init(&m, 30000);
    parks(&m, 8, 0, 500, 7);
    waits(&m, 8, 600, 6000, 6000, CALL_pread64, COLD);
    yields(&m, 0, 1000, 99);
    receives(&m, 1010, 7, A, 1000, GET("/a"));
    yields(&m, 1300, 6010, 8);
    sends(&m, 6100, 7, A, OK);
    hand_finish(&m, 30000, 6200, 6020, 0);
    assert_int_equal(spent(&m, "GET /a", LEDGER_BLOCKED), 0);
    made_release(&m);
}

#define LINE 40 /* requests that stand in line for the two workers */

/* The piece of `worker` for request `k`: it ends with a word to the loop, which answers. */
static void line_piece(struct made *m, unsigned k, uint32_t worker, uint64_t start, uint64_t sleep)
{
    waits(m, worker, start + 20, start + 980, start + 980, CALL_pread64, COLD);
    yields(m, sleep, start + 1000, worker);
    sends(m, start + 1010, 7, SOCKET(20 + k), OK);
}

static void line_read(struct made *m)
{
    made_init(m, 60000);
    for (unsigned k = 0; k < LINE; k++)
        accepted(m, 5, SOCKET(20 + k));
    attach_waiting(m, 0, 7, 7, CALL_epoll_wait, EPOLL);
    attach_waiting(m, 0, 8, 7, CALL_futex, QUEUE);
    attach_waiting(m, 0, 9, 7, CALL_futex, QUEUE);
    runtime_is(m, 7, RUNTIME_MEMCACHED, 0, 0); /* its handlers act at once */
    yields(m, 0, 1000, 99);
    for (unsigned k = 0; k < LINE; k++) {
        char text[64];
        snprintf(text, sizeof(text), "GET /%u HTTP/1.1\r\nHost: x\r\n\r\n", k);
        receives(m, 1010 + 10 * k, 7, SOCKET(20 + k), 1000, text);
    }
    parks(m, 8, 0, 2000, 7);
    parks(m, 9, 0, 2500, 7);
}

/* The last two: `worker` begins at `start`, the other 500 µs later, and both are answered at once.
 */
static void line_ends(struct made *m, uint32_t worker, uint64_t start, uint64_t sleep)
{
    uint32_t other = 17 - worker;
    waits(m, worker, start + 20, start + 980, start + 980, CALL_pread64, COLD);
    waits(m, other, start + 520, start + 990, start + 990, CALL_pread64, WARM);
    yields(m, sleep, start + 1000, worker);
    sends(m, start + 1040, 7, SOCKET(20 + LINE - 2), OK);
    sends(m, start + 1050, 7, SOCKET(20 + LINE - 1), OK);
    end_waiting(m, 60000, 7, 7, start + 1060, CALL_epoll_wait, EPOLL);
    end_waiting(m, 60000, worker, 7, start + 1005, CALL_futex, QUEUE);
    end_waiting(m, 60000, other, 7, start + 1010, CALL_futex, QUEUE);
    made_finish(m);
}

/*
 * All are read at once. The workers take turns, and what each did is told by the answer, but for
 * the last two, which are answered together. `last_first`: the pool takes the newest first.
 */
static void in_line(struct made *m, bool last_first)
{
    uint64_t start = 2000, sleep = 1900;

    line_read(m);
    for (unsigned k = 0; k + 2 < LINE; k++, start += 500) {
        line_piece(m, last_first ? LINE - 3 - k : k, 8 + k % 2, start, sleep);
        sleep = start + 1020;
    }
    line_ends(m, 8, start, sleep);
}

#define MISSED 10 /* its end is not told */

/* What stands first in line at `at`. */
static uint64_t line_next(struct made *m, unsigned k, uint32_t worker, uint64_t at)
{
    uint64_t end = at + (k == MISSED ? 8000 : 1000);
    waits(m, worker, at + 20, end - 20, end - 20, CALL_pread64, COLD);
    return end;
}

/* The same, but one of them takes 8 ms, and its worker goes on to the next without a word: so that
 * one seems to have been begun 8 ms before it was. The order is no worse for that. */
static void test_a_line_where_an_end_is_not_told(void **state)
{
    (void)state;
    struct made m;
    unsigned on[2] = {0, 1}, next = 2;
    uint64_t sleep = 1900, end[2];

    line_read(&m);
    end[0] = line_next(&m, 0, 8, 2000);
    end[1] = line_next(&m, 1, 9, 2500);
    while (next < LINE - 2) {
        unsigned w = end[0] < end[1] ? 0 : 1;
        uint64_t at = end[w] + (on[w] == MISSED ? 40 : 0);
        yields(&m, sleep, at, on[w] == MISSED ? 99 : 8 + w);
        sends(&m, at + 10, 7, SOCKET(20 + on[w]), OK);
        sleep = at + 20;
        on[w] = next++;
        end[w] = line_next(&m, on[w], 8 + w, end[w]);
    }
    unsigned w = end[0] < end[1] ? 0 : 1;
    for (unsigned k = 0; k < 2; k++, w = 1 - w) {
        yields(&m, sleep, end[w], 8 + w);
        sends(&m, end[w] + 10, 7, SOCKET(20 + on[w]), OK);
        sleep = end[w] + 20;
    }
    line_ends(&m, 8 + w, end[w], sleep);
    assert_int_equal(given(&m, "GET /38", 8 + w, LEDGER_BLOCKED), 960);
    assert_int_equal(given(&m, "GET /39", 9 - w, LEDGER_BLOCKED), 470);
    made_release(&m);
}

static void test_a_line_is_a_line(void **state)
{
    (void)state;
    struct made m;
    in_line(&m, false);
    assert_int_equal(given(&m, "GET /5", 9, LEDGER_BLOCKED), 960);
    assert_int_equal(given(&m, "GET /38", 8, LEDGER_BLOCKED), 960);
    assert_int_equal(given(&m, "GET /39", 9, LEDGER_BLOCKED), 470);
    made_release(&m);
    in_line(&m, true);
    assert_int_equal(given(&m, "GET /5", 8, LEDGER_BLOCKED), 960);
    assert_int_equal(spent(&m, "GET /38", LEDGER_BLOCKED), 0);
    assert_int_equal(spent(&m, "GET /39", LEDGER_BLOCKED), 0);
    made_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sleep_is_awaiting),
        cmocka_unit_test(test_a_workers_doubt_is_not_awaiting),
        cmocka_unit_test(test_a_sleep_tells_nothing_across_a_loss),
        cmocka_unit_test(test_two_matched_by_constraint),
        cmocka_unit_test(test_an_untold_end),
        cmocka_unit_test(test_either_could_be_either),
        cmocka_unit_test(test_one_worker_for_both_in_line),
        cmocka_unit_test(test_a_worker_that_is_called_in_vain),
        cmocka_unit_test(test_a_cpu_that_hears_late),
        cmocka_unit_test(test_hops_are_not_matched),
        cmocka_unit_test(test_a_chain_of_workers),
        cmocka_unit_test(test_two_chains_at_once),
        cmocka_unit_test(test_what_was_read_shortly_before),
        cmocka_unit_test(test_claims_that_contradict),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_not_what_it_began_before),
        cmocka_unit_test(test_a_line_is_a_line),
        cmocka_unit_test(test_a_line_where_an_end_is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
