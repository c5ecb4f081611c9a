/*
 * slow: finds the first request that takes too long, while it is recorded.
 *
 * What a request is, the analysis decides afterwards. Here is what a recorder can say of it by
 * each receive and send alone: on a connection that the target accepted, a request begins when the
 * first bytes of a receive arrive that turns the direction (IO_TURN), and it is answered by the
 * sends up to the next such receive. It is too slow
 * - when after that time nothing of an answer was sent: also one that is never answered. A long
 *   poll looks the same, and nobody outside can tell it from a request that hangs;
 * - when its answer began in time and ended too late. That an answer has ended is known when the
 *   next request comes, or the connection closes, so it is judged then; one that ends later than
 *   the window is long is not in it, and taken for a stream (server-sent events, a download).
 * An interim answer (100, 103) is none. A connection on which bytes come that ask for nothing (web
 * sockets, HTTP/2, Redis's replicas and subscribers: record/unasked.h) is passed over from there
 * on. What lies around a loss, and requests from before the attach, are passed over too.
 */
#ifndef RECORD_SLOW_H
#define RECORD_SLOW_H

#include <stdbool.h>
#include <stdint.h>

struct event;
struct slow;

struct slow_hit {
    uint64_t begin_ns, ns; /* when it began, and for how long it had lasted when it was found */
    bool answered;
    bool addressed; /* the rest is known; as in struct event_socket */
    uint16_t family, local_port, remote_port;
    uint8_t local[16], remote[16];
};

/* `window_ns`: what is kept, 0 for everything. NULL: no memory. */
struct slow *slow_new(uint64_t threshold_ns, uint64_t window_ns);
/* Every record goes by here, with its data as it came from the ring. */
void slow_see(struct slow *s, const struct event *ev);
/* Was one found, long enough ago for what followed to be recorded too? Then `hit` is it. */
bool slow_found(struct slow *s, uint64_t now_ns, struct slow_hit *hit);
void slow_free(struct slow *s);

#endif
