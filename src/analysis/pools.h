/*
 * pools: the jobs of workers that answer themselves what another thread has read. pools.c finds
 * them and learns what their pools are like, jobs.c says whose the time is.
 */
#ifndef ANALYSIS_POOLS_H
#define ANALYSIS_POOLS_H

#include "analysis/internal.h"

/* A worker that works for longer behind its answer, or on the average so long, before it is idle
 * has something to do there. So much of one job may be charged to the next. */
#define LATE_NS 500000u
#define TRIFLE_NS 100000u
/* Who was awake for longer, and answered nobody, had a job of another kind. */
#define STRAY_NS 500000u

/* How often a worker was idle at once when it had answered, and how often it did more. */
struct rests {
    uint32_t at_once, later;
    uint64_t ns; /* of the former, together */
};

struct pool {
    struct rests rests;
    uint32_t strays;  /* bouts with work that was for none of its answers */
    uint32_t singles; /* bouts with one of its answers, and idle before and behind it */
    uint32_t handed;  /* bouts that began as the reader called, with something just read,*/
    uint32_t others;  /* and as something else did, such as a timer */
    bool lone;        /* its process has readers and these workers, nobody else at work */
    bool shared;      /* its workers are idle in one place */
    bool turns;       /* a worker turned from one request to another and back: no jobs */
};

struct job {
    uint32_t request, worker, pool;
    uint32_t before_plus1; /* the job before it in the same bout; 0: it is the first */
    uint32_t waker;        /* that ended the idling before the bout; NONE */
    uint64_t from;         /* the begin of the bout; NEVER: not known */
    uint64_t read;         /* the last that others did with the request; NEVER: not known */
    uint64_t last;         /* touch of the request's connection by the worker */
    bool replied;          /* it sent something there */
    bool handed;           /* its reader called the worker for it, before all else, */
    bool swapped;          /* or for another that it had read just then */
    bool plain;            /* nobody but its reader had touched it */
};

struct pools {
    VEC(struct pool) all;
    VEC(struct job) jobs; /* by worker, by time */
    VEC(struct rests) groups;
    struct table index, places, called, group_index;
    uint32_t *of;       /* by thread: its pool + 1 */
    bool *reads;        /* by thread: requests' first bytes */
    bool *knows;        /* by thread: it was seen idle */
    uint64_t *last_job; /* by request: its job in `jobs` + 1 */
};

int pools_find(struct analysis *a, const struct bouts *b, struct pools *p);
void pools_release(struct pools *p);

/* A key for where a thread waits; 0: not known. */
uint64_t place_key(const struct analysis *a, const struct thread *t, const struct interval *iv);

/* What the thread ran and waited in [from, to), but for CPUs and the GIL. */
uint64_t worked_ns(const struct analysis *a, uint32_t thread, uint64_t from, uint64_t to);

#endif
