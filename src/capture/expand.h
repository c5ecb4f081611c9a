/*
 * expand: records that the capture holds in a short form, as their readers know them.
 */
#ifndef CAPTURE_EXPAND_H
#define CAPTURE_EXPAND_H

#include "bpf/events.h"

/* The wait that a short record tells of, as a whole record of kind EVENT_WAIT. What lies further
 * back than time itself begins at 1, for 0 is "since before the attach". */
struct event_wait expand_wait(const struct event_wait_short *w);

#endif
