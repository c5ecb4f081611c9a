#include "base/vec.h"

#include "base/bulk.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* From so many bytes on an array has pages of its own. */
#define BULK_MIN ((size_t)1 << 20)

static void *grown(void *old, size_t had, size_t size)
{
    if (size < BULK_MIN)
        return realloc(old, size);
    if (had >= BULK_MIN)
        return bulk_resize(old, size);
    void *data = bulk_new(size);
    if (data && had)
        memcpy(data, old, had);
    if (data)
        free(old);
    return data;
}

int vec_grow(void **data, size_t *cap, size_t want, size_t size)
{
    size_t room = *cap ? *cap : 8;
    while (room < want)
        room = room > SIZE_MAX / 2 ? want : room * 2;
    if (room > SIZE_MAX / size)
        return -ENOMEM;

    /* `data` points at a `type *`, not at a `void *`: copied as bytes, so that the compiler may
     * not assume that the two are different objects. */
    void *old;
    memcpy(&old, data, sizeof(old));
    void *new = grown(old, *cap * size, room * size);
    if (!new)
        return -ENOMEM;
    memcpy(data, &new, sizeof(new));
    *cap = room;
    return 0;
}

void vec_give_back(void *data, size_t size, size_t from, size_t to)
{
    if (size >= BULK_MIN)
        bulk_forget(data, from, to);
}

void vec_free(void *data, size_t size)
{
    if (size >= BULK_MIN)
        bulk_free(data);
    else
        free(data);
}
