#include "output/sheet.h"

#include "base/text.h"
#include "output/cells.h"
#include "output/cost.h"

#include <time.h>

static void add_when(struct sheet *sheet)
{
    const struct timeline *tl = sheet->tl;
    time_t second = (time_t)(tl->t0_real_ns / 1000000000);
    struct tm tm;
    char when[64] = "";
    if (tl->t0_real_ns && gmtime_r(&second, &tm))
        strftime(when, sizeof(when), " from %Y-%m-%d %H:%M:%S UTC", &tm);
    if (tl->duration_ns)
        text_duration(sheet->out, tl->duration_ns);
    else
        buf_adds(sheet->out, "0 s");
    buf_adds(sheet->out, when);
    if (tl->host)
        buf_addf(sheet->out, " on %s", timeline_string(tl, tl->host));
    if (tl->kernel)
        buf_addf(sheet->out, " (Linux %s)", timeline_string(tl, tl->kernel));
    buf_addc(sheet->out, '\n');
}

/* What of a recording is here. Of a file that ends early is only known what was to be in it. */
static void add_part(struct buf *text, const struct timeline *tl)
{
    const struct recorded_window *w = &tl->window;
    if (!tl->complete) {
        buf_adds(text, "A part of what was kept, which was at most the last ");
        text_duration(text, w->asked_ns);
        buf_adds(text, " of a recording.");
    } else if (w->recorded_ns <= tl->duration_ns) {
        buf_adds(text, "The whole recording; of a longer one the last ");
        text_duration(text, w->asked_ns);
        buf_adds(text, " were to be kept.");
    } else if (w->full) {
        buf_adds(text, "The end of a recording of ");
        text_duration(text, w->recorded_ns);
        buf_adds(text, ". The last ");
        text_duration(text, w->asked_ns);
        buf_adds(text, " were to be kept, and did not fit into ");
        text_size(text, w->max_bytes);
        buf_adds(text, " of memory.");
    } else {
        buf_adds(text, "The end of a recording of ");
        text_duration(text, w->recorded_ns);
        buf_adds(text, ", of which the last ");
        text_duration(text, w->asked_ns);
        buf_adds(text, " were kept.");
    }
}

static void add_window(struct sheet *sheet)
{
    const struct recorded_window *w = &sheet->tl->window;
    struct buf text = BUF_INIT;
    if (!w->recorded_ns)
        return;
    add_part(&text, sheet->tl);
    if (w->forgotten) {
        buf_addc(&text, ' ');
        text_count(&text, w->forgotten);
        buf_adds(&text, w->forgotten == 1
                            ? " file or connection has no name, and requests on it may be missing: "
                            : " files and connections have no name, and requests on them may be "
                              "missing: ");
        text_size(&text, w->max_bytes);
        buf_adds(&text, " of memory held no more (--max-size).");
    }
    cells_wrap(sheet->out, buf_str(&text), text.len, "", 2, sheet->width);
    sheet->out->failed |= text.failed;
    buf_release(&text);
}

static void add_count(struct buf *out, uint64_t n, const char *one, const char *many)
{
    text_count(out, n);
    buf_addf(out, " %s", n == 1 ? one : many);
}

static void add_counts(struct sheet *sheet)
{
    const struct timeline *tl = sheet->tl;
    add_count(sheet->out, tl->processes.len, "process, ", "processes, ");
    add_count(sheet->out, tl->threads.len, "thread, ", "threads, ");
    add_count(sheet->out, tl->requests.len, "request, ", "requests, ");
    add_count(sheet->out, tl->records, "record, ", "records, ");
    if (!tl->lost)
        buf_adds(sheet->out, "none lost\n");
    else {
        buf_adds(sheet->out, sheet->loud);
        text_count(sheet->out, tl->lost);
        buf_addf(sheet->out, " LOST%s\n", sheet->plain);
    }
}

static void add_loud(struct sheet *sheet, struct buf *text)
{
    buf_adds(sheet->out, sheet->loud);
    cells_wrap(sheet->out, buf_str(text), text->len, "", 2, sheet->width);
    buf_adds(sheet->out, sheet->plain);
    sheet->out->failed |= text->failed;
    buf_release(text);
}

/* " (1,200 wait, 4 recv)", " (wait)" */
static void add_kinds(struct buf *text, const struct timeline *tl)
{
    VEC(struct loss) kinds = VEC_INIT;
    for (size_t i = 0; i < tl->losses.len; i++) {
        size_t k = 0;
        while (k < kinds.len && kinds.data[k].kind != tl->losses.data[i].kind)
            k++;
        if (k == kinds.len)
            text->failed |= vec_push(&kinds, ((struct loss){.kind = tl->losses.data[i].kind})) < 0;
        if (k < kinds.len)
            kinds.data[k].count += tl->losses.data[i].count;
    }
    for (size_t k = 0; k < kinds.len; k++) {
        buf_adds(text, k ? ", " : " (");
        if (kinds.len > 1) {
            text_count(text, kinds.data[k].count);
            buf_addc(text, ' ');
        }
        buf_addf(text, "%s", timeline_string(tl, kinds.data[k].kind));
    }
    buf_adds(text, kinds.len ? ")" : "");
    vec_release(&kinds);
}

/* Loud, as all that follows is less than the truth. */
static void add_lost(struct sheet *sheet)
{
    const struct timeline *tl = sheet->tl;
    struct buf text = BUF_INIT;
    uint64_t first = UINT64_MAX, last = 0, marked = 0;
    if (!tl->lost)
        return;
    for (size_t i = 0; i < tl->losses.len; i++) {
        first = tl->losses.data[i].start_ns < first ? tl->losses.data[i].start_ns : first;
        last = tl->losses.data[i].end_ns > last ? tl->losses.data[i].end_ns : last;
    }
    for (size_t i = 0; i < tl->requests.len; i++)
        marked += !!(tl->requests.data[i].flags & REQUEST_LOSS);
    buf_adds(&text, "LOST: ");
    add_count(&text, tl->lost, "record", "records");
    add_kinds(&text, tl);
    buf_adds(&text, " found no room while recording");
    if (tl->losses.len) {
        buf_adds(&text, ", between ");
        text_duration(&text, first);
        buf_adds(&text, " and ");
        text_duration(&text, last);
    }
    buf_adds(&text, ". Times in that stretch are unknown or too small; ");
    add_count(&text, marked, "request overlaps", "requests overlap");
    buf_adds(&text, " it. A larger buffer or fewer processes lose less.");
    add_loud(sheet, &text);
}

static void add_damage(struct sheet *sheet)
{
    const struct timeline *tl = sheet->tl;
    struct buf text = BUF_INIT;
    if (tl->complete)
        return;
    buf_adds(&text, "INCOMPLETE: ");
    buf_adds(&text,
             tl->damage ? timeline_string(tl, tl->damage) : "the recording did not end in order");
    buf_adds(&text, ". What could be read is shown.");
    add_loud(sheet, &text);
}

/* "The recording took 1.8 % of one CPU: probes 1.2 % (…), the recorder 0.6 %." */
static void add_cost(struct sheet *sheet)
{
    struct buf text = BUF_INIT;
    cost_words(&text, sheet->tl);
    if (text.len)
        cells_wrap(sheet->out, buf_str(&text), text.len, "", 2, sheet->width);
    sheet->out->failed |= text.failed;
    buf_release(&text);
}

void sheet_header(struct sheet *sheet)
{
    const char *command = timeline_string(sheet->tl, sheet->tl->command);
    struct buf line = BUF_INIT;
    buf_adds(&line, "waitscope report");
    if (*command)
        buf_addf(&line, ": %s", command);
    buf_adds(sheet->out, sheet->bold);
    cells_cut(sheet->out, buf_str(&line), line.len, sheet->width);
    buf_addf(sheet->out, "%s\n", sheet->plain);
    sheet->out->failed |= line.failed;
    buf_release(&line);
    add_when(sheet);
    add_window(sheet);
    add_counts(sheet);
    add_cost(sheet);
    add_lost(sheet);
    add_damage(sheet);
}
