/*
 * check: what writer and reader must agree on: checksums, and which records are sound.
 */
#ifndef CAPTURE_CHECK_H
#define CAPTURE_CHECK_H

#include "bpf/events.h"
#include "capture/format.h"

#include <stdbool.h>
#include <stddef.h>

/* The header's CRC as the file must have it; `rest` are the `rest_len` bytes that a later minor
 * version has behind struct capture_header. */
uint32_t check_header_crc(const struct capture_header *header, const void *rest, size_t rest_len);
/* A block's CRC; `seed` is its file's header.crc, `payload` has block->length bytes. */
uint32_t check_block_crc(uint32_t seed, const struct capture_block *block, const void *payload);
/* True when the record lies within `available` bytes and can be read as its kind. */
bool check_event(const struct event *ev, size_t available);

#endif
