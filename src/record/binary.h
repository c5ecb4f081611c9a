/*
 * binary: what a program or library says about the runtime in it: which one it is, and where its
 * functions lie that tell which piece of work a thread turns to.
 */
#ifndef RECORD_BINARY_H
#define RECORD_BINARY_H

#include "base/vec.h"

#include <stdbool.h>
#include <stdint.h>

/* A place to put a uprobe. */
struct point {
    const char *name; /* of the function; static */
    uint64_t offset;  /* in the file */
    uint64_t cookie;  /* WORK_COOKIE */
};

#define BINARY_POINTS 64

struct binary {
    uint64_t device, inode, bytes; /* which file, and when it was last written */
    int64_t written_s, written_ns;
    uint32_t runtimes;              /* a bit 1 << enum runtime for each that it holds */
    uint64_t gil_address, gil_size; /* Python's; as the file has it, size 0 when not known */
    uint64_t counter; /* of the uprobes on it that are there: where in the file; 0: it has none */
    size_t point_count;
    struct point points[BINARY_POINTS];
};

/* Files that were looked at: one that several processes have is read once. */
struct binaries {
    VEC(struct binary) all;
    bool precise; /* with the points that cost more */
};

/* Whether a library of this name, without its folder, can hold what is looked for. */
bool binary_is_known(const char *name);
/* Looks at an open file; `is_program`: it is no library. NULL when it cannot be read or there is
 * nothing in it. Valid until the next call. */
const struct binary *binary_look(struct binaries *b, int fd, const char *name, bool is_program);
/* Where the part of the file from `offset` is mapped at `start`, the file's addresses are so much
 * higher. False when it cannot be told. */
bool binary_bias(int fd, uint64_t start, uint64_t offset, uint64_t *bias);
void binaries_release(struct binaries *b);

#endif
