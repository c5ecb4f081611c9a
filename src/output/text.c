#include "output/output.h"
#include "output/sheet.h"

#include <locale.h>
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
    sheet_holds(sheet);
    sheet_threads(sheet);
    sheet_legend(sheet);
}

int output_text(const struct timeline *tl, const struct text_options *options, struct buf *out)
{
    bool color = options->color;
    struct sheet sheet = {
        .tl = tl,
        .out = out,
        .sums = sums_new(tl),
        .width = options->width ? options->width : WIDTH,
        .rows = options->rows ? options->rows : ROWS,
        .bold = color ? "\033[1m" : "",
        .dim = color ? "\033[2m" : "",
        .loud = color ? "\033[1;31m" : "",
        .plain = color ? "\033[0m" : "",
    };
    if (!sheet.sums)
        return -ENOMEM;
    if (sheet.width < LEAST_WIDTH)
        sheet.width = LEAST_WIDTH;
    /* For wcwidth(): the page is UTF-8 whatever the user's locale. */
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;
    add_sections(&sheet);
    if (utf8) {
        uselocale(before);
        freelocale(utf8);
    }
    free(sheet.sums);
    return out->failed ? -ENOMEM : 0;
}
