/*
 * hint: how a recording would tell more.
 */
#ifndef OUTPUT_HINT_H
#define OUTPUT_HINT_H

#include "timeline/timeline.h"

#define HINT_ANY UINT32_MAX

/* What would tell more of the process, or of any (HINT_ANY): a sentence without its full stop,
 * static; NULL: nothing that is known of. */
const char *hint_record(const struct timeline *tl, uint32_t process);

#endif
