/*
 * patch: puts a call in front of methods of a class that there is.
 */
#ifndef AGENT_PATCH_H
#define AGENT_PATCH_H

#include <stddef.h>
#include <stdint.h>

/* More than the class itself that its patched one takes. */
#define PATCH_ROOM 1024

struct method_name {
    const char *name, *type;
};

struct patch {
    const char *class;             /* names with slashes */
    struct method_name methods[2]; /* whose first argument, or `this`, is an object */
    const char *owner, *called,
        *to; /* a static method, its class and its type: (…)V of one object */
};

/*
 * Writes the class in `in` (`len` bytes) to `out` (len + PATCH_ROOM), with a call of p->called with
 * the first argument in front of the code of p->methods, and gives its length; 0 when there is none
 * of these, or anything in the class that is not known here.
 */
size_t class_patch(const uint8_t *in, size_t len, const struct patch *p, uint8_t *out);

#endif
