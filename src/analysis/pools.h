/*
 * pools: the jobs of workers that answer themselves what another thread has read. pools.c finds
 * them and learns what their pools are like, rests.c what they do behind their answers, lines.c in
 * which order they are taken up; jobs.c says whose the time is.
 */
#ifndef ANALYSIS_POOLS_H
#define ANALYSIS_POOLS_H

#include "analysis/internal.h"

/* A worker that works for longer behind its answer, or on the average so long, before it is idle
 * has something to do there. So much of one job may be charged to the next. */
#define LATE_NS 500000u
#define TRIFLE_NS 100000u
/* So many calls tell of requests that are handed over as they are read; one in so many may be
 * another's. */
#define HANDED_MIN 3
#define OTHERS_MAX 20
/* Who was awake for longer, and answered nobody, had a job of another kind. */
#define STRAY_NS 500000u

/* What workers did behind answers: how often they were idle at once, and how often they did more;
 * or went on to a job of a kind that waits for something soon, as usual, or as soon as can be. */
struct rests {
    uint32_t at_once, later;
    uint32_t usual, brief;
    uint64_t ns; /* that it was `at_once`, together */
};

struct pool {
    struct rests rests;
    uint32_t strays;  /* bouts with work that was for none of its answers */
    uint32_t singles; /* bouts with one of its answers, and idle before and behind it */
    uint32_t handed;  /* bouts that began as the reader called, with something just read,*/
    uint32_t others;  /* and as something else did, such as a timer */
    bool in_order;    /* its jobs begin in the order in which they were read, */
    bool disordered;  /* or not */
    uint32_t usual, brief, odd; /* see rests.c */
    bool lone;                  /* its process has readers and these workers, nobody else at work */
    bool shared;                /* its workers are idle in one place */
    bool turns;                 /* a worker turned from one request to another and back: no jobs */
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
    bool early;            /* it seems to begin before one that was read earlier, */
    bool odd;              /* or takes longer than others of its kind before it waits, */
    bool usual;            /* or as long */
};

struct pools {
    VEC(struct pool) all;
    VEC(struct job) jobs; /* by worker, by time */
    VEC(struct rests) groups;
    struct table index, places, called, group_index;
    uint32_t *of;       /* by thread: its pool + 1 */
    bool *reads;        /* by thread: requests' first bytes */
    bool *knows;        /* by thread: it was seen idle */
    bool *straight;     /* by thread: it reads, and nothing but its clients ever wakes it */
    uint64_t *last_job; /* by request: its job in `jobs` + 1 */
};

int pools_find(struct analysis *a, struct bouts *b, struct pools *p);
void pools_release(struct pools *p);

/* ---- rests.c */
/* The worker was idle at `to`, behind the job's answer; or not, and what it did up to then was for
 * nobody who came later. */
int rest_note(const struct analysis *a, struct pools *p, const struct job *job, uint64_t to,
              bool idle);
/* What the jobs of pools tell that are in order. */
int rests_bound(const struct analysis *a, struct pools *p);
/* Does the pool, if it is in order, nothing between its jobs? One that is as usual tells so itself.
 */
bool pool_clean(const struct pool *pool, bool usual);
/* Does the worker nothing behind such a job's answer? */
bool job_rests(const struct analysis *a, const struct pools *p, const struct job *job);
/* Does it do more? */
bool job_rests_not(const struct analysis *a, const struct pools *p, const struct job *job);

/* ---- lines.c */
int lines_find(const struct analysis *a, const struct bouts *b, struct pools *p);
/* Its worker was free for it from here on; NEVER: not known. */
uint64_t job_free_from(const struct pools *p, const struct job *job);
/* When the worker, who began at `from`, first waited in the job, but for a lock, which may be its
 * queue's. */
uint64_t job_first_wait(const struct analysis *a, const struct pools *p, const struct job *job,
                        uint64_t from);
/* Does it sleep, though it looks like waiting for a lock? */
bool wait_is_jvm_sleep(const struct analysis *a, const struct pools *p, uint32_t thread,
                       const struct interval *iv);

/* A key for where a thread waits; 0: not known. */
uint64_t place_key(const struct analysis *a, const struct thread *t, const struct interval *iv);

/* What the thread ran and waited in [from, to), but for CPUs and the GIL. */
uint64_t worked_ns(const struct analysis *a, uint32_t thread, uint64_t from, uint64_t to);

#endif
