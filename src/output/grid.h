/*
 * grid: a table of text with aligned columns that fits a width.
 *
 *     grid_init(&g, columns, 2);
 *     buf_adds(grid_text(&g), "read");  grid_next(&g);
 *     text_duration(grid_text(&g), ns); grid_next(&g);
 *     buf_adds(grid_text(&g), "a line of its own under the row"); grid_note(&g);
 *     grid_print(&g, ...);
 *     grid_release(&g);
 *
 * A failed allocation shows in the buf that grid_print() appends to.
 */
#ifndef OUTPUT_GRID_H
#define OUTPUT_GRID_H

#include "base/buf.h"
#include "base/vec.h"

#define GRID_COLUMNS 20 /* at most */

enum grid_cut { /* what may happen to a cell when the table is too wide */
                GRID_WHOLE,
                GRID_MIDDLE, /* cut in the middle, with "…" there */
                GRID_NAME,   /* the same, and some 24 columns of it stay */
                GRID_ITEMS,  /* it is a list with two spaces between items: the last ones go */
                GRID_SPARE,  /* the column goes; of several the last one first */
};

struct grid_column {
    const char *title;
    bool right; /* aligned to the right */
    enum grid_cut cut;
};

struct grid_span {
    size_t start, len;
};

struct grid {
    struct grid_column columns[GRID_COLUMNS];
    unsigned count;
    struct buf text; /* cells and notes, one behind the other */
    size_t from;     /* where the cell at hand begins */
    VEC(struct grid_span) cells;
    VEC(struct grid_span) notes; /* one for each whole row, maybe empty */
    bool failed;
};

void grid_init(struct grid *g, const struct grid_column *columns, unsigned count);
/* Where the text of the next cell, or of a note, is to be appended. */
struct buf *grid_text(struct grid *g);
/* Ends the cell; the row ends with its last column. */
void grid_next(struct grid *g);
/* Ends a note, a line of its own under the row before. One for each row. */
void grid_note(struct grid *g);
size_t grid_rows(const struct grid *g);
/* The least columns that the table can be cut to, as long as no column goes. */
size_t grid_least(const struct grid *g);
/* Appends the table: titles, rows, each line indented by two columns. A `width` of 0 is none: only
 * what no name should be, more than 200 columns, is cut. Once for each table. `dim` is put before
 * the line of titles and `plain` behind it: "" or a terminal's colours. */
void grid_print(struct grid *g, size_t width, const char *dim, const char *plain, struct buf *out);
void grid_release(struct grid *g);

#endif
