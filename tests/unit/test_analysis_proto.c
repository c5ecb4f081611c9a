#include "analysis/proto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct row {
    const char *data, *protocol, *name, *group;
    uint64_t length;
};

static const struct row rows[] = {
    {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "http", "GET /", "GET /", 27},
    {"GET /db/10/4711?q=1&s=secret HTTP/1.1\r\n", "http", "GET /db/10/4711", "GET /db/:n/:n", 0},
    {"GET /a#b HTTP/1.0\r\n\r\n", "http", "GET /a", "GET /a", 21},
    {"POST /u/123e4567-e89b-12d3-a456-426614174000 HTTP/1.1\r\nContent-Length: 10\r\n\r\n", "http",
     "POST /u/123e4567-e89b-12d3-a456-426614174000", "POST /u/:uuid", 87},
    {"PUT /f/deadbeef/x HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", "http",
     "PUT /f/deadbeef/x", "PUT /f/:hex/x", 0},
    {"DELETE /f/deadbee/1x/ HTTP/1.1\r\n", "http", "DELETE /f/deadbee/1x/", "DELETE /f/deadbee/1x/",
     0},
    {"OPTIONS * HTTP/1.1\r\n", "http", "OPTIONS *", "OPTIONS *", 0},
    {"CONNECT example.org:443 HTTP/1.1\r\n", "http", "CONNECT example.org:443",
     "CONNECT example.org:443", 0},
    {"GET http://example.org/p/7 HTTP/1.1\r\n", "http", "GET /p/7", "GET /p/:n", 0},
    {"GET /long/path/that/is/cut/her", "http", "GET /long/path/that/is/cut/her…",
     "GET /long/path/that/is/cut/her…", 0},
    {"GET /whole", "http", "GET /whole", "GET /whole", 0}, /* as it is recorded */
    {"GET /whole/1 HTTP/1.1", "http", "GET /whole/1", "GET /whole/:n", 0},
    {"PRI * HTTP/2.0", "http2", "HTTP/2 connection", "", 0},
    {"*3\r\n$3\r\nSET", "redis", "SET", "", 0},
    {"GET key", "redis", "GET", "", 0},
    {"GET /a?cut", "http", "GET /a", "GET /a", 0},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2", "HTTP/2 connection", "", 0},
    {"*2\r\n$3\r\nget\r\n$1\r\na\r\n", "redis", "GET", "", 20},
    {"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$5000\r\nxxxx", "redis", "SET", "", 5029},
    {"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n", "redis", "PING", "", 14},
    {"PING\r\n", "redis", "PING", "", 6},
    {"get key\r\n", "redis", "GET", "", 9},
    {"\x16\x03\x01\x02\x01\x01", "tls", "TLS handshake", "", 0},
    {"\x17\x03\x03\x02\x01\x01", "tls", "TLS data", "", 0},
    {"GETTING /x HTTP/1.1 no\n", "http", "GETTING /x", "GETTING /x", 0},
    {"GET /x\r\n", "bytes", "", "bytes", 0},         /* HTTP/0.9 */
    {"get / HTTP/1.1\r\n", "bytes", "", "bytes", 0}, /* methods are upper case */
    {"*2\r\n$3\r\n\x01\x02\x03\r\n", "bytes", "", "bytes", 0},
    {"*0\r\n", "bytes", "", "bytes", 0},
    {"*99999999999999999999\r\n$1\r\nx\r\n", "bytes", "", "bytes", 0},
    {"hello", "bytes", "", "bytes", 0},
    {"", "bytes", "", "bytes", 0},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct proto_head head = {.cut = strstr(rows[i].data, "/cut/") != NULL};
        const struct protocol *p =
            proto_detect((const uint8_t *)rows[i].data, strlen(rows[i].data), &head);
        assert_string_equal(p->name, rows[i].protocol);
        assert_string_equal(buf_str(&head.name), rows[i].name);
        assert_string_equal(buf_str(&head.group), rows[i].group);
        assert_int_equal(head.length, rows[i].length);
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
            const struct protocol *p = proto_detect(copy, n, &head);
            assert_non_null(p);
            if (p->status)
                p->status(copy, n);
            if (p->interim)
                p->interim(copy, n);
            proto_http_length(copy, n);
            free(copy);
            buf_release(&head.name);
            buf_release(&head.group);
        }
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
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
