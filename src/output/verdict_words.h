/*
 * verdict_words: what the sentences of a verdict have in common; for verdict_text.c,
 * verdict_waits.c, verdict_load.c and verdict_open.c alone.
 */
#ifndef OUTPUT_VERDICT_WORDS_H
#define OUTPUT_VERDICT_WORDS_H

#include "output/verdict_text.h"

/* From this share of a sum on a part of it is named. */
#define SHARE_WORTH_A_NAME 0.05

struct words {
    const struct timeline *tl;
    const struct verdict *v;
    const struct process_sums *sums;
    struct buf *out; /* not owned */
    uint32_t process;
};

/* A thread's wait, or what held a loop up. */
struct longest {
    uint8_t state;
    uint32_t call_plus1, object_plus1;
};

/* Is it a quotient that exists and says something? */
bool words_is_known(double n);
/* What it can answer, and what arrived: a line, or none where that is not known. */
void words_add_capacity(const struct words *w);
/* How far its threads are taken at the busiest: a line for each kind of which that says more than
 * the mean. */
void words_add_busiest(const struct words *w);
/* Do clearly not all requests need one of a loop's workers? */
bool words_few_need_workers(const struct words *w);
/* Is the event loop hardly ever free while it is busiest, and do requests wait for that? */
bool verdict_loop_is_full(const struct verdict *v, const struct process_sums *sums);
/* What its threads wait for inside requests, and what requests await without one: a line each, as
 * far as there is any. */
void words_add_waits(const struct words *w);
/* Of a process that answered nobody: what is open, or who waits, and where that stands. */
void words_add_none_answered(const struct words *w);
/* Who has waited since before the recording: a line, or none. */
void words_add_asked(const struct words *w);
/* "#12 GET /a", of tl->requests. */
void words_add_request(const struct words *w, uint32_t index);
/* What the longest wait was for: of a request's, else of an event loop's for one that is not known.
 * False where there is none, as in sums without a timeline. */
bool words_longest_wait(const struct words *w, struct longest *longest);

#endif
