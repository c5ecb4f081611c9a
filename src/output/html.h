/* html: the bundled viewer with a timeline inside. */
#ifndef OUTPUT_HTML_H
#define OUTPUT_HTML_H

#include "timeline/timeline.h"

#include "base/buf.h"

/* Where the data goes in the page. */
#define HTML_MARK "<!--waitscope-data-->"

/* Appends `page` with the timeline, gzipped and in base64, in place of HTML_MARK. 0; -EINVAL
 * when the page has no such mark; -ENOMEM. */
int html_fill(const char *page, size_t len, const struct timeline *tl, struct buf *out);

/* The page that the program carries (page.c). */
extern const char page_html[], page_html_end[];

#endif
