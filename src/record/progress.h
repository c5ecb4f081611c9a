/*
 * progress: the line that a recording shows on a terminal, written over itself.
 */
#ifndef RECORD_PROGRESS_H
#define RECORD_PROGRESS_H

#include "base/table.h"

#include <stdbool.h>
#include <stdint.h>

struct event;

struct progress {
    bool on, shown;
    uint64_t exchanges; /* turns to receiving on connections that are not downstream */
    uint64_t shown_ns;
    struct table downstream; /* sockets that are known to be connected by the target */
};

void progress_init(struct progress *p, bool on);
void progress_event(struct progress *p, const struct event *ev);
/* Shows at most some five times a second. */
void progress_show(struct progress *p, uint64_t elapsed_ns, uint64_t records, uint64_t lost,
                   uint64_t bytes);
/* Ends the line and gives memory back. */
void progress_end(struct progress *p);

#endif
