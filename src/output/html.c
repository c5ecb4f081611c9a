#include "output/html.h"

#include "base/text.h"
#include "output/diff.h"
#include "output/lines.h"
#include "output/output.h"

#include <string.h>

/* Six bits a character, three bytes in four, "=" for bytes that are not there. Takes a stream in
 * pieces: what is left of one begins the next group. */
struct base64 {
    struct buf *out;
    unsigned char left[3];
    size_t len;
};

static char *base64_group(char *to, const unsigned char *p, size_t len)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned three =
        (unsigned)p[0] << 16 | (len > 1 ? (unsigned)p[1] << 8 : 0) | (len > 2 ? p[2] : 0);
    to[0] = alphabet[three >> 18];
    to[1] = alphabet[three >> 12 & 63];
    to[2] = len > 1 ? alphabet[three >> 6 & 63] : '=';
    to[3] = len > 2 ? alphabet[three & 63] : '=';
    return to + 4;
}

static int base64_take(void *ctx, const char *bytes, size_t len)
{
    struct base64 *b = ctx;
    const unsigned char *p = (const unsigned char *)bytes, *end = p + len;
    char *to = buf_room(b->out, len / 3 * 4 + 8);

    if (!to)
        return -ENOMEM;
    for (; p < end && b->len; p++) {
        b->left[b->len++] = *p;
        if (b->len < 3)
            continue;
        to = base64_group(to, b->left, 3);
        b->len = 0;
    }
    for (; end - p >= 3; p += 3)
        to = base64_group(to, p, 3);
    while (p < end)
        b->left[b->len++] = *p++;
    buf_end(b->out, to);
    return 0;
}

static int base64_end(struct base64 *b)
{
    char *to = buf_room(b->out, 4);

    if (!to)
        return -ENOMEM;
    buf_end(b->out, b->len ? base64_group(to, b->left, b->len) : to);
    return 0;
}

/* Of a path, which may tell more than a page that is passed on should. */
static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* The first is the page's own; the second is compared with it. */
static int add_part(struct buf *out, const struct html_part *part, size_t i)
{
    struct base64 data = {.out = out};
    buf_addf(out, "<script type=\"application/x-waitscope\" id=\"waitscope-data%s\"",
             i ? "-b" : "");
    if (part->name) {
        struct buf name = BUF_INIT;
        text_clean(&name, part->name, strlen(part->name));
        buf_adds(out, " data-name=\"");
        text_html(out, buf_str(&name));
        buf_addc(out, '"');
        out->failed |= name.failed;
        buf_release(&name);
    }
    buf_addc(out, '>');
    int ret = lines_gzip(part->tl, base64_take, &data);
    if (ret == 0)
        ret = base64_end(&data);
    buf_adds(out, "</script>");
    return ret;
}

int html_fill(const char *page, size_t len, const struct html_part *parts, size_t count,
              struct buf *out)
{
    const char *mark = memmem(page, len, HTML_MARK, strlen(HTML_MARK));
    if (!mark)
        return -EINVAL;
    const char *rest = mark + strlen(HTML_MARK);
    int ret = 0;
    buf_add(out, page, (size_t)(mark - page));
    for (size_t i = 0; i < count && ret == 0; i++)
        ret = add_part(out, &parts[i], i);
    buf_add(out, rest, len - (size_t)(rest - page));
    return ret < 0 ? ret : out->failed ? -ENOMEM : 0;
}

int output_html(const struct timeline *tl, struct buf *out)
{
    const struct html_part part = {.tl = tl};
    return html_fill(page_html, (size_t)(page_html_end - page_html), &part, 1, out);
}

int output_diff_html(const struct diff *diff, struct buf *out)
{
    const struct html_part parts[] = {{diff->a.tl, file_name(diff->a.file)},
                                      {diff->b.tl, file_name(diff->b.file)}};
    return html_fill(page_html, (size_t)(page_html_end - page_html), parts, 2, out);
}
