#include "record/redact.h"

#include "bpf/events.h"

#include <stddef.h>
#include <string.h>

#define UNKNOWN_KEEP 8
#define REDIS_KEEP 48 /* "*N\r\n$N\r\nVERB" of the longest verb */

static int is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
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

/* "GET /path?secret HTTP/1.1": up to the query, else to the line's end. */
static size_t keep_http_request(const uint8_t *data, size_t len)
{
    size_t verb = 0;

    while (verb < len && is_upper(data[verb]))
        verb++;
    if (verb < 3 || verb > 16 || verb >= len || data[verb] != ' ')
        return 0;
    return path_end(data, verb, len);
}

static size_t keep_http_answer(const uint8_t *data, size_t len)
{
    if (len < 5 || memcmp(data, "HTTP/", 5) != 0)
        return 0;
    return line_end(data, 0, len);
}

/* "*3\r\n$3\r\nSET\r\n$3\r\nkey…": up to the verb's end. An answer: its first byte and, of an
 * error, its word ("-ERR"). */
static size_t keep_redis(const uint8_t *data, size_t len)
{
    size_t at = 0;

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

/* The number behind a '*' or '$' at `at`, and where its line ends; 0 when there is none. */
static size_t redis_number(const uint8_t *data, size_t len, size_t at, char mark, size_t *number)
{
    size_t n = 0, digits = 0;

    if (at >= len || data[at++] != (uint8_t)mark)
        return 0;
    while (at < len && data[at] >= '0' && data[at] <= '9' && digits++ < 9)
        n = n * 10 + (size_t)(data[at++] - '0');
    *number = n;
    return digits && at + 2 <= len && data[at] == '\r' && data[at + 1] == '\n' ? at + 2 : 0;
}

/* Length of the Redis command at the begin, when all of its parts' lengths are in sight; 0: not. */
static size_t redis_length(const uint8_t *data, size_t len)
{
    size_t parts, size, at = redis_number(data, len, 0, '*', &parts);

    for (; at && parts; parts--) {
        at = redis_number(data, len, at, '$', &size);
        if (at)
            at += size + 2;
    }
    return at;
}

/* Length of an HTTP request that has no body, when its header ends in sight; 0: not. */
static size_t http_length(const uint8_t *data, size_t len)
{
    if (len < 5 || (memcmp(data, "GET ", 4) != 0 && memcmp(data, "HEAD ", 5) != 0))
        return 0;
    for (size_t at = 4; at + 4 <= len; at++)
        if (!memcmp(data + at, "\r\n\r\n", 4))
            return at + 4;
    return 0;
}

static int holds_several(const struct event_io *io, size_t len)
{
    size_t length = redis_length(io->data, len);

    if (!length)
        length = http_length(io->data, len);
    return length && io->bytes > length;
}

void redact(struct event_io *io)
{
    size_t len = io->data_len, keep;

    if (len > io->event.size - offsetof(struct event_io, data))
        len = io->event.size - offsetof(struct event_io, data);
    if (io->event.kind == EVENT_RECV && holds_several(io, len))
        io->flags |= IO_SEVERAL;
    keep = keep_http_request(io->data, len);
    if (keep && keep == len)
        io->flags |= IO_CUT;
    if (!keep)
        keep = keep_http_answer(io->data, len);
    if (!keep)
        keep = keep_redis(io->data, len);
    if (!keep)
        keep = len < UNKNOWN_KEEP ? len : UNKNOWN_KEEP;
    io->data_len = (uint16_t)keep;
    memset(io->data + keep, 0, ((keep + 7) & ~(size_t)7) - keep);
    io->event.size = (uint16_t)((offsetof(struct event_io, data) + keep + 7) & ~(size_t)7);
}
