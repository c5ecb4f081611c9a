/*
 * json: the JSON timeline, written line by line, for the outputs that hold it: plain, gzipped,
 * inside a page. README.md documents the format; the functions below are its pieces.
 */
#ifndef OUTPUT_JSON_H
#define OUTPUT_JSON_H

#include "timeline/timeline.h"

#include "base/buf.h"

/* Takes what `text` holds and clears it; 0 or -errno, which ends the writing. */
typedef int (*json_drain)(void *ctx, struct buf *text);

/*
 * Appends the timeline to `text` and calls `drain` behind each line, so that `text` never holds
 * more than one (a few megabytes). Without a drain everything stays in `text`. 0 or -errno.
 */
int json_write(const struct timeline *tl, struct buf *text, json_drain drain, void *ctx);

/* ---- between json.c, json_header.c, json_requests.c, json_asks.c and json_threads.c */

struct json {
    const struct timeline *tl;
    struct buf *text;
    json_drain drain;
    void *ctx;
};

/* `,"key":[`; then a comma before each element but the first. */
void json_open_array(struct json *j, const char *key);
void json_comma(struct json *j, bool first);
/* Ends a line and hands it on; 0 or -errno. */
int json_end_line(struct json *j);
/* Where a line ends that begins at `from` and takes `most` of `len` elements. */
size_t json_chunk(size_t from, size_t len, size_t most);

/* The header, without the bracket before and the line's end. */
void json_header(const struct timeline *tl, struct buf *out);
int json_requests(struct json *j);
int json_asks(struct json *j);
int json_threads(struct json *j);

#endif
