/*
 * crew: work in pieces, done by several threads, and handed on in the order of the pieces.
 *
 *     thread 1   ─ piece 1 ─┤ done 1 ├─ piece 3 ───┤ done 3 ├─ …
 *     thread 2   ─ piece 2 ─────┤ waits ┤ done 2 ├─ piece 4 ─ …
 *
 * A thread has one piece at a time, so memory is bounded by as many pieces as there are threads.
 * The caller's own thread is one of them; where no other can be had it does all the work.
 */
#ifndef BASE_CREW_H
#define BASE_CREW_H

#include <stdbool.h>

struct crew {
    /* What is to be done next, into `piece`; false: nothing is left. One call at a time. */
    bool (*next)(void *ctx, void *piece);
    /* Does it. Several calls at a time, each with another piece. 0 or -errno. */
    int (*work)(void *ctx, void *piece);
    /* Takes the result over. One call at a time, in the order of next(). 0 or -errno. */
    int (*done)(void *ctx, void *piece);
    void *ctx;
};

/* Each thread has one of `pieces`, `count` of `size` bytes, for all that it does: what the caller
 * has put there stays. Returns 0, or the first -errno in the order of the pieces: no other is
 * begun then. */
int crew_run(const struct crew *crew, void *pieces, unsigned count, unsigned long size);

/* So many threads have a CPU each: 1 to `most`. */
unsigned crew_threads(unsigned most);

#endif
