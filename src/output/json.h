/*
 * json: the JSON timeline, written line by line, for the outputs that hold it: plain, gzipped,
 * inside a page. README.md documents the format; the functions below are its pieces.
 */
#ifndef OUTPUT_JSON_H
#define OUTPUT_JSON_H

#include "timeline/timeline.h"

#include "base/buf.h"

/* A line of the timeline: elements [from, to) of one of its parts. */
struct json_line {
    unsigned part;
    size_t item; /* a thread, where the part has a line or more for each */
    size_t from, to;
};

/* The line behind `line`, or the first one of all behind {0}; false: there is none. */
bool json_next(const struct timeline *tl, struct json_line *line);
/* How much work it is, about; an interval's wait is 1. */
size_t json_weight(const struct json_line *line);
/* Appends it with its end. */
void json_add(const struct timeline *tl, const struct json_line *line, struct buf *text);

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
};

/* `,"key":[`; then a comma before each element but the first. */
void json_open_array(struct json *j, const char *key);
void json_comma(struct json *j, bool first);

/* A column of numbers: `,"key":[1,2,3]`. Behind json_open_array() each number ends in a comma, and
 * the last one's becomes the bracket. */
static inline void json_number(struct json *j, uint64_t n)
{
    struct buf *b = j->text;
    char *at = b->cap - b->len > BUF_DIGITS + 1 ? b->data + b->len : buf_room(b, BUF_DIGITS + 1);
    if (!at)
        return;
    if (n < 10)
        *at++ = (char)('0' + n);
    else
        at = buf_digits(at, n);
    *at++ = ',';
    b->len = (size_t)(at - b->data);
}

static inline void json_signed(struct json *j, int64_t n)
{
    if (n < 0)
        buf_addc(j->text, '-');
    json_number(j, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

/* `any`: there was a number. */
void json_close_numbers(struct json *j, bool any);

/* The header, without the bracket before and the line's end. */
void json_header(const struct timeline *tl, struct buf *out);
void json_requests(struct json *j, const struct json_line *line);
void json_asks(struct json *j, const struct json_line *line);
void json_threads(struct json *j, const struct json_line *line);

#endif
