/*
 * asked: what each process asked of each other server, for its requests or in nobody's name, added
 * up.
 */
#ifndef OUTPUT_ASKED_H
#define OUTPUT_ASKED_H

#include "timeline/timeline.h"

/* Times are nanoseconds. The time to a reply is that of ask_out_ns(); questions without a reply
 * count for longest_ns alone, and only a request's. */
struct asked {
    uint32_t process; /* index */
    uint32_t name;    /* string: the other end's address */
    uint64_t questions, replies;
    uint64_t requests;            /* that are known to have asked, each once */
    uint64_t nobodys, nobodys_ns; /* questions of which that is not known, and time to replies */
    uint64_t sum_ns, p99_ns;      /* of those with a reply */
    uint64_t longest_ns;
    uint32_t longest_ask1; /* index + 1; 0: no question is known, only waits */
    /* The requests' time while a question to it was out, and no thread held; where a request had
     * asked several servers, to each of them. */
    uint64_t awaiting_ns;
    uint64_t blocked_ns; /* the requests' time while a thread was blocked on a connection to it */
};

struct asked_list {
    VEC(struct asked) all; /* what was waited for longest first */
    VEC(uint64_t)
    asked_ns; /* by process: what its answered requests awaited while a question of
                 theirs was out to anybody */
};

/* 0 or -ENOMEM; to be released in either case. */
int asked_init(struct asked_list *list, const struct timeline *tl);
/* Puts the processes one behind the other; of each what was waited for longest first. */
void asked_by_process(struct asked_list *list);
void asked_release(struct asked_list *list);

/* From the question to the reply's first bytes, or for how long none came; without the time in
 * which a new connection was there and not used. */
uint64_t ask_out_ns(const struct ask *ask);
/* Whose it is; NULL: nobody's, or no ask. */
const struct request *ask_request(const struct timeline *tl, uint32_t ask1);

#endif
