#include "analysis/proto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct row {
    const char *data, *protocol, *name, *group;
};

static const struct row rows[] = {
    {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "http", "GET /", "GET /"},
    {"GET /db/10/4711?q=1&s=secret HTTP/1.1\r\n", "http", "GET /db/10/4711", "GET /db/:n/:n"},
    {"GET /a#b HTTP/1.0\r\n\r\n", "http", "GET /a", "GET /a"},
    {"POST /u/123e4567-e89b-12d3-a456-426614174000 HTTP/1.1\r\nContent-Length: 10\r\n\r\n", "http",
     "POST /u/123e4567-e89b-12d3-a456-426614174000", "POST /u/:uuid"},
    {"PUT /f/deadbeef/x HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", "http",
     "PUT /f/deadbeef/x", "PUT /f/:hex/x"},
    {"DELETE /f/deadbee/1x/ HTTP/1.1\r\n", "http", "DELETE /f/deadbee/1x/",
     "DELETE /f/deadbee/1x/"},
    {"OPTIONS * HTTP/1.1\r\n", "http", "OPTIONS *", "OPTIONS *"},
    {"CONNECT example.org:443 HTTP/1.1\r\n", "http", "CONNECT example.org:443",
     "CONNECT example.org:443"},
    {"GET http://example.org/p/7 HTTP/1.1\r\n", "http", "GET /p/7", "GET /p/:n"},
    {"GET /long/path/that/is/cut/her", "http", "GET /long/path/that/is/cut/her…",
     "GET /long/path/that/is/cut/her…"},
    {"GET /whole", "http", "GET /whole", "GET /whole"}, /* as it is recorded */
    {"GET /whole/1 HTTP/1.1", "http", "GET /whole/1", "GET /whole/:n"},
    {"PRI * HTTP/2.0", "http2", "HTTP/2 connection", ""},
    {"*3\r\n$3\r\nSET", "redis", "SET", ""},
    {"GET key", "redis", "GET", ""},
    {"GET /a?cut", "http", "GET /a", "GET /a"},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2", "HTTP/2 connection", ""},
    {"*2\r\n$3\r\nget\r\n$1\r\na\r\n", "redis", "GET", ""},
    {"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$5000\r\nxxxx", "redis", "SET", ""},
    {"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n", "redis", "PING", ""},
    {"PING\r\n", "redis", "PING", ""},
    {"get key\r\n", "memcached", "get", ""},
    {"\x16\x03\x01\x02\x01\x01", "tls", "TLS handshake", ""},
    {"\x17\x03\x03\x02\x01\x01", "tls", "TLS data", ""},
    {"GETTING /x HTTP/1.1 no\n", "http", "GETTING /x", "GETTING /x"},
    {"GET /x\r\n", "bytes", "", "bytes"},         /* HTTP/0.9 */
    {"put / HTTP/1.1\r\n", "bytes", "", "bytes"}, /* methods are upper case */
    {"*2\r\n$3\r\n\x01\x02\x03\r\n", "bytes", "", "bytes"},
    {"*0\r\n", "bytes", "", "bytes"},
    {"*99999999999999999999\r\n$1\r\nx\r\n", "bytes", "", "bytes"},
    {"GET /r/r175/order-17 HTTP/1.1\r\n", "http", "GET /r/r175/order-17", "GET /r/r:n/order-:n"},
    {"set ", "memcached", "set", ""}, /* as it is recorded */
    {"mg key v\r\n", "memcached", "mg", ""},
    {"flush_all\r\n", "memcached", "flush_all", ""},
    {"getter key\r\n", "bytes", "", "bytes"},
    {"get", "bytes", "", "bytes"}, /* where a verb ends is not seen */
    {"Get key\r\n", "redis", "GET", ""},
    {"\x16\x03", "bytes", "", "bytes"},
    {"hello", "bytes", "", "bytes"},
    {"", "bytes", "", "bytes"},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct proto_head head = {.cut = strstr(rows[i].data, "/cut/") != NULL};
        const struct protocol *p =
            proto_at(proto_detect((const uint8_t *)rows[i].data, strlen(rows[i].data), &head));
        assert_string_equal(p->name, rows[i].protocol);
        assert_string_equal(buf_str(&head.name), rows[i].name);
        assert_string_equal(buf_str(&head.group), rows[i].group);
        assert_int_equal(head.streams, strcmp(p->name, "http2") == 0);
        buf_release(&head.name);
        buf_release(&head.group);
    }
}

/* Cut at each byte, in memory that ends there: nothing is read behind the end. */
static void test_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (size_t n = 0; n <= strlen(rows[i].data); n++) {
            struct proto_head head = {.cut = strstr(rows[i].data, "/cut/") != NULL};
            uint8_t *copy = malloc(n ? n : 1);
            memcpy(copy, rows[i].data, n);
            const struct protocol *p = proto_at(proto_detect(copy, n, &head));
            assert_non_null(p);
            if (p->status)
                p->status(copy, n);
            if (p->interim)
                p->interim(copy, n);
            if (p->goes_on) {
                p->goes_on(copy, n, false);
                p->goes_on(copy, n, true);
            }
            free(copy);
            buf_release(&head.name);
            buf_release(&head.group);
        }
}

/* The same for protocols with zeros in them. */
static const struct {
    const char *data;
    size_t len;
    const char *protocol, *name, *group;
} binary[] = {
#define BYTES(text) (text), sizeof(text) - 1
    {BYTES("\x80\x00\x00\x03\x00\x00\x00\x00"), "memcached", "get", ""},
    {BYTES("\x80\x01\x00\x03\x08\x00\x00\x00"), "memcached", "set", ""},
    {BYTES("\x80\xff\x00\x03\x08\x00\x00\x00"), "bytes", "", "bytes"},
    {BYTES("\x81\x00\x00\x03\x08\x00\x00\x00"), "bytes", "", "bytes"},
    {BYTES("Q\0\0\0\x0dSELECT"), "postgresql", "Query SELECT", ""},
    {BYTES("Q\0\0\0\x0dselect 1\0"), "postgresql", "Query SELECT", ""},
    {BYTES("Q\0\0\0\x0d"), "postgresql", "Query", ""},
    {BYTES("P\0\0\0\x20\0INSERT"), "postgresql", "Parse INSERT", ""},
    {BYTES("P\0\0\0\x20stmt_1\0"), "postgresql", "Parse", ""},
    {BYTES("B\0\0\0\x20\0\0\0"), "postgresql", "Bind", ""},
    {BYTES("S\0\0\0\x04"), "postgresql", "Sync", ""},
    {BYTES("Q\0\0\0\x03 "), "bytes", "", "bytes"},
    {BYTES("\0\0\0\x08\x04\xd2\x16\x2f"), "postgresql", "SSLRequest", ""},
    {BYTES("\0\0\0\x25\0\x03\0\0user"), "postgresql", "Startup", ""},
    {BYTES("\0\0\0\x25\0\x02\0\0"), "bytes", "", "bytes"},
    {BYTES("\x01\x01\0\x01\0\x08\0\0"), "fastcgi", "FastCGI", ""},
    {BYTES("\x01\x01\0\x01\0\x08\0\0POST /a/17"), "fastcgi", "POST /a/17", "POST /a/:n"},
    {BYTES("\x01\x01\0\x01\0\x08\0\0 /a/17"), "fastcgi", "/a/17", "/a/:n"},
    {BYTES("\x01\x01\0\x01\0\x08\0\0junk"), "fastcgi", "FastCGI", ""},
    {BYTES("\x01\x06\0\x01\0\x08\0\0"), "bytes", "", "bytes"},
};

static void test_binary(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(binary) / sizeof(binary[0]); i++)
        for (size_t n = binary[i].len + 1; n-- > 0;) { /* whole first, then cut at each byte */
            struct proto_head head = {0};
            uint8_t *copy = malloc(n ? n : 1);
            memcpy(copy, binary[i].data, n);
            const struct protocol *p = proto_at(proto_detect(copy, n, &head));
            if (n == binary[i].len) {
                assert_string_equal(p->name, binary[i].protocol);
                assert_string_equal(buf_str(&head.name), binary[i].name);
                assert_string_equal(buf_str(&head.group), binary[i].group);
            }
            if (p->status)
                p->status(copy, n);
            if (p->goes_on)
                p->goes_on(copy, n, false);
            free(copy);
            buf_release(&head.name);
            buf_release(&head.group);
        }
}

static bool goes_on(const struct protocol *p, const char *data, size_t len, bool whole)
{
    return p->goes_on((const uint8_t *)data, len, whole);
}

/* What comes behind an answer: more of the same request, or the next one. */
static void test_goes_on(void **state)
{
    (void)state;
    assert_true(goes_on(&proto_http, BYTES("{\"a\": 1"), false));
    assert_true(goes_on(&proto_http, BYTES("HELLO WO"), false));
    assert_false(goes_on(&proto_http, BYTES("{\"a\": 1"), true));
    assert_false(goes_on(&proto_http, BYTES("GET /x"), false));
    assert_false(goes_on(&proto_http, BYTES("PO"), false)); /* of a slow client */
    assert_false(goes_on(&proto_http, BYTES("PRI * HTTP/2.0"), false));
    assert_true(goes_on(&proto_tls, BYTES("\x14\x03\x03\x00\x01"), false));
    assert_true(goes_on(&proto_tls, BYTES("\x15\x03\x03\x00\x02"), false));
    assert_true(goes_on(&proto_tls, BYTES("\x17\x03\x03\x00\x13"), false));
    assert_false(goes_on(&proto_tls, BYTES("\x17\x03\x03\x00\x33"), false));
    assert_true(goes_on(&proto_postgres, BYTES("X\0\0\0\x04"), true));
    assert_true(goes_on(&proto_postgres, BYTES("p\0\0\0\x44SCRA"), false));
    assert_false(goes_on(&proto_postgres, BYTES("Q\0\0\0\x44sele"), false));
    assert_true(goes_on(&proto_memcached, BYTES("quit\r\n"), true));
    assert_false(goes_on(&proto_memcached, BYTES("get k"), true));
    assert_true(goes_on(&proto_fastcgi, BYTES("\x01\x05\0\x01\0\0\0\0"), false));
    assert_false(goes_on(&proto_fastcgi, BYTES("\x01\x01\0\x01\0\x08\0\0"), false));
}

static int32_t status_of(const struct protocol *p, const char *data)
{
    return p->status((const uint8_t *)data, strlen(data));
}

static void test_status(void **state)
{
    (void)state;
    assert_int_equal(status_of(&proto_http, "HTTP/1.1 503 Service Unavailable\r\n"), 503);
    assert_int_equal(status_of(&proto_http, "HTTP/1.0 200"), 200);
    assert_int_equal(status_of(&proto_http, "HTTP/1.1 20"), 0);
    assert_int_equal(status_of(&proto_http, "HTTP/1.1 2x0 "), 0);
    assert_int_equal(status_of(&proto_http, "hello world, hello"), 0);
    assert_int_equal(status_of(&proto_redis, "-ERR no\r\n"), -1);
    assert_int_equal(status_of(&proto_redis, "+OK\r\n"), 0);
    assert_int_equal(status_of(&proto_redis, ""), 0);
    assert_int_equal(status_of(&proto_memcached, "SERVER_ERROR out of memory\r\n"), -1);
    assert_int_equal(status_of(&proto_memcached, "NOT_FOUND\r\n"), 0);
    const uint8_t no_key[] = "\x81\x00\x00\x00\x00\x00\x00\x01",
                  no_memory[] = "\x81\x00\x00\x00\x00\x00\x00\x82", pg_error[] = "E\0\0\0\x66SERR";
    assert_int_equal(proto_memcached.status(no_key, 8), 0);
    assert_int_equal(proto_memcached.status(no_memory, 8), -1);
    assert_int_equal(proto_postgres.status(pg_error, 8), -1);
    assert_int_equal(status_of(&proto_postgres, "EAT"), 0);
    const char *interim = "HTTP/1.1 100 Continue\r\n", *upgrade = "HTTP/1.1 101 Switching\r\n";
    assert_true(proto_http.interim((const uint8_t *)interim, strlen(interim)));
    assert_false(proto_http.interim((const uint8_t *)upgrade, strlen(upgrade)));
}

static void test_groups(void **state)
{
    (void)state;
    static const char *const paths[][2] = {
        {"/", "/"},
        {"//1//", "//:n//"},
        {"/1", "/:n"},
        {"/1/", "/:n/"},
        {"/v1/users/00ff00ff", "/v1/users/:hex"},
        {"/00FF00F", "/00FF00F"},
        {"/12345678", "/:n"},
        {"/123e4567-e89b-12d3-a456-42661417400", "/123e4567-e89b-12d3-a456-42661417400"},
        {"/r175/u1/page2/item42", "/r:n/u:n/page2/item:n"},
        {"/order-7/line_12", "/order-:n/line_:n"},
        {"/v1/V2/oauth2/a-b-3/x1y2", "/v1/V2/oauth2/a-b-3/x1y2"},
        {"/-1/_2/1a", "/-1/_2/1a"},
        {"/deadbeef01", "/:hex"},
        {"", ""},
        {"*", "*"},
    };
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct buf out = BUF_INIT;
        group_path(&out, paths[i][0], strlen(paths[i][0]));
        assert_string_equal(buf_str(&out), paths[i][1]);
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),    cmocka_unit_test(test_binary),
        cmocka_unit_test(test_goes_on), cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_status),  cmocka_unit_test(test_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
