/*
 * proto: what the first bytes of a request and of its answer say. One row in proto.c and one file
 * for each protocol. The bytes come from outside, cut anywhere; and the recorder keeps of them
 * only what names a request (src/record/redact.h): "GET /path" without query, line end, headers.
 * How long a message is the recorder says beside them, as a number (IO_LENGTH in bpf/events.h).
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
    bool streams;           /* carries several requests at once: none can be told apart */
    bool bodyless;          /* nothing of it comes behind its head */
    bool unknown;           /* of no protocol that is known */
};

struct protocol {
    const char *name;
    /* True when `data` begins a request; fills `head`. */
    bool (*request)(const uint8_t *data, size_t len, struct proto_head *head);
    /* The status of an answer; 0: none. NULL for protocols that know none. */
    int32_t (*status)(const uint8_t *data, size_t len);
    /* True for an answer that is not yet the answer (HTTP's 100). NULL: there is none. */
    bool (*interim)(const uint8_t *data, size_t len);
    /* Behind the answer to a request comes what begins with `data`: is it no request of its own,
     * but more of that one, or the connection's good-bye? `whole`: all of the request came before.
     * NULL: it is always a request. */
    bool (*goes_on)(const uint8_t *data, size_t len, bool whole);
};

/* The index of the protocol whose request `data` begins, "bytes" when it is none that is known. */
unsigned proto_detect(const uint8_t *data, size_t len, struct proto_head *head);
#define PROTOCOLS 8
const struct protocol *proto_at(unsigned index);

extern const struct protocol proto_http, proto_http2, proto_redis, proto_tls, proto_memcached,
    proto_postgres, proto_fastcgi;

/* Appends `path` with numbers, UUIDs and hex segments of 8 digits or more folded, and the number
 * at the end of a word: "/a/17/deadbeef/r175/order-3" → "/a/:n/:hex/r:n/order-:n". A version
 * ("v1") stays, and so does a single digit that stands at the end of a word ("oauth2"). */
void group_path(struct buf *out, const char *path, size_t len);

#endif
