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

static void group_segment(struct buf *out, const char *s, size_t len)
{
    if (all(s, len, isdigit))
        buf_adds(out, ":n");
    else if (is_uuid(s, len))
        buf_adds(out, ":uuid");
    else if (len >= HEX_MIN && all(s, len, isxdigit))
        buf_adds(out, ":hex");
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
