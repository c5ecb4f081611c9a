#include "output/output.h"
#include "output/sheet.h"

#include <stdlib.h>

#define WIDTH 100 /* unless told */
#define ROWS 10
#define LEAST_WIDTH 40

static void add_sections(struct sheet *sheet)
{
    sheet_header(sheet);
    sheet_processes(sheet);
    sheet_groups(sheet);
    sheet_slowest(sheet);
    sheet_waits(sheet);
    sheet_asks(sheet);
    sheet_holds(sheet);
    sheet_threads(sheet);
    sheet_legend(sheet);
}

void sheet_open(struct sheet *sheet, const struct text_options *options, struct buf *out)
{
    bool color = options->color;
    *sheet = (struct sheet){
        .out = out,
        .width = options->width ? options->width : WIDTH,
        .rows = options->rows ? options->rows : ROWS,
        .bold = color ? "\033[1m" : "",
        .dim = color ? "\033[2m" : "",
        .loud = color ? "\033[1;31m" : "",
        .plain = color ? "\033[0m" : "",
    };
    if (sheet->width < LEAST_WIDTH)
        sheet->width = LEAST_WIDTH;
    sheet->table_width = options->width ? sheet->width : 0;
    sheet->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    sheet->before = sheet->utf8 ? uselocale(sheet->utf8) : (locale_t)0;
}

void sheet_close(struct sheet *sheet)
{
    if (sheet->utf8) {
        uselocale(sheet->before);
        freelocale(sheet->utf8);
    }
}

int output_text(const struct timeline *tl, const struct text_options *options, struct buf *out)
{
    struct sheet sheet;
    sheet_open(&sheet, options, out);
    sheet.tl = tl;
    sheet.sums = sums_new(tl);
    if (sheet.sums)
        add_sections(&sheet);
    else
        out->failed = true;
    sheet_close(&sheet);
    free(sheet.sums);
    return out->failed ? -ENOMEM : 0;
}
