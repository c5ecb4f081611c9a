/*
 * cells: text measured in the columns of a terminal, cut and wrapped to them.
 *
 * Strings are UTF-8. Widths are the C library's wcwidth() in the thread's locale: the caller sets
 * a UTF-8 one with uselocale(); in another each character counts as one column.
 */
#ifndef OUTPUT_CELLS_H
#define OUTPUT_CELLS_H

#include "base/buf.h"

size_t cells_width(const char *s, size_t len);
/* Appends `s`, with "…" in its middle where it is wider than `width` (at least 1). */
void cells_cut(struct buf *out, const char *s, size_t len, size_t width);
/* Appends `s` broken at spaces into lines of at most `width` columns, where words allow it, each
 * with a line feed behind it. `first` stands before the first line and as many spaces as `hang`
 * before the others. A number stays with its unit. */
void cells_wrap(struct buf *out, const char *s, size_t len, const char *first, size_t hang,
                size_t width);

#endif
