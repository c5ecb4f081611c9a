/*
 * flight: the last of a recording, kept in memory until somebody wants it in a file.
 *
 *     flight_new → flight_append, flight_loss, flight_probes, again and again
 *       → flight_write, whenever wanted → flight_free
 *
 * Records gather in blocks as large as those of a capture. A block goes when the newest record in
 * it is older than the window, or when memory is out: what it says of what is still there goes to
 * the world (record/world.h), the rest is gone. Records may come out of order by some 100 ms: each
 * block knows the earliest and the latest of its times, and what lies before the window is left
 * out record by record when a file is written.
 *
 * Functions return 0 or -errno.
 */
#ifndef RECORD_FLIGHT_H
#define RECORD_FLIGHT_H

#include "base/err.h"
#include "capture/format.h"

#include <stdbool.h>
#include <stddef.h>

struct event;
struct flight;

/* Keeps `last_ns` (0: no limit) in at most `max_bytes` of memory; `attach_ns`: since when there are
 * records. NULL: no memory. */
struct flight *flight_new(uint64_t last_ns, uint64_t max_bytes, uint64_t attach_ns);
/* As writer_append(). A record that is of a look at the end (THREAD_AT_END) is for the next file
 * alone. */
int flight_append(struct flight *f, const struct event *ev);
int flight_loss(struct flight *f, const struct capture_loss *loss, size_t count);
int flight_probes(struct flight *f, const char *const *names, size_t count);
/* Lets go of what is older than the window is at `now_ns`. */
int flight_expire(struct flight *f, uint64_t now_ns);

struct flight_file {
    const char *path;
    struct capture_header header;    /* start_ns and start_real_ns: of the recording's begin */
    struct capture_summary summary;  /* `lost` is filled */
    const struct capture_cost *cost; /* NULL: none */
    size_t cost_size;
    uint64_t end_ns;
    uint64_t looked_ns; /* when the look at all threads at the end began; 0: there was none */
    /* Called now and then during the writing, so that the ring does not run full; what comes then
     * is kept for the next file. */
    int (*meanwhile)(void *ctx);
    void *ctx;
};

struct flight_result {
    uint64_t start_ns; /* where the window begins: from there on nothing is missing */
    uint64_t records, lost, bytes;
    bool full;          /* it begins later than asked for, as the memory was used up */
    uint64_t forgotten; /* objects that it names and does not describe, for lack of memory */
};

/*
 * Writes a capture of the window that ends at `file->end_ns`. On an error nothing that was kept is
 * lost, and the file holds what could be written, marked incomplete, if it could be made at all
 * (`made`, which may be NULL).
 */
int flight_write(struct flight *f, const struct flight_file *file, struct flight_result *result,
                 bool *made, struct err *e);

/* When descriptions may have to be given up for lack of memory, it wants to know now and then what
 * threads wait for: flight_look(), and then each one's record with THREAD_BETWEEN, which is not
 * kept. */
bool flight_wants_look(const struct flight *f);
void flight_look(struct flight *f);
/* Takes up to `max` objects whose descriptions were given up since the last call, so that they are
 * described again when they are met again; gives their number. */
size_t flight_given_up(struct flight *f, uint64_t *objects, size_t max);

/* Where the window begins that ends at `end_ns`. */
uint64_t flight_start(const struct flight *f, uint64_t end_ns);
/* Bytes of memory that it takes; records that are kept, but for those of the world. */
uint64_t flight_bytes(const struct flight *f);
uint64_t flight_records(const struct flight *f);
void flight_free(struct flight *f);

#endif
