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

#include <stddef.h>

struct world;

struct named_object {
    uint64_t obj;
    unsigned how; /* NAMED_… */
};

struct named {
    VEC(struct named_object) objects;
    struct table index; /* object → place in `objects` */
};

/* The object that the record says something happened to, or that it waited for; 0: none. A record
 * that describes an object names none. */
uint64_t event_object(const struct event *ev);

/* A `struct named` of zeros is empty. */
void named_release(struct named *n);
/* A record of the window. 0 or -ENOMEM. */
int named_see(struct named *n, const struct event *ev);
/* Objects that it names, and that neither it nor the world describes. */
size_t named_unknown(const struct named *n, const struct world *w);

#endif
