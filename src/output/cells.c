#include "output/cells.h"

#include <string.h>
#include <wchar.h>

/* Bytes of the first character of `s` (len > 0), and its columns. */
static size_t next_char(const char *s, size_t len, size_t *columns)
{
    mbstate_t shift = {0};
    wchar_t c;
    size_t bytes = mbrtowc(&c, s, len, &shift);
    if (bytes == 0 || bytes > len) {
        /* Not this locale's: a column for each byte that begins a UTF-8 character. */
        *columns = ((unsigned char)*s & 0xc0) != 0x80;
        return 1;
    }
    int width = wcwidth(c);
    *columns = width < 0 ? 1 : (size_t)width;
    return bytes;
}

size_t cells_width(const char *s, size_t len)
{
    size_t sum = 0, columns;
    for (size_t i = 0; i < len; sum += columns)
        i += next_char(s + i, len - i, &columns);
    return sum;
}

/* Bytes from the begin of `s` that fill at most `width` columns. */
static size_t bytes_in(const char *s, size_t len, size_t width)
{
    size_t i = 0, sum = 0, columns;
    while (i < len) {
        size_t bytes = next_char(s + i, len - i, &columns);
        if (sum + columns > width)
            break;
        sum += columns;
        i += bytes;
    }
    return i;
}

void cells_cut(struct buf *out, const char *s, size_t len, size_t width)
{
    size_t whole = cells_width(s, len);
    if (whole <= width) {
        buf_add(out, s, len);
        return;
    }
    size_t keep = width ? width - 1 : 0, head = (keep + 1) / 2;
    buf_add(out, s, bytes_in(s, len, head));
    buf_adds(out, "…");
    /* From the first character on that leaves no more than the tail's columns. */
    size_t i = 0, left = whole, columns;
    while (i < len && left > keep - head) {
        i += next_char(s + i, len - i, &columns);
        left -= columns;
    }
    buf_add(out, s + i, len - i);
}

void cells_wrap(struct buf *out, const char *s, size_t len, const char *indent, size_t width)
{
    size_t margin = cells_width(indent, strlen(indent)), used = 0;
    for (size_t i = 0; i < len;) {
        size_t word = 0;
        while (i + word < len && s[i + word] != ' ')
            word++;
        size_t columns = cells_width(s + i, word);
        if (used && used + 1 + columns > width) {
            buf_addc(out, '\n');
            used = 0;
        }
        buf_adds(out, used ? " " : indent);
        used += used ? 1 : margin;
        buf_add(out, s + i, word);
        used += columns;
        i += word;
        while (i < len && s[i] == ' ')
            i++;
    }
    buf_addc(out, '\n');
}
