#include "output/overview.h"

#include <stdlib.h>

const char *overview_row_name(unsigned row)
{
    static const char *const names[OVERVIEW_ROWS] = {
        [OVERVIEW_RUNNING] = "running", [OVERVIEW_RUNNABLE] = "runnable",
        [OVERVIEW_BLOCKED] = "blocked", [OVERVIEW_YIELDED] = "yielded",
        [OVERVIEW_LOCK] = "lock",       [OVERVIEW_OTHER] = "other",
        [OVERVIEW_IDLE] = "idle",       [OVERVIEW_IN_FLIGHT] = "in_flight",
        [OVERVIEW_QUEUED] = "queued",
    };
    return row < OVERVIEW_ROWS ? names[row] : "?";
}

/* Adds the nanoseconds of [start, end) to the buckets they lie in. */
static void add_span(struct overview *ov, unsigned row, uint64_t start, uint64_t end)
{
    uint64_t limit = ov->buckets * ov->bucket_ns;
    if (end > limit)
        end = limit;
    while (start < end) {
        size_t bucket = start / ov->bucket_ns;
        uint64_t next = (bucket + 1) * ov->bucket_ns;
        uint64_t stop = next < end ? next : end;
        ov->rows[row][bucket] += stop - start;
        start = stop;
    }
}

static int row_of(const struct interval *iv)
{
    static const int rows[STATE_COUNT] = {
        [STATE_RUNNING] = OVERVIEW_RUNNING,
        [STATE_RUNNABLE] = OVERVIEW_RUNNABLE,
        [STATE_BLOCKED] = OVERVIEW_BLOCKED,
        [STATE_YIELDED] = OVERVIEW_YIELDED,
        [STATE_LOCK] = OVERVIEW_LOCK,
        [STATE_SLEEP] = OVERVIEW_OTHER,
        [STATE_FAULT] = OVERVIEW_OTHER,
        [STATE_OTHER] = OVERVIEW_OTHER,
        [STATE_UNKNOWN] = -1,
    };
    if (iv->flags & INTERVAL_IDLE)
        return OVERVIEW_IDLE;
    return iv->state < STATE_COUNT ? rows[iv->state] : -1;
}

static void add_threads(struct overview *ov, const struct timeline *tl)
{
    for (size_t i = 0; i < tl->threads.len; i++) {
        const struct thread *t = &tl->threads.data[i];
        for (size_t k = 0; k < t->intervals.len; k++) {
            int row = row_of(&t->intervals.data[k]);
            if (row >= 0)
                add_span(ov, (unsigned)row, t->intervals.data[k].start_ns, interval_end(t, k));
        }
    }
}

static void add_requests(struct overview *ov, const struct timeline *tl)
{
    for (size_t i = 0; i < tl->requests.len; i++) {
        const struct request *r = &tl->requests.data[i];
        add_span(ov, OVERVIEW_IN_FLIGHT, r->start_ns, r->end_ns);
        for (size_t k = r->first_segment; k < r->first_segment + r->segment_count; k++)
            if (tl->segments.data[k].key == LEDGER_QUEUED)
                add_span(ov, OVERVIEW_QUEUED, tl->segments.data[k].start_ns, segment_end(tl, r, k));
    }
}

int overview_init(struct overview *ov, const struct timeline *tl)
{
    *ov = (struct overview){0};
    uint64_t duration = tl->duration_ns;
    ov->bucket_ns = duration / OVERVIEW_BUCKETS + (duration % OVERVIEW_BUCKETS != 0);
    if (!ov->bucket_ns)
        ov->bucket_ns = 1;
    ov->buckets = duration / ov->bucket_ns + (duration % ov->bucket_ns != 0);
    for (unsigned row = 0; row < OVERVIEW_ROWS; row++) {
        ov->rows[row] = calloc(ov->buckets + 1, sizeof(*ov->rows[row]));
        if (!ov->rows[row]) {
            overview_release(ov);
            return -ENOMEM;
        }
    }
    add_threads(ov, tl);
    add_requests(ov, tl);
    for (unsigned row = 0; row < OVERVIEW_ROWS; row++)
        for (size_t i = 0; i < ov->buckets; i++)
            ov->rows[row][i] =
                (uint64_t)((double)ov->rows[row][i] * 1000 / (double)ov->bucket_ns + 0.5);
    return 0;
}

void overview_release(struct overview *ov)
{
    for (unsigned row = 0; row < OVERVIEW_ROWS; row++)
        free(ov->rows[row]);
    *ov = (struct overview){0};
}
