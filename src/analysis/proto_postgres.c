#include "analysis/proto.h"

#include <ctype.h>
#include <string.h>

#define WORD_MAX 12
/* Codes in a version's place, in the message that has no letter. */
#define VERSION_3 0x00030000u
#define CODE_CANCEL 80877102u
#define CODE_SSL 80877103u
#define CODE_GSS 80877104u

static const struct {
    char letter;
    const char *name;
} messages[] = {
    {'Q', "Query"},    {'P', "Parse"},    {'B', "Bind"},         {'E', "Execute"},
    {'D', "Describe"}, {'C', "Close"},    {'F', "FunctionCall"}, {'S', "Sync"},
    {'H', "Flush"},    {'p', "Password"}, {'X', "Terminate"},    {'d', "CopyData"},
    {'c', "CopyDone"}, {'f', "CopyFail"},
};

static const struct {
    uint32_t code;
    const char *name;
} startups[] = {
    {VERSION_3, "Startup"},
    {CODE_SSL, "SSLRequest"},
    {CODE_GSS, "GSSENCRequest"},
    {CODE_CANCEL, "CancelRequest"},
};

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* A letter and a length that counts itself; below 16 MB, so that its first byte is 0 and no text
 * looks like it. */
static bool is_message(const uint8_t *data, size_t len)
{
    return len >= 5 && !data[1] && be32(data + 1) >= 4;
}

static bool startup(const uint8_t *data, size_t len, struct proto_head *head)
{
    if (len < 8 || be32(data) < 8 || be32(data) > 10000) /* MAX_STARTUP_PACKET_LENGTH */
        return false;
    for (size_t i = 0; i < sizeof(startups) / sizeof(startups[0]); i++)
        if (be32(data + 4) == startups[i].code) {
            buf_adds(&head->name, startups[i].name);
            return true;
        }
    return false;
}

/* "Query" → "Query SELECT": the statement's first word, which is no data. */
static void add_word(struct buf *name, const uint8_t *data, size_t len)
{
    size_t n = 0;

    while (n < len && isalpha(data[n]))
        n++;
    if (!n || n > WORD_MAX)
        return;
    buf_addc(name, ' ');
    for (size_t i = 0; i < n; i++)
        buf_addc(name, (char)toupper(data[i]));
}

static bool postgres_request(const uint8_t *data, size_t len, struct proto_head *head)
{
    if (startup(data, len, head))
        return true;
    if (!is_message(data, len))
        return false;
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        if (data[0] != (uint8_t)messages[i].letter)
            continue;
        buf_adds(&head->name, messages[i].name);
        if (data[0] == 'Q')
            add_word(&head->name, data + 5, len - 5);
        if (data[0] == 'P' && len > 6 && !data[5]) /* behind the statement's own name */
            add_word(&head->name, data + 6, len - 6);
        return true;
    }
    return false;
}

static int32_t postgres_status(const uint8_t *data, size_t len)
{
    return is_message(data, len) && data[0] == 'E' ? -1 : 0;
}

/* A password that was asked for, what a COPY brings, and the good-bye. */
static bool postgres_goes_on(const uint8_t *data, size_t len, bool whole)
{
    (void)whole;
    return is_message(data, len) && data[0] && strchr("pdcfX", data[0]);
}

const struct protocol proto_postgres = {.name = "postgresql",
                                        .request = postgres_request,
                                        .status = postgres_status,
                                        .goes_on = postgres_goes_on};
