#include "record/redact.h"

#include "bpf/events.h"
#include "record/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define UNKNOWN_KEEP 8
#define REDIS_KEEP 48 /* "*N\r\n$N\r\nVERB" of the longest verb */
#define WORD_MAX 12   /* of what is kept as a verb */

static bool is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}

static bool starts(const uint8_t *data, size_t len, const char *with)
{
    size_t n = strlen(with);

    return len >= n && !memcmp(data, with, n);
}

/* Where the line ends, or its part before a query. By hand: this runs for every request. */
static size_t line_end(const uint8_t *data, size_t from, size_t len)
{
    while (from < len && data[from] != '\r' && data[from] != '\n')
        from++;
    return from;
}

static size_t path_end(const uint8_t *data, size_t from, size_t len)
{
    size_t end = line_end(data, from, len);

    while (from < end && data[from] != '?' && data[from] != '#')
        from++;
    return from;
}

/* "GET /path?secret HTTP/1.1": up to the query, else to the line's end. Of what has no path
 * ("SET key secret", "AUTH secret") the verb and the blank. */
static size_t keep_http_request(uint8_t *data, size_t len, bool *cut)
{
    size_t verb = 0, keep;

    while (verb < len && is_upper(data[verb]))
        verb++;
    if (verb < 3 || verb > 16 || verb >= len || data[verb] != ' ')
        return 0;
    verb++;
    if (verb < len && data[verb] != '/' && data[verb] != '*' &&
        !starts(data + verb, len - verb, "http://") &&
        !starts(data + verb, len - verb, "https://") && !starts(data, len, "CONNECT "))
        return verb;
    keep = path_end(data, verb, len);
    *cut = keep == len;
    return keep;
}

static size_t keep_http_answer(uint8_t *data, size_t len, bool *cut)
{
    (void)cut;
    if (len < 5 || memcmp(data, "HTTP/", 5) != 0)
        return 0;
    return line_end(data, 0, len);
}

/* "*3\r\n$3\r\nSET\r\n$3\r\nkey…": up to the verb's end. An answer: its first byte and, of an
 * error, its word ("-ERR"). */
static size_t keep_redis(uint8_t *data, size_t len, bool *cut)
{
    size_t at = 0;

    (void)cut;
    if (len && (data[0] == '+' || data[0] == '-' || data[0] == ':' || data[0] == '$')) {
        at = 1;
        while (data[0] == '-' && at < len && is_upper(data[at]))
            at++;
        return at;
    }
    if (!len || data[0] != '*')
        return 0;
    for (int lines = 0; lines < 3 && at < len; lines++) {
        at = line_end(data, at, len);
        if (lines < 2)
            at += 2;
    }
    at = at < len ? at : len;
    return at <= REDIS_KEEP ? at : 0;
}

/* "get key", "VALUE key 0 5": the word, and the blank that shows its end. */
static size_t keep_word(uint8_t *data, size_t len, bool *cut)
{
    size_t n = 0;

    (void)cut;
    while (n < len && (is_lower(data[n]) || is_upper(data[n]) || data[n] == '_'))
        n++;
    if (!n || n > WORD_MAX || n >= len || (data[n] != ' ' && data[n] != '\r'))
        return 0;
    return n + 1;
}

/* PostgreSQL's Query and Parse: letter, length, and the statement's first word. Where Parse has
 * the statement's own name, an empty one stands then. */
static size_t keep_postgres(uint8_t *data, size_t len, bool *cut)
{
    size_t at = 5, to = 5, n = 0;

    (void)cut;
    if (len < 6 || (data[0] != 'Q' && data[0] != 'P') || data[1])
        return 0;
    if (data[0] == 'P') {
        while (at < len && data[at])
            at++;
        at++;
        data[to++] = '\0';
    }
    while (at < len && (data[at] == ' ' || data[at] == '\n' || data[at] == '\t'))
        at++;
    while (at + n < len && (is_upper(data[at + n]) || is_lower(data[at + n])))
        n++;
    if (!n || n > WORD_MAX || at + n >= len)
        return to;
    memmove(data + to, data + at, n);
    return to + n;
}

/* ---- FastCGI: the first record's head, then "METHOD /path" as the parameters say it */

#define FCGI_HEAD 8
#define FCGI_BEGIN_SIZE 16

struct fcgi_param {
    const uint8_t *name, *value;
    size_t name_len, value_len, at_hand; /* at_hand: of the value */
};

/* A length: one byte, or four when its top bit is set. */
static size_t fcgi_length(const uint8_t *data, size_t len, size_t at, size_t *value)
{
    if (at >= len)
        return 0;
    *value = data[at];
    if (!(data[at] & 0x80))
        return at + 1;
    if (len - at < 4)
        return 0;
    *value = (size_t)(data[at] & 0x7f) << 24 | (size_t)data[at + 1] << 16 |
             (size_t)data[at + 2] << 8 | data[at + 3];
    return at + 4;
}

/* The parameter at `at`; returns where the next one stands, 0 when its name is not at hand. */
static size_t fcgi_param(const uint8_t *data, size_t len, size_t at, struct fcgi_param *p)
{
    at = fcgi_length(data, len, at, &p->name_len);
    if (at)
        at = fcgi_length(data, len, at, &p->value_len);
    if (!at || p->name_len > len - at)
        return 0;
    p->name = data + at;
    at += p->name_len;
    p->value = data + at;
    p->at_hand = p->value_len < len - at ? p->value_len : len - at;
    return at + p->at_hand;
}

static bool fcgi_is(const struct fcgi_param *p, const char *name)
{
    return p->name_len == strlen(name) && !memcmp(p->name, name, p->name_len);
}

static size_t keep_fastcgi(uint8_t *data, size_t len, bool *cut)
{
    struct fcgi_param p, method = {0}, path = {0};
    size_t at = FCGI_BEGIN_SIZE + FCGI_HEAD, n = FCGI_HEAD;
    uint8_t name[IO_DATA_LARGE];
    size_t used = 0;

    if (len < FCGI_HEAD || data[0] != 1 || data[1] != 1 || data[7])
        return 0;
    if (len > IO_DATA_LARGE || len < at || data[FCGI_BEGIN_SIZE + 1] != 4)
        return n;
    while (at < len && (at = fcgi_param(data, len, at, &p))) {
        if (fcgi_is(&p, "REQUEST_METHOD"))
            method = p;
        if (fcgi_is(&p, "REQUEST_URI") || (!path.name && fcgi_is(&p, "SCRIPT_NAME")))
            path = p;
    }
    if (!path.at_hand || path.value[0] != '/' || method.at_hand + path.at_hand + 1 > sizeof(name))
        return n;
    memcpy(name, method.value ? method.value : data, method.at_hand);
    used = method.at_hand;
    name[used++] = ' ';
    for (size_t i = 0; i < path.at_hand && path.value[i] != '?'; i++)
        name[used++] = path.value[i];
    *cut = path.at_hand < path.value_len && used == method.at_hand + 1 + path.at_hand;
    if (used > len - n)
        return n;
    memcpy(data + n, name, used);
    return n + used;
}

/* The first that knows the bytes says how many of them stay. */
static size_t (*const keepers[])(uint8_t *, size_t, bool *) = {
    keep_http_request, keep_http_answer, keep_redis, keep_postgres, keep_fastcgi, keep_word,
};

static size_t keep_of(uint8_t *data, size_t len, bool *cut)
{
    for (size_t i = 0; i < sizeof(keepers) / sizeof(keepers[0]); i++) {
        size_t keep = keepers[i](data, len, cut);

        if (keep)
            return keep;
    }
    return len < UNKNOWN_KEEP ? len : UNKNOWN_KEEP;
}

void redact(struct event_io *io)
{
    size_t len = io->data_len, keep, room;
    struct message m;
    bool cut = false;

    if (len > io->event.size - offsetof(struct event_io, data))
        len = io->event.size - offsetof(struct event_io, data);
    m = message_measure(io->data, len, io->bytes);
    if (io->event.kind == EVENT_RECV && m.request && m.length && !m.at_least &&
        io->bytes > m.length)
        io->flags |= IO_SEVERAL;
    if (!(io->flags & IO_TURN) && !m.request) { /* the middle of something: nobody needs it */
        m.length = 0;
        len = 0;
    }
    keep = len ? keep_of(io->data, len, &cut) : 0;
    if (cut)
        io->flags |= IO_CUT;
    io->data_len = (uint16_t)keep;
    room = (keep + 7) & ~(size_t)7;
    memset(io->data + keep, 0, room - keep);
    if (io->event.kind == EVENT_RECV && m.length) {
        io->flags |= IO_LENGTH | (m.at_least ? IO_AT_LEAST : 0);
        memcpy(io->data + room, &m.length, sizeof(m.length));
        room += sizeof(m.length);
    }
    io->event.size = (uint16_t)(offsetof(struct event_io, data) + room);
}
