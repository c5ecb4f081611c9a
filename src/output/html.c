#include "output/html.h"

#include "base/text.h"
#include "output/diff.h"
#include "output/gzip.h"
#include "output/output.h"

#include <string.h>

/* Six bits a character, three bytes in four, "=" for bytes that are not there. */
static void add_base64(struct buf *out, const struct buf *bytes)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)buf_str(bytes);
    for (size_t i = 0; i < bytes->len; i += 3) {
        size_t left = bytes->len - i;
        unsigned three = (unsigned)p[i] << 16 | (left > 1 ? (unsigned)p[i + 1] << 8 : 0) |
                         (left > 2 ? p[i + 2] : 0);
        char four[4] = {alphabet[three >> 18], alphabet[three >> 12 & 63],
                        left > 1 ? alphabet[three >> 6 & 63] : '=',
                        left > 2 ? alphabet[three & 63] : '='};
        buf_add(out, four, sizeof(four));
    }
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
    struct buf packed = BUF_INIT, name = BUF_INIT;
    int ret = gzip_timeline(part->tl, GZIP_LEVEL, &packed);
    if (ret == 0) {
        buf_addf(out, "<script type=\"application/x-waitscope\" id=\"waitscope-data%s\"",
                 i ? "-b" : "");
        if (part->name) {
            text_clean(&name, part->name, strlen(part->name));
            buf_adds(out, " data-name=\"");
            text_html(out, buf_str(&name));
            buf_addc(out, '"');
        }
        buf_addc(out, '>');
        add_base64(out, &packed);
        buf_adds(out, "</script>");
        out->failed |= name.failed;
    }
    buf_release(&name);
    buf_release(&packed);
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
