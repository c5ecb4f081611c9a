/*
 * redact: takes out of a record what must not reach the disk.
 *
 * The probes copy the first bytes of a request and of its answer, which may hold passwords,
 * cookies, keys. What names a request stays: an HTTP request's method and path without its
 * query, an answer's status line, a Redis command's verb. Of anything else 8 bytes stay, enough
 * to know a protocol by. `data_len` and the record shrink to what is left, behind which there are
 * zeros up to the next multiple of 8. What only the whole bytes can tell is told by a flag first:
 * IO_SEVERAL, when a second request stands behind the first; IO_CUT, when the
 * line that names the request is not all there.
 */
#ifndef RECORD_REDACT_H
#define RECORD_REDACT_H

struct event_io;

void redact(struct event_io *io);

#endif
