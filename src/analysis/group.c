#include "analysis/proto.h"

#include <ctype.h>
#include <string.h>

#define HEX_MIN 8

static bool all(const char *s, size_t len, int (*is)(int))
{
    for (size_t i = 0; i < len; i++)
        if (!is((unsigned char)s[i]))
            return false;
    return len > 0;
}

/* 8-4-4-4-12 hex digits */
static bool is_uuid(const char *s, size_t len)
{
    if (len != 36)
        return false;
    for (size_t i = 0; i < len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s[i] != '-' : !isxdigit((unsigned char)s[i]))
            return false;
    }
    return true;
}

/* Where the number at the end of "r175", "order-17" begins; 0: there is none that is an id. A
 * version ("v2") is none, nor one digit behind a word ("oauth2", "step3"). */
static size_t id_begin(const char *s, size_t len)
{
    size_t at = len, letters;

    while (at && isdigit((unsigned char)s[at - 1]))
        at--;
    letters = at;
    while (letters && isalpha((unsigned char)s[letters - 1]))
        letters--;
    if (at == len || !at)
        return 0;
    if (s[at - 1] == '-' || s[at - 1] == '_')
        return all(s, at - 1, isalpha) ? at : 0;
    if (letters || (at == 1 && (s[0] == 'v' || s[0] == 'V')))
        return 0;
    return at == 1 || len - at > 1 ? at : 0;
}

static void group_segment(struct buf *out, const char *s, size_t len)
{
    if (all(s, len, isdigit))
        buf_adds(out, ":n");
    else if (is_uuid(s, len))
        buf_adds(out, ":uuid");
    else if (len >= HEX_MIN && all(s, len, isxdigit))
        buf_adds(out, ":hex");
    else if (id_begin(s, len))
        buf_addf(out, "%.*s:n", (int)id_begin(s, len), s);
    else
        buf_add(out, s, len);
}

void group_path(struct buf *out, const char *path, size_t len)
{
    for (size_t i = 0; i < len;) {
        if (path[i] == '/') {
            buf_addc(out, '/');
            i++;
            continue;
        }
        const char *slash = memchr(path + i, '/', len - i);
        size_t n = slash ? (size_t)(slash - path) - i : len - i;
        group_segment(out, path + i, n);
        i += n;
    }
}
