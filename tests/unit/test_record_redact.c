/* What of the copied bytes may reach the disk. */
#include "bpf/events.h"
#include "record/message.h"
#include "record/redact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

union record {
    struct event_io io;
    uint8_t bytes[sizeof(struct event_io) + IO_DATA_LARGE + REDACT_ROOM];
};

#define RECORD_SIZE (sizeof(struct event_io) + IO_DATA_LARGE)

/* Redacts `given` as a record's data and checks that `kept`, and only that, is left. */
static void keeps(const char *given, size_t len, const char *kept, size_t n)
{
    union record r = {0};

    r.io.event.kind = EVENT_RECV;
    r.io.flags = IO_TURN;
    r.io.event.size = RECORD_SIZE;
    r.io.data_len = (uint16_t)len;
    memcpy(r.io.data, given, len);
    redact(&r.io);
    size_t room = (n + 7) / 8 * 8;
    assert_int_equal(r.io.event.size, sizeof(r.io) + room + (r.io.flags & IO_LENGTH ? 8 : 0));
    assert_int_equal(r.io.data_len, n);
    assert_memory_equal(r.io.data, kept, n);
    /* what the file gets of the rest: the gap to the next multiple of 8 */
    for (size_t i = n; i < room; i++)
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
    KEEPS("CONNECT example.org:443 HTTP/1.1\r\n", "CONNECT example.org:443 HTTP/1.1");
    KEEPS("GET http://x/a?b HTTP/1.1\r\n", "GET http://x/a");
    KEEPS("SET password hunter2\r\n", "SET ");
    KEEPS("AUTH PLAIN c2VjcmV0\r\n", "AUTH ");
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

static void memcached(void **state)
{
    (void)state;
    KEEPS("set session:1 0 60 6\r\nsecret\r\n", "set ");
    KEEPS("get session:1\r\n", "get ");
    KEEPS("flush_all\r\n", "flush_all\r");
    KEEPS("VALUE session:1 0 6\r\nsecret\r\nEND\r\n", "VALUE ");
    KEEPS("\x80\x01\0\3\x08\0\0\0\0\0\0\x11\0\0\0\0\0\0\0\0\0\0\0\0xxxxxxxxkeysecret",
          "\x80\x01\0\3\x08\0\0\0");
}

static void postgres(void **state)
{
    (void)state;
    KEEPS("Q\0\0\0\x2fselect * from t where secret = 'hunter2';\0", "Q\0\0\0\x2fselect");
    KEEPS("Q\0\0\0\x10/* hint */ select\0", "Q\0\0\0\x10");
    KEEPS("Q\0\0\0\x0e 'secret';\0", "Q\0\0\0\x0e");
    KEEPS("Q\0\0\0\x40secretwithoutanyend", "Q\0\0\0\x40");
    KEEPS("P\0\0\0\x2fstatement_1\0INSERT INTO t\0\0\0", "P\0\0\0\x2f\0INSERT");
    KEEPS("P\0\0\0\x2fstatement-without-end", "P\0\0\0\x2f\0");
    KEEPS("\0\0\0\x25\0\3\0\0user\0me\0database\0db\0\0", "\0\0\0\x25\0\3\0\0");
    KEEPS("p\0\0\0\x0dpassword\0", "p\0\0\0\x0dpas");
}

#define FCGI "\1\1\0\1\0\x08\0\0"
#define FCGI_BEGIN FCGI "\0\1\0\0\0\0\0\0"

static void fastcgi(void **state)
{
    (void)state;
    KEEPS(FCGI_BEGIN "\1\4\0\1\0\x60\0\0\x0c\6QUERY_STRINGa=key1\x0e\3REQUEST_METHODGET"
                     "\x0b\7REQUEST_URI/a?a=ke\x0b\4HTTP_COOKIEkey2",
          FCGI "GET /a");
    KEEPS(FCGI_BEGIN "\1\4\0\1\0\x60\0\0\x0e\4REQUEST_METHODPOST\x0b\6SCRIPT_NAME/x.php",
          FCGI "POST /x.php");
    KEEPS(FCGI_BEGIN "\1\4\0\1\0\x60\0\0\x0b\x30REQUEST_URI/long/pa", FCGI " /long/pa");
    KEEPS(FCGI_BEGIN "\1\4\0\1\0\x60\0\0\x0b\xffHTTP_COOKIEsecret", FCGI);
    KEEPS(FCGI_BEGIN "\1\4\0\1\0\x60\0\0\xff\xff\xff\xff\xff\xff\xff\xffsecret", FCGI);
    KEEPS(FCGI, FCGI);
}

/* Whatever claims to be a protocol and is not may not carry more out than its kind may. */
static void others(void **state)
{
    (void)state;
    KEEPS("secret-token-that-is-long", "secret-t");
    KEEPS("\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "\x16\x03\x01\x02\x00\x01\x00\x01");
    KEEPS("*no line ends here and a great deal of secret text follows it for ever", "*no line");
    KEEPS("GETsecret", "GETsecre");
    KEEPS("A secret", "A ");
    KEEPS("password hunter2\r\n", "password ");
    KEEPS("hunter2 is it\r\n", "hunter2 ");
    KEEPS("", "");
}

/* In the middle of things only what begins a request stays. */
static void no_turn(void **state)
{
    static const struct {
        const char *given, *kept;
    } rows[] = {
        {"secret body", ""},
        {"GET /secret, says the body", ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", ""},
        {"GET /a?b HTTP/1.1\r\nHost: x\r\n", "GET /a"},
        {"*1\r\n$4\r\nPING\r\n", "*1\r\n$4\r\nPING"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        union record r = {0};

        r.io.event.kind = EVENT_RECV;
        r.io.event.size = RECORD_SIZE;
        r.io.bytes = r.io.data_len = (uint16_t)strlen(rows[i].given);
        memcpy(r.io.data, rows[i].given, r.io.data_len);
        redact(&r.io);
        assert_int_equal(r.io.data_len, strlen(rows[i].kept));
        assert_memory_equal(r.io.data, rows[i].kept, r.io.data_len);
        if (!r.io.data_len)
            assert_int_equal(r.io.event.size, sizeof(r.io));
    }
}

static int several(const char *given, size_t len, uint32_t bytes)
{
    union record r = {0};

    r.io.event.kind = EVENT_RECV;
    r.io.flags = IO_TURN;
    r.io.event.size = RECORD_SIZE;
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
    assert_int_equal(SEVERAL("POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody", 42), 0);
    assert_int_equal(SEVERAL("POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbodyGET", 45), 1);
    assert_int_equal(SEVERAL("get key\r\nget key\r\n", 18), 1);
    assert_int_equal(SEVERAL("VALUE k 0 1\r\nx\r\nEND\r\n+", 22), 0);
    assert_int_equal(SEVERAL("", 0), 0);
}

/* "1234": the length; "1234+": at least; "?": not known. */
static void measures(const char *given, size_t len, uint32_t bytes, const char *want)
{
    struct message m = message_measure((const uint8_t *)given, len, bytes);
    char got[32] = "?";

    if (m.length)
        snprintf(got, sizeof(got), "%lu%s", (unsigned long)m.length, m.at_least ? "+" : "");
    assert_string_equal(got, want);
}

#define MEASURES(given, want) measures((given), sizeof(given) - 1, sizeof(given) - 1, (want))

static void http_lengths(void **state)
{
    (void)state;
    MEASURES("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "27");
    MEASURES("GET / HTTP/1.1\r\nHost: x\r\n", "?");
    MEASURES("POST / HTTP/1.1\r\ncontent-length:10\r\n\r\n", "48");
    MEASURES("POST / HTTP/1.1\r\nContent-Length: 10\r\nHost: x", "54+");
    MEASURES("POST / HTTP/1.1\r\nContent-Length: 10", "?"); /* or 100 */
    MEASURES("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", "?");
    MEASURES("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "?");
    MEASURES("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd", "52+");
    MEASURES("PUT / HTTP/1.1\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n", "59+");
    MEASURES("PUT / HTTP/1.1\r\nContent-Length: 9\r\nExpect: 100-continue\r\n", "?");
    MEASURES("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", "40+");
    MEASURES("CONNECT x:1 HTTP/1.1\r\n\r\n", "?");
    MEASURES("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "43");
    MEASURES("HTTP/1.1 200 OK\r\n\r\nhello", "?"); /* up to the close */
    MEASURES("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "48");
    MEASURES("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "52+");
}

static void other_lengths(void **state)
{
    (void)state;
    MEASURES("*2\r\n$3\r\nget\r\n$1\r\na\r\n", "20");
    MEASURES("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$5000\r\nxxxx", "5029");
    MEASURES("*3\r\n$3\r\nSET\r\n$4000\r\na", "4025+");
    MEASURES("*99999999999999999999\r\n$1\r\nx\r\n", "?");
    MEASURES("$5\r\nhello\r\n", "11");
    MEASURES("$-1\r\n", "5");
    MEASURES("+OK\r\n", "5");
    MEASURES("+OK", "?");
    MEASURES("set k 0 60 5000\r\nhello", "5019");
    MEASURES("set k 0 60 5", "?");
    MEASURES("cas k 0 60 5 77\r\nhello\r\n", "24");
    MEASURES("ms k 5\r\nhello\r\n", "15");
    MEASURES("get k\r\n", "7");
    MEASURES("VALUE k 0 5\r\nhello\r\nEND\r\n", "25");
    MEASURES("VALUE k 0 5\r\nhello\r\nVALUE l 0 1\r\nx\r\nEND\r\n", "41");
    MEASURES("VALUE k 0 5000\r\nhello", "5023+");
    MEASURES("\x80\0\0\3\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0\0key", "27");
    MEASURES("Q\0\0\0\x0dselect 1\0", "14");
    MEASURES("Q\0\0\x10\0select", "?"); /* not all of it came: no more than a look-alike */
    measures("P\0\0\0\x20", 5, 33, "38+");
    measures("T\0\0\0\x06\0\0D\0\0\0\xff", 12, 300, "268+");
    MEASURES("T\0\0\0\x06\0\0C\0\0\0\5\0Z\0\0\0\5I", "19");
    MEASURES("R\0\0\0\x0a\0\0\0\x0aSC", "11");
    MEASURES("R\0\0\0\x08\0\0\0\0S\0\0\0\5a", "20+");
    MEASURES("*2\r\n$1\r\na\r\n", "14+");
    MEASURES("*1\r\n:5\r\n", "?");
    MEASURES("B\0\0\0\4E\0\0\0\x04S\0\0\0\4", "15");
    MEASURES("\x17\3\3\1\0", "261+");
    MEASURES(FCGI_BEGIN "\1\4\0\1\0\0\0\0\1\5\0\1\0\0\0\0", "32");
    MEASURES(FCGI_BEGIN "\1\4\0\1\1\0\1\0", "297+");
    MEASURES("", "?");
    MEASURES("hello", "?");
}

/* The number that the file gets, in the record's last 8 bytes. */
static void length_in_record(void **state)
{
    static const char post[] = "POST /a HTTP/1.1\r\nContent-Length: 4000\r\n\r\nbody";
    union record r = {0};
    uint64_t length;

    (void)state;
    r.io.event.kind = EVENT_RECV;
    r.io.flags = IO_TURN;
    r.io.event.size = RECORD_SIZE;
    r.io.bytes = r.io.data_len = sizeof(post) - 1;
    memcpy(r.io.data, post, sizeof(post));
    redact(&r.io);
    assert_int_equal(r.io.flags, IO_TURN | IO_LENGTH);
    memcpy(&length, r.bytes + r.io.event.size - 8, 8);
    assert_int_equal(length, sizeof(post) - 1 - 4 + 4000);
    assert_int_equal(r.io.event.size, sizeof(r.io) + 16 + 8);
}

static const struct {
    const char *text;
    size_t len;
} seeds[] = {
#define SEED(text)             \
    {                          \
        text, sizeof(text) - 1 \
    }
    SEED("POST /a?b HTTP/1.1\r\nContent-Length: 10\r\n\r\n"),
    SEED("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"),
    SEED("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$5000\r\nxxxx"),
    SEED("VALUE k 0 5\r\nhello\r\nVALUE l 0 1\r\nx\r\nEND\r\n"),
    SEED("cas k 0 60 5 77\r\nhello\r\n"),
    SEED("\x80\0\0\3\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0\0key"),
    SEED("P\0\0\0\x11s\0SELECT 1\0\0\0B\0\0\0\4E\0\0\0\4S\0\0\0\4"),
    SEED("T\0\0\0\x06\0\0C\0\0\0\5\0Z\0\0\0\5I"),
    SEED(FCGI_BEGIN "\1\4\0\1\0\x60\0\0\x0e\4REQUEST_METHODPOST\x0b\6SCRIPT_NAME/x.php"),
    SEED("\x17\3\3\1\0"),
};

/* In memory that ends with the record: nothing is read or written behind it (SAN=1 looks). */
static void redact_bytes(const uint8_t *data, size_t len, uint32_t bytes)
{
    size_t room = (len + 7) / 8 * 8, size = sizeof(struct event_io) + room;
    struct event_io *io = calloc(1, size + REDACT_ROOM);
    uint8_t *copy = malloc(len + 1);

    assert_non_null(io);
    assert_non_null(copy);
    memcpy(copy, data, len);
    message_measure(copy, len, bytes);
    free(copy);
    io->event.kind = EVENT_RECV;
    io->flags = bytes % 2 ? IO_TURN : 0;
    io->event.size = (uint16_t)size;
    io->bytes = bytes;
    io->data_len = (uint16_t)len;
    memcpy(io->data, data, len);
    redact(io);
    assert_true(io->data_len <= len);
    assert_true(io->event.size <= size + REDACT_ROOM && io->event.size % 8 == 0);
    free(io);
}

/* Cut at each byte, and bent at some. */
static void hostile_bytes(void **state)
{
    uint32_t random = 1;

    (void)state;
    for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++)
        for (size_t n = 0; n <= seeds[i].len; n++)
            for (int round = 0; round < 60; round++) {
                uint8_t data[IO_DATA_LARGE];

                memcpy(data, seeds[i].text, n);
                for (int bend = 0; n && bend < round % 4; bend++) {
                    random = random * 1103515245 + 12345;
                    data[(random >> 16) % n] = (uint8_t)(random >> 8);
                }
                redact_bytes(data, n, (uint32_t)(round % 2 ? n : 5000));
            }
}

/* A length beyond the record is not believed. */
static void hostile_length(void **state)
{
    union record r = {0};

    (void)state;
    r.io.flags = IO_TURN;
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
        cmocka_unit_test(http),          cmocka_unit_test(redis),
        cmocka_unit_test(others),        cmocka_unit_test(pipelined),
        cmocka_unit_test(no_turn),       cmocka_unit_test(hostile_length),
        cmocka_unit_test(memcached),     cmocka_unit_test(postgres),
        cmocka_unit_test(fastcgi),       cmocka_unit_test(http_lengths),
        cmocka_unit_test(other_lengths), cmocka_unit_test(length_in_record),
        cmocka_unit_test(hostile_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
