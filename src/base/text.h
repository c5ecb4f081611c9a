/*
 * text: text that came from outside, made harmless; durations and sizes, read and written.
 *
 * What is captured (comm, paths, URLs) may hold anything. text_clean() is the one gate to the
 * model: after it a string is valid UTF-8 without control characters, bidirectional marks or
 * U+2028/2029, so no output has to think of terminals again. HTML and JSON still escape for
 * their own syntax.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

/* Appends `len` bytes of `bytes`: control characters (C0, DEL, C1), invalid UTF-8, bidirectional
 * marks (U+061C, U+200E, U+200F, U+202A-202E, U+2066-2069), U+2028, U+2029 and U+FEFF become
 * \xHH for each of their bytes; a backslash stays itself, so cleaning twice is cleaning once. */
void text_clean(struct buf *out, const void *bytes, size_t len);
/* The same from a NUL-terminated field of at most `size` bytes, such as a comm. */
void text_clean_field(struct buf *out, const char *field, size_t size);
/* Appends `s` as a JSON string with its quotes; also safe inside a <script> element
 * (<, >, & as \u003c …). `s` need not be valid UTF-8: it passes text_clean() first. */
void text_json(struct buf *out, const char *s);
/* Appends `s` with & < > " ' as entities. */
void text_html(struct buf *out, const char *s);

/* "10s", "1.5s", "250ms", "2m", "1h", "100us", "5ns"; a plain number is seconds.
 * 0, or -EINVAL when it is no duration or not above 0, -ERANGE when it does not fit. */
int text_parse_duration(const char *s, uint64_t *ns);
/* The same for a limit: 0 is one too ("0", "0ms"), and any other number needs its unit, as "5" may
 * be meant in any. 0 or -EINVAL. */
int text_parse_limit(const char *s, uint64_t *ns);
/* "5%", "0%", "0.5%": its share, 0 to 1. 0 or -EINVAL. */
int text_parse_share(const char *s, double *share);
/* "1T", "1G", "64M" or "64MiB", "512K", "4096"; powers of 1024, whole numbers. 0 or -EINVAL. */
int text_parse_size(const char *s, uint64_t *bytes);
/* Three significant figures with the unit: "7.21 ms", "183 us", "12.0 s", "0"; whole
 * nanoseconds: "7 ns"; "16.7 min" from 1000 s, "16.7 h" from 1000 min. */
void text_duration(struct buf *out, uint64_t ns);
/* "1.4 MB", "14.2 MB", "142 MB", "512 B"; powers of 1000. */
void text_size(struct buf *out, uint64_t bytes);
/* "1,234,567" */
void text_count(struct buf *out, uint64_t n);
/* "1 thread", "8,000 threads" */
void text_count_of(struct buf *out, uint64_t n, const char *noun);

#endif
