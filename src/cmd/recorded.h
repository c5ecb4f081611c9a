/*
 * recorded: what a recording says of itself when a file of it is written, and when it has ended.
 */
#ifndef CMD_RECORDED_H
#define CMD_RECORDED_H

#include "record/record.h"

/* "30.0 s of 2 h kept: …", and what there was no memory for: a flight recorder's file. */
void print_kept(const struct record_options *o, const struct record_result *r);
/* The same of the whole, with the reason why it ended. */
void print_ended(const struct record_options *o, const struct record_result *r);

#endif
