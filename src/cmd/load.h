/*
 * load: from a capture file to a timeline.
 */
#ifndef CMD_LOAD_H
#define CMD_LOAD_H

#include "analysis/analysis.h"
#include "capture/reader.h"
#include "cmd/cmd.h"
#include "timeline/timeline.h"

/* The line of --help for --loop-hold, which every verb that loads has, in two halves for the
 * verbs' own columns. */
#define LOOP_HOLD_HELP_1 "from how long on an event loop that does not wait for its events"
#define LOOP_HOLD_HELP_2 "is a loop hold: 5ms, 500us (default 5ms)"

/* The value of --loop-hold; -1 to go on, or the exit code, said. */
int parse_loop_hold(const char *verb, const char *text, struct analysis_options *options);

/*
 * Reads and analyses `path`, and proves the result with timeline_check(). 0: `tl` is filled and the
 * caller releases it; a damaged capture is 0 too, with info->complete false and info->damage saying
 * what is missing. -errno and `e`: nothing is left to be released.
 */
int load_timeline(const char *path, const struct analysis_options *options, struct timeline *tl,
                  struct capture_info *info, struct err *e);
/* Says what is missing of a capture, if anything; EXIT_DAMAGED then, else EXIT_DONE. */
int print_damage(const char *path, const struct capture_info *info);

#endif
