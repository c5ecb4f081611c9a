#include "output/asked.h"
#include "output/sheet.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>

/* Columns that say nothing everywhere are left out. */
struct shown {
    bool pid, unanswered, nobodys;
};

static struct shown columns_of(const struct asked_list *list)
{
    struct shown shown = {false, false, false};
    for (size_t i = 0; i < list->all.len; i++) {
        const struct asked *row = &list->all.data[i];
        shown.pid |= row->process != list->all.data[0].process;
        shown.unanswered |= row->replies < row->questions;
        shown.nobodys |= row->nobodys > 0;
    }
    return shown;
}

static void add_time(struct grid *g, bool known, uint64_t ns)
{
    if (known)
        text_duration(grid_text(g), ns);
    else
        buf_addc(grid_text(g), '-');
    grid_next(g);
}

static void add_count(struct grid *g, uint64_t count)
{
    text_count(grid_text(g), count);
    grid_next(g);
}

static void add_row(struct sheet *sheet, struct grid *g, const struct asked *row,
                    struct shown shown, uint64_t whole_ns)
{
    const struct timeline *tl = sheet->tl;

    buf_adds(grid_text(g), timeline_string(tl, row->name));
    grid_next(g);
    if (shown.pid) {
        buf_addu(grid_text(g), tl->processes.data[row->process].pid);
        grid_next(g);
    }
    add_count(g, row->questions);
    if (shown.unanswered)
        add_count(g, row->questions - row->replies);
    if (shown.nobodys)
        add_count(g, row->nobodys);
    add_count(g, row->requests);
    add_time(g, row->replies, row->replies ? row->sum_ns / row->replies : 0);
    add_time(g, row->replies, row->p99_ns);
    add_time(g, row->longest_ask1, row->longest_ns);
    add_time(g, true, row->awaiting_ns + row->blocked_ns);
    sheet_share(grid_text(g), row->awaiting_ns + row->blocked_ns, whole_ns);
    grid_next(g);
    const struct request *r = ask_request(tl, row->longest_ask1);
    if (r)
        buf_addf(grid_text(g), "#%" PRIu64 " %s", r->id, timeline_string(tl, r->name));
    grid_next(g);
}

/* By process: the time of all its requests, answered or not. */
static uint64_t *whole_times(const struct timeline *tl)
{
    uint64_t *whole = calloc(tl->processes.len + 1, sizeof(*whole));
    for (size_t i = 0; whole && i < tl->requests.len; i++)
        whole[tl->requests.data[i].process] +=
            tl->requests.data[i].end_ns - tl->requests.data[i].start_ns;
    return whole;
}

static void print_rows(struct sheet *sheet, const struct asked_list *list, struct shown shown)
{
    static const struct grid_column all[] = {
        {"", false, GRID_NAME},         {"pid", true, GRID_WHOLE},
        {"asked", true, GRID_WHOLE},    {"no reply", true, GRID_WHOLE},
        {"nobody's", true, GRID_WHOLE}, {"requests", true, GRID_SPARE},
        {"mean", true, GRID_WHOLE},     {"p99", true, GRID_WHOLE},
        {"longest", true, GRID_WHOLE},  {"waited", true, GRID_WHOLE},
        {"share", true, GRID_SPARE},    {"longest in", false, GRID_NAME},
    };
    struct grid_column columns[sizeof(all) / sizeof(*all)];
    unsigned count = 0;
    struct grid g;
    uint64_t *whole = whole_times(sheet->tl);
    sheet->out->failed |= !whole;
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if ((shown.pid || i != 1) && (shown.unanswered || i != 3) && (shown.nobodys || i != 4))
            columns[count++] = all[i];
    grid_init(&g, columns, count);
    for (size_t i = 0; whole && i < list->all.len && i < sheet->rows; i++)
        add_row(sheet, &g, &list->all.data[i], shown, whole[list->all.data[i].process]);
    sheet_grid(sheet, &g);
    sheet_more(sheet, grid_rows(&g), list->all.len, "backends");
    grid_release(&g);
    free(whole);
}

void sheet_asks(struct sheet *sheet)
{
    struct asked_list list;
    if (asked_init(&list, sheet->tl) < 0)
        sheet->out->failed = true;
    else if (list.all.len) {
        struct shown shown = columns_of(&list);
        sheet_title(sheet, "Backends",
                    shown.nobodys
                        ? "time to a reply's first bytes, what requests waited; nobody's: "
                          "for which request is not known"
                        : "time to a reply's first bytes, and what requests waited");
        print_rows(sheet, &list, shown);
    }
    asked_release(&list);
}
