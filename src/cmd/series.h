/*
 * series: the names of what a recording writes, and with a flight recorder, which writes more than
 * once, the next ones: `slow.wsc` and `slow.html`, then `slow-2.wsc` and `slow-2.html`. What is
 * made of a capture while the recording goes on is made by a process of its own, this program's
 * `convert`: the ring must be emptied meanwhile. One runs at a time, as each takes a multiple of
 * the capture in memory; the others wait in their order.
 */
#ifndef CMD_SERIES_H
#define CMD_SERIES_H

#include "base/vec.h"

#include <stdbool.h>
#include <sys/types.h>

struct analysis_options;

struct names {
    char *capture; /* NULL: as they were asked for */
    VEC(char *) outputs;
};

struct conversion {
    pid_t pid; /* 0: not begun */
    struct names names;
};

struct series {
    const char *capture; /* as they were asked for; borrowed, as is the rest up to `number` */
    bool capture_is_spare;
    const char *const *outputs;
    size_t output_count;
    const struct analysis_options *analysis;
    unsigned number; /* of the files at hand; 0: none yet */
    struct names names;
    VEC(struct conversion) conversions; /* the first one runs */
    bool failed;                        /* something could not be made, and that was said */
};

/* Goes on to names of which no file exists. 0 or -errno. */
int series_next(struct series *s);
/* The names at hand. */
const char *series_capture(const struct series *s);
const char *series_output(const struct series *s, size_t i);
/* The capture at hand is written: has the rest made of it, and says so. */
void series_convert(struct series *s);
/* Looks whether that is done, and says so, and has the next one made. */
void series_tick(struct series *s);
/* Until all is done; says what is waited for. A signal leaves out what is not begun. */
void series_wait(struct series *s);
void series_release(struct series *s);

/* A line of progress on the terminal makes room for a message. */
void series_clear_line(void);
/* Under sudo a file is for the one who called it. */
void give_to_caller(const char *path);

#endif
