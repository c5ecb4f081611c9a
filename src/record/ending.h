/*
 * ending: what ends a recording: a signal, the end of the target, the time, the size of the file, a
 * request that was slow. One of a command ends when the command has, so that its exit status is
 * known: it is told to end, and killed when it does not for long.
 */
#ifndef RECORD_ENDING_H
#define RECORD_ENDING_H

#include "record/record.h"

#include <stdbool.h>
#include <stdint.h>

/* All that it points to is the caller's. */
struct ending {
    const struct record_options *options;
    struct record_result *result; /* here `end`, `signal`, `exit_status` and `slow` are filled in */
    struct slow *slow;            /* NULL: none is looked for */
    int signals;                  /* of signals_open() */
    uint64_t start_ns;            /* from when on the time counts */
    uint64_t kill_ns;             /* when a command that was told to end is killed; 0: it was not */
    bool ended;
    bool window_wanted; /* SIGUSR1 came; the caller takes it back */
};

void ending_take_signals(struct ending *en, uint64_t now_ns);
/* So many threads of the target are there, and the file has so many bytes (0: there is none). */
void ending_look(struct ending *en, uint32_t alive, uint64_t bytes, uint64_t now_ns);

#endif
