#include "output/sheet.h"
#include "output/waits.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* From so many files of one folder on in the same call, the folder stands for them. */
#define FOLD_FILES 4

/* A row: waits in one call for one object, or for many that are put together under one name. */
struct wait_row {
    struct wait_sum sum;
    const char *name; /* borrowed from the timeline; `name_len` bytes of it count */
    size_t name_len;
    size_t names; /* objects of different names in it */
    const char *after;
};

struct wait_rows {
    VEC(struct wait_row) all;
};

static uint8_t kind_of(const struct timeline *tl, const struct wait_sum *sum)
{
    return sum->object_plus1 ? tl->objects.data[sum->object_plus1 - 1].kind : OBJ_UNKNOWN;
}

static bool in_folder(const struct timeline *tl, const struct wait_sum *sum)
{
    return sum->object_plus1 && object_in_folder(tl, &tl->objects.data[sum->object_plus1 - 1]);
}

/* The name that the like of it share: a client for its listening address, a file for its folder. */
static struct wait_row row_of(const struct timeline *tl, const struct wait_sum *sum)
{
    struct wait_row row = {.sum = *sum, .names = 1, .after = ""};
    row.name = timeline_string(tl, sum->name);
    row.name_len = strlen(row.name);
    uint8_t kind = kind_of(tl, sum);
    if (kind == OBJ_ACCEPTED) {
        row.name = timeline_string(tl, tl->objects.data[sum->object_plus1 - 1].local);
        row.name_len = strlen(row.name);
        row.after = " (its clients)";
    } else if (in_folder(tl, sum)) {
        row.name_len = (size_t)(strrchr(row.name, '/') + 1 - row.name);
    }
    return row;
}

static int same_row(const struct wait_row *x, const struct wait_row *y)
{
    if (x->sum.state != y->sum.state)
        return x->sum.state < y->sum.state ? -1 : 1;
    if (x->sum.call_plus1 != y->sum.call_plus1)
        return x->sum.call_plus1 < y->sum.call_plus1 ? -1 : 1;
    if (x->name_len != y->name_len)
        return x->name_len < y->name_len ? -1 : 1;
    int by = memcmp(x->name, y->name, x->name_len);
    return by ? by : strcmp(x->after, y->after);
}

static int by_row(const void *a, const void *b)
{
    const struct wait_row *x = a, *y = b;
    int by = same_row(x, y);
    return by ? by : (x->sum.name > y->sum.name) - (x->sum.name < y->sum.name);
}

static int by_total(const void *a, const void *b)
{
    const struct wait_row *x = a, *y = b;
    if (x->sum.ns != y->sum.ns)
        return x->sum.ns > y->sum.ns ? -1 : 1;
    return by_row(a, b);
}

static void put_together(struct wait_rows *rows, const struct timeline *tl)
{
    size_t kept = 0;
    for (size_t i = 0, next; i < rows->all.len; i = next) {
        for (next = i + 1; next < rows->all.len; next++)
            if (same_row(&rows->all.data[i], &rows->all.data[next]) != 0)
                break;
        if (in_folder(tl, &rows->all.data[i].sum) && next - i < FOLD_FILES) {
            for (size_t k = i; k < next; k++) {
                struct wait_row *row = &rows->all.data[kept++];
                *row = rows->all.data[k];
                row->name_len = strlen(row->name);
            }
            continue;
        }
        struct wait_row row = rows->all.data[i];
        for (size_t k = i + 1; k < next; k++) {
            const struct wait_sum *sum = &rows->all.data[k].sum;
            row.sum.count += sum->count;
            row.sum.ns += sum->ns;
            row.sum.max_ns = sum->max_ns > row.sum.max_ns ? sum->max_ns : row.sum.max_ns;
        }
        row.names = next - i;
        rows->all.data[kept++] = row;
    }
    rows->all.len = kept;
}

static void collect_requests(struct sheet *sheet, struct wait_sums *sums)
{
    const struct timeline *tl = sheet->tl;
    struct request_waits waits = {VEC_INIT};
    for (size_t i = 0; i < tl->requests.len; i++)
        if (request_waits(tl, &tl->requests.data[i], &waits) < 0 ||
            wait_sums_add_request(sums, tl, &waits) < 0)
            sheet->out->failed = true;
    request_waits_release(&waits);
}

static void collect_threads(struct sheet *sheet, struct wait_sums *sums)
{
    for (size_t i = 0; i < sheet->tl->threads.len; i++)
        if (wait_sums_add_thread(sums, sheet->tl, &sheet->tl->threads.data[i]) < 0)
            sheet->out->failed = true;
}

static void add_row(struct grid *g, const struct timeline *tl, const struct wait_row *row)
{
    const struct wait_sum *sum = &row->sum;
    text_duration(grid_text(g), sum->ns);
    grid_next(g);
    text_count(grid_text(g), sum->count);
    grid_next(g);
    text_duration(grid_text(g), sum->max_ns);
    grid_next(g);
    buf_adds(grid_text(g), state_name(sum->state));
    grid_next(g);
    buf_adds(grid_text(g), sum->call_plus1 ? timeline_string(tl, sum->call_plus1 - 1) : "-");
    grid_next(g);
    buf_add(grid_text(g), row->name_len ? row->name : "-", row->name_len ? row->name_len : 1);
    if (*row->after)
        buf_adds(grid_text(g), row->after);
    else if (row->names > 1) {
        buf_adds(grid_text(g), " (");
        text_count(grid_text(g), row->names);
        buf_adds(grid_text(g), " files)");
    }
    grid_next(g);
}

static void print_rows(struct sheet *sheet, const struct wait_rows *rows)
{
    static const struct grid_column columns[] = {
        {"lost", true, GRID_WHOLE},   {"waits", true, GRID_WHOLE}, {"longest", true, GRID_SPARE},
        {"state", false, GRID_WHOLE}, {"call", false, GRID_WHOLE}, {"on", false, GRID_NAME},
    };
    struct grid g;
    grid_init(&g, columns, sizeof(columns) / sizeof(*columns));
    for (size_t i = 0; i < rows->all.len && i < sheet->rows; i++)
        add_row(&g, sheet->tl, &rows->all.data[i]);
    sheet_grid(sheet, &g);
    sheet_more(sheet, grid_rows(&g), rows->all.len, "kinds of waits");
    grid_release(&g);
}

static void rank(struct sheet *sheet, struct wait_sums *sums, const char *title, const char *remark)
{
    struct wait_rows rows = {VEC_INIT};
    wait_sums_finish(sums);
    for (size_t i = 0; i < sums->all.len; i++) {
        if (sums->all.data[i].idle || sums->all.data[i].state == STATE_YIELDED)
            continue;
        if (vec_push(&rows.all, row_of(sheet->tl, &sums->all.data[i])) < 0)
            sheet->out->failed = true;
    }
    if (rows.all.len) {
        qsort(rows.all.data, rows.all.len, sizeof(*rows.all.data), by_row);
        put_together(&rows, sheet->tl);
        qsort(rows.all.data, rows.all.len, sizeof(*rows.all.data), by_total);
        sheet_title(sheet, title, remark);
        print_rows(sheet, &rows);
    }
    vec_release(&rows.all);
}

/* So much of the requests' time is unattributed, or there is no request, that their waits tell
 * too little. */
static bool is_little_known(const struct sheet *sheet)
{
    uint64_t latency_ns = 0, unknown_ns = 0;
    for (size_t i = 0; i < sheet->tl->requests.len; i++) {
        const struct request *r = &sheet->tl->requests.data[i];
        latency_ns += r->end_ns - r->start_ns;
        unknown_ns += request_ns(sheet->tl, r, LEDGER_UNATTRIBUTED);
    }
    return unknown_ns * 10 >= latency_ns;
}

void sheet_waits(struct sheet *sheet)
{
    struct wait_sums in_requests = {0}, of_threads = {0};
    collect_requests(sheet, &in_requests);
    rank(sheet, &in_requests, "Waits inside requests", "what a thread stood still for");
    if (is_little_known(sheet)) {
        collect_threads(sheet, &of_threads);
        rank(sheet, &of_threads, "Waits of all threads", "inside requests or not");
    }
    wait_sums_release(&in_requests);
    wait_sums_release(&of_threads);
}

/* ---- loop holds */

struct held {
    const struct hold *hold;
    uint64_t lost_ns;
};

struct hold_list {
    VEC(struct held) all;
};

/* Where requests lost most first. */
static int by_harm(const void *a, const void *b)
{
    const struct held *x = a, *y = b;
    if (x->lost_ns != y->lost_ns)
        return x->lost_ns > y->lost_ns ? -1 : 1;
    return (x->hold > y->hold) - (x->hold < y->hold);
}

static void add_hold(struct grid *g, const struct timeline *tl, const struct held *held)
{
    const struct hold *h = held->hold;
    buf_addf(grid_text(g), "%.3f s", (double)h->start_ns / 1e9);
    grid_next(g);
    text_duration(grid_text(g), h->end_ns - h->start_ns);
    grid_next(g);
    text_count(grid_text(g), hold_victims(h));
    grid_next(g);
    text_duration(grid_text(g), tl->victims.data[h->first_victim].ns);
    grid_next(g);
    text_duration(grid_text(g), held->lost_ns);
    grid_next(g);
    buf_addu(grid_text(g), tl->threads.data[h->thread].tid);
    grid_next(g);
    sheet_call_on(grid_text(g), tl, h->state, h->call_plus1, h->object_plus1);
    grid_next(g);
    if (h->request_plus1) {
        const struct request *r = &tl->requests.data[h->request_plus1 - 1];
        buf_addf(grid_text(g), "#%" PRIu64 " %s", r->id, timeline_string(tl, r->name));
    }
    grid_next(g);
}

void sheet_holds(struct sheet *sheet)
{
    static const struct grid_column columns[] = {
        {"at", true, GRID_WHOLE},           {"for", true, GRID_WHOLE},
        {"victims", true, GRID_SPARE},      {"worst", true, GRID_SPARE},
        {"lost", true, GRID_WHOLE},         {"thread", true, GRID_SPARE},
        {"the loop was", false, GRID_NAME}, {"in request", false, GRID_NAME},
    };
    const struct timeline *tl = sheet->tl;
    struct hold_list holds = {VEC_INIT};
    struct grid g;
    for (size_t i = 0; i < tl->holds.len; i++) {
        struct held held = {&tl->holds.data[i], hold_lost_ns(tl, &tl->holds.data[i])};
        if (held.hold->victim_count && vec_push(&holds.all, held) < 0)
            sheet->out->failed = true;
    }
    if (!holds.all.len)
        return;
    qsort(holds.all.data, holds.all.len, sizeof(*holds.all.data), by_harm);
    grid_init(&g, columns, sizeof(columns) / sizeof(*columns));
    for (size_t i = 0; i < holds.all.len && i < sheet->rows; i++)
        add_hold(&g, tl, &holds.all.data[i]);
    sheet_title(sheet, "Event loops held up",
                "victims stood ready meanwhile; what one lost at the worst, and all");
    sheet_grid(sheet, &g);
    sheet_more(sheet, grid_rows(&g), holds.all.len, "holds");
    grid_release(&g);
    vec_release(&holds.all);
}
