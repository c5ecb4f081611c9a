/*
 * header: reads and judges a capture's header, or says what else the file is.
 */
#ifndef CAPTURE_HEADER_H
#define CAPTURE_HEADER_H

#include "base/err.h"
#include "capture/format.h"
#include "capture/window.h"

#include <stdbool.h>

struct header_find {
    struct capture_header header; /* char fields end in NUL */
    uint64_t blocks_at;           /* offset of the first block */
    uint32_t seeds[2];            /* the header's CRC as stored and as computed */
    bool damaged;                 /* they differ */
};

/* `name` is for messages. 0, or -errno when there is nothing to be read behind it. */
int header_read(struct window *w, const char *name, struct header_find *find, struct err *e);

#endif
