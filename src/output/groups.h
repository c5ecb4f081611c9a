/* groups: requests of one kind put together, for the report's table and for comparing. */
#ifndef OUTPUT_GROUPS_H
#define OUTPUT_GROUPS_H

#include "timeline/timeline.h"

/* The requests with one group name to processes of one name. Percentiles are nearest-rank, of
 * the complete requests; those that were not answered in the recording are only counted. */
struct group {
    uint32_t name; /* string: the group's, or the requests' own */
    uint32_t comm; /* string: of the processes that answered */
    uint64_t complete, open;
    uint64_t p50_ns, p99_ns, max_ns, sum_ns;
    uint64_t ledger_ns[LEDGER_COUNT];
    /* Where the two would lie with other requests of the kind: three standard errors of the rank,
     * whatever the distribution; 0 to UINT64_MAX where there are too few to say. */
    struct range {
        uint64_t low_ns, high_ns;
    } p50_range, p99_range;
    double squares[LEDGER_COUNT + 1]; /* sums of squares, of each key and of the latency */
};

struct groups {
    VEC(struct group) all; /* by sum_ns, the largest first */
};

enum groups_by { GROUPS_BY_GROUP, GROUPS_BY_NAME };

/* 0 or -ENOMEM. */
int groups_init(struct groups *groups, const struct timeline *tl, enum groups_by by);
void groups_release(struct groups *groups);

#endif
