/*
 * presence: for how long the threads of a process were in a state within a window, all together.
 * Waits for work (INTERVAL_IDLE) are none; time in which a thread's state is not known counts, as
 * it might be that one.
 */
#ifndef OUTPUT_PRESENCE_H
#define OUTPUT_PRESENCE_H

#include "timeline/timeline.h"

struct presence_step {
    uint64_t time_ns;
    uint64_t
        sum_ns; /* of the process's threads, up to here; modulo 2^64, as only differences count */
    uint64_t threads; /* in that state from here on */
    uint32_t process;
    bool begins; /* or ends */
};

struct presence {
    VEC(struct presence_step) steps; /* by process and time */
};

/* 0 or -ENOMEM; to be released in either case. */
int presence_init(struct presence *p, const struct timeline *tl, uint8_t state);
uint64_t presence_ns(const struct presence *p, uint32_t process, uint64_t from_ns, uint64_t to_ns);
void presence_release(struct presence *p);

#endif
