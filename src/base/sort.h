/*
 * sort: for arrays that are nearly in order.
 *
 * What the records tell comes thread by thread, each in the order of time: an array of that is a
 * few ascending runs behind each other, or in order but for a few places. What is out of order by
 * little is put right in passing; merging the runs that are left takes count × log2(runs) steps,
 * none at all where the array is in order, which qsort() does not use.
 */
#ifndef BASE_SORT_H
#define BASE_SORT_H

#include <stddef.h>

/* Like qsort(), and equal elements keep their order. It needs as much memory again; without, it is
 * qsort(), whose order of equal elements is any. */
void sort_runs(void *data, size_t count, size_t size, int (*order)(const void *, const void *));

/* The same for long arrays in which nothing is out of place by far: it works on one part after the
 * other, and needs little memory beside. */
void sort_near(void *data, size_t count, size_t size, int (*order)(const void *, const void *));

/* For these and qsort(): of two uint64_t, the smaller first. */
int sort_order_uint64(const void *a, const void *b);

#endif
