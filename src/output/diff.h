/*
 * diff: two captures of the same service compared: requests of one name, what became of their
 * time, and what the verdicts rest on.
 *
 *     diff_init(&diff, a, "before.wsc", b, "after.wsc", GROUPS_BY_GROUP);
 *     output_diff_text(&diff, …);
 *     diff_release(&diff);
 *
 * When is a difference clear? With SAMPLE_MIN requests or more on both sides, more than
 * CLEAR_ERRORS standard errors apart (of the means; of the rank for a percentile), and by at least
 * CLEAR_SHARE of the smaller mean latency. That is a rule against chance among the requests of a
 * run, not against a machine that was busy with something else in one of the two.
 */
#ifndef OUTPUT_DIFF_H
#define OUTPUT_DIFF_H

#include "output/groups.h"
#include "output/sums.h"
#include "timeline/timeline.h"

#define SAMPLE_MIN 10
#define CLEAR_ERRORS 3
#define CLEAR_SHARE 0.02

/* The processes of the name that served most requests, as one. */
struct diff_server {
    uint32_t process;       /* index: the busiest of them, whose words count */
    uint32_t processes;     /* how many */
    struct verdict verdict; /* its own, with threads, requests, capacity, offered rate and queues
                               summed up over all of them, and the first moment one was full */
    bool waits_unknown;     /* whether a thread waits: see verdict_waits_unknown() */
};

struct diff_side {
    const struct timeline *tl;
    const char *file; /* borrowed; to be cleaned */
    struct groups groups;
    struct diff_server server;
    bool served; /* the one above is filled */
    uint64_t complete, open;
    uint64_t holds, hold_max_ns;         /* loop holds in a request, or that made one wait */
    uint64_t hold_victims, hold_lost_ns; /* so many times one had to, and what was lost by it */
};

struct diff_pair {
    const struct group *a, *b; /* NULL: only in the other one */
    double moved_ns; /* time that went elsewhere or away, over all requests: the order of pairs */
};

struct diff {
    struct diff_side a, b;
    VEC(struct diff_pair) pairs; /* what moved most first, then what only one of them has */
    size_t common;               /* so many of them are in both */
};

/* `a` and `b` are borrowed until diff_release(), which is due in any case. 0 or -ENOMEM. */
int diff_init(struct diff *diff, const struct timeline *a, const char *file_a,
              const struct timeline *b, const char *file_b, enum groups_by by);
void diff_release(struct diff *diff);

/* Of enum ledger_key, or of the latency with DIFF_LATENCY: nanoseconds per request. */
enum { DIFF_LATENCY = LEDGER_COUNT };
double group_mean_ns(const struct group *g, unsigned key);
/* To the nanosecond, and no more than a file can mean: sums of hostile captures wrap. */
uint64_t diff_whole_ns(double ns);
/* Both sides must be there. */
bool diff_mean_is_clear(const struct diff_pair *pair, unsigned key);
bool diff_p50_is_clear(const struct diff_pair *pair);
bool diff_p99_is_clear(const struct diff_pair *pair);

#endif
