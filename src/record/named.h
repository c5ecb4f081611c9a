/*
 * named: what the records of a window name, and whether they say what it is.
 *
 * A name that is missing matters when something names it. So whether a window lacks any is found
 * by going through it when it is written, not by counting what was ever given up.
 */
#ifndef RECORD_NAMED_H
#define RECORD_NAMED_H

#include "base/table.h"
#include "base/vec.h"
#include "bpf/events.h"

#include <stdbool.h>
#include <stddef.h>

struct world;

struct named_object {
    uint64_t obj;
    unsigned how; /* NAMED_… */
};

/* Times are 0 for never. */
struct named_thread {
    uint64_t first_ns;  /* when it did something first */
    uint64_t forked_ns; /* when it was made, or another of the same number */
    uint64_t began_ns;  /* the one that is there at the end: when that was made */
};

struct named {
    VEC(struct named_object) objects;
    struct table index; /* object → place in `objects` */
    bool want_threads;  /* else they are not looked at */
    VEC(struct named_thread) threads;
    struct table tids; /* tid → place in `threads` */
};

/* The object that the record says something happened to, or that it waited for; 0: none. A record
 * that describes an object names none. */
uint64_t event_object(const struct event *ev);

/* A `struct named` of zeros is empty, but for `want_threads`. */
void named_release(struct named *n);
/* A record of the window. 0 or -ENOMEM. */
int named_see(struct named *n, const struct event *ev);
/* Did anything happen to the object? */
bool named_used(const struct named *n, uint64_t obj);
/* NULL: nothing is said of such a thread. */
const struct named_thread *named_thread(const struct named *n, uint32_t tid);
/* Objects that it names, and that neither it nor the world describes. */
size_t named_unknown(const struct named *n, const struct world *w);

#endif
