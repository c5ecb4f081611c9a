/* groups: requests of one kind put together, for the report's table. */
#ifndef OUTPUT_GROUPS_H
#define OUTPUT_GROUPS_H

#include "timeline/timeline.h"

/* The requests with one group name to processes of one name. Percentiles are nearest-rank, of
 * the complete requests; those that were not answered in the recording are only counted. */
struct group {
    uint32_t name; /* string */
    uint32_t comm; /* string: of the processes that answered */
    uint64_t complete, open;
    uint64_t p50_ns, p99_ns, max_ns, sum_ns;
    uint64_t ledger_ns[LEDGER_COUNT];
};

struct groups {
    VEC(struct group) all; /* by sum_ns, the largest first */
};

/* 0 or -ENOMEM. */
int groups_init(struct groups *groups, const struct timeline *tl);
void groups_release(struct groups *groups);

#endif
