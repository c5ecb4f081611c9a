/*
 * rings: the CPUs' own rings of records (bpf/ring.bpf.h), read in order of time.
 *
 *     rings_new → { rings_begin → rings_take… → rings_end }… → rings_free
 *
 * Between rings_begin() and rings_end() what the probes write meanwhile is not looked at.
 */
#ifndef RECORD_RINGS_H
#define RECORD_RINGS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct event;
struct rings;

/* Bytes of one ring, without what lies beside the records: all CPUs' together take some 16 MB. */
size_t rings_size(int cpus);
/* Of the map's value, for rings of `size` bytes. */
size_t rings_value_size(size_t size);
/* Maps them: `fd` is the map's, which holds `cpus` of them. 0, or -errno. */
int rings_new(struct rings **out, int fd, int cpus, size_t size);
void rings_begin(struct rings *r);
/* Hands over, in order of time, the records that were made up to `until_ns`. They are gone when
 * take() returns; a negative return ends it and is returned. */
int rings_take(struct rings *r, uint64_t until_ns, int (*take)(void *ctx, const struct event *ev),
               void *ctx);
/* Gives the room of what was taken back. Returns how full the fullest was at rings_begin(), in
 * percent. */
unsigned rings_end(struct rings *r);
void rings_free(struct rings *r);

#endif
