/*
 * reader: reads a capture file, whole or damaged. The only way to records for the analysis,
 * which therefore gets bpf/events.h through here.
 *
 * Everything in the file is distrusted: lengths are checked before use, records that are too
 * short for their kind or not a multiple of 8 end their block, strings need not end in NUL.
 * Records of unknown kinds and blocks of unknown types are passed over: a later minor version has
 * them. Memory is bounded by the largest block, whatever the size of the file.
 */
#ifndef CAPTURE_READER_H
#define CAPTURE_READER_H

#include "base/err.h"
#include "bpf/calls.h"
#include "bpf/events.h"
#include "capture/format.h"

#include <stdbool.h>
#include <stddef.h>

/* Where reading hands its finds; a NULL function is not called. An EVENT_WAIT_SHORT comes as the
 * EVENT_WAIT that it stands for. Each returns 0, or -errno to end
 * the reading with it. Pointers are valid during the call only; records are aligned to 8. */
struct capture_visitor {
    int (*event)(void *ctx, const struct event *ev);
    int (*loss)(void *ctx, const struct capture_loss *loss);
    int (*probe)(void *ctx, const char *name);
    void *ctx;
};

struct capture_info {
    struct capture_header header; /* its char fields end in NUL here */
    struct capture_summary summary;
    struct capture_flight flight; /* zeros: it is the whole recording */
    struct capture_cost cost;     /* names end in NUL here; zeros: not known */
    bool complete;                /* ended in order and read to the end without damage */
    uint64_t records;             /* handed over */
    uint64_t bad_blocks;    /* passed over: the CRC did not fit (neighbours count as one), or a
                               record in it was broken */
    uint64_t missing_bytes; /* at the end or between blocks */
    char damage[256];       /* in words: "cut after 12 blocks: 3,012 bytes of a block are
                               missing"; "" when complete */
};

/*
 * Reads `path` from begin to end. 0 when something could be read, complete or not: `info` tells.
 * -errno and `e` when the file cannot be opened, is no capture, is empty, is not a regular file,
 * or has another major version (exit code EXIT_DAMAGED in `e` for all that is wrong inside).
 * header.end_ns is 0 in `info` when the recording did not end in order.
 */
int capture_read(const char *path, const struct capture_visitor *visitor, struct capture_info *info,
                 struct err *e);
/* The same from memory; `name` is for messages. */
int capture_read_bytes(const void *bytes, size_t len, const char *name,
                       const struct capture_visitor *visitor, struct capture_info *info,
                       struct err *e);

/* The least size of a record of `kind`; 0 for kinds that are not known. */
size_t event_min_size(unsigned kind);

#endif
