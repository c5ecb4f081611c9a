/*
 * unasked: is this a connection on which bytes come that ask for nothing?
 *
 * Where every receive is a request, what is not answered hangs. Not so with web sockets; HTTP/2,
 * whose window updates and acknowledgements nobody answers, and whose requests overlap; and Redis
 * where it sends by itself: to a replica, which acknowledges once a second, to a subscriber, to
 * MONITOR. Told from the first bytes of any turn, as most such connections are older than the
 * recording. The bytes are those of the ring: what redact() leaves of them may be too few.
 */
#ifndef RECORD_UNASKED_H
#define RECORD_UNASKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of what the target received. */
bool unasked_recv(const uint8_t *data, size_t len);
/* Of what it sent. */
bool unasked_send(const uint8_t *data, size_t len);

#endif
