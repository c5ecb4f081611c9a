/*
 * lines: the JSON timeline, plain or gzipped, written by as many threads as there are processors
 * for it. Each writes, and packs, some lines of its own; they are handed on in order.
 */
#ifndef OUTPUT_LINES_H
#define OUTPUT_LINES_H

#include "timeline/timeline.h"

#include "base/buf.h"

/*
 * zlib's level for timelines. Measured with tests/bench/gen_timeline.c, 1 M intervals and 20,000
 * requests, 27 MB: level 1 0.19 s 8.2 MB, 2 0.21 s 8.1 MB, 3 0.37 s 7.7 MB, 6 1.2 s 7.4 MB.
 */
#define GZIP_LEVEL 2

/*
 * Hands over the timeline as a gzip file, in pieces that depend on the timeline alone: each is
 * packed for itself, and ends at a byte. 0 or -errno, that of take() too.
 */
int lines_gzip(const struct timeline *tl, int (*take)(void *ctx, const char *bytes, size_t len),
               void *ctx);

#endif
