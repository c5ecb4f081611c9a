#include "output/grid.h"

#include "output/cells.h"

#include <string.h>

#define MARGIN "  "
#define GAP 2
/* A column is not cut to less, nor to less than its title. */
#define LEAST 12
#define LEAST_NAME 24
#define MOST 200 /* of a cell where the table has no width: a capture's names are a stranger's */
#define NOTE_INDENT "        "

void grid_init(struct grid *g, const struct grid_column *columns, unsigned count)
{
    *g = (struct grid){.count = count};
    memcpy(g->columns, columns, count * sizeof(*columns));
}

struct buf *grid_text(struct grid *g)
{
    return &g->text;
}

/* What was appended since the last call. */
static struct grid_span take(struct grid *g)
{
    struct grid_span span = {g->from, g->text.len - g->from};
    g->from = g->text.len;
    return span;
}

void grid_next(struct grid *g)
{
    struct grid_span none = {0, 0};
    if (vec_push(&g->cells, take(g)) < 0)
        g->failed = true;
    else if (g->cells.len % g->count == 0 && vec_push(&g->notes, none) < 0)
        g->failed = true;
}

void grid_note(struct grid *g)
{
    if (g->notes.len)
        *vec_last(&g->notes) = take(g);
}

size_t grid_rows(const struct grid *g)
{
    return g->notes.len;
}

static const char *span_text(const struct grid *g, struct grid_span span)
{
    return buf_str(&g->text) + span.start;
}

static void measure(const struct grid *g, size_t *widths)
{
    for (unsigned c = 0; c < g->count; c++)
        widths[c] = cells_width(g->columns[c].title, strlen(g->columns[c].title));
    for (size_t i = 0; i < g->notes.len * g->count; i++) {
        struct grid_span cell = g->cells.data[i];
        size_t width = cells_width(span_text(g, cell), cell.len);
        if (width > widths[i % g->count])
            widths[i % g->count] = width;
    }
}

/* What a column of that width may be cut to. */
static size_t least_of(const struct grid_column *column, size_t width)
{
    if (column->cut == GRID_WHOLE || column->cut == GRID_SPARE)
        return width;
    size_t least = column->cut == GRID_NAME ? LEAST_NAME : LEAST, title = strlen(column->title);
    least = least > title ? least : title;
    return least < width ? least : width;
}

static size_t sum_of(const struct grid *g, const size_t *widths)
{
    size_t sum = strlen(MARGIN);
    for (unsigned c = 0; c < g->count; c++)
        sum += widths[c] + (c ? GAP : 0);
    return sum;
}

static size_t least_sum(const struct grid *g, const size_t *widths)
{
    size_t least[GRID_COLUMNS] = {0};
    for (unsigned c = 0; c < g->count; c++)
        least[c] = least_of(&g->columns[c], widths[c]);
    return sum_of(g, least);
}

size_t grid_least(const struct grid *g)
{
    size_t widths[GRID_COLUMNS] = {0};
    measure(g, widths);
    return least_sum(g, widths);
}

/* Makes columns go, the last one first, until the rest can be cut to fit. */
static void spare(struct grid *g, size_t *widths, size_t width)
{
    for (unsigned c = g->count; c-- > 0 && least_sum(g, widths) > width;) {
        if (g->columns[c].cut != GRID_SPARE)
            continue;
        size_t kept = 0;
        for (size_t i = 0; i < g->cells.len; i++)
            if (i % g->count != c)
                g->cells.data[kept++] = g->cells.data[i];
        g->cells.len = kept;
        g->count--;
        memmove(&g->columns[c], &g->columns[c + 1], (g->count - c) * sizeof(*g->columns));
        memmove(&widths[c], &widths[c + 1], (g->count - c) * sizeof(*widths));
    }
}

/* Takes from the widest columns that may shrink until the table fits or they are all small. */
static void shrink(const struct grid *g, size_t *widths, size_t width)
{
    for (size_t total = sum_of(g, widths); total > width; total--) {
        unsigned widest = g->count;
        for (unsigned c = 0; c < g->count; c++)
            if (widths[c] > least_of(&g->columns[c], widths[c]) &&
                (widest == g->count || widths[c] > widths[widest]))
                widest = c;
        if (widest == g->count)
            return;
        widths[widest]--;
    }
}

static void spaces(struct buf *out, size_t count)
{
    buf_addf(out, "%*s", (int)count, "");
}

/* The bytes of the first items of `s` that fit; the first one always stays. */
static size_t whole_items(const char *s, size_t len, size_t width)
{
    while (cells_width(s, len) > width) {
        size_t end = len;
        while (end > 1 && !(s[end - 1] == ' ' && s[end - 2] == ' '))
            end--;
        if (end < 2)
            break;
        len = end - 2;
    }
    return len;
}

/* `last`: nothing follows, so that no space stands at the end of the line. */
static void print_cell(const struct grid *g, unsigned c, const char *s, size_t len, size_t width,
                       bool last, struct buf *out)
{
    if (g->columns[c].cut == GRID_ITEMS)
        len = whole_items(s, len, width);
    size_t used = cells_width(s, len);
    size_t pad = used < width ? width - used : 0;
    if (g->columns[c].right)
        spaces(out, pad);
    cells_cut(out, s, len, width);
    if (!g->columns[c].right && !last)
        spaces(out, pad);
    if (!last)
        spaces(out, GAP);
}

static void print_titles(const struct grid *g, const size_t *widths, struct buf *out)
{
    buf_adds(out, MARGIN);
    for (unsigned c = 0; c < g->count; c++) {
        const char *title = g->columns[c].title;
        print_cell(g, c, title, strlen(title), widths[c], c + 1 == g->count, out);
    }
}

static void print_row(const struct grid *g, size_t row, const size_t *widths, size_t width,
                      struct buf *out)
{
    const struct grid_span *cells = &g->cells.data[row * g->count];
    unsigned last = g->count - 1;
    while (last > 0 && !cells[last].len)
        last--;
    buf_adds(out, MARGIN);
    for (unsigned c = 0; c <= last; c++)
        print_cell(g, c, span_text(g, cells[c]), cells[c].len, widths[c], c == last, out);
    buf_addc(out, '\n');
    struct grid_span note = g->notes.data[row];
    if (note.len) {
        size_t indent = strlen(NOTE_INDENT);
        buf_adds(out, NOTE_INDENT);
        cells_cut(out, span_text(g, note), note.len, width > indent ? width - indent : 1);
        buf_addc(out, '\n');
    }
}

void grid_print(struct grid *g, size_t width, const char *dim, const char *plain, struct buf *out)
{
    size_t widths[GRID_COLUMNS] = {0};
    measure(g, widths);
    if (width) {
        spare(g, widths, width);
        shrink(g, widths, width);
    } else {
        width = MOST;
        for (unsigned c = 0; c < g->count; c++)
            widths[c] = widths[c] < MOST ? widths[c] : MOST;
    }
    buf_adds(out, dim);
    print_titles(g, widths, out);
    buf_addf(out, "%s\n", plain);
    for (size_t row = 0; row < g->notes.len; row++)
        print_row(g, row, widths, width, out);
    out->failed |= g->failed || g->text.failed;
}

void grid_release(struct grid *g)
{
    buf_release(&g->text);
    vec_release(&g->cells);
    vec_release(&g->notes);
}
