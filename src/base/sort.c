#include "base/sort.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

typedef int (*order_fn)(const void *, const void *);

/* So many places back an element is moved at once; and how large it may be. */
#define NEAR 16
#define MOVED_SIZE 64

/* Where each run begins, and one more: where the last ends. */
struct runs {
    VEC(size_t) all;
};

/* Moves the element `at`, which is less than the one before it, back to where it belongs in the run
 * that begins at `begin`; false when that is far. */
static bool settle(char *begin, char *at, size_t size, order_fn order)
{
    char moved[MOVED_SIZE], *to = at - size;
    size_t back = 1;

    while (to > begin && order(to - size, at) > 0) {
        if (back++ == NEAR)
            return false;
        to -= size;
    }
    memcpy(moved, at, size);
    memmove(to + size, to, (size_t)(at - to));
    memcpy(to, moved, size);
    return true;
}

/* What is out of order by a few places is put right in passing, unless much is from far. */
static int runs_find(struct runs *r, char *data, size_t count, size_t size, order_fn order)
{
    int rc = vec_push(&r->all, (size_t)0);

    for (size_t i = 1; rc == 0 && i < count; i++) {
        bool few = size <= MOVED_SIZE && r->all.len <= i / NEAR + NEAR;
        if (order(data + (i - 1) * size, data + i * size) > 0 &&
            !(few && settle(data + *vec_last(&r->all) * size, data + i * size, size, order)))
            rc = vec_push(&r->all, i);
    }
    return rc == 0 ? vec_push(&r->all, count) : rc;
}

/* [from, middle) and [middle, to), each in order, to `into`. A size that the compiler knows is
 * copied without a call. */
static inline __attribute__((always_inline)) void
merge_of(const char *data, char *into, const size_t bounds[3], size_t size, order_fn order)
{
    size_t left = bounds[0], right = bounds[1], at = bounds[0];

    while (left < bounds[1] && right < bounds[2]) {
        bool from_left = order(data + left * size, data + right * size) <= 0;
        size_t next = from_left ? left++ : right++;
        memcpy(into + at++ * size, data + next * size, size);
    }
    memcpy(into + at * size, data + left * size, (bounds[1] - left) * size);
    at += bounds[1] - left;
    memcpy(into + at * size, data + right * size, (bounds[2] - right) * size);
}

static void merge(const char *data, char *into, const size_t bounds[3], size_t size, order_fn order)
{
    switch (size) {
    case 8:
        merge_of(data, into, bounds, 8, order);
        break;
    case 16:
        merge_of(data, into, bounds, 16, order);
        break;
    case 24:
        merge_of(data, into, bounds, 24, order);
        break;
    case 32:
        merge_of(data, into, bounds, 32, order);
        break;
    case 40:
        merge_of(data, into, bounds, 40, order);
        break;
    case 48:
        merge_of(data, into, bounds, 48, order);
        break;
    default:
        merge_of(data, into, bounds, size, order);
    }
}

/* Each two runs that lie beside each other become one in `into`. */
static void merge_pairs(struct runs *r, const char *data, char *into, size_t size, order_fn order)
{
    size_t *bounds = r->all.data, runs = r->all.len - 1, kept = 0;

    for (size_t i = 0; i < runs; i += 2) {
        if (i + 1 < runs)
            merge(data, into, bounds + i, size, order);
        else
            memcpy(into + bounds[i] * size, data + bounds[i] * size,
                   (bounds[i + 1] - bounds[i]) * size);
        bounds[kept++] = bounds[i];
    }
    bounds[kept++] = bounds[runs];
    r->all.len = kept;
}

void sort_runs(void *data, size_t count, size_t size, order_fn order)
{
    struct runs r = {VEC_INIT};
    char *now = data, *spare = NULL;

    if (count < 2 || !size)
        return;
    if (runs_find(&r, data, count, size, order) < 0 ||
        (r.all.len > 2 && !(spare = malloc(count * size)))) {
        vec_release(&r.all);
        qsort(data, count, size, order);
        return;
    }
    while (r.all.len > 2) {
        char *last = now;

        merge_pairs(&r, now, spare, size, order);
        now = spare;
        spare = last;
    }
    if (now != data) {
        memcpy(data, now, count * size);
        spare = now;
    }
    free(spare);
    vec_release(&r.all);
}

/* A part of what sort_near() sorts; and how far back it goes from one, before it takes all at once.
 */
#define PART 16384
#define FAR ((size_t)4 * PART)

/* The first element of [0, end) that is greater than the one at `end`. */
static size_t first_greater(const char *data, size_t end, size_t size, order_fn order)
{
    const char *least = data + end * size;
    size_t low = end, step = 1, high;

    do {
        high = low;
        low = low > step ? low - step : 0;
        step *= 2;
    } while (low && order(data + low * size, least) > 0);
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (order(data + mid * size, least) > 0)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

void sort_near(void *data, size_t count, size_t size, order_fn order)
{
    char *all = data, *spare = count > PART ? malloc(FAR * size) : NULL;

    for (size_t begin = 0, end = 0; begin < count; begin = end) {
        end = spare && count - begin > PART ? begin + PART : count;
        sort_runs(all + begin * size, end - begin, size, order);
        if (!begin || order(all + (begin - 1) * size, all + begin * size) <= 0)
            continue;
        size_t first = first_greater(all, begin, size, order), back = begin - first;
        if (back > FAR) {
            sort_runs(data, count, size, order);
            break;
        }
        /* What is greater is laid aside and merged into the room for it: less than is free is
         * ever written. */
        memcpy(spare, all + first * size, back * size);
        size_t left = 0, right = begin, at = first;
        while (left < back && right < end) {
            bool from_left = order(spare + left * size, all + right * size) <= 0;
            const char *next = from_left ? spare + left++ * size : all + right++ * size;
            memcpy(all + at++ * size, next, size);
        }
        memcpy(all + at * size, spare + left * size, (back - left) * size);
    }
    free(spare);
}

int sort_order_uint64(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}
