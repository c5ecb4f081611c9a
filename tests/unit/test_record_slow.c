/* Which request is the first that takes too long. */
#include "record/slow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <malloc.h>

#include "tests/unit/flight_made.h"

#define ONE SOCK(1)
#define TWO SOCK(2)
#define LIMIT (500 * MS)
#define BEGUN (100 * S)

static struct slow *slow;
static struct slow_hit hit;

static int setup(void **state)
{
    (void)state;
    slow = slow_new(LIMIT, 30 * S);
    slow_see(slow, sock(1, ONE, AF_INET, ROLE_ACCEPTED, 80));
    slow_see(slow, sock(1, TWO, AF_INET, ROLE_ACCEPTED, 80));
    return slow ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    slow_free(slow);
    return 0;
}

static void asks_with(uint64_t obj, uint64_t at, const void *data, size_t len)
{
    slow_see(slow, moved(EVENT_RECV, at, obj, at - MS, IO_TURN, data, len));
}

static void asks(uint64_t obj, uint64_t at)
{
    asks_with(obj, at, "GET / HTTP/1.1", 14);
}

static void says(uint64_t obj, uint64_t at, const char *data)
{
    slow_see(slow, moved(EVENT_SEND, at, obj, 0, *data ? IO_TURN : 0, data, strlen(data)));
}

static void answers(uint64_t obj, uint64_t at)
{
    says(obj, at, "HTTP/1.1 200 OK");
}

static void test_in_time(void **state)
{
    (void)state;
    for (uint64_t at = BEGUN; at < BEGUN + 10 * S; at += S) {
        asks(ONE, at);
        answers(ONE, at + LIMIT - 2 * MS);
        assert_false(slow_found(slow, at + S - MS, &hit));
    }
    assert_false(slow_found(slow, BEGUN + 100 * S, &hit));
}

/* From when its bytes were there; what follows for a short while belongs to the picture. */
static void test_late_answer(void **state)
{
    (void)state;
    asks(ONE, BEGUN);
    answers(ONE, BEGUN + LIMIT);
    assert_false(slow_found(slow, BEGUN + LIMIT + 50 * MS, &hit));
    assert_true(slow_found(slow, BEGUN + LIMIT + 200 * MS, &hit));
    assert_true(hit.answered && hit.addressed);
    assert_int_equal(hit.begin_ns, BEGUN - MS);
    assert_int_equal(hit.ns, LIMIT + MS);
    assert_int_equal(hit.local_port, 80);
    assert_int_equal(hit.remote_port, 40000);
}

static void test_no_answer(void **state)
{
    (void)state;
    asks(TWO, BEGUN);
    for (uint64_t at = BEGUN; at < BEGUN + LIMIT + 100 * MS; at += 50 * MS)
        assert_false(slow_found(slow, at, &hit));
    assert_false(slow_found(slow, BEGUN + LIMIT + 200 * MS, &hit)); /* found, and the tail runs */
    assert_true(slow_found(slow, BEGUN + LIMIT + 450 * MS, &hit));
    assert_false(hit.answered);
    assert_int_equal(hit.ns, LIMIT + 451 * MS);
}

static void test_longest_threshold(void **state)
{
    (void)state;
    slow_free(slow);
    slow = slow_new(UINT64_MAX - S, 0);
    slow_see(slow, sock(1, TWO, AF_INET, ROLE_ACCEPTED, 80));
    asks(TWO, BEGUN);
    assert_false(slow_found(slow, BEGUN + 1000 * S, &hit));
    assert_false(slow_found(slow, BEGUN + 1001 * S, &hit));
}

/* One that hangs, and is answered while the tail is recorded. */
static void test_answered_in_the_tail(void **state)
{
    (void)state;
    asks(TWO, BEGUN);
    assert_false(slow_found(slow, BEGUN + LIMIT + 200 * MS, &hit));
    answers(TWO, BEGUN + LIMIT + 250 * MS);
    assert_true(slow_found(slow, BEGUN + LIMIT + 450 * MS, &hit));
    assert_true(hit.answered);
    assert_int_equal(hit.ns, LIMIT + 251 * MS);
}

static void test_interim_is_no_answer(void **state)
{
    (void)state;
    asks(ONE, BEGUN);
    says(ONE, BEGUN + MS, "HTTP/1.1 100 Cont");
    slow_see(slow, moved(EVENT_RECV, BEGUN + 2 * MS, ONE, 0, IO_TURN, "body", 4));
    assert_false(slow_found(slow, BEGUN + LIMIT + 200 * MS, &hit));
    assert_true(slow_found(slow, BEGUN + LIMIT + 500 * MS, &hit));
    assert_int_equal(hit.begin_ns, BEGUN - MS);
}

static void test_upgraded(void **state)
{
    (void)state;
    asks(ONE, BEGUN);
    says(ONE, BEGUN + MS, "HTTP/1.1 101 Swi");
    asks_with(ONE, BEGUN + S, "anything", 8);
    asks_with(TWO, BEGUN + S, "\x81\x85mask.", 7); /* upgraded before the attach */
    asks(TWO, BEGUN + 2 * S);
    assert_false(slow_found(slow, BEGUN + 20 * S, &hit));
}

/* What comes then asks for nothing, and nobody answers. */
static void passes_over(const char *data, size_t len)
{
    slow_free(slow);
    setup(NULL);
    asks_with(ONE, BEGUN, data, len);
    assert_false(slow_found(slow, BEGUN + 20 * S, &hit));
    asks(ONE, BEGUN + 30 * S);
    assert_false(slow_found(slow, BEGUN + 50 * S, &hit));
}

#define PASSES_OVER(data) passes_over(data, sizeof(data) - 1)

static void test_http2(void **state)
{
    (void)state;
    PASSES_OVER("PRI * HTTP/2.0\r\n");
    PASSES_OVER("\0\0\x04\x08\0\0\0\0\0\x7f\xff\0\0"); /* WINDOW_UPDATE, older than the attach */
    PASSES_OVER("\0\0\0\x04\x01\0\0\0\0");             /* settings taken */
    PASSES_OVER("\0\0\x08\x06\x01\0\0\0\0pingpong");   /* a ping's answer */
    PASSES_OVER("\0\0\x1f\x01\x05\0\0\0\x07\x82\x86\x84"); /* HEADERS */
    PASSES_OVER("\0\0\0\x00\x01\0\0\0\x05");               /* the end of a stream's data */
    asks_with(TWO, BEGUN, "from within a frame", 16);
    slow_see(slow, moved(EVENT_SEND, BEGUN + MS, TWO, 0, IO_TURN,
                         "\0\0\x1f\x01\x04\0\0\0\x07\x88\x86\x84", 12));
    asks_with(TWO, BEGUN + S, "from within a frame", 16);
    assert_false(slow_found(slow, BEGUN + 20 * S, &hit));
}

static void test_redis_streams(void **state)
{
    (void)state;
    PASSES_OVER("*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n");
    PASSES_OVER("*3\r\n$5\r\npsync\r\n$1\r\n?\r\n");
    PASSES_OVER("*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\na");
    PASSES_OVER("*1\r\n$7\r\nMONITOR\r\n");
}

/* Whoever begins nearly so asks, and waits for an answer. */
static void test_nearly_unasked(void **state)
{
    static const struct {
        const char *data;
        size_t len;
    } all[] = {
        {"PRI * HTTP/1.1\r\n", 16},
        {"\0\0\x05\x08\0\0\0\0\0\x7f", 10},     /* a window of five bytes */
        {"\0\0\x1f\x01\x05\0\0\0\x08\x82", 10}, /* a server's stream */
        {"\0\0\0\x08\x04\xd2\x16\x2f", 8},      /* PostgreSQL, asking for TLS */
        {"\0\0\0\x29\0\x03\0\0user", 12},       /* and beginning without */
        {"\0\0\0\0\0\0\0\0\0", 9},
        {"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", 20},
        {"*3\r\n$8\r\nREPLC", 13},
        {"*99999999999999999999\r\n$8", 25},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        slow_free(slow);
        setup(NULL);
        asks_with(ONE, BEGUN, all[i].data, all[i].len);
        assert_false(slow_found(slow, BEGUN + 20 * S, &hit));
        assert_true(slow_found(slow, BEGUN + 21 * S, &hit));
    }
}

/* An answer that began in time is judged when it is known to be over. */
static void test_long_answer(void **state)
{
    (void)state;
    asks(ONE, BEGUN);
    for (uint64_t at = BEGUN + MS; at < BEGUN + 2 * S; at += 100 * MS)
        says(ONE, at, "");
    assert_false(slow_found(slow, BEGUN + 5 * S, &hit));
    slow_see(slow, conn(BEGUN + 6 * S, ONE, 7));
    assert_true(slow_found(slow, BEGUN + 7 * S, &hit));
    assert_int_equal(hit.ns, 1901 * MS + MS);
}

static void test_stream(void **state)
{
    (void)state;
    asks(ONE, BEGUN);
    for (uint64_t at = BEGUN + MS; at < BEGUN + 60 * S; at += 100 * MS)
        says(ONE, at, "");
    asks(ONE, BEGUN + 60 * S);
    answers(ONE, BEGUN + 60 * S + MS);
    slow_see(slow, conn(BEGUN + 61 * S, ONE, 7));
    assert_false(slow_found(slow, BEGUN + 70 * S, &hit));
}

static void test_closed_and_lost(void **state)
{
    (void)state;
    asks(ONE, BEGUN);
    slow_see(slow, conn(BEGUN + MS, ONE, 7));
    asks(TWO, BEGUN);
    slow_see(slow, moved(EVENT_SEND, BEGUN + 2 * S, TWO, 0, IO_AFTER_LOSS, "", 0));
    assert_false(slow_found(slow, BEGUN + 20 * S, &hit));
}

/* Who asks others is no server there; who was there before is known by the listener's port. */
static void test_roles(void **state)
{
    (void)state;
    slow_see(slow, sock(2, SOCK(3), AF_INET, ROLE_CONNECTED, 81));
    asks(SOCK(3), BEGUN);
    slow_see(slow, sock(2, SOCK(4), AF_INET, ROLE_UNKNOWN, 5000));
    asks(SOCK(4), BEGUN);
    assert_false(slow_found(slow, BEGUN + 2 * S, &hit));
    slow_see(slow, sock(2, SOCK(5), AF_INET6, ROLE_UNKNOWN, 8080));
    slow_see(slow, sock(3, SOCK(6), AF_INET6, ROLE_LISTENER, 8080));
    asks(SOCK(5), BEGUN + 2 * S);
    assert_false(slow_found(slow, BEGUN + 4 * S, &hit));
    assert_true(slow_found(slow, BEGUN + 5 * S, &hit));
    assert_int_equal(hit.family, AF_INET6);
    assert_int_equal(hit.local_port, 8080);
}

/* Connections come and go: those that close leave nothing, and places move. */
static void test_many(void **state)
{
    (void)state;
    for (uint64_t n = 10; n < 20010; n++) {
        slow_see(slow, sock(BEGUN + n, SOCK(n), AF_INET, ROLE_ACCEPTED, 80));
        asks(SOCK(n), BEGUN + n);
        if (n % 3)
            answers(SOCK(n), BEGUN + n + MS);
        if (n != 3000)
            slow_see(slow, conn(BEGUN + n + 2 * MS, SOCK(n), 7));
    }
    assert_false(slow_found(slow, BEGUN + S, &hit));
    assert_true(slow_found(slow, BEGUN + 2 * S, &hit));
    assert_int_equal(hit.begin_ns, BEGUN + 3000 - MS);
}

/* Nobody tells of the end of a unix socket: of more than can be remembered those go that were used
 * longest ago, and none that waits for its answer. */
static void test_many_unix(void **state)
{
    const uint64_t last = 100000;
    struct mallinfo2 before = mallinfo2();

    (void)state;
    for (uint64_t n = 10; n < last; n++) {
        slow_see(slow, sock(BEGUN + n * 1000, SOCK(n), AF_UNIX, ROLE_ACCEPTED, 0));
        asks(SOCK(n), BEGUN + n * 1000);
        if (n != 50)
            answers(SOCK(n), BEGUN + n * 1000 + 1);
    }
    assert_true(mallinfo2().uordblks - before.uordblks < 4 << 20);
    slow_see(slow, moved(EVENT_SEND, BEGUN + 200 * MS, SOCK(50), 0, IO_TURN, "", 0));
    asks(SOCK(60), BEGUN + S); /* nobody knows it any more */
    assert_false(slow_found(slow, BEGUN + 2 * S, &hit));
    asks(SOCK(last - 5000), BEGUN + S);
    assert_false(slow_found(slow, BEGUN + 3 * S, &hit));
    assert_true(slow_found(slow, BEGUN + 4 * S, &hit));
    assert_int_equal(hit.begin_ns, BEGUN + S - MS);
    assert_false(hit.addressed);
}

static void test_slow_unix_stays(void **state)
{
    (void)state;
    for (uint64_t n = 10; n < 60000; n++) {
        slow_see(slow, sock(BEGUN + n, SOCK(n), AF_UNIX, ROLE_ACCEPTED, 0));
        asks(SOCK(n), BEGUN + n);
        if (n != 50)
            answers(SOCK(n), BEGUN + n + 1);
    }
    assert_false(slow_found(slow, BEGUN + S, &hit));
    assert_true(slow_found(slow, BEGUN + 2 * S, &hit));
    assert_int_equal(hit.begin_ns, BEGUN + 50 - MS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_in_time),
        TEST(test_late_answer),
        TEST(test_no_answer),
        TEST(test_longest_threshold),
        TEST(test_upgraded),
        TEST(test_http2),
        TEST(test_redis_streams),
        TEST(test_nearly_unasked),
        TEST(test_answered_in_the_tail),
        TEST(test_interim_is_no_answer),
        TEST(test_stream),
        TEST(test_long_answer),
        TEST(test_closed_and_lost),
        TEST(test_roles),
        TEST(test_many),
        TEST(test_many_unix),
        TEST(test_slow_unix_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
