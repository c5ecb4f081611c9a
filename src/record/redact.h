/*
 * redact: takes out of a record what must not reach the disk.
 *
 * The probes copy the first bytes of a request and of its answer, which may hold passwords,
 * cookies, keys. What names a request stays: an HTTP request's method and path without its
 * query, an answer's status line, the verb of a Redis or memcached command, PostgreSQL's message
 * and its statement's first word, FastCGI's method and path. Of anything else 8 bytes stay, enough
 * to know a protocol by; and nothing of what is not a turn and begins no request. `data_len` and
 * the record shrink to what is left, behind which there are zeros up to the next multiple of 8.
 * What only the whole bytes can tell is told first, as a flag or a number: IO_SEVERAL, when a
 * second request stands behind the first; IO_CUT, when the line that names the request is not all
 * there; IO_LENGTH, how long the message is.
 */
#ifndef RECORD_REDACT_H
#define RECORD_REDACT_H

struct event_io;

/* The length goes behind the data: the caller's memory has 8 bytes more than the record. */
#define REDACT_ROOM 8

void redact(struct event_io *io);

#endif
