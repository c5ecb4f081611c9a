#include "base/vec.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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
    void *grown = realloc(old, room * size);
    if (!grown)
        return -ENOMEM;
    memcpy(data, &grown, sizeof(grown));
    *cap = room;
    return 0;
}

void vec_give_back(void *data, size_t from, size_t to)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), base = (uintptr_t)data;
    uintptr_t first = (base + from) & ~(page - 1), end = (base + to) & ~(page - 1);

    if (first < base)
        first += page;
    if (first < end) /* where the kernel does not want to, they stay */
        madvise((char *)data + (first - base), end - first, MADV_DONTNEED);
}
