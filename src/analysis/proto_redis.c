#include "analysis/proto.h"

#include <ctype.h>
#include <string.h>

#define VERB_MAX 24
#define ARGS_MAX 1048576
#define BULK_MAX 536870912 /* proto-max-bulk-len */

/* Reads "<mark><digits>\r\n" at `at`; returns what is behind it, 0 when it is not there. */
static size_t number_line(const uint8_t *data, size_t len, size_t at, char mark, uint64_t *value)
{
    if (at >= len || data[at] != (uint8_t)mark)
        return 0;
    size_t i = at + 1;
    *value = 0;
    for (; i < len && isdigit(data[i]) && *value < BULK_MAX; i++)
        *value = *value * 10 + (uint64_t)(data[i] - '0');
    return i > at + 1 && i + 1 < len && data[i] == '\r' && data[i + 1] == '\n' ? i + 2 : 0;
}

static bool verb(struct buf *out, const uint8_t *text, size_t len)
{
    if (!len || len > VERB_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalpha(text[i]))
            return false;
    for (size_t i = 0; i < len; i++)
        buf_addc(out, (char)toupper(text[i]));
    return true;
}

/* "GET key\r\n", as people type it; "GET /" is the speech of browsers. */
static bool inline_request(const uint8_t *data, size_t len, struct proto_head *head)
{
    static const char *const verbs[] = {"PING", "GET", "SET", "INFO", "QUIT", "AUTH", "SELECT"};
    const uint8_t *eol = memchr(data, '\n', len);
    size_t n = 0;

    while (n < len && isalpha(data[n]))
        n++;
    if (n >= len || (data[n] != ' ' && data[n] != '\r' && data[n] != '\n') ||
        memmem(data, eol ? (size_t)(eol - data) : len, " /", 2) || !verb(&head->name, data, n))
        return false;
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(buf_str(&head->name), verbs[i]) == 0)
            return true;
    buf_clear(&head->name);
    return false;
}

/* "*2\r\n$3\r\nGET\r\n$1\r\na\r\n" */
static bool redis_request(const uint8_t *data, size_t len, struct proto_head *head)
{
    uint64_t args, size;
    size_t first = number_line(data, len, 0, '*', &args);
    if (!first)
        return inline_request(data, len, head);
    size_t text = number_line(data, len, first, '$', &size);
    if (!args || args > ARGS_MAX || !text || size > len - text ||
        !verb(&head->name, data + text, (size_t)size))
        return false;
    return true;
}

static int32_t redis_status(const uint8_t *data, size_t len)
{
    return len && data[0] == '-' ? -1 : 0;
}

const struct protocol proto_redis = {
    .name = "redis", .request = redis_request, .status = redis_status};
