#include "output/groups.h"
#include "output/sheet.h"
#include "output/waits.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- by group */

static void add_group(struct sheet *sheet, struct grid *g, const struct group *group, bool comms)
{
    const uint64_t times[] = {group->p50_ns, group->p99_ns, group->max_ns};
    buf_adds(grid_text(g), timeline_string(sheet->tl, group->name));
    grid_next(g);
    if (comms) {
        buf_adds(grid_text(g), timeline_string(sheet->tl, group->comm));
        grid_next(g);
    }
    text_count(grid_text(g), group->complete);
    grid_next(g);
    for (size_t i = 0; i < 3; i++) {
        if (group->complete)
            text_duration(grid_text(g), times[i]);
        grid_next(g);
    }
    sheet_ledger_shares(grid_text(g), group->ledger_ns, group->sum_ns);
    grid_next(g);
}

/* What counts as one and is several: said, as a rate would be too low and a latency too high. */
static void add_pipelined(struct sheet *sheet)
{
    uint64_t count = 0;
    for (size_t i = 0; i < sheet->tl->requests.len; i++)
        count += (sheet->tl->requests.data[i].flags & REQUEST_PIPELINED) != 0;
    if (!count)
        return;
    buf_adds(sheet->out, "  Counted as one: several requests at once on a connection, ");
    text_count(sheet->out, count);
    buf_addf(sheet->out, " time%s\n", count == 1 ? "" : "s");
}

static const char *const missing_words[] = {
    "not answered in the recording", "begun before the recording",
    "begun before the recording and not answered in it",
    "not begun or not answered in the recording", /* of several at once nobody knows which */
};

static unsigned missing_of(const struct timeline *tl, const struct request *r)
{
    if (r->flags & REQUEST_PIPELINED)
        return 3;
    if (r->start_ns)
        return 0;
    return r->end_ns < tl->duration_ns ? 1 : 2;
}

const char *sheet_missing(const struct timeline *tl, const struct request *r)
{
    return missing_words[missing_of(tl, r)];
}

/* "  Not counted: 2 begun before the recording, 1 not answered in the recording" */
static void add_open(struct sheet *sheet)
{
    uint64_t counts[sizeof(missing_words) / sizeof(*missing_words)] = {0};
    const char *between = "";
    for (size_t i = 0; i < sheet->tl->requests.len; i++) {
        const struct request *r = &sheet->tl->requests.data[i];
        if (!(r->flags & REQUEST_COMPLETE))
            counts[missing_of(sheet->tl, r)]++;
    }
    buf_adds(sheet->out, "  Not counted: ");
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        if (!counts[i])
            continue;
        buf_adds(sheet->out, between);
        text_count(sheet->out, counts[i]);
        buf_addf(sheet->out, " %s", missing_words[i]);
        between = ", ";
    }
    buf_addc(sheet->out, '\n');
}

static void print_groups(struct sheet *sheet, const struct groups *groups)
{
    const struct grid_column all[] = {
        {"", false, GRID_NAME},
        {"process", false, GRID_MIDDLE},
        {"answered", true, GRID_WHOLE},
        {"p50", true, GRID_WHOLE},
        {"p99", true, GRID_SPARE},
        {"max", true, GRID_SPARE},
        {"where their time went", false, GRID_ITEMS},
    };
    struct grid_column columns[sizeof(all) / sizeof(*all)];
    unsigned count = 0;
    bool comms = false;
    uint64_t open = 0;
    struct grid g;
    for (size_t i = 0; i < groups->all.len; i++) {
        comms |= groups->all.data[i].comm != groups->all.data[0].comm;
        open += groups->all.data[i].open;
    }
    for (unsigned c = 0; c < sizeof(all) / sizeof(*all); c++)
        if (c != 1 || comms)
            columns[count++] = all[c];
    grid_init(&g, columns, count);
    for (size_t i = 0; i < groups->all.len && i < sheet->rows; i++)
        add_group(sheet, &g, &groups->all.data[i], comms);
    sheet_title(sheet, "Requests", "those that took most time in all first");
    sheet_grid(sheet, &g);
    sheet_more(sheet, grid_rows(&g), groups->all.len, "kinds of requests");
    if (open)
        add_open(sheet);
    add_pipelined(sheet);
    grid_release(&g);
}

void sheet_groups(struct sheet *sheet)
{
    struct groups groups;
    if (!sheet->tl->requests.len)
        return;
    if (groups_init(&groups, sheet->tl, GROUPS_BY_GROUP) < 0) {
        sheet->out->failed = true;
        return;
    }
    print_groups(sheet, &groups);
    groups_release(&groups);
}

/* ---- the slowest */

struct slow {
    const struct request *request;
};

struct slow_list {
    VEC(struct slow) all;
};

static int by_latency(const void *a, const void *b)
{
    const struct request *x = ((const struct slow *)a)->request;
    const struct request *y = ((const struct slow *)b)->request;
    uint64_t x_ns = x->end_ns - x->start_ns, y_ns = y->end_ns - y->start_ns;
    if (x_ns != y_ns)
        return x_ns > y_ns ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* The slowest of those in the list stay. */
static void keep_slowest(struct slow_list *slow, size_t most)
{
    if (slow->all.len)
        qsort(slow->all.data, slow->all.len, sizeof(*slow->all.data), by_latency);
    if (slow->all.len > most)
        slow->all.len = most;
}

static int find_slowest(struct sheet *sheet, struct slow_list *slow)
{
    size_t requests = sheet->tl->requests.len;
    size_t most = sheet->rows < requests ? sheet->rows : requests, room = 2 * most + 64;
    uint64_t least_ns = 0; /* those behind that are no slower have no place in the list */

    if (vec_reserve(&slow->all, room) < 0 || !slow->all.data)
        return -ENOMEM;
    for (size_t i = 0; i < requests; i++) {
        const struct request *r = &sheet->tl->requests.data[i];
        if (least_ns && r->end_ns - r->start_ns <= least_ns)
            continue;
        slow->all.data[slow->all.len++].request = r;
        if (slow->all.len < room)
            continue;
        keep_slowest(slow, most);
        if (!slow->all.data || !slow->all.len)
            break;
        r = vec_last(&slow->all)->request;
        least_ns = r->end_ns - r->start_ns;
    }
    keep_slowest(slow, most);
    return 0;
}

/* Milliseconds, all with the same decimals, so that a column compares at a glance. */
static void add_ms(struct grid *g, uint64_t ns)
{
    if (ns)
        buf_addf(grid_text(g), "%.3f", (double)ns / 1e6);
    grid_next(g);
}

/* Adds to the row's note, behind what stands there already. */
static void note(struct grid *g, const char *words)
{
    if (grid_text(g)->len > g->from)
        buf_adds(grid_text(g), "; ");
    buf_adds(grid_text(g), words);
}

static void add_longest_wait(struct sheet *sheet, struct grid *g, const struct request *r,
                             struct request_waits *waits)
{
    const struct request_wait *longest = NULL;
    if (request_waits(sheet->tl, r, waits) < 0)
        sheet->out->failed = true;
    for (size_t i = 0; i < waits->all.len; i++)
        if (!longest || waits->all.data[i].ns > longest->ns)
            longest = &waits->all.data[i];
    if (!longest)
        return;
    struct buf *out = grid_text(g);
    note(g, waits->all.len > 1 ? "longest of " : "only wait: ");
    if (waits->all.len > 1) {
        text_count(out, waits->all.len);
        buf_adds(out, " waits: ");
    }
    text_duration(out, longest->ns);
    buf_addc(out, ' ');
    sheet_call_on(out, sheet->tl, longest->state, longest->call_plus1, longest->object_plus1);
    buf_addf(out, ", thread %u", sheet->tl->threads.data[longest->thread].tid);
}

static void add_flags(struct grid *g, const struct timeline *tl, const struct request *r)
{
    const struct {
        bool set;
        uint32_t flag;
        const char *words;
    } flags[] = {
        {false, REQUEST_COMPLETE, sheet_missing(tl, r)},
        {true, REQUEST_LOSS, "records were lost meanwhile"},
        {true, REQUEST_PIPELINED, "several at once on its connection"},
    };
    for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
        if (flags[i].set == !!(r->flags & flags[i].flag))
            note(g, flags[i].words);
}

static void add_slow(struct sheet *sheet, struct grid *g, const struct request *r,
                     const bool *shown, bool rest, struct request_waits *waits)
{
    uint64_t rest_ns = 0;
    struct buf *out = grid_text(g);
    struct request_sums sums;
    request_sums(sheet->tl, r, &sums);
    buf_addf(out, "#%" PRIu64 " %s", r->id, timeline_string(sheet->tl, r->name));
    if (r->status)
        buf_addf(out, " → %d", r->status);
    grid_next(g);
    add_ms(g, r->end_ns - r->start_ns);
    for (unsigned key = 0; key < LEDGER_COUNT; key++)
        if (shown[key])
            add_ms(g, sums.ledger_ns[key]);
        else
            rest_ns += sums.ledger_ns[key];
    if (rest)
        add_ms(g, rest_ns);
    add_flags(g, sheet->tl, r);
    add_longest_wait(sheet, g, r, waits);
    grid_note(g);
}

/* The keys in `shown` have a column each; with `rest`, the others have one for all of them. */
static void fill_slowest(struct sheet *sheet, struct grid *g, const struct slow_list *slow,
                         const bool *shown, bool rest)
{
    struct grid_column columns[3 + LEDGER_COUNT] = {{"", false, GRID_NAME},
                                                    {"latency", true, GRID_WHOLE}};
    struct request_waits waits = {VEC_INIT};
    unsigned count = 2;
    for (unsigned key = 0; key < LEDGER_COUNT; key++)
        if (shown[key])
            columns[count++] = (struct grid_column){ledger_key_word(key), true, GRID_WHOLE};
    if (rest)
        columns[count++] = (struct grid_column){"rest", true, GRID_WHOLE};
    grid_init(g, columns, count);
    for (size_t i = 0; i < slow->all.len; i++)
        add_slow(sheet, g, slow->all.data[i].request, shown, rest, &waits);
    request_waits_release(&waits);
}

/* The key with a column that says least; -1 when fewer than two are left. */
static int least_key(const uint64_t *sums, const bool *shown)
{
    int least = -1, count = 0;
    for (int key = 0; key < LEDGER_COUNT; key++) {
        if (!shown[key])
            continue;
        count++;
        if (least < 0 || sums[key] < sums[least])
            least = key;
    }
    return count > 1 ? least : -1;
}

void sheet_slowest(struct sheet *sheet)
{
    uint64_t sums[LEDGER_COUNT] = {0};
    bool shown[LEDGER_COUNT] = {false}, rest = false;
    struct slow_list slow = {VEC_INIT};
    struct grid g;
    if (!sheet->tl->requests.len)
        return;
    if (find_slowest(sheet, &slow) < 0) {
        sheet->out->failed = true;
        return;
    }
    for (unsigned key = 0; key < LEDGER_COUNT; key++) {
        for (size_t i = 0; i < slow.all.len; i++)
            sums[key] += request_ns(sheet->tl, slow.all.data[i].request, key);
        shown[key] = sums[key] > 0;
    }
    fill_slowest(sheet, &g, &slow, shown, rest);
    /* Too wide for the names: the columns that say least become one, so that all still add up. */
    while (sheet->table_width && grid_least(&g) > sheet->table_width) {
        int least = least_key(sums, shown);
        if (least < 0)
            break;
        shown[least] = false;
        rest = true;
        grid_release(&g);
        fill_slowest(sheet, &g, &slow, shown, rest);
    }
    sheet_title(sheet, "Slowest requests", "milliseconds; the columns add up to the latency");
    sheet_grid(sheet, &g);
    grid_release(&g);
    vec_release(&slow.all);
}
