#include "base/table.h"

#include <errno.h>
#include <stdlib.h>

enum { SLOT_EMPTY = 0, SLOT_USED = 1, SLOT_DELETED = 2 };

/* Keys are descriptors, PIDs, addresses: neighbours. Mixing (the finalizer of splitmix64) spreads
 * them, so that linear probing stays short. */
static uint64_t mix(uint64_t key)
{
    key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9u;
    key = (key ^ (key >> 27)) * 0x94d049bb133111ebu;
    return key ^ (key >> 31);
}

/* Always ends: at least a quarter of the slots is empty. */
static struct table_slot *find(const struct table *t, uint64_t key)
{
    if (!t->cap)
        return NULL;
    for (size_t i = mix(key) & (t->cap - 1);; i = (i + 1) & (t->cap - 1)) {
        struct table_slot *slot = &t->slots[i];
        if (slot->state == SLOT_EMPTY)
            return NULL;
        if (slot->state == SLOT_USED && slot->key == key)
            return slot;
    }
}

static void insert_new(struct table *t, uint64_t key, uint64_t value)
{
    size_t i = mix(key) & (t->cap - 1);
    while (t->slots[i].state == SLOT_USED)
        i = (i + 1) & (t->cap - 1);
    if (t->slots[i].state == SLOT_EMPTY)
        t->filled++;
    t->slots[i] = (struct table_slot){.key = key, .value = value, .state = SLOT_USED};
    t->used++;
}

/* Also how deleted slots are swept out: the size depends on the used ones alone. */
static int rehash(struct table *t)
{
    size_t cap = 16;
    while (cap / 2 <= t->used) {
        if (cap > SIZE_MAX / 2 / sizeof(*t->slots))
            return -ENOMEM;
        cap *= 2;
    }
    struct table grown = {.slots = calloc(cap, sizeof(*grown.slots)), .cap = cap};
    if (!grown.slots)
        return -ENOMEM;
    for (size_t i = 0; i < t->cap; i++)
        if (t->slots[i].state == SLOT_USED)
            insert_new(&grown, t->slots[i].key, t->slots[i].value);
    free(t->slots);
    *t = grown;
    return 0;
}

int table_put(struct table *t, uint64_t key, uint64_t value)
{
    struct table_slot *slot = find(t, key);
    if (slot) {
        slot->value = value;
        return 0;
    }
    if (t->filled + 1 > t->cap / 4 * 3) {
        int rc = rehash(t);
        if (rc < 0)
            return rc;
    }
    insert_new(t, key, value);
    return 0;
}

bool table_get(const struct table *t, uint64_t key, uint64_t *value)
{
    const struct table_slot *slot = find(t, key);
    if (slot && value)
        *value = slot->value;
    return slot != NULL;
}

bool table_remove(struct table *t, uint64_t key)
{
    struct table_slot *slot = find(t, key);
    if (!slot)
        return false;
    slot->state = SLOT_DELETED;
    t->used--;
    return true;
}

void table_release(struct table *t)
{
    free(t->slots);
    *t = (struct table)TABLE_INIT;
}

uint64_t table_hash(const void *bytes, size_t len)
{
    const unsigned char *p = bytes;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ p[i]) * 0x100000001b3u;
    return hash;
}
