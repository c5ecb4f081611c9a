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

/* Bytes of the next word of `s`; "4.00 ms" and "93 %" are one. */
static size_t word_len(const char *s, size_t len)
{
    size_t word = 0;
    while (word < len && s[word] != ' ')
        word++;
    if (word && word < len && s[word - 1] >= '0' && s[word - 1] <= '9') {
        size_t unit = word + 1;
        while (unit < len && s[unit] != ' ')
            unit++;
        if (unit - word <= 4)
            word = unit;
    }
    return word;
}

void cells_wrap(struct buf *out, const char *s, size_t len, const char *first, size_t hang,
                size_t width)
{
    size_t used = cells_width(first, strlen(first));
    bool fresh = true; /* no word is on the line yet */
    buf_adds(out, first);
    for (size_t i = 0; i < len;) {
        size_t word = word_len(s + i, len - i), columns = cells_width(s + i, word);
        if (!fresh && used + 1 + columns > width) {
            buf_addf(out, "\n%*s", (int)hang, "");
            used = hang;
            fresh = true;
        }
        if (!fresh)
            buf_addc(out, ' ');
        used += columns + !fresh;
        fresh = false;
        buf_add(out, s + i, word);
        i += word;
        while (i < len && s[i] == ' ')
            i++;
    }
    buf_addc(out, '\n');
}
