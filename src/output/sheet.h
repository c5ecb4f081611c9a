/*
 * sheet: what the sections of the report's page of text share. A section appends itself, with an
 * empty line before it, or nothing where there is nothing to say. Failed allocations show in
 * `out`.
 */
#ifndef OUTPUT_SHEET_H
#define OUTPUT_SHEET_H

#include "output/grid.h"
#include "output/output.h"
#include "output/sums.h"
#include "timeline/timeline.h"

#include "base/buf.h"

#include <locale.h>

struct sheet {
    const struct timeline *tl;
    struct buf *out;
    struct process_sums *sums; /* one for each process */
    size_t width, rows;
    size_t table_width; /* 0: nobody said, so that a file or pipe gets the names whole */
    const char *bold, *dim, *loud, *plain; /* a terminal's colours, or "" */
    locale_t utf8, before;
};

/* Sets all but `tl` and `sums`, and the thread's locale: wcwidth() needs it, as the page is UTF-8
 * whatever the user's is. sheet_close() sets that back. */
void sheet_open(struct sheet *sheet, const struct text_options *options, struct buf *out);
void sheet_close(struct sheet *sheet);

void sheet_title(struct sheet *sheet, const char *title, const char *remark);
void sheet_grid(struct sheet *sheet, struct grid *g);
/* "… and 7 more" under a table of which `shown` of `all` rows were printed. */
void sheet_more(struct sheet *sheet, size_t shown, size_t all, const char *what);

/* "93%", "<1%", "" for nothing. */
void sheet_share(struct buf *out, uint64_t part, uint64_t whole);
/* "blocked 93%  queued 5%": the largest first, none below half a percent. */
void sheet_ledger_shares(struct buf *out, const uint64_t *ledger_ns, uint64_t whole_ns);
/* Of a request that is not complete what of it is not in the recording. */
const char *sheet_missing(const struct timeline *tl, const struct request *r);
/* "recvfrom on 10.0.0.5:5432": call and object as far as they are known; both are index + 1. */
void sheet_call_on(struct buf *out, const struct timeline *tl, uint8_t state, uint32_t call1,
                   uint32_t object1);

void sheet_header(struct sheet *sheet);
void sheet_processes(struct sheet *sheet);
void sheet_groups(struct sheet *sheet);
void sheet_slowest(struct sheet *sheet);
/* Waits inside requests; of all threads where there is no request. */
void sheet_waits(struct sheet *sheet);
/* What requests asked of other servers. */
void sheet_asks(struct sheet *sheet);
void sheet_holds(struct sheet *sheet);
void sheet_threads(struct sheet *sheet);
void sheet_legend(struct sheet *sheet);

#endif
