/* verdict_text: a process's verdict in sentences, the same for every output. */
#ifndef OUTPUT_VERDICT_TEXT_H
#define OUTPUT_VERDICT_TEXT_H

#include "output/sums.h"
#include "timeline/timeline.h"

#include "base/buf.h"

/* Appends the sentences for tl->processes.data[process], a line feed behind each; `sums` are
 * that process's. */
void verdict_text(const struct timeline *tl, uint32_t process, const struct process_sums *sums,
                  struct buf *out);

/* What is wrong with it, behind the model: ", and its threads ran out"; "" where nothing is. */
const char *verdict_remark(const struct verdict *v, const struct process_sums *sums);
/* Enough of its requests' time is attributed to judge by it. */
bool verdict_is_known(const struct process_sums *sums);
/* No thread is known to wait, threads beside an event loop's were at work, and so much is not known
 * that one may: a `no` would say too much. */
bool verdict_waits_unknown(const struct verdict *v, const struct process_sums *sums);
/* Threads ran out: requests queued while each serving thread was held by another. An event loop
 * that is busy for a moment is not meant. */
bool verdict_is_short(const struct verdict *v);

/* "1,234", "56.7", "8.90": a rate per second. */
void verdict_rate(struct buf *out, double rate);
/* "97 %", "2.3 %", "0.4 %", "0 %"; `share` is 0 to 1. */
void verdict_percent(struct buf *out, double share);

#endif
