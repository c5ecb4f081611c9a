/*
 * part: pieces of JSON made with json-c: the header of the timeline and everything of the report
 * that is small and nested. The columns with millions of numbers are written without it.
 *
 * Errors stick in `out->failed`, as buf has it, so that nobody checks fifty calls: a NULL value
 * or a failed add sets it and the object goes on without the key. Keys must be string literals
 * (json-c keeps the pointer) and new to the object. Strings pass text_clean().
 */
#ifndef OUTPUT_PART_H
#define OUTPUT_PART_H

#include "output/sums.h"
#include "timeline/timeline.h"

#include "base/buf.h"

#include <json-c/json_object.h>

/* Each gives `value` to `to`, which owns it from then on. */
void part_add(struct buf *out, struct json_object *to, const char *key, struct json_object *value);
void part_append(struct buf *out, struct json_object *array, struct json_object *value);

void part_uint(struct buf *out, struct json_object *to, const char *key, uint64_t n);
void part_int(struct buf *out, struct json_object *to, const char *key, int64_t n);
void part_bool(struct buf *out, struct json_object *to, const char *key, bool yes);
void part_text(struct buf *out, struct json_object *to, const char *key, const char *s);
void part_null(struct buf *out, struct json_object *to, const char *key);
/* Six figures; null for what is no number, as JSON knows neither NaN nor infinity. */
void part_double(struct buf *out, struct json_object *to, const char *key, double n);

/* Values that are not yet anywhere. */
struct json_object *part_string(const char *s);
struct json_object *part_names(struct buf *out, const char *(*name)(unsigned), unsigned count);
struct json_object *part_uints(struct buf *out, const uint64_t *values, size_t count);
/* {"queued": 1, …}: one key for each of `count` values. */
struct json_object *part_named_uints(struct buf *out, const char *(*name)(unsigned),
                                     const uint64_t *values, unsigned count);

/* The same in the timeline and in the report, but for the keys of a window's times. */
/* "cost": what the recording itself cost; "window": of which recording the capture is the last
 * part. null where it is not known, and where it is all of it. */
void part_cost(struct buf *out, struct json_object *to, const struct timeline *tl);
void part_window(struct buf *out, struct json_object *to, const struct timeline *tl);
struct json_object *part_losses(struct buf *out, const struct timeline *tl, const char *start,
                                const char *end);
struct json_object *part_probes(struct buf *out, const struct timeline *tl);
/* With the sentences of verdict_text() as "text"; `sums` are the process's own. */
struct json_object *part_verdict(struct buf *out, const struct timeline *tl, uint32_t process,
                                 const struct process_sums *sums);

/* Appends `o` as text on one line and frees it. */
void part_write(struct buf *out, struct json_object *o);

#endif
