/*
 * doubt: what may have ended while records were lost.
 *
 * A thread or a connection of whose end the record found no room stays in the world, and so in all
 * windows from then on, which say that they lost nothing. So after a loss a window is compared with
 * the look at all threads that ends it, and with what it names itself.
 *
 *     doubt_loss, for each loss → doubt_any → doubt_settle, for each window
 */
#ifndef RECORD_DOUBT_H
#define RECORD_DOUBT_H

#include "capture/format.h"

#include <stdbool.h>
#include <stdint.h>

struct named;
struct world;

/* Up to when ends may have been lost; 0: none was, or what ended is gone from the world. */
struct doubt {
    uint64_t threads_ns, sockets_ns, requests_ns;
    uint64_t looks_ns; /* when the word on a thread was lost last that a look gave */
};

void doubt_loss(struct doubt *d, const struct capture_loss *loss);
bool doubt_any(const struct doubt *d);
/*
 * Takes out of the world what ended, as far as the window tells that begins at `start_ns` and names
 * `n`. `looked_ns`: when the look at all threads began with which it ends; 0: there was none. A
 * connection that nothing has named since is given up, and described again when it is met again.
 */
void doubt_settle(struct doubt *d, struct world *w, const struct named *n, uint64_t start_ns,
                  uint64_t looked_ns);

#endif
