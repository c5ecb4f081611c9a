/*
 * output: writes a timeline in one of the forms people read. One row here and one file each.
 *
 * An output appends to a buf and touches no file: src/cmd/ names, creates (temporary name, then
 * renamed) and compresses. 0 or -errno.
 */
#ifndef OUTPUT_OUTPUT_H
#define OUTPUT_OUTPUT_H

#include "base/buf.h"
#include "base/err.h"
#include "timeline/timeline.h"

/* The JSON timeline; its schema is viewer/timeline.schema.json. */
int output_json(const struct timeline *tl, struct buf *out);
/* The same, gzipped. */
int output_json_gz(const struct timeline *tl, struct buf *out);
/* The viewer as one self-contained page with the timeline inside. */
int output_html(const struct timeline *tl, struct buf *out);
/* `report --json`; its schema is viewer/report.schema.json. */
int output_report_json(const struct timeline *tl, struct buf *out);

struct text_options {
    unsigned width; /* columns of the terminal; 0: text of 100, tables not cut */
    int color;      /* 1: ANSI colours */
    unsigned rows;  /* requests and waits to list; 0: 10 */
};
/* The page of text that `report` prints. */
int output_text(const struct timeline *tl, const struct text_options *options, struct buf *out);

/* What `check` prints of a judgement by that budget; options->width is not used. Its JSON has the
 * schema viewer/check.schema.json. */
struct budget;
struct judgement;
int output_check_text(const struct timeline *tl, const struct budget *budget,
                      const struct judgement *j, const struct text_options *options,
                      struct buf *out);
int output_check_json(const struct timeline *tl, const struct budget *budget,
                      const struct judgement *j, struct buf *out);

/* What `diff` prints; its JSON has the schema viewer/diff.schema.json. */
struct diff;
int output_diff_text(const struct diff *diff, const struct text_options *options, struct buf *out);
int output_diff_json(const struct diff *diff, struct buf *out);
/* The viewer with both timelines inside, A and B. */
int output_diff_html(const struct diff *diff, struct buf *out);

/*
 * Writes `tl` to `path` in the form of its suffix (.json, .json.gz, .html): into a temporary file
 * beside it (0600, O_EXCL|O_NOFOLLOW), then linked to its final name, so that no half-written
 * file ever has it. -EEXIST when `path` exists, -EINVAL for an unknown suffix.
 */
int output_write(const struct timeline *tl, const char *path, struct err *e);
/* The same for the page of a comparison, whatever the suffix. */
int output_write_diff(const struct diff *diff, const char *path, struct err *e);
/* True for a path with a suffix that output_write() knows. */
int output_suffix_known(const char *path);

#endif
