/*
 * bursts: what bursts.c and happenings.c share.
 */
#ifndef ANALYSIS_BURSTS_H
#define ANALYSIS_BURSTS_H

#include "analysis/internal.h"

/* Those that happen at the same time do in this order. */
enum what {
    AWAKE,       /* a worker is woken, or one more thread comes */
    JOB_END,     /* a worker that waited inside its work is on CPU again */
    TIMER,       /* so is a thread that nobody woke: it may have waited for anybody; or one that
                    waits for timers, whoever woke it */
    READ,        /* bytes for a request */
    READ_HELD,   /* by a loop that only reads: it may hand it over until it waits again */
    ACT,         /* something for a request */
    JOB_BEGIN,   /* a worker waits inside its work */
    ASLEEP,      /* it parks, or is gone */
    LOOP_ASLEEP, /* a loop that only reads waits */
};

struct happening {
    uint64_t time;
    uint32_t index;  /* JOB_…: the job; READ…, ACT: the request; TIMER: 1 if nobody woke it */
    uint32_t thread; /* READ_HELD, ACT, LOOP_ASLEEP */
    uint8_t what;
};

/* A thread waits inside its work. */
struct job {
    uint64_t start, end;
    uint32_t thread, interval;
    uint32_t owner_plus1;
    uint32_t burst; /* in which it began */
    uint32_t first_candidate;
    uint8_t candidates;
    bool anybody; /* may be for others than these */
    bool found;   /* its owner was */
};

/* What set a burst going or came of it, in time's order. */
struct part {
    uint64_t time;
    uint32_t index, thread; /* as in the happening */
    uint8_t what;
};

struct holding {
    uint64_t start, end;
    uint32_t request;
};

struct burst {
    uint64_t start, end; /* NEVER: it had none */
    bool told;           /* for whom it was, if as many timers were for those whom nothing else */
    bool timed;          /* called as fired */
};

struct bursting {
    struct analysis *a;
    struct bouts *b;
    VEC(struct happening) all;
    VEC(struct job) jobs;
    VEC(uint32_t) candidates;
    VEC(struct holding) taken; /* of one thread: when it has a request */
    VEC(struct part) parts;
    VEC(size_t) firsts; /* in parts, by burst */
    VEC(struct burst) bursts;
};

/* ---- happenings.c ---- */
/* Collects what happened in the process, by time. */
int happenings_collect(struct bursting *x, uint32_t process);
/* Where the thread is on CPU behind its interval `i`. */
uint64_t thread_on_again(const struct thread *t, size_t i);

#endif
