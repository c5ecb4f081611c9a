#include "output/sheet.h"

#include "base/text.h"
#include "output/cells.h"
#include "output/verdict_text.h"

#include <stdlib.h>
#include <string.h>

/* Verdicts in full sentences; further processes get a line each. */
#define FULL_VERDICTS 3

struct served {
    uint32_t process;
    uint64_t requests;
};

struct served_list {
    VEC(struct served) all;
};

static int by_requests(const void *a, const void *b)
{
    const struct served *x = a, *y = b;
    if (x->requests != y->requests)
        return x->requests > y->requests ? -1 : 1;
    return (x->process > y->process) - (x->process < y->process);
}

static void find_served(struct sheet *sheet, struct served_list *list)
{
    for (uint32_t i = 0; i < sheet->tl->processes.len; i++) {
        struct served s = {i, sheet->sums[i].complete + sheet->sums[i].open};
        if (s.requests && vec_push(&list->all, s) < 0)
            sheet->out->failed = true;
    }
    if (list->all.len)
        qsort(list->all.data, list->all.len, sizeof(*list->all.data), by_requests);
}

/* Of two workers of a prefork server one verdict in full tells enough. */
static bool is_like(const struct timeline *tl, uint32_t a, uint32_t b)
{
    const struct process *x = &tl->processes.data[a], *y = &tl->processes.data[b];
    return x->comm == y->comm && x->verdict.model == y->verdict.model &&
           x->verdict.thread_waits == y->verdict.thread_waits;
}

static void add_full(struct sheet *sheet, uint32_t process)
{
    const struct process *p = &sheet->tl->processes.data[process];
    struct buf text = BUF_INIT;
    const char *remark = verdict_remark(&p->verdict, &sheet->sums[process]);
    bool sure = (*remark || verdict_is_known(&sheet->sums[process])) &&
                !verdict_waits_unknown(&p->verdict, &sheet->sums[process]);
    buf_addf(sheet->out, "\n%s%s, pid %u: %s%s%s%s\n", sheet->bold,
             timeline_string(sheet->tl, p->comm), p->pid, model_name(p->verdict.model),
             sure ? "" : "?", remark, sheet->plain);
    verdict_text(sheet->tl, process, &sheet->sums[process], &text);
    sheet->out->failed |= text.failed;
    for (const char *line = buf_str(&text); *line;) {
        size_t len = strcspn(line, "\n");
        cells_wrap(sheet->out, line, len, "  ", 4, sheet->width);
        line += len + (line[len] == '\n');
    }
    buf_release(&text);
}

/* `sums` of the one process; NULL: it is the sum of all. */
static void add_figures(struct grid *g, const struct verdict *v, const struct process_sums *sums)
{
    buf_adds(grid_text(g), sums ? model_name(v->model) : "");
    grid_next(g);
    if (sums)
        buf_adds(grid_text(g), verdict_waits_unknown(v, sums) ? "?"
                               : v->thread_waits              ? "yes"
                                                              : "no");
    grid_next(g);
    text_count(grid_text(g), v->requests);
    grid_next(g);
    if (sums)
        verdict_percent(grid_text(g), v->efficiency);
    grid_next(g);
    verdict_rate(grid_text(g), v->capacity);
    grid_next(g);
    verdict_rate(grid_text(g), v->offered);
    grid_next(g);
    text_duration(grid_text(g), v->queued_ns);
    grid_next(g);
}

static void add_row(struct grid *g, const struct sheet *sheet, uint32_t process)
{
    const struct process *p = &sheet->tl->processes.data[process];
    buf_addu(grid_text(g), p->pid);
    grid_next(g);
    buf_adds(grid_text(g), timeline_string(sheet->tl, p->comm));
    grid_next(g);
    add_figures(g, &p->verdict, &sheet->sums[process]);
}

/* The first row: what they can do and had to do together. */
static void add_sum(struct grid *g, const struct timeline *tl, const struct served_list *list)
{
    struct verdict sum = {0};
    for (size_t i = 0; i < list->all.len; i++) {
        const struct verdict *v = &tl->processes.data[list->all.data[i].process].verdict;
        sum.requests += v->requests;
        sum.capacity += v->capacity;
        sum.offered += v->offered;
        sum.queued_ns += v->queued_ns;
    }
    buf_adds(grid_text(g), "all");
    grid_next(g);
    text_count(grid_text(g), list->all.len);
    buf_adds(grid_text(g), " together");
    grid_next(g);
    add_figures(g, &sum, NULL);
}

static void add_table(struct sheet *sheet, const struct served_list *list)
{
    static const struct grid_column columns[] = {
        {"pid", true, GRID_WHOLE},        {"name", false, GRID_MIDDLE},
        {"model", false, GRID_MIDDLE},    {"thread waits", false, GRID_WHOLE},
        {"requests", true, GRID_WHOLE},   {"on CPU", true, GRID_WHOLE},
        {"capacity/s", true, GRID_WHOLE}, {"offered/s", true, GRID_WHOLE},
        {"queued", true, GRID_WHOLE},
    };
    struct grid g;
    grid_init(&g, columns, sizeof(columns) / sizeof(*columns));
    add_sum(&g, sheet->tl, list);
    for (size_t i = 0; i < list->all.len && i < sheet->rows; i++)
        add_row(&g, sheet, list->all.data[i].process);
    sheet_title(sheet, "Processes that served requests", "");
    sheet_grid(sheet, &g);
    sheet_more(sheet, grid_rows(&g) - 1, list->all.len, "processes");
    grid_release(&g);
}

/* "2 more processes were recorded and served none: sh (12), logger (13)" */
static void add_others(struct sheet *sheet)
{
    struct buf text = BUF_INIT;
    size_t count = 0;
    for (size_t i = 0; i < sheet->tl->processes.len; i++) {
        const struct process *p = &sheet->tl->processes.data[i];
        if (sheet->sums[i].complete || sheet->sums[i].open)
            continue;
        if (count < sheet->rows)
            buf_addf(&text, "%s%s (%u)", count ? ", " : "", timeline_string(sheet->tl, p->comm),
                     p->pid);
        count++;
    }
    if (count) {
        struct buf line = BUF_INIT;
        buf_addf(&line, "No request was seen in %s%s%s.", count > 1 ? "the processes " : "process ",
                 buf_str(&text), count > sheet->rows ? ", …" : "");
        buf_addc(sheet->out, '\n');
        cells_wrap(sheet->out, buf_str(&line), line.len, "", 2, sheet->width);
        sheet->out->failed |= line.failed || text.failed;
        buf_release(&line);
    }
    buf_release(&text);
}

static void explain_none(struct sheet *sheet)
{
    size_t shown = 0;
    for (uint32_t i = 0; i < sheet->tl->processes.len && shown < FULL_VERDICTS; i++)
        if (owed_any(&sheet->tl->processes.data[i].owed)) { /* it hangs, perhaps */
            add_full(sheet, i);
            shown++;
        }

    static const char *const reasons[] = {
        "none came in while this was recorded: put load on the server and record again;",
        "another process answers them: record that one too, with -p PID,PID or from its start "
        "with `waitscope record -- COMMAND`;",
        "they do not come over TCP connections that a recorded process accepted, but over UDP, "
        "shared memory or a connection it made itself.",
    };
    sheet_title(sheet, "No request was seen", "");
    buf_adds(sheet->out, "  That may be because\n");
    for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
        cells_wrap(sheet->out, reasons[i], strlen(reasons[i]), "  - ", 4, sheet->width);
    buf_adds(sheet->out, "  What the threads waited for is below all the same.\n");
}

void sheet_processes(struct sheet *sheet)
{
    struct served_list list = {VEC_INIT};
    find_served(sheet, &list);
    bool *full = calloc(list.all.len + 1, sizeof(*full));
    sheet->out->failed |= !full;
    size_t shown = 0;
    for (size_t i = 0; full && i < list.all.len && shown < FULL_VERDICTS; i++) {
        full[i] = true;
        for (size_t k = 0; k < i && full[i]; k++)
            full[i] = !(full[k] &&
                        is_like(sheet->tl, list.all.data[k].process, list.all.data[i].process));
        if (full[i]) {
            add_full(sheet, list.all.data[i].process);
            shown++;
        }
    }
    if (!list.all.len)
        explain_none(sheet);
    else if (full) {
        if (shown < list.all.len)
            add_table(sheet, &list);
        add_others(sheet);
    }
    free(full);
    vec_release(&list.all);
}
