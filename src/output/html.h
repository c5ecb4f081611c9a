/* html: the bundled viewer with a timeline inside. */
#ifndef OUTPUT_HTML_H
#define OUTPUT_HTML_H

#include "timeline/timeline.h"

#include "base/buf.h"

/* Where the data goes in the page. */
#define HTML_MARK "<!--waitscope-data-->"

/* A timeline and what the page is to call it; NULL: as the page thinks fit. */
struct html_part {
    const struct timeline *tl;
    const char *name; /* to be cleaned */
};

/* Appends `page` with one timeline, or two that are compared, gzipped and in base64, in place of
 * HTML_MARK. 0; -EINVAL when the page has no such mark; -ENOMEM. */
int html_fill(const char *page, size_t len, const struct html_part *parts, size_t count,
              struct buf *out);

/* The page that the program carries (page.c). */
extern const char page_html[], page_html_end[];

#endif
