/*
 * proto: what the first bytes of a request and of its answer say. One row in proto.c and one file
 * for each protocol. The bytes come from outside, cut anywhere; and the recorder keeps of them
 * only what names a request (src/record/redact.h): "GET /path" without query, line end, headers.
 */
#ifndef ANALYSIS_PROTO_H
#define ANALYSIS_PROTO_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct proto_head {
    bool cut;               /* in: there was more, but only so much is copied */
    struct buf name, group; /* not cleaned; an empty group is the name */
    uint64_t length;        /* of the whole request in bytes; 0: not known */
    bool streams;           /* carries several requests at once: none can be told apart */
};

struct protocol {
    const char *name;
    /* True when `data` begins a request; fills `head`. */
    bool (*request)(const uint8_t *data, size_t len, struct proto_head *head);
    /* The status of an answer; 0: none. NULL for protocols that know none. */
    int32_t (*status)(const uint8_t *data, size_t len);
    /* True for an answer that is not yet the answer (HTTP's 100). NULL: there is none. */
    bool (*interim)(const uint8_t *data, size_t len);
};

/* The protocol whose request `data` begins, "bytes" when it is none that is known. */
const struct protocol *proto_detect(const uint8_t *data, size_t len, struct proto_head *head);

extern const struct protocol proto_http, proto_http2, proto_redis, proto_tls;

/* Bytes of a whole HTTP message when its header is all there and tells; 0: not known. */
uint64_t proto_http_length(const uint8_t *data, size_t len);

/* Appends `path` with numbers, UUIDs and hex segments of 8 digits or more folded:
 * "/a/17/deadbeef" → "/a/:n/:hex". */
void group_path(struct buf *out, const char *path, size_t len);

#endif
