/*
 * describe: what a capture's header says of the machine and of the target.
 */
#ifndef RECORD_DESCRIBE_H
#define RECORD_DESCRIBE_H

#include "capture/format.h"
#include "record/target.h"

/* Fills all but the times; `described`: what was asked for, in words, may be NULL. */
void describe_recording(struct capture_header *h, const struct target *first,
                        const char *described);

#endif
