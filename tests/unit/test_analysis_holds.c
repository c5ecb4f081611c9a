/* What holds event loops, whom that keeps waiting, and for how long. */
#include "analysis_made.h"

#define A SOCKET(1)
#define B SOCKET(2)
#define C SOCKET(3)
#define D SOCKET(4)
#define DB SOCKET(9)
#define EPOLL ANON(1)

static void loop_init(struct made *m, uint64_t hold_us)
{
    made_init_with(m, 100000, hold_us);
    accepted(m, 5, A);
    accepted(m, 5, B);
    accepted(m, 5, C);
    socket_is(m, DB, ROLE_CONNECTED, 4000, 5432);
    attach_waiting(m, 0, 7, 7, CALL_epoll_wait, EPOLL);
}

static void yields(struct made *m, uint64_t off, uint64_t wake, uint64_t on)
{
    waits(m, 7, off, wake, on, CALL_epoll_wait, EPOLL);
}

static void loop_finish(struct made *m, uint64_t off)
{
    end_waiting(m, 100000, 7, 7, off, CALL_epoll_wait, EPOLL);
    made_finish(m);
}

/*
 * B's handler holds the loop from 10100 to 30100. A's answer from the backend is there at 9000,
 * before the hold; C's bytes come at 20000; D's connection stands at 25000, its bytes come at
 * 26000; another's bytes come just behind the hold.
 */
static void test_each_victim_and_what_it_lost(void **state)
{
    (void)state;
    struct made m;
    loop_init(&m, 5000);
    accepted(&m, 25000, D);
    accepted(&m, 5, SOCKET(5));
    yields(&m, 0, 1000, 1000);
    receives(&m, 1010, 7, A, 1000, GET("/awaits"));
    sends(&m, 1020, 7, DB, "?");
    yields(&m, 1030, 8990, 8990);
    receives(&m, 9010, 7, B, 8990, GET("/holds"));
    waits(&m, 7, 10100, 30100, 30100, CALL_pread64, FILE_OBJ(1));
    sends(&m, 30150, 7, B, OK);
    receives(&m, 30200, 7, DB, 9000, "!");
    sends(&m, 30210, 7, A, OK);
    receives(&m, 30300, 7, C, 20000, GET("/ready"));
    sends(&m, 30310, 7, C, OK);
    receives(&m, 30400, 7, D, 26000, GET("/comes"));
    sends(&m, 30410, 7, D, OK);
    receives(&m, 30500, 7, SOCKET(5), 30110, GET("/late"));
    sends(&m, 30510, 7, SOCKET(5), OK);
    loop_finish(&m, 30600);
    expect_holds(&m, "blocked pread64 10100-30100 of GET /holds");
    expect_victims(&m, 0, "GET /awaits 20000, GET /ready 10100, GET /comes 4100");
    assert_int_equal(hold_lost_ns(&m.tl, &m.tl.holds.data[0]), US(34200));
    made_release(&m);
}

/* It computes, waits for a lock, sleeps, and faults: each is a hold of its own, and B loses to each
 * what it lasts, and to the last of the computing nothing but its end. */
static void test_every_kind_of_hold_once(void **state)
{
    (void)state;
    struct made m;
    loop_init(&m, 5000);
    yields(&m, 0, 1000, 1000);
    receives(&m, 1010, 7, A, 1000, GET("/1"));
    waits(&m, 7, 7010, 14010, 14010, CALL_futex, 4096);
    waits(&m, 7, 14020, 20020, 20020, CALL_clock_nanosleep, 0);
    wait_made(&m, 7, 20030, 28030, 28030, CALL_NONE, 0, WHY_DISK, WAIT_USER);
    sends(&m, 35030, 7, A, OK);
    receives(&m, 35040, 7, B, 27030, GET("/2"));
    sends(&m, 35050, 7, B, OK);
    loop_finish(&m, 35060);
    expect_holds(&m, "running 1010-7010 of GET /1, lock futex 7010-14010 of GET /1, "
                     "sleep clock_nanosleep 14020-20020 of GET /1, fault 20030-28030 of GET /1, "
                     "running 28030-35030 of GET /1");
    for (size_t i = 0; i < 3; i++)
        expect_victims(&m, i, "");
    expect_victims(&m, 3, "GET /2 1000");
    expect_victims(&m, 4, "GET /2 7000");
    made_release(&m);
}

/* An fsync that waits for one block after the other, none of them for long, is one hold; so is
 * what two long waits make. What the loop computed before is judged alone. */
static void test_one_stretch_is_one_hold(void **state)
{
    (void)state;
    struct made m;
    loop_init(&m, 5000);
    yields(&m, 0, 1000, 1000);
    receives(&m, 1010, 7, A, 1000, GET("/1"));
    for (uint64_t i = 0; i < 10; i++)
        waits(&m, 7, 7010 + i * 1000, 7950 + i * 1000, 7950 + i * 1000, CALL_fsync, FILE_OBJ(1));
    sends(&m, 17000, 7, A, OK);
    receives(&m, 17010, 7, B, 10000, GET("/2"));
    waits(&m, 7, 17100, 24000, 24000, CALL_read, FILE_OBJ(2));
    waits(&m, 7, 24100, 31000, 31000, CALL_read, FILE_OBJ(2));
    sends(&m, 31050, 7, B, OK);
    receives(&m, 31060, 7, C, 20000, GET("/3"));
    sends(&m, 31070, 7, C, OK);
    loop_finish(&m, 31080);
    expect_holds(&m, "running 1010-7010 of GET /1, blocked fsync 7010-16950 of GET /1, "
                     "blocked read 17100-31000 of GET /2");
    expect_victims(&m, 0, "");
    expect_victims(&m, 1, "GET /2 6950");
    expect_victims(&m, 2, "GET /3 11000");
    made_release(&m);
}

/* The same file for two requests, or with work in between, is not one stretch; short waits inside
 * of work are part of it. */
static void test_what_parts_a_stretch(void **state)
{
    (void)state;
    struct made m;
    loop_init(&m, 5000);
    yields(&m, 0, 1000, 1000);
    receives(&m, 1010, 7, A, 1000, GET("/1"));
    waits(&m, 7, 1100, 8100, 8100, CALL_read, FILE_OBJ(1));
    sends(&m, 8110, 7, A, OK);
    receives(&m, 8120, 7, B, 8000, GET("/2"));
    waits(&m, 7, 8200, 15200, 15200, CALL_read, FILE_OBJ(1));
    waits(&m, 7, 16200, 22200, 22200, CALL_read, FILE_OBJ(1));
    sends(&m, 22210, 7, B, OK);
    receives(&m, 22220, 7, C, 22200, GET("/3"));
    waits(&m, 7, 25000, 25100, 25100, CALL_read, FILE_OBJ(1));
    waits(&m, 7, 25120, 25200, 25200, CALL_read, FILE_OBJ(1));
    sends(&m, 28300, 7, C, OK);
    loop_finish(&m, 28400);
    expect_holds(&m, "blocked read 1100-8100 of GET /1, blocked read 8200-15200 of GET /2, "
                     "blocked read 16200-22200 of GET /2, running 22220-28300 of GET /3");
    made_release(&m);
}

/* Redis: three are received, and one fsync is for all that wrote; then all are answered. It is
 * nobody's, and each of them waits through it. */
static void test_one_wait_for_several(void **state)
{
    (void)state;
    static const char set[] = "*3\r\n$3\r\nset\r\n$1\r\na\r\n$1\r\nb\r\n";
    struct event_runtime redis = {.runtime = RUNTIME_REDIS};
    struct made m;
    loop_init(&m, 5000);
    accepted(&m, 5, D);
    made_add(&m, &redis, EVENT_RUNTIME, sizeof(redis), 7, AT(0));
    yields(&m, 0, 1000, 1000);
    receives(&m, 1010, 7, A, 1000, set);
    receives(&m, 1020, 7, B, 1000, set);
    receives(&m, 1030, 7, C, 1000, set);
    waits(&m, 7, 1100, 11100, 11100, CALL_fdatasync, FILE_OBJ(1));
    sends(&m, 11150, 7, A, "+OK\r\n");
    sends(&m, 11160, 7, B, "+OK\r\n");
    sends(&m, 11170, 7, C, "+OK\r\n");
    receives(&m, 11200, 7, D, 6100, "*2\r\n$3\r\nget\r\n$1\r\na\r\n");
    sends(&m, 11210, 7, D, "$1\r\nb\r\n");
    loop_finish(&m, 11300);
    expect_holds(&m, "blocked fdatasync 1100-11100");
    expect_victims(&m, 0, "SET 10000, SET 10000, SET 10000, GET 5000");
    made_release(&m);
}

/* Two threads of one process: who waits for the one is no victim of the other. */
static void test_only_who_waits_for_that_loop(void **state)
{
    (void)state;
    struct made m;
    loop_init(&m, 5000);
    attach_waiting(&m, 0, 8, 7, CALL_epoll_wait, ANON(2));
    for (uint32_t tid = 7; tid <= 8; tid++)
        waits(&m, tid, 0, 1000, 1000, CALL_epoll_wait, ANON(tid - 6));
    receives(&m, 1010, 7, A, 1000, GET("/holds"));
    waits(&m, 7, 1100, 11100, 11100, CALL_read, FILE_OBJ(1));
    receives(&m, 2000, 8, B, 1500, GET("/other"));
    sends(&m, 2010, 8, B, OK);
    sends(&m, 11150, 7, A, OK);
    receives(&m, 11200, 7, C, 6100, GET("/waits"));
    sends(&m, 11210, 7, C, OK);
    end_waiting(&m, 100000, 8, 7, 2100, CALL_epoll_wait, ANON(2));
    loop_finish(&m, 11300);
    expect_holds(&m, "blocked read 1100-11100 of GET /holds");
    expect_victims(&m, 0, "GET /waits 5000");
    made_release(&m);
}

/*
 * Thousands stand through thousands of holds: to name each for each would be a file of the product
 * of both. All are counted, and those who stand longest are named.
 */
static void test_too_many_to_name(void **state)
{
    (void)state;
    enum { HOLDS = 1000, STAND = 1500 };
    struct made m;
    uint64_t t = 1050;
    made_init_with(&m, 1000000, 100);
    attach_waiting(&m, 0, 7, 7, CALL_epoll_wait, EPOLL);
    waits(&m, 7, 0, 1000, 1000, CALL_epoll_wait, EPOLL);
    for (uint64_t i = 0; i < HOLDS + STAND; i++)
        accepted(&m, 5, SOCKET(20 + i));
    for (uint64_t i = 0; i < HOLDS; i++, t += 200) {
        receives(&m, t, 7, SOCKET(20 + i), t - 1, GET("/holds"));
        waits(&m, 7, t + 10, t + 160, t + 160, CALL_read, FILE_OBJ(1));
        sends(&m, t + 170, 7, SOCKET(20 + i), OK);
    }
    for (uint64_t i = HOLDS; i < HOLDS + STAND; i++, t += 10) {
        receives(&m, t, 7, SOCKET(20 + i), 1001 + i % 40, GET("/waits"));
        sends(&m, t + 5, 7, SOCKET(20 + i), OK);
    }
    end_waiting(&m, 1000000, 7, 7, t, CALL_epoll_wait, EPOLL);
    made_finish(&m);
    assert_int_equal(m.tl.holds.len, HOLDS);
    assert_true(m.tl.victims.len < 300000);
    for (size_t i = 0; i < HOLDS; i++)
        assert_int_equal(hold_victims(&m.tl.holds.data[i]), STAND);
    assert_int_equal(m.tl.holds.data[0].more_victims, 0);
    const struct hold *last = &m.tl.holds.data[HOLDS - 1];
    assert_true(last->victim_count >= 16 && last->more_victims > 0);
    for (size_t i = 0; i < last->victim_count; i++)
        assert_int_equal(m.tl.victims.data[last->first_victim + i].ns, US(150));
    made_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_victim_and_what_it_lost),
        cmocka_unit_test(test_every_kind_of_hold_once),
        cmocka_unit_test(test_one_stretch_is_one_hold),
        cmocka_unit_test(test_what_parts_a_stretch),
        cmocka_unit_test(test_one_wait_for_several),
        cmocka_unit_test(test_only_who_waits_for_that_loop),
        cmocka_unit_test(test_too_many_to_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
