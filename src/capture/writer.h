/*
 * writer: appends to a capture file.
 *
 * Created 0600 with O_EXCL|O_NOFOLLOW: an existing file is never touched (-EEXIST). Records are
 * gathered into blocks of some 256 KiB; writer_flush() puts out what has gathered, so that a
 * crash of the profiler loses nothing that was drained. Functions return 0 or -errno and fill
 * `e`. After a failed write every later call fails with the same error.
 */
#ifndef CAPTURE_WRITER_H
#define CAPTURE_WRITER_H

#include "base/err.h"
#include "capture/format.h"

#include <stddef.h>
#include <stdint.h>

struct event;
struct writer;

/* Fills magic, version, size, CAPTURE_INCOMPLETE and crc; the caller gives the rest. */
int writer_new(struct writer **w, const char *path, const struct capture_header *header,
               struct err *e);
/* Appends one record (ev->size bytes). -EINVAL for one that no reader would take (too short for its
 * kind, no multiple of 8): nothing is appended, and the writer goes on. */
int writer_append(struct writer *w, const struct event *ev);
/* Appends `count` records that lie one behind the other as a block of their own; each must be one
 * that writer_append() would take, and `len` at most CAPTURE_BLOCK_MAX. */
int writer_events(struct writer *w, const void *records, size_t len, uint64_t count);
/* `size`: up to the end of its last program. */
int writer_cost(struct writer *w, const struct capture_cost *cost, size_t size);
int writer_flight(struct writer *w, const struct capture_flight *flight);
int writer_loss(struct writer *w, const struct capture_loss *loss, size_t count);
int writer_probes(struct writer *w, const char *const *names, size_t count);
int writer_flush(struct writer *w);
/* Bytes in the file and in the block that gathers; records so far. */
uint64_t writer_bytes(const struct writer *w);
uint64_t writer_records(const struct writer *w);
/* The orderly end: flushes, writes the summary (its `records` and `end_ns` are filled by the
 * writer), clears the incomplete mark. The writer stays to be freed. */
int writer_end(struct writer *w, uint64_t end_ns, const struct capture_summary *summary,
               struct err *e);
/* Closes; takes NULL. Without writer_end() the file stays marked incomplete. */
void writer_free(struct writer *w);

#endif
