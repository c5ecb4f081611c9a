/*
 * words: what the world is made of, for its own files.
 */
#ifndef RECORD_WORDS_H
#define RECORD_WORDS_H

#include "record/world.h"

#define TCP_CLOSE 7
/* So many numbers are kept of what was given up. The rest is described again when the kernel's own
 * list of what was described has turned over. */
#define GIVEN_UP_MAX 65536

struct word {
    uint64_t key, time_ns;
    uint64_t used_ns; /* when a record named it last, or it became a word */
    uint32_t size;
    uint32_t pid;     /* of a thread */
    bool over;        /* the other end closed, and nothing has come since */
    uint64_t bytes[]; /* the record */
};

/* An object's number keeps its class in that. */
#define OBJECT_BITS (((uint64_t)1 << 60) - 1)

static inline uint64_t word_key(unsigned kind, uint64_t number)
{
    return (uint64_t)kind << 60 | (number & OBJECT_BITS);
}

/* NULL: there is none. */
struct word *word_find(const struct world *w, uint64_t key);
/* The last word gets its place. */
void word_drop_at(struct world *w, size_t at);

#endif
