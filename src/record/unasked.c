#include "record/unasked.h"

#include <string.h>
#include <strings.h>

/* RFC 6455, 5.2: reserved bits 0, an opcode that is known, and a client's frames are masked. No
 * request of the protocols that the analysis names begins so. */
static bool is_web_socket(const uint8_t *data, size_t len)
{
    unsigned opcode;

    if (len < 2 || data[0] & 0x70 || !(data[1] & 0x80))
        return false;
    opcode = data[0] & 0x0f;
    return opcode <= 2 || (opcode >= 8 && opcode <= 10);
}

#define ANY_LENGTH UINT32_MAX
#define HTTP2_FRAME_MAX 16384 /* unless another size was agreed on, which is rare */

/* RFC 9113, 6: what a frame's head may hold. Streams are a client's, which have odd numbers. */
static const struct frame_type {
    uint32_t length;
    uint8_t flags; /* those that are defined */
    bool stream, connection;
} frame_types[] = {
    {ANY_LENGTH, 0x09, true, false}, /* DATA */
    {ANY_LENGTH, 0x2d, true, false}, /* HEADERS */
    {5, 0, true, false},             /* PRIORITY */
    {4, 0, true, false},             /* RST_STREAM */
    {ANY_LENGTH, 0x01, false, true}, /* SETTINGS */
    {ANY_LENGTH, 0x0c, true, false}, /* PUSH_PROMISE */
    {8, 0x01, false, true},          /* PING */
    {ANY_LENGTH, 0, false, true},    /* GOAWAY */
    {4, 0, true, true},              /* WINDOW_UPDATE */
    {ANY_LENGTH, 0x04, true, false}, /* CONTINUATION */
};

#define DATA 0
#define SETTINGS 4

static bool is_http2_frame(const uint8_t *data, size_t len)
{
    uint32_t length, stream;
    const struct frame_type *type;

    if (len < 9 || data[3] >= sizeof(frame_types) / sizeof(*frame_types))
        return false;
    type = &frame_types[data[3]];
    length = (uint32_t)data[0] << 16 | (uint32_t)data[1] << 8 | data[2];
    stream = (uint32_t)data[5] << 24 | (uint32_t)data[6] << 16 | (uint32_t)data[7] << 8 | data[8];
    if (length > HTTP2_FRAME_MAX || data[4] & ~type->flags || stream >> 31)
        return false;
    if (data[3] == SETTINGS && (length % 6 || (data[4] && length)))
        return false;
    /* Nothing is sent for nothing: but for settings taken, and for the end of a stream's data. */
    if (!length && data[3] != SETTINGS && (data[3] != DATA || !data[4]))
        return false;
    return (type->length == ANY_LENGTH || type->length == length) &&
           (stream ? type->stream && stream % 2 : type->connection);
}

static bool is_http2(const uint8_t *data, size_t len)
{
    static const char preface[] = "PRI * HTTP/2.0";
    size_t n = sizeof(preface) - 1;

    return (len >= n && !memcmp(data, preface, n)) || is_http2_frame(data, len);
}

/* The digits of a line of Redis's protocol and its end: "3\r\n" at `at`; 0: it is none. */
static size_t line_number(const uint8_t *data, size_t len, size_t at, size_t *number)
{
    *number = 0;
    for (; at < len && data[at] >= '0' && data[at] <= '9' && *number < 1000; at++)
        *number = *number * 10 + (data[at] - '0');
    return at + 2 <= len && data[at] == '\r' && data[at + 1] == '\n' ? at + 2 : 0;
}

/* "*3\r\n$8\r\nREPLCONF…" */
static bool is_redis_stream(const uint8_t *data, size_t len)
{
    static const char *const verbs[] = {"REPLCONF",   "PSYNC",      "SYNC",   "SUBSCRIBE",
                                        "PSUBSCRIBE", "SSUBSCRIBE", "MONITOR"};
    size_t words, length, at = len && data[0] == '*' ? line_number(data, len, 1, &words) : 0;

    if (!at || at >= len || data[at] != '$')
        return false;
    at = line_number(data, len, at + 1, &length);
    if (!at || length > len - at)
        return false;
    for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
        if (strlen(verbs[i]) == length && !strncasecmp((const char *)data + at, verbs[i], length))
            return true;
    return false;
}

bool unasked_recv(const uint8_t *data, size_t len)
{
    return is_web_socket(data, len) || is_http2(data, len) || is_redis_stream(data, len);
}

bool unasked_send(const uint8_t *data, size_t len)
{
    return is_http2_frame(data, len);
}
