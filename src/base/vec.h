/*
 * vec: a growing array of any type.
 *
 *     VEC(struct point) points = VEC_INIT;
 *     if (vec_push(&points, p) < 0) ...
 *     for (size_t i = 0; i < points.len; i++) use(points.data[i]);
 *     vec_release(&points);
 *
 * To pass one around, give it a name: `struct points { VEC(struct point) all; };`
 * A large one is bulk memory: see bulk.h.
 * Elements move when the array grows: keep indices, not pointers. `v` is evaluated several times.
 * vec_push() and vec_reserve() return 0 or -ENOMEM; on failure the array is unchanged.
 */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#define VEC(type)        \
    struct {             \
        type *data;      \
        size_t len, cap; \
    }
#define VEC_INIT   \
    {              \
        NULL, 0, 0 \
    }

/* Grows `*data` to hold at least `want` elements of `size` bytes. Not called directly. */
int vec_grow(void **data, size_t *cap, size_t want, size_t size);

/* Gives back the pages that lie between the bytes `from` and `to` of an array of `size`; and all of
 * it. Not called directly. */
void vec_give_back(void *data, size_t size, size_t from, size_t to);
void vec_free(void *data, size_t size);

#define vec_reserve(v, want) \
    ((want) <= (v)->cap ? 0 : vec_grow((void **)&(v)->data, &(v)->cap, (want), sizeof(*(v)->data)))
#define vec_push(v, value) \
    (vec_reserve((v), (v)->len + 1) < 0 ? -ENOMEM : ((v)->data[(v)->len++] = (value), 0))
#define vec_last(v) (&(v)->data[(v)->len - 1])
/* The first `to` elements are not needed any more, and the first `from` of them were given back
 * before: the pages that only they lie on go back, if there are many, and what they hold is
 * undefined from now on. Elements behind them stay where they are. */
#define vec_forget(v, from, to)                                                          \
    vec_give_back((v)->data, (v)->cap * sizeof(*(v)->data), (from) * sizeof(*(v)->data), \
                  (to) * sizeof(*(v)->data))
#define vec_release(v) \
    (vec_free((v)->data, (v)->cap * sizeof(*(v)->data)), (v)->data = NULL, (v)->len = (v)->cap = 0)

#endif
