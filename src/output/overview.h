/*
 * overview: how many threads were in each state, and how many requests were in flight, over the
 * time of a capture: for a first picture before the intervals have been read.
 */
#ifndef OUTPUT_OVERVIEW_H
#define OUTPUT_OVERVIEW_H

#include "timeline/timeline.h"

#define OVERVIEW_BUCKETS 1000 /* at most */

enum overview_row {
    OVERVIEW_RUNNING,
    OVERVIEW_RUNNABLE,
    OVERVIEW_BLOCKED,
    OVERVIEW_YIELDED,
    OVERVIEW_LOCK,
    OVERVIEW_OTHER, /* sleep, fault, other */
    OVERVIEW_IDLE,  /* waits for work, whatever their state; they are in no other row */
    OVERVIEW_IN_FLIGHT,
    OVERVIEW_QUEUED,
    OVERVIEW_ROWS
};

/* Each value is thousandths of a thread or request, on average over the bucket: 1000 for one
 * thread that ran for all of it. The last bucket may reach past the end of the capture. */
struct overview {
    uint64_t bucket_ns; /* at least 1 */
    size_t buckets;
    uint64_t *rows[OVERVIEW_ROWS]; /* `buckets` values each */
};

/* 0 or -ENOMEM. */
int overview_init(struct overview *ov, const struct timeline *tl);
void overview_release(struct overview *ov);
const char *overview_row_name(unsigned row);

#endif
