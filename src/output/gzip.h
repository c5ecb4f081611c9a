/*
 * gzip: the gzipped JSON timeline as bytes, for the outputs that hold it.
 */
#ifndef OUTPUT_GZIP_H
#define OUTPUT_GZIP_H

#include "timeline/timeline.h"

#include "base/buf.h"

/*
 * zlib's level for timelines. Measured with tests/bench/gen_timeline.c, 1 M intervals and 20,000
 * requests, 27 MB: level 1 0.19 s 8.2 MB, 2 0.21 s 8.1 MB, 3 0.37 s 7.7 MB, 6 1.2 s 7.4 MB.
 */
#define GZIP_LEVEL 2

/* Appends the gzipped timeline, compressed while it is written; 0 or -errno. */
int gzip_timeline(const struct timeline *tl, int level, struct buf *out);

#endif
