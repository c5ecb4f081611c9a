/*
 * cost: what the recording itself cost, in words.
 */
#ifndef OUTPUT_COST_H
#define OUTPUT_COST_H

#include "base/buf.h"
#include "timeline/timeline.h"

/* A share of one CPU: what the recorder took, what the probes took; NAN where it is not known. */
double cost_recorder_share(const struct recording_cost *cost);
double cost_probes_share(const struct recording_cost *cost);
/* "The recording took 1.8 % of one CPU: …"; nothing where it is not known. */
void cost_words(struct buf *out, const struct timeline *tl);

#endif
