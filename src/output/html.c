#include "output/html.h"

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

int html_fill(const char *page, size_t len, const struct timeline *tl, struct buf *out)
{
    const char *mark = memmem(page, len, HTML_MARK, strlen(HTML_MARK));
    if (!mark)
        return -EINVAL;
    struct buf packed = BUF_INIT;
    int ret = gzip_timeline(tl, GZIP_LEVEL, &packed);
    if (ret == 0) {
        const char *rest = mark + strlen(HTML_MARK);
        buf_add(out, page, (size_t)(mark - page));
        buf_adds(out, "<script type=\"application/x-waitscope\" id=\"waitscope-data\">");
        add_base64(out, &packed);
        buf_adds(out, "</script>");
        buf_add(out, rest, len - (size_t)(rest - page));
        ret = out->failed ? -ENOMEM : 0;
    }
    buf_release(&packed);
    return ret;
}

int output_html(const struct timeline *tl, struct buf *out)
{
    return html_fill(page_html, (size_t)(page_html_end - page_html), tl, out);
}
