#include "base/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { SLOT_EMPTY = 0, SLOT_DELETED = 1, HASHES = 2 };

/* Keys are descriptors, PIDs, addresses: neighbours. Mixing (the finalizer of splitmix64) spreads
 * them, so that linear probing stays short; no two keys become the same. */
static uint64_t mix(uint64_t key)
{
    key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9u;
    key = (key ^ (key >> 27)) * 0x94d049bb133111ebu;
    return key ^ (key >> 31);
}

/* Always ends: at least a quarter of the slots is empty. */
static struct table_slot *find(const struct table *t, uint64_t hash)
{
    if (!t->cap)
        return NULL;
    for (size_t i = hash & (t->cap - 1);; i = (i + 1) & (t->cap - 1)) {
        struct table_slot *slot = &t->slots[i];
        if (slot->hash == hash)
            return slot;
        if (slot->hash == SLOT_EMPTY)
            return NULL;
    }
}

static void insert_new(struct table *t, uint64_t hash, uint64_t value)
{
    size_t i = hash & (t->cap - 1);
    while (t->slots[i].hash >= HASHES)
        i = (i + 1) & (t->cap - 1);
    if (t->slots[i].hash == SLOT_EMPTY)
        t->filled++;
    t->slots[i] = (struct table_slot){.hash = hash, .value = value};
    t->used++;
}

/* A large one is looked into at random: pages of 2 MB, where the machine has them to give. */
#define HUGE_PAGE (2u << 20)

static struct table_slot *slots_new(size_t cap)
{
    size_t size = cap * sizeof(struct table_slot);
    struct table_slot *slots;

    if (size < HUGE_PAGE)
        return calloc(cap, sizeof(*slots));
    slots = aligned_alloc(HUGE_PAGE, (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
    if (!slots)
        return NULL;
    madvise(slots, size, MADV_HUGEPAGE);
    return memset(slots, 0, size);
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
    struct table grown = *t;
    grown.slots = slots_new(cap);
    if (!grown.slots)
        return -ENOMEM;
    grown.cap = cap;
    grown.used = t->apart[0].hash + t->apart[1].hash;
    grown.filled = 0;
    for (size_t i = 0; i < t->cap; i++)
        if (t->slots[i].hash >= HASHES)
            insert_new(&grown, t->slots[i].hash, t->slots[i].value);
    free(t->slots);
    *t = grown;
    return 0;
}

int table_put(struct table *t, uint64_t key, uint64_t value)
{
    uint64_t hash = mix(key);

    if (hash < HASHES) {
        t->used += !t->apart[hash].hash;
        t->apart[hash] = (struct table_slot){.hash = 1, .value = value};
        return 0;
    }
    struct table_slot *slot = find(t, hash);
    if (slot) {
        slot->value = value;
        return 0;
    }
    if (t->filled + 1 > t->cap / 4 * 3) {
        int rc = rehash(t);
        if (rc < 0)
            return rc;
    }
    insert_new(t, hash, value);
    return 0;
}

bool table_get(const struct table *t, uint64_t key, uint64_t *value)
{
    uint64_t hash = mix(key);
    const struct table_slot *slot = hash < HASHES ? &t->apart[hash] : find(t, hash);

    if (!slot || !slot->hash)
        return false;
    if (value)
        *value = slot->value;
    return true;
}

bool table_remove(struct table *t, uint64_t key)
{
    uint64_t hash = mix(key);
    struct table_slot *slot = hash < HASHES ? &t->apart[hash] : find(t, hash);

    if (!slot || !slot->hash)
        return false;
    slot->hash = hash < HASHES ? 0 : SLOT_DELETED;
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
