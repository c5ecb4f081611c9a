/*
 * table: a hash table from a 64-bit key to a 64-bit value (an index, most often).
 * Open addressing; any key is allowed, 0 and UINT64_MAX too.
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_slot {
    uint64_t hash, value; /* each key has a hash of its own; 0: empty, 1: deleted */
};

struct table {
    struct table_slot *slots;
    size_t cap, used, filled;   /* filled counts deleted slots too */
    struct table_slot apart[2]; /* for the keys with hash 0 and 1; `hash` 1: it is there */
};

#define TABLE_INIT     \
    {                  \
        NULL, 0, 0, 0, \
        {              \
            {0, 0},    \
            {          \
                0, 0   \
            }          \
        }              \
    }

/* Puts or replaces; 0 or -ENOMEM. */
int table_put(struct table *t, uint64_t key, uint64_t value);
/* True and the value in `*value` (may be NULL) when the key is there. */
bool table_get(const struct table *t, uint64_t key, uint64_t *value);
/* True when the key was there. */
bool table_remove(struct table *t, uint64_t key);
void table_release(struct table *t);

/* A 64-bit FNV-1a hash of bytes, for keys made of text. */
uint64_t table_hash(const void *bytes, size_t len);

#endif
