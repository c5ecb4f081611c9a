/*
 * waits: the waits of a request and sums of many waits, for the reports.
 *
 * Functions return 0 or -ENOMEM.
 */
#ifndef OUTPUT_WAITS_H
#define OUTPUT_WAITS_H

#include "timeline/timeline.h"

/* One wait interval of a thread that held a request, or a part of it: as far as threads held the
 * request without a break. */
struct request_wait {
    uint32_t thread;         /* index */
    uint32_t interval_plus1; /* in that thread */
    uint32_t call_plus1, object_plus1;
    uint8_t state;
    uint64_t start_ns, ns;
};

struct request_waits {
    VEC(struct request_wait) all;
};

/* Replaces what is in `waits` by the request's, by time. The intervals are those that its
 * segments name. */
int request_waits(const struct timeline *tl, const struct request *r, struct request_waits *waits);
void request_waits_release(struct request_waits *waits);

/* Waits in the same call, in the same state, for objects of the same name. */
struct wait_sum {
    uint32_t call_plus1;
    uint32_t object_plus1; /* one of the objects */
    uint32_t name;         /* string; that object's */
    uint8_t state;
    bool idle; /* INTERVAL_IDLE */
    uint64_t count, ns, max_ns;
};

struct wait_sums {
    VEC(struct wait_sum) all;
    size_t fold_at; /* when so many have gathered, equal ones are put together */
};

/* Adds the waits of a thread, idle ones too. */
int wait_sums_add_thread(struct wait_sums *sums, const struct timeline *tl, const struct thread *t);
/* Adds the waits of a request. */
int wait_sums_add_request(struct wait_sums *sums, const struct timeline *tl,
                          const struct request_waits *waits);
/* Puts equal ones together and sorts them, the longest in all first. */
void wait_sums_finish(struct wait_sums *sums);
void wait_sums_release(struct wait_sums *sums);

#endif
