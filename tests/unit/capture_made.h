/*
 * capture_made: captures for tests, and what reading them handed over. Files lie in a folder of
 * their own under $TMPDIR or /tmp; failures of the helpers themselves abort the test.
 */
#ifndef TESTS_CAPTURE_MADE_H
#define TESTS_CAPTURE_MADE_H

#include "base/vec.h"
#include "capture/reader.h"
#include "capture/writer.h"

#include <stdint.h>

struct bytes {
    VEC(unsigned char) all;
};

/* Everything that a visitor was given, one behind the other, and where each record begins. */
struct seen {
    struct bytes records;
    VEC(size_t) starts;
    VEC(struct capture_loss) losses;
    struct bytes probes; /* with their NULs */
};

/* Makes a folder; seen from made_path() until made_remove() removes it with what is in it. */
void made_folder(void);
const char *made_path(const char *name); /* valid until the next call */
void made_remove(void);

struct capture_header made_header(void);
/* Record number `n` of a capture: a different kind, time and size for each n. */
const struct event *made_event(unsigned n);
/* A capture of `count` made_event()s in blocks of `per_block`, with losses and probes between;
 * `end`: with an orderly end. */
void made_capture(const char *path, unsigned count, unsigned per_block, int end);

struct bytes made_slurp(const char *path);
void made_spill(const char *path, const void *bytes, size_t len);

struct capture_visitor seen_visitor(struct seen *seen);
void seen_release(struct seen *seen);

#endif
