/*
 * message: how long the message is whose first bytes are at hand, by what these bytes say of its
 * length. A length that stands further back is not known, and nothing is guessed.
 */
#ifndef RECORD_MESSAGE_H
#define RECORD_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message {
    uint64_t length; /* of the whole message in bytes; 0: not known */
    bool at_least;   /* it is longer than `length`, or as long */
    bool request;    /* its form is a request's */
};

/* Of `bytes` bytes that came the first `len` are at `data`. */
struct message message_measure(const uint8_t *data, size_t len, uint32_t bytes);

#endif
