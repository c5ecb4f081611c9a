#include "output/sheet.h"

#include "base/text.h"

#include <string.h>

void sheet_title(struct sheet *sheet, const char *title, const char *remark)
{
    buf_addf(sheet->out, "\n%s%s%s", sheet->bold, title, sheet->plain);
    if (*remark)
        buf_addf(sheet->out, "  %s%s%s", sheet->dim, remark, sheet->plain);
    buf_addc(sheet->out, '\n');
}

void sheet_grid(struct sheet *sheet, struct grid *g)
{
    grid_print(g, sheet->table_width, sheet->dim, sheet->plain, sheet->out);
}

void sheet_more(struct sheet *sheet, size_t shown, size_t all, const char *what)
{
    if (shown >= all)
        return;
    buf_adds(sheet->out, "  … and ");
    text_count(sheet->out, all - shown);
    buf_addf(sheet->out, " more %s\n", what);
}

void sheet_share(struct buf *out, uint64_t part, uint64_t whole)
{
    if (!part || !whole)
        return;
    double percent = (double)part * 100 / (double)whole;
    if (percent < 0.5)
        buf_adds(out, "<1%");
    else
        buf_addf(out, "%.0f%%", percent);
}

void sheet_ledger_shares(struct buf *out, const uint64_t *ledger_ns, uint64_t whole_ns)
{
    bool used[LEDGER_COUNT] = {false};
    for (const char *before = "";; before = "  ") {
        int most = -1;
        for (int key = 0; key < LEDGER_COUNT; key++)
            if (!used[key] && (double)ledger_ns[key] > (double)whole_ns * 0.005 &&
                (most < 0 || ledger_ns[key] > ledger_ns[most]))
                most = key;
        if (most < 0)
            return;
        used[most] = true;
        buf_addf(out, "%s%s ", before, ledger_key_word((unsigned)most));
        sheet_share(out, ledger_ns[most], whole_ns);
    }
}

void sheet_call_on(struct buf *out, const struct timeline *tl, uint8_t state, uint32_t call1,
                   uint32_t object1)
{
    const char *call = call1 ? timeline_string(tl, call1 - 1) : "";
    const struct object *o = object1 ? &tl->objects.data[object1 - 1] : NULL;
    const char *name = o ? timeline_string(tl, o->name) : "";
    buf_adds(out, state_name(state));
    if (*call)
        buf_addf(out, " in %s", call);
    /* A lock without a name of its own is called as its call. */
    if (*name && strcmp(name, call) != 0)
        buf_addf(out, " on %s%s", name, o->deleted ? " (deleted)" : "");
}
