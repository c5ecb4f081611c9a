/* What of the copied bytes may reach the disk. */
#include "bpf/events.h"
#include "record/redact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

union record {
    struct event_io io;
    uint8_t bytes[sizeof(struct event_io) + IO_DATA_LARGE];
};

/* Redacts `given` as a record's data and checks that `kept`, and only that, is left. */
static void keeps(const char *given, size_t len, const char *kept, size_t n)
{
    union record r = {0};

    r.io.event.kind = EVENT_RECV;
    r.io.event.size = sizeof(r);
    r.io.data_len = (uint16_t)len;
    memcpy(r.io.data, given, len);
    redact(&r.io);
    assert_int_equal(r.io.event.size, (sizeof(r.io) + n + 7) / 8 * 8);
    assert_int_equal(r.io.data_len, n);
    assert_memory_equal(r.io.data, kept, n);
    /* what the file gets of the rest: the gap to the next multiple of 8 */
    for (size_t i = n; i < r.io.event.size - sizeof(r.io); i++)
        assert_int_equal(r.io.data[i], 0);
}

#define KEEPS(given, kept) keeps((given), sizeof(given) - 1, (kept), sizeof(kept) - 1)

static void http(void **state)
{
    (void)state;
    KEEPS("GET /db/10/4711 HTTP/1.1\r\nCookie: secret", "GET /db/10/4711 HTTP/1.1");
    KEEPS("GET /login?password=hunter2 HTTP/1.1\r\n", "GET /login");
    KEEPS("GET /a#fragment HTTP/1.1\r\n", "GET /a");
    KEEPS("POST /form HTTP/1.1\r\n\r\ncard=4111", "POST /form HTTP/1.1");
    KEEPS("HTTP/1.1 200 OK\r\nSet-Cookie: id=1", "HTTP/1.1 200 OK");
    KEEPS("GET /no-end-of-line-in-sight", "GET /no-end-of-line-in-sight");
}

static void redis(void **state)
{
    (void)state;
    KEEPS("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$6\r\nsecret\r\n", "*3\r\n$3\r\nSET");
    KEEPS("*1\r\n$4\r\nPING\r\n", "*1\r\n$4\r\nPING");
    KEEPS("$6\r\nsecret\r\n", "$");
    KEEPS("+OK\r\n", "+");
    KEEPS("-ERR no such key 'secret'\r\n", "-ERR");
    KEEPS(":1000\r\n", ":");
}

/* Whatever claims to be a protocol and is not may not carry more out than its kind may. */
static void others(void **state)
{
    (void)state;
    KEEPS("secret-token-that-is-long", "secret-t");
    KEEPS("\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "\x16\x03\x01\x02\x00\x01\x00\x01");
    KEEPS("*no line ends here and a great deal of secret text follows it for ever", "*no line");
    KEEPS("GETsecret", "GETsecre");
    KEEPS("A secret", "A secret");
    KEEPS("", "");
}

static int several(const char *given, size_t len, uint32_t bytes)
{
    union record r = {0};

    r.io.event.kind = EVENT_RECV;
    r.io.event.size = sizeof(r);
    r.io.bytes = bytes;
    r.io.data_len = (uint16_t)len;
    memcpy(r.io.data, given, len);
    redact(&r.io);
    return (r.io.flags & IO_SEVERAL) != 0;
}

#define SEVERAL(given, bytes) several((given), sizeof(given) - 1, (bytes))

/* A second request behind the first is told, as long as the first one's end can be. */
static void pipelined(void **state)
{
    static const char get[] = "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n";
    const uint32_t size = sizeof(get) - 1;

    (void)state;
    assert_int_equal(SEVERAL("*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n", size), 0);
    assert_int_equal(SEVERAL("*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n*2\r\n$3", 2 * size), 1);
    assert_int_equal(SEVERAL("*2\r\n$3\r\nGET\r\n$300\r\nk", 4000), 1);
    assert_int_equal(SEVERAL("*2\r\n$3\r\nGET\r\n$3000\r\nk", 1000), 0);
    assert_int_equal(SEVERAL("*9\r\n$3\r\nSET\r\n", 4000), 0);
    assert_int_equal(SEVERAL("*99999999999\r\n$9999999999\r\n", 4000), 0);
    assert_int_equal(SEVERAL("GET / HTTP/1.1\r\n\r\n", 18), 0);
    assert_int_equal(SEVERAL("GET / HTTP/1.1\r\n\r\nGET /", 36), 1);
    assert_int_equal(SEVERAL("POST / HTTP/1.1\r\n\r\nbody", 24), 0);
    assert_int_equal(SEVERAL("", 0), 0);
}

/* A length beyond the record is not believed. */
static void hostile_length(void **state)
{
    union record r = {0};

    (void)state;
    r.io.event.size = sizeof(struct event_io) + IO_DATA_SMALL;
    r.io.data_len = 0xffff;
    memset(r.io.data, 'x', sizeof(r) - sizeof(struct event_io));
    redact(&r.io);
    assert_int_equal(r.io.data_len, 8);
    assert_int_equal(r.io.event.size, sizeof(struct event_io) + 8);
    assert_int_equal(r.io.data[IO_DATA_SMALL], 'x');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http),      cmocka_unit_test(redis),          cmocka_unit_test(others),
        cmocka_unit_test(pipelined), cmocka_unit_test(hostile_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
