/*
 * load: from a capture file to a timeline.
 */
#ifndef CMD_LOAD_H
#define CMD_LOAD_H

#include "capture/reader.h"
#include "cmd/cmd.h"
#include "timeline/timeline.h"

/*
 * Reads and analyses `path`, and proves the result with timeline_check(). 0: `tl` is filled and the
 * caller releases it; a damaged capture is 0 too, with info->complete false and info->damage saying
 * what is missing. -errno and `e`: nothing is left to be released.
 */
int load_timeline(const char *path, struct timeline *tl, struct capture_info *info, struct err *e);
/* Says what is missing of a capture, if anything; EXIT_DAMAGED then, else EXIT_DONE. */
int print_damage(const char *path, const struct capture_info *info);

#endif
