/*
 * analysis: from the records of a capture to a timeline. Pure: no files, no clock, no globals;
 * tests feed it arrays of records.
 *
 *     analysis_new → analysis_event / analysis_loss for each → analysis_finish → analysis_free
 *
 * Records may come in any order; they are sorted by time. Functions return 0 or -errno.
 */
#ifndef ANALYSIS_ANALYSIS_H
#define ANALYSIS_ANALYSIS_H

#include "capture/reader.h"
#include "timeline/timeline.h"

struct analysis;

struct analysis_options {
    uint64_t loop_hold_ns; /* a loop held for longer is a loop hold; 0: 5 ms */
};

int analysis_new(struct analysis **a, const struct analysis_options *options);
/* Copies the record. Kinds it does not know are passed over. */
int analysis_event(struct analysis *a, const struct event *ev);
int analysis_loss(struct analysis *a, const struct capture_loss *loss);
int analysis_probe(struct analysis *a, const char *name);
/* Fills `tl` (initialised, empty). `info` gives clock, host, kernel, completeness. */
int analysis_finish(struct analysis *a, const struct capture_info *info, struct timeline *tl);
void analysis_free(struct analysis *a);

/* A capture_visitor that feeds `a`. */
struct capture_visitor analysis_visitor(struct analysis *a);

#endif
