#include "record/message.h"

#include <string.h>
#include <strings.h>

#define NUMBER_MAX 1000000000000u /* more is no length */

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static size_t be16(const uint8_t *p)
{
    return (size_t)p[0] << 8 | p[1];
}

static bool starts(const uint8_t *data, size_t len, const char *with)
{
    size_t n = strlen(with);

    return len >= n && !memcmp(data, with, n);
}

/* The digits at `at`; returns where they end, 0 when there are none or they say too much. */
static size_t number_at(const uint8_t *data, size_t len, size_t at, uint64_t *number)
{
    size_t from = at;

    for (*number = 0; at < len && is_digit(data[at]); at++) {
        *number = *number * 10 + (uint64_t)(data[at] - '0');
        if (*number > NUMBER_MAX)
            return 0;
    }
    return at > from ? at : 0;
}

/* Where the line at `at` ends with "\r\n", behind it; 0: not in sight. */
static size_t line_behind(const uint8_t *data, size_t len, size_t at)
{
    const uint8_t *eol = at < len ? memchr(data + at, '\n', len - at) : NULL;

    return eol && eol > data && eol[-1] == '\r' ? (size_t)(eol - data) + 1 : 0;
}

/* ---- HTTP/1, RFC 9112, 6.3: the length of the body */

struct http_head {
    size_t header; /* with the empty line at its end; 0: that is not in sight */
    bool sized;    /* content-length stands in whole lines */
    bool broken;   /* and says no number */
    uint64_t body; /* what it says */
    bool chunked;  /* transfer-encoding */
    bool upgrade;
    bool expect; /* 100-continue: the body may never be sent */
};

static bool header_is(const uint8_t *line, size_t len, const char *name)
{
    size_t n = strlen(name);

    return len > n && line[n] == ':' && !strncasecmp((const char *)line, name, n);
}

static void http_line(struct http_head *h, const uint8_t *line, size_t len)
{
    size_t at = sizeof("content-length:") - 1;

    h->chunked |= header_is(line, len, "transfer-encoding");
    h->upgrade |= header_is(line, len, "upgrade");
    h->expect |= header_is(line, len, "expect");
    if (!header_is(line, len, "content-length"))
        return;
    while (at < len && line[at] == ' ')
        at++;
    if (number_at(line, len, at, &h->body))
        h->sized = true;
    else
        h->broken = true;
}

/* By whole lines only: a number that is cut is another number. */
static struct http_head http_head(const uint8_t *data, size_t len)
{
    struct http_head h = {0};
    size_t at = line_behind(data, len, 0), next;

    for (; at && (next = line_behind(data, len, at)); at = next) {
        if (next == at + 2) {
            h.header = next;
            break;
        }
        http_line(&h, data + at, next - at);
    }
    return h;
}

static bool http_request(const uint8_t *data, size_t len)
{
    size_t n = 0;
    const uint8_t *eol;

    while (n < len && data[n] >= 'A' && data[n] <= 'Z')
        n++;
    if (n < 3 || n > 16 || n >= len || data[n] != ' ' || starts(data, len, "CONNECT ") ||
        starts(data, len, "PRI "))
        return false;
    eol = memchr(data, '\n', len);
    return eol && memmem(data, (size_t)(eol - data), " HTTP/1.", 8);
}

static bool is_bodyless_answer(const uint8_t *data, size_t len)
{
    return len >= 12 &&
           (data[9] == '1' || !memcmp(data + 9, "204", 3) || !memcmp(data + 9, "304", 3));
}

static bool http(const uint8_t *data, size_t len, uint32_t bytes, struct message *m)
{
    struct http_head h;

    (void)bytes;
    m->request = http_request(data, len);
    if (!m->request && !starts(data, len, "HTTP/1."))
        return false;
    h = http_head(data, len);
    if (!m->request && is_bodyless_answer(data, len)) {
        m->length = h.header;
        return true;
    }
    if (h.broken)
        return true;
    m->at_least = true;
    if (!h.header) {
        m->length = h.sized && !h.chunked && !h.expect ? len + h.body : 0;
    } else if (h.expect) {
        m->length = h.header;
    } else if (h.chunked || h.upgrade) { /* "0\r\n\r\n" is the least of a body in chunks */
        m->length = h.header + (h.chunked ? 5 : 0);
    } else if (h.sized || m->request) {
        m->at_least = false;
        m->length = h.header + h.body;
    }
    return true;
}

/* ---- Redis: "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n" */

/* The number behind `mark` at `at`, and where its line ends; 0 when there is none. */
static size_t redis_number(const uint8_t *data, size_t len, size_t at, char mark, uint64_t *number)
{
    if (at >= len || data[at] != (uint8_t)mark)
        return 0;
    at = number_at(data, len, at + 1, number);
    return at && at + 2 <= len && data[at] == '\r' && data[at + 1] == '\n' ? at + 2 : 0;
}

static bool redis_array(const uint8_t *data, size_t len, struct message *m)
{
    uint64_t parts, size, at = redis_number(data, len, 0, '*', &parts);

    if (!at)
        return false;
    m->request = parts > 0;
    for (; parts; parts--) {
        size_t body = at < len ? redis_number(data, len, (size_t)at, '$', &size) : 0;

        if (!body) { /* "+\r\n" is the least of a part */
            m->at_least = true;
            m->length = at + parts * 3;
            return at >= len || data[at] == '$';
        }
        at = body + size + 2;
    }
    m->length = at;
    return true;
}

static bool redis(const uint8_t *data, size_t len, uint32_t bytes, struct message *m)
{
    uint64_t size;
    size_t at;

    (void)bytes;
    if (!len)
        return false;
    if (data[0] == '*')
        return redis_array(data, len, m);
    at = redis_number(data, len, 0, '$', &size);
    if (at)
        m->length = at + size + 2;
    else if (strchr("+-:$", data[0]))
        m->length = line_behind(data, len, 0);
    return m->length;
}

/* ---- memcached */

/* The number that is the `nth` word of a line, from 0; false when it is not there. */
static bool word_number(const uint8_t *line, size_t len, int nth, uint64_t *number)
{
    size_t at = 0;

    for (; nth; nth--) {
        const uint8_t *blank = at < len ? memchr(line + at, ' ', len - at) : NULL;

        if (!blank)
            return false;
        at = (size_t)(blank - line) + 1;
    }
    at = number_at(line, len, at, number);
    return at && at < len && (line[at] == ' ' || line[at] == '\r');
}

/* "VALUE key 0 5\r\nhello\r\nEND\r\n" */
static void memcached_values(const uint8_t *data, size_t len, struct message *m)
{
    size_t at = 0, line;
    uint64_t size;

    while ((line = line_behind(data, len, at)) && starts(data + at, len - at, "VALUE ") &&
           word_number(data + at, line - at, 3, &size)) {
        m->length = line + size + 2;
        if (m->length >= len)
            break;
        at = (size_t)m->length;
    }
    if (!m->length)
        return;
    m->at_least = m->length >= len || !starts(data + at, len - at, "END\r\n");
    m->length += 5;
}

static bool memcached_binary(const uint8_t *data, size_t len, struct message *m)
{
    if (len < 24 || (data[0] != 0x80 && data[0] != 0x81) || data[5])
        return false;
    m->request = data[0] == 0x80;
    m->length = 24 + (uint64_t)be32(data + 8);
    return true;
}

static bool memcached(const uint8_t *data, size_t len, uint32_t bytes, struct message *m)
{
    static const char *const stores[] = {"set ",     "add ", "replace ", "append ",
                                         "prepend ", "cas ", "ms "};
    static const char *const lines[] = {"get ",  "gets ", "gat ",   "gats ", "delete ", "incr ",
                                        "decr ", "mg ",   "touch ", "md ",   "ma "};
    size_t line = line_behind(data, len, 0);
    uint64_t size;

    (void)bytes;
    if (memcached_binary(data, len, m))
        return true;
    if (starts(data, len, "VALUE ")) {
        memcached_values(data, len, m);
        return true;
    }
    for (size_t i = 0; line && i < sizeof(stores) / sizeof(stores[0]); i++)
        if (starts(data, len, stores[i])) {
            m->request = true;
            if (word_number(data, line, stores[i][0] == 'm' ? 2 : 4, &size))
                m->length = line + size + 2;
            return true;
        }
    for (size_t i = 0; line && i < sizeof(lines) / sizeof(lines[0]); i++)
        if (starts(data, len, lines[i])) {
            m->request = true;
            m->length = line;
            return true;
        }
    return false;
}

/* ---- PostgreSQL, protocol 3: a letter, then 4 bytes of length that count themselves */

#define POSTGRES_CHAIN 64

/* Ends a chain of messages: ReadyForQuery, Sync, or what stands alone: Query, Terminate,
 * FunctionCall, a password and the call for one, CopyInResponse, CopyBothResponse. */
static bool postgres_ends(const uint8_t *p, size_t len, uint32_t size)
{
    if (p[0] == 'S')
        return size == 4; /* else it is ParameterStatus */
    if (p[0] == 'R')
        return len >= 9 && be32(p + 5) != 0; /* else it is AuthenticationOk */
    return strchr("ZQXFpGW", p[0]);
}

static bool postgres(const uint8_t *data, size_t len, uint32_t bytes, struct message *m)
{
    uint64_t at = 0;

    for (int i = 0; i < POSTGRES_CHAIN; i++) {
        if (at + 5 > len) {
            m->at_least = i > 0;
            m->length = i > 0 ? at + 5 : 0;
            return i > 0;
        }
        const uint8_t *p = data + at;
        uint32_t size = be32(p + 1);
        if (!p[0] || !strchr("QPBEDCHSXFpTZKRNAInst123dcGWV", p[0]) || p[1] || size < 4)
            return false;
        at += 1 + (uint64_t)size;
        if (!i && at > bytes)
            return false;
        if (postgres_ends(p, len - (size_t)(p - data), size)) {
            m->request = !strchr("ZRGW", p[0]);
            m->length = at;
            return true;
        }
    }
    return false;
}

/* ---- FastCGI 1.0, 3.3: version, type, id (2), length (2), padding, reserved */

enum {
    FCGI_HEAD = 8,
    FCGI_BEGIN = 1,
    FCGI_END = 3,
    FCGI_STDIN = 5,
    FCGI_STDOUT = 6,
    FCGI_STDERR = 7
};

static bool fastcgi(const uint8_t *data, size_t len, uint32_t bytes, struct message *m)
{
    uint64_t at = 0;

    (void)bytes;
    if (len < FCGI_HEAD || data[0] != 1 || data[7] ||
        !((data[1] == FCGI_BEGIN && be16(data + 4) == 8) || data[1] == FCGI_STDOUT ||
          data[1] == FCGI_STDERR))
        return false;
    m->request = data[1] == FCGI_BEGIN;
    while (at + FCGI_HEAD <= len) {
        const uint8_t *p = data + at;
        size_t size = be16(p + 4);

        if (p[0] != 1)
            return false;
        at += FCGI_HEAD + size + p[6];
        m->length = at;
        if (p[1] == (m->request ? FCGI_STDIN : FCGI_END) && (!m->request || !size))
            return true;
    }
    m->at_least = true;
    m->length += 2 * FCGI_HEAD; /* two empty records; or the end's */
    return true;
}

/* ---- TLS: type, version 3.x, length. A message may take several records. */

static bool tls(const uint8_t *data, size_t len, uint32_t bytes, struct message *m)
{
    (void)bytes;
    if (len < 5 || data[0] < 0x14 || data[0] > 0x17 || data[1] != 3 || data[2] > 4)
        return false;
    m->request = true;
    m->at_least = true;
    m->length = 5 + be16(data + 3);
    return true;
}

static bool (*const measures[])(const uint8_t *, size_t, uint32_t, struct message *) = {
    http, redis, memcached, fastcgi, tls, postgres,
};

struct message message_measure(const uint8_t *data, size_t len, uint32_t bytes)
{
    for (size_t i = 0; len && i < sizeof(measures) / sizeof(measures[0]); i++) {
        struct message m = {0};

        if (measures[i](data, len, bytes, &m))
            return m;
    }
    return (struct message){0};
}
