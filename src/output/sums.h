/*
 * sums: totals of each process over its requests and loop holds, taken once for all processes.
 */
#ifndef OUTPUT_SUMS_H
#define OUTPUT_SUMS_H

#include "timeline/timeline.h"

struct process_sums {
    uint64_t complete, open; /* requests answered, and not (yet) */
    uint64_t latency_ns;     /* of the complete ones, as is the ledger */
    uint64_t ledger_ns[LEDGER_COUNT];
    uint64_t holds, hold_max_ns;   /* loop holds that made a request wait */
    uint64_t hold_ns;              /* of those, all together */
    uint64_t harmless_holds;       /* those of which that is not known */
    uint64_t victims;              /* requests that stood ready, summed over the holds */
    uint64_t lost_ns, lost_max_ns; /* by them: all together, and by one in one hold */
    uint64_t waiting_holds;        /* waits, not work, in a request or that made one wait */
    /* Evidence for the words, each an index + 1; 0: none. */
    uint64_t longest_segment1; /* of all stretches in which a request's thread waited for what
                                  the verdict says is waited for most */
    uint32_t longest_request1; /* and whose that is */
    uint32_t longest_hold1;    /* of the loop holds that were waits and harmed somebody */
    uint64_t queued_loop_ns;   /* of what requests queued for, for an event loop */
    uint32_t first_queued1;    /* the request that stood in the queue when threads ran out */
    uint32_t awaited_ask1;     /* of all questions to whom requests awaited most, the one that was
                                  out longest */
    uint64_t awaited_ns;       /* and for how long they did */
    uint64_t asked_ns;         /* what the complete ones awaited with any question out */
    uint64_t nobodys_ns;       /* most time to replies that were in no known request's name, */
    uint64_t nobodys;          /* how many questions that were, */
    uint32_t nobodys_name;     /* and to whom; a string */
};

/* An array with an element for each process, for the caller to free(); NULL without memory. */
struct process_sums *sums_new(const struct timeline *tl);

#endif
